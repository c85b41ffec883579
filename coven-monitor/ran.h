/*
 * Ids of sessions that were started: none is started a second time.  The last
 * RAN_MAX of this process's life are remembered.
 */
#ifndef COVEN_MONITOR_RAN_H
#define COVEN_MONITOR_RAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RAN_MAX	65536

struct ran_id {
	uint64_t	half[2];
};

struct ran {
	struct ran_id	*ids;		/* grows to RAN_MAX, then turns over */
	size_t		 n, next;
};

/* id is a UUID in text. */
void	ran_add(struct ran *, const char *id);
bool	ran_has(const struct ran *, const char *id);
void	ran_fini(struct ran *);

#endif
