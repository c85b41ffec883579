/*
 * Standard input on its way to a session, in a process of its own: reading a
 * terminal or a pipe may block for as long as it likes while the parent
 * follows the output.
 */
#ifndef COVEN_COVENCTL_FEED_H
#define COVEN_COVENCTL_FEED_H

#include <sys/types.h>

#include <stdbool.h>

#include "covenctl/ctl.h"
#include "covenctl/detach.h"

#define FEED_BYTES	1u	/* as it comes */
#define FEED_LINES	2u	/* a line a message, without its newline */
#define FEED_EOF	4u	/* pass the end on as well */

#define FEED_LINE_MAX	((size_t)1 << 20)

/* Is there a standard input worth forwarding? */
bool	feed_wanted(void);

/* The feeder's exit status when the keys that leave were typed. */
#define FEED_DETACHED	3

/*
 * The feeder's pid, or -errno.  It exits 0, FEED_DETACHED, or 1 after saying
 * what failed.  detach: NULL, or the keys to look for.
 */
pid_t	feed_start(struct ctl *, const char *id, unsigned flags,
	    struct detach *);
void	feed_stop(pid_t *);	/* kill, reap, clear */

/*
 * One POST of input, repeated while the daemon says that its queue is full.
 * 0, FEED_OVER when the session has ended, or an exit status, explained.
 */
#define FEED_OVER	(-1)
int	feed_send(struct ctl *, const char *id, const char *, size_t,
	    bool eof);

#endif
