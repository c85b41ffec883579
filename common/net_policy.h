/*
 * What one session may reach: rules in order, and the one function that says
 * yes or no, in the gateway and for covenctl policy explain alike.
 *
 * What denies comes first, then the first rule that allows.  Without a rule
 * the answer is no; a policy without a rule that allows makes no gateway.
 */
#ifndef COVEN_COMMON_NET_POLICY_H
#define COVEN_COMMON_NET_POLICY_H

#include "common/buf.h"
#include "common/net_rule.h"

struct conf;

#define NET_FROM_MAX	160	/* bytes of where a rule stands */

struct net_policy_row {
	struct net_rule	 rule;
	char		*from;		/* "network.allow", "built in", ... */
};

struct net_upstream;

struct net_policy {
	struct net_policy_row	*v;
	size_t			 n;
	struct net_upstream	*up;	/* net_upstream.h */
	size_t			 nup;
};

/* Who asks.  project is a canonical root, "" for none. */
struct net_who {
	const char	*harness;
	bool		 builtin;	/* a row of ours, no manifest's */
	const char	*project;
};

/*
 * Why, as words of the audit.  rule and from are "" where no rule made the
 * decision, then why says what did.
 */
struct net_verdict {
	bool		 allow;
	const char	*rule, *from;	/* of the policy's row */
	const char	*why;		/* static */
};

void	net_policy_fini(struct net_policy *);
/* 0, or -EINVAL with *why (net_rule_parse), or -E2BIG. */
int	net_policy_add(struct net_policy *, enum net_kind, const char *text,
	    const char *from, const char **why);
/* The rules of this configuration for this session. */
void	net_policy_collect(struct net_policy *, const struct conf *,
	    const struct net_who *);
/* Can anything be reached at all? */
bool	net_policy_reaches(const struct net_policy *);

/* As NET_RULE and NET_UPSTREAM records, and back: 0, -EPROTO or -E2BIG. */
int	net_policy_encode(const struct net_policy *, struct buf *);
int	net_policy_decode(struct net_policy *, const void *, size_t);

/* Does a rule deny it, whatever allows it?  Then *out is that verdict. */
bool	net_policy_denies(const struct net_policy *, const struct net_host *,
	    uint16_t port, bool plain, struct net_verdict *out);
/* May this host be asked for on this port, by TLS or as plain HTTP? */
struct net_verdict net_policy_host(const struct net_policy *,
	    const struct net_host *, uint16_t port, bool plain);
/*
 * And may it be connected to at this address?  local: it is this machine's
 * own.  Special and local ones are not, but where a rule names them.
 */
struct net_verdict net_policy_addr(const struct net_policy *,
	    const struct net_addr *, uint16_t port, bool local);
/* May a TLS greeting with a hidden name show this outer one? */
struct net_verdict net_policy_ech(const struct net_policy *,
	    const char *outer, uint16_t port);

/*
 * https://HOST[:PORT]..., http://HOST[:PORT]... or HOST[:PORT], judged by
 * net_policy_host and, where it names an address, net_policy_addr.  0, or
 * -EINVAL when it is none.
 */
int	net_policy_url(const struct net_policy *, const char *url,
	    struct net_verdict *);

/* The hosts that a built-in harness needs: "" ends; NULL where none. */
const char *const	*net_builtin_hosts(const char *harness);

#endif
