#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "covenctl/reply.h"

#define STREAM	"text/event-stream"

static int
bad(struct reply_head *h, const char *why)
{
	h->why = why;
	return REPLY_BAD;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* RFC 9110 section 5.6.2: what a field's name is made of. */
static bool
is_token(const char *s, size_t n)
{
	static const char more[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (!is_digit(c) && !(c >= 'a' && c <= 'z') &&
		    !(c >= 'A' && c <= 'Z') &&
		    (c == '\0' || strchr(more, c) == NULL))
			return false;
	}
	return n != 0;
}

static int
status_line(const char *s, size_t n, struct reply_head *h)
{
	static const char version[] = "HTTP/1.1 ";
	const size_t v = sizeof(version) - 1;

	if (n < v + 4 || memcmp(s, version, v) != 0 || !is_digit(s[v]) ||
	    !is_digit(s[v + 1]) || !is_digit(s[v + 2]) || s[v + 3] != ' ')
		return bad(h, "its status line is not HTTP/1.1");
	h->status = (s[v] - '0') * 100 + (s[v + 1] - '0') * 10 +
	    (s[v + 2] - '0');
	if (h->status < 200 || h->status > 599)
		return bad(h, "its status is out of range");
	return 0;
}

static int
content_length(const char *s, size_t n, struct reply_head *h)
{
	size_t v = 0;

	if (n == 0 || n > 10)
		return bad(h, "its Content-Length is not a number");
	for (size_t i = 0; i < n; i++) {
		if (!is_digit(s[i]))
			return bad(h, "its Content-Length is not a number");
		v = v * 10 + (size_t)(s[i] - '0');
	}
	if (v > REPLY_BODY_MAX)
		return bad(h, "its body is longer than 8 MiB");
	h->body_len = v;
	return 0;
}

/* One "name: value" line without its CRLF. */
static int
field(const char *s, size_t n, struct reply_head *h, int *lengths)
{
	const char *colon = memchr(s, ':', n), *v;
	size_t name, len;

	if (colon == NULL || !is_token(s, (size_t)(colon - s)))
		return bad(h, "a header line has no name");
	name = (size_t)(colon - s);
	v = colon + 1;
	len = n - name - 1;
	while (len != 0 && (*v == ' ' || *v == '\t')) {
		v++;
		len--;
	}
	while (len != 0 && (v[len - 1] == ' ' || v[len - 1] == '\t'))
		len--;
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)v[i] < 0x20 && v[i] != '\t') ||
		    v[i] == 0x7f)
			return bad(h, "a header has a control byte");
	if (name == 17 && strncasecmp(s, "transfer-encoding", name) == 0)
		return bad(h, "it has a Transfer-Encoding");
	if (name == 12 && strncasecmp(s, "content-type", name) == 0)
		h->stream = len == strlen(STREAM) &&
		    strncasecmp(v, STREAM, len) == 0;
	if (name != 14 || strncasecmp(s, "content-length", name) != 0)
		return 0;
	if (++*lengths != 1)
		return bad(h, "it has more than one Content-Length");
	return content_length(v, len, h);
}

static int
parse_head(const char *s, size_t n, struct reply_head *h)
{
	const char *at = s, *end = s + n, *eol;
	int lengths = 0, rc;

	while (at < end) {
		eol = memchr(at, '\n', (size_t)(end - at));
		if (eol == NULL || eol == at || eol[-1] != '\r')
			return bad(h, "a header line does not end in CRLF");
		rc = at == s ? status_line(at, (size_t)(eol - 1 - at), h) :
		    field(at, (size_t)(eol - 1 - at), h, &lengths);
		if (rc != 0)
			return rc;
		at = eol + 1;
	}
	if (h->stream)
		return lengths == 0 && h->status == 200 ? 0 :
		    bad(h, "it is a stream with a length");
	return lengths == 1 ? 0 : bad(h, "it has no Content-Length");
}

int
reply_parse(const char *s, size_t n, struct reply_head *h)
{
	const char *end;
	int rc;

	*h = (struct reply_head){ 0 };
	end = memmem(s, n, "\r\n\r\n", 4);
	if (end == NULL)
		return n > REPLY_HEAD_MAX ?
		    bad(h, "its head is longer than 64 KiB") : REPLY_SHORT;
	h->head_len = (size_t)(end - s) + 4;
	if (h->head_len > REPLY_HEAD_MAX)
		return bad(h, "its head is longer than 64 KiB");
	rc = parse_head(s, h->head_len - 2, h);
	if (rc != 0 || h->stream)
		return rc;
	if (n - h->head_len > h->body_len)
		return bad(h, "there are bytes after its body");
	return n - h->head_len < h->body_len ? REPLY_SHORT : 0;
}
