#include <sys/prctl.h>
#include <sys/resource.h>

#include <cap-ng.h>
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/confine.h"
#include "sandbox/filter.h"

/* All that a root monitor keeps, and what for. */
static const struct {
	unsigned	 cap;
	const char	*why;
} kept[] = {
	{ CAP_SETUID, "act as the owner; give roles and payloads their ids" },
	{ CAP_SETGID, "the same, for groups" },
	{ CAP_KILL, "end children that have other ids" },
	{ CAP_SYS_ADMIN, "id-mapped mounts of the project and the store" },
};

static void
reduce(void)
{
	size_t i;

	capng_clear(CAPNG_SELECT_BOTH);
	for (i = 0; i < nitems(kept); i++)
		if (capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED |
		    CAPNG_BOUNDING_SET, kept[i].cap) != 0)
			fatal("confine: choose capability %u", kept[i].cap);
	if (capng_apply(CAPNG_SELECT_BOTH) != 0)
		fatal("confine: drop capabilities: %s", strerror(errno));
	/* libcap-ng reports success when it did nothing: read them back. */
	if (capng_get_caps_process() != 0)
		fatal("confine: read capabilities back");
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++) {
		bool want = false;

		for (i = 0; i < nitems(kept); i++)
			want |= kept[i].cap == cap;
		if (capng_have_capability(CAPNG_PERMITTED, cap) != want)
			fatal("confine: capability %u is %s", cap,
			    want ? "missing" : "still there");
	}
}

/*
 * A session costs eight descriptors, and the limit that shells and service
 * managers give is 1024, for programs that use select(2).  Every child has a
 * limit of its own.
 */
static void
raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return;
	files.rlim_cur = files.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) == -1)
		log_warn("raise the limit of descriptors: %s",
		    strerror(errno));
}

void
confine_self(bool root)
{
	const struct rlimit none = { 0, 0 };
	int r;

	if (root)
		reduce();
	raise_files();
	if (setrlimit(RLIMIT_CORE, &none) == -1)
		fatal("confine: no core files: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("confine: no new privileges: %s", strerror(errno));
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		fatal("confine: not dumpable: %s", strerror(errno));
	r = filter_load(FILTER_MONITOR);
	if (r < 0)
		fatal("confine: filter: %s", strerror(-r));
}
