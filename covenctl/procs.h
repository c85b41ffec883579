/*
 * The suite's processes, as /proc tells everyone: who they are and how they
 * are confined.
 */
#ifndef COVEN_COVENCTL_PROCS_H
#define COVEN_COVENCTL_PROCS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

struct proc {
	pid_t		pid, parent;
	uid_t		uid;		/* the real one, on the host */
	char		name[32];
	bool		first;		/* PID 1 of a namespace below ours */
	bool		zombie;
	bool		no_new_privs;
	unsigned	seccomp;	/* 2: a filter */
	uint64_t	permitted, effective, ambient;
};

/* False when it is not there (any more). */
bool	proc_read(pid_t, struct proc *);

/* Calls take for every child of parent. */
void	proc_children(pid_t parent, void (*take)(void *, const struct proc *),
	    void *to);

/* Is it in a user namespace that is not the whole host's? */
bool	proc_own_userns(pid_t);

/*
 * Of a monitor's child: a sandbox's init, with a session, or prepared and
 * waiting for one?
 */
bool	proc_is_init(const struct proc *);
bool	proc_has_session(const struct proc *);

/* Does some process's command line hold it?  Its pid, or 0. */
pid_t	proc_with_mark(const char *mark);

#endif
