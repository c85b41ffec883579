#include "common/plain.h"
#include "common/utf8.h"

/* First byte range, the range its second byte must be in, and the length. */
static const struct {
	unsigned char	lo, hi, lo2, hi2, len;
} leads[] = {
	{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
	{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 },
	{ 0xed, 0xed, 0x80, 0x9f, 3 },
	{ 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
	{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
	{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
};

/*
 * The sequence at s: its full length in *want (1 for a bad lead), and how
 * many of those bytes are there and well-formed.
 */
static size_t
sequence(const unsigned char *s, size_t n, size_t *want)
{
	size_t i, k;

	*want = 1;
	for (i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
		if (s[0] >= leads[i].lo && s[0] <= leads[i].hi)
			break;
	if (i == sizeof(leads) / sizeof(leads[0]))
		return 0;
	*want = leads[i].len;
	for (k = 1; k < leads[i].len && k < n; k++) {
		unsigned char lo = k == 1 ? leads[i].lo2 : 0x80;
		unsigned char hi = k == 1 ? leads[i].hi2 : 0xbf;

		if (s[k] < lo || s[k] > hi)
			break;
	}
	return k;
}

size_t
utf8_run(const char *s, size_t n, size_t *bad)
{
	const unsigned char *u = (const unsigned char *)s;
	size_t i = 0, want, have;

	*bad = 0;
	while (i < n && u[i] >= 0x80) {
		have = sequence(u + i, n - i, &want);
		if (have != want) {
			*bad = have != 0 ? have : 1;
			break;
		}
		i += want;
	}
	return i;
}

bool
utf8_valid(const char *s, size_t n)
{
	size_t bad, run;

	while (n != 0) {
		run = ascii_run(s, n);
		s += run;
		n -= run;
		run = utf8_run(s, n, &bad);
		if (bad != 0)
			return false;
		s += run;
		n -= run;
	}
	return true;
}

size_t
utf8_tail(const char *s, size_t n)
{
	size_t k, want, have;

	for (k = 1; k <= 3 && k <= n; k++) {
		unsigned char c = (unsigned char)s[n - k];

		if (c < 0x80)
			return 0;
		if (c < 0xc0)
			continue;
		have = sequence((const unsigned char *)s + n - k, k, &want);
		return have == k && k < want ? k : 0;
	}
	return 0;
}
