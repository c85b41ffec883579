/*
 * Bounds of a session that the monitor keeps, or hears about: its runner
 * counts time and output, and ends nothing itself; its init counts memory and
 * processes and does; what is left is processor time, and what a cgroup says.
 */
#include "common/limits.h"
#include "coven-monitor/session.h"

/* Before the end itself is heard of: it comes on another channel. */
static void
tell(struct session *s)
{
	struct child *c = &s->pair->runner;
	struct msg_run_limit m = { .limit = s->limit };

	if (child_alive(c) && (c->control.state == CS_SERVING ||
	    c->control.state == CS_STOPPING))
		child_tell(c, MSG_RUN_LIMIT, &m);
}

void
session_over(struct session *s, enum bound limit)
{
	if (s->limit != BOUND_NONE || s->killing)
		return;
	s->limit = limit;
	log_info("session %s: ended by its %s limit", s->id,
	    bound_name(limit));
	tell(s);
	session_kill(s, s->monitor->conf.kill_grace_ms);
}

static void
on_look(struct timer *t)
{
	struct session *s = t->ctx;
	struct usage u;

	if (s->state != SESSION_RUNNING)
		return;
	if (usage_read(s, &u) &&
	    u.cpu_us / 1000000 >= s->bounds.cpu_s) {
		session_over(s, BOUND_CPU);
		return;
	}
	timer_start(s->monitor->loop, t, LIMIT_WATCH_MS);
}

void
session_watch(struct session *s)
{
	s->over = (struct timer){ .cb = on_look, .ctx = s };
	if (s->bounds.cpu_s != 0)
		timer_start(s->monitor->loop, &s->over, LIMIT_WATCH_MS);
}

void
session_tell_limit(struct session *s)
{
	timer_stop(s->monitor->loop, &s->over);
	/* What happened to one that was being ended is not why it ended. */
	if (s->limit == BOUND_NONE && !s->killing && s->pair->init.oom) {
		s->limit = BOUND_MEMORY;
		log_info("session %s: ended by its %s limit", s->id,
		    bound_name(s->limit));
	}
	tell(s);
}
