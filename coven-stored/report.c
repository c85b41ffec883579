/* The writer's counters, for the health that apid answers from memory. */
#include "coven-stored/stored.h"

/* What was held back is said at the end of the turn that this begins. */
static void
on_pause_over(struct timer *t)
{
	(void)t;
}

void
report_init(struct stored *s)
{
	s->report = (struct report){ .first_seq = store_last_seq(s->store),
	    .work_due = true, .pause = { .cb = on_pause_over } };
}

void
report_fini(struct stored *s)
{
	timer_stop(s->loop, &s->report.pause);
}

/* How large the store is takes a while to see, and changes slowly. */
static void
look(struct stored *s)
{
	struct report *p = &s->report;
	int64_t now = loop_now_ns();
	uint64_t oldest = 0;

	if (p->sized_ns != 0 &&
	    now - p->sized_ns < LIMIT_STORE_SIZE_MS * INT64_C(1000000))
		return;
	p->sized_ns = now;
	p->oldest[0] = '\0';
	if (store_size(s->store, &p->size) < 0)
		p->size = (struct store_size){ 0 };
	if (store_oldest_event(s->store, &oldest) == 0 && oldest != 0)
		clock_format(oldest, p->oldest);
}

void
report_send(struct stored *s)
{
	struct report *p = &s->report;
	struct msg_store_stats m = { .stalled = s->writer.stalled,
	    .queued_bytes = s->writer.bytes,
	    .transactions = p->transactions,
	    .events = store_last_seq(s->store) - p->first_seq };
	struct job *j;

	/* Numbers must not pile up for an apid that does not read. */
	if (!p->due || timer_running(&p->pause) ||
	    !chan_is_open(&s->apid) || chan_queued(&s->apid) != 0)
		return;
	TAILQ_FOREACH(j, &s->writer.jobs, link)
		m.queued++;
	p->due = false;
	look(s);
	if (p->work_due && store_work_stats(s->store, &p->work) == 0)
		p->work_due = false;
	m.database_bytes = p->size.database;
	m.wal_bytes = p->size.log;
	m.free_bytes = p->size.free;
	m.oldest_at = p->oldest;
	m.pruned_ns = s->retention.swept_ns;
	m.checkpointed_ns = store_checkpointed_ns(s->store);
	m.archives = p->work.archives;
	m.archive_bytes = p->work.bytes;
	m.workspaces = p->work.workspaces;
	m.work_failing = p->work.failing;
	m.work_failed_ns = p->work.failed_ns;
	(void)chan_send(&s->apid, MSG_STORE_STATS, &m, -1);
	timer_start(s->loop, &p->pause, LIMIT_STORE_STATS_MS);
}
