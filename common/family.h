/*
 * Processes by who started whom, where no pid namespace tells whose they are:
 * proc_tid_children(5).  A process that is a subreaper (prctl(2)) gets every
 * descendant whose own parent has ended, so that none is out of its sight.
 */
#ifndef COVEN_COMMON_FAMILY_H
#define COVEN_COMMON_FAMILY_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* Adopt orphans from now on; 0 or -errno, also where nobody could list them. */
int	family_adopt(void);

/*
 * End the children of this process but those that keep says yes to, and what
 * comes to it as they end, and reap them.  0 when none is left; 1 when some
 * are, after a few milliseconds: call again.  -errno: they cannot be listed.
 */
int	family_end(bool (*keep)(void *, pid_t), void *ctx);

/* Descendants of pid, at most max of them, parents first: how many. */
size_t	family_list(pid_t pid, pid_t *out, size_t max);

#endif
