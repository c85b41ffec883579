/*
 * What the monitor says: whose channels these are, recovery, and how runs
 * go.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coven-stored/stored.h"

/* --- channels --- */

/* Without one, answers go the longer way. */
static void
offer_shelf(struct stored *s)
{
	struct msg_shelf m = { .size = LIMIT_SHELF };
	int r = shelf_make(&s->shelf);

	if (r == 0)
		r = chan_send(&s->apid, MSG_SHELF, &m, s->shelf.fd);
	if (r < 0) {
		log_warn("share memory with apid: %s", strerror(-r));
		shelf_free(&s->shelf);
	}
}

static int
attach_apid(struct stored *s, struct chan *c, int *fd)
{
	int r;

	if (!s->serving)
		return chan_blame(c, "an apid before SERVE");
	if (chan_is_open(&s->apid))
		stored_apid_ended(&s->apid, CHAN_EOF);
	s->report.due = true;
	timer_stop(s->loop, &s->report.pause);
	r = chan_open(&s->apid, s->loop, fd, ROLE_STORED, ROLE_APID,
	    CS_SERVING, stored_apid, s, stored_apid_ended);
	if (r < 0)
		fatal("watch apid: %s", strerror(-r));
	offer_shelf(s);
	return 0;
}

/* A session of an earlier life of ours: what is on record about it? */
static struct run *
adopt(struct stored *s, const char *id)
{
	struct store_session old;
	struct run *run;
	int r;

	r = store_find(s->store, id, &old);
	if (r < 0)
		fatal("look up session %s: %s", id, strerror(-r));
	if (r != 0 || old.external) {
		log_warn("take over runner %s: no such session", id);
		return NULL;
	}
	run = run_new(s, id, session_has_ended(old.status) ? RS_ENDED :
	    RS_LIVE);
	if (run == NULL)
		return NULL;
	run->key = old.key;
	run->created_ns = old.created_ns;
	run->output_bytes = old.output_bytes;
	run->conversation = old.conversation;
	run->accepted = run->durable = old.last_n;
	run->exited = run->state == RS_ENDED;
	run->killing = old.killing && !run->exited;
	return run;
}

static int
on_peer(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	struct run *run;

	if (msg->peer.role == ROLE_APID)
		return attach_apid(s, c, fd);
	if (msg->peer.role != ROLE_RUNNER)
		return chan_blame(c, "a peer of role %u",
		    (unsigned)msg->peer.role);
	run = run_find(s, msg->peer.session);
	if (run == NULL)
		run = adopt(s, msg->peer.session);
	if (run == NULL)
		return 0;	/* its runner sees the channel close */
	if (run->state == RS_PREPARING || run->state == RS_RECORDING)
		return chan_blame(c, "a runner before RUN_START");
	if (run->broken)
		return 0;
	run_attach(run, fd);
	return 0;
}

/* --- what secrets look like --- */

static int
on_redactor(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	char why[128];

	if (redactor_open(&s->redactor, *fd, why, sizeof(why)) < 0)
		return chan_blame(c, "patterns: %s", why);
	s->log_retention_days = msg->redactor.log_retention_days;
	return 0;
}

/* --- recovery --- */

static int
audit_recovery(struct stored *s, const struct store_recovery *rec)
{
	char detail[96];
	struct audit_entry e = { .verb = AUDIT_RECOVER, .detail = detail };

	(void)snprintf(detail, sizeof(detail), "%zu live, %u orphaned, %u "
	    "expired", rec->nlive, (unsigned)rec->orphaned,
	    (unsigned)rec->expired);
	return store_audit(s->store, &e);
}

static int
recover(struct stored *s, struct store_recovery *rec)
{
	int r = store_begin(s->store);

	if (r == 0)
		r = store_recover(s->store, rec);
	if (r == 0)
		r = audit_recovery(s, rec);
	if (r == 0)
		r = store_commit(s->store);
	if (r < 0)
		store_rollback(s->store);
	return r;
}

static void
serve_runs(struct stored *s)
{
	struct run *run;

	RB_FOREACH(run, run_tree, &s->runs) {
		struct msg_run_kill kill = { .id = run->id };

		run_resume(run);
		if (run->state == RS_ENDED)
			run_expect_gone(run);
		/* The order may have been lost with our earlier life. */
		if (run->killing)
			stored_tell(s, MSG_RUN_KILL, &kill, -1);
	}
}

