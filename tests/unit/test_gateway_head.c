/* What a named upstream hears, what comes back, and where a body ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "coven-gateway/chunks.h"
#include "coven-gateway/head.h"

static struct net_policy
policy(uint32_t auth)
{
	static const char routes[] = "POST /v1/x\0GET /v1/x\0";
	struct msg_net_upstream m = { .name = "model/one",
	    .host = "api.example", .port = 8443, .prefix = "/base",
	    .auth = auth, .user = "u", .grant = "g", .ca = "", .key_env = "",
	    .url_env = "", .url_path = "", .from = "a test",
	    .routes = { routes, sizeof(routes) - 1 } };
	struct net_policy p = { 0 };

	assert_int_equal(net_upstream_add(&p, &m), 0);
	return p;
}

/* The head that the upstream hears of this one; or the outcome. */
static int
rewritten(uint32_t auth, const char *head, const char *key, struct buf *out)
{
	struct net_policy p = policy(auth);
	struct net_route route;
	struct request r;
	const char *why;
	int e = request_parse(head, strlen(head), &r, &why);

	if (e == 0)
		e = net_route(&p, r.method, r.target.p, r.target.n, &route,
		    &why);
	if (e == 0)
		e = head_request(&r, &route, key, out);
	net_policy_fini(&p);
	return e;
}

static void
heads_are_made_anew(void **state)
{
	static const char *const kept[] = { "Accept: */*",
	    "anthropic-version: 1", "Content-Type: application/json",
	    "User-Agent: x", "Git-Protocol: version=2" };
	static const char *const dropped[] = { "Authorization: a",
	    "authorization: a", "Proxy-Authorization: a", "Cookie: a",
	    "x-api-key: a", "X_API_Key: a", "X-Goog-Api-Key: a",
	    "Private-Token: a", "X-Auth: a", "X-Amz-Security-Token: a",
	    "X-HTTP-Method-Override: DELETE", "X-Original-URL: /y",
	    "X_Rewrite_Url: /y", "X-Forwarded-For: a", "Forwarded: a",
	    "Via: a", "Host: api.example", "Connection: accept",
	    "Keep-Alive: a", "TE: trailers", "Upgrade: h2c",
	    "Expect: 100-continue", "X-Host: a", "Content-Length: 0" };
	autobuf struct buf b = { 0 }, head = { 0 };
	size_t i;

	(void)state;
	for (i = 0; i < nitems(kept) + nitems(dropped); i++) {
		bool keeps = i < nitems(kept);
		const char *line = keeps ? kept[i] : dropped[i - nitems(kept)];

		buf_clear(&b);
		buf_clear(&head);
		(void)buf_addf(&head, "POST /model/one/v1/x?y=z HTTP/1.1\r\n"
		    "%s\r\n\r\n", line);
		assert_int_equal(rewritten(NET_AUTH_BEARER, buf_head(&head),
		    NULL, &b), 0);
		(void)buf_clear(&head);
		(void)buf_addf(&head, "POST /base/v1/x?y=z HTTP/1.1\r\n"
		    "Host: api.example:8443\r\n%s%sContent-Length: 0\r\n"
		    "Connection: close\r\n\r\n", keeps ? line : "",
		    keeps ? "\r\n" : "");
		assert_string_equal(buf_head(&b), buf_head(&head));
	}
}

static void
keys_are_added(void **state)
{
	static const struct {
		uint32_t	 auth;
		const char	*field;
	} rows[] = {
		{ NET_AUTH_BEARER, "\r\nAuthorization: Bearer k\r\n" },
		{ NET_AUTH_API_KEY, "\r\nx-api-key: k\r\n" },
		{ NET_AUTH_BASIC, "\r\nAuthorization: Basic dTpr\r\n" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		autobuf struct buf b = { 0 };

		assert_int_equal(rewritten(rows[i].auth,
		    "GET /model/one/v1/x HTTP/1.1\r\nAuthorization: z\r\n\r\n",
		    "k", &b), 0);
		assert_non_null(strstr(buf_head(&b), rows[i].field));
		assert_null(strstr(buf_head(&b), "z\r\n"));
	}
}

static void
framing_is_one(void **state)
{
	static const struct {
		const char	*fields;
		int		 want;
		const char	*has;
	} rows[] = {
		{ "Transfer-Encoding: chunked\r\n", 0,
		    "Transfer-Encoding: chunked\r\n" },
		{ "Connection: transfer-encoding\r\n"
		    "Transfer-Encoding: chunked\r\n", 0,
		    "Transfer-Encoding: chunked\r\n" },
		{ "Connection: content-length\r\nContent-Length: 7\r\n", 0,
		    "Content-Length: 7\r\n" },
		{ "Content-Length: 7\r\nTransfer-Encoding: chunked\r\n", -22,
		    NULL },
		{ "Transfer-Encoding: identity\r\n", -22, NULL },
		{ "Transfer-Encoding: chunked, chunked\r\n", -22, NULL },
		{ "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
		    -22, NULL },
		{ "Content-Length: 7\r\nContent-Length: 7\r\n", -22, NULL },
		{ "Content-Length: +7\r\n", -22, NULL },
		{ "Transfer_Encoding: chunked\r\n", 0, NULL },
		{ "X(y: z\r\n", -22, NULL }, { "X\"y: z\r\n", -22, NULL },
	};
	char head[256];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		autobuf struct buf b = { 0 };
		int e;

		(void)snprintf(head, sizeof(head),
		    "POST /model/one/v1/x HTTP/1.1\r\n%s\r\n", rows[i].fields);
		e = rewritten(NET_AUTH_BEARER, head, NULL, &b);
		if (e != rows[i].want || (rows[i].has != NULL &&
		    strstr(buf_head(&b), rows[i].has) == NULL))
			fail_msg("%s: %d %s", rows[i].fields, e,
			    buf_head(&b));
	}
}

