/*
 * The daemon's reply, parsed strictly: one HTTP/1.1 head, exactly one
 * Content-Length, no Transfer-Encoding, and not one byte after the body.  A
 * 200 of Content-Type text/event-stream has no length and no end but the
 * connection's.
 */
#ifndef COVEN_COVENCTL_REPLY_H
#define COVEN_COVENCTL_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#define REPLY_HEAD_MAX	((size_t)64 << 10)
#define REPLY_BODY_MAX	((size_t)8 << 20)

enum { REPLY_SHORT = 1, REPLY_BAD = 2 };

struct reply_head {
	int		 status;
	size_t		 head_len;	/* the body begins here */
	size_t		 body_len;
	bool		 stream;	/* events, to the connection's end */
	const char	*why;		/* after REPLY_BAD: what is wrong */
};

/*
 * s, n: everything that arrived so far.  0 when it is one whole reply,
 * or the whole head of a stream,
 * REPLY_SHORT when more must come, REPLY_BAD when no more could help.
 */
int	reply_parse(const char *s, size_t n, struct reply_head *);

#endif
