/*
 * How far a daemon that starts is, shown on a terminal: it is told of a
 * socket of ours as systemd would tell it of its own.
 */
#ifndef COVEN_COVENCTL_PROGRESS_H
#define COVEN_COVENCTL_PROGRESS_H

#include <sys/types.h>

#include <stdbool.h>

struct progress {
	int	fd;		/* -1: nobody looks */
	char	name[64];	/* for NOTIFY_SOCKET */
	bool	shown;
};

/* Where standard error is a terminal; else, and on failure, fd is -1. */
void	progress_open(struct progress *);
/* Show what has come from this process, and from no other. */
void	progress_take(struct progress *, pid_t);
/* The line is cleared and the socket closed. */
void	progress_end(struct progress *);

#endif
