/*
 * Building the rows of an answer: encoded records, bounded by what they will
 * weigh as JSON, since that is what clients have limits for.
 */
#ifndef COVEN_STORED_PAGE_H
#define COVEN_STORED_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/clock.h"
#include "coven-stored/store.h"

struct page {
	struct store	*store;
	struct buf	 out;
	uint32_t	 rows, limit;
	size_t		 bytes;		/* as JSON */
	bool		 more;
	int		 outcome;
	const char	*session_id;
	char		 text[64 + UUID_LEN];
};

void	page_init(struct page *, struct store *);
void	page_fini(struct page *);

/*
 * limit 0 is everything that fits, and more says that not all did.  At least
 * one session always fits.  0 or -errno.
 */
int	page_sessions(struct page *, const struct store_list *);
int	page_session(struct page *, const char *id);	/* or STORE_NOT_FOUND */

/*
 * A page of events after a number.  With limit 0, all of them or
 * STORE_TOO_LARGE; with a limit, as many as fit, or STORE_TOO_LARGE when not
 * even the first does.  text then names the event: "SEQ\tID".
 */
int	page_events(struct page *, int64_t key, const char *session_id,
	    uint64_t after, uint32_t limit);

/*
 * The chain, then its records after a number, at most limit and as many as
 * fit; rows counts the records.
 */
int	page_audit(struct page *, const struct audit_head *last,
	    uint64_t after, uint32_t limit);

/* What n bytes weigh between the quotes of a JSON string. */
size_t	json_escaped_len(const char *, size_t n);

#endif
