/*
 * Starting a program with exactly the descriptors, identity and namespaces
 * that are named, and nothing else: an empty environment, no signal mask, no
 * other descriptor.  Only the monitor starts processes.
 */
#ifndef COVEN_COMMON_SPAWN_H
#define COVEN_COMMON_SPAWN_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#define SPAWN_FDS	8
#define SPAWN_KEEP_ID	((uid_t)-1)

struct spawn {
	int		 program;	/* descriptor of the executable */
	const char	*const *argv;	/* NULL-terminated */
	int		 log;		/* becomes 2; -1: our own */
	int		 fds[SPAWN_FDS];	/* become 3, 4, ...; -1 ends */
	uint64_t	 namespaces;	/* CLONE_NEW* for clone3 */
	uid_t		 uid;		/* SPAWN_KEEP_ID, or ids to switch to */
	gid_t		 gid;
	/*
	 * A program of the owner's, which is none of ours: by its path, so
	 * that a script works, with this environment, its output (0: to
	 * /dev/null) and his groups.
	 */
	const char	*path;		/* NULL: program */
	const char	*const *env;	/* NULL: empty */
	int		 out;		/* becomes 1 */
	const gid_t	*groups;
	size_t		 ngroups;
	bool		 keep_admin;	/* keep CAP_SYS_ADMIN over the switch */
};

/*
 * 0 with the child's pid and a pidfd that the caller owns, or -errno.
 *
 * Without namespaces and with an uid, the child drops every supplementary
 * group and switches all three ids before it executes.  With CLONE_NEWUSER
 * the caller has switched its own real and effective ids beforehand (nothing
 * is mapped yet in the child); every capability of the new namespace is made
 * ambient, because an exec by an unmapped id would drop them.  keep_admin is
 * for a role that makes its other namespaces without a user namespace: it
 * drops what it kept before it says its first word.
 *
 * The caller ignores no signal but SIGPIPE; the child none.
 *
 * A child that cannot execute exits 127 after one line on its log.
 */
int	spawn(const struct spawn *, pid_t *pid, int *pidfd);

#endif
