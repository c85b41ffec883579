/*
 * Text of a payload on its way to a terminal.  Control bytes are shown as
 * escapes, so that what ran in a sandbox cannot drive the terminal of the
 * person who looks at it; newline, tab and a list of colours pass.
 */
#ifndef COVEN_COVENCTL_TEXT_H
#define COVEN_COVENCTL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* A zeroed one is ready: what a chunk ended in the middle of is held. */
struct text_filter {
	char	held[32];
	size_t	nheld;
	bool	coloured;	/* a colour passed: reset at the end */
};

/*
 * The terminal reads no UTF-8, and 80-9f may be controls to it: from now on
 * every other code point is shown as an escape too.
 */
void	text_ascii_only(bool);

void	text_filter(struct text_filter *, const char *, size_t, struct buf *);
void	text_filter_end(struct text_filter *, struct buf *);

/* One line, at most max bytes of s: newline and colours are escaped too. */
void	text_line(struct buf *, const char *s, size_t n, size_t max);

#endif
