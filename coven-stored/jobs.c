/*
 * What each kind of job writes, and what is said once it is durable.
 *
 * apply functions run again after a rollback, so they change nothing but the
 * open transaction and fields of the job that they set anew each time.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bounds.h"
#include "common/mem.h"
#include "coven-stored/clean.h"
#include "coven-stored/stored.h"

static int
add_event(struct stored *s, int64_t key, enum event_kind kind,
    const char *payload, size_t len, uint64_t time_ns)
{
	struct store_event e = { .kind = kind, .payload = payload,
	    .len = len, .time_ns = time_ns };

	return store_add_event(s->store, key, &e);
}

/* The record that belongs to what a job does; words may be a client's. */
static int
audit(struct stored *s, enum audit_verb verb, const char *id,
    const char *actor, const char *detail)
{
	autofree char *clean = stored_clean_text(s, detail, AUDIT_DETAIL_MAX);
	struct audit_entry e = { .verb = verb, .session = id, .actor = actor,
	    .detail = clean };

	return store_audit(s->store, &e);
}

/* --- refusals --- */

static int
refusal_apply(struct stored *s, struct job *j)
{
	return audit(s, AUDIT_REFUSAL, j->id, j->actor, j->text);
}

/* It is answered when it is on record, or could not be. */
static void
refusal_done(struct stored *s, struct job *j)
{
	stored_reply(s, &j->asked, j->code, j->data);
}

/* --- launch --- */

static int
decode_row(const char *p, size_t n, struct msg_session_row *row)
{
	union msg_any any;
	int r = msg_decode_exact(p, n, MSG_SESSION_ROW, &any);

	if (r == 0)
		*row = any.session_row;
	return r == 0 ? 0 : -EINVAL;
}

static int
record_apply(struct stored *s, struct job *j)
{
	struct run *run = j->run;
	struct msg_session_row row;
	char spec[2 * DIGEST_LEN + 1], detail[256];
	int r;

	r = decode_row(buf_head(&run->record), buf_left(&run->record), &row);
	if (r == 0)
		r = store_add_session(s->store, &row, run->digest, &run->key);
	if (r < 0)
		return r;
	audit_hex(run->digest, sizeof(run->digest), spec);
	(void)snprintf(detail, sizeof(detail), "%s, spec %s", row.harness,
	    spec);
	return audit(s, AUDIT_LAUNCH, run->id, run->actor, detail);
}

/* The monitor holds folders open for it; a kill of it lets them go. */
static void
drop_prepared(struct stored *s, struct run *run)
{
	struct msg_run_kill m = { .id = run->id };

	stored_tell(s, MSG_RUN_KILL, &m, -1);
}

static void
record_done(struct stored *s, struct job *j)
{
	struct msg_run_start start = { .id = j->run->id };
	struct job *end;

	if (!s->stopping) {
		run_set(j->run, RS_STARTING);
		stored_tell(s, MSG_RUN_START, &start, -1);
		return;
	}
	drop_prepared(s, j->run);
	run_set(j->run, RS_ENDING);
	end = job_new(s, JOB_FAILED, j->run);
	end->text = mem_strdup("stop: the daemon is stopping");
	end->drop = true;	/* it was never started: nothing to settle */
}

static void
record_refuse(struct stored *s, struct job *j)
{
	stored_reply(s, &j->run->launch, STORE_UNAVAILABLE,
	    "the launch cannot be recorded");
	drop_prepared(s, j->run);
	j->run->settled = true;
}

static int
audit_failed(struct stored *s, struct job *j)
{
	autobuf struct buf detail = { 0 };

	(void)buf_addf(&detail, "%s: %s",
	    session_status_name(SESSION_FAILED), j->text);
	return audit(s, AUDIT_END, j->run->id, NULL, buf_head(&detail));
}

static int
failed_apply(struct stored *s, struct job *j)
{
	struct store_end end = { .status = SESSION_FAILED,
	    .time_ns = j->time_ns };
	int r = store_end(s->store, j->run->key, &end);

	if (r == 0)
		r = audit_failed(s, j);
	return r;
}

static void
failed_done(struct stored *s, struct job *j)
{
	struct msg_run_settled m = { .id = j->run->id };
	char text[2048];

	(void)snprintf(text, sizeof(text), "%s\t%s", j->run->id, j->text);
	stored_reply(s, &j->run->launch, STORE_LAUNCH_FAILED, text);
	run_drop_record(j->run);
	run_answer_kills(j->run, STORE_NOT_LIVE);
	run_set(j->run, RS_ENDED);
	j->key = j->run->key;
	/* RUN_FAILED is said of what is wholly gone: no RUN_GONE follows. */
	j->run->settled = true;
	if (!j->drop)
		stored_tell(s, MSG_RUN_SETTLED, &m, -1);
}

