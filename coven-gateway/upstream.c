#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coven-gateway/carry.h"
#include "coven-gateway/head.h"
#include "coven-gateway/upstream.h"

bool
upstream_takes(const struct request *r)
{
	return net_route_takes(r->target.p, r->target.n);
}

/*
 * A page that a browser inside has loaded can make it ask here, under the
 * page's own name.
 */
static bool
is_meant(struct line host)
{
	static const char *const names[] = { "127.0.0.1:3128",
	    "localhost:3128" };
	size_t i;

	for (i = 0; i < nitems(names); i++)
		if (line_is(host, names[i]))
			return true;
	return false;
}

static void
note(struct conn *c, const struct request *r, const struct net_route *route,
    const char *why)
{
	const struct net_upstream *up = route != NULL ? route->up : NULL;
	char what[CARRY_WHAT + 1];
	struct net_verdict v = { .rule = up != NULL ? route->verdict.rule :
	    "", .from = up != NULL ? route->verdict.from : "", .why = why };

	(void)snprintf(what, sizeof(what), "%s %.*s", r->method,
	    (int)r->target.n, r->target.p);
	gateway_note_use(c->gw, up != NULL ? up->row.host : "upstream",
	    up != NULL ? (uint16_t)up->row.port : 0, &v,
	    &(struct net_use){ what, "" });
}

static void
refuse(struct conn *c, const struct request *r, int status,
    const struct net_route *route, const char *why)
{
	char text[512];

	note(c, r, route, why);
	if (route == NULL) {
		conn_refuse(c, status, why);
		return;
	}
	(void)snprintf(text, sizeof(text), "%s: %s (%s)",
	    route->up->row.name, why, route->verdict.rule);
	conn_refuse(c, status, text);
}

/* Takes over what carries it. */
static void
begin(struct conn *c, const struct request *r, const struct net_route *route)
{
	struct carry *k = mem_zalloc(1, sizeof(*k));

	k->up = route->up;
	k->grant = route->up->row.grant;
	k->chunked = r->chunked;
	k->body = r->body;
	k->expects = r->expects;
	buf_init(&k->head, 65536);
	(void)snprintf(k->what, sizeof(k->what), "%s %.*s", r->method,
	    (int)(r->target.n - route->rest), r->target.p + route->rest);
	c->carry = k;
	conn_begin_judged(c, &route->up->host, (uint16_t)route->up->row.port,
	    &route->verdict);
}

/* Unavailable is not absent: without its key nothing is asked. */
static bool
find_key(const struct net_upstream *up, const char **key)
{
	*key = NULL;
	if (*up->row.grant == '\0')
		return true;
	*key = keys_find(up->row.grant);
	return *key != NULL;
}

void
upstream_begin(struct conn *c, const struct request *r)
{
	struct net_route route;
	const char *why, *key;
	int e;

	if (!is_meant(r->host)) {
		refuse(c, r, 421, NULL, "the Host is not the gateway's");
		return;
	}
	e = net_route(&c->gw->policy, r->method, r->target.p, r->target.n,
	    &route, &why);
	if (e != 0) {
		refuse(c, r, e, NULL, why);
		return;
	}
	if (!route.verdict.allow) {
		refuse(c, r, 403, &route, route.verdict.why);
		return;
	}
	if (strcmp(r->method, "POST") != 0 && (r->body != 0 || r->chunked)) {
		refuse(c, r, 400, &route, "only a POST has a body");
		return;
	}
	if (!find_key(route.up, &key)) {
		refuse(c, r, 503, &route, "its granted key cannot be read");
		return;
	}
	e = head_request(r, &route, key, &c->first);
	if (e != 0)
		refuse(c, r, e == -EINVAL ? 400 : 431, &route,
		    e == -EINVAL ? "a field's name is none" :
		    "the head is too large");
	else
		begin(c, r, &route);
}
