/* What a session's two processes may say to the monitor. */
#include "coven-monitor/pair.h"
#include "coven-monitor/session.h"
#include "coven-monitor/spare.h"

static int
on_init_started(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct session *s = c->pair->session;

	(void)msg;
	(void)fd;
	if (s != NULL && s->state == SESSION_LAUNCHING)
		session_started(s);
	else if (s == NULL || s->state != SESSION_FAILED)
		return chan_blame(ch, "started without being told to");
	return 0;
}

static int
on_init_failed(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_init_failed *m = &msg->init_failed;
	struct child *c = ch->ctx;
	struct session *s = c->pair->session;

	(void)fd;
	if (s == NULL)
		spare_failed(c->pair, m->step, m->text);
	else if (s->state == SESSION_PREPARED)
		session_lose_pair(s);
	else if (s->state == SESSION_SPAWNING ||
	    s->state == SESSION_LAUNCHING)
		session_fail(s, m->step, "%s", m->text);
	else if (s->state != SESSION_FAILED)
		return chan_blame(ch, "a failure after its start");
	return 0;
}

static int
on_init_prepared(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;

	(void)msg;
	(void)fd;
	if (c->pair->state == PAIR_BUILDING)
		spare_built(c->pair);
	else if (c->pair->state != PAIR_ENDING)
		return chan_blame(ch, "built what it was not asked for");
	return 0;
}

static int
on_init_listener(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;

	(void)msg;
	if (gateway_take(c->pair, fd) < 0)
		return chan_blame(ch, "a listener that nobody asked for");
	return 0;
}

chan_handler *const on_init_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_INIT_STARTED] = on_init_started,
	[MSG_INIT_FAILED] = on_init_failed,
	[MSG_INIT_PREPARED] = on_init_prepared,
	[MSG_INIT_LISTENER] = on_init_listener,
};

static int
on_run_over(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct session *s = c->pair->session;
	uint32_t limit = msg->run_over.limit;

	(void)fd;
	if (limit != BOUND_WALL && limit != BOUND_OUTPUT)
		return chan_blame(ch, "limit %u is not its to keep", limit);
	if (s == NULL || s->state < SESSION_LAUNCHING)
		return chan_blame(ch, "a limit of nothing that runs");
	session_over(s, (enum bound)limit);
	return 0;
}

chan_handler *const on_runner_handlers[MSG__COUNT] = {
	[MSG_RUN_OVER] = on_run_over,
	[MSG_HELLO] = child_on_hello,
};
