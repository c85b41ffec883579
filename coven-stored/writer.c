/*
 * The one writer: a queue of jobs, one transaction a turn of the loop.
 *
 * There is no timer in the good path: while one commit waits for the disk,
 * the sockets gather the next batch.  When a commit fails, everything is
 * rolled back and the queue is kept: requests are refused, output waits in
 * its runner, and the whole is tried again until it succeeds.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/mem.h"
#include "coven-stored/stored.h"

typedef bool	 job_filter(const struct job *);

static bool
any_job(const struct job *j)
{
	(void)j;
	return true;
}

/* An end, or what its run wrote before it. */
static bool
end_job(const struct job *j)
{
	return job_row(j->kind)->class == JOB_ENDS ||
	    (j->run != NULL && j->run->end_jobs != 0);
}

bool
writer_idle(const struct stored *s)
{
	return TAILQ_EMPTY(&s->writer.jobs);
}

/* --- one transaction --- */

/* One row a run and a transaction, however many events it brought. */
static int
apply_last_n(struct stored *s, struct run *run)
{
	int r;

	if (run == NULL || run->apply_n == 0)
		return 0;
	r = store_set_last_n(s->store, run->key, run->apply_n,
	    run->apply_bytes);
	run->apply_n = run->apply_bytes = 0;
	return r;
}

