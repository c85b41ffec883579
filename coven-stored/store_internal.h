/*
 * What store.c and the store_*.c beside it share.
 */
#ifndef COVEN_STORED_STORE_INTERNAL_H
#define COVEN_STORED_STORE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "common/audit.h"
#include "common/limits.h"
#include "coven-stored/segment.h"
#include "coven-stored/tail.h"

struct db;

#define STORE_SEQ_MAX	((UINT64_C(1) << 48) - 1)	/* twelve hex digits */

/* Documents of one session; its key times this is the first (migrate.c). */
#define STORE_DOCS	INT64_C(1024)

/* Where the audit trail has got to. */
struct chain {
	uint64_t	n;		/* of the last record */
	uint64_t	next;		/* the number that comes after it */
	uint8_t		digest[DIGEST_LEN];
};

struct store {
	struct db	*db;
	uint64_t	 salt[2];	/* keys the event ids */
	uint64_t	 seq;		/* last number given out */
	uint64_t	 old_first, old_last;	/* an earlier daemon's */
	uint64_t	 durable_seq;	/* the same, as committed */
	uint64_t	 version;	/* of what lists of sessions show */
	struct tails	 tails;
	struct segments	 segments;
	struct buf	 scratch;	/* a block that is being read */
	struct buf	 plain;		/* a payload of it, unescaped */
	bool		 dead_due;	/* places may wait to be given back */
	unsigned	 nfreed;	/* given back; their rows are there */
	struct place	 freed[LIMIT_STORE_FREED];
	uint8_t		 chain_id[AUDIT_CHAIN_LEN];
	struct chain	 chain, durable_chain;
};

/* Once, when the file is open and its statements are prepared. */
int	store_audit_open(struct store *);

/* store_import.c: events of an earlier daemon. */

int	 store_import_open(struct store *);
bool	 store_is_old(const struct store *, uint64_t seq);
/* Leaves out alone when it had no id that was kept. */
void	 store_old_id(const struct store *, uint64_t seq, char out[UUID_LEN]);
int	 store_old_seq(const struct store *, const char *id, uint64_t *seq);

/* store_block.c: where events lie, behind store_event.c. */

/* Find the end of the segments.  0 or -errno. */
int	 blocks_open(struct store *);
/* Add an event that has its number. */
int	 blocks_add(struct store *, int64_t key, const struct store_event *);
/* Write what the transaction has added; before it commits, and before its
 * own reads. */
int	 blocks_flush(struct store *);
int	 blocks_before_commit(struct store *);
void	 blocks_after_commit(struct store *);
void	 blocks_rolled_back(struct store *);

#endif
