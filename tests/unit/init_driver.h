/*
 * Plays the monitor and the runner for coven-init: starts it as the monitor
 * does, sends a plan, gathers what comes back.
 */
#ifndef COVEN_TESTS_INIT_DRIVER_H
#define COVEN_TESTS_INIT_DRIVER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/msg.h"

#define PAYLOAD_OUT	65534		/* on the host */
#define PAYLOAD_IN	1000		/* as the payload sees itself */

/* Who the monitor is when it clones. */
enum who {
	WHO_ROOT,	/* root; a process between becomes the owner */
	WHO_SETEUID,	/* root with the owner's effective ids alone */
	WHO_NOBODY,	/* the owner: every id, no capability */
	WHO__COUNT
};

enum act {		/* once the payload runs */
	ACT_NONE,
	ACT_TERM,	/* INIT_SIGNAL to the group */
	ACT_TERM_ALL,	/* INIT_SIGNAL to everyone */
	ACT_SHUTDOWN,
	ACT_EOF,	/* the control channel closes */
	ACT_RUNNER_EOF,
};

struct drive {
	enum who	 who;
	uint32_t	 transport, network;
	const char	*program;	/* NULL: /bin/sh -c script */
	const char	*script;
	const char	*project;
	const char	*cwd;		/* relative; NULL: the project */
	bool		 ahead;		/* the common rows are built before */
	bool		 idmap;
	bool		 uid_0;		/* what the payload sees as its uid */
	enum act	 act;
	/* runs when the monitor has looked at cwd and before INIT_GO */
	void		(*meanwhile)(const struct drive *);
	const struct msg_init_mount *rows;
	size_t		 nrows;
};

struct result {
	bool		 listener;	/* it made one; held here */
	bool		 prepared, started, failed, exited;
	char		 step[64], text[512];
	uint32_t	 error;
	int32_t		 exit_code;
	uint32_t	 signo;
	int		 init_status;	/* wait status */
	int64_t		 started_us, ended_us;
	bool		 late;		/* the driver lost its patience */
	char		 out[65536];
	size_t		 outlen;
	char		 log[4096];
	size_t		 loglen;
};

/* Open what must be open before identities change.  0 or -errno. */
int	drive_open(const char *coven_init);
/* Run one session; out is written by another process. */
void	drive_run(const struct drive *, struct result *out);

#endif
