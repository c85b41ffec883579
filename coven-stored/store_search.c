/*
 * The full-text index: which words are in which session.
 *
 * A session's text lies in documents of at most SEARCH_DOC bytes.  Number 0
 * is its title.  From 1 on comes what it printed, the last one growing until
 * it is full.  After SEARCH_DOCS of them nothing more is read until the
 * session has ended; then as much again is read of its end.  So a session
 * takes two megabytes of the index, however much it printed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-stored/search_text.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

/* --- what is asked for --------------------------------------------------- */

struct asking {
	struct store_words	*out;
	bool			 many;
};

/* A quote cannot be in a word; the language of MATCH doubles it if it is. */
static int
quote(const char *word, size_t len, char *out, size_t size)
{
	size_t i, n = 0;

	if (2 * len + 3 > size)
		return -EMSGSIZE;
	out[n++] = '"';
	for (i = 0; i < len; i++) {
		if (word[i] == '"')
			out[n++] = '"';
		out[n++] = word[i];
	}
	out[n++] = '"';
	out[n] = '\0';
	return 0;
}

static int
on_asked_word(void *ctx, const char *word, size_t len)
{
	char match[sizeof(((struct store_words *)0)->match[0])];
	struct asking *a = ctx;
	unsigned i;

	if (quote(word, len, match, sizeof(match)) < 0)
		return 0;	/* longer than what was asked: none is */
	for (i = 0; i < a->out->n; i++)
		if (strcmp(a->out->match[i], match) == 0)
			return 0;
	a->many = a->out->n == LIMIT_SEARCH_WORDS;
	if (a->many)
		return 1;
	memcpy(a->out->match[a->out->n++], match, sizeof(match));
	return 0;
}

int
store_words(struct store *s, const char *query, struct store_words *out)
{
	struct asking a = { .out = out };
	int r;

	out->n = 0;
	r = db_words(s->db, query, strlen(query), on_asked_word, &a);
	if (r < 0)
		return r;
	return a.many ? WORDS_MANY : out->n == 0 ? WORDS_NONE : 0;
}

/* --- documents ------------------------------------------------------------ */

struct doc {
	int64_t		 number;	/* 0: there is none */
	uint64_t	 newest_ns;
	struct buf	 body;
};

static int
on_doc(void *ctx, const struct db_row *row)
{
	struct doc *d = ctx;
	const char *p;
	size_t n;

	d->number = db_int(row, 0);
	d->newest_ns = (uint64_t)db_int(row, 1);
	p = db_text(row, 2, &n);
	(void)buf_add(&d->body, p, n);
	return 1;
}

static int
doc_put(struct store *s, int64_t number, uint64_t newest_ns, const char *p,
    size_t n)
{
	int r;

	r = db_run(s->db, SQL_DOC_PUT, "iit", number, (int64_t)newest_ns, p,
	    n);
	if (r == 0)
		r = db_run(s->db, SQL_WORDS_ADD, "it", number, p, n);
	return r;
}

/* The last one has room: it is taken out of the index and put in again. */
static int
doc_grow(struct store *s, struct doc *d, uint64_t newest_ns, const char *p,
    size_t n)
{
	int r;

	r = db_run(s->db, SQL_WORDS_DROP, "it", d->number, buf_head(&d->body),
	    buf_left(&d->body));
	if (r == 0 && buf_add(&d->body, p, n) < 0)
		r = -EMSGSIZE;
	if (newest_ns > d->newest_ns)
		d->newest_ns = newest_ns;
	if (r == 0)
		r = doc_put(s, d->number, d->newest_ns, buf_head(&d->body),
		    buf_left(&d->body));
	return r;
}

static int
docs_add(struct store *s, int64_t key, const struct buf *text,
    uint64_t newest_ns, int64_t *last)
{
	struct doc d = { .body = { .max = (size_t)2 * LIMIT_SEARCH_DOC } };
	int64_t first = key * STORE_DOCS;
	const char *p = buf_head(text);
	size_t left = buf_left(text), n;
	int r;

	r = db_query(s->db, SQL_DOC_LAST, on_doc, &d, "ii", first,
	    first + STORE_DOCS - 1);
	if (r == 0 && d.number != 0 &&
	    buf_left(&d.body) + SEARCH_NEAR < LIMIT_SEARCH_DOC) {
		n = search_cut(p, left, LIMIT_SEARCH_DOC -
		    buf_left(&d.body));
		if (n != 0)
			r = doc_grow(s, &d, newest_ns, p, n);
		p += n;
		left -= n;
	}
	*last = d.number != 0 ? d.number - first : 0;
	buf_fini(&d.body);
	while (r == 0 && left != 0 && *last < STORE_DOCS - 1) {
		n = search_cut(p, left, LIMIT_SEARCH_DOC);
		r = doc_put(s, first + ++*last, newest_ns, p, n);
		p += n;
		left -= n;
	}
	return r;
}

