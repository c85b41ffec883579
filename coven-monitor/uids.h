/*
 * Which host ids the roles and payloads of a root monitor have: a range of
 * its own, claimed under a lock.  Without root everything is the owner's.
 */
#ifndef COVEN_MONITOR_UIDS_H
#define COVEN_MONITOR_UIDS_H

#include <sys/types.h>

#include "common/msg.h"
#include "coven-monitor/owner.h"

#define UIDS_BASE	1879048192u	/* 0x70000000: above login's ranges */
#define UIDS_PER_RANGE	1024u
#define UIDS_RANGES	256u
#define UIDS_SLOT0	16u		/* the first ids are the roles' */

struct uids {
	uid_t	 base;		/* 0: no range, ids are not switched */
	int	 lock;		/* held for life */
	uint8_t	 used[UIDS_PER_RANGE - UIDS_SLOT0];
};

/* Claim a range when the monitor is root.  0 or -errno. */
int	uids_claim(struct uids *, const struct owner *);
/* The id of a role's process, SPAWN_KEEP_ID without root. */
uid_t	uids_role(const struct uids *, enum role);

/*
 * The id a payload has on the host: the owner's, or for owner root one of
 * the range that no live session has.  *slot is -1 when none was taken.
 */
int	uids_take(struct uids *, const struct owner *, uid_t *, int *slot);
void	uids_give(struct uids *, int slot);

#endif
