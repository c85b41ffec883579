/* The request parser: what is forgiven, what is refused, in any cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "coven-apid/head.h"
#include "coven-apid/http.h"

#define OK	0

struct row {
	const char	*name;
	const char	*bytes;
	size_t		 n;		/* 0: strlen */
	int		 outcome;
	const char	*method, *target, *body;
	bool		 origin;
};

#define H	"Host: coven\r\n"
#define BYTES(s)	s, sizeof(s) - 1

static const struct row rows[] = {
	{ "plain", "GET /health HTTP/1.1\r\n" H "\r\n", 0, OK, "GET",
	    "/health", "", false },
	{ "coven-client", "GET /api/v1/health HTTP/1.1\r\nHost: coven\r\n"
	    "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n", 0,
	    OK, "GET", "/api/v1/health", "", false },
	{ "coven-code 1.0", "GET /api/v1/familiars HTTP/1.0\r\n"
	    "Host: localhost\r\nAccept: application/json\r\n\r\n", 0, OK,
	    "GET", "/api/v1/familiars", "", false },
	{ "no version", "GET /health\r\n\r\n", 0, OK, "GET", "/health", "",
	    false },
	{ "unknown version", "GET /health HTTP/9.9\r\n\r\n", 0, OK, "GET",
	    "/health", "", false },
	{ "bare LF", "POST /x HTTP/1.1\nContent-Length: 2\n\n{}", 0, OK,
	    "POST", "/x", "{}", false },
	{ "mixed line ends", "POST /x\nContent-Length: 2\r\n\n{}", 0, OK,
	    "POST", "/x", "{}", false },
	{ "no host", "GET / HTTP/1.1\r\n\r\n", 0, OK, "GET", "/", "", false },
	{ "origin", "GET / HTTP/1.1\r\noRiGiN: null\r\n\r\n", 0, OK, "GET",
	    "/", "", true },
	{ "body", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 0, OK,
	    "POST", "/x", "hello", false },
	{ "body and garbage", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\n"
	    "helloGET /y HTTP/1.1\r\n\r\n", 0, OK, "POST", "/x", "hello",
	    false },
	{ "garbage without a length", "GET /x HTTP/1.1\r\n\r\n\1\2\3", 0, OK,
	    "GET", "/x", "", false },
	{ "id kept raw", "GET /sessions/a%2Fb?x=%20 HTTP/1.1\r\n\r\n", 0, OK,
	    "GET", "/sessions/a%2Fb?x=%20", "", false },
	{ "unread", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhel", 0,
	    HTTP_MORE, NULL, NULL, NULL, false },
	{ "head unread", "POST /x HTTP/1.1\r\nContent-Length: 5\r\n", 0,
	    HTTP_MORE, NULL, NULL, NULL, false },
	{ "4 MiB", "POST /x HTTP/1.1\r\nContent-Length: 4194304\r\n\r\n", 0,
	    HTTP_MORE, NULL, NULL, NULL, false },
	{ "4 MiB and one", "POST /x HTTP/1.1\r\nContent-Length: 4194305\r\n"
	    "\r\n", 0, HTTP_TOO_LARGE, NULL, NULL, NULL, false },
	{ "Expect", "POST /x HTTP/1.1\r\nExpect: 100-continue\r\n"
	    "Content-Length: 1\r\n\r\nx", 0, OK, "POST", "/x", "x", false },
	{ "Upgrade", "POST /x HTTP/1.1\r\nConnection: upgrade\r\n"
	    "Upgrade: h2c\r\nContent-Length: 1\r\n\r\nx", 0, OK, "POST",
	    "/x", "x", false },
	/* methods that no route has go under one name */
	{ "unknown method", "FOO / HTTP/1.1\r\n\r\n", 0, OK, "OPTIONS", "/",
	    "", false },
	{ "lower method", "get / HTTP/1.1\r\n\r\n", 0, OK, "OPTIONS", "/", "",
	    false },
	{ "CONNECT", "CONNECT /x HTTP/1.1\r\n\r\n", 0, OK, "OPTIONS", "/x",
	    "", false },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, OK,
	    "OPTIONS", "*", "", false },
	/* refused */