/* --- titles --------------------------------------------------------------- */

/* How far a session has been read. */
enum phase {
	PHASE_HEAD,		/* from its beginning */
	PHASE_FULL,		/* that is enough until its end is known */
	PHASE_TAIL,		/* from near its end */
	PHASE_DONE,
};

struct title {
	int64_t		 key;
	bool		 external;
	char		*text;
};

struct titles {
	struct title	 rows[LIMIT_SEARCH_TITLES];
	size_t		 n;
	bool		 waits;
};

static int
on_title(void *ctx, const struct db_row *row)
{
	struct titles *all = ctx;

	/* Its events are still arriving: it and what comes after it waits. */
	all->waits = db_int(row, 3) != 0;
	if (all->waits)
		return 1;
	all->rows[all->n++] = (struct title){ .key = db_int(row, 0),
	    .external = db_int(row, 1) != 0,
	    .text = mem_strdup(db_text(row, 2, NULL)) };
	return 0;
}

static int
add_title(struct store *s, const struct title *t)
{
	size_t n = strlen(t->text);
	int r = 0;

	n = search_cut(t->text, n, LIMIT_SEARCH_DOC);
	if (n != 0)
		r = doc_put(s, t->key * STORE_DOCS, INT64_MAX, t->text, n);
	if (r == 0)
		r = db_run(s->db, SQL_STATE_ADD, "ii", t->key, (int64_t)
		    (t->external ? PHASE_DONE : PHASE_HEAD));
	return r;
}

static int
on_int(void *ctx, const struct db_row *row)
{
	*(int64_t *)ctx = db_int(row, 0);
	return 1;
}

int
store_index_titles(struct store *s, bool *more)
{
	struct titles all = { .n = 0 };
	int64_t after = INT64_MIN;
	size_t i;
	int r;

	r = db_query(s->db, SQL_META_GET, on_int, &after, "s", "search_key");
	if (r == 0)
		r = db_query(s->db, SQL_TITLE_NEXT, on_title, &all, "iii",
		    after, (int64_t)nitems(all.rows),
		    (int64_t)LIMIT_SEARCH_DOC);
	for (i = 0; i < all.n; i++) {
		if (r == 0)
			r = add_title(s, &all.rows[i]);
		free(all.rows[i].text);
	}
	if (r == 0 && all.n != 0)
		r = db_run(s->db, SQL_META_SET, "si", "search_key",
		    all.rows[all.n - 1].key);
	*more = all.n == nitems(all.rows);
	return r == 0 && all.waits && all.n == 0 ? INDEX_WAITS : r;
}

/* --- output --------------------------------------------------------------- */

struct reading {
	int64_t		 key;
	bool		 found;
	uint64_t	 seq;		/* the last event that was read */
	enum phase	 phase;
	bool		 ended, hidden;
	uint64_t	 newest_ns;
	bool		 all;		/* there is nothing behind it */
	struct buf	 text;
};

static int
on_state(void *ctx, const struct db_row *row)
{
	struct reading *g = ctx;
	const char *status = db_text(row, 2, NULL);

	g->found = true;
	g->seq = (uint64_t)db_int(row, 0);
	g->phase = (enum phase)db_int(row, 1);
	g->ended = strcmp(status, "running") != 0 &&
	    strcmp(status, "created") != 0;
	g->hidden = db_int(row, 3) == 1;
	return 1;
}

#define EVENT_MAX ((size_t)4 * LIMIT_SEARCH_PIECE)	/* read of one */

static int
on_event(void *ctx, const struct store_event *e)
{
	struct reading *g = ctx;

	/* Not more than a piece, unless that is one event. */
	if (buf_left(&g->text) >= LIMIT_SEARCH_PIECE) {
		g->all = false;
		return 1;
	}
	g->seq = e->seq;
	if (e->kind != EVENT_OUTPUT)
		return 0;
	search_text(e->payload, e->len < EVENT_MAX ? e->len : EVENT_MAX,
	    &g->text);
	if (e->time_ns > g->newest_ns)
		g->newest_ns = e->time_ns;
	return 0;
}

