/*
 * Which sessions the full-text index has not read to their end.
 *
 * A commit only notes whose events it brought; reading them is upkeep, a
 * second later and when nobody waits.  After a restart the open ones are
 * looked at once.
 */
#include <stdlib.h>

#include "common/mem.h"
#include "coven-stored/stored.h"

#define SCAN	64		/* sessions a piece */

struct unread {
	RB_ENTRY(unread) tree;
	int64_t		 key;
};

static int
unread_cmp(struct unread *a, struct unread *b)
{
	return a->key < b->key ? -1 : a->key > b->key;
}

RB_PROTOTYPE(unread_tree, unread, tree, unread_cmp)
/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as in run.c */
RB_GENERATE(unread_tree, unread, tree, unread_cmp)

static void
add(struct stored *s, int64_t key)
{
	struct unread want = { .key = key }, *u;

	if (RB_FIND(unread_tree, &s->search.unread, &want) != NULL)
		return;
	u = mem_zalloc(1, sizeof(*u));
	u->key = key;
	(void)RB_INSERT(unread_tree, &s->search.unread, u);
	s->search.nunread++;
}

static void
drop(struct stored *s, struct unread *u)
{
	RB_REMOVE(unread_tree, &s->search.unread, u);
	s->search.nunread--;
	free(u);
}

static void
on_delay(struct timer *t)
{
	upkeep_wake(t->ctx, UPKEEP_SEARCH);
}

void
search_init(struct stored *s)
{
	s->search = (struct search){ .delay = { .cb = on_delay, .ctx = s } };
	RB_INIT(&s->search.unread);
}

void
search_fini(struct stored *s)
{
	struct unread *u;

	timer_stop(s->loop, &s->search.delay);
	while ((u = RB_MIN(unread_tree, &s->search.unread)) != NULL)
		drop(s, u);
}

void
search_note(struct stored *s, int64_t key)
{
	if (key != 0)
		add(s, key);
	else
		s->search.titles = true;
	if (!timer_running(&s->search.delay))
		timer_start(s->loop, &s->search.delay, LIMIT_SEARCH_DELAY_MS);
}

void
search_rescan(struct stored *s)
{
	s->search.titles = s->search.scanning = true;
	s->search.scanned = INT64_MIN;
	upkeep_wake(s, UPKEEP_SEARCH);
}

/* A piece was rolled back: what was noted in memory about it is wrong. */
void
search_lost(struct stored *s, int error)
{
	(void)error;
	search_rescan(s);
}

size_t
search_behind(const struct stored *s)
{
	return s->search.nunread + s->search.titles + s->search.scanning +
	    s->search.waits;
}

static int
scan(struct stored *s)
{
	int64_t keys[SCAN];
	size_t i, n;
	int r;

	r = store_index_open(s->store, s->search.scanned, keys, nitems(keys),
	    &n);
	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		add(s, keys[i]);
	if (n != 0)
		s->search.scanned = keys[n - 1];
	s->search.scanning = n == nitems(keys);
	return 0;
}

/* Titles first: by them a session is known to the index at all. */
int
search_piece(struct stored *s, bool *more)
{
	struct unread *u = RB_MIN(unread_tree, &s->search.unread);
	bool again = false;
	int r = 0;

	if (s->search.titles) {
		r = store_index_titles(s->store, &again);
		s->search.titles = r == 0 && again;
		s->search.waits = r == INDEX_WAITS;
		r = r > 0 ? 0 : r;
	} else if (s->search.scanning) {
		r = scan(s);
	} else if (u != NULL) {
		r = store_index_session(s->store, u->key, &again);
		if (r == 0 && !again)
			drop(s, u);
	}
	*more = s->search.titles || s->search.scanning ||
	    s->search.nunread != 0;
	return r;
}
