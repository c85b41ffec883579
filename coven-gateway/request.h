/*
 * The head of one request to the gateway: strict, and no more of it than is
 * needed to say where it wants to go.  No I/O.
 */
#ifndef COVEN_GATEWAY_REQUEST_H
#define COVEN_GATEWAY_REQUEST_H

#include <stdint.h>

#include "common/buf.h"
#include "common/http_line.h"

#define REQUEST_METHOD_MAX	32

/* Points into the bytes that were given. */
struct request {
	char		 method[REQUEST_METHOD_MAX];
	struct line	 target;
	struct line	 fields;	/* every line after the first */
	uint64_t	 body;		/* its Content-Length, or 0 */
};

/*
 * n bytes, as measured by head_find_end.  0, or -EINVAL with a static
 * sentence in *why.  Transfer-Encoding is refused: where a body ends must
 * not be a matter of opinion.
 */
int	request_parse(const char *p, size_t n, struct request *,
	    const char **why);

/*
 * Append the fields but for those that are between the client and us
 * (Connection and what it names, Proxy-*, Host, ...).  0 or -EMSGSIZE.
 */
int	request_fields(const struct request *, struct buf *out);

#endif
