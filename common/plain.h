/*
 * Plain text: printable ASCII that stands for itself inside a JSON string,
 * which is 0x20 to 0x7e without the quote and the backslash.  Output is
 * nearly all of it, so this is looked at sixteen bytes at a time.
 */
#ifndef COVEN_COMMON_PLAIN_H
#define COVEN_COMMON_PLAIN_H

#include <stddef.h>

/* Bytes at s, of n, before the first that is not plain. */
size_t	plain_run(const char *s, size_t n);
/* The same, copied to to, where n bytes may be written whatever they are. */
size_t	plain_copy(char *to, const char *s, size_t n);
/* Bytes at s, of n, before the first that is not ASCII. */
size_t	ascii_run(const char *s, size_t n);
/* Is any of them a control character, 0x00 to 0x1f? */
int	has_control(const char *s, size_t n);

#endif
