#include <stdio.h>
#include <string.h>

#include "common/family.h"
#include "common/limits.h"
#include "common/log.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/orphans.h"

#define AGAIN_MS	5

static struct child *known;

void
orphans_know(struct child *c)
{
	c->next_known = known;
	known = c;
}

void
orphans_forget(struct child *c)
{
	struct child **at;

	for (at = &known; *at != NULL; at = &(*at)->next_known) {
		if (*at != c)
			continue;
		*at = c->next_known;
		return;
	}
}

static bool
is_known(void *ctx, pid_t pid)
{
	const struct child *c;

	(void)ctx;
	for (c = known; c != NULL; c = c->next_known)
		if (c->pid == pid)
			return true;
	return false;
}

static void
on_again(struct timer *t)
{
	orphans_follow(t->ctx);
}

void
orphans_follow(struct child *c)
{
	struct monitor *m = c->monitor;
	char name[64];
	int r;

	/* Where there is a cgroup, no fork is quicker than this. */
	if (m->cgroup.dir != -1 && c->cgroup != 0) {
		(void)snprintf(name, sizeof(name), "s%u/cgroup.kill",
		    c->cgroup);
		(void)cgroup_write(m->cgroup.dir, name, "1");
	}
	r = family_end(is_known, NULL);
	c->ending = r == 1;
	if (c->ending) {
		c->linger = (struct timer){ .cb = on_again, .ctx = c };
		timer_start(m->loop, &c->linger, AGAIN_MS);
		return;
	}
	if (r < 0 && log_allowed(&m->limit, "orphans"))
		log_error("end what an init has left: %s", strerror(-r));
	cgroup_remove(&m->cgroup, c->cgroup);
	c->cgroup = 0;
	c->ops->on_exit(c);
}
