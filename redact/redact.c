/*
 * One stream of text: what the scanner finds becomes hunts, what hunts catch
 * becomes spans, and what neither holds goes on.
 *
 * Positions count from the beginning of the text.  What lies before base has
 * gone on; [base, pos) is held.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "redact/impl.h"

struct redact {
	struct redactor	*redactor;
	bool		 json, by_member;
	struct scan	 scan;
	struct members	 members;
	struct buf	 valued;	/* what members made of a piece */
	struct buf	 held;
	uint64_t	 base, pos;
	struct hunt	 hunts[SHAPE_ID__COUNT];
	unsigned	 on;		/* how many of them */
	struct spans	 spans;
	uint64_t	 marked;	/* where the last mark's secret ended */
	bool		 has_mark;
	bool		 stuck;		/* expired: the rest waits for more */
	int		 before;	/* the last byte that went on; -1 */
};

struct redact *
redact_new(struct redactor *r, unsigned flags)
{
	struct redact *t = mem_zalloc(1, sizeof(*t));

	t->redactor = r;
	t->json = (flags & REDACT_JSON) != 0;
	t->before = -1;
	t->by_member = (flags & REDACT_MEMBERS) != 0;
	scan_open(r, &t->scan);
	return t;
}

void
redact_free(struct redact *t)
{
	if (t == NULL)
		return;
	scan_close(t->redactor, &t->scan);
	buf_fini(&t->valued);
	buf_fini(&t->held);
	free(t->spans.v);
	free(t);
}

static struct view
view_of(const struct redact *t, const char *p)
{
	return (struct view){ p, t->base, t->pos, t->json };
}

/* --- hunts --- */

static void
catch(struct redact *t, struct hunt *h)
{
	spans_add(&t->spans, h->from, h->sure_to);
	t->on--;
}

static void
hunts_on(struct redact *t, const struct view *v, uint64_t to)
{
	unsigned i;

	for (i = 0; t->on != 0 && i < SHAPE_ID__COUNT; i++)
		if (t->hunts[i].on && !hunt_on(&t->hunts[i], i, v, to))
			catch(t, &t->hunts[i]);
}

static void
on_lead(struct redact *t, enum shape_id id, uint64_t to)
{
	struct hunt *url = &t->hunts[SHAPE_ID_URL];
	struct hunt *pem = &t->hunts[SHAPE_ID_PEM];

	if (shapes[id].flags & SHAPE_URL_WORD) {
		url->sure |= url->on && to > url->from;
	} else if (shapes[id].flags & SHAPE_PEM_END) {
		if (!pem->on)
			return;
		pem->on = false;
		pem->sure_to = to;
		catch(t, pem);
	} else if (!t->hunts[id].on &&
	    !(t->json && (shapes[id].flags & SHAPE_TEXT))) {
		hunt_start(&t->hunts[id], to);
		t->on++;
	}
}

static void
on_hits(struct redact *t, const struct view *v, const struct hits *hits)
{
	const struct scan_hit *h;
	size_t i;

	for (i = 0; i < hits->n; i++) {
		h = &hits->v[i];
		if (h->what == SCAN_EXTRA) {
			spans_add_match(&t->spans, v, h->from, h->to);
			continue;
		}
		hunts_on(t, v, h->to);
		on_lead(t, h->id, h->to);
	}
}

/* --- going on --- */

/*
 * A match of an owner's pattern that has begun lies behind this.  Where it is
 * not known what they begin with, that is all of the window.
 */
static uint64_t
window_begin(const struct redact *t, const struct view *v)
{
	const struct redact_head *h = scan_head(t->redactor);
	uint64_t from = v->from;
	const char *nl;
	int before;

	if (h->extra_len == 0)
		return v->to;
	if (v->to - from > h->window)
		from = v->to - h->window;
	nl = h->crosses ? NULL : memrchr(v->p + (from - v->from), '\n',
	    v->to - from);
	if (nl != NULL)
		from = v->from + (uint64_t)(nl - v->p) + 1;
	before = from > v->from ? (unsigned char)v->p[from - v->from - 1] :
	    t->before;
	return from + scan_begins(t->redactor, before,
	    v->p + (from - v->from), v->to - from);
}

/*
 * What may be the beginning of a secret does not go on.  Nor does half a
 * character or escape of JSON: a match might begin in its middle.
 */
static uint64_t
limit_of(const struct redact *t, const struct view *v)
{
	uint64_t limit = window_begin(t, v), from;
	unsigned i;

	if (t->json && view_unfinished(v) < limit)
		limit = view_unfinished(v);

	for (i = 0; t->on != 0 && i < SHAPE_ID__COUNT; i++) {
		if (!t->hunts[i].on)
			continue;
		from = hunt_secret(&t->hunts[i], i);
		if (from < limit)
			limit = from;
	}
	return limit > v->from ? view_begin(v, limit) : v->from;
}

/* Hunts that are not over have caught something already. */
static void
spans_of_hunts(struct redact *t)
{
	unsigned i;

	for (i = 0; t->on != 0 && i < SHAPE_ID__COUNT; i++)
		if (t->hunts[i].on)
			spans_add(&t->spans, t->hunts[i].from,
			    hunt_secret(&t->hunts[i], i));
	spans_sort(&t->spans);
}

static void
add(struct buf *out, const struct view *v, uint64_t from, uint64_t to)
{
	if (from < to && buf_add(out, v->p + (from - v->from),
	    to - from) < 0)
		fatal("redact: no room for what goes on");
}

