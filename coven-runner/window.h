/*
 * The writes that stored has not acknowledged, kept for replay.  No I/O here.
 *
 * Writes are numbered from 1 without a gap.  Each is pushed once, sent in
 * order, and dropped when an acknowledgement covers it; a new channel to
 * stored says where to go on.
 */
#ifndef COVEN_RUNNER_WINDOW_H
#define COVEN_RUNNER_WINDOW_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/msg.h"

#define WINDOW_WRITES	192

struct write {
	enum msg_type		 type;		/* EVENT or RUN_EXIT */
	union {
		struct msg_event	event;	/* its payload is owned */
		struct msg_run_exit	exit;
	};
};

struct window {
	/* a place more than events may use: the end always fits */
	struct write	 ring[WINDOW_WRITES + 1];
	unsigned	 first, count;		/* un-acknowledged */
	unsigned	 unsent;		/* the last of those */
	uint64_t	 last;			/* highest number given */
	uint64_t	 sent, acked;		/* highest so far */
	size_t		 bytes;
};

void	 window_init(struct window *);
void	 window_fini(struct window *);

unsigned window_unacked(const struct window *);
/* No further event may be pushed until something is acknowledged. */
bool	 window_full(const struct window *);

/* Number and keep an event; its payload is copied.  Not when full. */
void	 window_event(struct window *, uint64_t time_ns, const void *, size_t);
/* The last write; once. */
void	 window_exit(struct window *, const struct msg_run_exit *);

/* The next write to send, or NULL; window_did_send when it has been. */
const struct write	*window_next(const struct window *);
void	 window_did_send(struct window *);

/* All up to n are durable.  0, or -EPROTO when n cannot be true. */
int	 window_ack(struct window *, uint64_t n);
/* The same, and everything after n is to be sent again. */
int	 window_resume(struct window *, uint64_t n);

#endif
