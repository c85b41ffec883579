/*
 * A session's way out, from outside: the listener that its init made, and the
 * two processes that serve it once somebody connects.
 */
#ifndef COVEN_MONITOR_GATEWAY_H
#define COVEN_MONITOR_GATEWAY_H

#include "common/net_policy.h"
#include "coven-monitor/child.h"

struct granting;
struct harness_entry;
struct pair;

struct gateway {
	struct source	 listener;	/* watched while nobody serves it */
	struct child	 gateway, resolver;
	struct timer	 gateway_again, resolver_again;
	unsigned	 gateway_fails, resolver_fails;
	bool		 armed;		/* its session runs */
	bool		 ended;		/* and does no more */
	int		 rules;		/* sealed memfd, or -1 */
	struct granting	*granting;	/* while it is started (grant.h) */
	uint64_t	 used;		/* bytes, of all its lives */
	int64_t		 noted_ns;	/* decisions on record since then */
	unsigned	 noted, unsaid;
};

/* The rules of this harness for this root; reaches: is there any way out? */
bool	gateway_rules(struct monitor *, const struct harness_entry *,
	    const char *root, struct buf *rules);

/* The same as they are: for what is told inside.  The caller frees it. */
void	gateway_policy(struct monitor *, const struct harness_entry *,
	    const char *root, struct net_policy *);

void	gateway_init(struct pair *);
/* The init has made the listener, which is taken over.  0 or -EPROTO. */
int	gateway_take(struct pair *, int *fd);
/* The payload was executed: the next connection starts the gateway. */
void	gateway_arm(struct pair *, const struct buf *rules);
/* The session is over.  Idempotent. */
void	gateway_end(struct pair *);
bool	gateway_dead(const struct pair *);

extern chan_handler *const on_gateway_handlers[MSG__COUNT];
extern chan_handler *const on_resolver_handlers[MSG__COUNT];

#endif
