/*
 * A role that a test starts as the monitor would: forked, with exactly the
 * descriptors of its row, confined, and asked what it can reach then.
 */
#ifndef COVEN_TESTS_ROLE_CHILD_H
#define COVEN_TESTS_ROLE_CHILD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "common/chan.h"

/* What the role does when it is verified; its answer is the exit status. */
typedef int	 probe_fn(struct chan *control);

struct start {
	enum role	 role;
	uid_t		 uid;
	bool		 no_userns;
	probe_fn	*probe;
	int		 fd4;		/* instead of the row's; 0: the row's */
};

struct child {
	pid_t	pid;
	int	control, log, proc;
	char	lines[8192];
	int	status;
};


extern char	 child_folder[];	/* a template; what stored is given */

/* The two ends of a control channel and of a log. */
void	child_ends(int sock[2], int log[2]);
void	child_become(uid_t);
_Noreturn void	child_run(const struct start *, int control, int log,
	    int dir);
void	child_start(struct child *, const struct start *);
/* Up to HELLO; then the test says VERIFIED, or not. */
void	child_await_hello(struct child *);
void	child_say_verified(struct child *);
/* /proc/PID/status */
void	child_read_status(struct child *, char *text, size_t size);
/* Through HELLO, what the kernel says, and VERIFIED. */
void	child_greet(struct child *, enum role);
void	child_start_verified(struct child *, const struct start *);
/* The end of it, and everything it logged. */
void	child_finish(struct child *);
/* The same; fails unless it ends by sig, or with code where sig is 0. */
void	child_expect(struct child *, const char *what, int sig, int code);

#endif
