#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

#define SECUREBITS							\
	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED |				\
	SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |	\
	SECBIT_KEEP_CAPS_LOCKED |					\
	SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

static int
write_proc(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return -errno;
	/* One write: the kernel takes a map whole or not at all. */
	if (write(fd, text, strlen(text)) == -1)
		return -errno;
	return 0;
}

static int
write_maps(uint32_t uid_in, uint32_t uid_out, uint32_t gid_in,
    uint32_t gid_out, const char **failed)
{
	char uid[64], gid[64];
	int r;

	(void)snprintf(uid, sizeof(uid), "%u %u 1", uid_in, uid_out);
	(void)snprintf(gid, sizeof(gid), "%u %u 1", gid_in, gid_out);
	*failed = "/proc/self/setgroups";
	r = write_proc(*failed, "deny");
	if (r < 0)
		return r;
	*failed = "/proc/self/gid_map";
	r = write_proc(*failed, gid);
	if (r < 0)
		return r;
	*failed = "/proc/self/uid_map";
	return write_proc(*failed, uid);
}

/* Signal of the parent's death: every change of identity clears it. */
static int
die_with_parent(void)
{
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ? -errno : 0;
}

static int
caps_get(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &head, data) == -1 ? -errno : 0;
}

/* What is permitted becomes effective again. */
static int
caps_raise(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	int r;

	r = caps_get(data);
	if (r < 0)
		return r;
	data[0].effective = data[0].permitted;
	data[1].effective = data[1].permitted;
	if (syscall(SYS_capset, &head, data) == -1)
		return -errno;
	return data[0].effective & (1u << CAP_SYS_ADMIN) ? 0 : -EPERM;
}

void
init_identity(const struct init_ids *ids)
{
	const char *failed;
	int r;

	/*
	 * With a real uid that is not the effective one, exec leaves a
	 * process that is not dumpable and whose /proc/self is root's.
	 */
	if (prctl(PR_SET_DUMPABLE, 1) == -1)
		fatal("identity: set dumpable: %s", strerror(errno));
	r = write_maps(ids->uid_in, ids->uid_out, ids->gid_in, ids->gid_out,
	    &failed);
	if (r < 0)
		fatal("identity: write %s: %s", failed, strerror(-r));
	if (prctl(PR_SET_KEEPCAPS, 1) == -1 ||
	    setresgid(ids->gid_in, ids->gid_in, ids->gid_in) == -1 ||
	    setresuid(ids->uid_in, ids->uid_in, ids->uid_in) == -1)
		fatal("identity: become uid %u, gid %u: %s", ids->uid_in,
		    ids->gid_in, strerror(errno));
	r = caps_raise();
	if (r < 0)
		fatal("identity: capabilities did not survive: %s",
		    strerror(-r));
	r = die_with_parent();
	if (r < 0)
		fatal("identity: follow the parent: %s", strerror(-r));
	/* The modes of what is made below are meant; the payload gets 022. */
	(void)umask(0);
}

/* --- no way back to the mounts' flags --- */

/* 0 when the flag that makes path read-only cannot be taken off it. */
static int
check_locked(struct init *in, const char *path)
{
	struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY };

	if (mount_setattr(AT_FDCWD, path, 0, &attr, sizeof(attr)) == 0)
		return init_fail(in, -ENOTRECOVERABLE,
		    "%s could be made writable again", path);
	if (errno != EPERM)
		return init_fail(in, -errno, "try to make %s writable", path);
	return 0;
}

static int
check_all_locked(struct init *in)
{
	size_t i;
	int r;

	r = check_locked(in, "/");
	if (r == 0)
		r = check_locked(in, "/proc/sys");
	if (r < 0)
		return r;
	for (i = 0; i < in->nmounts; i++) {
		const struct init_mount *m = &in->mounts[i];

		if (m->op != MOUNT_BIND || m->skipped ||
		    !(m->flags & MOUNT_F_RO))
			continue;
		r = check_locked(in, m->target);
		if (r < 0)
			return r;
		break;
	}
	if (umount2("/proc/sys", MNT_DETACH) == 0)
		return init_fail(in, -ENOTRECOVERABLE,
		    "/proc/sys could be unmounted");
	return 0;
}

int
init_lock(struct init *in)
{
	const char *failed;
	int r;

	/* /proc/self is ours to write only while dumpable; nobody is inside. */
	if (prctl(PR_SET_DUMPABLE, 1) == -1)
		return init_fail(in, -errno, "set dumpable");
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1)
		return init_fail(in, -errno,
		    "enter a second user and mount namespace");
	r = write_maps(in->ids.uid_in, in->ids.uid_in, in->ids.gid_in,
	    in->ids.gid_in, &failed);
	if (r < 0)
		return init_fail(in, r, "write %s", failed);
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		return init_fail(in, -errno, "set dumpable 0");
	r = die_with_parent();
	if (r < 0)
		return init_fail(in, r, "follow the parent");
	return check_all_locked(in);
}

/* --- and no capability left --- */

static int
check_dropped(struct init *in)
{
	struct __user_cap_data_struct data[2];
	int cap, r;

	r = caps_get(data);
	if (r < 0)
		return init_fail(in, r, "read the capabilities");
	if (data[0].effective || data[0].permitted || data[0].inheritable ||
	    data[1].effective || data[1].permitted || data[1].inheritable)
		return init_fail(in, -EPERM, "a capability is left");
	for (cap = 0; (r = prctl(PR_CAPBSET_READ, cap)) >= 0; cap++) {
		if (r != 0)
			return init_fail(in, -EPERM,
			    "capability %d is left in the bounding set", cap);
		if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0)
		    != 0)
			return init_fail(in, -EPERM,
			    "capability %d is left in the ambient set", cap);
	}
	if (cap <= CAP_SYS_ADMIN)
		return init_fail(in, -errno, "read the bounding set");
	if (prctl(PR_GET_SECUREBITS) != SECUREBITS)
		return init_fail(in, -EPERM, "the securebits are not locked");
	return 0;
}

int
init_drop(struct init *in)
{
	int r;

	/*
	 * A session keyring of its own, where there are keyrings.  The kernel
	 * never answers EPERM here: that is a container's filter, which the
	 * payload is under as well.
	 */
	if (syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL)
	    == -1 && errno != ENOSYS && errno != EPERM)
		return init_fail(in, -errno, "make a session keyring");
	/* Before the capability that setting them needs is gone. */
	if (prctl(PR_SET_SECUREBITS, SECUREBITS) == -1)
		return init_fail(in, -errno, "lock the securebits");
	capng_clear(CAPNG_SELECT_ALL);
	r = capng_apply(CAPNG_SELECT_ALL);
	if (r < 0)
		return init_fail(in, -EPERM,
		    "drop the capabilities (libcap-ng: %d)", r);
	r = check_dropped(in);
	if (r < 0)
		return r;
	r = die_with_parent();
	if (r < 0)
		return init_fail(in, r, "follow the parent");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return init_fail(in, -errno, "set no_new_privs");
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		return init_fail(in, -errno, "set dumpable 0");
	return 0;
}
