/*
 * Events side by side, as they lie on disk: a head of fixed size, then the
 * payload, for each.  Numbers are little-endian.  No I/O here.
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

/* Bytes that a payload of len takes. */
size_t	 block_size(size_t len);
/* Append one event; room for block_size() must be left in out. */
void	 block_put(struct buf *out, const struct store_event *);

enum { BLOCK_END = 1 };

/*
 * The event at *p, of *left bytes, and go past it; its payload points into
 * the block.  0, BLOCK_END, or -EUCLEAN when that is no event.
 */
int	 block_next(const char **p, size_t *left, struct store_event *);

#endif
