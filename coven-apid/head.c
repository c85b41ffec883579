#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "coven-apid/head.h"

static int
bad(const char **why, const char *text)
{
	*why = text;
	return HEAD_BAD;
}

/*
 * The method as the parser is given it: one that no route has is not found,
 * whatever it is called, and the parser knows fewer names than clients do.
 * NULL: it is no name at all.
 */
static const char *
method_name(struct line m)
{
	static const char *const ours[] = { "GET", "POST", "DELETE", "PUT" };
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
	size_t i;

	for (i = 0; i < nitems(ours); i++)
		if (m.n == strlen(ours[i]) && memcmp(m.p, ours[i], m.n) == 0)
			return ours[i];
	for (i = 0; i < m.n; i++)
		if (strchr(set, m.p[i]) == NULL)
			return NULL;
	return "OPTIONS";
}

/*
 * method SP target [SP version].  Whatever the version says, the answer is
 * that of HTTP/1.1 with Connection: close, which 1.0 clients understand.
 */
static int
rewrite_request_line(struct line l, struct buf *out, const char **why)
{
	const char *p = l.p, *end = l.p + l.n, *name, *from;
	size_t method, target, version;

	method = line_visible(p, end);
	if (method == 0 || p + method == end || p[method] != ' ')
		return bad(why, "the request line has no target");
	name = method_name((struct line){ p, method });
	if (name == NULL)
		return bad(why, "the method is malformed");
	from = p += method + 1;
	target = line_visible(p, end);
	p += target;
	if (target == 0)
		return bad(why, "the request line has no target");
	if (p != end) {
		version = *p == ' ' ? line_visible(p + 1, end) : 0;
		if (version == 0 || p + 1 + version != end)
			return bad(why, "the request line is malformed");
	}
	if (buf_adds(out, name) < 0 || buf_adds(out, " ") < 0 ||
	    buf_add(out, from, target) < 0 ||
	    buf_adds(out, " HTTP/1.1\r\n") < 0)
		return bad(why, "the head is too large");
	return 0;
}

/*
 * What clients of a Unix socket call its daemon, with or without a port.  A
 * page whose name was made to mean a forwarded port calls it otherwise.
 */
static bool
is_known_host(struct line v)
{
	static const char *const hosts[] = { "coven", "localhost",
	    "127.0.0.1", "[::1]" };
	size_t i, n;

	v = line_trimmed(v);
	for (n = v.n; n != 0 && v.p[n - 1] >= '0' && v.p[n - 1] <= '9'; n--)
		;
	for (i = 0; i < nitems(hosts); i++) {
		if (line_is(v, hosts[i]) || (n != 0 && v.p[n - 1] == ':' &&
		    line_is((struct line){ v.p, n - 1 }, hosts[i])))
			return true;
	}
	return v.n == 0;
}

/* "Bearer", blanks, one word. */
static void
take_bearer(struct line v, struct head_info *info)
{
	struct line scheme;

	info->bearer_n = 0;
	v = line_trimmed(v);
	scheme = (struct line){ v.p, line_visible(v.p, v.p + v.n) };
	if (!line_is(scheme, "bearer"))
		return;
	v = line_trimmed((struct line){ v.p + scheme.n, v.n - scheme.n });
	if (v.n > HEAD_BEARER_MAX || line_visible(v.p, v.p + v.n) != v.n)
		return;
	info->bearer = v.p;
	info->bearer_n = v.n;
}

static void
count_field(struct line name, struct head_info *info)
{
	const struct {
		const char	*name;
		unsigned	*count;
	} known[] = {
		{ "host", &info->hosts },
		{ "content-length", &info->lengths },
		{ "transfer-encoding", &info->encodings },
		{ "origin", &info->origins },
		{ "authorization", &info->authorizations },
	};
	size_t i;

	info->fields++;
	for (i = 0; i < nitems(known); i++)
		if (line_is(name, known[i].name))
			++*known[i].count;
}

static int
rewrite_field(struct line l, struct buf *out, struct head_info *info,
    const char **why)
{
	const char *colon = memchr(l.p, ':', l.n);
	struct line name = { .p = l.p }, value;

	if (colon == NULL)
		return bad(why, "a header line has no colon");
	name.n = (size_t)(colon - l.p);
	if (name.n == 0 || line_visible(l.p, colon) != name.n)
		return bad(why, "a header name is malformed");
	value = line_trimmed((struct line){ colon + 1, l.n - name.n - 1 });
	if (line_is(name, "content-length") && !line_is_number(value))
		return bad(why, "Content-Length is not a number");
	if (line_is(name, "last-event-id")) {
		info->last_event_id = value.p;
		info->last_event_id_n = value.n;
	}
	count_field(name, info);
	if (info->fields > LIMIT_HTTP_FIELDS)
		return bad(why, "there are too many header lines");
	if (line_is(name, "host"))
		info->strange_host = !is_known_host(value);
	if (line_is(name, "authorization")) {
		take_bearer(value, info);
		return 0;
	}
	if (buf_add(out, l.p, l.n) < 0 || buf_adds(out, "\r\n") < 0)
		return bad(why, "the head is too large");
	return 0;
}

static int
check_counts(const struct head_info *info, const char **why)
{
	if (info->encodings != 0)
		return bad(why, "Transfer-Encoding is not supported");
	if (info->lengths > 1)
		return bad(why, "Content-Length is repeated");
	if (info->hosts > 1)
		return bad(why, "Host is repeated");
	return 0;
}

int
head_rewrite(const char *p, size_t n, struct buf *out,
    struct head_info *info, const char **why)
{
	const char *end = p + n;
	struct head_info got = { 0 };
	bool first = true;
	struct line l;
	int r;

	if (!utf8_valid(p, n))
		return bad(why, "the head is not UTF-8");
	while (p < end) {
		l = line_next(&p, end);
		if (line_has_control(l))
			return bad(why, "the head has a control byte");
		if (l.n == 0 && !first)
			break;
		r = first ? rewrite_request_line(l, out, why) :
		    rewrite_field(l, out, &got, why);
		if (r != 0)
			return r;
		first = false;
	}
	if (first || p != end)
		return bad(why, "the request line is missing");
	r = check_counts(&got, why);
	if (r != 0)
		return r;
	if (buf_adds(out, "\r\n") < 0)
		return bad(why, "the head is too large");
	*info = got;
	return 0;
}
