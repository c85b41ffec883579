/*
 * Server-sent events, parsed as they come: a pure machine that is fed bytes
 * and says where an event is whole.
 */
#ifndef COVEN_COVENCTL_SSE_H
#define COVEN_COVENCTL_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define SSE_EVENT_MAX	((size_t)8 << 20)
#define SSE_NAME_MAX	64

/* event: its name, "message" where none was given. */
typedef void	sse_cb(void *ctx, const char *event, const char *data,
		    size_t len);

struct sse {
	sse_cb		*cb;
	void		*ctx;

	/* its own */
	struct buf	 line, data;
	char		 event[SSE_NAME_MAX];
	bool		 any;		/* a data field was there */
	bool		 skip_lf;	/* behind a CR */
};

void	sse_init(struct sse *, sse_cb *, void *ctx);
void	sse_fini(struct sse *);
/* 0, or -EMSGSIZE: a line or an event is longer than one may be. */
int	sse_feed(struct sse *, const char *, size_t);

#endif
