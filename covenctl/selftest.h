/*
 * selftest: the doors that coven-probe tries, in a session on this host, and
 * how the suite's own roles are confined.
 */
#ifndef COVEN_COVENCTL_SELFTEST_H
#define COVEN_COVENCTL_SELFTEST_H

#include "common/jsonw.h"
#include "covenctl/ctl.h"

#define DOORS_MAX	512
#define ROLES_MAX	64

enum door_result { RESULT_NONE, RESULT_BLOCKED, RESULT_OPEN, RESULT_UNTRIED };

struct door_row {
	char			family[32], name[32], what[96];
	char			how[24];	/* EPERM and the like */
	enum door_result	inside;
	enum door_result	outside;	/* where it may be tried */
	enum door_result	compared;	/* under bwrap */
};

struct role_row {
	char	name[48];
	pid_t	pid;
	char	how[96];		/* what is so */
	char	wrong[96];		/* "": confined */
};

struct selftest {
	struct ctl	*ctl;
	char		 self[PATH_MAX];	/* this program */
	struct door_row	 doors[DOORS_MAX];
	size_t		 ndoors;
	struct role_row	 roles[ROLES_MAX];
	size_t		 nroles;
	char		 mode[16];	/* of sessions; "": unknown */
	bool		 complete;	/* every door was tried */
	bool		 compared;
};

/* selftest_world.c: what is there to be reached. */
struct world {
	char	base[64], project[80];
	char	probe[96];		/* a copy, in the project */
	char	mark[2][32];
	char	word[32];
	char	targets[24][PATH_MAX + 32];	/* NAME=VALUE */
	size_t	ntargets;
	pid_t	victim;
	int	fds[8];			/* listeners */
	size_t	nfds;
	int	shm, queue, semaphore;	/* -1: none */
	char	mqueue[40], shmfile[64];
};

struct args {
	const char	*v[64];
	size_t		 n;
};

/* 0, or an exit status, explained; world_end in any case. */
int	world_begin(struct selftest *, struct world *, const char *probe);
void	world_end(struct world *);

/* The row of a door, made when it is new; NULL when there are too many. */
struct door_row	*selftest_door(struct selftest *, const char *family,
		    const char *name);
void	selftest_arg(struct args *, const char *);
/* "covenctl ... exec ... --": what follows runs in a session. */
void	selftest_session(struct selftest *, struct world *, struct args *);
/*
 * Run it in the project and keep what it says.  Its wait status, or -errno;
 * first is called when something has come.
 */
int	selftest_run(const struct args *, const struct world *, struct buf *,
	    void (*first)(struct selftest *), struct selftest *);
/* selftest_left.c: what a session leaves. */
void	selftest_leftovers(struct selftest *, struct world *);
/* selftest_roles.c: look at the monitor's children now. */
void	selftest_roles(struct selftest *);
/* selftest_print.c */
int	selftest_print(struct selftest *);

#endif
