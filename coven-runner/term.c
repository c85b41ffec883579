#include <string.h>

#include "common/mem.h"
#include "coven-runner/term.h"

#define ESC	'\033'

/* ECMA-48 8.3.35 (DSR), 8.3.24 (DA); the answers are those of a VT220. */
static const struct {
	const char	*query, *answer;
} queries[] = {
	{ "\033[6n", "\033[1;1R" },	/* where is the cursor? */
	{ "\033[c", "\033[?62;c" },	/* what are you? */
	{ "\033[0c", "\033[?62;c" },
	{ "\033[5n", "\033[0n" },	/* are you well? */
};

/* Are the held bytes a query (its answer), or the start of one (*more)? */
static const char *
match(const struct term *t, int *more)
{
	size_t i;

	*more = 0;
	for (i = 0; i < nitems(queries); i++) {
		if (strncmp(queries[i].query, t->held, t->nheld) != 0)
			continue;
		if (queries[i].query[t->nheld] == '\0')
			return queries[i].answer;
		*more = 1;
	}
	return NULL;
}

static void
keep(struct term *t, char c, struct buf *out, struct buf *answers)
{
	const char *answer;
	int more;

	/* Only the first byte of a query is ESC: it always starts anew. */
	if (c == ESC)
		term_end(t, out);
	t->held[t->nheld++] = c;
	answer = match(t, &more);
	if (answer != NULL) {
		(void)buf_adds(answers, answer);
		t->nheld = 0;
	} else if (!more) {
		term_end(t, out);
	}
}

void
term_feed(struct term *t, const char *in, size_t n, struct buf *out,
    struct buf *answers)
{
	const char *end = in + n, *esc;

	while (in < end) {
		if (t->nheld == 0) {
			esc = memchr(in, ESC, (size_t)(end - in));
			if (esc == NULL)
				esc = end;
			(void)buf_add(out, in, (size_t)(esc - in));
			in = esc;
			if (in == end)
				return;
		}
		keep(t, *in++, out, answers);
	}
}

void
term_end(struct term *t, struct buf *out)
{
	(void)buf_add(out, t->held, t->nheld);
	t->nheld = 0;
}
