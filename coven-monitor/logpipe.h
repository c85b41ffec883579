/*
 * What children log: bounded, escaped, prefixed with the role, rate-limited,
 * and emitted for the journal.  A child's bytes are never trusted.
 */
#ifndef COVEN_MONITOR_LOGPIPE_H
#define COVEN_MONITOR_LOGPIPE_H

#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"

struct logpipe {
	struct source	 source;
	struct loop	*loop;
	char		 tag[64];	/* "apid[12]" */
	char		 line[LIMIT_LOG_LINE];
	size_t		 len;
	bool		 overlong;
	struct log_limit limit;
};

/* Makes the pipe; *child is the writing end, the caller's.  0 or -errno. */
int	logpipe_open(struct logpipe *, struct loop *, const char *tag,
	    int *child);
void	logpipe_close(struct logpipe *);	/* reads what is left first */

#endif
