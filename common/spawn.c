#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/spawn.h"

#define FIRST_FD	3
#define HIGH_FD		64	/* above every number a child is given */

static void __attribute__((noreturn))
child_fail(const char *what)
{
	log_error("spawn: %s: %s", what, strerror(errno));
	_exit(127);
}

/*
 * Two passes, because a source may sit on a number that another target
 * needs: everything goes up first, then down to its place without
 * close-on-exec, then the rest is closed.
 */
/* Returns the first number that is not the child's. */
static unsigned
child_descriptors(const struct spawn *s)
{
	int high[SPAWN_FDS], log = -1, out = -1, null, i, n;

	for (n = 0; n < SPAWN_FDS && s->fds[n] >= 0; n++) {
		high[n] = fcntl(s->fds[n], F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[n] == -1)
			child_fail("descriptors");
	}
	if (s->log >= 0 &&
	    (log = fcntl(s->log, F_DUPFD_CLOEXEC, HIGH_FD)) == -1)
		child_fail("descriptors");
	if (s->out > 0 &&
	    (out = fcntl(s->out, F_DUPFD_CLOEXEC, HIGH_FD)) == -1)
		child_fail("descriptors");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1 || dup2(null, STDIN_FILENO) == -1 ||
	    dup2(out >= 0 ? out : null, STDOUT_FILENO) == -1)
		child_fail("/dev/null");
	if (log >= 0 && dup2(log, STDERR_FILENO) == -1)
		child_fail("descriptors");
	for (i = 0; i < n; i++)
		if (dup2(high[i], FIRST_FD + i) == -1)
			child_fail("descriptors");
	return (unsigned)(FIRST_FD + n);
}

static void
caps_get(struct __user_cap_data_struct d[2])
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3 };

	if (syscall(SYS_capget, &h, d) == -1)
		child_fail("capget");
}

/* Exactly what d permits, also after the exec. */
static void
caps_ambient(struct __user_cap_data_struct d[2])
{
	struct __user_cap_header_struct h = {
		.version = _LINUX_CAPABILITY_VERSION_3 };
	int cap, half;

	for (half = 0; half < 2; half++)
		d[half].effective = d[half].inheritable = d[half].permitted;
	if (syscall(SYS_capset, &h, d) == -1)
		child_fail("capset");
	for (cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if ((d[cap / 32].permitted & (1u << (cap % 32))) &&
		    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0))
			child_fail("ambient capabilities");
}

/* An exec resets what is handled, not what is ignored or blocked. */
static void
child_identity(const struct spawn *s)
{
	struct __user_cap_data_struct d[2];

	if (s->namespaces & CLONE_NEWUSER) {
		caps_get(d);
		caps_ambient(d);
		return;
	}
	if (s->uid == SPAWN_KEEP_ID)
		return;
	if (s->keep_admin && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1)
		child_fail("keep capabilities");
	if (setgroups(s->ngroups, s->groups) == -1 ||
	    setresgid(s->gid, s->gid, s->gid) ||
	    setresuid(s->uid, s->uid, s->uid))
		child_fail("identity");
	if (!s->keep_admin)
		return;
	caps_get(d);
	d[0].permitted &= 1u << CAP_SYS_ADMIN;
	d[1].permitted = 0;
	caps_ambient(d);
}

static void
child_signals(void)
{
	sigset_t none;

	(void)signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn))
child(const struct spawn *s)
{
	static char *const no_env[] = { NULL };
	/* First: it may sit on a number that the child is given. */
	int program = s->path != NULL ? -1 :
	    fcntl(s->program, F_DUPFD_CLOEXEC, HIGH_FD);
	unsigned end = child_descriptors(s);

	if (program == -1 && s->path == NULL)
		child_fail("program");
	child_identity(s);
	child_signals();
	/* A terminal's ^C is the monitor's to act on, in its order. */
	(void)setsid();
	if (close_range(end, ~0u, CLOSE_RANGE_CLOEXEC) == -1)
		child_fail("descriptors");
	if (s->path != NULL)
		(void)execve(s->path, (char *const *)s->argv,
		    s->env != NULL ? (char *const *)s->env : no_env);
	else
		(void)syscall(SYS_execveat, program, "", s->argv, no_env,
		    AT_EMPTY_PATH);
	child_fail(s->argv[0]);
}

int
spawn(const struct spawn *s, pid_t *pid, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | s->namespaces,
		.exit_signal = SIGCHLD,
	};
	int fd = -1;
	long r;

	args.pidfd = (uint64_t)(uintptr_t)&fd;
	r = syscall(SYS_clone3, &args, sizeof(args));
	if (r == -1)
		return -errno;
	if (r == 0)
		child(s);
	*pid = (pid_t)r;
	*pidfd = fd;
	return 0;
}
