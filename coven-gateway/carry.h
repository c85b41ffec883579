/*
 * A request to a named upstream on its way: plain inside, TLS outside, one
 * request a connection.
 */
#ifndef COVEN_GATEWAY_CARRY_H
#define COVEN_GATEWAY_CARRY_H

#include "coven-gateway/chunks.h"
#include "coven-gateway/conn.h"
#include "coven-gateway/keys.h"

#define CARRY_WHAT	255

struct carry {
	const struct net_upstream *up;
	char		 what[CARRY_WHAT + 1];	/* for the audit */
	const char	*grant;		/* whose key is added, or "" */
	struct tls	*tls;
	bool		 chunked;	/* the request's body */
	struct chunks	 chunks;
	uint64_t	 body;		/* or bytes of it to come */
	bool		 whole;		/* all of it has come */
	bool		 expects;	/* is to hear "100 Continue" */
	struct buf	 head;		/* the answer's, so far */
	struct head_scan scan;
	bool		 answered;	/* its head has gone in */
};

/* The upstream is connected: greet it. */
void	carry_begin(struct conn *);
void	carry_ready_in(struct conn *, uint32_t events);
void	carry_ready_up(struct conn *, uint32_t events);
void	carry_free(struct carry *);

#endif
