/*
 * What the gateway holds for named upstreams: this session's granted keys,
 * and whom to trust.
 */
#ifndef COVEN_GATEWAY_KEYS_H
#define COVEN_GATEWAY_KEYS_H

#include "common/net_upstream.h"
#include "coven-gateway/tls.h"

/* The system's certificates, opened before there is no more opening. */
void	keys_open_roots(void);
/* A grant's key.  0, or -EINVAL: it is none, or there is one too many. */
int	keys_add(const char *grant, struct buf *value);
/* An upstream's own certificates, as PEM. */
int	keys_add_roots(const char *upstream, struct buf *pem);

/* NULL: it could not be read. */
const char	*keys_find(const char *grant);
/* NULL with a static sentence in *why. */
struct tls_roots *keys_roots(const struct net_upstream *, const char **why);

/* Append the field that adds this key as the upstream wants it. */
int	keys_field(const struct net_upstream *, const char *key,
	    struct buf *out);

#endif
