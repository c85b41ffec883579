/* selftest: the suite's own processes, from /proc. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "covenctl/procs.h"
#include "covenctl/selftest.h"

/* SETUID, SETGID, KILL and SYS_ADMIN: all that a root monitor keeps. */
#define MONITOR_CAPS	UINT64_C(0x2000e0)

static const struct {
	const char	*name;
	uint64_t	 may;		/* capabilities */
} known[] = {
	{ "coven-monitor", MONITOR_CAPS },
	{ "coven-apid", 0 },
	{ "coven-stored", 0 },
	{ "coven-runner", 0 },
	{ "coven-init", 0 },
	{ "coven-confread", 0 },
};

static void
judge(struct role_row *r, const struct proc *p, uint64_t may)
{
	uint64_t have = p->permitted | p->effective | p->ambient;
	bool waiting = proc_is_init(p) && !proc_has_session(p);

	(void)snprintf(r->how, sizeof(r->how),
	    "seccomp %u, no_new_privs %d, capabilities %llx%s", p->seccomp,
	    (int)p->no_new_privs, (unsigned long long)have,
	    waiting ? " in its own namespace" : "");
	if (p->seccomp != 2)
		(void)snprintf(r->wrong, sizeof(r->wrong),
		    "it has no filter");
	else if (!p->no_new_privs)
		(void)snprintf(r->wrong, sizeof(r->wrong),
		    "it can gain privileges");
	else if (waiting ? !proc_own_userns(p->pid) : (have & ~may) != 0)
		(void)snprintf(r->wrong, sizeof(r->wrong),
		    "it holds capabilities that it may not");
}

/* Whom the host takes the session for: root without powers is root still. */
static void
take_payload(void *ctx, const struct proc *p)
{
	struct door_row *d = selftest_door(ctx, "processes", "host-root");

	if (d == NULL || d->inside == RESULT_OPEN)
		return;
	d->inside = p->uid == 0 ? RESULT_OPEN : RESULT_BLOCKED;
	(void)snprintf(d->how, sizeof(d->how), "uid %u", (unsigned)p->uid);
	(void)snprintf(d->what, sizeof(d->what), "be the host's root");
}

static void
take(void *ctx, const struct proc *p)
{
	struct selftest *s = ctx;
	struct role_row *r;

	if (p->zombie || s->nroles == ROLES_MAX)
		return;
	for (size_t i = 0; i < nitems(known); i++) {
		if (strcmp(known[i].name, p->name) != 0)
			continue;
		r = &s->roles[s->nroles++];
		(void)snprintf(r->name, sizeof(r->name), "%s%s", p->name,
		    proc_is_init(p) && !proc_has_session(p) ? " (waiting)" :
		    "");
		r->pid = p->pid;
		judge(r, p, known[i].may);
		if (proc_has_session(p))
			proc_children(p->pid, take_payload, s);
	}
}

void
selftest_roles(struct selftest *s)
{
	pid_t monitor = home_lock_holder(&s->ctl->home);
	struct proc p;

	s->nroles = 0;
	if (monitor == 0 || !proc_read(monitor, &p))
		return;
	take(s, &p);
	proc_children(monitor, take, s);
}
