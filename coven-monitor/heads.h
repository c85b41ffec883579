/*
 * audit.heads: a line a head, appended, on disk before anything follows, and
 * never read here.  stored cannot open it, so what it has said stays said.
 */
#ifndef COVEN_MONITOR_HEADS_H
#define COVEN_MONITOR_HEADS_H

#include <sys/types.h>

#include "common/audit.h"
#include "common/loop.h"

struct monitor;

struct heads {
	int			 fd;
	dev_t			 dev;
	ino_t			 ino;
	bool			 torn;	/* the last line has no end */
	struct audit_head	 head;	/* the newest */
	bool			 due;	/* it is not in the file yet */
	int			 error;	/* why, as last told */
	int64_t			 next_ns;	/* not before: see LIMIT_ */
	struct timer		 again;
};

/* 0, or an exit status after one logged line. */
int	heads_open(struct monitor *);
/* A newer one: it covers those before it. */
void	heads_take(struct monitor *, const struct audit_head *);
/* stored has ended: what it said last is written now, or never. */
void	heads_flush(struct monitor *);

#endif
