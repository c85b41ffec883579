#include <linux/sched.h>
#include <sched.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-monitor/idmap.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/privacy.h"
#include "coven-monitor/session.h"
#include "coven-monitor/spare.h"
#include "sandbox/role.h"

#define NAMESPACES	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC | \
			CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET)

/* As the owner, but not as root; nor the id that means "not mapped". */
static uint32_t
inside(const struct pair *p, uint32_t id)
{
	if (mode_alone(p->monitor))
		return id;	/* there is no inside */
	return (id == 0 && p->slot >= 0) || id == 65534 ? 1000 : id;
}

const char *
pair_user(const struct pair *p)
{
	const struct owner *o = &p->monitor->owner;

	return o->uid == 0 ? "coven" : o->name;
}

int
pair_new(struct monitor *m, bool network, bool range, struct pair **out)
{
	struct pair *p = mem_zalloc(1, sizeof(*p));
	int r;

	p->monitor = m;
	p->network = network;
	p->slot = p->idmap = -1;
	p->init.pidfd.fd = p->runner.pidfd.fd = -1;
	p->init.pair = p->runner.pair = p;
	gateway_init(p);
	r = uids_take(&m->uids, &m->owner, range, &p->uid, &p->slot);
	if (r < 0) {
		free(p);
		return r;
	}
	p->gid = p->slot >= 0 ? p->uid : m->owner.gid;
	p->uid_in = inside(p, m->owner.uid);
	p->gid_in = inside(p, m->owner.gid);
	*out = p;
	return 0;
}

bool
pair_ready(const struct pair *p)
{
	return p->init.ready && p->runner.ready;
}

bool
pair_dead(const struct pair *p)
{
	return !child_alive(&p->init) && !p->init.ending &&
	    !child_alive(&p->runner) && gateway_dead(p);
}

void
pair_kill(struct pair *p)
{
	p->init.expected = p->runner.expected = true;
	child_kill(&p->init);
	child_kill(&p->runner);
	gateway_end(p);
}

void
pair_free(struct pair *p)
{
	struct monitor *m = p->monitor;
	struct pair **at;

	for (at = &m->spares; *at != NULL && *at != p; at = &(*at)->next)
		;
	if (*at == p)
		*at = p->next;
	timer_stop(m->loop, &p->deadline);
	gateway_end(p);
	mem_close(&p->idmap);
	uids_give(&m->uids, p->slot);
	free(p);
}

void
pair_end(struct pair *p)
{
	struct monitor *m = p->monitor;

	if (p->session != NULL) {
		p->session->pair = NULL;
		p->session = NULL;
		p->next = m->spares;
		m->spares = p;
	}
	p->state = PAIR_ENDING;
	timer_stop(m->loop, &p->deadline);
	pair_kill(p);
	if (pair_dead(p))
		pair_free(p);
}

/* --- identity --- */

void
pair_become(const struct pair *p)
{
	owner_become(&p->monitor->owner, p->uid, p->gid);
}

void
pair_restore(const struct pair *p)
{
	owner_restore(&p->monitor->owner);
}

int
pair_idmap(struct pair *p, int fd)
{
	const struct owner *o = &p->monitor->owner;
	int r;

	if (p->idmap == -1) {
		r = idmap_open(o->uid, o->gid, p->uid, p->gid);
		if (r < 0)
			return r;
		p->idmap = r;
	}
	return idmap_mount(fd, p->idmap);
}

/* --- what its processes do --- */

static void
on_ready(struct child *c)
{
	struct pair *p = c->pair;

	if (!pair_ready(p))
		return;
	if (p->session != NULL)
		session_pair_ready(p->session);
	else
		spare_ready(p);
}

static void
on_runner_ready(struct child *c)
{
	privacy_tell(c->monitor, c);
	on_ready(c);
}

static void
on_init_exit(struct child *c)
{
	/* Nobody is inside any more. */
	gateway_end(c->pair);
	if (c->pair->session != NULL)
		session_init_ended(c->pair->session);
	else
		spare_ended(c->pair, c);
}

static void
on_runner_exit(struct child *c)
{
	if (c->pair->session != NULL)
		session_runner_ended(c->pair->session);
	else
		spare_ended(c->pair, c);
}

static const struct child_ops init_ops = {
	.handlers = on_init_handlers,
	.on_ready = on_ready,
	.on_exit = on_init_exit,
};

static const struct child_ops runner_ops = {
	.handlers = on_runner_handlers,
	.on_ready = on_runner_ready,
	.on_exit = on_runner_exit,
};

/* --- starting them --- */

static int
spawn_init(struct pair *p, const char *title)
{
	const struct monitor *m = p->monitor;
	char ids[4][16];
	struct child_start st = {
		.arg = { ids[0], ids[1], ids[2], ids[3],
		    msg_sandbox_name(m->mode), title },
		.extra = -1,
		.uid = SPAWN_KEEP_ID,
	};
	int r;

	(void)snprintf(ids[0], sizeof(ids[0]), "%u", p->uid_in);
	(void)snprintf(ids[1], sizeof(ids[1]), "%u", p->uid);
	(void)snprintf(ids[2], sizeof(ids[2]), "%u", p->gid_in);
	(void)snprintf(ids[3], sizeof(ids[3]), "%u", p->gid);
	if (mode_alone(m) && m->owner.root) {
		st.uid = p->uid;
		st.gid = p->gid;
	}
	if (mode_alone(m))
		return child_spawn(&p->init, p->monitor, ROLE_INIT, &init_ops,
		    &st);
	st.namespaces = NAMESPACES;
	pair_become(p);
	r = child_spawn(&p->init, p->monitor, ROLE_INIT, &init_ops, &st);
	pair_restore(p);
	return r;
}

static int
spawn_runner(struct pair *p, const char *title)
{
	struct child_start st = { .arg = { ROLE_SESSION, title },
	    .extra = -1, .uid = SPAWN_KEEP_ID };

	if (p->monitor->owner.root) {
		st.uid = p->uid;
		st.gid = p->gid;
	}
	return child_spawn(&p->runner, p->monitor, ROLE_RUNNER, &runner_ops,
	    &st);
}

int
pair_spawn(struct pair *p, const char *title, const char **step)
{
	int r;

	p->state = PAIR_STARTING;
	*step = "namespaces";
	r = spawn_init(p, title);
	if (r < 0)
		return r;
	*step = "runner";
	return spawn_runner(p, title);
}
