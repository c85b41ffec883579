/*
 * Profiles: how each role of ours is confined, as data, and the named steps
 * that enter one.  The payload's profile is the init's plan of mounts
 * (coven-runner) with FILTER_PAYLOAD.
 */
#ifndef COVEN_SANDBOX_PROFILE_H
#define COVEN_SANDBOX_PROFILE_H

#include <sys/resource.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/msg.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"

enum profile_root {
	ROOT_EMPTY,		/* a read-only root without a name in it */
	ROOT_FOLDER,		/* the same, and ROLE_FD_FOLDER at /store */
	ROOT_FOLDERS,		/* the same, and ROLE_FD_FOLDER2 at /beside */
	ROOT_FILES,		/* ROOT_EMPTY, and some of the host's /etc */
};

#define PROFILE_FOLDER	"/store"
#define PROFILE_FOLDER2	"/beside"

struct profile_limit {
	int	resource;
	rlim_t	value;		/* or the hard limit, where that is less */
};

/* A line of /proc/PID/status that must read so once the role says HELLO. */
struct profile_check {
	const char	*key;
	const char	*value;
};

#define PROFILE_LIMITS	4
#define PROFILE_RULES	5

enum profile_net {
	NET_NONE,		/* of its own, with nothing in it */
	NET_HOST,		/* the host's */
	NET_DNS,		/* the same, where Landlock can: TCP to 53 */
};

struct profile {
	int			 namespaces;	/* CLONE_NEW*, with NEWUSER */
	enum profile_root	 root;
	enum profile_net	 net;
	int			 last_fd;	/* inherits 0 to this one */
	/*
	 * Its clients' uids mean something to it: the owner must not be
	 * mapped to the overflow uid, as which every stranger reads.
	 */
	bool			 sees_clients;
	struct profile_limit	 limits[PROFILE_LIMITS];
	size_t			 nlimits;
	struct landlock_rule	 rules[PROFILE_RULES];
	size_t			 nrules;
	enum filter_id		 filter;
	const struct profile_check *checks;
	size_t			 nchecks;
};

/* The profile of a role, or NULL: monitor and init confine themselves. */
const struct profile	*profile_of(enum role);

/*
 * Enter it for good.  userns false: do not make a user namespace (the
 * others only with CAP_SYS_ADMIN).  0, or -errno with the name of the step
 * that failed; the process is then half confined and must end.
 */
int	profile_enter(enum role, bool userns, const char **step);

/* Named outcome of profile_verify. */
enum { PROFILE_UNLIKE = 1 };

/*
 * Does this text of /proc/PID/status read as the role's profile says?  0, or
 * PROFILE_UNLIKE with the line and what it should be in why.  A role without
 * a profile has no rows: the monitor looks at an init's user namespace.
 */
int	profile_verify(enum role, const char *status_text, char *why,
	    size_t whylen);

/*
 * The same of an init that has no namespaces: it holds nothing from its start,
 * and is whom the monitor started it as.
 */
int	profile_verify_alone(const char *status_text, char *why,
	    size_t whylen);

/*
 * The number under which apid sees its owner where it maps him: his own, but
 * for the overflow uid, which strangers have.
 */
#define PROFILE_OVERFLOW_UID	65534
unsigned profile_owner_inside(unsigned owner);

/*
 * Can this process's user make user namespaces and use them?  Tries it in a
 * child: some hosts let the namespace be made and then refuse everything in
 * it.  0 or -errno.  Where not, roles are started with --no-userns.
 */
int	profile_probe_userns(void);
/*
 * Can this process's user make all that a session's init makes: every
 * namespace, and a fresh /proc?  Tries it in children.  0 or -errno.
 */
int	profile_probe_session(void);

#endif
