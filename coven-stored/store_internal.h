/*
 * What store.c and store_event.c share.
 */
#ifndef COVEN_STORED_STORE_INTERNAL_H
#define COVEN_STORED_STORE_INTERNAL_H

#include <stdint.h>

struct db;

/* Documents of one session; its key times this is the first (migrate.c). */
#define STORE_DOCS	INT64_C(1024)

struct store {
	struct db	*db;
	uint64_t	 salt[2];	/* keys the event ids */
	uint64_t	 seq;		/* last number given out */
	uint64_t	 durable_seq;	/* the same, as committed */
};

#endif
