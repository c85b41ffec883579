/*
 * Named places where a test build can be made to die: after one line of log,
 * at once, without exit handlers.
 * Without --enable-failpoints they are nothing.  The names are listed in
 * common/failpoint.def; the monitor passes the armed one to a child as an
 * argument, so no environment variable is involved.
 *
 * "clock.back:N" is another kind: for every role the wall clock is an hour
 * back from second N of CLOCK_BOOTTIME on.
 */
#ifndef COVEN_COMMON_FAILPOINT_H
#define COVEN_COMMON_FAILPOINT_H

#include <stdio.h>

#ifdef COVEN_FAILPOINTS
void	failpoint_arm(const char *name);	/* "name" or "name:count" */
void	failpoint_hit(const char *name);
#define FAILPOINT(name)	failpoint_hit(name)
#else
#define FAILPOINT(name)	((void)0)
#endif

void	failpoint_list(FILE *);

#endif
