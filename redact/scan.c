/*
 * Vectorscan's runtime, behind an interface of ours.
 *
 * The databases are mapped from a sealed memfd, so every process that looks
 * for secrets shares the pages.  They hold offsets, no addresses, and need
 * the alignment that they were made with: REDACT_ALIGN within the mapping.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <hs_runtime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "redact/impl.h"

#define HITS_KEPT	1024	/* more are given back after a call */

struct redactor {
	const struct redact_head	*head;
	size_t				 len;
	const hs_database_t		*leads, *extra, *begins;
	hs_scratch_t			*scratch;
	struct hits			 hits;
	bool				 sorted;
};

/* --- the mapping --- */

static bool
lies_within(const struct redactor *r, uint32_t at, uint32_t len)
{
	return at >= sizeof(*r->head) && at % REDACT_ALIGN == 0 &&
	    len <= r->len && at <= r->len - len;
}

/* A database that this build of the library can use, and as long as said. */
static const hs_database_t *
database(const struct redactor *r, uint32_t at, uint32_t len)
{
	const hs_database_t *db;
	size_t need;

	if (!lies_within(r, at, len) || len < 64)
		return NULL;
	db = (const hs_database_t *)(const void *)
	    ((const char *)r->head + at);
	return hs_database_size(db, &need) == HS_SUCCESS && need <= len ?
	    db : NULL;
}

static int
find_databases(struct redactor *r)
{
	const struct redact_head *h = r->head;

	if (r->len < sizeof(*h) || h->magic != REDACT_MAGIC)
		return -EPROTO;
	r->leads = database(r, h->leads_at, h->leads_len);
	if (r->leads == NULL)
		return -EPROTO;
	if (h->extra_len == 0)
		return 0;
	r->extra = database(r, h->extra_at, h->extra_len);
	if (h->begins_len != 0)
		r->begins = database(r, h->begins_at, h->begins_len);
	return r->extra != NULL && h->window <= REDACT_HELD &&
	    (r->begins != NULL || h->begins_len == 0) ? 0 : -EPROTO;
}

static bool
scratch_for(struct redactor *r, const hs_database_t *db)
{
	return db == NULL || hs_alloc_scratch(db, &r->scratch) == HS_SUCCESS;
}