/* What has gone on is not looked at again. */
static void
went_on(struct redact *t, const struct view *v, uint64_t limit)
{
	unsigned i;

	for (i = 0; t->on != 0 && i < SHAPE_ID__COUNT; i++)
		if (t->hunts[i].on && t->hunts[i].at < limit)
			t->hunts[i].at = limit;
	if (limit > v->from)
		t->before = (unsigned char)v->p[limit - v->from - 1];
	t->base = limit;
}

/* Append what lies before limit, with marks for secrets. */
static void
go_on(struct redact *t, const struct view *v, uint64_t limit, struct buf *out)
{
	uint64_t at = v->from, from, to;
	size_t i, n = 0;

	for (i = 0; i < t->spans.n; i++) {
		const struct span *s = &t->spans.v[i];

		from = s->from > at ? s->from : at;
		to = s->to < limit ? s->to : limit;
		if (from < to) {
			add(out, v, at, from);
			/* The rest of what has its mark already gets none. */
			if (!t->has_mark || t->marked != from)
				(void)buf_adds(out, REDACTED);
			t->has_mark = true;
			t->marked = at = to;
		}
		if (s->to > limit)
			t->spans.v[n++] = *s;
	}
	t->spans.n = n;
	add(out, v, at, limit);
	went_on(t, v, limit);
}

/* Keep what has not gone on. */
static void
keep(struct redact *t, const struct view *v)
{
	size_t left = (size_t)(v->to - t->base);

	if (buf_left(&t->held) != 0)
		buf_consume(&t->held, buf_left(&t->held) - left);
	else if (left != 0)
		(void)buf_add(&t->held, v->p + (t->base - v->from), left);
}

static bool
touches(const struct redact *t, uint64_t to)
{
	return t->spans.n != 0 && t->spans.v[0].from < to;
}

/* --- pieces of text --- */

static bool
feed(struct redact *t, const char *p, size_t n, struct buf *out)
{
	bool alone = buf_left(&t->held) == 0;
	const struct hits *hits = scan_bytes(t->redactor, &t->scan, p, n);
	struct view v;
	uint64_t limit;

	t->pos += n;
	t->stuck = false;
	if (alone && hits->n == 0 && t->on == 0 && t->spans.n == 0 &&
	    scan_head(t->redactor)->extra_len == 0) {
		t->base = t->pos;
		return true;
	}
	if (!alone && buf_add(&t->held, p, n) < 0)
		fatal("redact: %zu bytes at once", n);
	v = view_of(t, alone ? p : buf_head(&t->held));
	on_hits(t, &v, hits);
	hunts_on(t, &v, v.to);
	limit = limit_of(t, &v);
	spans_of_hunts(t);
	if (alone && limit == v.to && !touches(t, limit)) {
		went_on(t, &v, limit);
		return true;
	}
	go_on(t, &v, limit, out);
	keep(t, &v);
	if (buf_left(&t->held) > REDACT_HELD)
		redact_expire(t, out);
	return false;
}

bool
redact_feed(struct redact *t, const char *p, size_t n, struct buf *out)
{
	if (!t->by_member)
		return feed(t, p, n, out);
	buf_clear(&t->valued);
	if (members_feed(&t->members, p, n, &t->valued))
		return feed(t, p, n, out);
	if (feed(t, buf_head(&t->valued), buf_left(&t->valued), out))
		(void)buf_add(out, buf_head(&t->valued),
		    buf_left(&t->valued));
	if (t->valued.cap > 2 * REDACT_HELD)
		buf_fini(&t->valued);
	return false;
}

bool
redact_waits(const struct redact *t)
{
	return buf_left(&t->held) != 0 && !t->stuck;
}

/*
 * An escape in JSON whose end has not come is not let go in halves, unless
 * nothing more comes; in text, a backslash alone is the secret's.
 */
static uint64_t
unfinished(struct redact *t, const struct view *v, bool end)
{
	unsigned i;

	if (t->json && !end)
		return view_unfinished(v);
	for (i = 0; t->on != 0 && i < SHAPE_ID__COUNT; i++)
		if (t->hunts[i].on)
			t->hunts[i].at = t->pos;
	return t->pos;
}

static void
let_go(struct redact *t, struct buf *out, bool end)
{
	struct view v = view_of(t, buf_head(&t->held));
	const struct hits *hits = scan_as_if_ended(t->redactor, &t->scan);
	uint64_t limit;
	unsigned i;

	on_hits(t, &v, hits);
	limit = unfinished(t, &v, end);
	for (i = 0; t->on != 0 && i < SHAPE_ID__COUNT; i++)
		if (t->hunts[i].on)
			hunt_expire(&t->hunts[i], i);
	spans_of_hunts(t);
	go_on(t, &v, limit, out);
	keep(t, &v);
	t->stuck = true;
}

void
redact_expire(struct redact *t, struct buf *out)
{
	if (redact_waits(t))
		let_go(t, out, false);
}

void
redact_end(struct redact *t, struct buf *out)
{
	if (buf_left(&t->held) != 0)
		let_go(t, out, true);
}

void
redact_text(struct redactor *r, unsigned flags, const char *p, size_t n,
    struct buf *out)
{
	struct redact *t = redact_new(r, flags);

	if (redact_feed(t, p, n, out))
		(void)buf_add(out, p, n);
	redact_end(t, out);
	redact_free(t);
}
