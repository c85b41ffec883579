/*
 * Signed heads: from time to time stored says, to the monitor, what the last
 * digest of the chain is.  The monitor keeps that where stored cannot reach.
 */
#ifndef COVEN_STORED_HEADS_H
#define COVEN_STORED_HEADS_H

#include "common/loop.h"
#include "common/sign.h"

struct stored;

struct heads {
	struct sign_key		 key;
	bool			 has_key;
	uint32_t		 every;		/* records */
	struct audit_head	 last;		/* count 0: none in this life */
	int64_t			 last_ns;	/* the loop's clock */
	struct timer		 timer;
};

/* After a turn's commits: is another head due, or will it be? */
void	heads_look(struct stored *);
/* Before the end: one over everything that is on disk. */
void	heads_last(struct stored *);
void	heads_fini(struct stored *);

#endif
