/* Bytes both ways, bounded: each side is read while the other keeps up. */
#ifndef COVEN_GATEWAY_THROUGH_H
#define COVEN_GATEWAY_THROUGH_H

#include "coven-gateway/conn.h"

/* Both sockets are there, and what was gathered for the upstream goes. */
void	through_begin(struct conn *);
/* Something of our own is there for the client. */
void	through_say(struct conn *);
/* One of the two is ready. */
void	through_ready(struct conn *, struct side *from, struct side *to,
	    uint32_t events);
/* Watch for what the state and the buffers make of interest. */
void	through_update(struct conn *);

/* --- for what is carried (carry.h) --- */

void	through_watch(struct conn *, struct side *, uint32_t events);
/* 0, or -errno: the peer is gone. */
int	through_flush(struct side *);
/* The session's bytes are used up: on record. */
void	through_budget(struct conn *);

#endif
