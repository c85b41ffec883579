/*
 * Where a chunked body ends (RFC 9112, 7.1).  Strict: no extensions, no
 * trailers, CRLF.  It is passed on as it came, so nothing is decoded.  No I/O.
 */
#ifndef COVEN_GATEWAY_CHUNKS_H
#define COVEN_GATEWAY_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

/* Named outcomes. */
enum { CHUNKS_MORE = 1, CHUNKS_BAD = 2 };

/* Zeroed is the beginning. */
struct chunks {
	unsigned	 state, digits;
	uint64_t	 left;		/* of the chunk's bytes */
};

/*
 * The next n bytes.  *used of them belong to the body.  0: it has ended;
 * CHUNKS_MORE; or CHUNKS_BAD.  Not called again after anything but
 * CHUNKS_MORE.
 */
int	chunks_feed(struct chunks *, const char *p, size_t n, size_t *used);

#endif
