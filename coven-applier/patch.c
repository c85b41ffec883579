/*
 * The unified difference of two texts: Myers' greedy algorithm over lines,
 * after what they begin and end with alike.  Where they differ in too much to
 * be worth it, one is put in the other's place.
 */
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/mem.h"
#include "coven-applier/applier.h"

#define EDITS_MAX	1000	/* its square is memory: 4 MiB */
#define CONTEXT		((size_t)3)

struct line {
	const char	*p;
	size_t		 n;
};

struct text {
	struct line	*v;
	size_t		 n;
};

struct diff {
	struct text	 a, b;
	bool		*gone, *new;	/* of a's lines, of b's */
};

static void
split(struct text *t, const char *p, size_t n)
{
	const char *end = p + n, *nl;
	size_t lines = 0, i;

	for (i = 0; i < n; i++)
		lines += p[i] == '\n';
	t->v = mem_zalloc(lines + 1, sizeof(*t->v));
	while (p < end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl != NULL ? nl + 1 : end;
		t->v[t->n++] = (struct line){ p, (size_t)(nl - p) };
		p = nl;
	}
}

static bool
equal(const struct diff *d, size_t i, size_t k)
{
	return d->a.v[i].n == d->b.v[k].n &&
	    memcmp(d->a.v[i].p, d->b.v[k].p, d->a.v[i].n) == 0;
}

struct part {
	size_t	a0, a1, b0, b1;
};

static void
replace(struct diff *d, const struct part *p)
{
	size_t i;

	for (i = p->a0; i < p->a1; i++)
		d->gone[i] = true;
	for (i = p->b0; i < p->b1; i++)
		d->new[i] = true;
}

/* From the end, along what was furthest with ever fewer edits. */
static void
trace_back(struct diff *d, const struct part *p, int *const *trace, int edits)
{
	int x = (int)(p->a1 - p->a0), y = (int)(p->b1 - p->b0), e;

	for (e = edits; e > 0; e--) {
		const int *v = trace[e - 1] + EDITS_MAX + 1;
		int k = x - y;
		bool down = k == -e || (k != e && v[k - 1] < v[k + 1]);
		int from = down ? v[k + 1] : v[k - 1];
		int y0 = from - (down ? k + 1 : k - 1);

		if (down)
			d->new[p->b0 + (size_t)y0] = true;
		else
			d->gone[p->a0 + (size_t)from] = true;
		x = from;
		y = y0;
	}
}

static int
furthest(const struct diff *d, const struct part *p, const int *v, int e,
    int k)
{
	int n = (int)(p->a1 - p->a0), m = (int)(p->b1 - p->b0);
	int x = k == -e || (k != e && v[k - 1] < v[k + 1]) ? v[k + 1] :
	    v[k - 1] + 1;

	while (x < n && x - k < m && x >= 0 && x - k >= 0 &&
	    equal(d, p->a0 + (size_t)x, p->b0 + (size_t)(x - k)))
		x++;
	return x;
}

/* 0, or 1 where there are too many edits. */
static int
search(struct diff *d, const struct part *p)
{
	int n = (int)(p->a1 - p->a0), m = (int)(p->b1 - p->b0), e, k;
	size_t width = 2 * EDITS_MAX + 3;
	int *now = mem_zalloc(width, sizeof(*now)), *v = now + EDITS_MAX + 1;
	int **trace = mem_zalloc(EDITS_MAX + 1, sizeof(*trace));
	int found = -1;

	for (e = 0; found < 0 && e <= EDITS_MAX; e++) {
		for (k = -e; found < 0 && k <= e; k += 2) {
			v[k] = furthest(d, p, v, e, k);
			if (v[k] >= n && v[k] - k >= m)
				found = e;
		}
		trace[e] = mem_dup(now, width * sizeof(*now));
	}
	if (found >= 0)
		trace_back(d, p, trace, found);
	for (k = 0; k < e; k++)
		free(trace[k]);
	free(trace);
	free(now);
	return found >= 0 ? 0 : 1;
}

