/* Namespaces and mounts. */
#include <sys/mount.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
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
	(void)t;
	return join("/proc/1/ns/net");
}

static int
mount_tmpfs(const struct targets *t)
{
	(void)t;
	return door(mount("none", "/tmp", "tmpfs", 0, ""));
}

static int
mount_proc(const struct targets *t)
{
	(void)t;
	return door(mount("none", "/proc", "proc", 0, ""));
}

static int
bind_root(const struct targets *t)
{
	(void)t;
	return door(mount("/", "/tmp", NULL, MS_BIND, NULL));
}

static int
remount_usr(const struct targets *t)
{
	(void)t;
	return door(mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int
remount_sys(const struct targets *t)
{
	(void)t;
	return door(mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND,
	    NULL));
}

static int
unmask_sys(const struct targets *t)
{
	(void)t;
	return door(umount2("/proc/sys", MNT_DETACH));
}

static int
unmount_root(const struct targets *t)
{
	(void)t;
	return door(umount2("/", MNT_DETACH));
}

static int
move_root(const struct targets *t)
{
	(void)t;
	/* Nonsense, but permission is asked for first. */
	return door_behind(syscall(SYS_pivot_root, "/", "/"), EBUSY, EINVAL);
}

static int
change_root(const struct targets *t)
{
	(void)t;
	return door(chroot("/"));
}

static int
open_fs(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_fsopen, "tmpfs", 0));
}

static int
clone_tree(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_open_tree, AT_FDCWD, "/", 1u));
}

static int
set_attributes(const struct targets *t)
{
	uint64_t attr[4] = { 0 };

	(void)t;
	return door(syscall(SYS_mount_setattr, AT_FDCWD, "/usr", 0, attr,
	    sizeof(attr)));
}

static const struct door doors[] = {
	{ "new-user", "a user namespace of its own", unshare_user, true },
	{ "new-mount", "a mount namespace", unshare_mount, false },
	{ "new-pid", "a pid namespace", unshare_pid, false },
	{ "new-net", "a network namespace", unshare_net, false },
	{ "new-ipc", "an ipc namespace", unshare_ipc, false },
	{ "new-uts", "a uts namespace", unshare_uts, false },
	{ "new-cgroup", "a cgroup namespace", unshare_cgroup, false },
	{ "new-time", "a time namespace", unshare_time, false },
	{ "clone-user", "a user namespace by clone", clone_user, false },
	{ "clone3-user", "a user namespace by clone3", clone3_user, false },
	{ "join-own", "join a mount namespace", join_own, false },
	{ "join-init", "join a network namespace", join_init, false },
	{ "mount-tmpfs", "mount a tmpfs", mount_tmpfs, false },
	{ "mount-proc", "mount another proc", mount_proc, false },
	{ "bind-root", "mount the root elsewhere", bind_root, false },
	{ "remount-usr", "make /usr writable", remount_usr, false },
	{ "remount-sys", "make /proc/sys writable", remount_sys, false },
	{ "unmask-sys", "uncover /proc/sys", unmask_sys, false },
	{ "unmount-root", "uncover what lies below the root", unmount_root,
	    false },
	{ "pivot-root", "exchange the root", move_root, false },
	{ "chroot", "change the root", change_root, false },
	{ "fsopen", "make a file system", open_fs, false },
	{ "open-tree", "copy a mount", clone_tree, false },
	{ "mount-setattr", "change a mount's flags", set_attributes, false },
};
FAMILY(namespaces_family, "namespaces", doors);
