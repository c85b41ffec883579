/*
 * One request, fed as bytes: no I/O, no memory of the connection.  The
 * grammar is llhttp's, strict; head.c makes old clients' heads strict first.
 */
#ifndef COVEN_APID_HTTP_H
#define COVEN_APID_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define HTTP_BODY_MAX	((size_t)LIMIT_HTTP_BODY)

/* Named outcomes of http_feed. */
enum { HTTP_MORE = 1, HTTP_BAD = 2, HTTP_TOO_LARGE = 3 };

struct http;

struct http_request {
	const char	*method;	/* static */
	const char	*target;	/* printable ASCII */
	bool		 origin;	/* an Origin header is there */
	const char	*last_event_id;	/* NULL: there is none */
	struct buf	 body;
};

struct http	*http_new(void);
void		 http_free(struct http *);	/* NULL is fine */

/*
 * The next n bytes.  0 when the request is whole (bytes behind it are
 * ignored), HTTP_MORE when it is not yet, HTTP_BAD, or HTTP_TOO_LARGE when
 * its declared body is over HTTP_BODY_MAX.  Not to be called again after
 * anything but HTTP_MORE.
 */
int	http_feed(struct http *, const char *p, size_t n);
/* Why it is bad: a static sentence. */
const char	*http_why(const struct http *);
/* Bytes of the declared body that have not been fed. */
uint64_t	 http_unread(const struct http *);
/* Valid once http_feed said 0, until http_free. */
const struct http_request	*http_request(const struct http *);

#endif
