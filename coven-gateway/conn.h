/*
 * One connection from inside, from its first byte to its last.
 *
 *	head -> (a service) -> lookup -> connect -> [greeting] -> through
 *					 connect -> shake -> carry
 */
#ifndef COVEN_GATEWAY_CONN_H
#define COVEN_GATEWAY_CONN_H

#include "coven-gateway/gateway.h"
#include "coven-gateway/hello.h"
#include "coven-gateway/request.h"

struct carry;

#define CONN_ADDRS	16

enum conn_state {
	CONN_HEAD,		/* its request is coming in */
	CONN_LOOKUP,		/* the resolver has been asked */
	CONN_CONNECT,		/* an address that was judged is tried */
	CONN_HELLO,		/* its TLS greeting is coming in */
	CONN_SHAKE,		/* a named upstream is greeted by TLS */
	CONN_CARRY,		/* and asked, until it has answered */
	CONN_THROUGH,		/* both ways, until both have ended */
	CONN_REFUSED,		/* an answer is on its way out */
	CONN_STATES
};

/* One of the two sockets. */
struct side {
	struct source	 s;
	struct buf	 out;		/* for this one, not written yet */
	bool		 eof;		/* it will say no more */
	bool		 shut;		/* and will be told no more */
};

struct conn {
	struct conn	*next, **at;
	struct gateway	*gw;
	enum conn_state	 state;
	struct side	 in, up;	/* the client's, the upstream's */
	struct buf	 read;		/* from the client, not passed on */
	struct head_scan scan;
	struct hello	 hello;
	struct net_host	 host;
	uint16_t	 port;
	bool		 tunnel;	/* CONNECT: a greeting must come */
	uint64_t	 body;		/* a plain request's bytes to come */
	struct buf	 first;		/* what the upstream hears first */
	uint64_t	 tag;		/* of the lookup */
	struct net_addr	 addr[CONN_ADDRS];
	size_t		 naddrs, tried;
	struct net_verdict verdict;	/* that let it be asked for */
	struct timer	 deadline;
	struct carry	*carry;		/* a named upstream's (carry.h) */
};

/* Takes over *fd, a client's. */
void	conn_new(struct gateway *, int *fd);
void	conn_close(struct conn *);
/* Free those that were closed: after each turn of the loop. */
void	conn_reap(struct gateway *);
/* What the resolver found for this tag; n 0: nothing, and why. */
void	conn_resolved(struct gateway *, uint64_t tag,
	    const struct net_addr *, size_t n, const char *why);
/* The resolver is gone: whoever waits for it hears so. */
void	conn_unresolved(struct gateway *);

/* --- for services (service.h) --- */

/*
 * Go to this host, once judged: the upstream hears first, then what the
 * client says.  tunnel: the client hears "200" and then must greet by TLS.
 */
void	conn_begin(struct conn *, const struct net_host *, uint16_t port,
	    bool tunnel);
/* The same where a rule of another kind has let it: conn->carry takes it. */
void	conn_begin_judged(struct conn *, const struct net_host *,
	    uint16_t port, const struct net_verdict *);
/* Answer with this status and sentence, and end. */
void	conn_refuse(struct conn *, int status, const char *why);
/* The upstream is not who it should be: on record, and refused. */
void	conn_untrusted(struct conn *, const char *why);
void	conn_enter(struct conn *, enum conn_state);

#endif
