#include <errno.h>
#include <string.h>
#include <strings.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-gateway/head.h"
#include "coven-gateway/keys.h"

/* --- what goes out ------------------------------------------------------- */

/* In a field's name, '_' taken for '-': some servers read it so. */
static bool
has_word(struct line name, const char *word)
{
	size_t n = strlen(word), i, k;

	for (i = 0; i + n <= name.n; i++) {
		for (k = 0; k < n; k++) {
			char c = name.p[i + k] == '_' ? '-' : name.p[i + k];

			if (strncasecmp(&c, &word[k], 1) != 0)
				break;
		}
		if (k == n)
			return true;
	}
	return false;
}

/*
 * Whoever else's account a request could be made to count for, what would
 * make another request of it, and whom it came from.
 */
static bool
is_withheld(struct line name)
{
	static const char *const words[] = { "auth", "token", "cookie",
	    "api-key", "apikey", "secret", "password", "credential",
	    "signature", "x-amz-", "x-goog-", "method-override",
	    "http-method", "original-url", "rewrite-url", "original-uri",
	    "forwarded", "real-ip", "client-ip", "via", "expect",
	    "x-host", "proxy" };
	size_t i;

	for (i = 0; i < nitems(words); i++)
		if (has_word(name, words[i]))
			return true;
	return false;
}

static int
put_host(const struct net_upstream *up, struct buf *out)
{
	return up->row.port == 443 ? buf_addf(out, "Host: %s\r\n",
	    up->row.host) : buf_addf(out, "Host: %s:%u\r\n", up->row.host,
	    up->row.port);
}

static int
put_body(const struct request *r, struct buf *out)
{
	if (r->chunked)
		return buf_adds(out, "Transfer-Encoding: chunked\r\n");
	if (r->body != 0 || strcmp(r->method, "POST") == 0)
		return buf_addf(out, "Content-Length: %llu\r\n",
		    (unsigned long long)r->body);
	return 0;
}

int
head_request(const struct request *r, const struct net_route *route,
    const char *key, struct buf *out)
{
	const char *rest = r->target.p + route->rest;
	int e;

	e = buf_addf(out, "%s %s%.*s HTTP/1.1\r\n", r->method,
	    route->up->row.prefix, (int)(r->target.n - route->rest), rest);
	if (e == 0)
		e = put_host(route->up, out);
	if (e == 0)
		e = request_fields_but(r, is_withheld, out);
	if (e == 0)
		e = put_body(r, out);
	if (e == 0 && key != NULL)
		e = keys_field(route->up, key, out);
	return e == 0 ? buf_adds(out, "Connection: close\r\n\r\n") : e;
}

/* --- what comes back ----------------------------------------------------- */

/* A session of the upstream's is a credential as well. */
static bool
is_kept_back(struct line name)
{
	static const char *const names[] = { "connection", "keep-alive",
	    "upgrade", "set-cookie", "set-cookie2", "alt-svc",
	    "strict-transport-security", "proxy-connection",
	    "proxy-authenticate", "proxy-authentication-info" };
	size_t i;

	for (i = 0; i < nitems(names); i++)
		if (line_is(name, names[i]))
			return true;
	return false;
}

/* The path of a location that is the upstream's own; n 0: it is not. */
static struct line
own_path(struct line v, const struct net_upstream *up)
{
	static const char scheme[] = "https://";
	const char *end = v.p + v.n, *p;
	struct net_host h;
	uint16_t port = 443;

	if (v.n > 1 && v.p[0] == '/' && v.p[1] != '/')
		return v;
	if (v.n <= strlen(scheme) || strncasecmp(v.p, scheme,
	    strlen(scheme)) != 0)
		return (struct line){ NULL, 0 };
	v.p += strlen(scheme);
	p = memchr(v.p, '/', (size_t)(end - v.p));
	if (p == NULL || (net_host_parse(v.p, (size_t)(p - v.p), &h) < 0 &&
	    net_authority_parse(v.p, (size_t)(p - v.p), &h, &port) < 0) ||
	    h.literal != up->host.literal || port != up->row.port ||
	    (h.literal ? memcmp(&h.addr, &up->host.addr, sizeof(h.addr)) :
	    strcmp(h.name, up->host.name)) != 0)
		return (struct line){ NULL, 0 };
	return (struct line){ p, (size_t)(end - p) };
}

/* Whoever follows it is judged again, by its name inside. */
static int
put_location(struct line l, struct line name, const struct net_upstream *up,
    struct buf *out)
{
	struct line path = own_path(field_value(l, name), up);
	size_t n = strlen(up->row.prefix);

	if (path.n > n && memcmp(path.p, up->row.prefix, n) == 0 &&
	    path.p[n] == '/')
		return buf_addf(out, "Location: " NET_INSIDE "/%s%.*s\r\n",
		    up->row.name, (int)(path.n - n), path.p + n);
	return buf_addf(out, "%.*s\r\n", (int)l.n, l.p);
}

/* 0 with the status, or HEAD_BAD. */
static int
status_of(struct line l, unsigned *out)
{
	unsigned v = 0;
	int i;

	if (l.n < 12 || strncmp(l.p, "HTTP/1.", 7) != 0 ||
	    (l.p[7] != '0' && l.p[7] != '1') || l.p[8] != ' ' ||
	    (l.n > 12 && l.p[12] != ' ') || line_has_control(l))
		return HEAD_BAD;
	for (i = 9; i < 12; i++) {
		if (l.p[i] < '0' || l.p[i] > '9')
			return HEAD_BAD;
		v = v * 10 + (unsigned)(l.p[i] - '0');
	}
	*out = v;
	return v >= 100 ? 0 : HEAD_BAD;
}

static int
put_field(struct line l, const struct net_upstream *up, struct buf *out)
{
	struct line name = field_name(l);

	if (name.n == 0 || line_has_control(l))
		return HEAD_BAD;
	if (is_kept_back(name))
		return 0;
	if (line_is(name, "location"))
		return put_location(l, name, up, out);
	return buf_addf(out, "%.*s\r\n", (int)l.n, l.p);
}

int
head_answer(const char *p, size_t n, const struct net_upstream *up,
    struct buf *out)
{
	const char *end = p + n;
	struct line l;
	unsigned status = 0;
	int r;

	if (memchr(p, '\0', n) != NULL)
		return HEAD_BAD;
	l = line_next(&p, end);
	r = status_of(l, &status);
	/* Nobody asked to switch protocols. */
	if (r != 0 || status == 101)
		return HEAD_BAD;
	if (status < 200)
		return HEAD_INTERIM;
	r = buf_addf(out, "HTTP/1.1%.*s\r\n", (int)(l.n - 8), l.p + 8);
	while (r == 0 && p < end) {
		l = line_next(&p, end);
		if (l.n == 0)
			break;
		r = put_field(l, up, out);
	}
	if (r == 0)
		r = buf_adds(out, "Connection: close\r\n\r\n");
	return r == 0 ? 0 : HEAD_BAD;
}
