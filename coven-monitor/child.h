/*
 * One child: a role's process, its control channel, its log, its end.
 */
#ifndef COVEN_MONITOR_CHILD_H
#define COVEN_MONITOR_CHILD_H

#include <sys/types.h>

#include "common/chan.h"
#include "common/spawn.h"
#include "coven-monitor/logpipe.h"

struct child;
struct monitor;
struct pair;

struct child_ops {
	chan_handler	*const *handlers;
	/* verified: send what this role starts with */
	void		(*on_ready)(struct child *);
	/* dead and reaped; the struct may be used again */
	void		(*on_exit)(struct child *);
};

struct child {
	struct chan		 control;	/* ctx is this child */
	struct monitor		*monitor;
	struct pair		*pair;		/* runner and init */
	const struct child_ops	*ops;
	enum role		 role;
	pid_t			 pid;
	struct source		 pidfd;		/* -1: not running */
	int			 proc;		/* its folder in /proc */
	struct logpipe		 log;
	unsigned		 cgroup;	/* an init's; 0: none */
	bool			 oom;		/* that ended it */
	bool			 ready;
	bool			 expected;	/* its end is our doing */
	int			 status;	/* si_status and si_code, */
	int			 code;		/* at its end */
	int64_t			 started_ns;
	struct timer		 linger;	/* hung up, not dead yet */
	bool			 ending;	/* dead; what it left is not */
	struct child		*next_known;	/* orphans.c */
};

struct child_start {
	const char	*arg[6];	/* after argv[0]; NULL ends */
	int		 extra;		/* becomes descriptor 4; -1: none */
	int		 extra2;	/* 5, where there is a 4; 0: none */
	uint64_t	 namespaces;
	uid_t		 uid;		/* SPAWN_KEEP_ID without root */
	gid_t		 gid;
};

/* Fills *c and starts role's program.  0 or -errno with nothing left open. */
int	child_spawn(struct child *c, struct monitor *, enum role,
	    const struct child_ops *, const struct child_start *);
bool	child_alive(const struct child *);
/* SIGKILL by pidfd; on_exit follows from the loop. */
void	child_kill(struct child *);
/* Say it on its control channel.  One that does not read is ended. */
void	child_tell(struct child *, enum msg_type, const void *msg);
/* The HELLO row of every handler table. */
chan_handler	child_on_hello;

#endif
