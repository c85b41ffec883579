#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"

#define SECOND_NS	UINT64_C(1000000000)

static uint64_t
read_clock(clockid_t which)
{
	struct timespec ts;

	clock_gettime(which, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

#ifdef COVEN_FAILPOINTS
static uint64_t back_ns;

void
clock_set_back(int64_t from_s)
{
	back_ns = (uint64_t)from_s * SECOND_NS;
}

static uint64_t
set_back(void)
{
	return back_ns != 0 && clock_boot_ns() >= back_ns ?
	    3600 * SECOND_NS : 0;
}
#else
#define set_back()	0
#endif

uint64_t
clock_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME) - set_back();
}

uint64_t
clock_boot_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

/* Rows that are printed together are mostly of one second. */
void
clock_format(uint64_t wall_ns, char out[RFC3339_LEN])
{
	static time_t last = -1;
	static char text[RFC3339_LEN];		/* of last, and a dot */
	time_t s = (time_t)(wall_ns / 1000000000u);
	unsigned ns = (unsigned)(wall_ns % 1000000000u);
	struct tm tm;
	int i;

	if (s != last) {
		gmtime_r(&s, &tm);
		(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S.", &tm);
		last = s;
	}
	memcpy(out, text, 20);
	for (i = 28; i >= 20; i--, ns /= 10)
		out[i] = (char)('0' + ns % 10);
	out[29] = 'Z';
	out[30] = '\0';
}

int
clock_parse(const char *s, uint64_t *wall_ns)
{
	struct tm tm = { 0 };
	const char *rest;
	char again[RFC3339_LEN], *end;
	uint64_t ns;

	if (strlen(s) != RFC3339_LEN - 1)
		return -EINVAL;
	rest = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	if (rest == NULL || *rest != '.')
		return -EINVAL;
	ns = strtoul(rest + 1, &end, 10);
	if (strcmp(end, "Z") != 0 || timegm(&tm) < 0)
		return -EINVAL;
	ns += (uint64_t)timegm(&tm) * 1000000000u;
	clock_format(ns, again);
	if (strcmp(s, again) != 0)
		return -EINVAL;
	*wall_ns = ns;
	return 0;
}

void
uuid_random(char out[UUID_LEN])
{
	unsigned char b[16];

	arc4random_buf(b, sizeof(b));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	(void)snprintf(out, UUID_LEN,
	    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
	    "%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5],
	    b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}
