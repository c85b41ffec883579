/*
 * The steps of entering a profile.  Each is 0 or -errno; sandbox/profile.c
 * says in which order they run, and why.
 */
#ifndef COVEN_SANDBOX_STEPS_H
#define COVEN_SANDBOX_STEPS_H

#include <limits.h>
#include <stdbool.h>

#include "sandbox/profile.h"

/* One entering process; static data of profile_enter. */
struct entry {
	const struct profile	*profile;
	enum role		 role;
	bool			 userns;	/* wanted, then: entered */
	bool			 mounts;	/* its own mount namespace */
	unsigned		 uid, gid;	/* as outside */
	char			 beside[PATH_MAX]; /* of ROLE_FD_FOLDER2 */
	bool			 placed;	/* that is in the new root */
};

/* sandbox/namespaces.c */
int	step_descriptors(struct entry *);
int	step_namespaces(struct entry *);
int	step_maps(struct entry *);
int	step_root(struct entry *);
int	step_folder(struct entry *);

/* sandbox/privileges.c */
int	step_death_signal(struct entry *);
int	step_limits(struct entry *);
int	step_securebits(struct entry *);
int	step_bounding(struct entry *);
int	step_capabilities(struct entry *);
int	step_no_new_privs(struct entry *);
int	step_no_exec_gain(struct entry *);
int	step_landlock(struct entry *);
int	step_trap(struct entry *);
int	step_filter(struct entry *);

#endif