#define BAD(name, text)	{ name, BYTES(text), HTTP_BAD, NULL, NULL, NULL, false }
	BAD("no target", "GET\r\n\r\n"),
	BAD("empty request line", "\r\nGET / HTTP/1.1\r\n\r\n"),
	BAD("two spaces", "GET  / HTTP/1.1\r\n\r\n"),
	BAD("four words", "GET / HTTP/1.1 x\r\n\r\n"),
	BAD("space at the end", "GET / \r\n\r\n"),
	BAD("tab in the request line", "GET\t/ HTTP/1.1\r\n\r\n"),
	BAD("malformed method", "G(T / HTTP/1.1\r\n\r\n"),
	BAD("not a path", "GET x HTTP/1.1\r\n\r\n"),
	BAD("not ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n\r\n"),
	BAD("no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n"),
	BAD("empty name", "GET / HTTP/1.1\r\n: x\r\n\r\n"),
	BAD("space before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n"),
	BAD("folded", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"),
	BAD("folded by tab", "GET / HTTP/1.1\r\nA: b\r\n\tc: d\r\n\r\n"),
	BAD("bare CR in a value", "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n"),
	BAD("CR CR LF", "GET / HTTP/1.1\r\nA: b\r\r\n\r\n"),
	BAD("NUL in a value", "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"),
	BAD("NUL in the target", "GET /\0 HTTP/1.1\r\n\r\n"),
	BAD("control byte", "GET / HTTP/1.1\r\nA: b\1\r\n\r\n"),
	BAD("DEL", "GET / HTTP/1.1\r\nA: \x7f\r\n\r\n"),
	BAD("not UTF-8", "GET / HTTP/1.1\r\nA: \xff\r\n\r\n"),
	BAD("two lengths", "POST / HTTP/1.1\r\nContent-Length: 2\r\n"
	    "content-length: 2\r\n\r\n{}"),
	BAD("length list", "POST / HTTP/1.1\r\nContent-Length: 2,2\r\n\r\n{}"),
	BAD("signed length", "POST / HTTP/1.1\r\nContent-Length: +2\r\n\r\n{}"),
	BAD("negative length", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
	BAD("empty length", "POST / HTTP/1.1\r\nContent-Length: \r\n\r\n"),
	BAD("hexadecimal length", "POST / HTTP/1.1\r\nContent-Length: 0x2\r\n"
	    "\r\n{}"),
	BAD("endless length", "POST / HTTP/1.1\r\nContent-Length: "
	    "99999999999999999999999999\r\n\r\n"),
	BAD("chunked", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n"),
	BAD("identity", "POST / HTTP/1.1\r\nTransfer-Encoding: identity\r\n"
	    "\r\n"),
	BAD("length and chunked", "POST / HTTP/1.1\r\nContent-Length: 2\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n{}"),
	BAD("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
	BAD("bad name", "GET / HTTP/1.1\r\nA(b): c\r\n\r\n"),
	BAD("TLS", "\x16\x03\x01\x02\n\n"),
};

static int
feed(struct http *h, const char *p, size_t n, size_t step)
{
	size_t at = 0, take;
	int r = HTTP_MORE;

	while (r == HTTP_MORE && at < n) {
		take = n - at < step ? n - at : step;
		r = http_feed(h, p + at, take);
		at += take;
	}
	return r;
}

static void
check_row(const struct row *row, size_t step)
{
	size_t n = row->n != 0 ? row->n : strlen(row->bytes);
	struct http *h = http_new();
	const struct http_request *q;
	int r = feed(h, row->bytes, n, step);

	if (r != row->outcome)
		fail_msg("%s, by %zu: outcome %d, not %d (%s)", row->name,
		    step, r, row->outcome, http_why(h));
	if (r == 0) {
		q = http_request(h);
		assert_string_equal(q->method, row->method);
		assert_string_equal(q->target, row->target);
		assert_string_equal(buf_head(&q->body), row->body);
		assert_int_equal(q->origin, row->origin);
	}
	http_free(h);
}

static void
every_row_in_every_cut(void **state)
{
	static const size_t steps[] = { SIZE_MAX, 1, 2, 3, 7 };
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		for (k = 0; k < nitems(steps); k++)
			check_row(&rows[i], steps[k]);
}

static void
head_is_bounded(void **state)
{
	struct http *h = http_new();
	char *big = malloc(HEAD_MAX + 16);

	(void)state;
	assert_non_null(big);
	memset(big, 'a', HEAD_MAX + 16);
	memcpy(big, "GET /", 5);
	assert_int_equal(http_feed(h, big, HEAD_MAX - 1), HTTP_MORE);
	assert_int_equal(http_feed(h, big, 16), HTTP_BAD);
	assert_string_equal(http_why(h), "the head is too large");
	http_free(h);
	/* exactly the cap is a head */
	h = http_new();
	memcpy(big, "GET / HTTP/1.1\r\nA: ", 19);
	memcpy(big + HEAD_MAX - 4, "\r\n\r\n", 4);
	assert_int_equal(http_feed(h, big, HEAD_MAX), 0);
	http_free(h);
	free(big);
}

static void
fields_are_bounded(void **state)
{
	autobuf struct buf b = { 0 };
	struct http *h = http_new();
	unsigned i;

	(void)state;
	buf_adds(&b, "GET / HTTP/1.1\r\n");
	for (i = 0; i < LIMIT_HTTP_FIELDS; i++)
		buf_addf(&b, "A%u: b\r\n", i);
	buf_adds(&b, "\r\n");
	assert_int_equal(http_feed(h, buf_head(&b), buf_left(&b)), 0);
	http_free(h);
	h = http_new();
	b.len -= 2;
	buf_adds(&b, "Z: b\r\n\r\n");
	assert_int_equal(http_feed(h, buf_head(&b), buf_left(&b)), HTTP_BAD);
	http_free(h);
}

static void
unread_counts_the_declared_body(void **state)
{
	static const char text[] = "POST / HTTP/1.1\r\n"
	    "Content-Length: 5000000\r\n\r\nabc";
	struct http *h = http_new();

	(void)state;
	assert_int_equal(feed(h, text, sizeof(text) - 1, SIZE_MAX),
	    HTTP_TOO_LARGE);
	assert_true(http_unread(h) == 5000000 - 3);
	http_free(h);
}

static void
rewritten_head_is_strict(void **state)
{
	static const char in[] = "GET /x\nA: b\nContent-Length: 1\r\n\n";
	autobuf struct buf out = { 0 };
	struct head_scan scan = { 0 };
	struct head_info info;
	const char *why = "";
	size_t end = 0;

	(void)state;
	assert_int_equal(head_find_end(&scan, in, sizeof(in) - 1, &end), 0);
	assert_int_equal(end, sizeof(in) - 1);
	assert_int_equal(head_rewrite(in, end, &out, &info, &why), 0);
	assert_string_equal(buf_head(&out),
	    "GET /x HTTP/1.1\r\nA: b\r\nContent-Length: 1\r\n\r\n");
	assert_int_equal(info.fields, 2);
	assert_int_equal(info.lengths, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_in_every_cut),
		cmocka_unit_test(head_is_bounded),
		cmocka_unit_test(fields_are_bounded),
		cmocka_unit_test(unread_counts_the_declared_body),
		cmocka_unit_test(rewritten_head_is_strict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