static int
apply(struct stored *s, job_filter *want)
{
	struct job *j;
	int r;

	TAILQ_FOREACH(j, &s->writer.jobs, link) {
		if (!want(j))
			continue;
		r = job_row(j->kind)->apply(s, j);
		if (r < 0)
			return r;
	}
	TAILQ_FOREACH(j, &s->writer.jobs, link) {
		r = want(j) ? apply_last_n(s, j->run) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int
transact(struct stored *s, job_filter *want)
{
	struct job *j;
	int r;

	r = store_begin(s->store);
	if (r == 0)
		r = apply(s, want);
	if (r == 0) {
		FAILPOINT("stored.before-commit");
		r = store_commit(s->store);
	}
	if (r == 0) {
		FAILPOINT("stored.after-commit");
		s->report.transactions++;
		s->report.due = true;
		return 0;
	}
	store_rollback(s->store);
	TAILQ_FOREACH(j, &s->writer.jobs, link)
		if (j->run != NULL)
			j->run->apply_n = j->run->apply_bytes = 0;
	return r;
}

/* --- telling --- */

static void
take_out(struct stored *s, struct job *j, struct job_list *to)
{
	TAILQ_REMOVE(&s->writer.jobs, j, link);
	TAILQ_INSERT_TAIL(to, j, link);
	s->writer.bytes -= j->len;
	if (j->run != NULL) {
		j->run->backlog -= j->len;
		if (job_row(j->kind)->class == JOB_ENDS)
			j->run->end_jobs--;
	}
}

/* Not every commit has a record of the audit. */
static void
wake_audit(struct stored *s)
{
	struct audit_head now;

	store_audit_head(s->store, &now);
	if (now.count != s->audit_woken)
		asks_wake(s, WAIT_AUDIT);
	s->audit_woken = now.count;
}

/* Everything in list is durable: answers first, then one ack a runner. */
static void
tell(struct stored *s, struct job_list *list)
{
	struct job *j;

	TAILQ_FOREACH(j, list, link)
		if (job_row(j->kind)->done != NULL)
			job_row(j->kind)->done(s, j);
	TAILQ_FOREACH(j, list, link) {
		if (j->run != NULL) {
			run_ack(j->run);
			run_flow(j->run);
		}
		if (j->key != 0)
			asks_wake(s, j->key);
		if (j->key != 0 || job_row(j->kind)->adds)
			search_note(s, j->key);
	}
	wake_audit(s);
	while ((j = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, j, link);
		job_free(j);
	}
}

static void
committed(struct stored *s, job_filter *want)
{
	struct job_list done = TAILQ_HEAD_INITIALIZER(done);
	struct job *j, *next;

	/* end_jobs falls as jobs are taken out: choose first. */
	TAILQ_FOREACH(j, &s->writer.jobs, link)
		j->chosen = want(j);
	for (j = TAILQ_FIRST(&s->writer.jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (j->chosen)
			take_out(s, j, &done);
	}
	tell(s, &done);
}

static void
refuse(struct stored *s, struct job *j)
{
	struct job_list out = TAILQ_HEAD_INITIALIZER(out);

	take_out(s, j, &out);
	if (job_row(j->kind)->refuse != NULL)
		job_row(j->kind)->refuse(s, j);
	job_free(j);
}

/* --- when it does not work --- */

static const struct job *only;

static bool
only_job(const struct job *j)
{
	return j == only;
}

/*
 * One job's data broke a rule of the schema.  Each is tried alone, in order,
 * so that it costs its own session and nobody else's.
 */
static int
one_by_one(struct stored *s)
{
	struct job *j, *next;
	int r;

	for (j = TAILQ_FIRST(&s->writer.jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		only = j;
		r = transact(s, only_job);
		if (r == -EINVAL) {
			if (log_allowed(&s->limit, "write"))
				log_error("write %s: the data is refused",
				    job_row(j->kind)->name);
			refuse(s, j);
			continue;
		}
		if (r < 0)
			return r;
		committed(s, only_job);
	}
	return 0;
}

static void
on_retry(struct timer *t)
{
	struct stored *s = t->ctx;

	s->writer.due = s->writer.stalled;
	if (!s->writer.stalled && reserve_take(&s->writer.reserve) < 0)
		timer_start(s->loop, t, LIMIT_STORE_RESERVE_MS);
}

static void
refuse_requests(struct stored *s)
{
	struct job *j, *next;

	for (j = TAILQ_FIRST(&s->writer.jobs); j != NULL; j = next) {
		next = TAILQ_NEXT(j, link);
		if (job_row(j->kind)->class == JOB_REFUSED)
			refuse(s, j);
		else if (j->asked.pending && j->kind == JOB_INPUT)
			stored_reply(s, &j->asked, STORE_UNAVAILABLE,
			    "the store cannot write");
	}
}

/* Ends are worth the reserve; what is left of it goes to nobody else. */
static bool
commit_ends(struct stored *s)
{
	struct job *j;

	s->writer.end_due = false;
	TAILQ_FOREACH(j, &s->writer.jobs, link)
		if (job_row(j->kind)->class == JOB_ENDS)
			break;
	if (j == NULL)
		return false;
	reserve_release(&s->writer.reserve);
	if (transact(s, end_job) < 0)
		return false;
	committed(s, end_job);
	return true;
}

static bool
stall(struct stored *s, int error)
{
	struct job *j;

	if (!s->writer.stalled)
		log_error("commit: %s: output waits, requests are refused",
		    strerror(-error));
	s->writer.stalled = s->report.due = true;
	s->writer.due = false;
	refuse_requests(s);
	TAILQ_FOREACH(j, &s->writer.jobs, link)
		if (j->run != NULL)
			run_flow(j->run);
	if (!timer_running(&s->writer.retry))
		timer_start(s->loop, &s->writer.retry, LIMIT_STORE_RETRY_MS);
	return commit_ends(s);
}

static bool
still_stalled(struct stored *s)
{
	int r;

	refuse_requests(s);
	if (s->writer.due) {
		/* Not before the reserve is back: it is for the next end. */
		r = reserve_take(&s->writer.reserve);
		if (r == 0)
			return false;
		return stall(s, r);
	}
	return s->writer.end_due ? commit_ends(s) : false;
}

/* --- the turn --- */

static void
on_gather(struct timer *t)
{
	(void)t;	/* the turn that it makes is what it is for */
}

/*
 * Bulk costs two syncs a commit however much it is, and a channel holds a
 * few packets at a time.  So while nothing but output is there and more of it
 * keeps coming, wait for more; not long, and not for what is small.
 */
static bool
gathers(struct stored *s)
{
	struct writer *w = &s->writer;
	bool grew = w->bytes > w->gathered;
	const struct job *j;

	if (w->bytes < LIMIT_STORE_BULK || w->bytes >= LIMIT_STORE_GATHER ||
	    !grew || (w->gathered != 0 && loop_now_ns() > w->gather_end_ns))
		return false;
	TAILQ_FOREACH(j, &w->jobs, link)
		if (j->kind != JOB_EVENT)
			return false;
	if (w->gathered == 0)
		w->gather_end_ns = loop_now_ns() +
		    (int64_t)LIMIT_STORE_GATHER_MS * 1000000;
	w->gathered = w->bytes;
	timer_start(s->loop, &w->gather, 1);
	return true;
}

/* Somebody waits for a request's commit, so less than bulk may wait. */
#define MORE_NS	((int64_t)LIMIT_STORE_GATHER_MS * 1000000 / 4)

/*
 * One turn takes a few packets of a channel.  While requests of clients lie
 * there, take them as well: they share the sync.  One that comes alone finds
 * nothing behind it and waits for nobody.
 */
static bool
takes_more(struct stored *s)
{
	struct writer *w = &s->writer;
	int64_t now;

	if (w->bytes >= LIMIT_STORE_GATHER || !chan_has_more(&s->apid))
		return false;
	now = loop_now_ns();
	if (w->more_end_ns == 0)
		w->more_end_ns = now + MORE_NS;
	return now < w->more_end_ns;
}

static bool
commit_all(struct stored *s)
{
	int r = transact(s, any_job);

	if (r == 0)
		committed(s, any_job);
	else if (r == -EINVAL)
		r = one_by_one(s);
	if (r < 0)
		return stall(s, r);
	if (s->writer.stalled)
		log_info("commit: the store can write again");
	s->writer.stalled = s->writer.due = false;
	timer_stop(s->loop, &s->writer.retry);
	return true;
}

bool
writer_run(struct stored *s)
{
	if (s->writer.stalled) {
		bool some = still_stalled(s);

		if (!s->writer.due)
			return some;
	}
	if (writer_idle(s)) {
		s->writer.stalled = s->writer.due = false;
		return false;
	}
	if (!s->writer.stalled && (gathers(s) || takes_more(s)))
		return false;
	s->writer.gathered = 0;
	s->writer.more_end_ns = 0;
	timer_stop(s->loop, &s->writer.gather);
	return commit_all(s);
}

void
writer_init(struct stored *s)
{
	int r;

	TAILQ_INIT(&s->writer.jobs);
	s->writer.retry = (struct timer){ .cb = on_retry, .ctx = s };
	s->writer.gather = (struct timer){ .cb = on_gather, .ctx = s };
	s->writer.reserve.fd = -1;
	r = reserve_take(&s->writer.reserve);
	if (r < 0)
		log_warn("set %s aside: %s", RESERVE_FILE, strerror(-r));
	if (r < 0)
		timer_start(s->loop, &s->writer.retry, LIMIT_STORE_RESERVE_MS);
}
