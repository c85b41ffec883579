/* What covenctl policy explain asks: may a session reach this? */
#ifndef COVEN_MONITOR_EXPLAIN_H
#define COVEN_MONITOR_EXPLAIN_H

#include "coven-monitor/monitor.h"

/*
 * Print the verdict as a line of JSON.  project is a session's root, or "".
 * An exit status.
 */
int	explain(struct monitor *, const char *url, const char *harness,
	    const char *project);

#endif
