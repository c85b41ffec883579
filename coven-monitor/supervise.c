/*
 * Who is started when, who is started again, and how everything ends.
 *
 *	stored -> its recovery -> apid -> serving
 *	stop: no more launches -> sessions end -> apid, stored end -> exit
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/applying.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/notify.h"
#include "coven-monitor/session.h"
#include "coven-monitor/spare.h"
#include "coven-monitor/storefd.h"
#include "coven-monitor/watch.h"
#include "sandbox/profile.h"

#define STABLE_NS		10000000000	/* a life that resets it */
#define JOIN_AGAIN_MS		100

static void	start_stored(struct timer *);
static void	start_apid(struct timer *);

int
monitor_join(struct child *a, struct child *b, const char *session)
{
	struct msg_peer to_a = { .role = b->role, .session = session };
	struct msg_peer to_b = { .role = a->role, .session = session };
	int pair[2], r;

	r = chan_pair(pair);
	if (r < 0)
		return r;
	r = chan_send(&a->control, MSG_PEER, &to_a, pair[0]);
	if (r == 0)
		r = chan_send(&b->control, MSG_PEER, &to_b, pair[1]);
	mem_close(&pair[0]);
	mem_close(&pair[1]);
	return r;
}

/* --- again, but not too fast --- */

static void
again(struct monitor *m, struct child *c, unsigned *fails, struct timer *t,
    timer_cb *cb)
{
	int64_t ms = LIMIT_RESTART_FIRST_MS;

	if (m->stopping)
		return;
	if (loop_now_ns() - c->started_ns > STABLE_NS)
		*fails = 0;
	if (*fails < 8)
		ms <<= *fails;
	else
		ms = LIMIT_RESTART_LAST_MS;
	(*fails)++;
	*t = (struct timer){ .cb = cb, .ctx = m };
	timer_start(m->loop, t, ms);
}

/* --- stored --- */

static void
on_stored_ready(struct child *c)
{
	struct monitor *m = c->monitor;
	struct msg_audit_key key = { .every = m->conf.audit_head_every };
	struct msg_serve serve = { .live = m->nlive,
	    .pair_max_days = m->conf.pair_max_days,
	    .archive_days = m->conf.archive_days,
	    .archive_total_mib = m->conf.archive_total_mib,
	    .archive_count = m->conf.archive_count,
	    .work_days = m->conf.work_days };

	m->recovered = false;
	privacy_tell(m, c);
	(void)chan_send(&c->control, MSG_AUDIT_KEY, &key, m->audit_key);
	session_rejoin_all(m);
	notify_status("settles what an earlier life left");
	(void)chan_send(&c->control, MSG_SERVE, &serve, -1);
}

static void
on_stored_exit(struct child *c)
{
	struct monitor *m = c->monitor;

	m->recovered = false;
	applying_stop(m);
	heads_flush(m);
	/* Which will not get better by trying: it has said what it is. */
	if (!m->notes.started && c->code == CLD_EXITED &&
	    c->status == EXIT_HOME)
		supervise_refuse(m, "the store is refused");
	else if (m->stopping)
		supervise_check_stop(m);
	else
		again(m, c, &m->stored_fails, &m->stored_again, start_stored);
}

static const struct child_ops stored_ops = {
	.handlers = on_stored_handlers,
	.on_ready = on_stored_ready,
	.on_exit = on_stored_exit,
};

static void
start_stored(struct timer *t)
{
	struct monitor *m = t->ctx;
	struct uids_role id = uids_role(&m->uids, ROLE_STORED);
	struct child_start st = { .extra = -1, .uid = id.uid, .gid = id.gid };
	autoclose int folder = -1;
	int r;

	notify_status("starts coven-stored");
	folder = storefd_open(m, &st.uid, &st.gid);
	if (folder == STOREFD_REFUSED) {
		supervise_refuse(m, "the store's folder is refused");
		return;
	}
	if (folder < 0) {
		r = folder;
	} else {
		st.extra = folder;
		r = child_spawn(&m->stored, m, ROLE_STORED, &stored_ops, &st);
	}
	if (r < 0)
		again(m, &m->stored, &m->stored_fails, &m->stored_again,
		    start_stored);
}

