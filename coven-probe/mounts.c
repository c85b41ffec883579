/* Mounts and roots. */
#include <sys/mount.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "coven-probe/probe.h"

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

#define MOUNT(name, type, data)						\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return door(mount("none", "/tmp", type, 0, data));	\
	}

MOUNT(mount_sysfs, "sysfs", NULL)
MOUNT(mount_devpts, "devpts", "newinstance")
MOUNT(mount_cgroup, "cgroup2", NULL)
MOUNT(mount_cgroup1, "cgroup", "memory")
MOUNT(mount_bpf, "bpf", NULL)
MOUNT(mount_mqueue, "mqueue", NULL)
MOUNT(mount_overlay, "overlay", "lowerdir=/usr:/etc")

/* What masks a file is null: exchange it (runc, 2025). */
static int
cover_null(const struct targets *t)
{
	(void)t;
	return door(mount("/dev/zero", "/dev/null", NULL, MS_BIND, NULL));
}

static int
bind_sys(const struct targets *t)
{
	(void)t;
	return door(mount("/proc/sys", "/tmp", NULL, MS_BIND, NULL));
}

static int
share(const struct targets *t)
{
	(void)t;
	return door(mount(NULL, "/", NULL, MS_SHARED | MS_REC, NULL));
}

static int
move_mount_of(const struct targets *t)
{
	(void)t;
	return door(syscall(429 /* move_mount */, AT_FDCWD, "/proc",
	    AT_FDCWD, "/tmp", 0));
}

static int
pick(const struct targets *t)
{
	(void)t;
	return door(syscall(433 /* fspick */, AT_FDCWD, "/proc", 0));
}

static const struct door doors[] = {
	{ "mount-tmpfs", "mount a tmpfs", mount_tmpfs, ROOT },
	{ "mount-proc", "mount another proc", mount_proc, ROOT },
	{ "bind-root", "mount the root elsewhere", bind_root, ROOT },
	{ "remount-usr", "make /usr writable", remount_usr, ROOT },
	{ "remount-sys", "make /proc/sys writable", remount_sys, ROOT },
	{ "unmask-sys", "uncover /proc/sys", unmask_sys, ROOT },
	{ "unmount-root", "uncover what lies below the root", unmount_root,
	    ROOT },
	{ "pivot-root", "exchange the root", move_root, ROOT },
	{ "chroot", "change the root", change_root, ROOT },
	{ "fsopen", "make a file system", open_fs, ROOT },
	{ "open-tree", "copy a mount", clone_tree, ROOT },
	{ "mount-setattr", "change a mount's flags", set_attributes, ROOT },
	{ "mount-sysfs", "mount the devices", mount_sysfs, ROOT },
	{ "mount-devpts", "mount terminals", mount_devpts, ROOT },
	{ "mount-cgroup", "mount cgroups", mount_cgroup, HOST },
	{ "mount-cgroup1", "mount cgroups of the first version",
	    mount_cgroup1, HOST },
	{ "mount-bpf", "mount programs of the kernel", mount_bpf, HOST },
	{ "mount-mqueue", "mount message queues", mount_mqueue, HOST },
	{ "mount-overlay", "mount one tree over another", mount_overlay,
	    HOST },
	{ "cover-null", "cover /dev/null", cover_null, ROOT },
	{ "bind-sys", "mount /proc/sys elsewhere", bind_sys, ROOT },
	{ "share", "have mounts spread", share, ROOT },
	{ "move-mount", "move a mount", move_mount_of, ROOT },
	{ "fspick", "change a file system", pick, ROOT },
};
FAMILY(mounts_family, NAMESPACES, doors);
