/* What a session's two processes may say to the monitor. */
#include "coven-monitor/monitor.h"
#include "coven-monitor/session.h"

static int
on_init_started(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;

	(void)msg;
	(void)fd;
	if (c->session->state == SESSION_LAUNCHING)
		session_started(c->session);
	else if (c->session->state != SESSION_FAILED)
		return chan_blame(ch, "started without being told to");
	return 0;
}

static int
on_init_failed(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;

	(void)fd;
	if (c->session->state == SESSION_SPAWNING ||
	    c->session->state == SESSION_LAUNCHING)
		session_fail(c->session, msg->init_failed.step, "%s",
		    msg->init_failed.text);
	else if (c->session->state != SESSION_FAILED)
		return chan_blame(ch, "a failure after its start");
	return 0;
}

chan_handler *const on_init_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_INIT_STARTED] = on_init_started,
	[MSG_INIT_FAILED] = on_init_failed,
};

chan_handler *const on_runner_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
};
