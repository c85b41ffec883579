/*
 * Files that bulk is appended to, beside the database.
 *
 * A database in WAL mode writes everything twice, and what a session prints
 * by the megabyte would then cost the disk twice.  So large blocks go into a
 * segment, and the database keeps where they lie.  Their bytes are synced
 * before the transaction that names them commits; what no committed row
 * names was never written, and its place is used again.
 */
#ifndef COVEN_STORED_SEGMENT_H
#define COVEN_STORED_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define SEGMENT_NAME	"segment.%08u"
#define SEGMENT_FDS	8	/* kept open for reading */

/* Where a block lies. */
struct place {
	uint32_t	segment;	/* from 1; 0: nowhere */
	uint64_t	at;
	uint64_t	size;
};

struct segments {
	int		fd;		/* of the one that grows, or -1 */
	uint32_t	number, durable_number;
	uint64_t	at, durable_at;	/* its end; what is committed of it */
	bool		unsynced;
	struct {
		int		fd;
		uint32_t	number;
	}		reads[SEGMENT_FDS];
	unsigned	next_read;	/* the place that is given up next */
};

/* end: behind the last block that any row names, living or dead. */
void	segments_init(struct segments *, const struct place *end);
void	segments_fini(struct segments *);

/* Append n bytes; not durable before segments_sync.  0 or -errno. */
int	segments_append(struct segments *, const void *, size_t n,
	    struct place *);
int	segments_sync(struct segments *);
/* The rows that name what was appended are committed, or never will be. */
void	segments_committed(struct segments *);
void	segments_rolled_back(struct segments *);

/* Append a block's bytes to out.  0; -EUCLEAN when they are not there. */
int	segments_read(struct segments *, const struct place *, struct buf *out);

/*
 * No row names it any more, on disk too: give its space back.  whole: nothing
 * of its segment is named.  Where the file system has no holes, space comes
 * back with the whole segment.  0 or -errno.
 */
int	segments_free(struct segments *, const struct place *, bool whole);

#endif
