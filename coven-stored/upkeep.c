/*
 * Work of the store's own that nobody waits for.
 *
 * It is done in pieces, each a transaction that takes milliseconds, and a
 * piece begins only when there is nothing to write and nothing to answer.  So
 * a request waits for one piece at most.
 */
#include <string.h>

#include "common/mem.h"
#include "coven-stored/stored.h"

static int
purge_piece(struct stored *s, bool *more)
{
	return store_purge(s->store, more);
}

static const struct {
	const char	*name;
	/* 0 and whether there is more, or -errno: rolled back, tried again */
	int		(*piece)(struct stored *, bool *more);
	/* after its commit, or its failure; each may be NULL */
	void		(*done)(struct stored *);
	void		(*failed)(struct stored *, int error);
} tasks[UPKEEP__COUNT] = {
	[UPKEEP_PURGE] = { "remove what was deleted", purge_piece, NULL,
	    NULL },
	[UPKEEP_RETAIN] = { "remove what is too old", retention_piece, NULL,
	    NULL },
	[UPKEEP_SEARCH] = { "index what is new", search_piece, NULL,
	    search_lost },
	[UPKEEP_IMPORT] = { "take over what an earlier daemon left",
	    import_piece, import_done, import_failed },
};

static bool
anything_due(const struct stored *s)
{
	size_t i;

	for (i = 0; i < nitems(tasks); i++)
		if (s->upkeep.due[i])
			return true;
	return false;
}

/* One piece of one task, in a transaction of its own. */
static int
do_piece(struct stored *s, enum upkeep_task task)
{
	bool more = false;
	int r = store_begin(s->store);

	if (r == 0)
		r = tasks[task].piece(s, &more);
	if (r == 0)
		r = store_commit(s->store);
	if (r < 0) {
		store_rollback(s->store);
		if (log_allowed(&s->limit, "upkeep"))
			log_error("%s: %s", tasks[task].name, strerror(-r));
		if (tasks[task].failed != NULL)
			tasks[task].failed(s, r);
		return r;
	}
	s->upkeep.due[task] = more;
	if (tasks[task].done != NULL)
		tasks[task].done(s);
	return 0;
}

static enum upkeep_task
whose_turn(struct stored *s)
{
	struct upkeep *u = &s->upkeep;

	do {
		u->next = (u->next + 1) % UPKEEP__COUNT;
	} while (!u->due[u->next]);
	return (enum upkeep_task)u->next;
}

static void
on_turn(struct timer *t)
{
	struct stored *s = t->ctx;
	int64_t ms = LIMIT_UPKEEP_PAUSE_MS;

	if (!anything_due(s) || s->stopping)
		return;
	if (!s->writer.stalled && writer_idle(s) && TAILQ_EMPTY(&s->asks) &&
	    do_piece(s, whose_turn(s)) < 0)
		ms = LIMIT_UPKEEP_RETRY_MS;
	if (anything_due(s))
		timer_start(s->loop, t, ms);
}

void
upkeep_init(struct stored *s)
{
	s->upkeep = (struct upkeep){ .timer = { .cb = on_turn, .ctx = s } };
}

void
upkeep_wake(struct stored *s, enum upkeep_task task)
{
	s->upkeep.due[task] = true;
	if (!timer_running(&s->upkeep.timer))
		timer_start(s->loop, &s->upkeep.timer, LIMIT_UPKEEP_PAUSE_MS);
}

void
upkeep_now(struct stored *s, enum upkeep_task task, int64_t ms)
{
	int64_t end = loop_now_ns() + ms * 1000000;

	while (s->upkeep.due[task] && loop_now_ns() < end)
		if (do_piece(s, task) < 0)
			return;
}