void
supervise_recovered(struct monitor *m)
{
	m->recovered = true;
	notes_flush(m);
	if (!m->notes.started)
		note(m, AUDIT_START, NULL, "%s, pid %d, for uid %u",
		    PACKAGE_STRING, (int)getpid(), (unsigned)m->owner.uid);
	m->notes.started = true;
	if (m->stopping)
		return;
	session_tell_gone(m);
	timer_stop(m->loop, &m->join_again);
	if (child_alive(&m->apid) && m->apid.ready)
		(void)monitor_join(&m->apid, &m->stored, "");
	else if (!child_alive(&m->apid) && !timer_running(&m->apid_again))
		start_apid(&m->apid_again);
}

/* A stored that died meanwhile is joined when it has recovered. */
static void
on_join_again(struct timer *t)
{
	struct monitor *m = t->ctx;

	if (!m->stopping && m->recovered && child_alive(&m->stored) &&
	    child_alive(&m->apid) && m->apid.ready)
		(void)monitor_join(&m->apid, &m->stored, "");
}

void
supervise_join_again(struct monitor *m)
{
	if (timer_running(&m->join_again))
		return;
	m->join_again = (struct timer){ .cb = on_join_again, .ctx = m };
	timer_start(m->loop, &m->join_again, JOIN_AGAIN_MS);
}

/* --- apid --- */

static unsigned
overflow_uid(void)
{
	autoclose int fd = open("/proc/sys/kernel/overflowuid",
	    O_RDONLY | O_CLOEXEC);
	char text[32] = "65534";

	if (fd != -1 && read(fd, text, sizeof(text) - 1) <= 0)
		(void)snprintf(text, sizeof(text), "65534");
	return (unsigned)strtoul(text, NULL, 10);
}

/* A switch of the daemon's environment, as clients know it. */
static bool
switched_on(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && (strcmp(v, "1") == 0 || strcmp(v, "true") == 0);
}

static void
now_serving(struct monitor *m)
{
	notify_ready(m->sock.path);
	if (m->ready_fd == -1)
		return;
	if (write(m->ready_fd, "READY=1\n", 8) == -1)
		log_warn("tell the starter: %s", strerror(errno));
	mem_close(&m->ready_fd);
	log_info("serve %s (pid %d)", m->sock.path, (int)getpid());
}

static void
on_apid_ready(struct child *c)
{
	struct monitor *m = c->monitor;
	unsigned overflow = overflow_uid();
	struct msg_listener l = { .overflow_uid = overflow,
	    .pid = (uint32_t)getpid(), .started_at = m->sock.started_at,
	    .socket = m->sock.path, .max_conns = m->conf.max_connections,
	    .request_ms = m->conf.request_ms,
	    .bypass = switched_on("COVEN_CLAUDE_BYPASS_PERMISSIONS"),
	    .token_mode = m->tokens.n != 0,
	    .pair_max_days = m->conf.pair_max_days,
	    .sandbox = m->mode };
	size_t i;
	int r = 0;

	l.owner_uid = !m->owner.root && m->userns ?
	    profile_owner_inside(m->owner.uid) : m->owner.uid;
	for (i = 0; r == 0 && i < m->harnesses.n; i++) {
		autobuf struct buf b = { 0 };
		struct msg_harness h;

		r = msg_encode(&b, MSG_HARNESS_ROW, &m->harnesses.v[i].row);
		h.harness = (struct msg_bin){ buf_head(&b), buf_left(&b) };
		if (r == 0)
			r = chan_send(&c->control, MSG_HARNESS, &h, -1);
	}
	roster_tell(m, c);
	if (r == 0 && m->recovered)
		r = monitor_join(c, &m->stored, "");
	if (r == 0)
		r = token_tell(m);
	if (r == 0)
		r = chan_send(&c->control, MSG_LISTENER, &l, m->sock.fd);
	if (r < 0)
		log_error("start apid: %s", strerror(-r));
	else
		now_serving(m);
	spares_start(m);
}

