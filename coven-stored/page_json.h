/*
 * A page of events as clients get it, written once, into the memory that it
 * leaves from.
 */
#ifndef COVEN_STORED_PAGE_JSON_H
#define COVEN_STORED_PAGE_JSON_H

#include "coven-stored/store.h"

/* The longest page, its ends included. */
#define PAGE_JSON_MAX	((size_t)LIMIT_REPLY)

struct page_json {
	/* in */
	struct store	*store;
	char		*to;
	size_t		 room;		/* bytes there */
	const char	*session_id;
	uint32_t	 limit;		/* 0: all or STORE_TOO_LARGE */
	/* out */
	size_t		 len;
	uint32_t	 rows;
	bool		 more;
	char		 text[64 + UUID_LEN];	/* as page_events */

	/* its own */
	char		*middle;
	size_t		 middle_len;
	uint64_t	 last;
	int		 outcome;
};

#define PAGE_NO_ROOM	(-1000)		/* it needs more, up to PAGE_JSON_MAX */

/* As page_events: 0, STORE_TOO_LARGE with text, PAGE_NO_ROOM, or -errno. */
int	page_json_events(struct page_json *, int64_t key, uint64_t after);

#endif
