#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/text.h"

struct range {
	uint32_t lo, hi;
};

/* Code points that move, hide or reorder what is around them. */
static const struct range unsafe[] = {
	{ 0x80, 0x9f }, { 0x61c, 0x61c }, { 0x200b, 0x200f },
	{ 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
	{ 0xfff9, 0xfffb }, { 0xe0000, 0xe007f },
};

/* SGR parameters that pass: no conceal, no blink, no fonts. */
static const struct range colours[] = {
	{ 0, 4 }, { 7, 7 }, { 9, 9 }, { 21, 24 }, { 27, 27 }, { 29, 49 },
	{ 90, 97 }, { 100, 107 },
};

static bool ascii_only;

void
text_ascii_only(bool on)
{
	ascii_only = on;
}

static bool
in_range(const struct range *r, size_t n, uint32_t v)
{
	for (size_t i = 0; i < n; i++)
		if (v >= r[i].lo && v <= r[i].hi)
			return true;
	return false;
}

static void
put_hex(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)buf_addf(out, "\\x%02x", (unsigned char)s[i]);
}

/* A well-formed multi-byte sequence; returns its length. */
static size_t
put_code_point(struct buf *out, const char *s)
{
	static const unsigned char mask[] = { 0, 0, 0x1f, 0x0f, 0x07 };
	unsigned char c = (unsigned char)s[0];
	size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	uint32_t v = c & mask[len];

	for (size_t i = 1; i < len; i++)
		v = v << 6 | ((unsigned char)s[i] & 0x3f);
	if (ascii_only || in_range(unsafe, nitems(unsafe), v))
		(void)buf_addf(out, "\\u{%x}", v);
	else
		(void)buf_add(out, s, len);
	return len;
}

/*
 * After 38 or 48: "5;N" or "2;R;G;B" count as one.  Returns how many
 * parameters it takes, 0 when it is malformed.
 */
static size_t
colour_params(const uint32_t *p, size_t n)
{
	if (p[0] != 38 && p[0] != 48)
		return in_range(colours, nitems(colours), p[0]) ? 1 : 0;
	if (n >= 3 && p[1] == 5 && p[2] <= 255)
		return 3;
	if (n >= 5 && p[1] == 2 && p[2] <= 255 && p[3] <= 255 && p[4] <= 255)
		return 5;
	return 0;
}

/*
 * Does a listed colour sequence stand at s?  Its length, 0 for no, and in
 * *more whether further bytes could complete one.
 */
static size_t
colour_run(const char *s, size_t n, bool *more)
{
	uint32_t p[16] = { 0 };
	size_t i, k, used, np = 1;

	*more = false;
	for (i = 1; i < n && i < sizeof(((struct text_filter *)0)->held); i++) {
		char c = s[i];

		if (i == 1 ? c != '[' : (c != ';' && c != 'm' &&
		    (c < '0' || c > '9')))
			return 0;
		if (c == 'm')
			break;
		if (c == ';' && np++ == nitems(p))
			return 0;
		if (c >= '0' && c <= '9' && p[np - 1] < 1000)
			p[np - 1] = p[np - 1] * 10 + (uint32_t)(c - '0');
	}
	if (i == n) {
		*more = n < sizeof(((struct text_filter *)0)->held);
		return 0;
	}
	if (s[i] != 'm')
		return 0;
	for (k = 0; k < np; k += used)
		if ((used = colour_params(p + k, np - k)) == 0)
			return 0;
	return i + 1;
}

/*
 * One step at s: appends what is shown and returns the bytes taken, or 0
 * when the rest must wait for the next chunk (never at the end).
 */
static size_t
step(struct text_filter *f, const char *s, size_t n, bool end, struct buf *out)
{
	unsigned char c = (unsigned char)s[0];
	bool more = false;
	size_t run, bad;

	if (c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f)) {
		(void)buf_add(out, s, 1);
		return 1;
	}
	if (c >= 0x80) {
		if (!end && utf8_tail(s, n) == n)
			return 0;
		if (utf8_run(s, n, &bad) != 0)
			return put_code_point(out, s);
		put_hex(out, s, bad);
		return bad;
	}
	if (c == '\r') {	/* a terminal's line end is shown as one */
		if (n == 1 && !end)
			return 0;
		if (n == 1 || s[1] != '\n')
			(void)buf_adds(out, "\\r");
		return 1;
	}
	if (c == 0x1b) {
		run = colour_run(s, n, &more);
		if (run != 0) {
			f->coloured = true;
			(void)buf_add(out, s, run);
			return run;
		}
		if (more && !end)
			return 0;
	}
	put_hex(out, s, 1);
	return 1;
}

static void
filter(struct text_filter *f, const char *s, size_t n, bool end,
    struct buf *out)
{
	autobuf struct buf both = { 0 };
	size_t used, i = 0;

	if (f->nheld != 0) {
		(void)buf_add(&both, f->held, f->nheld);
		(void)buf_add(&both, s, n);
		s = buf_head(&both);
		n = buf_left(&both);
		f->nheld = 0;
	}
	while (i < n) {
		used = step(f, s + i, n - i, end, out);
		if (used == 0)
			break;
		i += used;
	}
	if (i < n) {
		memcpy(f->held, s + i, n - i);
		f->nheld = n - i;
	}
}

void
text_filter(struct text_filter *f, const char *s, size_t n, struct buf *out)
{
	filter(f, s, n, false, out);
}

void
text_filter_end(struct text_filter *f, struct buf *out)
{
	filter(f, "", 0, true, out);
	if (f->coloured)
		(void)buf_adds(out, "\033[0m");
	f->coloured = false;
}

void
text_line(struct buf *out, const char *s, size_t n, size_t max)
{
	struct text_filter none = { 0 };
	bool cut = n > max;
	size_t i, used;

	if (cut) {
		n = max;
		n -= utf8_tail(s, n);
	}
	for (i = 0; i < n; i += used) {
		unsigned char c = (unsigned char)s[i];

		used = 1;
		if (c == '\n')
			(void)buf_adds(out, "\\n");
		else if (c == '\r')
			(void)buf_adds(out, "\\r");
		else if (c == '\t')
			(void)buf_adds(out, " ");
		else if (c < 0x20)
			put_hex(out, s + i, 1);
		else
			used = step(&none, s + i, n - i, true, out);
	}
	if (cut)
		(void)buf_adds(out, "...");
}
