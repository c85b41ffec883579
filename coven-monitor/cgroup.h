/*
 * A cgroup for each session, where our own cgroup's folder (version 2) can be
 * written.  It is there to be killed as one, by covenctl panic, when nothing
 * of us answers any more; and where memory and pids controllers can be turned
 * on for it, to hold the session to its bounds (cgroup_hold.c).  Where there
 * is none, the pid namespace of each init and rlimits serve.
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
	unsigned	controllers;	/* in force in each; see below */
	unsigned	tries;		/* to turn them on */
	bool		leaf;		/* we have moved into one */
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

/*
 * Turn the controllers on, for which we must not live in the folder that
 * holds the sessions' (cgroups(7), no internal processes): we move into a
 * leaf beside it.  Whoever else lives there is left alone, and it is tried
 * again with a later session.
 */
void	cgroup_delegate(struct cgroup *);
void	cgroup_undelegate(struct cgroup *);

/*
 * Hold a session to its bounds, before its init is told of it.  disk is where
 * its project lies.  The mask of controllers that do; the others' bounds are
 * somebody else's to keep.
 */
unsigned	cgroup_hold(const struct cgroup *, unsigned number,
		    const struct bounds *, dev_t disk);

/* Did its kernel end processes of the session for want of memory? */
bool	cgroup_oom(const struct cgroup *, unsigned number);

/* One word to one file.  0 or -errno. */
int	cgroup_write(int dir, const char *name, const char *text);

/* Remove what is left, and the folder. */
void	cgroup_close(struct cgroup *);

#endif
