/* Reading configuration through coven-confread, one process a file. */
#ifndef COVEN_MONITOR_CONF_LOAD_H
#define COVEN_MONITOR_CONF_LOAD_H

#include "coven-monitor/monitor.h"

/*
 * /etc/coven/coven.toml, then COVEN_HOME/coven.toml, then the adapter
 * manifests that the environment names, then COVEN_HOME/privacy.toml.  0, or
 * EXIT_HOME or EXIT_LATE after every problem was logged with its file, line
 * and key.  Absent files are no problem.
 */
int	conf_load(struct monitor *);

#endif
