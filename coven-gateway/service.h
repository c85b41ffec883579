/*
 * What a request may be for.  CONNECT is one row; a request whose method is
 * not CONNECT goes to the first row that takes its target.  A new service is
 * a row, and a file of its own.
 */
#ifndef COVEN_GATEWAY_SERVICE_H
#define COVEN_GATEWAY_SERVICE_H

#include "coven-gateway/conn.h"

struct service {
	const char	*name;
	bool		(*takes)(const struct request *);
	/*
	 * Calls conn_begin (with conn->first and conn->body filled where it
	 * is no tunnel), conn_begin_judged or conn_refuse.  The request dies
	 * with the call.
	 */
	void		(*begin)(struct conn *, const struct request *);
};

/* Hand the request to the row that takes it, or refuse it. */
void	service_begin(struct conn *, const struct request *);

#endif
