#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_scan.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/utf8.h"

#define NUMBER_MAX	64	/* characters of one number */

struct scan {
	const char	*p, *end;
	struct json_scan *out;
	size_t		 values;
	unsigned	 depth;
	bool		 nul;		/* the last string held \u0000 */
	bool		 comma;		/* the last token was one */
};

static bool
fail(struct scan *s, const char *fault)
{
	s->out->fault = fault;
	return false;
}

static unsigned char
peek(const struct scan *s)
{
	return s->p < s->end ? (unsigned char)*s->p : 0;
}

static bool
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

/* The four digits after \u, or -1. */
static int
hex4(struct scan *s)
{
	int v = 0, i;

	for (i = 0; i < 4; i++) {
		unsigned char c = peek(s);

		if (!isascii(c) || !isxdigit(c))
			return -1;
		v = v * 16 + (is_digit(c) ? c - '0' : tolower(c) - 'a' + 10);
		s->p++;
	}
	return v;
}

static bool
scan_unicode(struct scan *s)
{
	int v = hex4(s);

	if (v < 0)
		return fail(s, "a \\u escape without four digits");
	if (v == 0)
		s->nul = true;
	if (v >= 0xdc00 && v <= 0xdfff)
		return fail(s, "the second half of a surrogate pair alone");
	if (v < 0xd800 || v > 0xdbff)
		return true;
	if (s->end - s->p < 2 || s->p[0] != '\\' || s->p[1] != 'u')
		return fail(s, "the first half of a surrogate pair alone");
	s->p += 2;
	v = hex4(s);
	if (v < 0xdc00 || v > 0xdfff)
		return fail(s, "the first half of a surrogate pair alone");
	return true;
}

static bool
scan_escape(struct scan *s)
{
	unsigned char c = peek(s);

	if (c == '\0' || strchr("\"\\/bfnrtu", c) == NULL)
		return fail(s, "an escape that JSON has not");
	s->p++;
	return c == 'u' ? scan_unicode(s) : true;
}

static bool
scan_string(struct scan *s)
{
	s->nul = false;
	s->p++;
	while (s->p < s->end) {
		unsigned char c = (unsigned char)*s->p;

		if (c < 0x20)
			return fail(s, "a control character in a string");
		s->p++;
		if (c == '"')
			return true;
		if (c == '\\' && !scan_escape(s))
			return false;
	}
	return fail(s, "a string without an end");
}

static size_t
scan_digits(struct scan *s)
{
	const char *start = s->p;

	while (is_digit(peek(s)))
		s->p++;
	return (size_t)(s->p - start);
}

/* Fits int64_t, or is finite.  Copied, so that it ends where it ends. */
static bool
check_number(struct scan *s, const char *start, bool whole)
{
	size_t n = (size_t)(s->p - start);
	char text[NUMBER_MAX + 1];

	if (n > NUMBER_MAX)
		return fail(s, "a number that is too long");
	memcpy(text, start, n);
	text[n] = '\0';
	errno = 0;
	if (whole)
		(void)strtoll(text, NULL, 10);
	else if (isfinite(strtod(text, NULL)))
		errno = 0;	/* too small a fraction is 0, as in json-c */
	else
		errno = ERANGE;
	return errno == 0 || fail(s, "a number that is too large");
}

static bool
scan_number(struct scan *s)
{
	const char *start = s->p;
	bool zero, whole = true;
	size_t n;

	if (peek(s) == '-')
		s->p++;
	zero = peek(s) == '0';
	n = scan_digits(s);
	if (n == 0)
		return fail(s, "a number without digits");
	if (zero && n > 1)
		return fail(s, "a number that begins with 0");
	if (peek(s) == '.') {
		whole = false;
		s->p++;
		if (scan_digits(s) == 0)
			return fail(s, "a number that ends in a point");
	}
	if (peek(s) == 'e' || peek(s) == 'E') {
		whole = false;
		s->p++;
		if (peek(s) == '+' || peek(s) == '-')
			s->p++;
		if (scan_digits(s) == 0)
			return fail(s, "an exponent without digits");
	}
	return check_number(s, start, whole);
}

static bool
scan_word(struct scan *s)
{
	static const char *const words[] = { "true", "false", "null" };
	size_t i, n;

	for (i = 0; i < nitems(words); i++) {
		n = strlen(words[i]);
		if ((size_t)(s->end - s->p) >= n &&
		    memcmp(s->p, words[i], n) == 0) {
			s->p += n;
			return true;
		}
	}
	return fail(s, "a word that JSON has not");
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool
scan_mark(struct scan *s)
{
	const struct json_scan *out = s->out;
	bool comma = s->comma;

	s->comma = *s->p == ',' || (comma && is_blank(*s->p));

	switch (*s->p++) {
	case '\n':
		s->out->line++;
		return true;
	case ' ':
	case '\t':
	case '\r':
		return true;
	case '{':
	case '[':
		return ++s->depth <= LIMIT_JSON_DEPTH ||
		    fail(s, "too deep a nesting");
	case '}':
	case ']':
		if (comma)
			return fail(s, "a comma before a bracket");
		return s->depth-- != 0 || fail(s, "an unmatched bracket");
	case ':':
		if (s->nul)
			return fail(s, "a NUL in a name");
		s->out->members++;
		break;
	case ',':
		s->values++;
		break;
	default:
		return fail(s, "a character that JSON has not");
	}
	return out->max_values == 0 ||
	    out->members + s->values <= out->max_values ||
	    fail(s, "too many values");
}

static bool
scan_token(struct scan *s)
{
	unsigned char c = peek(s);
	bool mark = c != '"' && c != '-' && !(isascii(c) && isalnum(c));

	if (mark)
		return scan_mark(s);
	s->comma = false;
	if (c == '"')
		return scan_string(s);
	if (c == '-' || is_digit(c))
		return scan_number(s);
	return scan_word(s);
}

int
json_scan(struct json_scan *out, const char *p, size_t n)
{
	struct scan s = { .p = p, .end = p + n, .out = out };

	out->members = 0;
	out->line = 0;
	if (!utf8_valid(p, n)) {
		out->fault = "bytes that are not UTF-8";
		return JSON_SCAN_BAD;
	}
	out->line = 1;
	while (s.p < s.end)
		if (!scan_token(&s))
			return JSON_SCAN_BAD;
	return 0;
}
