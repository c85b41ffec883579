/*
 * A cgroup for each session, where our own cgroup's folder (version 2) can be
 * written.  It needs no controller: it is there to be killed as one, by
 * covenctl panic, when nothing of us answers any more.  Where there is none,
 * the pid namespace of each init serves.
 */
#ifndef COVEN_MONITOR_CGROUP_H
#define COVEN_MONITOR_CGROUP_H

#include <sys/types.h>

#include <stdbool.h>

#include "common/bounds.h"
#include "common/cgroup2.h"

struct cgroup {
	int		parent, dir;	/* -1: there is none */
	char		name[CGROUP2_NAME_MAX];
	unsigned	last;		/* the newest session's number */
	unsigned	left;		/* that could not be removed yet */
};

/*
 * Make the folder for this home's sessions, which owner may kill.  What an
 * earlier monitor left in it is killed.  Before root gives up its rights.
 */
void	cgroup_open(struct cgroup *, const struct stat *home, uid_t owner);

/* A new cgroup with pid in it: its number, or 0 when there is none. */
unsigned	cgroup_add(struct cgroup *, pid_t);
void	cgroup_remove(struct cgroup *, unsigned);

/* Controllers, as bits. */
enum { CGROUP_MEMORY = 1, CGROUP_PIDS = 2, CGROUP_CPU = 4, CGROUP_IO = 8 };

/* Does this controller count for the session? */
bool	cgroup_has(const struct cgroup *, unsigned number, unsigned controller);
/* Which bound its kernel says was hit: BOUND_MEMORY, _PROCESSES or _NONE. */
enum bound	cgroup_limit_hit(const struct cgroup *, unsigned number);

/* Remove what is left, and the folder. */
void	cgroup_close(struct cgroup *);

#endif
