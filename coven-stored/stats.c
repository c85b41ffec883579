/*
 * Statistics of live sessions.  Numbers come from the monitor, which is asked
 * about a few sessions at a time, so that it has time for everybody else.
 * Whoever asks while that is under way, or soon after, gets the same answer.
 */
#include <string.h>

#include "common/mem.h"
#include "coven-stored/page.h"
#include "coven-stored/stored.h"

static struct run *
run_after(struct stored *s, const char *id)
{
	struct run key, *run;

	memcpy(key.id, id, sizeof(key.id));
	run = RB_NFIND(run_tree, &s->runs, &key);
	return run != NULL && strcmp(run->id, id) == 0 ?
	    RB_NEXT(run_tree, &s->runs, run) : run;
}

static int
put_row(struct buf *rows, const struct run *run, uint64_t now)
{
	struct msg_stats_row row = {
		.id = run->id,
		.age_ms = now > run->created_ns ?
		    (now - run->created_ns) / 1000000 : 0,
		.output_bytes = run->output_bytes,
		.measured = run->usage.known,
		.cpu_us = run->usage.cpu_us,
		.memory = run->usage.memory,
		.processes = run->usage.processes,
		.capped = run->usage.capped,
		.shared = run->usage.shared,
	};

	return msg_encode(rows, MSG_STATS_ROW, &row);
}

static void
answer(struct stored *s, struct asked *asked)
{
	uint64_t now = clock_wall_ns();
	struct page page = { 0 };
	char at[RFC3339_LEN];
	struct run *run;

	RB_FOREACH(run, run_tree, &s->runs) {
		if (run->state != RS_LIVE)
			continue;
		if (page.rows == LIMIT_STATS_ROWS ||
		    put_row(&page.out, run, now) < 0)
			break;
		page.rows++;
	}
	page.more = run != NULL;
	clock_format(now, at);
	stored_reply_page(s, asked, &page, at);
	buf_fini(&page.out);
}

static void
finish(struct stored *s)
{
	struct stats *t = &s->stats;
	unsigned i;

	t->running = false;
	t->known_ns = loop_now_ns();
	timer_stop(s->loop, &t->deadline);
	for (i = 0; i < t->nwaiting; i++)
		answer(s, &t->waiting[i]);
	t->nwaiting = 0;
}

/* Ask on; what has no process has no numbers, which is an answer too. */
static void
go_on(struct stored *s)
{
	struct stats *t = &s->stats;
	struct run *run = run_after(s, t->last);

	for (; run != NULL && t->asked < LIMIT_STATS_WINDOW;
	    run = RB_NEXT(run_tree, &s->runs, run)) {
		struct msg_run_stat m = { .id = run->id };

		memcpy(t->last, run->id, sizeof(t->last));
		if (run->state != RS_LIVE)
			continue;
		run->usage.asked = true;
		t->asked++;
		stored_tell(s, MSG_RUN_STAT, &m, -1);
	}
	if (run == NULL && t->asked == 0)
		finish(s);
}

/* A monitor that is busy: what is known by now must do. */
static void
on_deadline(struct timer *timer)
{
	finish(timer->ctx);
}

void
stats_init(struct stored *s)
{
	s->stats = (struct stats){ .deadline = { .cb = on_deadline,
	    .ctx = s } };
}

void
stats_drop(struct stored *s)
{
	s->stats.nwaiting = 0;
}

int
on_session_stats(struct chan *c, const union msg_any *msg, int *fd)
{
	struct asked asked = { true, msg->session_stats.tag };
	struct stored *s = c->ctx;
	struct stats *t = &s->stats;

	(void)fd;
	if (!t->running && t->known_ns != 0 && loop_now_ns() - t->known_ns <
	    LIMIT_STATS_FRESH_MS * INT64_C(1000000)) {
		answer(s, &asked);
		return 0;
	}
	if (t->nwaiting == LIMIT_STATS_ASKED) {
		stored_reply(s, &asked, STORE_UNAVAILABLE,
		    "too many wait for the same statistics");
		return 0;
	}
	t->waiting[t->nwaiting++] = asked;
	if (t->running)
		return 0;
	t->running = true;
	t->last[0] = '\0';
	timer_start(s->loop, &t->deadline, LIMIT_STATS_MS);
	go_on(s);
	return 0;
}

int
on_run_stat_reply(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_run_stat_reply *m = &msg->run_stat_reply;
	struct stored *s = c->ctx;
	struct run *run = run_find(s, m->id);

	(void)fd;
	if (s->stats.asked == 0)
		return chan_blame(c, "statistics that nobody asked for");
	s->stats.asked--;
	/* It may have ended and be forgotten by now. */
	if (run != NULL && run->usage.asked)
		run->usage = (struct usage){ .known = m->found != 0,
		    .cpu_us = m->cpu_us, .memory = m->memory,
		    .processes = m->processes, .capped = m->capped != 0,
		    .shared = m->shared != 0 };
	if (s->stats.running)
		go_on(s);
	return 0;
}
