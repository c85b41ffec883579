#include <sys/mount.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

int
mount_set(int mnt, unsigned flags, uint64_t set)
{
	struct mount_attr attr = { .attr_set = set };

	if (mount_setattr(mnt, "", AT_EMPTY_PATH | flags, &attr,
	    sizeof(attr)) == -1)
		return -errno;
	return 0;
}

int
mount_clone(int dir, const char *path, unsigned flags)
{
	int fd = open_tree(dir, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
	    AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | flags);

	return fd == -1 ? -errno : fd;
}

int
mount_attach(int mnt, int dir, const char *name)
{
	unsigned flags = MOVE_MOUNT_F_EMPTY_PATH;

	/* Without MOVE_MOUNT_T_SYMLINKS the target is never followed. */
	if (*name == '\0')
		flags |= MOVE_MOUNT_T_EMPTY_PATH;
	return move_mount(mnt, "", dir, name, flags) == -1 ? -errno : 0;
}

static int
set_option(int fs, const char *option)
{
	const char *eq = strchr(option, '=');
	char key[32];
	size_t n;

	if (eq == NULL)
		return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
	n = (size_t)(eq - option);
	if (n >= sizeof(key)) {
		errno = EINVAL;
		return -1;
	}
	memcpy(key, option, n);
	key[n] = '\0';
	return fsconfig(fs, FSCONFIG_SET_STRING, key, eq + 1, 0);
}

int
mount_new(const char *type, const char *const *options, uint64_t attr)
{
	autoclose int fs = fsopen(type, FSOPEN_CLOEXEC);
	int mnt;

	if (fs == -1 ||
	    fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) == -1)
		return -errno;
	for (; options != NULL && *options != NULL; options++)
		if (set_option(fs, *options) == -1)
			return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		return -errno;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attr);
	return mnt == -1 ? -errno : mnt;
}
