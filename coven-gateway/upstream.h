/* Named upstreams: /git/HOST/... and /model/NAME/... (common/net_upstream.h) */
#ifndef COVEN_GATEWAY_UPSTREAM_H
#define COVEN_GATEWAY_UPSTREAM_H

#include "coven-gateway/conn.h"

/* A row of the table of services. */
bool	upstream_takes(const struct request *);
void	upstream_begin(struct conn *, const struct request *);

#endif
