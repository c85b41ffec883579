/*
 * From a regular expression to one for what its matches begin with.
 */
#ifndef COVEN_REDACT_BEGINS_H
#define COVEN_REDACT_BEGINS_H

#include "common/buf.h"

enum { BEGINS_UNKNOWN = 1 };

/*
 * Append an expression that matches what is at the end of a text and begins a
 * match of pattern: every prefix of one, and not the empty one.  0, or
 * BEGINS_UNKNOWN with nothing of use appended: pattern has something in it
 * that is not understood here, which is no statement about its being right.
 */
int	begins_of(const char *pattern, struct buf *out);

#endif
