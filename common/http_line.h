/*
 * The lines of a request's head, as apid and the gateway read them before
 * anything else does.  No I/O.
 */
#ifndef COVEN_COMMON_HTTP_LINE_H
#define COVEN_COMMON_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>

/* Named outcome of head_find_end. */
enum { HEAD_MORE = 1 };

/* Where a search for the end has got to; zeroed is the beginning. */
struct head_scan {
	size_t	line;		/* start of the line being looked at */
	size_t	at;		/* bytes already seen */
};

/*
 * Find the empty line in the n bytes at p, of which earlier calls with the
 * same scan saw a prefix.  0 with *end the length of the head, or HEAD_MORE.
 */
int	head_find_end(struct head_scan *, const char *p, size_t n,
	    size_t *end);

/* One line without its end. */
struct line {
	const char	*p;
	size_t		 n;
};

/* The line at *p, which moves behind its end. */
struct line	line_next(const char **p, const char *end);
bool		line_has_control(struct line);
/* Length of the run of visible ASCII at p. */
size_t		line_visible(const char *p, const char *end);
struct line	line_trimmed(struct line);
/* Decimal digits, at most 18 of them. */
bool		line_is_number(struct line);
bool		line_is(struct line, const char *name);	/* in any case */

#endif
