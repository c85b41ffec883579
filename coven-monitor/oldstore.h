/*
 * The database that an earlier daemon of this home kept: copied into stored's
 * folder, for stored to read.  It is opened for reading only, following no
 * link, and never written.
 */
#ifndef COVEN_MONITOR_OLDSTORE_H
#define COVEN_MONITOR_OLDSTORE_H

#include <sys/stat.h>

#include "common/loop.h"

struct monitor;

#define OLDSTORE_FILES	3	/* the database, its two logs */

struct oldstore {
	bool		 copying;
	int		 folder;	/* stored's, as the owner sees it */
	int		 from[OLDSTORE_FILES], to[OLDSTORE_FILES];
	struct stat	 st[OLDSTORE_FILES];	/* as they were then */
	unsigned	 file;		/* which is being copied */
	unsigned	 tries;
	struct timer	 timer;
};

/*
 * Is there one?  Then copy it and tell stored: at once what is small, the
 * rest from the loop.  Problems are logged by name and stop nothing.
 */
void	oldstore_begin(struct monitor *);
void	oldstore_stop(struct monitor *);

#endif
