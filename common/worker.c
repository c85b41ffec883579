#include <sys/syscall.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "common/worker.h"

#define LOOK_EVERY	64	/* entries between two looks at the clock */

const char *
worker_outcome(uint32_t code)
{
	static const char *const names[WORKER__COUNT] = {
		[WORKER_DONE] = "done",
		[WORKER_LEFT] = "left out",
		[WORKER_LIMIT] = "limit",
		[WORKER_LATE] = "time",
		[WORKER_REFUSED] = "refused",
		[WORKER_FAILED] = "failed",
		[WORKER_NONE] = "nothing there",
	};

	return code < WORKER__COUNT ? names[code] : "?";
}

int
worker_open(int dir, const char *name, uint64_t flags, uint64_t mode)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
	    RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };
	long fd;

	do {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	} while (fd == -1 && errno == EINTR);
	return fd == -1 ? -errno : (int)fd;
}

void
worker_name(const char *name, char out[WORKER_NAME_MAX])
{
	size_t i;

	for (i = 0; i < WORKER_NAME_MAX - 1 && name[i] != '\0'; i++)
		out[i] = name[i] > ' ' && name[i] <= '~' ? name[i] : '?';
	out[i] = '\0';
}

void
worker_clock_start(struct worker_clock *c, uint32_t ms)
{
	*c = (struct worker_clock){ .at_ns = loop_now_ns() +
	    (int64_t)ms * 1000000 };
}

bool
worker_late(struct worker_clock *c)
{
	if (!c->late && c->asked++ % LOOK_EVERY == 0)
		c->late = loop_now_ns() >= c->at_ns;
	return c->late;
}