static void
compare(struct diff *d)
{
	struct part p = { 0, d->a.n, 0, d->b.n };

	while (p.a0 < p.a1 && p.b0 < p.b1 && equal(d, p.a0, p.b0)) {
		p.a0++;
		p.b0++;
	}
	while (p.a0 < p.a1 && p.b0 < p.b1 && equal(d, p.a1 - 1, p.b1 - 1)) {
		p.a1--;
		p.b1--;
	}
	if (p.a0 == p.a1 || p.b0 == p.b1 || search(d, &p) != 0)
		replace(d, &p);
}

/* --- hunks --- */

static void
put_line(struct buf *out, char mark, const struct line *l)
{
	(void)buf_add(out, &mark, 1);
	(void)buf_add(out, l->p, l->n);
	if (l->n == 0 || l->p[l->n - 1] != '\n')
		(void)buf_adds(out, "\n\\ No newline at end of file\n");
}

static void
put_hunk(struct buf *out, const struct diff *d, const struct part *h)
{
	size_t i = h->a0, k = h->b0;

	(void)buf_addf(out, "@@ -%zu,%zu +%zu,%zu @@\n",
	    h->a0 + (h->a1 != h->a0), h->a1 - h->a0,
	    h->b0 + (h->b1 != h->b0), h->b1 - h->b0);
	while (i < h->a1 || k < h->b1) {
		if (i < h->a1 && d->gone[i])
			put_line(out, '-', &d->a.v[i++]);
		else if (k < h->b1 && d->new[k])
			put_line(out, '+', &d->b.v[k++]);
		else if (i < h->a1 && k < h->b1) {
			put_line(out, ' ', &d->a.v[i++]);
			k++;
		} else {
			break;
		}
	}
}

static bool
differs(const struct diff *d, size_t i, size_t k)
{
	return (i < d->a.n && d->gone[i]) || (k < d->b.n && d->new[k]);
}

/* The hunk that begins with the next difference from (i, k) on. */
static bool
next_hunk(const struct diff *d, size_t i, size_t k, struct part *h)
{
	size_t same = 0, from = i;

	while (i < d->a.n && k < d->b.n && !differs(d, i, k)) {
		i++;
		k++;
	}
	if (!differs(d, i, k))
		return false;
	same = i - from < CONTEXT ? i - from : CONTEXT;
	h->a0 = i - same;
	h->b0 = k - same;
	for (same = 0; same <= 2 * CONTEXT && (i < d->a.n || k < d->b.n); ) {
		if (i < d->a.n && d->gone[i]) {
			i++;
			same = 0;
		} else if (k < d->b.n && d->new[k]) {
			k++;
			same = 0;
		} else {
			i++;
			k++;
			same++;
		}
	}
	same = same > CONTEXT ? same - CONTEXT : 0;
	h->a1 = i - same;
	h->b1 = k - same;
	return true;
}

/* A name with a line's end in it would be a line of its own. */
static void
put_name(struct buf *out, const char *mark, const char *dir, const char *path)
{
	(void)buf_adds(out, mark);
	(void)buf_adds(out, dir);
	for (; *path != '\0'; path++)
		if (*path == '\n' || *path == '\t' || *path == '\\')
			(void)buf_addf(out, "\\%03o", (unsigned char)*path);
		else
			(void)buf_add(out, path, 1);
	(void)buf_adds(out, "\n");
}

int
patch_make(struct buf *out, const char *path, const char *a, size_t na,
    const char *b, size_t nb, bool was, bool is)
{
	struct part h = { 0 };
	struct diff d = { 0 };

	if (memchr(a, 0, na) != NULL || memchr(b, 0, nb) != NULL)
		return 1;
	split(&d.a, a, na);
	split(&d.b, b, nb);
	d.gone = mem_zalloc(d.a.n + 1, sizeof(*d.gone));
	d.new = mem_zalloc(d.b.n + 1, sizeof(*d.new));
	compare(&d);
	put_name(out, "--- ", was ? "a/" : "", was ? path : "/dev/null");
	put_name(out, "+++ ", is ? "b/" : "", is ? path : "/dev/null");
	while (next_hunk(&d, h.a1, h.b1, &h))
		put_hunk(out, &d, &h);
	free(d.a.v);
	free(d.b.v);
	free(d.gone);
	free(d.new);
	return 0;
}
