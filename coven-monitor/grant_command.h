/*
 * A command of the owner's that prints a key: run as the owner, with what he
 * would have, for a bounded time and into a bounded file.
 */
#ifndef COVEN_MONITOR_GRANT_COMMAND_H
#define COVEN_MONITOR_GRANT_COMMAND_H

#include "coven-monitor/monitor.h"

struct command {
	pid_t		 pid;
	struct source	 pidfd;		/* fd -1 or 0: it does not run */
	struct timer	 deadline;
	struct monitor	*monitor;
	int		 output;
	bool		 late;
	/* output is the callee's; why: NULL, or it failed and output is -1 */
	void		(*on_end)(struct command *, int output,
			    const char *why);
	void		*ctx;
};

/* 0, and on_end follows from the loop, or -errno. */
int	command_start(struct command *, struct monitor *, const char *grant);
bool	command_runs(const struct command *);
void	command_kill(struct command *);

#endif
