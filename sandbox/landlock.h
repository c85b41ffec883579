/*
 * Landlock: deny everything but the rows.  Constants come from the kernel's
 * include/uapi/linux/landlock.h up to ABI 7; Debian 12's header stops at 2.
 */
#ifndef COVEN_SANDBOX_LANDLOCK_H
#define COVEN_SANDBOX_LANDLOCK_H

#include <stddef.h>
#include <stdint.h>

enum landlock_access {
	LANDLOCK_READ,		/* read and list */
	LANDLOCK_READ_EXEC,	/* and execute */
	LANDLOCK_REMOVE,	/* list, remove, rename */
	LANDLOCK_FILL,		/* list, make, write: files, folders, links */
	LANDLOCK_WRITE,		/* everything but execute and device nodes */
	LANDLOCK_FULL,		/* everything but device nodes */
};

/* What TCP may do (ABI 4). */
enum landlock_net {
	LANDLOCK_NET_ANY,
	LANDLOCK_NET_NONE,
	LANDLOCK_NET_DNS,	/* connect to port 53 */
};

struct landlock_rule {
	int			 fd;	/* folder or file; -1: use path */
	const char		*path;
	enum landlock_access	 access;
};

/* Signals to processes outside are refused from this ABI on. */
#define LANDLOCK_ABI_SCOPES	6

/* The kernel's ABI version, or 0 where there is no Landlock. */
int	landlock_abi(void);

/*
 * Restrict this process and its descendants to the rules.  Needs
 * no_new_privs.  Scopes (abstract sockets, signals; ABI 6) are always set
 * where supported.  A path that leads nowhere allows nothing.
 * 0, or -errno (-ENOSYS without Landlock).
 */
int	landlock_restrict(const struct landlock_rule *, size_t n,
	    enum landlock_net);

/*
 * The scopes alone, and no word on files.  0, also where there are none; or
 * -errno.
 */
int	landlock_scope(void);

#endif
