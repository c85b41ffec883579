/*
 * Is a daemon there, which one, and making it stop: start.c and doctor ask.
 */
#ifndef COVEN_COVENCTL_LIFECYCLE_H
#define COVEN_COVENCTL_LIFECYCLE_H

#include "covenctl/ctl.h"

enum daemon_state { DAEMON_STOPPED, DAEMON_RUNNING, DAEMON_STALE };

struct daemon {
	enum daemon_state	 state;
	int64_t			 pid;		/* 0: unknown */
	char			 started_at[64];	/* "": unknown */
	char			 socket[PATH_MAX];
	char			 version[64];
	char			 sandbox[16];	/* of sessions; "": unknown */
	bool			 token_mode;	/* each request needs a token */
	bool			 refused;	/* running, ours is not good */
	/* what ended sessions left; -1: it does not say */
	int64_t			 archives, archive_bytes, workspaces;
	int64_t			 failing, failure_age_s;
};

#define PROBE_MS	2000

/* ../sbin/coven-monitor beside our own program; 0 or an exit status. */
int	daemon_program(char out[PATH_MAX]);

/*
 * GET /health within PROBE_MS, and daemon.json where that fails.  0, or the
 * client's code for a socket that is not to be trusted (why is set).
 */
int	daemon_probe(struct ctl *, struct daemon *);

/* "running (pid N, socket P)" and so on, or the --json form. */
int	daemon_print(struct ctl *, const struct daemon *, const char *word);

/*
 * Asks the daemon of *d to stop and waits for its end.  0, or an exit status
 * with the reason on standard error.
 */
int	daemon_stop(struct ctl *, const struct daemon *);

#endif
