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
#include "covenctl/jsonr.h"
#include "covenctl/screen.h"
#include "covenctl/text.h"

#define WATCH_ID_MAX	256

struct watch {
	struct ctl	*ctl;
	char		 id[WATCH_ID_MAX + 1];	/* "" until it is launched */
	bool		 own;	/* signals are passed on, not our end */
	bool		 tty;	/* the session drives this terminal */
	bool		 lines;	/* events as text lines, not output */
	bool		 once;	/* stop when there is no more for now */
	bool		 stream;	/* the daemon can be listened to */
	bool		 resize;	/* it is told this terminal's size */
	int64_t		 after;
	int64_t		 limit;	/* events still wanted; 0: all */
	pid_t		 feeder;	/* 0: none */

	/* its own */
	int		 sigfd;
	unsigned	 signals;	/* that asked for an end */
	int		 first;		/* the first of them */
	bool		 ended, killed, fed_badly;
	bool		 left;	/* by the keys for it */
	struct screen	 screen;	/* of tty: what passes to it */
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
/* The id of the first argument and --after; 0, or an exit status. */
int	watch_id(struct watch *, struct ctl *);

/* Has this daemon the capability?  0 or an exit status. */
int	watch_able(struct ctl *, const char *capability, bool *);
int	watch_abilities(struct ctl *, bool *stream, bool *resize);

/* One event of a page or a stream. */
void	watch_event(struct watch *, const struct jr *);
/* It has ended with this status and, unless code is -1, exit code. */
void	watch_ended(struct watch *, const char *status, int64_t code);
/* A POST about the session on a connection of its own; 0 or what failed. */
int	watch_post(struct watch *, const char *tail, const char *text,
	    int timeout_ms);
/*
 * Tell the session this terminal's size.  0, an HTTP status that refuses it,
 * or an exit status.
 */
int	watch_resize(struct watch *);

/* follow.c: as a stream, from w->after on; 0 or an exit status. */
int	follow(struct watch *);

#endif