static void
on_apid_exit(struct child *c)
{
	struct monitor *m = c->monitor;

	token_forget_rotation(m);
	if (m->stopping)
		supervise_check_stop(m);
	else
		again(m, c, &m->apid_fails, &m->apid_again, start_apid);
}

static const struct child_ops apid_ops = {
	.handlers = on_apid_handlers,
	.on_ready = on_apid_ready,
	.on_exit = on_apid_exit,
};

static void
start_apid(struct timer *t)
{
	struct monitor *m = t->ctx;
	struct uids_role id = uids_role(&m->uids, ROLE_APID);
	struct child_start st = { .extra = -1, .uid = id.uid, .gid = id.gid };
	int r;

	t->ctx = m;
	notify_status("starts coven-apid");
	r = child_spawn(&m->apid, m, ROLE_APID, &apid_ops, &st);
	if (r < 0) {
		log_error("start apid: %s", strerror(-r));
		again(m, &m->apid, &m->apid_fails, &m->apid_again,
		    start_apid);
	}
}

/* --- life --- */

void
supervise_start(struct monitor *m)
{
	m->stored_again.ctx = m->apid_again.ctx = m;
	watch_start(m);
	start_stored(&m->stored_again);
}

/* --- the end --- */

static void
on_stop_deadline(struct timer *t)
{
	struct monitor *m = t->ctx;
	struct session *s;
	struct pair *p;

	log_warn("stop: not everything ended in time: killing it");
	for (s = m->sessions; s != NULL; s = s->next) {
		if (s->pair != NULL)
			pair_kill(s->pair);
	}
	for (p = m->spares; p != NULL; p = p->next)
		pair_kill(p);
	child_kill(&m->apid);
	child_kill(&m->stored);
	loop_quit(m->loop, 0);
}

static void
end_child(struct child *c)
{
	struct msg_shutdown sd = { 0 };

	if (!child_alive(c) || c->control.state == CS_STOPPING)
		return;
	c->expected = true;
	if (!c->ready || !chan_is_open(&c->control))
		child_kill(c);
	else
		(void)chan_send(&c->control, MSG_SHUTDOWN, &sd, -1);
}

/*
 * In this order: while sessions live they need stored, and while apid lives
 * its clients can be answered.
 */
void
supervise_check_stop(struct monitor *m)
{
	if (!m->stopping)
		return;
	if (m->sessions != NULL && child_alive(&m->stored))
		return;
	end_child(&m->apid);
	if (child_alive(&m->apid))
		return;
	end_child(&m->stored);
	if (child_alive(&m->stored) || m->spares != NULL)
		return;
	loop_quit(m->loop, 0);
}

void
supervise_refuse(struct monitor *m, const char *why)
{
	m->exit_status = EXIT_HOME;
	if (m->stopping)
		supervise_check_stop(m);
	else
		supervise_stop(m, why);
}

void
supervise_stop(struct monitor *m, const char *why)
{
	struct session *s, *next;

	if (m->stopping)
		return;
	log_info("stop: %s", why);
	notify_stopping(why);
	note(m, AUDIT_STOP, NULL, "%s", why);
	m->stopping = true;
	watch_stop(m);
	oldstore_stop(m);
	timer_stop(m->loop, &m->stored_again);
	timer_stop(m->loop, &m->apid_again);
	timer_stop(m->loop, &m->join_again);
	spares_stop(m);
	m->stop_deadline = (struct timer){ .cb = on_stop_deadline, .ctx = m };
	timer_start(m->loop, &m->stop_deadline, LIMIT_STOP_ALL_MS);
	/* One that is only prepared: stored's word about it is under way. */
	for (s = m->sessions; s != NULL; s = next) {
		next = s->next;
		session_kill(s, LIMIT_STOP_GRACE_MS);
	}
	supervise_check_stop(m);
}
