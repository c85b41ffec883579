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
	struct line	 host;		/* the Host field's value */
	uint64_t	 body;		/* its Content-Length, or 0 */
	bool		 chunked;	/* or in chunks; "/..." targets alone */
	bool		 expects;	/* waits for "100 Continue" */
};

/*
 * n bytes, as measured by head_find_end.  0, or -EINVAL with a static
 * sentence in *why.  Transfer-Encoding is refused, but for "chunked" alone
 * where the target is a path: where a body ends must not be a matter of
 * opinion.
 */
int	request_parse(const char *p, size_t n, struct request *,
	    const char **why);

/*
 * Append the fields but for those that are between the client and us
 * (Connection and what it names, Proxy-*, Host, ...).  0 or -EMSGSIZE.
 */
int	request_fields(const struct request *, struct buf *out);
/*
 * The same, without what says where the body ends, and without those that
 * drop is true for.  -EINVAL: a name is no token.
 */
int	request_fields_but(const struct request *,
	    bool (*drop)(struct line name), struct buf *out);

/* The name of a field's line; n 0: it is none.  And what stands behind it. */
struct line	field_name(struct line);
struct line	field_value(struct line, struct line name);

#endif