static int
on_serve(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	struct store_recovery rec = { .cutoff_ns = clock_wall_ns() -
	    LIMIT_STORE_EXPIRED_S * UINT64_C(1000000000) };
	autofree int64_t *live = mem_zalloc(s->nruns, sizeof(*live));
	struct msg_recovered done = { 0 };
	struct run *run;
	int r;

	if (s->redactor == NULL)
		return chan_blame(c, "SERVE before the patterns");
	(void)fd;
	/* What has no runner any more is announced and not handed over. */
	if (msg->serve.live != s->nruns)
		log_debug("recover: %u live sessions announced, %zu known",
		    (unsigned)msg->serve.live, s->nruns);
	s->pair_max_days = msg->serve.pair_max_days;
	FAILPOINT("stored.before-recovery");
	RB_FOREACH(run, run_tree, &s->runs)
		live[rec.nlive++] = run->key;
	rec.live = live;
	r = recover(s, &rec);
	if (r < 0) {
		/* States settled are what the reserve is for. */
		reserve_release(&s->writer.reserve);
		r = recover(s, &rec);
		timer_start(s->loop, &s->writer.retry, LIMIT_STORE_RESERVE_MS);
	}
	if (r < 0)
		fatal("recover: %s", strerror(-r));
	s->serving = true;
	done.orphaned = rec.orphaned;
	done.expired = rec.expired;
	done.wants_import = import_wanted(s);
	stored_tell(s, MSG_RECOVERED, &done, -1);
	serve_runs(s);
	/* What an earlier life did not finish. */
	upkeep_wake(s, UPKEEP_PURGE);
	search_rescan(s);
	retention_start(s);
	s->phases.keep_days = msg->serve.archive_days;
	s->phases.total_mib = msg->serve.archive_total_mib;
	s->phases.keep_count = msg->serve.archive_count;
	s->phases.work_days = msg->serve.work_days;
	phases_start(s);
	import_start(s);
	return 0;
}

/* --- launch --- */

static const struct {
	enum run_code	run;
	enum store_code	store;
	const char	*name;
} refusals[] = {
	{ RUN_BAD_ROOT, STORE_BAD_ROOT, "bad root" },
	{ RUN_ROOT_REFUSED, STORE_BAD_ROOT, "root refused" },
	{ RUN_CWD_OUTSIDE, STORE_BAD_CWD, "cwd outside the root" },
	{ RUN_BAD_CWD, STORE_BAD_CWD, "bad cwd" },
	{ RUN_BAD_SPEC, STORE_LAUNCH_FAILED, "bad spec" },
	{ RUN_NO_HARNESS, STORE_LAUNCH_FAILED, "no such harness" },
	{ RUN_LIMIT, STORE_UNAVAILABLE, "limit" },
	{ RUN_STOPPING, STORE_UNAVAILABLE, "stopping" },
	{ RUN_ERROR, STORE_LAUNCH_FAILED, "error" },
};

/* No row is left; that it was tried is in the audit before the answer. */
static void
refuse_launch(struct stored *s, struct run *run, uint32_t code,
    const char *text)
{
	size_t i;
	struct job *j;
	char answer[1200];

	for (i = 0; i < nitems(refusals) - 1; i++)
		if (refusals[i].run == code)
			break;
	/* The rule alone: the text may repeat what the client sent. */
	j = job_refusal(s, run->id, run->actor, "launch: %s",
	    refusals[i].name);
	j->asked = run->launch;
	j->code = refusals[i].store;
	/* There is no session for the answer's id part to name. */
	(void)snprintf(answer, sizeof(answer), "%s%s",
	    j->code == STORE_LAUNCH_FAILED ? "\tprepare: " : "", text);
	j->data = mem_strdup(answer);
	run->launch.pending = false;
	run->settled = true;
	run_release(run);
}

/* The row as it will be recorded, with the root that the monitor opened. */
static int
record_root(struct run *run, const char *root)
{
	autobuf struct buf row = { .max = LIMIT_BULK };
	char now[RFC3339_LEN];
	union msg_any any;
	int r;

	run->created_ns = clock_wall_ns();
	clock_format(run->created_ns, now);
	if (msg_decode_exact(buf_head(&run->record), buf_left(&run->record),
	    MSG_SESSION_ROW, &any) != 0)
		fatal("run %s: its own record is malformed", run->id);
	any.session_row.project_root = root;
	any.session_row.created_at = any.session_row.updated_at = now;
	r = msg_encode(&row, MSG_SESSION_ROW, &any.session_row);
	if (r == 0)
		run_set_record(run, &row);
	return r;
}

static struct run *
find_in(struct stored *s, const char *id, enum run_state state)
{
	struct run *run = run_find(s, id);

	return run != NULL && run->state == state ? run : NULL;
}

