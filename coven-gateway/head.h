/*
 * Heads that a named upstream's requests and answers are carried on with:
 * both are made anew from what may pass.  No I/O.
 */
#ifndef COVEN_GATEWAY_HEAD_H
#define COVEN_GATEWAY_HEAD_H

#include "common/net_upstream.h"
#include "coven-gateway/request.h"

/* Named outcomes of head_answer. */
enum { HEAD_INTERIM = 1, HEAD_BAD = 2 };

/*
 * The request as the upstream is to hear it: the path behind its prefix, its
 * own host, no credential but key (NULL: none), one request a connection.  0,
 * -EINVAL: a field's name is no token, or -EMSGSIZE.
 */
int	head_request(const struct request *, const struct net_route *,
	    const char *key, struct buf *out);

/*
 * The answer's head of n bytes as the client is to hear it: no cookie, and
 * what leads back to the upstream leads to it by its name inside.  0,
 * HEAD_INTERIM: not the answer yet, nothing was appended, or HEAD_BAD.
 */
int	head_answer(const char *p, size_t n, const struct net_upstream *,
	    struct buf *out);

#endif
