/*
 * Paired tokens: stored has them on record, this is what apid verifies by,
 * and the routes that make, list and revoke them.
 */
#ifndef COVEN_APID_PAIRINGS_H
#define COVEN_APID_PAIRINGS_H

#include "common/msg.h"
#include "common/scope.h"
#include "common/token.h"

struct apid;
struct rows;

struct pairing {
	uint64_t	 id;		/* never given twice */
	char		*name, *scopes;	/* owned */
	uint8_t		 digest[DIGEST_LEN];
	unsigned	 mask;		/* of scopes */
	uint64_t	 created_ns, expires_ns, used_ns;	/* wall clock */
	int64_t		 noted_ns;	/* its last use on record; 0: none */
	bool		 over;		/* its callers have been closed */
};

void	pairing_fini(struct pairing *);

/* Ask stored for all of them: there is a new channel to it. */
void	pairings_ask(struct apid *);
/* Its answer. */
void	pairings_on_list(struct apid *, const struct msg_reply *,
	    struct rows *);
void	pairings_fini(struct apid *);

/* The one with this id that has not ended, or NULL. */
struct pairing	*pairing_find(struct apid *, uint64_t id);
bool		 pairing_ended(const struct pairing *);
/* It was used: tell stored. */
void		 pairing_used(struct apid *, struct pairing *);

#endif
