/*
 * The inside of a JSON string, written once and within a bound.
 *
 * common/jsonw.h writes whole values into a growing buffer; here the question
 * is the other way round: how much of this text fits into what is left?
 */
#ifndef COVEN_RUNNER_ESCAPE_H
#define COVEN_RUNNER_ESCAPE_H

#include <stddef.h>

/* One byte never takes more than this ("\u001f"), nor does U+FFFD for one. */
#define ESCAPE_WORST	6

struct escape {
	char	*to;
	size_t	 len;		/* written so far */
	size_t	 room;		/* len never passes it */
};

/*
 * Append as much of s as fits, in whole code points; returns the bytes of s
 * consumed.  It stops early when there is no room for the next code point
 * (*bad is 0) or in front of an ill-formed sequence of *bad bytes.  Bytes at
 * the end of s that only begin a code point are ill-formed to it.
 */
size_t	escape_run(struct escape *, const char *s, size_t n, size_t *bad);

/*
 * The same, and U+FFFD for each ill-formed sequence.  *lossy is set when
 * there was one.
 */
size_t	escape_lossy(struct escape *, const char *s, size_t n, int *lossy);

#endif
