#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/plain.h"
#include "common/utf8.h"

void
jw_init(struct jw *j, struct buf *out)
{
	*j = (struct jw){ .out = out };
}

bool
jw_ok(const struct jw *j)
{
	return !j->failed;
}

static void
put(struct jw *j, const char *p, size_t n)
{
	if (!j->failed && buf_add(j->out, p, n) < 0)
		j->failed = true;
}

/* Before a value or a name: the comma that separates it. */
static void
lead(struct jw *j)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
}

static void
open_with(struct jw *j, const char *c)
{
	lead(j);
	put(j, c, 1);
	j->comma = false;
}

static void
close_with(struct jw *j, const char *c)
{
	put(j, c, 1);
	j->comma = true;
}

void
jw_object(struct jw *j)
{
	open_with(j, "{");
}

void
jw_object_end(struct jw *j)
{
	close_with(j, "}");
}

void
jw_array(struct jw *j)
{
	open_with(j, "[");
}

void
jw_array_end(struct jw *j)
{
	close_with(j, "]");
}

void
jw_name(struct jw *j, const char *name)
{
	jw_str(j, name);
	put(j, ":", 1);
	j->comma = false;
}

/* --- strings --- */

#define PIECE	4096		/* escaped at once; six bytes each at worst */
#define WORST	6

static size_t
escape_one(char *to, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char brief[256] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
		['\r'] = 'r', ['"'] = '"', ['\\'] = '\\',
	};

	to[0] = '\\';
	if (brief[c] != '\0') {
		to[1] = brief[c];
		return 2;
	}
	to[1] = 'u';
	to[2] = to[3] = '0';
	to[4] = hex[c >> 4];
	to[5] = hex[c & 15];
	return 6;
}

/* What cannot stand for itself at s: how many bytes it is. */
static size_t
escape_special(char **to, const char *s, size_t n)
{
	size_t run, bad;

	if ((unsigned char)*s < 0x80) {
		*to += escape_one(*to, (unsigned char)*s);
		return 1;
	}
	run = utf8_run(s, n, &bad);
	if (run == 0) {
		memcpy(*to, "\xef\xbf\xbd", 3);
		*to += 3;
		return bad;
	}
	memcpy(*to, s, run);
	*to += run;
	return run;
}

/* n bytes of s, which end with a sequence, to a place that is large enough. */
static size_t
escape_piece(char *to, const char *s, size_t n)
{
	char *start = to;
	size_t i = 0, run;

	while (i < n) {
		run = plain_copy(to, s + i, n - i);
		to += run;
		i += run;
		if (i < n)
			i += escape_special(&to, s + i, n - i);
	}
	return (size_t)(to - start);
}

int
json_escape(struct buf *out, const char *s, size_t n)
{
	char few[WORST * 4], *to;
	size_t piece, len;

	while (n != 0) {
		piece = n < PIECE ? n : PIECE - utf8_tail(s, PIECE);
		to = buf_reserve(out, WORST * piece);
		if (to != NULL) {
			buf_commit(out, escape_piece(to, s, piece));
		} else {
			/* Near the maximum, what it really takes decides. */
			piece = n < 4 ? n : 4 - utf8_tail(s, 4);
			len = escape_piece(few, s, piece);
			if (buf_add(out, few, len) < 0)
				return -EMSGSIZE;
		}
		s += piece;
		n -= piece;
	}
	return 0;
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One escape at s: its length, 0 when json_escape writes no such thing. */
static size_t
unescape_one(char *to, const char *s, size_t n)
{
	static const char from[] = "btnfr\"\\", stands[] = "\b\t\n\f\r\"\\";
	const char *at;
	int hi, lo;

	if (n < 2)
		return 0;
	at = s[1] != '\0' ? strchr(from, s[1]) : NULL;
	if (at != NULL) {
		*to = stands[at - from];
		return 2;
	}
	if (n < 6 || memcmp(s, "\\u00", 4) != 0)
		return 0;
	hi = hex_value(s[4]);
	lo = hex_value(s[5]);
	if (hi < 0 || hi > 7 || lo < 0)
		return 0;
	*to = (char)(hi << 4 | lo);
	return 6;
}

int
json_unescape(struct buf *out, const char *s, size_t n)
{
	char *start = buf_reserve(out, n), *to = start;
	const char *end = s + n, *esc;
	size_t len;

	if (start == NULL)
		return -EMSGSIZE;
	while (s < end) {
		esc = memchr(s, '\\', (size_t)(end - s));
		if (esc == NULL)
			esc = end;
		memcpy(to, s, (size_t)(esc - s));
		to += esc - s;
		s = esc;
		if (s == end)
			break;
		len = unescape_one(to, s, (size_t)(end - s));
		if (len == 0)
			return -EINVAL;
		to++;
		s += len;
	}
	buf_commit(out, (size_t)(to - start));
	return 0;
}

void
jw_strn(struct jw *j, const char *s, size_t n)
{
	lead(j);
	put(j, "\"", 1);
	if (!j->failed && json_escape(j->out, s, n) < 0)
		j->failed = true;
	put(j, "\"", 1);
}

void
jw_str(struct jw *j, const char *s)
{
	if (s == NULL)
		jw_null(j);
	else
		jw_strn(j, s, strlen(s));
}

void
jw_i64(struct jw *j, int64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRId64, v);

	lead(j);
	put(j, text, (size_t)n);
}

void
jw_u64(struct jw *j, uint64_t v)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, v);

	lead(j);
	put(j, text, (size_t)n);
}

void
jw_bool(struct jw *j, bool v)
{
	lead(j);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void
jw_null(struct jw *j)
{
	lead(j);
	put(j, "null", 4);
}

void
jw_raw(struct jw *j, const char *p, size_t n)
{
	lead(j);
	put(j, p, n);
}

void
jw_kstr(struct jw *j, const char *name, const char *v)
{
	jw_name(j, name);
	jw_str(j, v);
}

void
jw_ki64(struct jw *j, const char *name, int64_t v)
{
	jw_name(j, name);
	jw_i64(j, v);
}

void
jw_ku64(struct jw *j, const char *name, uint64_t v)
{
	jw_name(j, name);
	jw_u64(j, v);
}

void
jw_kbool(struct jw *j, const char *name, bool v)
{
	jw_name(j, name);
	jw_bool(j, v);
}

void
jw_knull(struct jw *j, const char *name)
{
	jw_name(j, name);
	jw_null(j);
}
