/*
 * What bounds one session: the numbers of [limits] that hold for it, and the
 * name of the one that ended it.
 *
 * A set of them is this struct and nothing else: whoever is to be held to
 * another one is given another one.
 */
#ifndef COVEN_COMMON_BOUNDS_H
#define COVEN_COMMON_BOUNDS_H

#include <stdint.h>

#include "common/conf.h"

struct bounds {
#define BOUND(f, ...)	uint32_t f;
#include "common/bounds.def"
#undef BOUND
};

/* Which of them ended a session: RUN_EXIT.limit and others. */
enum bound {
	BOUND_NONE,
	BOUND_MEMORY,
	BOUND_PROCESSES,
	BOUND_CPU,
	BOUND_WALL,
	BOUND_OUTPUT,
	BOUND_DISK,
	BOUND_FILE,
	BOUND_WORKSPACE,
	BOUND_PROTECTED,	/* it made what git would believe */
	BOUND__COUNT
};

/* As clients see it; "" for none, and for a number that is none of these. */
const char	*bound_name(uint32_t);

/*
 * Those of the harness where the configuration has any, else everybody's.
 * memory_mib is never 0 afterwards: memory_set says whether it was given.
 */
void	bounds_of(const struct conf *, const char *harness, struct bounds *,
	    int *memory_set);

#endif
