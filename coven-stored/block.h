/*
 * Events side by side, as they lie on disk: a head of fixed size, then the
 * payload as a JSON string holds it, for each.  Numbers are little-endian.
 * No I/O here.
 */
#ifndef COVEN_STORED_BLOCK_H
#define COVEN_STORED_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "coven-stored/store.h"

#define BLOCK_HEAD	((size_t)24)	/* of one event */

/* What a run of events covers. */
struct span {
	uint64_t	first, last;		/* numbers */
	uint64_t	oldest_ns, newest_ns;	/* a clock may go back */
	uint32_t	count;			/* 0: empty, and all of it */
};

void	 span_add(struct span *, const struct store_event *);
/* a, then b behind it. */
struct span	 span_join(const struct span *a, const struct span *b);

/*
 * Append one event, its payload escaped as in a JSON string: that is how
 * pages carry it.
 */
void	 block_add(struct buf *out, const struct store_event *);
/* The same of an event from a block. */
void	 block_copy(struct buf *out, const struct store_event *);

enum { BLOCK_END = 1 };

/*
 * The event at *p, of *left bytes, and go past it; its payload, still
 * escaped, points into the block.  0, BLOCK_END, or -EUCLEAN when that is no
 * event.
 */
int	 block_next(const char **p, size_t *left, struct store_event *);

#endif
