/* Namespaces: new ones, and those of others. */
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "coven-probe/probe.h"

#define NEWTIME	0x00000080

/* This is a process of its own already: success changes nobody else. */
#define UNSHARE(name, flag)						\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return door(unshare(flag));				\
	}

UNSHARE(unshare_user, CLONE_NEWUSER)
UNSHARE(unshare_mount, CLONE_NEWNS)
UNSHARE(unshare_pid, CLONE_NEWPID)
UNSHARE(unshare_net, CLONE_NEWNET)
UNSHARE(unshare_ipc, CLONE_NEWIPC)
UNSHARE(unshare_uts, CLONE_NEWUTS)
UNSHARE(unshare_cgroup, CLONE_NEWCGROUP)
UNSHARE(unshare_time, NEWTIME)

static int
clone_user(const struct targets *t)
{
	long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);

	(void)t;
	if (pid == 0)
		_exit(0);
	return door(pid);
}

static int
clone3_user(const struct targets *t)
{
	uint64_t args[8] = { CLONE_NEWUSER, 0, 0, 0, SIGCHLD };
	long pid = syscall(SYS_clone3, args, sizeof(args));

	(void)t;
	if (pid == 0)
		_exit(0);
	return door(pid);
}

#define CLONE(name, flag)						\
	static int							\
	name(const struct targets *t)					\
	{								\
		long pid = syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0,	\
		    0);							\
									\
		(void)t;						\
		if (pid == 0)						\
			_exit(0);					\
		return door(pid);					\
	}

CLONE(clone_mount, CLONE_NEWNS)
CLONE(clone_net, CLONE_NEWNET)
CLONE(clone_pid, CLONE_NEWPID)

/* The kernel looks at 32 bits only. */
static int
unshare_high(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_unshare, CLONE_NEWUSER | CLONE_FILES |
	    1ul << 32));
}

static int
join_by_pidfd(const struct targets *t)
{
	int fd = (int)syscall(SYS_pidfd_open, first_process(t), 0);

	return fd == -1 ? errno : door(setns(fd, CLONE_NEWNET));
}

static int
join(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd == -1 ? errno : door(setns(fd, 0));
}

static int
join_own(const struct targets *t)
{
	(void)t;
	return join("/proc/self/ns/mnt");
}

static int
join_init(const struct targets *t)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/net",
	    (int)first_process(t));
	return join(path);
}

static const struct door doors[] = {
	{ "new-user", "a user namespace of its own", unshare_user, HOST },
	{ "new-mount", "a mount namespace", unshare_mount, ROOT },
	{ "new-pid", "a pid namespace", unshare_pid, ROOT },
	{ "new-net", "a network namespace", unshare_net, ROOT },
	{ "new-ipc", "an ipc namespace", unshare_ipc, ROOT },
	{ "new-uts", "a uts namespace", unshare_uts, ROOT },
	{ "new-cgroup", "a cgroup namespace", unshare_cgroup, ROOT },
	{ "new-time", "a time namespace", unshare_time, ROOT },
	{ "clone-user", "a user namespace by clone", clone_user, HOST },
	{ "clone3-user", "a user namespace by clone3", clone3_user, HOST },
	{ "clone-mount", "a mount namespace by clone", clone_mount, ROOT },
	{ "clone-net", "a network namespace by clone", clone_net, ROOT },
	{ "clone-pid", "a pid namespace by clone", clone_pid, ROOT },
	{ "new-user-high", "a user namespace, with bit 32 set", unshare_high,
	    HOST },
	{ "join-pidfd", "join a network namespace by a process",
	    join_by_pidfd, ROOT },
	{ "join-own", "join a mount namespace", join_own, ROOT },
	{ "join-init", "join a network namespace", join_init, ROOT },
};
FAMILY(namespaces_family, NAMESPACES, doors);
