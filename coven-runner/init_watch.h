/* What the watchdog of a session (init_watch.c) counts, and against what. */
#ifndef COVEN_RUNNER_INIT_WATCH_H
#define COVEN_RUNNER_INIT_WATCH_H

#include <stdint.h>

#include "common/bounds.h"
#include "common/loop.h"

struct init;

struct init_watch {
	struct timer	 timer;
	uint64_t	 memory;	/* bytes; 0: not watched */
	uint64_t	 disk_free;	/* bytes; 0: not watched */
	uint64_t	 processes;	/* and threads; 0: not watched */
	uint64_t	 shared;	/* on the whole host, at the start */
	uint64_t	 memory_seen, threads_seen;
};

/* The sum of one look at every process. */
struct watch_seen {
	uint64_t	 threads;
	uint64_t	 private_bytes;	/* in memory or swapped out */
	uint64_t	 mapped;	/* of what is shared and in no file */
};

/* After the payload was started. */
void		 init_watch_start(struct init *);
/* Which bound a payload's end is due to, by its wait status. */
enum bound	 init_watch_ended(const struct init *, int status,
		    uint64_t maxrss_kib);

/* "key: number" of a status file but for its first line; 0: not there. */
uint64_t	 watch_number(const char *text, const char *key);
/* Bytes of System V segments in a /proc/sysvipc/shm. */
uint64_t	 watch_segments(const char *text);

#endif
