#include <stdlib.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/idmap.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/plan.h"
#include "coven-monitor/spare.h"
#include "coven-monitor/session.h"
#include "sandbox/role.h"

static void
refill_in(struct monitor *m, int64_t ms)
{
	if (m->stopping || !m->spare.serving || m->conf.prepared == 0)
		return;
	if (!timer_running(&m->spare.timer))
		timer_start(m->loop, &m->spare.timer, ms);
}

/* One that cannot be made is tried again, ever more rarely. */
static void
refill_later(struct monitor *m)
{
	int64_t ms = LIMIT_RESTART_LAST_MS;

	if (m->spare.fails < 8)
		ms = (int64_t)LIMIT_RESTART_FIRST_MS << m->spare.fails;
	timer_stop(m->loop, &m->spare.timer);
	m->spare.fails++;
	refill_in(m, ms);
}

/* --- which --- */

static unsigned
count(const struct monitor *m, bool network)
{
	const struct pair *p;
	unsigned n = 0;

	for (p = m->spares; p != NULL; p = p->next)
		if (p->state != PAIR_ENDING && p->network == network)
			n++;
	return n;
}

static unsigned
wanted(const struct monitor *m, bool network)
{
	unsigned others = m->conf.prepared > 1 &&
	    m->spare.used[!m->spare.latest] ? 1 : 0;

	return network == m->spare.latest ? m->conf.prepared - others :
	    others;
}

static bool
being_made(const struct monitor *m)
{
	const struct pair *p;

	for (p = m->spares; p != NULL; p = p->next)
		if (p->state == PAIR_STARTING || p->state == PAIR_BUILDING)
			return true;
	return false;
}

/* The oldest: it has had the most time to settle. */
static struct pair *
waiting(const struct monitor *m, bool network)
{
	struct pair *p, *found = NULL;

	for (p = m->spares; p != NULL; p = p->next)
		if (p->state == PAIR_WAITING && p->network == network)
			found = p;
	return found;
}

/* --- making one --- */

static void
on_deadline(struct timer *t)
{
	spare_failed(t->ctx, "spare", "not ready in time");
}

static void
make(struct monitor *m, bool network)
{
	uint8_t view[DIGEST_LEN];
	const char *step;
	struct pair *p = NULL;
	int r;

	/* Taken before anything is built: what changes since is noticed. */
	r = plan_host_view(m, view);
	if (r == 0)
		r = pair_new(m, network, m->uids.system, &p);
	if (r < 0 || p == NULL) {
		refill_later(m);
		return;
	}
	if (memcmp(view, m->spare.view, DIGEST_LEN) != 0)
		spares_discard(m, NULL);
	memcpy(m->spare.view, view, DIGEST_LEN);
	p->next = m->spares;
	m->spares = p;
	p->deadline = (struct timer){ .cb = on_deadline, .ctx = p };
	timer_start(m->loop, &p->deadline, LIMIT_LAUNCH_MS);
	r = pair_spawn(p, ROLE_SPARE, &step);
	if (r < 0)
		spare_failed(p, step, strerror(-r));
}

static void
on_refill(struct timer *t)
{
	struct monitor *m = t->ctx;
	bool kinds[2] = { m->spare.latest, !m->spare.latest };
	unsigned n = count(m, false) + count(m, true), i;

	for (i = 0; i < nitems(kinds) && !being_made(m); i++) {
		bool full = n >= m->conf.prepared;
		struct pair *other = waiting(m, !kinds[i]);

		if (count(m, kinds[i]) >= wanted(m, kinds[i]))
			continue;
		/* One gives way to the first of a kind, no more than that. */
		if (full && (count(m, kinds[i]) != 0 || other == NULL))
			continue;
		if (full)
			pair_end(other);
		make(m, kinds[i]);
	}
}

/* --- what it says --- */

void
spare_ready(struct pair *p)
{
	struct msg_init_prepare prepare = { .network = p->network };
	const struct owner *o = &p->monitor->owner;
	int r;

	if (p->state != PAIR_STARTING)
		return;
	p->state = PAIR_BUILDING;
	FAILPOINT("monitor.before-spare");
	/* Where it cannot be made now, the launch says so. */
	if (p->slot >= 0)
		p->idmap = idmap_open(o->uid, o->gid, p->uid, p->gid);
	if (p->idmap < 0)
		p->idmap = -1;
	r = plan_host(p);
	if (r == 0)
		r = chan_send(&p->init.control, MSG_INIT_PREPARE, &prepare,
		    -1);
	if (r < 0)
		spare_failed(p, "plan", strerror(-r));
}

void
spare_built(struct pair *p)
{
	struct monitor *m = p->monitor;

	p->state = PAIR_WAITING;
	timer_stop(m->loop, &p->deadline);
	m->spare.fails = 0;
	log_debug("spare: init %d and runner %d wait", (int)p->init.pid,
	    (int)p->runner.pid);
	refill_in(m, 0);
}

void
spare_failed(struct pair *p, const char *step, const char *text)
{
	struct monitor *m = p->monitor;

	if (p->state == PAIR_ENDING)
		return;
	if (log_allowed(&m->limit, "children"))
		log_warn("spare: %s: %s", step, text);
	pair_end(p);
	refill_later(m);
}

void
spare_ended(struct pair *p, const struct child *c)
{
	struct monitor *m = p->monitor;

	if (p->state != PAIR_ENDING)
		spare_failed(p, msg_role_name(c->role), "it ended");
	else if (pair_dead(p))
		pair_free(p);
	supervise_check_stop(m);
}

/* --- taking them --- */

struct pair *
spare_take(struct monitor *m, bool network)
{
	struct pair *p = waiting(m, network), **at;
	uint8_t now[DIGEST_LEN];

	if (p == NULL)
		return NULL;
	if (plan_host_view(m, now) < 0 ||
	    memcmp(now, m->spare.view, DIGEST_LEN) != 0) {
		spares_discard(m, "what it shows of the host has changed");
		return NULL;
	}
	for (at = &m->spares; *at != p; at = &(*at)->next)
		;
	*at = p->next;
	return p;
}

void
spares_refill(struct monitor *m, bool network)
{
	m->spare.latest = network;
	m->spare.used[network] = true;
	refill_in(m, LIMIT_SPARE_AFTER_MS);
}

void
spares_discard(struct monitor *m, const char *why)
{
	struct pair *p, *next;

	if (why != NULL && m->spares != NULL)
		log_info("spare: discarded: %s", why);
	for (p = m->spares; p != NULL; p = next) {
		next = p->next;
		pair_end(p);
	}
	refill_in(m, LIMIT_SPARE_AFTER_MS);
}

void
spares_start(struct monitor *m)
{
	size_t i;

	if (m->spare.serving || mode_alone(m))
		return;
	m->spare.serving = true;
	m->spare.timer = (struct timer){ .cb = on_refill, .ctx = m };
	for (i = 0; i < m->harnesses.n; i++)
		if (m->harnesses.v[i].row.available)
			m->spare.used[gateway_rules(m, &m->harnesses.v[i],
			    "", NULL)] = true;
	refill_in(m, LIMIT_SPARE_AFTER_MS);
}

void
spares_stop(struct monitor *m)
{
	m->spare.serving = false;
	timer_stop(m->loop, &m->spare.timer);
	spares_discard(m, NULL);
}
