/*
 * GET /sessions/:id/stream: a session's events as they are committed, as
 * server-sent events, from a cursor to the session's end.
 *
 * Each stream is in one of four places: it is being opened; its page is
 * being sent; it waits in a feed; or it is idle, since stored cannot be
 * asked.  A feed is one question to stored, shared by all streams that wait
 * at the same cursor of the same session, and so is the page that answers
 * it.  A stream asks only when its page has gone out: one page is the most
 * that is kept for a client that reads slowly.
 */
#ifndef COVEN_APID_STREAM_H
#define COVEN_APID_STREAM_H

#include <stdbool.h>
#include <stdint.h>

struct apid;
struct conn;
struct feed;
struct msg_reply;
struct request;
struct rows;
struct stream;
struct streams;

struct streams	*streams_new(struct apid *);
void		 streams_free(struct streams *);

/* The question with this tag, or NULL. */
struct feed	*streams_feed(struct streams *, uint64_t tag);
/* Its answer. */
void		 streams_on_page(struct streams *, struct feed *,
		     const struct msg_reply *, struct rows *);
/* stored has gone, with all questions; it is there again. */
void		 streams_lost(struct streams *);
void		 streams_resume(struct streams *);
/* What is committed is still sent; nobody waits for more. */
void		 streams_stop(struct streams *);
/* Close those whose request cb says true of. */
void		 streams_close(struct streams *,
		     bool (*cb)(void *ctx, const struct request *), void *ctx);

/* With its request. */
void		 stream_free(struct stream *);	/* NULL is fine */
/* For struct server_ops; ctx is the struct apid. */
void		 stream_on_room(void *ctx, struct conn *);

#endif
