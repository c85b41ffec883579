/*
 * Whose home this is, and acting as him.
 *
 * Without root the owner is whoever runs the monitor and nothing changes
 * hands.  With root every operation in the home, every client-named path,
 * bind and listen are done between owner_enter and owner_leave.
 */
#ifndef COVEN_MONITOR_OWNER_H
#define COVEN_MONITOR_OWNER_H

#include <sys/types.h>

#include <stdbool.h>

struct owner {
	uid_t	 uid;
	gid_t	 gid;
	gid_t	 groups[64];
	int	 ngroups;
	char	*name;
	char	*gecos;
	char	*dir;		/* home folder, by the password file */
	char	*home;		/* the one in use, canonical: see owner_init */
	bool	 root;		/* the monitor is root */
	bool	 self;		/* and the owner is who started it */
};

/*
 * Look uid up.  One without an account has itself as group, no home folder
 * and the name "coven".  An owner who starts the monitor himself names his
 * home in HOME, as everywhere; when root serves another, HOME is root's and
 * the password file decides.
 */
void	owner_init(struct owner *, uid_t);
/* Switch the effective ids and groups; fatal when the kernel refuses. */
void	owner_enter(const struct owner *);
void	owner_leave(const struct owner *);

/*
 * Act as another id: real and effective become uid, so that a child cloned
 * now owns its user namespace and keeps ambient capabilities over exec.
 * No-ops without root.
 */
void	owner_become(const struct owner *, uid_t, gid_t);
void	owner_restore(const struct owner *);

#endif
