#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"

static const char *log_name;
static enum log_level log_max = LOG_LEVEL_INFO;

void
log_init(const char *name, enum log_level max)
{
	log_name = name;
	log_max = max;
}

static void
log_v(enum log_level level, const char *fmt, va_list ap)
{
	char text[LIMIT_LOG_LINE / 2], line[LIMIT_LOG_LINE];
	size_t n = 0;
	int len;

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	len = snprintf(line, sizeof(line), "<%d>%s%s", (int)level,
	    log_name != NULL ? log_name : "", log_name != NULL ? ": " : "");
	if (len > 0)
		n = (size_t)len;
	for (const char *p = text; *p != '\0' && n + 6 < sizeof(line); p++) {
		unsigned char c = (unsigned char)*p;

		if (c >= 0x20 && c != 0x7f)
			line[n++] = (char)c;
		else
			n += (size_t)snprintf(line + n, sizeof(line) - n,
			    "\\x%02x", c);
	}
	line[n++] = '\n';
	/* A full or closed pipe must never stop a role: the line is lost. */
	if (write(STDERR_FILENO, line, n) == -1)
		return;
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_max)
		return;
	va_start(ap, fmt);
	log_v(level, fmt, ap);
	va_end(ap);
}

int
log_allowed(struct log_limit *l, const char *what)
{
	struct timespec ts;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	if (now >= l->next_ns) {
		l->burst = 0;
		l->next_ns = now + 1000000000;
		if (l->held != 0)
			log_info("%s: %u lines held back", what, l->held);
		l->held = 0;
	}
	if (l->burst >= 10) {
		l->held++;
		return 0;
	}
	l->burst++;
	return 1;
}

void
fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_v(LOG_LEVEL_ERROR, fmt, ap);
	va_end(ap);
	exit(FATAL_STATUS);
}
