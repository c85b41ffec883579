/*
 * coven.sock and daemon.json: made once, watched, removed at the end.
 *
 * The monitor binds and listens, so that it is the pid clients read in
 * SO_PEERCRED; it never accepts.
 */
#ifndef COVEN_MONITOR_SOCK_H
#define COVEN_MONITOR_SOCK_H

#include <stdbool.h>

#include "common/clock.h"
#include "coven-monitor/home.h"

struct sock {
	int	 fd;			/* the listener */
	dev_t	 dev;			/* of the path, by fstatat */
	ino_t	 ino;
	int	 spare;			/* folder that keeps a hard link */
	char	*path;			/* canonical home/coven.sock */
	char	 started_at[RFC3339_LEN];
};

/* What lies at the name now. */
enum sock_state { SOCK_OURS, SOCK_ABSENT, SOCK_REPLACED };

/*
 * Look at what lies at the name: a link, something that is no socket or not
 * the owner's is refused (EXIT_HOME); one that answers is an incumbent
 * (EXIT_INCUMBENT); a dead one may be replaced (0).  Runs as the owner.
 */
int	sock_check(const struct home *);
/* Bind, set the mode, rename into place, listen.  0 or an exit status. */
int	sock_open(struct sock *, const struct home *);
/* Write daemon.json: temporary file, fsync, rename.  0 or -errno. */
int	sock_announce(const struct sock *, const struct home *);
enum sock_state	sock_look(const struct sock *, const struct home *);
/* Put the same inode back under its name.  0 or -errno. */
int	sock_restore(const struct sock *, const struct home *);
/* Connect as a client would, without waiting.  A descriptor or -errno. */
int	sock_connect(const struct home *);
/* Forget a listener that died, leaving its names. */
void	sock_close(struct sock *);
/* Remove both, if they are still ours. */
void	sock_remove(struct sock *, const struct home *);

#endif