static int
on_run_prepared(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_run_prepared *m = &msg->run_prepared;
	struct stored *s = c->ctx;
	struct run *run = find_in(s, m->id, RS_PREPARING);

	(void)fd;
	if (run == NULL)
		return chan_blame(c, "RUN_PREPARED for no launch");
	if (m->code != RUN_OK || record_root(run, m->root) < 0) {
		refuse_launch(s, run, m->code, m->code != RUN_OK ? m->text :
		    "the record is too large");
		return 0;
	}
	run_set(run, RS_RECORDING);
	(void)job_new(s, JOB_RECORD, run);
	return 0;
}

/*
 * The answer is the row as it was inserted: a client that asks again may
 * find a short command's end already.
 */
static int
on_run_started(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	struct run *run = run_find(s, msg->run_started.id);
	struct msg_run_kill kill = { .id = msg->run_started.id };

	(void)fd;
	if (run == NULL)
		return 0;	/* from before our earlier life ended */
	if (run->state == RS_PREPARING || run->state == RS_RECORDING)
		return chan_blame(c, "RUN_STARTED before RUN_START");
	if (run->state == RS_STARTING)
		run_set(run, RS_LIVE);
	stored_reply_rows(s, &run->launch, STORE_OK, &run->record, 1, false);
	run_drop_record(run);
	if (run->state != RS_LIVE || !(run->killing || run->broken))
		return 0;
	stored_tell(s, MSG_RUN_KILL, &kill, -1);
	return 0;
}

/* From before our earlier life ended: the monitor waits for our word. */
static void
settle_unknown(struct stored *s, const char *id, const char *cause)
{
	struct job *j = job_new(s, JOB_SETTLE, NULL);

	j->id = mem_strdup(id);
	j->text = mem_strdup(cause);
}

static int
on_run_failed(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_run_failed *m = &msg->run_failed;
	struct stored *s = c->ctx;
	struct run *run = run_find(s, m->id);
	char text[1200];
	struct job *j;

	(void)fd;
	(void)snprintf(text, sizeof(text), "%s: %s", m->step, m->text);
	if (run == NULL) {
		settle_unknown(s, m->id, text);
		return 0;
	}
	if (run->state == RS_PREPARING || run->state == RS_RECORDING)
		return chan_blame(c, "RUN_FAILED before RUN_START");
	/* A runner may have said so first; then the row has ended already. */
	run->exited = true;
	if (run->state != RS_ENDED)
		run_set(run, RS_ENDING);
	j = job_new(s, JOB_FAILED, run);
	j->text = mem_strdup(text);
	return 0;
}

/* --- the end --- */

/*
 * The runner is dead, but what it wrote before may still lie in the socket:
 * it comes first.  Bounded, because a socket's buffer is.
 */
static void
drain(struct run *run)
{
	int i, r = 0;

	if (!chan_is_open(&run->chan))
		return;
	run->draining = true;
	chan_resume(&run->chan);
	for (i = 0; i < 64 && r == 0 && chan_is_open(&run->chan); i++)
		r = chan_dispatch(&run->chan);
	if (r == CHAN_BAD)
		run_lied(run, run->chan.blame);
	else
		run_detach(run);
}

static int
on_run_gone(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_run_gone *m = &msg->run_gone;
	struct stored *s = c->ctx;
	struct run *run = run_find(s, m->id);

	(void)fd;
	if (run == NULL) {
		settle_unknown(s, m->id, m->cause);
		return 0;
	}
	if (run->state == RS_PREPARING || run->state == RS_RECORDING ||
	    run->gone)
		return chan_blame(c, "RUN_GONE out of order");
	run->gone = true;
	timer_stop(s->loop, &run->gone_timer);
	(void)snprintf(run->cause, sizeof(run->cause), "%s", m->cause);
	drain(run);
	if (run->state != RS_ENDED)
		run_set(run, RS_ENDING);
	(void)job_new(s, JOB_GONE, run);
	return 0;
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;

	(void)msg, (void)fd;
	s->stopping = true;
	timer_start(s->loop, &s->stop_timer, LIMIT_STORE_STOP_MS);
	return 0;
}

chan_handler *const stored_control[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_REDACTOR] = on_redactor,
	[MSG_SERVE] = on_serve,
	[MSG_IMPORT] = on_import,
	[MSG_SHUTDOWN] = on_shutdown,
	[MSG_AUDIT_KEY] = on_audit_key,
	[MSG_AUDIT_NOTE] = on_audit_note,
	[MSG_RUN_PREPARED] = on_run_prepared,
	[MSG_RUN_STARTED] = on_run_started,
	[MSG_RUN_FAILED] = on_run_failed,
	[MSG_RUN_STAT_REPLY] = on_run_stat_reply,
	[MSG_RUN_GONE] = on_run_gone,
	[MSG_WORKSPACE] = on_workspace,
	[MSG_PHASED] = on_phased,
	[MSG_WORK_DONE] = on_work_done,
};
