/*
 * Following a session until it ends: its output as it comes, signals on
 * their way to it, and its exit status as this process's own.
 */
#ifndef COVEN_COVENCTL_WATCH_H
#define COVEN_COVENCTL_WATCH_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "covenctl/ctl.h"
#include "covenctl/text.h"

#define WATCH_ID_MAX	256

struct watch {
	struct ctl	*ctl;
	char		 id[WATCH_ID_MAX + 1];	/* "" until it is launched */
	bool		 own;	/* signals are passed on, not our end */
	bool		 tty;	/* the session drives this terminal */
	bool		 lines;	/* events as text lines, not output */
	bool		 once;	/* stop when there is no more for now */
	int64_t		 after;
	int64_t		 limit;	/* events still wanted; 0: all */
	pid_t		 feeder;	/* 0: none */

	/* its own */
	int		 sigfd;
	unsigned	 signals;	/* that asked for an end */
	int		 first;		/* the first of them */
	bool		 ended, killed, fed_badly;
	int		 broken;	/* errno of standard output */
	int		 status;
	struct text_filter filter[2];
};

void	watch_init(struct watch *, struct ctl *, bool own);
/* Block the signals and take them through the client's wake. */
void	watch_signals(struct watch *);
/* The exit status.  Stops the feeder and restores the terminal. */
int	watch_run(struct watch *);
void	watch_fini(struct watch *);

#endif
