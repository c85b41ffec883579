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
#include "coven-apid/head.h"

#define HTTP_BODY_MAX	((size_t)LIMIT_HTTP_BODY)

/* Named outcomes of http_feed. */
enum { HTTP_MORE = 1, HTTP_BAD = 2, HTTP_TOO_LARGE = 3, HTTP_REFUSED = 4 };

struct http;

/* Called when the head is whole, before a byte of the body is kept. */
typedef bool	http_head_fn(void *ctx, const struct head_info *);

struct http_request {
	const char	*method;	/* static */
	const char	*target;	/* printable ASCII */
	bool		 origin;	/* an Origin header is there */
	const char	*last_event_id;	/* NULL: there is none */
	bool		 strange_host;	/* a Host that is not this daemon */
	struct buf	 body;
};

struct http	*http_new(void);
void		 http_free(struct http *);	/* NULL is fine */
/*
 * A head of at most head_max bytes, which cb lets pass or not (HTTP_REFUSED).
 * Before the first byte.
 */
void		 http_ask(struct http *, size_t head_max, http_head_fn *cb,
		     void *ctx);

/*
 * The next n bytes.  0 when the request is whole (bytes behind it are
 * ignored), HTTP_MORE when it is not yet, HTTP_BAD, HTTP_REFUSED, or
 * HTTP_TOO_LARGE when its declared body is over HTTP_BODY_MAX.  Not to be
 * called again after anything but HTTP_MORE.
 */
int	http_feed(struct http *, const char *p, size_t n);
/* Why it is bad: a static sentence. */
const char	*http_why(const struct http *);
/* Bytes of the declared body that have not been fed. */
uint64_t	 http_unread(const struct http *);
/* Valid once http_feed said 0, until http_free. */
const struct http_request	*http_request(const struct http *);

#endif