static int
take(struct redactor *r, int fd)
{
	struct stat st;
	void *p;
	int e;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (st.st_size <= 0 || st.st_size > LIMIT_REDACTOR)
		return -EMSGSIZE;
	r->len = (size_t)st.st_size;
	/* Private: a shared mapping of a sealed memfd is new in Linux 6.7. */
	p = mmap(NULL, r->len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->head = p;
	e = find_databases(r);
	if (e < 0)
		return e;
	return scratch_for(r, r->leads) && scratch_for(r, r->extra) &&
	    scratch_for(r, r->begins) ? 0 : -EPROTO;
}

int
redactor_open(struct redactor **out, int fd, char *why, size_t len)
{
	struct redactor *r = mem_zalloc(1, sizeof(*r));
	int e = take(r, fd);

	if (e < 0) {
		(void)snprintf(why, len, "%s", e == -EPROTO ?
		    "not patterns of this build and this processor" :
		    strerror(-e));
		redactor_free(r);
		return e;
	}
	*out = r;
	return 0;
}

void
redactor_free(struct redactor *r)
{
	if (r == NULL)
		return;
	(void)hs_free_scratch(r->scratch);
	if (r->head != NULL)
		(void)munmap((void *)(uintptr_t)r->head, r->len);
	free(r->hits.v);
	free(r);
}

const struct redact_head *
scan_head(const struct redactor *r)
{
	return r->head;
}

/* --- scanning --- */

static struct hs_stream *
open_stream(const hs_database_t *db)
{
	hs_stream_t *s = NULL;

	if (db != NULL && hs_open_stream(db, 0, &s) != HS_SUCCESS)
		fatal("open a stream of text: no memory");
	return s;
}

void
scan_open(struct redactor *r, struct scan *s)
{
	s->leads = open_stream(r->leads);
	s->extra = open_stream(r->extra);
}

void
scan_close(struct redactor *r, struct scan *s)
{
	(void)r;
	/* Without a callback what would end at the end is not told. */
	if (s->leads != NULL)
		(void)hs_close_stream(s->leads, NULL, NULL, NULL);
	if (s->extra != NULL)
		(void)hs_close_stream(s->extra, NULL, NULL, NULL);
	*s = (struct scan){ 0 };
}

static void
add_hit(struct redactor *r, const struct scan_hit *h)
{
	struct hits *hits = &r->hits;

	if (hits->v == NULL || hits->n == hits->room) {
		hits->room = hits->room != 0 ? 2 * hits->room : 64;
		hits->v = mem_realloc(hits->v, hits->room, sizeof(*hits->v));
	}
	if (hits->n != 0 && hits->v[hits->n - 1].to > h->to)
		r->sorted = false;
	hits->v[hits->n++] = *h;
}

/* A stream counts from its own beginning, which is the text's. */
static int
on_lead(unsigned id, unsigned long long from, unsigned long long to,
    unsigned flags, void *ctx)
{
	struct scan_hit h = { .to = to, .what = SCAN_LEAD, .id = id };

	(void)from;
	(void)flags;
	add_hit(ctx, &h);
	return 0;
}

/* Told anew for every byte that makes a match longer: kept once. */
static int
on_extra(unsigned id, unsigned long long from, unsigned long long to,
    unsigned flags, void *ctx)
{
	struct scan_hit h = { .from = from, .to = to, .what = SCAN_EXTRA,
	    .id = id };
	struct redactor *r = ctx;
	struct scan_hit *last = r->hits.n != 0 ? &r->hits.v[r->hits.n - 1] :
	    NULL;

	(void)flags;
	if (last != NULL && last->what == SCAN_EXTRA && last->from <= from &&
	    last->to >= from && last->to <= to)
		last->to = to;
	else
		add_hit(r, &h);
	return 0;
}

static int
by_end(const void *a, const void *b)
{
	const struct scan_hit *x = a, *y = b;

	if (x->to != y->to)
		return x->to < y->to ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static void
scan_one(struct redactor *r, hs_stream_t *s, const char *p, size_t n,
    match_event_handler cb)
{
	hs_error_t e = hs_scan_stream(s, p, (unsigned)n, 0, r->scratch, cb, r);

	if (e != HS_SUCCESS)
		fatal("look for secrets: error %d", (int)e);
}

static void
begin(struct redactor *r)
{
	if (r->hits.room > HITS_KEPT) {
		free(steal(&r->hits.v));
		r->hits.room = 0;
	}
	r->hits.n = 0;
	r->sorted = true;
}

const struct hits *
scan_bytes(struct redactor *r, struct scan *s, const char *p, size_t n)
{
	begin(r);
	scan_one(r, s->leads, p, n, on_lead);
	if (s->extra != NULL)
		scan_one(r, s->extra, p, n, on_extra);
	if (!r->sorted)
		qsort(r->hits.v, r->hits.n, sizeof(*r->hits.v), by_end);
	return &r->hits;
}

/* On a copy: the text may go on all the same. */
const struct hits *
scan_as_if_ended(struct redactor *r, struct scan *s)
{
	hs_stream_t *copy = NULL;

	begin(r);
	if (s->extra == NULL)
		return &r->hits;
	if (hs_copy_stream(&copy, s->extra) != HS_SUCCESS)
		fatal("copy a stream of text: no memory");
	(void)hs_close_stream(copy, r->scratch, on_extra, r);
	return &r->hits;
}

static int
on_begin(unsigned id, unsigned long long from, unsigned long long to,
    unsigned flags, void *ctx)
{
	size_t *first = ctx;

	(void)id;
	(void)to;
	(void)flags;
	if (from < *first)
		*first = (size_t)from;
	return 0;
}

/* Whether a word begins with p depends on what is in front. */
size_t
scan_begins(struct redactor *r, int before, const char *p, size_t n)
{
	static char text[1 + REDACT_HELD];
	size_t first = n + 1, skip = before != -1;
	hs_error_t e;

	if (r->begins == NULL || n == 0 || n > REDACT_HELD)
		return 0;
	text[0] = (char)before;
	memcpy(text + skip, p, n);
	e = hs_scan(r->begins, text, (unsigned)(skip + n), 0, r->scratch,
	    on_begin, &first);
	if (e != HS_SUCCESS)
		fatal("look for beginnings: error %d", (int)e);
	if (first == n + 1)
		return n;
	return first >= skip ? first - skip : 0;
}
