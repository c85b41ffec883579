/*
 * coven-gateway: one session's only way out.  It holds the listener that the
 * session's init made inside, the rules, and no file; it serves in the host's
 * network what the rules allow.
 */
#ifndef COVEN_GATEWAY_GATEWAY_H
#define COVEN_GATEWAY_GATEWAY_H

#include "common/chan.h"
#include "common/net_policy.h"

struct conn;

/* What a named upstream was asked for, and whose key was added ("": none). */
struct net_use {
	const char	*what, *grant;
};

struct gateway {
	struct loop		*loop;
	struct chan		 control, resolver;
	struct net_policy	 policy;
	struct source		 listener;
	int			 route;		/* rtnetlink, the host's */
	uint32_t		 max_conns, rate;
	uint64_t		 left;		/* bytes; UINT64_MAX: any */
	uint64_t		 used;		/* not reported yet */
	struct conn		*conns;		/* a list */
	struct conn		*closed;	/* to be freed */
	uint32_t		 nconns, started;	/* in the window */
	int64_t			 window_ns;
	uint64_t		 serial;	/* of lookups */
	struct timer		 idle, report;
	uint32_t		 unsaid;	/* decisions without a note */
	int64_t			 said_ns;
	uint32_t		 said;
};

/* main.c */
void	gateway_idle(struct gateway *);		/* the last one is gone */

/* note.c: for the audit, through the monitor. */
void	gateway_note(struct gateway *, const char *host, uint16_t port,
	    const struct net_verdict *);
void	gateway_note_use(struct gateway *, const char *host, uint16_t port,
	    const struct net_verdict *, const struct net_use *);
/* So many bytes went through; false: that was the last of the budget. */
bool	gateway_spend(struct gateway *, size_t n);
void	gateway_report(struct gateway *);

/* local.c: is this an address of this machine?  Opened before confinement. */
int	local_open(void);
bool	local_is(int route, const struct net_addr *);

#endif
