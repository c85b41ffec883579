/*
 * Protected paths in a project and in folders that were added to it
 * (common/protect.def), as the walk of init_mask.c comes past them.
 */
#ifndef COVEN_RUNNER_PROTECT_H
#define COVEN_RUNNER_PROTECT_H

#include <stdbool.h>

#include "coven-runner/init.h"

/* What a folder's list tells of it. */
enum protect_saw {
	SAW_GIT = 1,		/* a .git: the top of a repository */
	SAW_HEAD = 2,
	SAW_OBJECTS = 4,
	SAW_COMMONDIR = 8,
	SAW_ROOT = 16,		/* it is the project's root */
	SAW_GIT_NAME = 32,	/* it is called .git */
};

unsigned protect_saw(const char *name);
/* May something protected lie in such a folder? */
bool	 protect_wanted(unsigned saw);
/* Remember what does.  prefix: its path for init_mount_of, with a '/'. */
int	 protect_find(struct init *, int dir, const char *prefix,
	    unsigned saw);

#endif
