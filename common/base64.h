/*
 * Base64 of RFC 4648: the standard alphabet with padding (section 4) for
 * bytes in JSON, the URL alphabet without it (section 5) for cursors.
 * Decoding is strict: one text for each value.
 */
#ifndef COVEN_COMMON_BASE64_H
#define COVEN_COMMON_BASE64_H

#include <stddef.h>

#include "common/buf.h"

enum base64_form { BASE64_STANDARD, BASE64_URL };

enum { BASE64_BAD = 1 };

/* Characters that n bytes take at most: exactly, with padding. */
size_t	base64_len(size_t n);
/* Write at most base64_len(n) characters, no NUL; returns how many. */
size_t	base64_write(enum base64_form, char *to, const void *p, size_t n);

/* Append; 0, BASE64_BAD with nothing appended, or -EMSGSIZE. */
int	base64_decode(enum base64_form, const char *s, size_t n,
	    struct buf *out);
int	base64_encode(enum base64_form, const void *p, size_t n,
	    struct buf *out);

#endif
