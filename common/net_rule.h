/*
 * One rule of a session's network policy, from the text of a configuration.
 *
 *	host:	[http://] NAME | *.NAME | .NAME | *   [:PORT | :PORT-PORT | :*]
 *	address: [http://] ADDRESS[/BITS] | [IPv6[/BITS]]   [the same]
 *
 *	repository: NAME[:PORT]/PATH | NAME[:PORT]/[PATH/]*
 *
 * NAME alone is that host, "*.NAME" every host below it, ".NAME" both, "*"
 * (in deny lists alone) every host.  A rule without a port means 443, with
 * http:// 80, and in deny lists every port.  A rule with http:// is for plain
 * HTTP, the others are for TLS; a deny list's are for both.
 */
#ifndef COVEN_COMMON_NET_RULE_H
#define COVEN_COMMON_NET_RULE_H

#include "common/net_addr.h"

#define NET_HOST_MAX	253	/* bytes of a host's name */
#define NET_RULE_MAX	288	/* bytes of a rule's text */

enum net_kind {
	NET_ALLOW,		/* a host that may be reached */
	NET_DENY,		/* one that may not, whatever allows it */
	NET_ADDRESS,		/* an address that may, though it is special */
	NET_ECH,		/* an outer name that may stand for others */
	NET_FETCH,		/* repositories that may be read by git */
	NET_PUSH,		/* and written */
	NET_KIND__COUNT
};

struct net_rule {
	enum net_kind	 kind;
	bool		 plain;
	bool		 any;			/* "*" */
	bool		 below, itself;		/* of name */
	char		 name[NET_HOST_MAX + 1];	/* lower case */
	struct net_addr	 addr;
	unsigned	 bits;
	uint16_t	 low, high;		/* ports */
	char		 text[NET_RULE_MAX + 1];
	size_t		 path;			/* a repository's, in text */
};

/* A host as a client names it: a name, or a literal address. */
struct net_host {
	bool		 literal;
	struct net_addr	 addr;
	char		 name[NET_HOST_MAX + 1];	/* lower case */
};

/*
 * 0, or -EINVAL with a static sentence in *why that starts with no subject.
 */
int	net_rule_parse(enum net_kind, const char *text, struct net_rule *,
	    const char **why);

/*
 * n bytes: letters, digits, '-' and '_' in labels of at most 63 bytes, one
 * dot at the end forgiven; or a literal, an IPv6 one in brackets.  A name
 * whose last label reads as a number is neither.  0 or -EINVAL.
 */
int	net_host_parse(const char *p, size_t n, struct net_host *);

/*
 * Components of letters, digits and "._~-+@", none of them "", "." or "..":
 * one path has one spelling.
 */
bool	net_path_is_plain(const char *p, size_t n);

/* "HOST:PORT", both of them there.  0 or -EINVAL. */
int	net_authority_parse(const char *p, size_t n, struct net_host *,
	    uint16_t *port);

bool	net_rule_has_host(const struct net_rule *, const struct net_host *,
	    uint16_t port);
/* Repositories alone.  The path has no "/" before it; ".git" is nothing. */
bool	net_rule_has_repository(const struct net_rule *,
	    const struct net_host *, uint16_t port, const char *path, size_t n);
bool	net_rule_has_addr(const struct net_rule *, const struct net_addr *,
	    uint16_t port);

#endif
