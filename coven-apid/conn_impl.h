/*
 * What conn.c (one connection) and server.c (accepting) share.
 */
#ifndef COVEN_APID_CONN_IMPL_H
#define COVEN_APID_CONN_IMPL_H

#include <sys/queue.h>

#include "common/log.h"
#include "coven-apid/conn.h"

#define SLOT_BITS	20	/* of a tag; LIMIT_HTTP_CONNS fits */

enum conn_state {
	CONN_READ,		/* the request is arriving */
	CONN_WORK,		/* it is whole; its answer is not known */
	CONN_WRITE,		/* the client is slow to take the answer */
	CONN_STREAM,		/* the answer has no end yet; timer: blocked */
	CONN_LINGER,		/* answered early; reads the rest */
	CONN_CLOSED,
};

/* Ten thousand idle ones must be cheap: buffers come with the first byte. */
struct conn {
	struct source		 source;
	struct timer		 timer;
	struct server		*server;
	TAILQ_ENTRY(conn)	 link;		/* of reading or busy */
	TAILQ_ENTRY(conn)	 anon_link;	/* its caller is unknown */
	struct caller		 caller;
	uint32_t		 uid;		/* by the kernel */
	uint64_t		 tag;
	struct http		*http;		/* NULL: no byte yet */
	struct buf		 out;		/* what is left to send */
	void			*user;
	uint64_t		 drain;		/* bytes to read and drop */
	size_t			 held;		/* its share of the memory */
	int64_t			 linger_end_ns;
	int64_t			 accept_ns;
	uint64_t		 accept_boot_ns;	/* CLOCK_BOOTTIME */
	enum conn_state		 state;
	bool			 linger;
	bool			 dry;		/* the last recv took all */
	bool			 watch;
};

TAILQ_HEAD(conn_list, conn);

struct server {
	struct loop		*loop;
	struct source		 listener;
	struct server_conf	 conf;
	const struct server_ops	*ops;
	void			*ctx;
	struct conn_list	 reading;	/* oldest first */
	struct conn_list	 busy;
	struct conn_list	 anon;		/* of both, oldest first */
	unsigned		 nanon;
	struct conn		**slots;
	uint32_t		*free_slots;
	uint32_t		 nfree, live;
	size_t			 held;
	uint64_t		 serial;
	bool			 paused;
	struct timer		 retry;
	struct log_limit	 shed_limit, accept_limit, peer_limit;
};

/*
 * Takes over *fd.  There must be a free slot.  Its caller is unknown; where
 * no token is needed, the owner's uid makes it known.
 */
struct conn	*conn_new(struct server *, int *fd);
/* By its uid; where that cannot be told, false. */
bool	conn_peer_is_owner(const struct conn *);
/* It is somebody now: no quota of the unknown counts it any more. */
void	conn_set_caller(struct conn *, const struct caller *);
/* Read what is there and go on from it; may close. */
void	conn_read(struct conn *);
/* Refuse at the level of the transport.  text is ours, without escapes. */
void	conn_refuse(struct conn *, int status, const char *code,
	    const char *text);

/* Close the one that has been idle longest; false: none but spare is. */
bool	server_shed(struct server *, const struct conn *spare);
/* One more is unknown: those of its uid, and all, are kept few. */
void	server_keep_few(struct server *, struct conn *newest);
/* A connection has gone: accept again if that was all that was missing. */
void	server_resume(struct server *);

#endif
