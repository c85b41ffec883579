/*
 * Log lines: verb, object, cause.  Each goes to descriptor 2 as one write of
 * at most LIMIT_LOG_LINE bytes, prefixed "<N>" with its syslog priority.  In a
 * child, descriptor 2 is a pipe to the monitor, which bounds, escapes and
 * prefixes what arrives; nothing here trusts that, so control bytes are
 * escaped at the source as well.
 */
#ifndef COVEN_COMMON_LOG_H
#define COVEN_COMMON_LOG_H

#include <stdint.h>

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARN = 4,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

/* Allows a burst of ten lines, then one a second; counts what it held back. */
struct log_limit {
	int64_t		next_ns;
	unsigned	burst;
	unsigned	held;
};

/* name is borrowed for the life of the process; NULL for a bare child. */
void	log_init(const char *name, enum log_level max);
void	log_at(enum log_level, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
/* True if the caller may log now; says how many were held when it resumes. */
int	log_allowed(struct log_limit *, const char *what);

#define log_error(...)	log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)	log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)	log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * For a broken invariant, a failure before serving, or a failure to confine
 * oneself; never for input.  Logs and exits FATAL_STATUS.
 */
#define FATAL_STATUS	70

void	fatal(const char *fmt, ...)
	    __attribute__((format(printf, 1, 2), noreturn));

#endif
