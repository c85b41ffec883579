#include <sys/sysinfo.h>

#include <stdlib.h>

#include "common/bounds.h"
#include "common/mem.h"

#define MIB	(UINT64_C(1) << 20)

static const char *const names[BOUND__COUNT] = {
	[BOUND_NONE] = "",
	[BOUND_MEMORY] = "memory",
	[BOUND_PROCESSES] = "processes",
	[BOUND_CPU] = "cpu",
	[BOUND_WALL] = "wall_clock",
	[BOUND_OUTPUT] = "output",
	[BOUND_DISK] = "disk",
	[BOUND_FILE] = "file_size",
	[BOUND_WORKSPACE] = "workspace",
	[BOUND_PROTECTED] = "protected",
};

const char *
bound_name(uint32_t bound)
{
	return bound < nitems(names) ? names[bound] : "";
}

static uint32_t
one_of(uint32_t everybodys, const struct conf_list *own, const char *harness)
{
	const char *text, *last = NULL;
	size_t at = 0;

	/* The owner's file comes after the system's, and the last holds. */
	while ((text = conf_part_next(own, harness, &at)) != NULL)
		last = text;
	return last != NULL ? (uint32_t)strtoul(last, NULL, 10) : everybodys;
}

static uint32_t
most_of_the_machine(void)
{
	struct sysinfo si;
	uint64_t mib = 1024;

	if (sysinfo(&si) == 0)
		mib = (uint64_t)si.totalram * si.mem_unit / MIB / 4 * 3;
	return mib == 0 ? 1 : mib > UINT32_MAX ? UINT32_MAX : (uint32_t)mib;
}

void
bounds_of(const struct conf *c, const char *harness, struct bounds *b,
    int *memory_set)
{
#define BOUND(f, ...)	b->f = one_of(c->limit_##f, &c->harness_limit_##f, \
			    harness);
#include "common/bounds.def"
#undef BOUND
	*memory_set = b->memory_mib != 0;
	if (b->memory_mib == 0)
		b->memory_mib = most_of_the_machine();
}
