/* What the API process may ask of the monitor. */
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/who.h"

static int
on_who(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct msg_who_reply reply = { .tag = msg->who.tag };

	reply.inside = who_is(c->monitor, *fd);
	child_tell(c, MSG_WHO_REPLY, &reply);
	return 0;
}

static int
on_who_pid(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct msg_who_reply reply = { .tag = msg->who_pid.tag };

	(void)fd;
	reply.inside = who_is_pid(c->monitor, msg->who_pid.pid,
	    msg->who_pid.accepted_ns);
	child_tell(c, MSG_WHO_REPLY, &reply);
	return 0;
}

/*
 * The route has compared the identity before; compared again here, because
 * the sender may be the attacker.  The worst a captured API process gains is
 * an orderly stop.
 */
static int
on_stop(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct monitor *m = c->monitor;

	if (msg->stop.pid != (uint32_t)getpid() ||
	    strcmp(msg->stop.started_at, m->sock.started_at) != 0 ||
	    strcmp(msg->stop.socket, m->sock.path) != 0)
		return chan_blame(ch, "a stop for another daemon");
	if (m->stop_conn == -1)
		m->stop_conn = mem_steal_fd(fd);
	supervise_stop(m, "asked by the owner");
	return 0;
}

/*
 * Its word ends nobody: were it the liar, it could end stored at will.  It
 * gets a new channel, and if stored lies there too, that is all it gets.
 */
static int
on_peer_end(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct monitor *m = c->monitor;

	(void)fd;
	if (msg->peer_end.role != ROLE_STORED)
		return chan_blame(ch, "the end of a channel it never had");
	if (msg->peer_end.lied && log_allowed(&m->limit, "children"))
		log_error("child %s[%d]: refused by apid",
		    msg_role_name(ROLE_STORED), (int)m->stored.pid);
	supervise_join_again(m);
	return 0;
}

chan_handler *const on_apid_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_WHO] = on_who,
	[MSG_WHO_PID] = on_who_pid,
	[MSG_STOP] = on_stop,
	[MSG_PEER_END] = on_peer_end,
	[MSG_TOKEN_ROTATE] = token_on_rotate,
	[MSG_TOKEN_SEEN] = token_on_seen,
};
