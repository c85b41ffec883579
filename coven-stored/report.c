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
	    .pause = { .cb = on_pause_over } };
}

void
report_fini(struct stored *s)
{
	timer_stop(s->loop, &s->report.pause);
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
	(void)chan_send(&s->apid, MSG_STORE_STATS, &m, -1);
	timer_start(s->loop, &p->pause, LIMIT_STORE_STATS_MS);
}
