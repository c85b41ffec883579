/*
 * What a session may last and print.  The runner is no ancestor of the
 * payload: it asks the monitor to end it, and remembers why.
 */
#include "common/bounds.h"
#include "common/log.h"
#include "coven-runner/run.h"

/* The first reason is the reason: an end brings others with it. */
void
run_note_limit(struct run *r, uint32_t limit)
{
	if (r->limit == BOUND_NONE)
		r->limit = limit;
}

static void
over(struct run *r, enum bound limit)
{
	struct msg_run_over m = { .limit = limit };

	if (r->limit != BOUND_NONE || r->has_exit || r->init_gone)
		return;
	run_note_limit(r, limit);
	log_info("end the payload: its %s limit", bound_name(limit));
	(void)chan_send(&r->control, MSG_RUN_OVER, &m, -1);
}

static void
on_wall(struct timer *t)
{
	over(t->ctx, BOUND_WALL);
}

void
run_bound(struct run *r, const struct msg_run_go *go)
{
	r->most = go->output;
	r->wall = (struct timer){ .cb = on_wall, .ctx = r };
	if (go->wall_s != 0)
		timer_start(r->loop, &r->wall, (int64_t)go->wall_s * 1000);
}

void
run_bound_end(struct run *r)
{
	timer_stop(r->loop, &r->wall);
}

bool
run_said_too_much(struct run *r)
{
	if (r->most == 0 || r->stream[OUT_STDOUT].bytes +
	    r->stream[OUT_STDERR].bytes <= r->most)
		return false;
	over(r, BOUND_OUTPUT);
	return true;
}

int
run_on_limit(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;

	(void)fd;
	if (m->run_limit.limit >= BOUND__COUNT)
		return chan_blame(c, "limit %u", m->run_limit.limit);
	r->has_limit = true;
	/* An init that has said how the payload ended knows why. */
	if (!r->has_exit)
		run_note_limit(r, m->run_limit.limit);
	return 0;
}
