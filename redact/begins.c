/*
 * An expression is read for its structure only: where an atom ends, what is
 * repeated, where alternatives are.  Atoms are copied as they stand.  With
 * B(x) for the beginnings of x that are not empty:
 *
 *	B(c)	c				a character, a class
 *	B(^)	nothing				an assertion
 *	B(xy)	B(x) | x B(y)
 *	B(x|y)	B(x) | B(y)
 *	B(x*)	x* B(x)				and so for every repetition
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "redact/begins.h"

#define DEPTH_MAX	32
#define NODES_MAX	4096
#define OUT_MAX		((size_t)64 << 10)

enum kind { ATOM, ASSERTION, GROUP };

/* One item of a sequence; its text is a piece of the pattern. */
struct item {
	enum kind	 kind;
	const char	*text;		/* without its repetition */
	size_t		 len, open;	/* open: bytes of a group's "(?:" */
	const char	*repeat;
	size_t		 repeat_len;
	unsigned	 max;		/* at most so often; 0: any number */
	struct alternative *in;		/* a group's */
	struct item	*next;
};

struct alternative {
	struct item		*first;
	struct alternative	*next;
};

struct parse {
	const char	*p;
	unsigned	 nodes, depth;
	bool		 bad;
};

static struct alternative	*parse_alternatives(struct parse *);

/* --- reading --- */

static void
free_alternatives(struct alternative *a)
{
	struct alternative *after;
	struct item *i, *next;

	for (; a != NULL; a = after) {
		after = a->next;
		for (i = a->first; i != NULL; i = next) {
			next = i->next;
			free_alternatives(i->in);
			free(i);
		}
		free(a);
	}
}

/* Behind "[...]", or NULL. */
static const char *
skip_class(const char *p)
{
	p++;
	if (*p == '^')
		p++;
	if (*p == ']')
		p++;
	while (*p != ']') {
		if (*p == '\0' || (*p == '\\' && p[1] == '\0'))
			return NULL;
		if (*p == '[' && p[1] == ':') {
			p = strstr(p, ":]");
			if (p == NULL)
				return NULL;
			p += 2;
		} else {
			p += *p == '\\' ? 2 : 1;
		}
	}
	return p + 1;
}

static size_t
digits(const char *p, const char *set, size_t max)
{
	size_t n = strspn(p, set);

	return n < max ? n : max;
}

/* Behind a backslash and what belongs to it; NULL: not understood. */
static const char *
skip_escape(const char *p, bool *assertion)
{
	static const char hex[] = "0123456789abcdefABCDEF";
	const char *end;
	char c = p[1];

	*assertion = c != '\0' && strchr("bBAzZ", c) != NULL;
	if (*assertion || (c != '\0' && strchr("dDwWsShHvVnrtfae", c) !=
	    NULL))
		return p + 2;
	if (c == 'x' && p[2] != '{')
		return p + 2 + digits(p + 2, hex, 2);
	if (c == 'x' || c == 'p' || c == 'P') {
		end = p[2] == '{' ? strchr(p, '}') : NULL;
		return end != NULL ? end + 1 : NULL;
	}
	if (c == '0')
		return p + 2 + digits(p + 2, "01234567", 2);
	if (c == '\0' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '1' && c <= '9'))
		return NULL;
	return p + 2;
}

/* The bytes of "(", "(?:", "(?i:"; 0: not understood. */
static size_t
group_open(const char *p)
{
	size_t n;

	if (p[1] == '*')
		return 0;
	if (p[1] != '?')
		return 1;
	n = 2 + strspn(p + 2, "ims-");
	/* Not one with a name: it would be there twice. */
	return p[n] == ':' ? n + 1 : 0;
}

static bool
parse_group(struct parse *s, struct item *i)
{
	i->kind = GROUP;
	i->open = group_open(s->p);
	if (i->open == 0 || ++s->depth > DEPTH_MAX)
		return false;
	s->p += i->open;
	i->in = parse_alternatives(s);
	s->depth--;
	if (s->bad || *s->p != ')')
		return false;
	s->p++;
	return true;
}

static bool
parse_atom(struct parse *s, struct item *i)
{
	bool assertion = *s->p == '^' || *s->p == '$';

	i->text = s->p;
	if (*s->p == '(') {
		if (!parse_group(s, i))
			return false;
	} else {
		if (*s->p == '\\')
			s->p = skip_escape(s->p, &assertion);
		else if (*s->p == '[')
			s->p = skip_class(s->p);
		else if (strchr("*+?", *s->p) != NULL)
			return false;
		else
			s->p++;
		if (s->p == NULL)
			return false;
		i->kind = assertion ? ASSERTION : ATOM;
	}
	i->len = (size_t)(s->p - i->text);
	return true;
}

