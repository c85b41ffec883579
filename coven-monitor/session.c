#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/add_dirs.h"
#include "coven-monitor/ending.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/plan.h"
#include "coven-monitor/session.h"
#include "coven-monitor/spare.h"
#include "coven-monitor/work.h"

/* from -> mask of the states that may follow */
static const unsigned edges[SESSION_STATES] = {
	[SESSION_PREPARED] = 1u << SESSION_SPAWNING | 1u << SESSION_FAILED,
	[SESSION_SPAWNING] = 1u << SESSION_LAUNCHING | 1u << SESSION_FAILED,
	[SESSION_LAUNCHING] = 1u << SESSION_RUNNING | 1u << SESSION_FAILED,
	[SESSION_RUNNING] = 1u << SESSION_ENDING,
	[SESSION_FAILED] = 1u << SESSION_GONE,
	[SESSION_ENDING] = 1u << SESSION_GONE,
};

static void
enter(struct session *s, enum session_state to)
{
	if (!(edges[s->state] & (1u << to)))
		fatal("session %s: state %d cannot become %d", s->id,
		    (int)s->state, (int)to);
	s->state = to;
}

static void
tell_stored(struct monitor *m, enum msg_type type, const void *msg)
{
	if (chan_is_open(&m->stored.control) && m->recovered)
		child_tell(&m->stored, type, msg);
}

struct session *
session_find(struct monitor *m, const char *id)
{
	struct session *s;

	for (s = m->sessions; s != NULL; s = s->next)
		if (strcmp(s->id, id) == 0)
			return s;
	return NULL;
}

static void
session_free(struct session *s)
{
	struct monitor *m = s->monitor;
	struct session **at;

	for (at = &m->sessions; *at != s; at = &(*at)->next)
		;
	*at = s->next;
	m->nlive--;
	timer_stop(m->loop, &s->kill);
	timer_stop(m->loop, &s->over);
	if (s->pair != NULL)
		pair_end(s->pair);	/* a spare may have been taken */
	root_close(&s->root);
	add_dirs_close(s);
	mem_close(&s->spec);
	buf_fini(&s->spec_bytes);
	/* Where nothing was written there is nothing to bring over. */
	if (s->work != NULL && work_drop_empty(&m->home, &m->owner,
	    s->id) == -ENOTEMPTY)
		ending_announce(m, s->id);
	free(s->work);
	free(s);
	supervise_check_stop(m);
}

/* --- prepare: judge, hold, start nothing --- */

static bool
starting_too_fast(struct monitor *m)
{
	int64_t now = loop_now_ns();

	if (now - m->starts_window_ns >= 1000000000) {
		m->starts_window_ns = now;
		m->starts = 0;
	}
	return ++m->starts > m->conf.starts_per_s;
}

static enum run_code
read_spec(struct session *s, int fd, struct msg_bin want, char *why,
    size_t len)
{
	uint8_t have[DIGEST_LEN];
	union msg_any msg;

	buf_init(&s->spec_bytes, LIMIT_BULK + 64);
	if (memfd_read(fd, LIMIT_BULK + 64, &s->spec_bytes) < 0)
		goto bad;
	digest(buf_head(&s->spec_bytes), buf_left(&s->spec_bytes), have);
	if (want.len != DIGEST_LEN || memcmp(want.p, have, DIGEST_LEN) != 0)
		goto bad;
	if (msg_decode_exact(buf_head(&s->spec_bytes),
	    buf_left(&s->spec_bytes), MSG_RUN_SPEC, &msg) < 0)
		goto bad;
	s->run = msg.run_spec;
	if (s->run.transport > TRANSPORT_STREAM || s->run.rows > 4096 ||
	    s->run.cols > 4096 || s->run.isolated > 1 ||
	    s->run.workspace > 1 || (s->run.workspace &&
	    (s->run.isolated || s->run.project_root[0] != '\0' ||
	    s->run.cwd[0] != '\0')))
		goto bad;
	s->harness = harness_table_find(&s->monitor->harnesses,
	    s->run.harness);
	if (s->harness == NULL) {
		(void)snprintf(why, len, "harness %s is not configured",
		    s->run.harness);
		return RUN_NO_HARNESS;
	}
	return RUN_OK;
bad:
	(void)snprintf(why, len, "the spec is not what its digest says");
	return RUN_BAD_SPEC;
}

static enum run_code
find_program(struct session *s, char *why, size_t len)
{
	const struct msg_harness_row *row = &s->harness->row;

	harness_entry_look(s->harness, &s->monitor->owner,
	    &s->monitor->home);
	if (row->available)
		return RUN_OK;
	(void)snprintf(why, len, "harness %s is not installed: there is no "
	    "program %s on the daemon's PATH; to install it: %s", row->id,
	    row->exe, row->install_hint);
	return RUN_NO_HARNESS;
}

