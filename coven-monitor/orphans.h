/*
 * What outlives an init without a pid namespace: its death ends nothing but
 * itself.  The monitor adopts what is left, and ends it.
 */
#ifndef COVEN_MONITOR_ORPHANS_H
#define COVEN_MONITOR_ORPHANS_H

#include "coven-monitor/child.h"

/* Every child of ours is known from its start to its end. */
void	orphans_know(struct child *);
void	orphans_forget(struct child *);

/*
 * This init has been reaped: end what was its own, then call its on_exit;
 * now, or when nothing is left.
 */
void	orphans_follow(struct child *);

#endif
