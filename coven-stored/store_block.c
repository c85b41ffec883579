/*
 * Where events lie.  A session's events are a sequence of blocks, each a row:
 * small ones in the row itself, large ones in a segment.  The last small one
 * grows until it is full.
 */
#include <errno.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

/* --- the end of a session's events --- */

/* Only a small block in its row goes on growing. */
static int
on_last(void *ctx, const struct db_row *row)
{
	struct tail *t = ctx;
	const void *p;
	size_t n;

	p = db_bytes(row, 5, &n);
	if (n == 0 || n >= LIMIT_STORE_BLOCK)
		return 1;
	if (buf_add(&t->data, p, n) < 0)
		return -EUCLEAN;
	t->nrow = n;
	t->row = (struct span){ .first = (uint64_t)db_int(row, 0),
	    .last = (uint64_t)db_int(row, 1),
	    .oldest_ns = (uint64_t)db_int(row, 2),
	    .newest_ns = (uint64_t)db_int(row, 3),
	    .count = (uint32_t)db_int(row, 4) };
	return 1;
}

static int
tail_load(struct store *s, int64_t key, struct tail **out)
{
	struct tail *t = tails_find(&s->tails, key);
	int r;

	if (t == NULL) {
		t = tails_add(&s->tails, key);
		r = db_query(s->db, SQL_BLOCK_LAST, on_last, t, "i", key);
		if (r < 0) {
			tails_drop(&s->tails, t);
			return r;
		}
	}
	*out = t;
	return 0;
}

/* --- writing --- */

static int
add_row(struct store *s, int64_t key, const struct span *c, const void *p,
    size_t n)
{
	struct place at;
	int r;

	if (n < LIMIT_STORE_BULK)
		return db_run(s->db, SQL_BLOCK_ADD, "iiiiiinnnb", key,
		    (int64_t)c->first, (int64_t)c->last,
		    (int64_t)c->oldest_ns, (int64_t)c->newest_ns,
		    (int64_t)c->count, p, n);
	r = segments_append(&s->segments, p, n, &at);
	if (r < 0)
		return r;
	return db_run(s->db, SQL_BLOCK_ADD, "iiiiiiiiin", key,
	    (int64_t)c->first, (int64_t)c->last, (int64_t)c->oldest_ns,
	    (int64_t)c->newest_ns, (int64_t)c->count, (int64_t)at.segment,
	    (int64_t)at.at, (int64_t)at.size);
}

/* The row that is there, with what came behind it. */
static int
grow_row(struct store *s, struct tail *t)
{
	struct span c = span_join(&t->row, &t->fresh);
	int r;

	r = db_run(s->db, SQL_BLOCK_GROW, "iiiiiib", t->key,
	    (int64_t)c.first, (int64_t)c.last, (int64_t)c.oldest_ns,
	    (int64_t)c.newest_ns, (int64_t)c.count, buf_head(&t->data),
	    buf_left(&t->data));
	if (r == 0)
		t->row = c;
	return r;
}

static int
flush(struct store *s, struct tail *t)
{
	int r;

	if (t->fresh.count == 0)
		return 0;
	if (t->row.count != 0 && buf_left(&t->data) <= LIMIT_STORE_BLOCK) {
		r = grow_row(s, t);
	} else {
		buf_consume(&t->data, t->nrow);
		t->nrow = 0;
		r = add_row(s, t->key, &t->fresh, buf_head(&t->data),
		    buf_left(&t->data));
		t->row = t->fresh;
	}
	if (r < 0)
		return r;
	t->fresh.count = 0;
	t->nrow = buf_left(&t->data);
	if (t->nrow >= LIMIT_STORE_BLOCK) {
		buf_clear(&t->data);
		t->nrow = 0;
		t->row.count = 0;
	}
	return 0;
}

int
blocks_add(struct store *s, int64_t key, const struct store_event *e)
{
	struct tail *t;
	int r;

	r = tail_load(s, key, &t);
	if (r < 0)
		return r;
	tails_touch(&s->tails, t);
	if (buf_left(&t->data) - t->nrow + e->len > LIMIT_STORE_BULK_BLOCK)
		r = flush(s, t);
	if (r < 0)
		return r;
	block_add(&t->data, e);
	span_add(&t->fresh, e);
	return 0;
}

int
blocks_flush(struct store *s)
{
	struct tail *t;
	int r;

	TAILQ_FOREACH(t, &s->tails.dirty, link)
		if ((r = flush(s, t)) < 0)
			return r;
	return 0;
}

/* --- reading --- */

static struct place
place_of(const struct db_row *row, int column)
{
	return (struct place){ .segment = (uint32_t)db_int(row, column),
	    .at = (uint64_t)db_int(row, column + 1),
	    .size = (uint64_t)db_int(row, column + 2) };
}

