/*
 * The audit as a client sees it: records page by page, a file of records and
 * heads, and where the heads and their key are kept.
 */
#ifndef COVEN_COVENCTL_AUDIT_H
#define COVEN_COVENCTL_AUDIT_H

#include "common/audit.h"
#include "covenctl/api.h"

/* Nonzero ends the walk and is its status. */
typedef int	 audit_cb(void *ctx, const struct jr *record);

struct audit_pages {
	uint64_t	after;		/* in and out: the last one seen */
	uint32_t	wait_ms;	/* for the first page, if it is empty */
	uint8_t		chain[AUDIT_CHAIN_LEN];	/* out, as is count */
	uint64_t	count;
};

/*
 * Every record after a number.  0, what cb answered, or an exit status,
 * explained.
 */
int	audit_each(struct ctl *, struct audit_pages *, audit_cb *, void *);

/*
 * A record as it came; it borrows from the value.  digest is NULL when there
 * is none.  0, or -EPROTO when it is no record.
 */
struct audit_parsed {
	struct audit_record	record;
	uint8_t			bytes[DIGEST_LEN];
	const uint8_t		*digest;
};
int	audit_parse(const struct jr *, struct audit_parsed *);

/* The public key: 0, or an exit status, explained.  path NULL: the home's. */
int	audit_key(struct ctl *, const char *path,
	    uint8_t public[AUDIT_PUBLIC_LEN]);

typedef void	 audit_head_cb(void *ctx, const struct audit_head *);

/*
 * Every head of a file, in its order.  What is no head is counted, and told
 * on standard error.  path NULL: the home's, which may be absent.
 */
int	audit_heads(struct ctl *, const char *path, audit_head_cb *, void *);

#endif
