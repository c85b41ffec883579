/*
 * Standard error of a payload that speaks JSON lines: each line becomes one
 * such line itself, so that a reader of the stream parses everything.
 */
#ifndef COVEN_RUNNER_WRAP_H
#define COVEN_RUNNER_WRAP_H

#include <stddef.h>

#include "coven-runner/escape.h"

/*
 * Append as many lines of s as fit, wrapped and then escaped once more, for
 * they are the text of an event; returns the bytes of s consumed.  One line
 *
 *	{"subtype":"stderr","text":"...","type":"system"}
 *
 * and its newline.  A line that is not UTF-8 has U+FFFD in its text and
 * "b64" with its bytes; a line that is longer than WRAP_PIECE, or that the end
 * of s leaves without its newline, comes in pieces of which all that no
 * newline follows have "partial":true.
 */
#define WRAP_PIECE	4096

size_t	wrap_lines(struct escape *, const char *s, size_t n);

#endif
