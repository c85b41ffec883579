#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-gateway/request.h"

static int
bad(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* method SP target SP HTTP/1.x */
static int
request_line(struct line l, struct request *r, const char **why)
{
	const char *p = l.p, *end = l.p + l.n;
	size_t n = line_visible(p, end);

	if (n == 0 || n >= sizeof(r->method) || p + n == end || p[n] != ' ')
		return bad(why, "the request line is malformed");
	memcpy(r->method, p, n);
	r->method[n] = '\0';
	p += n + 1;
	n = line_visible(p, end);
	r->target = (struct line){ p, n };
	if (n == 0 || p + n == end || p[n] != ' ')
		return bad(why, "the request line is malformed");
	p += n + 1;
	if (end - p != 8 || strncmp(p, "HTTP/1.", 7) != 0 ||
	    (p[7] != '0' && p[7] != '1'))
		return bad(why, "the version is not HTTP/1.x");
	return 0;
}

struct line
field_name(struct line l)
{
	const char *colon = memchr(l.p, ':', l.n);
	size_t n = colon != NULL ? (size_t)(colon - l.p) : 0;

	if (n != line_visible(l.p, l.p + n))
		n = 0;
	return (struct line){ l.p, n };
}

struct line
field_value(struct line l, struct line name)
{
	return line_trimmed((struct line){ name.p + name.n + 1,
	    l.n - name.n - 1 });
}

static int
take_length(struct request *r, struct line value, unsigned *lengths,
    const char **why)
{
	char text[24];

	if ((*lengths)++ != 0)
		return bad(why, "Content-Length is repeated");
	if (!line_is_number(value))
		return bad(why, "Content-Length is not a number");
	memcpy(text, value.p, value.n);
	text[value.n] = '\0';
	r->body = strtoull(text, NULL, 10);
	return 0;
}

/* Where it is: a proxy's request has a length. */
static int
take_coding(struct request *r, struct line value, const char **why)
{
	if (*r->target.p != '/')
		return bad(why, "Transfer-Encoding is not supported");
	if (r->chunked || !line_is(value, "chunked"))
		return bad(why, "a Transfer-Encoding other than chunked");
	r->chunked = true;
	return 0;
}

static int
check_fields(struct request *r, const char **why)
{
	const char *p = r->fields.p, *end = p + r->fields.n;
	unsigned lengths = 0, hosts = 0, n = 0;

	while (p < end) {
		struct line l = line_next(&p, end), name;
		int e = 0;

		if (l.n == 0)
			break;
		name = field_name(l);
		if (line_has_control(l) || name.n == 0 ||
		    ++n > LIMIT_HTTP_FIELDS)
			return bad(why, "a header line is malformed");
		if (line_is(name, "host") && hosts++ != 0)
			return bad(why, "Host is repeated");
		if (line_is(name, "host"))
			r->host = field_value(l, name);
		if (line_is(name, "expect"))
			r->expects = true;
		if (line_is(name, "transfer-encoding"))
			e = take_coding(r, field_value(l, name), why);
		if (line_is(name, "content-length"))
			e = take_length(r, field_value(l, name), &lengths,
			    why);
		if (e != 0)
			return e;
	}
	if (r->chunked && lengths != 0)
		return bad(why, "a length and chunks");
	return 0;
}

int
request_parse(const char *p, size_t n, struct request *out, const char **why)
{
	const char *end = p + n;
	struct request r = { 0 };
	struct line first;
	int e;

	if (memchr(p, '\0', n) != NULL)
		return bad(why, "the head has a control byte");
	first = line_next(&p, end);
	if (line_has_control(first))
		return bad(why, "the head has a control byte");
	e = request_line(first, &r, why);
	if (e != 0)
		return e;
	r.fields = (struct line){ p, (size_t)(end - p) };
	e = check_fields(&r, why);
	if (e == 0)
		*out = r;
	return e;
}

/* --- for the next one ---------------------------------------------------- */

/* Is name one of the words in list, which commas divide? */
static bool
is_listed(struct line list, struct line name)
{
	const char *p = list.p, *end = p + list.n, *comma;
	struct line word;

	for (; p < end; p = comma < end ? comma + 1 : end) {
		comma = memchr(p, ',', (size_t)(end - p));
		if (comma == NULL)
			comma = end;
		word = line_trimmed((struct line){ p, (size_t)(comma - p) });
		if (word.n == name.n &&
		    strncasecmp(word.p, name.p, word.n) == 0)
			return true;
	}
	return false;
}

/* Does some Connection field name this one? */
static bool
is_named(const struct request *r, struct line name)
{
	const char *p = r->fields.p, *end = p + r->fields.n;

	while (p < end) {
		struct line l = line_next(&p, end), other = field_name(l);

		if (line_is(other, "connection") &&
		    is_listed(field_value(l, other), name))
			return true;
	}
	return false;
}

static bool
is_ours(const struct request *r, struct line name)
{
	static const char *const ours[] = { "connection", "host",
	    "keep-alive", "te", "trailer", "upgrade", "http2-settings" };
	size_t i;

	for (i = 0; i < nitems(ours); i++)
		if (line_is(name, ours[i]))
			return true;
	return (name.n >= 6 && strncasecmp(name.p, "proxy-", 6) == 0) ||
	    (!line_is(name, "content-length") && is_named(r, name));
}

/* RFC 9110, 5.6.2. */
static bool
is_token(struct line name)
{
	size_t i;

	for (i = 0; i < name.n; i++)
		if (strchr("()<>@,;:\\\"/[]?={}", name.p[i]) != NULL)
			return false;
	return true;
}

static bool
is_length(struct line name)
{
	return line_is(name, "content-length") ||
	    line_is(name, "transfer-encoding");
}

int
request_fields_but(const struct request *r, bool (*drop)(struct line),
    struct buf *out)
{
	const char *p = r->fields.p, *end = p + r->fields.n;
	int e = 0;

	while (e == 0 && p < end) {
		struct line l = line_next(&p, end), name = field_name(l);

		if (l.n == 0)
			break;
		if (drop != NULL && !is_token(name))
			return -EINVAL;
		if (is_ours(r, name) || (drop != NULL &&
		    (is_length(name) || drop(name))))
			continue;
		e = buf_add(out, l.p, l.n);
		if (e == 0)
			e = buf_adds(out, "\r\n");
	}
	return e;
}

int
request_fields(const struct request *r, struct buf *out)
{
	return request_fields_but(r, NULL, out);
}
