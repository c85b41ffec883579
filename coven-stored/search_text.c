#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/mem.h"
#include "coven-stored/search_text.h"

#define ESC	0x1b
#define BEL	0x07

/*
 * ECMA-48: what begins with ESC is no text.  CSI ends with a byte from '@' to
 * '~'; OSC and the other strings with BEL or ESC '\'.
 */
enum state { TEXT, ESCAPE, CSI, STRING, STRING_ESC };

struct reader {
	char		*to;		/* room for as many as are read */
	enum state	 state;
};

static enum state
after_escape(unsigned char c)
{
	if (c == '[')
		return CSI;
	if (c != '\0' && strchr("]PX^_", c) != NULL)
		return STRING;
	/* ESC ( B and the like: intermediates, then one byte. */
	return c >= 0x20 && c < 0x30 ? ESCAPE : TEXT;
}

static void
put(struct reader *r, unsigned char c)
{
	switch (r->state) {
	case TEXT:
		if (c == ESC)
			r->state = ESCAPE;
		else
			*r->to++ = c < 0x20 || c == 0x7f ? ' ' : (char)c;
		break;
	case ESCAPE:
		r->state = after_escape(c);
		break;
	case CSI:
		if (c >= '@' && c <= '~')
			r->state = TEXT;
		break;
	case STRING:
		if (c == BEL)
			r->state = TEXT;
		else if (c == ESC)
			r->state = STRING_ESC;
		break;
	case STRING_ESC:
		r->state = c == '\\' ? TEXT : STRING;
		break;
	}
}

/* --- the strings of a JSON text ------------------------------------------ */

static int
hex4(const char *p, const char *end, uint32_t *out)
{
	uint32_t v = 0;
	int i;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++) {
		const char *digits = "0123456789abcdef", *at;
		char c = p[i];

		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		at = c != '\0' ? strchr(digits, c) : NULL;
		if (at == NULL)
			return -1;
		v = v << 4 | (uint32_t)(at - digits);
	}
	*out = v;
	return 0;
}

static void
put_code_point(struct reader *r, uint32_t c)
{
	if (c < 0x80) {
		put(r, (unsigned char)c);
	} else if (c < 0x800) {
		put(r, (unsigned char)(0xc0 | c >> 6));
		put(r, (unsigned char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		put(r, (unsigned char)(0xe0 | c >> 12));
		put(r, (unsigned char)(0x80 | (c >> 6 & 0x3f)));
		put(r, (unsigned char)(0x80 | (c & 0x3f)));
	} else {
		put(r, (unsigned char)(0xf0 | c >> 18));
		put(r, (unsigned char)(0x80 | (c >> 12 & 0x3f)));
		put(r, (unsigned char)(0x80 | (c >> 6 & 0x3f)));
		put(r, (unsigned char)(0x80 | (c & 0x3f)));
	}
}

/* Behind "\u"; the byte behind it all, or NULL. */
static const char *
put_unicode(struct reader *r, const char *p, const char *end)
{
	uint32_t c, low;

	if (hex4(p, end, &c) != 0)
		return NULL;
	p += 4;
	if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' &&
	    p[1] == 'u' && hex4(p + 2, end, &low) == 0 && low >= 0xdc00 &&
	    low < 0xe000) {
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
		p += 6;
	}
	if (c >= 0xd800 && c < 0xe000)
		c = 0xfffd;
	put_code_point(r, c);
	return p;
}

/* Behind a backslash. */
static const char *
put_escaped(struct reader *r, const char *p, const char *end)
{
	static const char names[] = "bfnrt", values[] = "\b\f\n\r\t";
	const char *at;

	if (p == end)
		return NULL;
	if (*p == 'u')
		return put_unicode(r, p + 1, end);
	at = *p != '\0' ? strchr(names, *p) : NULL;
	put(r, (unsigned char)(at != NULL ? values[at - names] : *p));
	return p + 1;
}

/* From behind the opening quote to behind the closing one, or NULL. */
static const char *
read_string(struct reader *r, const char *p, const char *end)
{
	while (p != NULL && p < end && *p != '"') {
		if (*p == '\\')
			p = put_escaped(r, p + 1, end);
		else
			put(r, (unsigned char)*p++);
	}
	return p != NULL && p < end ? p + 1 : NULL;
}

static bool
is_key(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
		p++;
	return p < end && *p == ':';
}

/* The members that hold what was printed, of our events and of old ones. */
static bool
is_text(const char *key, size_t n)
{
	static const char *const names[] = { "data", "text", "message" };
	size_t i;

	for (i = 0; i < nitems(names); i++)
		if (strlen(names[i]) == n && memcmp(names[i], key, n) == 0)
			return true;
	return false;
}

void
search_text(const char *payload, size_t n, struct buf *out)
{
	const char *p = payload, *end = payload + n;
	char *room = buf_reserve(out, n), *at = room;
	bool wanted = false;

	while (room != NULL && p != NULL && p < end &&
	    (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
		struct reader r = { .to = at };

		p = read_string(&r, p + 1, end);
		if (p != NULL && is_key(p, end))
			wanted = is_text(at, (size_t)(r.to - at));
		else if (wanted)
			at = r.to;
	}
	if (room != NULL)
		buf_commit(out, (size_t)(at - room));
}

size_t
search_cut(const char *text, size_t n, size_t max)
{
	size_t i;

	if (n <= max)
		return n;
	for (i = max; i > 0 && max - i < SEARCH_NEAR; i--)
		if (text[i] == ' ')
			return i;
	for (i = max; i > 0 && ((unsigned char)text[i] & 0xc0) == 0x80; i--)
		;
	return i > 0 ? i : max;
}
