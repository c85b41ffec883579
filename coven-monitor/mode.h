/* What a session's sandbox is made of here: namespaces, or Landlock alone. */
#ifndef COVEN_MONITOR_MODE_H
#define COVEN_MONITOR_MODE_H

#include "coven-monitor/monitor.h"

struct session;

/*
 * Once, with the configuration at hand: namespaces where there are any, and
 * where there are none what the configuration's floor lets do without.
 */
void	mode_choose(struct monitor *);

/* Without namespaces? */
bool	mode_alone(const struct monitor *);

/*
 * May this session run so?  RUN_OK, or a code with cause and repair in why.
 * Its network is known.
 */
enum run_code	mode_judge(struct session *, char *why, size_t len);

#endif