static int
find_pair(struct session *s)
{
	int r = pair_new(s->monitor, s->network, s->range, &s->pair);

	if (r == 0)
		s->pair->session = s;
	else
		spares_discard(s->monitor, "their ids are needed");
	return r;
}

/* A task's: no person's project, and gone after its end. */
static enum run_code
make_workspace(struct session *s, char *why, size_t len)
{
	struct monitor *m = s->monitor;
	int r = work_make_task(&m->home, &m->owner, s->id, &s->root);

	if (r == 0) {
		s->work = mem_strdup(s->root.path);
		return RUN_OK;
	}
	(void)snprintf(why, len, "make a workspace: %s", strerror(-r));
	return RUN_ERROR;
}

/*
 * What root may come to execute gets there by the owner's hand alone, and
 * without set-id bits: through an overlay, and what apply makes of it.
 */
static bool
is_roots(const struct session *s)
{
	const struct monitor *m = s->monitor;
	struct stat st;

	return m->owner.uid == 0 &&
	    strcmp(m->conf.root_projects, "overlay") == 0 &&
	    fstat(s->root.fd, &st) == 0 && st.st_uid == 0;
}

static enum run_code
judge(struct session *s, int fd, struct msg_bin want, char *why, size_t len)
{
	struct monitor *m = s->monitor;
	const struct judge rules = { &m->home, &m->owner, &m->conf };
	enum run_code code;

	if (m->stopping) {
		(void)snprintf(why, len, "the daemon is stopping");
		return RUN_STOPPING;
	}
	if (m->nlive > m->conf.max_live) {
		(void)snprintf(why, len, "%u sessions are live "
		    "(session.max_live)", m->nlive - 1);
		return RUN_LIMIT;
	}
	if (starting_too_fast(m)) {
		(void)snprintf(why, len, "more than %u starts a second "
		    "(session.starts_per_s)", m->conf.starts_per_s);
		return RUN_LIMIT;
	}
	code = read_spec(s, fd, want, why, len);
	if (code == RUN_OK)
		bounds_of(&m->conf, s->run.harness, &s->bounds,
		    &s->memory_set);
	if (code == RUN_OK)
		code = find_program(s, why, len);
	if (code != RUN_OK)
		return code;
	code = s->run.workspace ? make_workspace(s, why, len) : RUN_OK;
	owner_enter(&m->owner);
	if (!s->run.workspace)
		code = root_open(&s->root, s->run.project_root, s->run.cwd,
		    &rules, why, len);
	if (code == RUN_OK)
		code = add_dirs_open(s, &rules, why, len);
	owner_leave(&m->owner);
	if (code != RUN_OK)
		return code;
	/* A task's goes at its end: nobody comes to execute what is in it. */
	if (!s->run.workspace && is_roots(s))
		s->run.isolated = 1;
	s->range = !mode_alone(m) &&
	    uids_can_range(&m->uids, &m->owner, s->root.fd) &&
	    uids_can_range(&m->uids, &m->owner, m->home.fd);
	s->network = gateway_rules(m, s->harness, s->root.path, &s->rules);
	code = mode_judge(s, why, len);
	if (code != RUN_OK)
		return code;
	if (find_pair(s) < 0) {
		(void)snprintf(why, len, "no payload id is free");
		return RUN_LIMIT;
	}
	return RUN_OK;
}

enum run_code
session_prepare(struct monitor *m, const char *id, int *fd,
    struct msg_bin want, struct session **out, char *why, size_t len)
{
	struct session *s = mem_zalloc(1, sizeof(*s));
	enum run_code code;

	s->monitor = m;
	s->spec = s->root.fd = -1;
	(void)snprintf(s->id, sizeof(s->id), "%s", id);
	s->next = m->sessions;
	m->sessions = s;
	m->nlive++;
	code = judge(s, *fd, want, why, len);
	if (code != RUN_OK) {
		session_free(s);
		return code;
	}
	s->spec = mem_steal_fd(fd);
	*out = s;
	return RUN_OK;
}

void
session_drop(struct session *s)
{
	if (s->state == SESSION_PREPARED)
		session_free(s);
}

/* --- start --- */

/*
 * Nothing of this starts anything, so a failure costs the spare and no more:
 * the launch tries it all again with a pair of its own, and says why not.
 */
void
session_ahead(struct session *s)
{
	struct monitor *m = s->monitor;
	const char *step;
	struct pair *p;

	/* A spare has an id of the range wherever there can be one. */
	if (m->uids.system && !s->range)
		return;
	p = spare_take(m, s->network);
	if (p == NULL)
		return;
	pair_end(s->pair);
	s->pair = p;
	p->session = s;
	s->spare = true;
	if (plan_build(s, &step) < 0)
		session_lose_pair(s);
}

