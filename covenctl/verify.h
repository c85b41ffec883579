/*
 * Does an audit trail hold?  Records come in one by one, in the order in
 * which they are on record; heads come before them.  No I/O here.
 *
 * A record is proven by a head: everything before the record that a head
 * names is covered by its digest.  What is not, is only chained: it has not
 * been changed since the next head is signed, and until then who says?
 */
#ifndef COVEN_COVENCTL_VERIFY_H
#define COVEN_COVENCTL_VERIFY_H

#include <stdbool.h>

#include "common/audit.h"

/* What stands in the way, in the order in which it is looked for. */
enum verify_fault {
	VERIFY_HOLDS,
	VERIFY_FORGED,		/* a head's signature is not of the key */
	VERIFY_OTHER_CHAIN,	/* heads of a chain that is not here */
	VERIFY_NO_HEAD,		/* nothing is proven */
	VERIFY_CHANGED,
	VERIFY_MOVED,		/* first stands where last should */
	VERIFY_LATE,		/* first comes after last */
	VERIFY_REMOVED,		/* first to last are not here */
	VERIFY_REWRITTEN,	/* chained anew: the head knows others */
};

struct known_head {
	struct audit_head	 head;
	/* one over more records was signed before: the store went back */
	bool			 late;
	/* no record that it covers is younger than this */
	uint64_t		 until_ns;
};

struct verify {
	uint8_t			 chain[AUDIT_CHAIN_LEN];
	struct known_head	*heads;		/* by count, of this chain */
	size_t			 nheads, next_head, cap;
	uint64_t		 highest;	/* count of a head so far */
	struct audit_head	 other;		/* last of another chain */
	uint8_t			 digest[DIGEST_LEN];	/* of the last one */
	uint64_t		 n;		/* the last one's number */
	struct audit_head	 proven;	/* the last that agreed */

	enum verify_fault	 fault;
	uint64_t		 first, last;	/* the records it is about */
	struct audit_head	 head;		/* the head it is about */
	char			 at[RFC3339_LEN];	/* of the young one */

	/* to tell moved from changed, and late from removed */
	uint8_t			 before[DIGEST_LEN], claimed[DIGEST_LEN];
	uint64_t		 seen;
	/* to tell which was rewritten */
	uint64_t		 young;		/* the first one that is */
	char			 young_at[RFC3339_LEN];
};

void	verify_init(struct verify *, const uint8_t chain[AUDIT_CHAIN_LEN]);
void	verify_fini(struct verify *);

/* In the order of the file.  The key is what they must be signed with. */
void	verify_head(struct verify *, const struct audit_head *,
	    const uint8_t public[AUDIT_PUBLIC_LEN]);
/*
 * The next record, with the digest that stands beside it; NULL when none
 * does.  Returns false when nothing that follows can change the outcome.
 */
bool	verify_record(struct verify *, const struct audit_record *,
	    const uint8_t *digest);
/* That was the last one. */
enum verify_fault	verify_end(struct verify *);

/* "record 5 was changed": one sentence, without its full stop. */
void	verify_explain(const struct verify *, char *out, size_t len);

#endif
