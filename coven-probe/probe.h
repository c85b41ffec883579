/*
 * Doors out of a sandbox.  Each is a row of a table with the function that
 * tries it; none does harm where it stands open, so that the same can be
 * tried elsewhere to compare.
 */
#ifndef COVEN_PROBE_PROBE_H
#define COVEN_PROBE_PROBE_H

#include <sys/types.h>

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
	const char	*semaphore;	/* the key of one */
	const char	*mqueue;	/* a POSIX queue, with its slash */
	const char	*shmfile;	/* in /dev/shm */
	const char	*first;		/* outside: stands in for PID 1 */
	const char	*linger;	/* milliseconds, before the end */
	bool		 outside;	/* this is the control */
};

/*
 * Where the same attempt must succeed, or refusing it shows nothing: outside,
 * for the owner, or for root only, who does it in a mount namespace of its
 * own.  HOST: only where this host has the thing at all.  NEVER: outside it
 * would do harm, or there is nothing of the kind.
 */
enum control { OWNER, ROOT, HOST, NEVER };

struct door {
	const char	*name;
	const char	*what;
	int		(*try)(const struct targets *);
	enum control	 control;
};

struct family {
	const char		*name;
	const struct door	*doors;
	size_t			 n;
};

/* Several tables of one family are printed as one. */
extern const struct family files_family, names_family, setid_family,
	leaks_family, devices_family, processes_family, victim_family,
	privileges_family,
	network_family, netlink_family, namespaces_family, mounts_family,
	kernel_family, calls_family, terminals_family, inherited_family,
	resources_family, objects_family;

#define FILES		"files"
#define PROCESSES	"processes"
#define NETWORK		"network"
#define NAMESPACES	"namespaces and mounts"
#define KERNEL		"kernel interfaces"
#define TERMINALS	"terminals and descriptors"
#define RESOURCES	"resources"

/* errno where r says failure, else DOOR_OPEN. */
int	door(long r);
/* The same, but these errors come only behind the check of permission. */
int	door_behind(long r, int behind, int also);
/* Open a file as flags say, and close it. */
int	door_path(const char *path, int flags);
/* Whether one can be made there; made, it is removed again at once. */
int	door_create(const char *path);
/* The first process of the sandbox; outside, what stands in for it. */
pid_t	first_process(const struct targets *);
/* The owner's process by the host's number, here another's or nobody's; 0. */
pid_t	victim(const struct targets *);
/* Open a file of a process's folder in /proc. */
int	door_proc(pid_t pid, const char *name, int flags);
/* A new terminal, which controls this process; -1: none. */
int	own_terminal(void);
/* outside.c: makes the control's place like the sandbox's. */
void	outside_prepare(void);
/* A number of a target; false: there is none. */
bool	target_number(const char *text, long *out);

/* A door that opens a path. */
#define DOOR_PATH(name, path, flags)					\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return door_path(path, flags);				\
	}

#define nitems_of(a)	(sizeof(a) / sizeof((a)[0]))
#define FAMILY(var, name, table)					\
	const struct family var = { name, table, nitems_of(table) }

#endif
