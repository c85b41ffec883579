#include <stdlib.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-stored/tail.h"

static int
tail_cmp(struct tail *a, struct tail *b)
{
	return a->key < b->key ? -1 : a->key > b->key;
}

/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as in run.c */
RB_GENERATE(tail_tree, tail, tree, tail_cmp)

void
tails_init(struct tails *ts)
{
	*ts = (struct tails){ 0 };
	RB_INIT(&ts->all);
	TAILQ_INIT(&ts->clean);
	TAILQ_INIT(&ts->dirty);
}

static struct tail_list *
list_of(struct tails *ts, const struct tail *t)
{
	return t->touched ? &ts->dirty : &ts->clean;
}

void
tails_drop(struct tails *ts, struct tail *t)
{
	RB_REMOVE(tail_tree, &ts->all, t);
	TAILQ_REMOVE(list_of(ts, t), t, link);
	ts->count--;
	buf_fini(&t->data);
	free(t);
}

void
tails_fini(struct tails *ts)
{
	struct tail *t;

	while ((t = RB_MIN(tail_tree, &ts->all)) != NULL)
		tails_drop(ts, t);
}

struct tail *
tails_find(struct tails *ts, int64_t key)
{
	struct tail want = { .key = key };

	return RB_FIND(tail_tree, &ts->all, &want);
}

struct tail *
tails_add(struct tails *ts, int64_t key)
{
	struct tail *t = mem_zalloc(1, sizeof(*t));

	t->key = key;
	(void)RB_INSERT(tail_tree, &ts->all, t);
	TAILQ_INSERT_TAIL(&ts->clean, t, link);
	ts->count++;
	return t;
}

void
tails_touch(struct tails *ts, struct tail *t)
{
	if (t->touched)
		return;
	TAILQ_REMOVE(&ts->clean, t, link);
	t->touched = true;
	TAILQ_INSERT_TAIL(&ts->dirty, t, link);
}

void
tails_rolled_back(struct tails *ts)
{
	struct tail *t;

	while ((t = TAILQ_FIRST(&ts->dirty)) != NULL)
		tails_drop(ts, t);
}

static void
settle(struct tails *ts, struct tail *t)
{
	TAILQ_REMOVE(&ts->dirty, t, link);
	t->touched = false;
	TAILQ_INSERT_TAIL(&ts->clean, t, link);
	/* A burst leaves a large buffer behind. */
	if (t->data.cap > (size_t)2 * LIMIT_STORE_BLOCK &&
	    buf_left(&t->data) == 0)
		buf_fini(&t->data);
}

void
tails_committed(struct tails *ts)
{
	struct tail *t;

	while ((t = TAILQ_FIRST(&ts->dirty)) != NULL)
		settle(ts, t);
	while (ts->count > LIMIT_STORE_TAILS)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as in run.c */
		tails_drop(ts, TAILQ_FIRST(&ts->clean));
}