/* The bytes of a row's block, for as long as the row and scratch last. */
static int
block_bytes(struct store *s, const struct db_row *row, int column,
    const char **p, size_t *n)
{
	struct place at;
	int r;

	if (db_is_null(row, column)) {
		*p = db_bytes(row, column + 3, n);
		return 0;
	}
	at = place_of(row, column);
	buf_clear(&s->scratch);
	r = segments_read(&s->segments, &at, &s->scratch);
	if (r < 0)
		return r;
	*p = buf_head(&s->scratch);
	*n = buf_left(&s->scratch);
	return 0;
}

struct walk {
	struct store	*store;
	uint64_t	 after;
	int64_t		 left;		/* < 0: no limit */
	bool		 plain;		/* payloads as they were given */
	store_event_cb	*cb;
	void		*ctx;
};

static int
unescape(struct store *s, struct store_event *e)
{
	if (memchr(e->payload, '\\', e->len) == NULL)
		return 0;
	buf_clear(&s->plain);
	if (json_unescape(&s->plain, e->payload, e->len) < 0)
		return -EUCLEAN;
	e->payload = buf_head(&s->plain);
	e->len = buf_left(&s->plain);
	return 0;
}

static int
on_walk(void *ctx, const struct db_row *row)
{
	uint64_t last = (uint64_t)db_int(row, 0);
	struct walk *w = ctx;
	struct store_event e;
	const char *p;
	size_t n;
	int r;

	if (last <= w->after)
		return 0;
	r = block_bytes(w->store, row, 1, &p, &n);
	if (r < 0)
		return r;
	while ((r = block_next(&p, &n, &e)) == 0) {
		if (e.seq > last)
			return -EUCLEAN;
		if (e.seq <= w->after)
			continue;
		if (w->left == 0)
			return 1;
		w->left -= w->left > 0;
		r = w->plain ? unescape(w->store, &e) : 0;
		if (r == 0)
			r = w->cb(w->ctx, &e);
		if (r != 0)
			return r;
	}
	return r < 0 ? r : w->left == 0;
}

static int
walk(struct store *s, int64_t key, struct walk *w)
{
	int r = blocks_flush(s);

	if (r < 0)
		return r;
	if (w->after > INT64_MAX)
		w->after = INT64_MAX;
	return db_query(s->db, SQL_BLOCK_WALK, on_walk, w, "ii", key,
	    (int64_t)w->after);
}

int
store_events(struct store *s, int64_t key, uint64_t after, uint32_t limit,
    store_event_cb *cb, void *ctx)
{
	return walk(s, key, &(struct walk){ .store = s, .plain = true,
	    .after = after, .left = limit != 0 ? (int64_t)limit : -1,
	    .cb = cb, .ctx = ctx });
}

int
store_events_json(struct store *s, int64_t key, uint64_t after,
    uint32_t limit, store_event_cb *cb, void *ctx)
{
	return walk(s, key, &(struct walk){ .store = s, .after = after,
	    .left = limit != 0 ? (int64_t)limit : -1, .cb = cb,
	    .ctx = ctx });
}

static int
on_one(void *ctx, const struct db_row *row)
{
	uint64_t *n = ctx;

	*n = (uint64_t)db_int(row, 0);
	return 1;
}

int
store_last_event(struct store *s, int64_t key, uint64_t *seq)
{
	int r = blocks_flush(s);

	*seq = 0;
	if (r < 0)
		return r;
	return db_query(s->db, SQL_BLOCK_LAST_SEQ, on_one, seq, "i", key);
}

int
store_oldest_event(struct store *s, uint64_t *time_ns)
{
	int r = blocks_flush(s);

	*time_ns = 0;
	if (r < 0)
		return r;
	return db_query(s->db, SQL_BLOCK_OLDEST, on_one, time_ns, "");
}

/* --- removing --- */

static void
forget_tail(struct store *s, int64_t key)
{
	struct tail *t = tails_find(&s->tails, key);

	if (t != NULL)
		tails_drop(&s->tails, t);
}

int
store_drop_events(struct store *s, int64_t key)
{
	forget_tail(s, key);
	s->dead_due = true;
	return db_run(s->db, SQL_BLOCK_DROP_ALL, "i", key);
}

int
store_drop_some(struct store *s, int64_t key, uint32_t max, bool *more)
{
	int r;

	forget_tail(s, key);
	s->dead_due = true;
	r = db_run(s->db, SQL_BLOCK_DROP_SOME, "ii", key, (int64_t)max);
	*more = r == 0 && db_changes(s->db) == (int64_t)max;
	return r;
}

#define PRUNE_ROWS	32		/* a call */

struct old_row {
	int64_t		 key, first;
	uint64_t	 newest_ns;
	uint32_t	 count;
};

struct old_rows {
	struct old_row	 rows[PRUNE_ROWS];
	unsigned	 n;
};

