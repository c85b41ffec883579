/* What the store may ask of the monitor: runs that are on record. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/applying.h"
#include "coven-monitor/audit_key.h"
#include "coven-monitor/ending.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/session.h"

#define GRACE_MAX_MS	60000	/* session.kill_grace_ms ends there too */

static int
on_recovered(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;

	(void)fd;
	log_info("recover: %u sessions orphaned, %u expired",
	    msg->recovered.orphaned, msg->recovered.expired);
	/* What is copied at once is taken over before a client is let in. */
	if (msg->recovered.wants_import)
		oldstore_begin(c->monitor);
	supervise_recovered(c->monitor);
	ending_announce_all(c->monitor);
	return 0;
}

/* Ids are stored's to make, but only in the form that ids have. */
static bool
is_uuid(const char *id)
{
	size_t i;

	for (i = 0; i < UUID_LEN - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? id[i] != '-' :
		    id[i] == '\0' || strchr("0123456789abcdef", id[i]) == NULL)
			return false;
	}
	return id[i] == '\0';
}

/* For the log: what a client sent, which why may repeat, stays out of it. */
static const char *const refusals[] = {
	[RUN_OK] = "",
	[RUN_BAD_ROOT] = "its root does not resolve",
	[RUN_ROOT_REFUSED] = "the rules refuse its root",
	[RUN_CWD_OUTSIDE] = "its cwd lies outside its root",
	[RUN_BAD_CWD] = "its cwd does not resolve",
	[RUN_BAD_SPEC] = "its spec is not valid",
	[RUN_NO_HARNESS] = "its harness is not there",
	[RUN_LIMIT] = "there are too many, or they come too fast",
	[RUN_STOPPING] = "the suite stops",
	[RUN_ERROR] = "an error",
};

static int
on_run_prepare(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct session *s = NULL;
	char why[1024] = "";
	struct msg_run_prepared reply = { .id = msg->run_prepare.id,
	    .text = why };

	if (!is_uuid(msg->run_prepare.id))
		return chan_blame(ch, "a session id that is none");
	if (session_find(c->monitor, msg->run_prepare.id) != NULL ||
	    ran_has(&c->monitor->ran, msg->run_prepare.id))
		return chan_blame(ch, "an id that was run before");
	reply.code = session_prepare(c->monitor, msg->run_prepare.id, fd,
	    msg->run_prepare.digest, &s, why, sizeof(why));
	if (s != NULL)
		reply.root = s->root.path;
	else if (log_allowed(&c->monitor->limit, "children"))
		log_info("session refused: %s", refusals[reply.code]);
	child_tell(c, MSG_RUN_PREPARED, &reply);
	/* While the row is committed. */
	if (s != NULL)
		session_ahead(s);
	return 0;
}

static int
on_run_start(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct session *s = session_find(c->monitor, msg->run_start.id);

	(void)fd;
	if (s == NULL || s->state != SESSION_PREPARED)
		return chan_blame(ch, "a start of what was not prepared");
	ran_add(&c->monitor->ran, s->id);
	session_start(s);
	return 0;
}

static int
on_run_kill(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct session *s = session_find(c->monitor, msg->run_kill.id);
	uint32_t grace_ms = msg->run_kill.grace_ms;

	(void)fd;
	if (grace_ms == 0 || grace_ms > GRACE_MAX_MS)
		grace_ms = c->monitor->conf.kill_grace_ms;
	if (s != NULL && s->state != SESSION_PREPARED)
		session_kill(s, grace_ms);
	else if (s != NULL)
		session_drop(s);
	return 0;
}

static int
on_run_signal(struct chan *ch, const union msg_any *msg, int *fd)
{
	static const int allowed[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1,
	    SIGUSR2, SIGTERM, SIGCONT, SIGWINCH, SIGTSTP };
	struct child *c = ch->ctx;
	struct session *s = session_find(c->monitor, msg->run_signal.id);
	struct msg_init_signal sig = { .signo = msg->run_signal.signo };
	size_t i;

	(void)fd;
	for (i = 0; i < nitems(allowed); i++)
		if ((uint32_t)allowed[i] == sig.signo)
			break;
	if (i == nitems(allowed))
		return chan_blame(ch, "signal %u is not on the list",
		    sig.signo);
	if (s != NULL && s->state == SESSION_RUNNING &&
	    s->pair->init.control.state == CS_SERVING)
		child_tell(&s->pair->init, MSG_INIT_SIGNAL, &sig);
	return 0;
}

