/*
 * What a terminal would answer.  A payload on a pseudo-terminal may ask its
 * terminal four things; nobody sits behind this one, so the runner answers
 * and takes the question out of the output.  No I/O here.
 */
#ifndef COVEN_RUNNER_TERM_H
#define COVEN_RUNNER_TERM_H

#include <stddef.h>

#include "common/buf.h"

#define TERM_HELD	4	/* the longest query */

struct term {
	char	held[TERM_HELD];
	size_t	nheld;
};

/*
 * Filter n bytes of output: what stays is appended to out, answers to
 * answers.  A query cut by the end of the bytes is held back until more
 * come.  What does not fit into out's or answers' maximum is lost: give them
 * room for n + TERM_HELD and 3 * n bytes.
 */
void	term_feed(struct term *, const char *in, size_t n, struct buf *out,
	    struct buf *answers);
/* No more will come: what is held back was no query. */
void	term_end(struct term *, struct buf *out);

#endif