/* "{2}", "{2,}", "{2,5}": how many bytes; 0: a brace that stands for itself. */
static size_t
braces(const char *p, unsigned *max)
{
	size_t n, from = 1;

	if (*p != '{')
		return 0;
	n = 1 + digits(p + 1, "0123456789", 6);
	if (n == 1)
		return 0;
	if (p[n] == ',') {
		from = ++n;
		n += digits(p + n, "0123456789", 6);
	}
	*max = n > from ? (unsigned)strtoul(p + from, NULL, 10) : 0;
	return p[n] == '}' && (*max != 0 || n == from) ? n + 1 : 0;
}

static void
parse_repeat(struct parse *s, struct item *i)
{
	size_t n = 0;

	i->repeat = s->p;
	i->max = 1;
	if (*s->p == '*' || *s->p == '+') {
		i->max = 0;
		n = 1;
	} else if (*s->p == '?') {
		n = 1;
	} else {
		n = braces(s->p, &i->max);
	}
	if (n != 0 && (s->p[n] == '?' || s->p[n] == '+'))
		n++;
	i->repeat_len = n;
	s->p += n;
}

static struct item *
parse_sequence(struct parse *s)
{
	struct item *first = NULL, **last = &first, *i;

	while (!s->bad && *s->p != '\0' && *s->p != '|' && *s->p != ')') {
		i = mem_zalloc(1, sizeof(*i));
		*last = i;
		last = &i->next;
		if (++s->nodes > NODES_MAX || !parse_atom(s, i))
			s->bad = true;
		else
			parse_repeat(s, i);
	}
	return first;
}

static struct alternative *
parse_alternatives(struct parse *s)
{
	struct alternative *first = NULL, **last = &first;

	for (;;) {
		*last = mem_zalloc(1, sizeof(**last));
		(*last)->first = parse_sequence(s);
		last = &(*last)->next;
		if (s->bad || *s->p != '|')
			return first;
		s->p++;
	}
}

/* --- writing --- */

static bool	put_alternatives(struct buf *, const struct alternative *);

static void
put(struct buf *out, const char *s, size_t n)
{
	(void)buf_add(out, s, n);
}

/* B(i), if there is any: false and nothing appended otherwise. */
static bool
put_item(struct buf *out, const struct item *i)
{
	size_t before = buf_left(out);

	if (i->kind == ASSERTION)
		return false;
	if (i->max != 1) {
		put(out, i->text, i->len);
		if (i->max == 0)
			(void)buf_adds(out, "*");
		else
			(void)buf_addf(out, "{0,%u}", i->max - 1);
	}
	if (i->kind == ATOM) {
		put(out, i->text, i->len);
		return true;
	}
	put(out, i->text, i->open);
	if (put_alternatives(out, i->in)) {
		(void)buf_adds(out, ")");
		return true;
	}
	out->len = out->pos + before;
	return false;
}

/* B of i and what follows it. */
static bool
put_sequence(struct buf *out, const struct item *i)
{
	size_t before = buf_left(out), rest;
	bool any;

	if (i == NULL)
		return false;
	any = put_item(out, i);
	rest = buf_left(out);
	if (any)
		(void)buf_adds(out, "|");
	put(out, i->text, i->len);
	put(out, i->repeat, i->repeat_len);
	(void)buf_adds(out, "(?:");
	if (put_sequence(out, i->next)) {
		(void)buf_adds(out, ")");
		return true;
	}
	out->len = out->pos + (any ? rest : before);
	return any;
}

static bool
put_alternatives(struct buf *out, const struct alternative *a)
{
	bool any = false;
	size_t before;

	for (; a != NULL; a = a->next) {
		before = buf_left(out);
		if (any)
			(void)buf_adds(out, "|");
		if (put_sequence(out, a->first))
			any = true;
		else
			out->len = out->pos + before;
	}
	return any;
}

int
begins_of(const char *pattern, struct buf *out)
{
	struct parse s = { .p = pattern };
	struct alternative *all;
	size_t flags = 0;
	bool good;

	/* "(?i)" in front is for the whole; elsewhere it is not understood. */
	if (pattern[0] == '(' && pattern[1] == '?') {
		flags = 2 + strspn(pattern + 2, "ims");
		flags = pattern[flags] == ')' ? flags + 1 : 0;
	}
	s.p += flags;
	all = parse_alternatives(&s);
	good = !s.bad && *s.p == '\0';
	if (good) {
		put(out, pattern, flags);
		(void)buf_adds(out, "(?:");
		good = put_alternatives(out, all);
		(void)buf_adds(out, ")\\z");
	}
	free_alternatives(all);
	return good && buf_left(out) < OUT_MAX ? 0 : BEGINS_UNKNOWN;
}
