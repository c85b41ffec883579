#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/human.h"
#include "covenctl/text.h"

int64_t
human_age_ms(const char *created_at)
{
	struct timespec now;
	struct tm tm = { 0 };
	int64_t ms;

	if (created_at == NULL ||
	    strptime(created_at, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return -1;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	ms = ((int64_t)now.tv_sec - (int64_t)timegm(&tm)) * 1000;
	/* A clock that was set back makes nothing younger than new. */
	return ms > 0 ? ms : 0;
}

void
human_age(int64_t ms, char *out, size_t len)
{
	static const struct {
		int64_t	s;
		char	unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	int64_t s = ms / 1000;
	size_t i = 0;

	(void)snprintf(out, len, "-");
	if (ms < 0)
		return;
	while (i + 1 < nitems(units) && s < units[i].s)
		i++;
	(void)snprintf(out, len, "%" PRId64 "%c", s / units[i].s,
	    units[i].unit);
}

void
human_bytes(int64_t v, const char *after, char *out, size_t len)
{
	static const char units[] = "\0KMGTPE";
	int64_t tenths = v * 10;
	size_t u = 0;

	if (v < 0 || v > INT64_MAX / 10) {
		(void)snprintf(out, len, "-");
		return;
	}
	while (tenths >= 10240 && u + 2 < sizeof(units)) {
		tenths /= 1024;
		u++;
	}
	if (u == 0)
		(void)snprintf(out, len, "%" PRId64 "%s", v, after);
	else if (tenths < 100)
		(void)snprintf(out, len, "%" PRId64 ".%" PRId64 "%c%s",
		    tenths / 10, tenths % 10, units[u], after);
	else
		(void)snprintf(out, len, "%" PRId64 "%c%s", tenths / 10,
		    units[u], after);
}

void
human_percent(int64_t v, char *out, size_t len)
{
	if (v < 0)
		(void)snprintf(out, len, "-");
	else
		(void)snprintf(out, len, "%" PRId64 "%%", v);
}

void
human_count(int64_t v, char *out, size_t len)
{
	if (v < 0)
		(void)snprintf(out, len, "-");
	else
		(void)snprintf(out, len, "%" PRId64, v);
}

void
human_text(const char *s, size_t max, char *out, size_t len)
{
	autobuf struct buf b = { 0 };
	size_t n;

	s = s != NULL && *s != '\0' ? s : "-";
	text_line(&b, s, strlen(s), max);
	n = buf_left(&b);
	/* Escapes make it longer: cut where a code point ends. */
	if (n >= len) {
		n = len - 1;
		n -= utf8_tail(buf_head(&b), n);
	}
	memcpy(out, buf_head(&b), n);
	out[n] = '\0';
}
