/*
 * Space set aside in the store's folder, so that a full disk still records
 * how a session ended.
 */
#ifndef COVEN_STORED_RESERVE_H
#define COVEN_STORED_RESERVE_H

#include <stdbool.h>

#define RESERVE_FILE	"reserve"

struct reserve {
	int	fd;		/* -1: not opened yet */
	bool	held;
};

/* Take the space, in the working directory.  0 or -errno (-ENOSPC). */
int	reserve_take(struct reserve *);
/* Give it back to the file system for what must be written now. */
void	reserve_release(struct reserve *);
void	reserve_close(struct reserve *);	/* the space stays taken */

#endif