/* Asked again at once it is told the same: looking takes milliseconds. */
static int
on_run_stat(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct session *s = session_find(c->monitor, msg->run_stat.id);
	struct msg_run_stat_reply reply = { .id = msg->run_stat.id };
	int64_t now = loop_now_ns();

	(void)fd;
	if (s != NULL && (s->usage_at_ns == 0 || now - s->usage_at_ns >
	    LIMIT_USAGE_FRESH_MS * INT64_C(1000000))) {
		s->measured = usage_read(s, &s->usage);
		s->usage_at_ns = now;
	}
	if (s != NULL && s->measured) {
		reply.found = 1;
		reply.cpu_us = s->usage.cpu_us;
		reply.memory = s->usage.memory;
		reply.processes = s->usage.processes;
		reply.capped = s->usage.capped;
		reply.shared = s->usage.shared;
	}
	child_tell(c, MSG_RUN_STAT_REPLY, &reply);
	return 0;
}

static int
on_run_settled(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct session *s = session_find(c->monitor, msg->run_settled.id);

	(void)fd;
	if (s == NULL)
		return 0;
	if (s->state != SESSION_GONE)
		return chan_blame(ch, "a live session is not settled");
	session_settled(s);
	return 0;
}

static int
on_phase(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;

	(void)fd;
	if (!is_uuid(msg->phase.id) || msg->phase.phase == PHASE_KEPT ||
	    msg->phase.phase >= PHASE__COUNT)
		return chan_blame(ch, "a step with nothing");
	/* A folder that a session uses is nobody's to pack or remove. */
	if (session_find(c->monitor, msg->phase.id) != NULL)
		return chan_blame(ch, "a step with a live session's folder");
	ending_start(c->monitor, msg->phase.id, msg->phase.phase);
	return 0;
}

static int
on_work_do(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;

	if (msg->work_do.verb > WORK_DISCARD)
		return chan_blame(ch, "WORK_DO, verb %u", msg->work_do.verb);
	/* Sessions that run elsewhere have ids that clients made. */
	if (is_uuid(msg->work_do.id))
		applying_start(c->monitor, &msg->work_do, fd);
	else
		applying_none(c->monitor, &msg->work_do);
	return 0;
}

static int
on_audit_public(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_bin *key = &msg->audit_public.key;
	struct child *c = ch->ctx;
	struct monitor *m = c->monitor;
	int r;

	(void)fd;
	if (key->len != AUDIT_PUBLIC_LEN)
		return chan_blame(ch, "a key that is none");
	owner_enter(&m->owner);
	r = audit_key_publish(&m->home, key->p);
	owner_leave(&m->owner);
	if (r == -EEXIST)
		log_error("keys/audit.pub: it is not of keys/audit.key: what "
		    "is signed from now on does not verify with it");
	else if (r < 0)
		log_error("keys/audit.pub: %s", strerror(-r));
	return 0;
}

static int
on_audit_head(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_audit_head *m = &msg->audit_head;
	struct audit_head head = { .count = m->count, .at_ns = m->time_ns };
	struct child *c = ch->ctx;

	(void)fd;
	if (m->chain.len != sizeof(head.chain) || m->count == 0 ||
	    m->count > INT64_MAX || m->digest.len != sizeof(head.digest) ||
	    m->time_ns > INT64_MAX ||
	    m->signature.len != sizeof(head.signature))
		return chan_blame(ch, "a head that is none");
	memcpy(head.chain, m->chain.p, sizeof(head.chain));
	memcpy(head.digest, m->digest.p, sizeof(head.digest));
	memcpy(head.signature, m->signature.p, sizeof(head.signature));
	heads_take(c->monitor, &head);
	return 0;
}

/*
 * It is believed about apid: what is on record is its to guard.  The one that
 * lied may be dead already; then an innocent one is started again.
 */
static int
on_peer_end(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct child *apid = &c->monitor->apid;

	(void)fd;
	if (msg->peer_end.role != ROLE_APID)
		return chan_blame(ch, "the end of a channel it never had");
	if (!msg->peer_end.lied || !child_alive(apid))
		return 0;
	log_error("child %s[%d]: refused by stored",
	    msg_role_name(ROLE_APID), (int)apid->pid);
	child_kill(apid);
	return 0;
}

chan_handler *const on_stored_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_RECOVERED] = on_recovered,
	[MSG_RUN_PREPARE] = on_run_prepare,
	[MSG_RUN_START] = on_run_start,
	[MSG_RUN_KILL] = on_run_kill,
	[MSG_RUN_SIGNAL] = on_run_signal,
	[MSG_RUN_STAT] = on_run_stat,
	[MSG_RUN_SETTLED] = on_run_settled,
	[MSG_PHASE] = on_phase,
	[MSG_WORK_DO] = on_work_do,
	[MSG_PEER_END] = on_peer_end,
	[MSG_AUDIT_PUBLIC] = on_audit_public,
	[MSG_AUDIT_HEAD] = on_audit_head,
};
