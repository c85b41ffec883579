/*
 * Which host ids the roles and payloads of a root monitor have.  Without root
 * everything is the owner's.
 *
 * Where the package's users exist, all of them, each role has its own; that
 * is the system mode, in which an ordinary owner's payloads have ids of the
 * range too.  Else the roles have ids of a range that is claimed under a lock.
 */
#ifndef COVEN_MONITOR_UIDS_H
#define COVEN_MONITOR_UIDS_H

#include <sys/types.h>

#include <stdbool.h>

#include "common/msg.h"
#include "coven-monitor/owner.h"

#define UIDS_BASE	1879048192u	/* 0x70000000: above login's ranges */
#define UIDS_PER_RANGE	1024u
#define UIDS_RANGES	256u
#define UIDS_SLOT0	16u		/* the first ids are the roles' */

struct uids_role {
	uid_t	 uid;
	gid_t	 gid;
};

struct uids {
	uid_t	 base;		/* 0: no range, ids are not switched */
	struct uids_role roles[ROLE__COUNT];
	bool	 system;	/* they are the package's users */
	int	 trial;		/* id map that tries file systems, or -1 */
	int	 lock;		/* held for life */
	uint8_t	 used[UIDS_PER_RANGE - UIDS_SLOT0];
};

/* Claim a range when the monitor is root.  0 or -errno. */
int	uids_claim(struct uids *, const struct owner *);
/* The ids of a role's process, SPAWN_KEEP_ID without root. */
struct uids_role uids_role(const struct uids *, enum role);

/*
 * Can a payload with an id of the range work on this folder: is it the
 * owner's, and can its file system be id-mapped?  Tried, where it matters:
 * owner root's payloads have no choice.
 */
bool	uids_can_range(struct uids *, const struct owner *, int folder);
/*
 * The id a payload has on the host: the owner's, or one of the range that no
 * live session has.  Owner root's is never his.  *slot is -1 when none was
 * taken.
 */
int	uids_take(struct uids *, const struct owner *, bool range, uid_t *,
	    int *slot);
void	uids_give(struct uids *, int slot);

#endif
