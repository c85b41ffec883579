/*
 * What the workers on one folder have in common: archiver, extractor and
 * remover each hold one, walk it by descriptors, never follow a link, never
 * cross a mount, and answer once.
 */
#ifndef COVEN_COMMON_WORKER_H
#define COVEN_COMMON_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a job ended, in REMOVED, PACKED and UNPACKED. */
enum worker_code {
	WORKER_DONE,		/* all of it */
	WORKER_LEFT,		/* done, but for what the counters say */
	WORKER_LIMIT,		/* a bound of size or count ended it early */
	WORKER_LATE,		/* its time was up */
	WORKER_REFUSED,		/* unpack: the archive holds what it must not */
	WORKER_FAILED,		/* an error, which is told */
	WORKER_NONE,		/* there is nothing to work on */
	WORKER__COUNT
};

#define WORKER_NAME_MAX	256	/* of a name as it is told */

/* "done", "left out", ...; "?" for a number that is none. */
const char	*worker_outcome(uint32_t code);

/*
 * Open one name, or a path of names, beneath dir: no link, no mount, nothing
 * outside.  A descriptor or -errno (-EXDEV: a mount, -ELOOP: a link).
 */
int	worker_open(int dir, const char *name, uint64_t flags, uint64_t mode);

/* name in printable ASCII, cut to WORKER_NAME_MAX - 1; the rest is '?'. */
void	worker_name(const char *name, char out[WORKER_NAME_MAX]);

/* A deadline that is cheap to ask for. */
struct worker_clock {
	int64_t		at_ns;
	unsigned	asked;
	bool		late;
};

void	worker_clock_start(struct worker_clock *, uint32_t ms);
bool	worker_late(struct worker_clock *);

#endif
