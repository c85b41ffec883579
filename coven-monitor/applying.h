/*
 * Requests about what an isolated session left: stored asks, coven-applier
 * answers, the monitor hands over two folders and passes the answer on.
 */
#ifndef COVEN_MONITOR_APPLYING_H
#define COVEN_MONITOR_APPLYING_H

#include "coven-monitor/monitor.h"

/*
 * Start on a WORK_DO of stored's; *spec is taken over.  WORK_DONE follows in
 * every case, as long as this stored lives.
 */
void	applying_start(struct monitor *, const struct msg_work_do *, int *spec);
/* There is nothing: WORK_DONE says so. */
void	applying_none(struct monitor *, const struct msg_work_do *);
/* Is one under way about that id?  Which verb. */
bool	applying_has(const struct monitor *, const char *id, enum work_verb *);
/* Their stored or the suite ends: what is under way is ended as well. */
void	applying_stop(struct monitor *);

#endif
