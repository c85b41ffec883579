/*
 * Doors out of a sandbox.  Each is a row of a table with the function that
 * tries it; none does harm where it stands open, so that the same can be
 * tried elsewhere to compare.
 */
#ifndef COVEN_PROBE_PROBE_H
#define COVEN_PROBE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a door's function returns: how it was refused, as an errno, or one of
 * these.
 */
#define DOOR_OPEN	0
#define DOOR_UNTRIED	(-1)	/* it could not be tried */

/* What was set up outside for the attempts to reach; NULL: was not. */
struct targets {
	const char	*secret;	/* a file beside the project */
	const char	*home;		/* the owner's */
	const char	*home_is;	/* its device and inode */
	const char	*coven_home;
	const char	*socket;	/* the daemon's */
	const char	*beside;	/* a socket beside the project */
	const char	*inside;	/* one in it, older than the session */
	const char	*fifo;		/* likewise */
	const char	*link;		/* in it, to the secret */
	const char	*abstract;	/* without its @ */
	const char	*port;		/* of the host, on 127.0.0.1 */
	const char	*victim;	/* a process, by the host's number */
	const char	*mark[2];	/* of its command line, in two parts */
	const char	*shm;		/* the key of a segment */
	const char	*queue;		/* the key of a message queue */
	const char	*word;		/* in a variable outside */
};

struct door {
	const char	*name;
	const char	*what;
	int		(*try)(const struct targets *);
	bool		 control;	/* tried outside, where it is open */
};

struct family {
	const char		*name;
	const struct door	*doors;
	size_t			 n;
};

extern const struct family files_family, processes_family, network_family,
	namespaces_family, kernel_family, terminals_family, resources_family,
	inherited_family;

/* errno where r says failure, else DOOR_OPEN. */
int	door(long r);
/* The same, but these errors come only behind the check of permission. */
int	door_behind(long r, int behind, int also);
/* Open a file as flags say, and close it. */
int	door_path(const char *path, int flags);
/* A number of a target; false: there is none. */
bool	target_number(const char *text, long *out);

#define nitems_of(a)	(sizeof(a) / sizeof((a)[0]))
#define FAMILY(var, name, table)					\
	const struct family var = { name, table, nitems_of(table) }

#endif