/*
 * Where to begin so that the rest holds about as much as SEARCH_DOCS
 * documents.  Numbers are the whole suite's, so it is found by trying.
 */
#define TAIL_BYTES	((size_t)LIMIT_SEARCH_DOCS * LIMIT_SEARCH_DOC)

struct measure {
	size_t		 bytes;
};

static int
on_measure(void *ctx, const struct store_event *e)
{
	struct measure *m = ctx;

	if (e->kind == EVENT_OUTPUT)
		m->bytes += e->len;
	return m->bytes > 2 * TAIL_BYTES;
}

static int
find_tail(struct store *s, const struct reading *g, uint64_t *out)
{
	uint64_t last, span;
	int r = store_last_event(s, g->key, &last);

	*out = g->seq;
	for (span = 16; r == 0 && span < last && last - span > g->seq;
	    span *= 2) {
		struct measure m = { 0 };

		r = store_events(s, g->key, last - span, 0, on_measure, &m);
		if (m.bytes > 2 * TAIL_BYTES)
			break;
		*out = last - span;
		if (m.bytes >= TAIL_BYTES)
			break;
	}
	return r;
}

static int
read_some(struct store *s, struct reading *g)
{
	int64_t last = 0, full;
	int r;

	g->all = true;
	buf_init(&g->text, LIMIT_SEARCH_PIECE + 2 * EVENT_MAX);
	r = store_events(s, g->key, g->seq, LIMIT_SEARCH_EVENTS, on_event, g);
	if (r == 0 && buf_left(&g->text) != 0)
		r = docs_add(s, g->key, &g->text, g->newest_ns, &last);
	full = g->phase == PHASE_HEAD ? LIMIT_SEARCH_DOCS : STORE_DOCS - 1;
	if (r == 0 && last >= full)
		g->phase = g->phase == PHASE_HEAD ? PHASE_FULL : PHASE_DONE;
	return r;
}

/* Is that all of it, or were there as many as one piece may read? */
static int
is_read(struct store *s, const struct reading *g, bool *all)
{
	uint64_t last;
	int r = store_last_event(s, g->key, &last);

	*all = last <= g->seq;
	return r;
}

static int
read_on(struct store *s, struct reading *g)
{
	bool all = false;
	int r = 0;

	if (g->phase == PHASE_FULL && g->ended) {
		r = find_tail(s, g, &g->seq);
		g->phase = PHASE_TAIL;
	}
	if (r == 0 && (g->phase == PHASE_HEAD || g->phase == PHASE_TAIL))
		r = read_some(s, g);
	if (r == 0)
		r = is_read(s, g, &all);
	if (r == 0 && all && g->ended)
		g->phase = PHASE_DONE;
	g->all = all || g->phase == PHASE_DONE ||
	    (g->phase == PHASE_FULL && !g->ended);
	return r;
}

int
store_index_session(struct store *s, int64_t key, bool *more)
{
	struct reading g = { .key = key };
	int r;

	*more = false;
	r = db_query(s->db, SQL_STATE_GET, on_state, &g, "i", key);
	if (r < 0 || !g.found || g.hidden || g.phase == PHASE_DONE)
		return r;
	r = read_on(s, &g);
	if (r == 0)
		r = db_run(s->db, SQL_STATE_SET, "iii", key, (int64_t)g.seq,
		    (int64_t)g.phase);
	buf_fini(&g.text);
	*more = !g.all;
	return r;
}

/* --- what is left to do, and what is too old ------------------------------ */

struct keys {
	int64_t	*to;
	size_t	 n;
};

static int
on_open_key(void *ctx, const struct db_row *row)
{
	struct keys *k = ctx;

	k->to[k->n++] = db_int(row, 0);
	return 0;
}

int
store_index_open(struct store *s, int64_t after, int64_t *keys, size_t max,
    size_t *n)
{
	struct keys k = { .to = keys };
	int r = db_query(s->db, SQL_STATE_OPEN, on_open_key, &k, "ii", after,
	    (int64_t)max);

	*n = k.n;
	return r;
}

int
store_index_prune(struct store *s, uint64_t before_ns, bool *dropped)
{
	int r;

	r = db_run(s->db, SQL_WORDS_PRUNE, "ii", (int64_t)before_ns,
	    (int64_t)LIMIT_PURGE_DOCS);
	if (r == 0)
		r = db_run(s->db, SQL_DOCS_PRUNE, "ii", (int64_t)before_ns,
		    (int64_t)LIMIT_PURGE_DOCS);
	*dropped = r == 0 && db_changes(s->db) != 0;
	return r;
}
