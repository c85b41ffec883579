/* What a session adds to a workspace of its own (init_quota.c). */
#ifndef COVEN_RUNNER_INIT_QUOTA_H
#define COVEN_RUNNER_INIT_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/loop.h"

#define QUOTA_DEPTH	64	/* what lies deeper is hidden */
#define QUOTA_NAMES	4096	/* bytes of names, a level */

struct init;

struct quota_level {
	int	fd;
	size_t	at, len;
	char	names[QUOTA_NAMES] __attribute__((aligned(8)));
};

struct init_quota {
	struct timer	 timer;
	int		 folder;		/* or -1: the project itself */
	uint64_t	 max_bytes, max_files;	/* 0: not watched */
	uint64_t	 free_bytes, free_files;	/* at the start */
	uint64_t	 last_bytes, last_files;	/* at a verdict */
	uint64_t	 seen_bytes, seen_files;	/* and what that was */
	uint64_t	 now_bytes, now_files;	/* of the walk under way */
	bool		 hidden;		/* it met what it cannot list */
	unsigned	 looks;
	size_t		 depth;			/* 0: no walk is under way */
	struct quota_level *levels;		/* QUOTA_DEPTH of them */
};

/* After the payload was started. */
void	init_quota_start(struct init *);

#endif
