/*
 * What a session may do to the terminal that shows it: whatever comes out
 * passes again as it is, wherever the input is cut, and every escape in it
 * begins one of the forms that neither ask nor act.
 *
 * FUZZ-SOURCES: covenctl/screen.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "covenctl/screen.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Independent of the tables: the shape of a sequence that may stand here. */
static size_t
form(const char *p, size_t n)
{
	size_t i = 2;

	if (n < 2)
		abort();
	if (strchr("78DEHM=>", p[1]) != NULL)
		return 2;
	if (p[1] == '(' || p[1] == ')') {
		if (n < 3 || strchr("0B", p[2]) == NULL)
			abort();
		return 3;
	}
	if (p[1] == ']') {
		if (n < 5 || strchr("012", p[2]) == NULL || p[3] != ';')
			abort();
		for (i = 4; i < n && p[i] != '\a'; i++)
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
				abort();
		return i == n ? (abort(), 0) : i + 1;
	}
	if (p[1] != '[')
		abort();
	while (i < n && (unsigned char)p[i] >= 0x20 &&
	    (unsigned char)p[i] < 0x40)
		i++;
	/* No report, no query, no window, no print, no checksum. */
	if (i == n || strchr("cntixyRw", p[i]) != NULL ||
	    (p[i] == 'q' && p[i - 1] != ' ') ||
	    (p[i] == 'p' && p[i - 1] != '!') ||
	    (p[2] == '?' && p[i] != 'h' && p[i] != 'l') ||
	    strchr("<=>", p[2]) != NULL)
		abort();
	return i + 1;
}

static void
check(const char *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		unsigned char c = (unsigned char)p[i];

		if (c == 0x1b)
			i += form(p + i, n - i);
		else if (c == 5 || c == 0x7f || c == 0 || (c == 0xc2 &&
		    i + 1 < n && (unsigned char)p[i + 1] < 0xa0))
			abort();
		else
			i++;
	}
}

static void
filter(const char *p, size_t n, size_t step, struct buf *out)
{
	struct screen s = { 0 };

	for (size_t i = 0; i < n; i += step)
		screen_filter(&s, p + i, n - i < step ? n - i : step, out);
	screen_end(&s, out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct buf whole = { 0 }, bytes = { 0 }, again = { 0 };

	if (n == 0)
		return 0;
	filter(p, n, n, &whole);
	filter(p, n, 1 + data[0] % 7, &bytes);
	if (buf_left(&whole) != buf_left(&bytes) ||
	    (buf_left(&whole) != 0 && memcmp(buf_head(&whole),
	    buf_head(&bytes), buf_left(&whole)) != 0))
		abort();
	if (buf_left(&whole) != 0) {
		check(buf_head(&whole), buf_left(&whole));
		filter(buf_head(&whole), buf_left(&whole), buf_left(&whole),
		    &again);
		/* Its end was reached with everything put back. */
		if (buf_left(&again) != buf_left(&whole) ||
		    memcmp(buf_head(&again), buf_head(&whole),
		    buf_left(&whole)) != 0)
			abort();
	}
	buf_fini(&whole);
	buf_fini(&bytes);
	buf_fini(&again);
	return 0;
}
