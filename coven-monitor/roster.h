/*
 * familiars.toml: read at the start, and again whenever it has changed.
 */
#ifndef COVEN_MONITOR_ROSTER_H
#define COVEN_MONITOR_ROSTER_H

#include <sys/stat.h>

#include "coven-monitor/reader.h"

struct roster {
	struct reader	 reader;
	char		*path;		/* for messages */
	struct stat	 seen;		/* of the file that was read last */
	bool		 known;		/* seen is of a look */
	/* what apid is told */
	int		 rows;		/* a sealed memfd, or -1 */
	uint32_t	 n;
	char		 bad[1024];	/* why there is none */
};

/* Read it now and wait.  What is wrong with it stops no start. */
void	roster_load(struct monitor *);
/* Has it changed?  Then it is read again, and apid is told. */
void	roster_look(struct monitor *);
/* To an apid that is ready. */
void	roster_tell(struct monitor *, struct child *);
/* A row of the reader's: CONF_FAMILIAR. */
void	roster_add(struct reader *, const struct msg_familiar_row *);
/* 0, or EXIT_HOME when the file cannot be used; it has been said why. */
int	roster_status(const struct monitor *);

#endif
