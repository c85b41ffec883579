/*
 * The watchdog: the socket stays under its name, somebody answers on it, and
 * a listener that died is made anew.
 */
#ifndef COVEN_MONITOR_WATCH_H
#define COVEN_MONITOR_WATCH_H

#include "coven-monitor/monitor.h"

void	watch_start(struct monitor *);
void	watch_stop(struct monitor *);

#endif