/* --- external sessions --- */

static int
external_apply(struct stored *s, struct job *j)
{
	struct store_session old;
	struct msg_session_row row;
	int64_t key;
	int r;

	r = store_find(s->store, j->id, &old);
	if (r == 0)
		j->code = old.external ? STORE_OK : STORE_CONFLICT;
	if (r <= 0)
		return r;
	r = decode_row(j->data, j->len, &row);
	if (r == 0)
		r = store_add_session(s->store, &row, NULL, &key);
	if (r == 0)
		r = audit(s, AUDIT_EXTERNAL, j->id, j->actor, "");
	j->code = STORE_CREATED;
	return r;
}

static int
complete_apply(struct stored *s, struct job *j)
{
	struct store_end end = { .time_ns = j->time_ns,
	    .has_code = j->has_code, .code = j->exit_code };
	struct store_session old;
	int r;

	end.status = j->has_code && j->exit_code != 0 ? SESSION_FAILED :
	    SESSION_COMPLETED;
	r = store_find(s->store, j->id, &old);
	if (r < 0)
		return r;
	j->code = r > 0 ? STORE_NOT_FOUND : old.external ? STORE_OK :
	    STORE_NOT_EXTERNAL;
	if (j->code != STORE_OK)
		return 0;
	j->key = old.key;
	r = store_complete(s->store, old.key, &end);
	if (r == 0)
		r = audit(s, AUDIT_END, j->id, j->actor,
		    session_status_name(end.status));
	return r;
}

static void
row_done(struct stored *s, struct job *j)
{
	if (j->code == STORE_OK || j->code == STORE_CREATED)
		stored_reply_session(s, &j->asked, j->code, j->id);
	else
		stored_reply(s, &j->asked, j->code, NULL);
}

/* --- what a runner writes --- */

static int
event_apply(struct stored *s, struct job *j)
{
	/* After a refused write the numbers no longer connect. */
	if (j->run->refused)
		return 0;
	j->run->apply_n = j->n;
	j->run->apply_bytes += j->len;
	return add_event(s, j->run->key, EVENT_OUTPUT, j->data, j->len,
	    j->time_ns);
}

static void
durable_done(struct stored *s, struct job *j)
{
	(void)s;
	if (j->run->refused)
		return;
	j->run->durable = j->n;
	j->run->output_bytes += j->len;
	j->run->ack_due = true;
	j->key = j->run->key;
}

static void
event_refuse(struct stored *s, struct job *j)
{
	(void)s;
	j->run->refused = true;
	run_lied(j->run, "a write that the schema refuses");
}

#define PAYLOAD_MAX	160	/* status, code, signal and limit */

static int
exit_payload(const struct job *j, char *out, size_t n)
{
	char code[16] = "null", signal[32] = "", limit[40] = "";

	if (j->has_code)
		(void)snprintf(code, sizeof(code), "%d", (int)j->exit_code);
	/* An extension: a client that acts as a shell needs to know. */
	if (j->signo != 0)
		(void)snprintf(signal, sizeof(signal), ",\"signal\":%u",
		    (unsigned)j->signo);
	if (j->limit != BOUND_NONE)
		(void)snprintf(limit, sizeof(limit), ",\"limit\":\"%s\"",
		    bound_name(j->limit));
	return snprintf(out, n, "{\"status\":\"%s\",\"exitCode\":%s%s%s}",
	    j->failed ? "failed" : "completed", code, signal, limit);
}

static int
hold_apply(struct stored *s, struct job *j)
{
	char payload[PAYLOAD_MAX];

	if (j->run->refused)
		return 0;
	(void)exit_payload(j, payload, sizeof(payload));
	j->run->apply_n = j->n;
	return store_hold_exit(s->store, j->run->key, payload, j->time_ns);
}

static int
exit_apply(struct stored *s, struct job *j)
{
	struct store_end end = { .time_ns = j->time_ns,
	    .has_code = j->has_code, .code = j->exit_code,
	    .limit = bound_name(j->limit) };
	char payload[PAYLOAD_MAX], detail[PAYLOAD_MAX];
	int r;

	if (j->run->refused)
		return 0;
	end.status = j->failed ? SESSION_FAILED : j->run->conversation ?
	    SESSION_IDLE : SESSION_COMPLETED;
	(void)exit_payload(j, payload, sizeof(payload));
	(void)snprintf(detail, sizeof(detail), "%s: exit code %d, signal "
	    "%u%s%s", session_status_name(end.status), j->has_code ?
	    (int)j->exit_code : -1, (unsigned)j->signo, *end.limit != '\0' ?
	    ", limit " : "", end.limit);
	j->run->apply_n = j->n;
	r = add_event(s, j->run->key, EVENT_EXIT, payload, strlen(payload),
	    j->time_ns);
	if (r == 0)
		r = store_end(s->store, j->run->key, &end);
	if (r == 0)
		r = audit(s, AUDIT_END, j->run->id, NULL, detail);
	return r;
}

