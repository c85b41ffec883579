/*
 * Where a replacement begins and ends.
 */
#include <stdlib.h>

#include "common/mem.h"
#include "redact/impl.h"

#define ESCAPE_MAX	6	/* \u0000 */

void
spans_add(struct spans *s, uint64_t from, uint64_t to)
{
	if (from >= to)
		return;
	if (s->n == s->room) {
		s->room = s->room != 0 ? 2 * s->room : 16;
		s->v = mem_realloc(s->v, s->room, sizeof(*s->v));
	}
	s->v[s->n++] = (struct span){ from, to };
}

static int
by_begin(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

void
spans_sort(struct spans *s)
{
	size_t i, n = 0;

	if (s->n < 2)
		return;
	qsort(s->v, s->n, sizeof(*s->v), by_begin);
	for (i = 1; i < s->n; i++) {
		if (s->v[i].from > s->v[n].to)
			s->v[++n] = s->v[i];
		else if (s->v[i].to > s->v[n].to)
			s->v[n].to = s->v[i].to;
	}
	s->n = n + 1;
}

/* --- borders --- */

static unsigned char
byte(const struct view *v, uint64_t at)
{
	return (unsigned char)v->p[at - v->from];
}

/* Is the byte taken along by a backslash in front of it? */
static bool
is_escaped(const struct view *v, uint64_t at)
{
	uint64_t i = at;

	while (i > v->from && byte(v, i - 1) == '\\')
		i--;
	return (at - i) % 2 != 0;
}

static bool
is_hex(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' &&
	    (c | 0x20) <= 'f');
}

/*
 * As far as can be seen: what is no JSON may say "\u" and something else, and
 * everybody here must take it for the same.
 */
size_t
view_escape(const struct view *v, uint64_t at)
{
	uint64_t i;

	if (at + 1 >= v->to || byte(v, at + 1) != 'u')
		return 2;
	for (i = at + 2; i < v->to && i < at + ESCAPE_MAX; i++)
		if (!is_hex(byte(v, i)))
			return 2;
	return ESCAPE_MAX;
}

/* UTF-8, where it is: a byte that continues nothing stands for itself. */
static uint64_t
character_begin(const struct view *v, uint64_t at)
{
	unsigned char c;
	uint64_t i, n;

	if (at >= v->to || (byte(v, at) & 0xc0) != 0x80)
		return at;
	for (i = 1; i < 4 && at - v->from >= i; i++) {
		c = byte(v, at - i);
		if ((c & 0xc0) == 0x80)
			continue;
		n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
		return i < n ? at - i : at;
	}
	return at;
}

uint64_t
view_begin(const struct view *v, uint64_t at)
{
	uint64_t i;

	at = character_begin(v, at);
	if (!v->json)
		return at;
	for (i = at; i > v->from && at - i < ESCAPE_MAX - 1; i--)
		if (byte(v, i - 1) == '\\' && !is_escaped(v, i - 1) &&
		    i - 1 + view_escape(v, i - 1) > at)
			return i - 1;
	return at;
}

/* Behind the character or escape whose inside `at' is, if it is there yet. */
static uint64_t
end_of(const struct view *v, uint64_t at)
{
	uint64_t from = view_begin(v, at), to = at;

	if (from == at)
		return at;
	if (v->json && byte(v, from) == '\\')
		to = from + view_escape(v, from);
	else
		while (to < v->to && character_begin(v, to) == from)
			to++;
	return to < v->to ? to : v->to;
}

uint64_t
view_unfinished(const struct view *v)
{
	uint64_t i;

	for (i = v->to; i > v->from && v->to - i < ESCAPE_MAX - 1; i--)
		if (byte(v, i - 1) == '\\' && !is_escaped(v, i - 1) &&
		    i - 1 + view_escape(v, i - 1) > v->to)
			return i - 1;
	return v->to;
}

static bool
is_quote(const struct view *v, uint64_t at)
{
	return byte(v, at) == '"' && !is_escaped(v, at);
}

void
spans_add_match(struct spans *s, const struct view *v, uint64_t from,
    uint64_t to)
{
	uint64_t first, last;

	if (to > v->to)
		to = v->to;
	if (to <= v->from || from >= to)
		return;
	if (from >= v->from)
		from = view_begin(v, from);
	if (to < v->to)
		to = end_of(v, to);
	if (!v->json) {
		spans_add(s, from, to);
		return;
	}
	first = from > v->from ? from : v->from;
	last = to;
	while (first < to && !is_quote(v, first))
		first++;
	while (last > first && !is_quote(v, last - 1))
		last--;
	spans_add(s, from, first);
	spans_add(s, last, to);
}
