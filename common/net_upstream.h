/*
 * Named upstreams: what a session reaches on plain HTTP inside, which the
 * gateway carries on to one HTTPS host outside.
 *
 *	/git/HOST[:PORT]/REPOSITORY/...	git, of the repositories that rules name
 *	/model/NAME/...			what the routes of that upstream list
 *
 * One request is one route: its method and its path in the only spelling
 * there is.  Nothing here does I/O.
 */
#ifndef COVEN_COMMON_NET_UPSTREAM_H
#define COVEN_COMMON_NET_UPSTREAM_H

#include "common/msg.h"
#include "common/net_policy.h"

struct conf;

/* Where every init makes its listener, and so the gateway is inside. */
#define NET_INSIDE	"http://127.0.0.1:3128"

#define NET_GIT		"git/"
#define NET_MODEL	"model/"
#define NET_GRANT_MAX	64	/* bytes of a grant's name */

enum net_auth {			/* NET_UPSTREAM.auth */
	NET_AUTH_BEARER,	/* Authorization: Bearer KEY */
	NET_AUTH_API_KEY,	/* x-api-key: KEY */
	NET_AUTH_BASIC,		/* Authorization: Basic USER:KEY */
	NET_AUTH__COUNT
};

struct net_upstream {
	struct buf		 bytes;		/* the record */
	struct msg_net_upstream	 row;		/* points into bytes */
	struct net_host		 host;
};

/* --- from texts ---------------------------------------------------------- */

struct net_url {
	struct net_host	 host;
	uint16_t	 port;
	const char	*path;		/* in the text: "" or "/..." */
};

/* "https://HOST[:PORT][/PATH]", no slash at the end.  0 or -EINVAL. */
int	net_url_parse(const char *text, struct net_url *);
/* "METHOD /PATH"; a whole component may be '*', which is any one. */
bool	net_is_route(const char *text);
/* "model/NAME" or "git/HOST[:PORT]". */
bool	net_is_upstream(const char *text);

/* --- of a policy --------------------------------------------------------- */

/* Takes a copy.  0, -EPROTO for what is none, or -E2BIG. */
int	net_upstream_add(struct net_policy *, const struct msg_net_upstream *);
/* Those that this configuration gives this session, after its rules. */
void	net_upstream_collect(struct net_policy *, const struct conf *,
	    const struct net_who *);
/* The one by this name, or NULL. */
const struct net_upstream *net_upstream_find(const struct net_policy *,
	    const char *name, size_t n);
/* Does it serve this host, at whatever port? */
bool	net_upstream_is(const struct net_upstream *, const struct net_host *);
/* The one that serves this host, at whatever port, or NULL. */
const struct net_upstream *net_upstream_serving(const struct net_policy *,
	    const struct net_host *);
/*
 * Does every grant and every upstream of the configuration have what it
 * needs?  0, or -EINVAL with a sentence in why.
 */
int	net_upstream_check(const struct conf *, char *why, size_t len);

/* --- of a request -------------------------------------------------------- */

struct net_route {
	const struct net_upstream	*up;
	/* why is "fetch", "push" or "a route", or why not */
	struct net_verdict		 verdict;
	size_t				 rest;	/* of the target: goes on */
};

bool	net_route_takes(const char *target, size_t n);
/*
 * What this request is for.  0 with *out, whose verdict may be no; or an
 * HTTP status (400, 404) with a static sentence in *why.
 */
int	net_route(const struct net_policy *, const char *method,
	    const char *target, size_t n, struct net_route *out,
	    const char **why);

/*
 * The same for an https:// URL of a host that the upstream serves: may what
 * it names be read?
 */
struct net_verdict net_route_url(const struct net_policy *,
	    const struct net_upstream *, const char *path);

#endif
