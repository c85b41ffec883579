/*
 * The ends of sessions' events, in memory: what a transaction adds, and the
 * last block of a session while it is small.  A small block grows with each
 * commit until it is full, so that a page of small events is a few rows and
 * not a thousand.
 */
#ifndef COVEN_STORED_TAIL_H
#define COVEN_STORED_TAIL_H

#include <sys/queue.h>
#include <sys/tree.h>

#include <stdbool.h>

#include "coven-stored/block.h"

struct tail {
	RB_ENTRY(tail)	 tree;		/* tails.all, by key */
	TAILQ_ENTRY(tail) link;		/* tails.clean or .dirty */
	int64_t		 key;
	struct span	 row;		/* what the block on record covers */
	struct span	 fresh;		/* what this transaction adds */
	struct buf	 data;		/* both, in this order */
	size_t		 nrow;		/* bytes of the first */
	bool		 touched;	/* in this transaction */
};

RB_HEAD(tail_tree, tail);
RB_PROTOTYPE(tail_tree, tail, tree, tail_cmp)
TAILQ_HEAD(tail_list, tail);

struct tails {
	struct tail_tree	 all;
	struct tail_list	 clean;		/* least recently used first */
	struct tail_list	 dirty;		/* touched, in that order */
	unsigned		 count;
};

void	 tails_init(struct tails *);
void	 tails_fini(struct tails *);

/* The tail of this session, or NULL when it is not here. */
struct tail	*tails_find(struct tails *, int64_t key);
/* An empty one that is not here yet. */
struct tail	*tails_add(struct tails *, int64_t key);
void	 tails_drop(struct tails *, struct tail *);

/* This transaction changes it, or what lies on disk for it. */
void	 tails_touch(struct tails *, struct tail *);
/* Forget what was touched: it is read again when it is needed. */
void	 tails_rolled_back(struct tails *);
/* Keep it; and no more of them than a bound. */
void	 tails_committed(struct tails *);

#endif
