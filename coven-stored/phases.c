/*
 * What an ended session left: packed, removed, and its archive one day too.
 *
 * Each step is a row first (enum work_phase) and an order to the monitor after
 * the commit; how it went is a row again, and only then comes the next.  So
 * whatever dies in between, the step is taken once more, and nothing is
 * removed before what explains it is on record.  One step at a time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/mem.h"
#include "common/worker.h"
#include "coven-stored/stored.h"

#define DAY_NS		(UINT64_C(86400) * 1000000000)

/* --- the next step --- */

static void
tell(struct stored *s, const struct store_phase *p)
{
	struct msg_phase m = { .id = p->id, .phase = p->phase };

	FAILPOINT("stored.work-before-order");
	s->phases.busy = true;
	stored_tell(s, MSG_PHASE, &m, -1);
}

static void
on_look(struct timer *t)
{
	struct stored *s = t->ctx;
	struct store_phase p;
	uint64_t now = clock_wall_ns();
	uint64_t ms;

	if (s->phases.busy || s->stopping)
		return;
	if (store_phase_due(s->store, &p) < 0) {
		timer_start(s->loop, t, LIMIT_PHASE_FIRST_MS);
		return;
	}
	if (p.phase == PHASE_KEPT)
		return;
	/* A clock that was set back makes nothing wait for years. */
	ms = p.next_ns > now ? (p.next_ns - now) / 1000000 + 1 : 0;
	if (ms > LIMIT_PHASE_LAST_MS)
		ms = 0;
	if (ms != 0)
		timer_start(s->loop, t, (int64_t)ms);
	else
		tell(s, &p);
}

void
phases_wake(struct stored *s)
{
	s->report.work_due = true;
	if (s->serving && !s->phases.busy)
		timer_start(s->loop, &s->phases.timer, 0);
}

/* --- archives that are too old, or too many --- */

static void
on_sweep(struct timer *t)
{
	struct stored *s = t->ctx;

	(void)job_new(s, JOB_FORGET, NULL);
	timer_start(s->loop, t, LIMIT_RETAIN_MS);
}

static int
expire(struct stored *s)
{
	uint64_t now = clock_wall_ns(), keep = s->phases.keep_days * DAY_NS;
	int r = store_archives_expire(s->store, now > keep ? now - keep : 0,
	    (uint64_t)s->phases.total_mib << 20, s->phases.keep_count);

	FAILPOINT("stored.work-retention");
	return r;
}

int
forget_apply(struct stored *s, struct job *j)
{
	uint64_t now = clock_wall_ns(), keep = s->phases.work_days * DAY_NS;
	int r = expire(s);

	(void)j;
	if (r == 0 && keep != 0 && now > keep)
		r = store_workspaces_expire(s->store, now - keep);
	return r;
}

void
forget_done(struct stored *s, struct job *j)
{
	(void)j;
	phases_wake(s);
}

void
phases_init(struct stored *s)
{
	s->phases = (struct phases){
		.timer = { .cb = on_look, .ctx = s },
		.sweep = { .cb = on_sweep, .ctx = s },
	};
}

void
phases_start(struct stored *s)
{
	timer_start(s->loop, &s->phases.sweep, 0);
	phases_wake(s);
}

/* --- a session left a folder --- */

int
on_workspace(struct chan *c, const union msg_any *msg, int *fd)
{
	struct job *j;

	(void)fd;
	if (msg->workspace.policy > POLICY_SCRATCH || msg->workspace.task > 1)
		return chan_blame(c, "a policy that is none");
	j = job_new(c->ctx, JOB_WORKSPACE, NULL);
	j->id = mem_strdup(msg->workspace.id);
	j->signo = msg->workspace.policy;
	j->archive = msg->workspace.task != 0;
	return 0;
}

int
workspace_apply(struct stored *s, struct job *j)
{
	static const char *const next[] = {
		[PHASE_KEPT] = "kept until it is discarded or deleted",
		[PHASE_ARCHIVE] = "to be packed",
		[PHASE_REMOVE] = "to be removed",
	};
	struct store_phase had, p;
	struct audit_entry e = { .verb = AUDIT_WORKSPACE_KEEP,
	    .session = j->id };
	int r = store_phase_get(s->store, j->id, &had);

	if (r <= 0)
		return r;	/* it is known, from before a restart */
	r = store_workspace_add(s->store, j->id, j->signo, j->archive,
	    j->time_ns);
	if (r == 0)
		r = store_phase_get(s->store, j->id, &p);
	if (r != 0)
		return r < 0 ? r : -EUCLEAN;
	FAILPOINT("stored.work-before-row");
	e.detail = p.phase < nitems(next) ? next[p.phase] : "?";
	return store_audit(s->store, &e);
}

void
workspace_done(struct stored *s, struct job *j)
{
	(void)j;
	phases_wake(s);
}

/* --- how a step went --- */

