#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"
#include "coven-gateway/service.h"
#include "coven-gateway/upstream.h"

/* --- CONNECT host:port --------------------------------------------------- */

static bool
takes_connect(const struct request *r)
{
	return strcmp(r->method, "CONNECT") == 0;
}

static void
begin_connect(struct conn *c, const struct request *r)
{
	struct net_host host;
	uint16_t port;

	if (net_authority_parse(r->target.p, r->target.n, &host, &port) < 0)
		conn_refuse(c, 400, "the target of CONNECT is no host:port");
	else if (r->body != 0)
		conn_refuse(c, 400, "a CONNECT has no body");
	else
		conn_begin(c, &host, port, true);
}

/* --- http://host[:port]/path --------------------------------------------- */

static const char scheme[] = "http://";

static bool
takes_plain(const struct request *r)
{
	return r->target.n >= strlen(scheme) &&
	    strncasecmp(r->target.p, scheme, strlen(scheme)) == 0;
}

/*
 * One request a connection, its head made anew: a second one could be for
 * another host than the one that was judged.
 */
static int
rewrite(struct buf *out, const struct request *r, struct line authority,
    struct line path)
{
	int e;

	(void)buf_addf(out, "%s %s%.*s HTTP/1.1\r\nHost: %.*s\r\n", r->method,
	    path.n != 0 && *path.p == '/' ? "" : "/", (int)path.n, path.p,
	    (int)authority.n, authority.p);
	e = request_fields(r, out);
	return e == 0 ? buf_adds(out, "Connection: close\r\n\r\n") : e;
}

static void
begin_plain(struct conn *c, const struct request *r)
{
	const char *p = r->target.p + strlen(scheme);
	const char *end = r->target.p + r->target.n, *at = p;
	struct line authority, path;
	struct net_host host;
	uint16_t port = 80;

	while (at < end && *at != '/' && *at != '?' && *at != '#')
		at++;
	authority = (struct line){ p, (size_t)(at - p) };
	path = (struct line){ at, (size_t)(end - at) };
	if (net_host_parse(p, authority.n, &host) < 0 &&
	    net_authority_parse(p, authority.n, &host, &port) < 0) {
		conn_refuse(c, 400, "the target names no host");
		return;
	}
	if (rewrite(&c->first, r, authority, path) < 0) {
		conn_refuse(c, 431, "the head is too large");
		return;
	}
	c->body = r->body;
	conn_begin(c, &host, port, false);
}

/* --- the table ----------------------------------------------------------- */

static const struct service services[] = {
	{ "connect", takes_connect, begin_connect },
	{ "plain", takes_plain, begin_plain },
	{ "upstream", upstream_takes, upstream_begin },
};

void
service_begin(struct conn *c, const struct request *r)
{
	size_t i;

	for (i = 0; i < nitems(services); i++)
		if (services[i].takes(r)) {
			services[i].begin(c, r);
			return;
		}
	conn_refuse(c, 404, "this is a proxy: there is nothing here");
}
