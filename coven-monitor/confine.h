/* What the monitor gives up before it starts anyone. */
#ifndef COVEN_MONITOR_CONFINE_H
#define COVEN_MONITOR_CONFINE_H

#include <stdbool.h>

/*
 * Keep the capabilities of the table when root, none otherwise; no core, no
 * new privileges, not dumpable, the monitor's filter.  Fatal on failure.
 */
void	confine_self(bool root);

#endif
