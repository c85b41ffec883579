/* Times as an earlier daemon wrote them. */
#include <errno.h>
#include <time.h>

#include "coven-stored/old.h"

/* Digits at *p, exactly n; -1 for anything else. */
static int
digits(const char **p, int n)
{
	int v = 0;

	while (n-- > 0) {
		if (**p < '0' || **p > '9')
			return -1;
		v = v * 10 + (*(*p)++ - '0');
	}
	return v;
}

/* Behind the seconds: a fraction of any length, kept to nine digits. */
static uint64_t
fraction(const char **p)
{
	uint64_t ns = 0, unit = 100000000;

	if (**p != '.')
		return 0;
	for ((*p)++; **p >= '0' && **p <= '9'; (*p)++, unit /= 10)
		ns += (uint64_t)(**p - '0') * unit;
	return ns;
}

/* Seconds east of UTC; -1 for a malformed one. */
static int
offset(const char **p, int *out)
{
	int sign = **p == '-' ? -1 : 1, h, m;

	*out = 0;
	if (**p == 'Z' || **p == 'z') {
		(*p)++;
		return 0;
	}
	if (**p != '+' && **p != '-')
		return -1;
	(*p)++;
	h = digits(p, 2);
	if (h < 0 || *(*p)++ != ':' || (m = digits(p, 2)) < 0)
		return -1;
	*out = sign * (h * 3600 + m * 60);
	return 0;
}

int
old_time(const char *text, uint64_t *wall_ns)
{
	static const char marks[] = "--T::";
	static const int widths[] = { 4, 2, 2, 2, 2, 2 };
	int v[6], east, i;
	const char *p = text;
	struct tm tm = { 0 };
	uint64_t ns;
	time_t s;

	for (i = 0; i < 6; i++) {
		v[i] = digits(&p, widths[i]);
		if (v[i] < 0)
			return -EPROTO;
		if (i < 5 && *p != marks[i] && !(i == 2 &&
		    (*p == 't' || *p == ' ')))
			return -EPROTO;
		p += i < 5;
	}
	ns = fraction(&p);
	if (v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 23 ||
	    v[4] > 59 || v[5] > 60 || offset(&p, &east) < 0 || *p != '\0')
		return -EPROTO;
	tm.tm_year = v[0] - 1900;
	tm.tm_mon = v[1] - 1;
	tm.tm_mday = v[2];
	tm.tm_hour = v[3];
	tm.tm_min = v[4];
	tm.tm_sec = v[5];
	s = timegm(&tm) - east;
	/* What nanoseconds since 1970 can hold, and no more. */
	if (s < 0 || (uint64_t)s > UINT64_C(9223372036))
		return -EPROTO;
	*wall_ns = (uint64_t)s * 1000000000u + ns;
	return 0;
}
