/*
 * What a sandbox holds, row by row, as the init is told it.
 */
#ifndef COVEN_MONITOR_PLAN_H
#define COVEN_MONITOR_PLAN_H

#include "coven-monitor/session.h"

struct plan_row {
	enum mount_op	 op;
	uint32_t	 flags;
	const char	*source, *target;
	const void	*data;
	size_t		 len;
};

/* One row.  0 or -errno. */
int	plan_row(struct session *, const struct plan_row *);
/*
 * A folder or file of the owner's at target: opened and compared, or for a
 * payload that is not the owner an id-mapped mount.  Absent is -ENOENT unless
 * flags say MOUNT_F_OPTIONAL.
 */
int	plan_tree(struct session *, const char *source, const char *target,
	    uint32_t flags);
/* The owner's home folder, at whose path the sandbox has a private one. */
const char *plan_home(const struct session *);

/* plan_state.c: the harness's state in that home. */
int	plan_state(struct session *);
/* Where path lies in a private folder of the harness: a mount point there. */
int	plan_state_point(struct session *, const char *path);
/* plan_exec.c: program, arguments, environment in a sealed memfd. */
int	plan_exec(struct session *);

#endif