int
on_phased(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_phased *m = &msg->phased;
	autobuf struct buf b = { 0 };
	struct stored *s = c->ctx;
	struct job *j;

	(void)fd;
	if (m->phase == PHASE_KEPT || m->phase >= PHASE__COUNT ||
	    m->code >= WORKER__COUNT)
		return chan_blame(c, "a step that is none");
	if (msg_encode(&b, MSG_PHASED, m) < 0)
		return chan_blame(c, "a step that cannot be kept");
	j = job_new(s, JOB_PHASED, NULL);
	job_give(s, j, &b.data, b.len);
	b = (struct buf){ 0 };
	return 0;
}

static bool
went_well(const struct msg_phased *m)
{
	switch (m->phase) {
	case PHASE_ARCHIVE:
		return m->code == WORKER_DONE || m->code == WORKER_LEFT ||
		    m->code == WORKER_LIMIT || m->code == WORKER_LATE;
	default:
		return m->code == WORKER_DONE || m->code == WORKER_NONE;
	}
}

static int
record(struct stored *s, enum audit_verb verb, const struct msg_phased *m,
    const char *detail)
{
	struct audit_entry e = { .verb = verb, .session = m->id,
	    .detail = detail };

	return store_audit(s->store, &e);
}

static int
succeeded(struct stored *s, const struct msg_phased *m)
{
	static const enum audit_verb verbs[] = {
		[PHASE_ARCHIVE] = AUDIT_WORKSPACE_ARCHIVE,
		[PHASE_REMOVE] = AUDIT_WORKSPACE_REMOVE,
		[PHASE_FORGET] = AUDIT_ARCHIVE_FORGET,
	};
	char detail[AUDIT_DETAIL_MAX];
	int r = 0;

	(void)snprintf(detail, sizeof(detail), "%s", m->phase == PHASE_FORGET ?
	    "its file is gone" : worker_outcome(m->code));
	if (m->phase == PHASE_ARCHIVE) {
		(void)snprintf(detail, sizeof(detail), "%s: %llu entries, "
		    "%llu bytes, %llu packed, %llu left out",
		    worker_outcome(m->code), (unsigned long long)m->entries,
		    (unsigned long long)m->bytes,
		    (unsigned long long)m->packed,
		    (unsigned long long)m->left);
		r = store_archive_add(s->store, clock_wall_ns(), m);
		if (r == 0)
			r = expire(s);
	}
	return r == 0 ? record(s, verbs[m->phase], m, detail) : r;
}

/* What the step was taken for may be another one by now. */
static int
settle(struct stored *s, const struct msg_phased *m,
    const struct store_phase *now)
{
	static const char *const steps[] = {
		[PHASE_ARCHIVE] = "archive",
		[PHASE_REMOVE] = "remove",
		[PHASE_FORGET] = "forget its archive",
	};
	uint64_t ms = LIMIT_PHASE_FIRST_MS;
	char detail[AUDIT_DETAIL_MAX];
	uint32_t i;
	int r;

	for (i = 0; i < now->tries && ms < LIMIT_PHASE_LAST_MS; i++)
		ms *= 2;
	if (ms > LIMIT_PHASE_LAST_MS)
		ms = LIMIT_PHASE_LAST_MS;
	(void)snprintf(detail, sizeof(detail), "%s: %s: %.256s",
	    steps[m->phase], worker_outcome(m->code), m->text);
	r = record(s, AUDIT_WORKSPACE_FAIL, m, detail);
	if (r == 0)
		r = store_work_failed(s->store, clock_wall_ns());
	if (r < 0 || now->phase != m->phase)
		return r;
	/* The workspace is there yet: whoever wants it has it. */
	if (m->phase == PHASE_ARCHIVE && (m->code == WORKER_NONE ||
	    now->tries + 1 >= LIMIT_PHASE_TRIES))
		return m->code == WORKER_NONE ? store_phase_done(s->store,
		    m->id, m->phase) : store_workspace_set(s->store, m->id,
		    PHASE_KEPT);
	return store_phase_failed(s->store, m->id, m->phase,
	    clock_wall_ns() + ms * 1000000);
}

int
phased_apply(struct stored *s, struct job *j)
{
	struct store_phase now;
	union msg_any any;
	int r;

	if (msg_decode_exact(j->data, j->len, MSG_PHASED, &any) != 0)
		return -EINVAL;
	r = store_phase_get(s->store, any.phased.id, &now);
	if (r < 0)
		return r;
	if (!went_well(&any.phased))
		return settle(s, &any.phased, &now);
	FAILPOINT("stored.work-before-taken");
	r = succeeded(s, &any.phased);
	if (r == 0 && now.phase == any.phased.phase)
		r = store_phase_done(s->store, any.phased.id,
		    any.phased.phase);
	return r;
}

void
phased_done(struct stored *s, struct job *j)
{
	(void)j;
	s->phases.busy = false;
	phases_wake(s);
}
