/*
 * What store.c and store_event.c share.
 */
#ifndef COVEN_STORED_STORE_INTERNAL_H
#define COVEN_STORED_STORE_INTERNAL_H

#include <stdint.h>

#include "common/audit.h"

struct db;

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
	uint64_t	 durable_seq;	/* the same, as committed */
	uint8_t		 chain_id[AUDIT_CHAIN_LEN];
	struct chain	 chain, durable_chain;
};

/* Once, when the file is open and its statements are prepared. */
int	store_audit_open(struct store *);

#endif
