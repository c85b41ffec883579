#include <stdint.h>
#include <string.h>

#include "common/utf8.h"
#include "coven-runner/escape.h"

#define ALL(b)	(UINT64_C(0x0101010101010101) * (b))

/*
 * Does any of the eight bytes need a look: a control byte, a quote, a
 * backslash, or not ASCII?  The classic tests for a zero byte and for a byte
 * below n, see "Bit Twiddling Hacks"; borrows only ever add a byte above one
 * that is already special.
 */
static int
special8(uint64_t v)
{
	uint64_t quote = v ^ ALL('"'), back = v ^ ALL('\\');

	return ((v | ((v - ALL(0x20)) & ~v) | ((quote - ALL(1)) & ~quote) |
	    ((back - ALL(1)) & ~back)) & ALL(0x80)) != 0;
}

static int
special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

/* Copies plain ASCII; n is already no more than there is room for. */
static size_t
plain(char *to, const char *s, size_t n)
{
	size_t i = 0;
	uint64_t v;

	while (n - i >= sizeof(v)) {
		memcpy(&v, s + i, sizeof(v));
		if (special8(v))
			break;
		memcpy(to + i, &v, sizeof(v));
		i += sizeof(v);
	}
	for (; i < n && !special((unsigned char)s[i]); i++)
		to[i] = s[i];
	return i;
}

/* One ASCII byte that does not stand for itself: 0 when it does not fit. */
static int
escaped(struct escape *e, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char unicode[4] = { '\\', 'u', '0', '0' };
	static const char brief[0x60] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
		['\r'] = 'r', ['"'] = '"', ['\\'] = '\\',
	};
	char *to = e->to + e->len;

	if (brief[c] != '\0') {
		if (e->room - e->len < 2)
			return 0;
		to[0] = '\\';
		to[1] = brief[c];
		e->len += 2;
		return 1;
	}
	if (e->room - e->len < 6)
		return 0;
	memcpy(to, unicode, sizeof(unicode));
	to[4] = hex[c >> 4];
	to[5] = hex[c & 15];
	e->len += 6;
	return 1;
}

/* Well-formed code points beyond ASCII, as many as fit. */
static size_t
beyond(struct escape *e, const char *s, size_t n, size_t *bad)
{
	size_t room = e->room - e->len, run;

	if (n > room)
		n = room - utf8_tail(s, room);
	if (n == 0)
		return 0;
	run = utf8_run(s, n, bad);
	memcpy(e->to + e->len, s, run);
	e->len += run;
	return run;
}

size_t
escape_run(struct escape *e, const char *s, size_t n, size_t *bad)
{
	size_t i = 0, run, room;

	*bad = 0;
	while (i < n && *bad == 0) {
		if ((unsigned char)s[i] >= 0x80) {
			run = beyond(e, s + i, n - i, bad);
		} else if (special((unsigned char)s[i])) {
			run = (size_t)escaped(e, (unsigned char)s[i]);
		} else {
			room = e->room - e->len;
			run = plain(e->to + e->len, s + i,
			    n - i < room ? n - i : room);
			e->len += run;
		}
		if (run == 0)
			break;
		i += run;
	}
	return i;
}

size_t
escape_lossy(struct escape *e, const char *s, size_t n, int *lossy)
{
	size_t i = 0, bad;

	for (;;) {
		i += escape_run(e, s + i, n - i, &bad);
		if (bad == 0 || e->room - e->len < 3)
			return i;
		memcpy(e->to + e->len, "\xef\xbf\xbd", 3);
		e->len += 3;
		i += bad;
		*lossy = 1;
	}
}
