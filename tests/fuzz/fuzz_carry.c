/*
 * What is carried to a named upstream: whatever a request's head is, what
 * goes out is one head, of a route, with one credential; and where a chunked
 * body ends does not depend on how it is cut.
 *
 * FUZZ-SOURCES: coven-gateway/head.c coven-gateway/request.c
 * FUZZ-SOURCES: coven-gateway/chunks.c coven-gateway/keys.c
 * FUZZ-SOURCES: coven-gateway/tls.c
 * FUZZ-PACKAGES: openssl
 * FUZZ-FLAGS:
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-gateway/chunks.h"
#include "coven-gateway/head.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct net_policy *
policy(void)
{
	static const char routes[] = "POST /v1/x\0GET /v1/models/*\0";
	static const struct msg_net_upstream model = { .name = "model/one",
	    .host = "api.example", .port = 443, .prefix = "/base",
	    .auth = NET_AUTH_BEARER, .user = "u", .grant = "g", .ca = "",
	    .key_env = "", .url_env = "", .url_path = "", .from = "",
	    .routes = { routes, sizeof(routes) - 1 } };
	static const struct msg_net_upstream git = { .name = "git/a.example",
	    .host = "a.example", .port = 443, .prefix = "",
	    .auth = NET_AUTH_BASIC, .user = "u", .grant = "g", .ca = "",
	    .key_env = "", .url_env = "", .url_path = "", .from = "" };
	static struct net_policy p;
	const char *why;

	if (p.nup == 0 && (net_upstream_add(&p, &model) < 0 ||
	    net_upstream_add(&p, &git) < 0 || net_policy_add(&p, NET_PUSH,
	    "a.example/team/*", "", &why) < 0))
		abort();
	return &p;
}

/* One empty line, at its end; one key; and its target as it was judged. */
static void
check(const struct buf *b, const struct net_route *route)
{
	const char *p = buf_head(b), *end = strstr(p, "\r\n\r\n");
	const char *space = strchr(p, ' '), *one, *key = "\r\nAuthorization: ";

	if (end == NULL || end + 4 != p + buf_left(b) || space == NULL ||
	    strlen(p) != buf_left(b))
		abort();
	if (strncmp(space + 1, route->up->row.prefix,
	    strlen(route->up->row.prefix)) != 0 ||
	    memchr(p, '%', strcspn(p, "\r")) != NULL ||
	    memmem(p, strcspn(p, "\r"), "/../", 4) != NULL)
		abort();
	one = strcasestr(p, key);
	if (one == NULL || strcasestr(one + 1, key) != NULL ||
	    strcasestr(p, "\r\nCookie:") != NULL)
		abort();
}

static void
carry(const char *data, size_t n)
{
	struct head_scan scan = { 0 };
	struct net_route route;
	struct request r;
	struct buf b = { 0 };
	const char *why;
	size_t end;

	if (head_find_end(&scan, data, n, &end) != 0 ||
	    request_parse(data, end, &r, &why) < 0 ||
	    net_route(policy(), r.method, r.target.p, r.target.n, &route,
	    &why) != 0 || !route.verdict.allow)
		return;
	if (head_request(&r, &route, "k", &b) == 0)
		check(&b, &route);
	buf_fini(&b);
}

static void
answer(const char *data, size_t n)
{
	struct head_scan scan = { 0 };
	struct buf b = { 0 };
	size_t end;

	if (head_find_end(&scan, data, n, &end) == 0 &&
	    head_answer(data, end, &policy()->up[0], &b) == 0 &&
	    (strcasestr(buf_head(&b), "\r\nSet-Cookie:") != NULL ||
	    strstr(buf_head(&b), "\r\n\r\n") + 4 != buf_head(&b) +
	    buf_left(&b)))
		abort();
	buf_fini(&b);
}

static void
chunks(const char *data, size_t n)
{
	struct chunks whole = { 0 }, bytes = { 0 };
	size_t used = 0, one, sum = 0, i;
	int a = chunks_feed(&whole, data, n, &used), b = CHUNKS_MORE;

	for (i = 0; i < n && b == CHUNKS_MORE; i++) {
		b = chunks_feed(&bytes, data + i, 1, &one);
		sum += b == CHUNKS_BAD ? 0 : one;
	}
	if (a != b || (a != CHUNKS_BAD && (used != sum || used > n)))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static void (*const parts[])(const char *, size_t) = { carry, answer,
	    chunks };
	char *copy;

	if (n < 1)
		return 0;
	/* As a buffer is: with a NUL behind it. */
	copy = mem_alloc(n);
	memcpy(copy, data + 1, n - 1);
	copy[n - 1] = '\0';
	parts[data[0] % nitems(parts)](copy, n - 1);
	free(copy);
	return 0;
}
