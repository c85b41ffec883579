/*
 * COVEN_HOME: found, checked rule by rule, opened once.  Everything after is
 * relative to the descriptor.
 */
#ifndef COVEN_MONITOR_HOME_H
#define COVEN_MONITOR_HOME_H

#include <sys/stat.h>

#include "common/conf.h"
#include "coven-monitor/owner.h"

struct home {
	char		*path;		/* canonical */
	int		 fd;
	struct stat	 st;
	int		 lock_serve, lock_state;
};

/* Exit statuses, from sysexits(3). */
#define EXIT_LATE	69		/* not in time: EX_UNAVAILABLE */
#define EXIT_HOME	78		/* refused: EX_CONFIG */
#define EXIT_INCUMBENT	75		/* somebody serves it: EX_TEMPFAIL */

/*
 * Which path: the option, else COVEN_HOME, else HOME/.coven, else the
 * password file's folder/.coven.  The caller frees.
 */
char	*home_choose(const char *option, const struct owner *);

/*
 * Open it, creating an absent one 0700.  0, or the exit status after one
 * logged line that names the rule and the repair.  Runs as the owner.
 */
int	 home_open(struct home *, const char *path, const struct owner *);
/* The rule that needs configuration: the file system's type. */
int	 home_check_fs(const struct home *, const struct conf *);
/* Where its path leads now: everything here is relative to what was opened. */
enum home_path {
	HOME_HERE,
	HOME_ELSEWHERE,
	HOME_NOWHERE,
};
enum home_path	 home_look(const struct home *);
/* Take the locks that the contract names.  0, or an exit status as above. */
int	 home_lock(struct home *);

#endif
