#include <stdint.h>
#include <string.h>

#include "common/plain.h"
#include "common/utf8.h"
#include "coven-runner/escape.h"

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

/* Bytes that stand for themselves, as many as fit. */
static size_t
plain(struct escape *e, const char *s, size_t n)
{
	size_t room = e->room - e->len, run;

	if (n > room)
		n = room;
	run = plain_copy(e->to + e->len, s, n);
	/* To JSON a DEL is a letter. */
	if (run == 0 && n != 0) {
		e->to[e->len] = *s;
		run = 1;
	}
	e->len += run;
	return run;
}

size_t
escape_run(struct escape *e, const char *s, size_t n, size_t *bad)
{
	size_t i = 0, run;

	*bad = 0;
	while (i < n && *bad == 0) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x80)
			run = beyond(e, s + i, n - i, bad);
		else if (c < 0x20 || c == '"' || c == '\\')
			run = (size_t)escaped(e, c);
		else
			run = plain(e, s + i, n - i);
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