void
session_lose_pair(struct session *s)
{
	pair_end(s->pair);
	s->spare = false;
	if (find_pair(s) < 0)
		log_warn("session %s: no payload id is free", s->id);
}

static void
go(struct session *s)
{
	const char *step;
	int r = 0;

	FAILPOINT("monitor.before-go");
	if (!s->spare)
		r = plan_build(s, &step);
	if (r == 0)
		r = plan_go(s, &step);
	if (r == 0)
		enter(s, SESSION_LAUNCHING);
	else
		session_fail(s, step, "%s%s", strerror(-r), r == -EINVAL ?
		    ": the file system cannot be id-mapped, which a project "
		    "of root's needs" : "");
}

static void
on_grace_over(struct timer *t)
{
	struct session *s = t->ctx;

	if (child_alive(&s->pair->init)) {
		s->pair->init.expected = true;
		child_kill(&s->pair->init);
		return;
	}
	log_warn("session %s: its runner does not end: killed", s->id);
	child_kill(&s->pair->runner);
}

/* The init is deaf while it builds; one that never ends is given up. */
static void
on_launch_deadline(struct timer *t)
{
	struct session *s = t->ctx;

	session_fail(s, "launch", "not started within %d s",
	    LIMIT_LAUNCH_MS / 1000);
}

void
session_pair_ready(struct session *s)
{
	if (s->state == SESSION_SPAWNING)
		go(s);
}

static void
tell_gone(const struct session *s)
{
	struct msg_run_gone gone = { .id = s->id, .cause = s->cause };
	struct msg_run_failed failed = { .id = s->id, .step = s->step,
	    .text = s->cause };

	if (s->step[0] != '\0')
		tell_stored(s->monitor, MSG_RUN_FAILED, &failed);
	else
		tell_stored(s->monitor, MSG_RUN_GONE, &gone);
}

/* Both must be dead before anyone is told that nothing is left. */
static void
check_gone(struct session *s)
{
	if (s->pair != NULL && !pair_dead(s->pair))
		return;
	enter(s, SESSION_GONE);
	timer_stop(s->monitor->loop, &s->kill);
	FAILPOINT("monitor.before-gone");
	tell_gone(s);
	supervise_check_stop(s->monitor);
}

void
session_tell_gone(struct monitor *m)
{
	struct session *s;

	for (s = m->sessions; s != NULL; s = s->next)
		if (s->state == SESSION_GONE)
			tell_gone(s);
}

/* It drains what the payload left behind; a kill waits no longer than this. */
static void
hurry_runner(struct session *s)
{
	s->kill = (struct timer){ .cb = on_grace_over, .ctx = s };
	timer_start(s->monitor->loop, &s->kill, LIMIT_KILL_RUNNER_MS);
}

void
session_init_ended(struct session *s)
{
	const struct child *c = &s->pair->init;

	if (s->state == SESSION_PREPARED) {
		session_lose_pair(s);
		return;
	}
	timer_stop(s->monitor->loop, &s->kill);
	session_tell_limit(s);
	if (s->killing && child_alive(&s->pair->runner))
		hurry_runner(s);
	if (s->state == SESSION_RUNNING) {
		enter(s, SESSION_ENDING);
		if (!s->killing && (c->code != CLD_EXITED || c->status != 0))
			(void)snprintf(s->cause, sizeof(s->cause),
			    "the init ended by %s %d", c->code == CLD_EXITED ?
			    "status" : "signal", c->status);
	} else if (s->state != SESSION_FAILED && s->state != SESSION_ENDING) {
		session_fail(s, "init", "ended by %s %d",
		    c->code == CLD_EXITED ? "status" : "signal", c->status);
	}
	check_gone(s);
}

void
session_runner_ended(struct session *s)
{
	const struct child *c = &s->pair->runner;

	if (s->state == SESSION_PREPARED) {
		session_lose_pair(s);
		return;
	}
	if (s->state == SESSION_RUNNING || s->state == SESSION_ENDING) {
		if (c->code != CLD_EXITED || c->status != 0)
			(void)snprintf(s->cause, sizeof(s->cause),
			    "the runner ended by %s %d", c->code == CLD_EXITED ?
			    "status" : "signal", c->status);
		/* Nobody reads the payload any more. */
		session_kill(s, 0);
	} else if (s->state != SESSION_FAILED) {
		session_fail(s, "runner", "ended by %s %d",
		    c->code == CLD_EXITED ? "status" : "signal", c->status);
	}
	if (s->state != SESSION_RUNNING)
		check_gone(s);
}

void
session_gateway_ended(struct session *s)
{
	if ((s->state == SESSION_ENDING || s->state == SESSION_FAILED) &&
	    pair_dead(s->pair))
		check_gone(s);
}