static void
exit_done(struct stored *s, struct job *j)
{
	durable_done(s, j);
	if (j->run->refused)
		return;		/* RUN_GONE settles it as failed */
	run_set(j->run, RS_ENDED);
	run_answer_kills(j->run, STORE_NOT_LIVE);
	run_expect_gone(j->run);
}

/* --- input and signals --- */

static int
input_apply(struct stored *s, struct job *j)
{
	char detail[32];
	int r;

	(void)snprintf(detail, sizeof(detail), "%zu bytes", j->len);
	r = add_event(s, j->run->key, EVENT_INPUT, j->data, j->len,
	    j->time_ns);
	if (r == 0)
		r = audit(s, AUDIT_INPUT, j->run->id, j->actor, detail);
	return r;
}

static void
input_done(struct stored *s, struct job *j)
{
	j->key = j->run->key;
	stored_reply(s, &j->asked, STORE_OK, NULL);
}

static void
input_refuse(struct stored *s, struct job *j)
{
	stored_reply(s, &j->asked, STORE_ERROR, "the input cannot be recorded");
}

static int
signal_apply(struct stored *s, struct job *j)
{
	char detail[32];

	(void)snprintf(detail, sizeof(detail), "signal %u",
	    (unsigned)j->signo);
	return audit(s, AUDIT_SIGNAL, j->run->id, j->actor, detail);
}

static void
signal_done(struct stored *s, struct job *j)
{
	struct msg_run_signal m = { .id = j->run->id, .signo = j->signo };

	if (s->stopping || j->run->state != RS_LIVE) {
		stored_reply(s, &j->asked, STORE_NOT_LIVE, NULL);
		return;
	}
	stored_tell(s, MSG_RUN_SIGNAL, &m, -1);
	stored_reply(s, &j->asked, STORE_OK, NULL);
}

/* --- kill and the end --- */

static int
killing_apply(struct stored *s, struct job *j)
{
	int r = store_mark_killing(s->store, j->run->key);

	if (r == 0)
		r = audit(s, AUDIT_KILL, j->run->id, j->actor, "requested");
	return r;
}

static void
killing_done(struct stored *s, struct job *j)
{
	struct msg_run_kill m = { .id = j->run->id };

	(void)s;
	/* One that is being started is killed when it has been. */
	if (j->run->state == RS_LIVE)
		stored_tell(s, MSG_RUN_KILL, &m, -1);
}

static int
gone_apply(struct stored *s, struct job *j)
{
	struct run *run = j->run;

	if (run->exited && !run->killing && !run->refused)
		return 0;	/* its own words are on record */
	return store_settle(s->store, run->key, run->id, run->killing ?
	    SESSION_KILLED : SESSION_FAILED, run->cause);
}

static void
gone_done(struct stored *s, struct job *j)
{
	struct msg_run_settled m = { .id = j->run->id };
	char text[512];

	(void)snprintf(text, sizeof(text), "%s\tstart: %s", j->run->id,
	    j->run->cause);
	stored_reply(s, &j->run->launch, STORE_LAUNCH_FAILED, text);
	run_set(j->run, RS_ENDED);
	run_answer_kills(j->run, j->run->killing ? STORE_OK : STORE_NOT_LIVE);
	j->key = j->run->key;
	j->run->settled = true;
	stored_tell(s, MSG_RUN_SETTLED, &m, -1);
}

static int
settle_apply(struct stored *s, struct job *j)
{
	struct store_session old;
	int r = store_find(s->store, j->id, &old);

	if (r == 0 && !old.external && !session_has_ended(old.status))
		return store_settle(s->store, old.key, j->id, old.killing ?
		    SESSION_KILLED : SESSION_FAILED, j->text);
	return r < 0 ? r : 0;
}

static void
settle_done(struct stored *s, struct job *j)
{
	struct msg_run_settled m = { .id = j->id };

	stored_tell(s, MSG_RUN_SETTLED, &m, -1);
}

static void
request_refuse(struct stored *s, struct job *j)
{
	stored_reply(s, &j->asked, STORE_UNAVAILABLE,
	    "the store cannot write");
}

