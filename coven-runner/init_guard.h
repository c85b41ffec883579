/* What a session must not make where it is not there (init_guard.c). */
#ifndef COVEN_RUNNER_INIT_GUARD_H
#define COVEN_RUNNER_INIT_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/loop.h"

struct init;

#define GUARDED		"commondir"

struct init_guard {
	struct buf	 paths;		/* of git folders without one */
	int		*folders;	/* the same, open */
	size_t		 nfolders;
	struct timer	 again;		/* where the kernel does not tell */
};

/* A git folder to be guarded; path as init_mount_of takes it.  0 or -errno. */
int	init_guard_add(struct init *, const char *path);
/* A step: begin.  0 or -errno. */
int	init_guard(struct init *);
/* Something came into one of them (SIGIO), or somebody says so. */
void	init_guard_look(struct init *);
/* When no process is left: remove what was made.  True: something was. */
bool	init_guard_sweep(struct init *);

#endif