static bool
refused_namespaces(const char *step, int r)
{
	return strcmp(step, "namespaces") == 0 &&
	    (r == -EPERM || r == -ENOSPC || r == -EACCES);
}

void
session_start(struct session *s)
{
	const char *step = "identity";
	int r;

	if (s->monitor->stopping) {
		session_fail(s, "stop", "the daemon is stopping");
		check_gone(s);
		return;
	}
	enter(s, SESSION_SPAWNING);
	s->kill = (struct timer){ .cb = on_launch_deadline, .ctx = s };
	timer_start(s->monitor->loop, &s->kill, LIMIT_LAUNCH_MS);
	if (s->spare) {
		go(s);
		return;
	}
	r = s->pair == NULL ? -EUSERS : pair_spawn(s->pair, s->id, &step);
	if (r == 0)
		return;
	session_fail(s, step, "%s%s", strerror(-r), refused_namespaces(step,
	    r) ? ": user namespaces are refused here: see covenctl doctor, and "
	    "coven.toml(5), sandbox.minimum, for doing without" : "");
	check_gone(s);
}

void
session_started(struct session *s)
{
	struct msg_run_started started = { .id = s->id };

	enter(s, SESSION_RUNNING);
	timer_stop(s->monitor->loop, &s->kill);
	session_watch(s);
	/* Kept long enough: the payload has its mounts, stored its row. */
	root_close(&s->root);
	add_dirs_close(s);
	mem_close(&s->spec);
	buf_fini(&s->spec_bytes);
	s->run = (struct msg_run_spec){ 0 };
	gateway_arm(s->pair, &s->rules);
	buf_fini(&s->rules);
	FAILPOINT("monitor.before-started");
	tell_stored(s->monitor, MSG_RUN_STARTED, &started);
	spares_refill(s->monitor, s->network);
}

void
session_fail(struct session *s, const char *step, const char *fmt, ...)
{
	va_list ap;

	enter(s, SESSION_FAILED);
	timer_stop(s->monitor->loop, &s->kill);
	(void)snprintf(s->step, sizeof(s->step), "%s", step);
	va_start(ap, fmt);
	(void)vsnprintf(s->cause, sizeof(s->cause), fmt, ap);
	va_end(ap);
	if (log_allowed(&s->monitor->limit, "children"))
		log_warn("session %s: not started: %s: %s", s->id, s->step,
		    s->cause);
	if (s->pair != NULL)
		pair_kill(s->pair);
	spares_refill(s->monitor, s->network);
}

/* --- end --- */

/* A second order never gives more time than the first. */
static void
start_grace(struct session *s, unsigned grace_ms)
{
	struct timer *t = &s->kill;

	if (timer_running(t) &&
	    t->at_ns <= loop_now_ns() + (int64_t)grace_ms * 1000000)
		return;
	timer_stop(s->monitor->loop, t);
	*t = (struct timer){ .cb = on_grace_over, .ctx = s };
	timer_start(s->monitor->loop, t, grace_ms);
}

void
session_kill(struct session *s, unsigned grace_ms)
{
	struct msg_init_signal sig = { .signo = SIGTERM, .everyone = 1 };

	struct pair *p = s->pair;

	s->killing = true;
	if (s->state == SESSION_PREPARED || s->state == SESSION_GONE ||
	    p == NULL)
		return;
	p->init.expected = true;
	if (!child_alive(&p->init)) {
		if (child_alive(&p->runner) && !timer_running(&s->kill))
			hurry_runner(s);
		return;
	}
	if (s->state != SESSION_RUNNING || grace_ms == 0 ||
	    p->init.control.state != CS_SERVING) {
		child_kill(&p->init);
		return;
	}
	child_tell(&p->init, MSG_INIT_SIGNAL, &sig);
	sig.signo = SIGHUP;
	child_tell(&p->init, MSG_INIT_SIGNAL, &sig);
	start_grace(s, grace_ms);
}

void
session_settled(struct session *s)
{
	if (s->state == SESSION_GONE)
		session_free(s);
}

void
session_rejoin_all(struct monitor *m)
{
	struct session *s, *next;

	for (s = m->sessions; s != NULL; s = next) {
		next = s->next;
		/*
		 * A session that has not answered stored yet, and one that
		 * is wholly gone, are settled by the new stored's recovery.
		 */
		if (s->state == SESSION_PREPARED ||
		    s->state == SESSION_GONE) {
			session_free(s);
		} else if (s->state == SESSION_RUNNING ||
		    s->state == SESSION_ENDING) {
			if (child_alive(&s->pair->runner))
				(void)monitor_join(&m->stored,
				    &s->pair->runner, s->id);
		} else if (s->state != SESSION_FAILED) {
			session_fail(s, "stored", "it restarted meanwhile");
		}
	}
}