static const struct job_row rows[JOB__COUNT] = {
	[JOB_AUDIT] = { "refusal", JOB_REFUSED, refusal_apply, refusal_done,
	    refusal_done },
	[JOB_NOTE] = { "note", JOB_WAITS, note_apply, note_done, note_done },
	[JOB_RECORD] = { "launch", JOB_REFUSED, record_apply, record_done,
	    record_refuse, true },
	[JOB_EXTERNAL] = { "external session", JOB_REFUSED, external_apply,
	    row_done, request_refuse, true },
	[JOB_COMPLETE] = { "external end", JOB_REFUSED, complete_apply,
	    row_done, request_refuse },
	[JOB_ARCHIVE] = { "archive", JOB_REFUSED, archive_apply, row_done,
	    request_refuse },
	[JOB_DELETE] = { "delete", JOB_REFUSED, delete_apply, delete_done,
	    request_refuse },
	[JOB_WORKSPACE] = { "workspace", JOB_ENDS, workspace_apply,
	    workspace_done, workspace_done },
	[JOB_PHASED] = { "step with a workspace", JOB_ENDS, phased_apply,
	    phased_done, phased_done },
	[JOB_FORGET] = { "archives", JOB_REFUSED, forget_apply, forget_done,
	    NULL },
	[JOB_ARCHIVE_DROP] = { "removal of an archive", JOB_REFUSED,
	    archive_drop_apply, archive_drop_done, request_refuse },
	[JOB_CHANGES] = { "changes", JOB_REFUSED, changes_apply,
	    changes_done, request_refuse },
	[JOB_DISCARDED] = { "discarded", JOB_ENDS, discarded_apply,
	    discarded_done, discarded_done },
	[JOB_PAIR] = { "paired token", JOB_REFUSED, pair_apply, pair_done,
	    request_refuse },
	[JOB_UNPAIR] = { "revocation", JOB_ENDS, unpair_apply, unpair_done,
	    unpair_refuse },
	[JOB_PAIR_USED] = { "use of a token", JOB_REFUSED, pair_used_apply,
	    NULL, NULL },
	[JOB_EVENT] = { "event", JOB_WAITS, event_apply, durable_done,
	    event_refuse },
	[JOB_INPUT] = { "input", JOB_WAITS, input_apply, input_done,
	    input_refuse },
	[JOB_SIGNAL] = { "signal", JOB_REFUSED, signal_apply, signal_done,
	    request_refuse },
	[JOB_KILLING] = { "kill", JOB_ENDS, killing_apply, killing_done,
	    NULL },
	[JOB_HOLD] = { "held exit", JOB_ENDS, hold_apply, durable_done,
	    event_refuse },
	[JOB_EXIT] = { "exit", JOB_ENDS, exit_apply, exit_done,
	    event_refuse },
	[JOB_FAILED] = { "failed launch", JOB_ENDS, failed_apply, failed_done,
	    NULL },
	[JOB_GONE] = { "end", JOB_ENDS, gone_apply, gone_done, NULL },
	[JOB_SETTLE] = { "end of an earlier life", JOB_ENDS, settle_apply,
	    settle_done, NULL },
};

const struct job_row *
job_row(enum job_kind kind)
{
	return &rows[kind];
}

/* --- the list --- */

struct job *
job_new(struct stored *s, enum job_kind kind, struct run *run)
{
	struct job *j = mem_zalloc(1, sizeof(*j));

	j->kind = kind;
	j->run = run;
	j->time_ns = clock_wall_ns();
	TAILQ_INSERT_TAIL(&s->writer.jobs, j, link);
	if (run != NULL)
		run->jobs++;
	if (rows[kind].class == JOB_ENDS) {
		s->writer.end_due = true;
		if (run != NULL)
			run->end_jobs++;
	}
	return j;
}

void
job_give(struct stored *s, struct job *j, char **data, size_t n)
{
	j->data = steal(data);
	j->len = n;
	s->writer.bytes += n;
	if (j->run != NULL)
		j->run->backlog += n;
}

void
job_free(struct job *j)
{
	struct run *run = j->run;

	free(j->id);
	free(j->text);
	free(j->actor);
	free(j->data);
	free(j);
	if (run != NULL) {
		run->jobs--;
		run_release(run);
	}
}

struct job *
job_refusal(struct stored *s, const char *id, const char *actor,
    const char *fmt, ...)
{
	struct job *j = job_new(s, JOB_AUDIT, NULL);
	char text[AUDIT_DETAIL_MAX];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	j->id = id != NULL ? mem_strdup(id) : NULL;
	j->actor = mem_strdup(actor != NULL ? actor : "");
	j->text = mem_strdup(text);
	return j;
}
