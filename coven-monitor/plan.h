/*
 * What a sandbox holds, row by row, as the init is told it.
 */
#ifndef COVEN_MONITOR_PLAN_H
#define COVEN_MONITOR_PLAN_H

#include "coven-monitor/pair.h"
#include "coven-monitor/session.h"

/*
 * Everything the init and the runner of s are told: what to build around the
 * payload, and once the session is on record, to execute it.  0, or -errno
 * with *step naming what failed.
 */
int	plan_build(struct session *, const char **step);
int	plan_go(struct session *, const char **step);

struct plan_row {
	enum mount_op	 op;
	uint32_t	 flags;
	const char	*source, *target;
	const void	*data;
	size_t		 len;
};

/* One row.  0 or -errno. */
int	plan_row(struct pair *, const struct plan_row *);
/* plan_host.c: the rows of every sandbox, whatever it runs. */
int	plan_host(struct pair *);
/*
 * What those rows show of the host, as a digest: other files at their paths,
 * or other mounts, make another.  0 or -errno.
 */
int	plan_host_view(struct monitor *, uint8_t out[DIGEST_LEN]);
/*
 * A folder or file of the owner's at target: opened and compared, or for a
 * payload that is not the owner an id-mapped mount.  Absent is -ENOENT unless
 * flags say MOUNT_F_OPTIONAL.
 */
int	plan_tree(struct session *, const char *source, const char *target,
	    uint32_t flags);
/* The same of what fd, which is borrowed, was found at source. */
int	plan_held(struct session *, int fd, const char *source,
	    const char *target, uint32_t flags);
/* The owner's home folder, at whose path the sandbox has a private one. */
const char *plan_home(const struct pair *);

/* plan_state.c: the harness's state in that home. */
int	plan_state(struct session *);
/* Where path lies in a private folder of the harness: a mount point there. */
int	plan_state_point(struct session *, const char *path);
/* plan_exec.c: program, arguments, environment in a sealed memfd. */
int	plan_exec(struct session *);

#endif