static void
answers_are_made_anew(void **state)
{
	static const struct {
		const char	*in;
		int		 want;
		const char	*out;	/* between the status and the end */
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\nA: b\r\n", 0, "A: b\r\n" },
		{ "HTTP/1.0 200\r\nSet-Cookie: a\r\nAlt-Svc: h3\r\n", 0, "" },
		{ "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n", 0, "" },
		{ "HTTP/1.1 302 x\r\nLocation: https://else.example/a\r\n", 0,
		    "Location: https://else.example/a\r\n" },
		{ "HTTP/1.1 302 x\r\nLocation: https://api.example/base/a\r\n",
		    0, "Location: https://api.example/base/a\r\n" },
		{ "HTTP/1.1 302 x\r\nlocation: "
		    "https://API.example:8443/base/a?b\r\n", 0,
		    "Location: http://127.0.0.1:3128/model/one/a?b\r\n" },
		{ "HTTP/1.1 302 x\r\nLocation: /base/a\r\n", 0,
		    "Location: http://127.0.0.1:3128/model/one/a\r\n" },
		{ "HTTP/1.1 302 x\r\nLocation: //else.example/a\r\n", 0,
		    "Location: //else.example/a\r\n" },
		{ "HTTP/1.1 302 x\r\nLocation: "
		    "https://api.example:8443@else.example/a\r\n", 0,
		    "Location: https://api.example:8443@else.example/a\r\n" },
		{ "HTTP/1.1 100 Continue\r\n", HEAD_INTERIM, NULL },
		{ "HTTP/1.1 101 Switching\r\n", HEAD_BAD, NULL },
		{ "HTTP/1.1 099 x\r\n", HEAD_BAD, NULL },
		{ "HTTP/2 200\r\n", HEAD_BAD, NULL },
		{ "HTTP/1.1 2000 x\r\n", HEAD_BAD, NULL },
		{ "HTTP/1.1 200 x\r\nno colon\r\n", HEAD_BAD, NULL },
		{ "HTTP/1.1 200 x\r\nA: \x01\r\n", HEAD_BAD, NULL },
		{ "junk\r\n", HEAD_BAD, NULL },
	};
	struct net_policy p = policy(NET_AUTH_BEARER);
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		autobuf struct buf in = { 0 }, out = { 0 }, want = { 0 };
		int e;

		(void)buf_addf(&in, "%s\r\n", rows[i].in);
		e = head_answer(buf_head(&in), buf_left(&in), &p.up[0], &out);
		if (e != rows[i].want)
			fail_msg("%s: %d", rows[i].in, e);
		if (e != 0)
			continue;
		(void)buf_addf(&want, "HTTP/1.1%.*s\r\n%s"
		    "Connection: close\r\n\r\n",
		    (int)strcspn(rows[i].in + 8, "\r"), rows[i].in + 8,
		    rows[i].out);
		assert_string_equal(buf_head(&out), buf_head(&want));
	}
	net_policy_fini(&p);
}

static void
chunks_end_where_they_say(void **state)
{
	static const struct {
		const char	*in;
		int		 want;
		size_t		 used;
	} rows[] = {
		{ "0\r\n\r\n", 0, 5 },
		{ "5\r\nhello\r\n0\r\n\r\nPOST /", 0, 15 },
		{ "00a\r\n0123456789\r\n0\r\n\r\n", 0, 22 },
		{ "A\r\n0123456789\r\n", CHUNKS_MORE, 15 },
		{ "5\r\nhel", CHUNKS_MORE, 6 },
		{ "", CHUNKS_MORE, 0 },
		{ "\r\n", CHUNKS_BAD, 0 }, { "x\r\n", CHUNKS_BAD, 0 },
		{ "5;a=b\r\nhello\r\n", CHUNKS_BAD, 0 },
		{ "5 \r\nhello\r\n", CHUNKS_BAD, 0 },
		{ "-5\r\nhello\r\n", CHUNKS_BAD, 0 },
		{ "0x5\r\nhello\r\n", CHUNKS_BAD, 0 },
		{ "5\nhello\r\n", CHUNKS_BAD, 0 },
		{ "5\r\nhello\n0\r\n", CHUNKS_BAD, 0 },
		{ "5\r\nhellox\r\n", CHUNKS_BAD, 0 },
		{ "0\r\nA: b\r\n\r\n", CHUNKS_BAD, 0 },
		{ "ffffffffffffffff\r\n", CHUNKS_BAD, 0 },
		{ "0000000000000005\r\n", CHUNKS_BAD, 0 },
	};
	size_t i, k, used, total;
	int r;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct chunks whole = { 0 }, bytes = { 0 };
		size_t n = strlen(rows[i].in);

		r = chunks_feed(&whole, rows[i].in, n, &used);
		if (r != rows[i].want || (r != CHUNKS_BAD &&
		    used != rows[i].used))
			fail_msg("%s: %d, %zu", rows[i].in, r, used);
		/* And one by one. */
		r = CHUNKS_MORE;
		for (k = total = 0; k < n && r == CHUNKS_MORE; k++) {
			r = chunks_feed(&bytes, rows[i].in + k, 1, &used);
			total += r == CHUNKS_BAD ? 0 : used;
		}
		if (r != rows[i].want || (r != CHUNKS_BAD &&
		    total != rows[i].used))
			fail_msg("%s: %d, %zu", rows[i].in, r, total);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_made_anew),
		cmocka_unit_test(keys_are_added),
		cmocka_unit_test(framing_is_one),
		cmocka_unit_test(answers_are_made_anew),
		cmocka_unit_test(chunks_end_where_they_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
