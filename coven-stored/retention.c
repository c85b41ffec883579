/*
 * Output is kept for so many days (retention.log_days, privacy.toml).  Every
 * minute what is older goes, a few thousand events at most; rows of sessions
 * stay, and numbers of events are never given out again.
 *
 * An event that its runner still waits for is younger than that: it gets its
 * time when it is printed, and is sent again until it is acknowledged.
 */
#include "coven-stored/stored.h"

#define DAY_NS	(UINT64_C(86400) * 1000000000)

static void
on_minute(struct timer *t)
{
	struct stored *s = t->ctx;

	retention_sweep(s);
	timer_start(s->loop, t, LIMIT_RETAIN_MS);
}

void
retention_init(struct stored *s)
{
	s->retention = (struct retention){ .timer = { .cb = on_minute,
	    .ctx = s } };
}

void
retention_start(struct stored *s)
{
	timer_start(s->loop, &s->retention.timer, LIMIT_RETAIN_MS);
}

void
retention_sweep(struct stored *s)
{
	uint64_t now = clock_wall_ns();
	uint64_t keep = s->log_retention_days * DAY_NS;

	/* 0 keeps everything; so does a clock that is not set. */
	if (keep == 0 || now <= keep)
		return;
	s->retention.before_ns = now - keep;
	s->retention.pieces = 0;
	s->retention.indexed = false;
	upkeep_wake(s, UPKEEP_RETAIN);
}

int
retention_piece(struct stored *s, bool *more)
{
	struct retention *t = &s->retention;
	uint32_t dropped = 0;
	bool words = false;
	int r;

	if (!t->indexed)
		r = store_prune_events(s->store, t->before_ns,
		    LIMIT_RETAIN_EVENTS, &dropped);
	else
		r = store_index_prune(s->store, t->before_ns, &words);
	if (r < 0)
		return r;
	/* Another piece of the same, then the index, then all is done. */
	*more = ++t->pieces < LIMIT_RETAIN_PIECES && (dropped != 0 || words);
	if (!*more && !t->indexed) {
		t->indexed = *more = true;
		t->pieces = 0;
	} else if (!*more) {
		t->swept_ns = clock_wall_ns();
		s->report.due = true;
	}
	return 0;
}
