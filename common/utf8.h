/*
 * UTF-8 as Unicode 15 table 3-7 defines it: no surrogates, no overlong
 * forms, nothing above U+10FFFF.
 */
#ifndef COVEN_COMMON_UTF8_H
#define COVEN_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the longest well-formed multi-byte run at s (it stops at ASCII).
 * When that is 0, *bad is the length of the ill-formed sequence to replace
 * by one U+FFFD (at least 1).
 */
size_t	utf8_run(const char *s, size_t n, size_t *bad);

/* Is all of it well-formed? */
bool	utf8_valid(const char *s, size_t n);

/*
 * How many bytes at the end of s begin a code point that more bytes could
 * complete (0 to 3): hold them back until the next read.
 */
size_t	utf8_tail(const char *s, size_t n);

#endif