static int
on_old(void *ctx, const struct db_row *row)
{
	struct old_rows *all = ctx;

	all->rows[all->n++] = (struct old_row){ .key = db_int(row, 0),
	    .first = db_int(row, 1), .newest_ns = (uint64_t)db_int(row, 2),
	    .count = (uint32_t)db_int(row, 3) };
	return all->n == PRUNE_ROWS;
}

/* The events of a block that are not old. */
struct rest {
	struct store	*store;
	uint64_t	 before_ns;
	struct span	 span;
	struct buf	 data;
};

static int
on_rest(void *ctx, const struct db_row *row)
{
	struct rest *rest = ctx;
	struct store_event e;
	const char *p;
	size_t n;
	int r;

	r = block_bytes(rest->store, row, 0, &p, &n);
	while (r == 0 && (r = block_next(&p, &n, &e)) == 0) {
		if (e.time_ns < rest->before_ns)
			continue;
		block_copy(&rest->data, &e);
		span_add(&rest->span, &e);
	}
	return r < 0 ? r : 1;
}

static int
prune_row(struct store *s, const struct old_row *o, uint64_t before_ns,
    uint32_t *dropped)
{
	struct rest rest = { .store = s, .before_ns = before_ns };
	int r = 0;

	forget_tail(s, o->key);
	if (o->newest_ns >= before_ns)
		r = db_query(s->db, SQL_BLOCK_GET, on_rest, &rest, "ii",
		    o->key, o->first);
	if (r == 0)
		r = db_run(s->db, SQL_BLOCK_DROP, "ii", o->key, o->first);
	if (r == 0 && rest.span.count != 0)
		r = add_row(s, o->key, &rest.span, buf_head(&rest.data),
		    buf_left(&rest.data));
	*dropped += o->count - rest.span.count;
	buf_fini(&rest.data);
	return r;
}

int
store_prune_events(struct store *s, uint64_t before_ns, uint32_t max,
    uint32_t *dropped)
{
	struct old_rows old = { .n = 0 };
	unsigned i;
	int r = blocks_flush(s);

	*dropped = 0;
	if (r == 0)
		r = db_query(s->db, SQL_BLOCK_OLD, on_old, &old, "i",
		    (int64_t)before_ns);
	for (i = 0; r == 0 && i < old.n && *dropped < max; i++)
		r = prune_row(s, &old.rows[i], before_ns, dropped);
	s->dead_due = true;
	return r;
}

/* --- segments: where they end, what they can give back --- */

static int
on_end(void *ctx, const struct db_row *row)
{
	*(struct place *)ctx = place_of(row, 0);
	return 1;
}

int
blocks_open(struct store *s)
{
	struct place end = { 0 };
	int r = db_query(s->db, SQL_SEGMENT_END, on_end, &end, "");

	segments_init(&s->segments, &end);
	s->dead_due = true;
	return r;
}

static int
on_dead(void *ctx, const struct db_row *row)
{
	struct store *s = ctx;

	s->freed[s->nfreed++] = place_of(row, 0);
	return s->nfreed == nitems(s->freed);
}

/* That they are dead is on disk by now, and that they are free soon will be. */
static void
free_dead(struct store *s)
{
	unsigned i;
	int r;

	if (!s->dead_due || s->nfreed != 0)
		return;
	r = db_query(s->db, SQL_DEAD_LIST, on_dead, s, "");
	s->dead_due = s->nfreed == nitems(s->freed);
	for (i = 0; r == 0 && i < s->nfreed; i++) {
		uint64_t named = 0;

		r = db_query(s->db, SQL_SEGMENT_NAMED, on_one, &named, "i",
		    (int64_t)s->freed[i].segment);
		if (r == 0)
			r = segments_free(&s->segments, &s->freed[i],
			    named == 0);
	}
	if (r < 0)
		log_error("give back segments: %s", strerror(-r));
}

static int
forget_freed(struct store *s)
{
	unsigned i;
	int r = 0;

	for (i = 0; r == 0 && i < s->nfreed; i++)
		r = db_run(s->db, SQL_DEAD_DROP, "ii",
		    (int64_t)s->freed[i].segment, (int64_t)s->freed[i].at);
	return r;
}

/* --- the transaction --- */

int
blocks_before_commit(struct store *s)
{
	int r = blocks_flush(s);

	if (r == 0)
		r = forget_freed(s);
	return r < 0 ? r : segments_sync(&s->segments);
}

void
blocks_after_commit(struct store *s)
{
	segments_committed(&s->segments);
	tails_committed(&s->tails);
	s->nfreed = 0;
	free_dead(s);
}

void
blocks_rolled_back(struct store *s)
{
	tails_rolled_back(&s->tails);
	segments_rolled_back(&s->segments);
}
