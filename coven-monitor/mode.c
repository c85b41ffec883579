#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/family.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/session.h"
#include "sandbox/profile.h"

bool
mode_alone(const struct monitor *m)
{
	return m->mode == SANDBOX_LANDLOCK;
}

void
mode_choose(struct monitor *m)
{
	int r;

	if (strcmp(m->conf.minimum, "landlock") != 0)
		return;
	owner_become(&m->owner, m->owner.uid, m->owner.gid);
	r = profile_probe_session();
	owner_restore(&m->owner);
	if (r == 0)
		return;
	m->mode = SANDBOX_LANDLOCK;
	m->cannot_adopt = family_adopt();
	log_warn("sandbox: landlock: namespaces or a fresh /proc are refused "
	    "(%s), and sandbox.minimum lets sessions do without: files are "
	    "kept apart, protected paths are not, and there is no network",
	    strerror(-r));
}

/* --- what such a session may not be -------------------------------------- */

static bool
no_landlock(struct session *s)
{
	(void)s;
	return landlock_abi() == 0;
}

static bool
no_adoption(struct session *s)
{
	return s->monitor->cannot_adopt != 0;
}

static bool
root_owner(struct session *s)
{
	return s->monitor->owner.uid == 0;
}

/* What bounds an owner's processes is a limit that root does not have. */
static bool
root_without_pids(struct session *s)
{
	struct monitor *m = s->monitor;

	if (!m->owner.root)
		return false;
	cgroup_delegate(&m->cgroup);
	return (m->cgroup.controllers & CGROUP_PIDS) == 0;
}

static bool
isolated(struct session *s)
{
	return s->run.isolated != 0;
}

static bool
task(struct session *s)
{
	return s->run.workspace != 0;
}

static bool
network(struct session *s)
{
	return s->network;
}

static const struct {
	bool		(*is_so)(struct session *);
	const char	*why;
} refusals[] = {
	{ no_landlock, "this kernel has no Landlock, or a filter refuses it: "
	    "let the container's seccomp profile pass the three landlock_* "
	    "calls, or allow namespaces" },
	{ no_adoption, "what a session leaves could not be found: /proc here "
	    "has no list of children; give the container its own /proc, or "
	    "allow namespaces" },
	{ root_owner, "a payload is never host uid 0, and without namespaces "
	    "root's files are nobody else's: run the daemon as an ordinary "
	    "user, or with --owner UID for one, or allow namespaces" },
	{ root_without_pids, "the daemon is root and there is no pids "
	    "controller to count an owner's processes: give the container a "
	    "writable cgroup (version 2) with pids, or run the daemon as the "
	    "owner" },
	{ isolated, "an isolated session needs an overlay, which needs "
	    "namespaces" },
	{ task, "a workspace of its own needs a root of its own, which needs "
	    "namespaces" },
	{ network, "this harness reaches hosts through the gateway, which "
	    "needs a network namespace: allow namespaces, or empty its lists "
	    "(network.builtin = \"off\")" },
};

enum run_code
mode_judge(struct session *s, char *why, size_t len)
{
	size_t i;

	for (i = 0; mode_alone(s->monitor) && i < nitems(refusals); i++) {
		if (!refusals[i].is_so(s))
			continue;
		(void)snprintf(why, len, "sandbox mode landlock: %s",
		    refusals[i].why);
		return RUN_ERROR;
	}
	return RUN_OK;
}
