/*
 * Connections: accept, read one request, answer it, close.
 *
 * One request a connection.  A client may half-close after it; the server
 * never waits for that.  Nothing here knows a route.
 */
#ifndef COVEN_APID_CONN_H
#define COVEN_APID_CONN_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/limits.h"
#include "common/loop.h"
#include "coven-apid/http.h"

struct server;
struct conn;

/* Who sent a request. */
enum caller_kind {
	CALLER_UNKNOWN,
	CALLER_OWNER,		/* a process of the owner's, without a token */
	CALLER_SESSION,		/* the owner, by the session token */
	CALLER_PAIRED,		/* whoever holds a paired token */
};

struct caller {
	enum caller_kind kind;
	uint64_t	 id;	/* the session token's serial, or which one */
};

struct server_ops {
	/*
	 * A head has arrived: who is it?  false ends the connection with 401.
	 * In token mode nothing else is said to a caller before this.
	 */
	bool	(*on_head)(void *ctx, const struct conn *,
		    const struct head_info *, struct caller *);
	/*
	 * A whole request has arrived: answer it now or later.  The request
	 * is borrowed and lives as long as the connection.
	 */
	void	(*on_request)(void *ctx, struct conn *,
		    const struct http_request *);
	/* A request that was not answered is going away, with conn_user. */
	void	(*on_gone)(void *ctx, struct conn *);
	/* Somebody else than the owner connected, and was refused. */
	void	(*on_refused)(void *ctx, const struct ucred *peer);
	/* A stream that was blocked can be sent on. */
	void	(*on_room)(void *ctx, struct conn *);
};

struct server_conf {
	uint32_t	owner_uid;	/* who may connect */
	uint32_t	overflow_uid;	/* how every unmapped uid reads */
	uint32_t	max_conns;
	uint32_t	request_ms;	/* for one to arrive, from accept */
	bool		token;		/* every caller needs one */
};

struct server	*server_new(struct loop *, const struct server_conf *,
		     const struct server_ops *, void *ctx);
/* Accept from *fd, which it takes over.  0 or -errno. */
int		 server_listen(struct server *, int *fd);
/* Accept no more and drop what has not become a request. */
void		 server_stop(struct server *);
unsigned	 server_conns(const struct server *);
unsigned	 server_max_conns(const struct server *);
/*
 * Count n bytes that are kept for clients but by no connection.  Others may
 * be closed for it.
 */
void		 server_hold(struct server *, size_t n);
void		 server_unhold(struct server *, size_t n);
/* Closes everything. */
void		 server_free(struct server *);

/* The connection with this tag while it exists, else NULL. */
struct conn	*server_find(struct server *, uint64_t tag);
/* Calls cb for each connection whose request is unanswered. */
void		 server_each_waiting(struct server *,
		     void (*cb)(void *ctx, struct conn *), void *ctx);

/* Closes every connection that cb chooses, without a word. */
void		 server_close_if(struct server *,
		     bool (*cb)(void *ctx, const struct conn *), void *ctx);

uint64_t	 conn_tag(const struct conn *);	/* never given twice */
const struct caller	*conn_caller(const struct conn *);
void		*conn_user(const struct conn *);
void		 conn_set_user(struct conn *, void *);
int		 conn_fd(const struct conn *);	/* borrowed */

/* While it waits for its answer, notice when the client leaves. */
void	conn_watch(struct conn *);
/*
 * Answer and close; the connection must not be used afterwards.  body is
 * borrowed.  on_gone is not called for it any more.
 */
void	conn_reply(struct conn *, int status, const char *body, size_t n);
/* The same for bytes that are a whole reply, head included. */
void	conn_reply_whole(struct conn *, const char *reply, size_t n);
/*
 * Send an answer but keep the connection, for handing it over; false when
 * the client would not take it at once.
 */
bool	conn_reply_keep(struct conn *, int status, const char *body, size_t n);
/*
 * Answer with bytes whose number is not known yet, head included.  The
 * request stays: on_room and on_gone are called for it, until it is closed.
 */
void	conn_stream_start(struct conn *);
/*
 * How much of it went, or -errno.  When it is less than all, on_room follows;
 * a client that takes nothing for LIMIT_HTTP_REPLY_MS is closed.
 */
ssize_t	conn_stream_send(struct conn *, const void *, size_t);
/* All is sent: close so that the client reads it to its end. */
void	conn_stream_end(struct conn *);
/* The one refusal of a caller who may not call: the same for each cause. */
void	conn_unauthorized(struct conn *);
/* Close without a word. */
void	conn_close(struct conn *);

/* Head and body of a reply, as it goes over the wire. */
void	conn_format_reply(struct buf *out, int status, const char *body,
	    size_t n);

/* Who connected; -errno when that cannot be told. */
int	conn_peer(const struct conn *, struct ucred *);
/*
 * A pidfd of the process that connected; -ENOPROTOOPT when the kernel has no
 * such thing; another -errno when the process cannot be named any more.
 */
int	conn_peer_pidfd(const struct conn *);
/* When it was accepted, by CLOCK_BOOTTIME. */
uint64_t conn_accepted_ns(const struct conn *);

#endif
