#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

#define FOLDER	(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

bool
init_is_own(const struct init *in, int fd)
{
	struct stat st;
	size_t i;

	if (fstat(fd, &st) == -1)
		return false;
	for (i = 0; i < in->nown; i++)
		if (in->own[i] == st.st_dev)
			return true;
	return false;
}

int
init_own(struct init *in, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -errno;
	if (in->nown == nitems(in->own))
		return -E2BIG;
	in->own[in->nown++] = st.st_dev;
	return 0;
}

static bool
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Step into name, making it where that is allowed. */
static int
enter(struct init *in, int *dir, const char *name)
{
	int next;

	if (is_dot(name))
		return -EINVAL;
	next = openat(*dir, name, FOLDER);
	if (next == -1 && errno == ENOENT && init_is_own(in, *dir)) {
		if (mkdirat(*dir, name, 0755) == -1)
			return -errno;
		next = openat(*dir, name, FOLDER);
	}
	if (next == -1)
		return -errno;
	mem_close(dir);
	*dir = next;
	return 0;
}

int
init_parent(struct init *in, const char *path, const char **last)
{
	autoclose int dir = openat(in->root, ".", FOLDER);
	char name[NAME_MAX + 1];
	const char *p = path, *slash;
	int r;

	if (dir == -1)
		return -errno;
	if (*p++ != '/')
		return -EINVAL;
	while ((slash = strchr(p, '/')) != NULL) {
		size_t n = (size_t)(slash - p);

		if (n == 0 || n > NAME_MAX)
			return -EINVAL;
		memcpy(name, p, n);
		name[n] = '\0';
		r = enter(in, &dir, name);
		if (r < 0)
			return r;
		p = slash + 1;
	}
	if (*p == '\0' || is_dot(p))
		return -EINVAL;
	*last = p;
	return mem_steal_fd(&dir);
}

static int
make_point(struct init *in, int dir, const char *name, bool folder)
{
	autoclose int fd = -1;

	if (!init_is_own(in, dir))
		return -ENOENT;
	if (folder)
		return mkdirat(dir, name, 0755) == -1 ? -errno : 0;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0444);
	return fd == -1 ? -errno : 0;
}

int
init_put(struct init *in, int mnt, const char *path)
{
	autoclose int dir = -1, point = -1;
	const char *name = path;
	struct stat st;
	int r;

	if (fstat(mnt, &st) == -1)
		return -errno;
	dir = init_parent(in, path, &name);
	if (dir < 0)
		return dir;
	point = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (point == -1 && errno == ENOENT) {
		r = make_point(in, dir, name, S_ISDIR(st.st_mode));
		if (r < 0)
			return r;
		point = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (point == -1)
		return -errno;
	return mount_attach(mnt, point, "");
}

int
init_cover(struct init *in, int dir, const char *name, bool folder)
{
	int mask = folder ? in->mask_dir : in->mask_file;
	autoclose int mnt = -1;
	struct stat st, is;
	int r;

	/* Covered already, where one tree that is walked lies in another. */
	if (fstat(mask, &is) == 0 &&
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == is.st_dev && st.st_ino == is.st_ino)
		return 0;
	mnt = mount_clone(mask, "", AT_EMPTY_PATH);
	if (mnt < 0)
		return mnt;
	r = mount_set(mnt, 0, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
	    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (r < 0)
		return r;
	return mount_attach(mnt, dir, name);
}
