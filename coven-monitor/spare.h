/*
 * Spares: pairs that are made ahead, in idle moments, so that a launch finds
 * its two processes confined, verified, and the tree of its sandbox built but
 * for the project.  A spare is no session: it counts as none, runs nothing,
 * and serves one.
 *
 * How many: session.prepared.  Which: one that has the host's network and one
 * that has none are different; those of the kind that was launched last
 * prevail, and one of the other is kept where it was ever used.
 */
#ifndef COVEN_MONITOR_SPARE_H
#define COVEN_MONITOR_SPARE_H

#include "coven-monitor/pair.h"

/* The suite serves: make the first ones. */
void		 spares_start(struct monitor *);
/* One that fits, which is the caller's; NULL: a launch starts its own. */
struct pair	*spare_take(struct monitor *, bool network);
/* A session of this kind has started: what it took is made again, soon. */
void		 spares_refill(struct monitor *, bool network);
/* What they were made from has changed. */
void		 spares_discard(struct monitor *, const char *why);
/* No more of them. */
void		 spares_stop(struct monitor *);

/* What a pair without a session says. */
void		 spare_ready(struct pair *);
void		 spare_built(struct pair *);
void		 spare_failed(struct pair *, const char *step,
		    const char *text);
void		 spare_ended(struct pair *, const struct child *);

#endif
