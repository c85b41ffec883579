/* Mount points in private folders, where payloads have been at home. */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/mem.h"
#include "coven-monitor/point.h"

/*
 * What lies in a private folder may be an earlier payload's work, which must
 * not keep the next session from starting.
 */
static int
set_aside(int dir, const char *name)
{
	autobuf struct buf aside = { 0 };

	(void)buf_addf(&aside, ".displaced-%lld-%.128s",
	    (long long)clock_wall_ns(), name);
	return renameat(dir, name, dir, buf_head(&aside)) == -1 ? -errno : 0;
}

/* Through a descriptor: the name may be another thing by now. */
static int
open_up(int dir, const char *name)
{
	autoclose int fd = openat(dir, name, O_PATH | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC);
	char path[64];

	if (fd == -1)
		return -errno;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, 0700) == -1 ? -errno : 0;
}

int
point_folder(int at, const char *name)
{
	int fd;

	if (mkdirat(at, name, 0700) == -1 && errno != EEXIST)
		return -errno;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	return fd == -1 ? -errno : fd;
}

/* It must be one that its owner can use, whoever had it before. */
static int
make_folder(int at, const char *name)
{
	int fd = point_folder(at, name), r = 0;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0700) == 0700)
		return fd;
	if (fd >= 0 || fd == -EACCES)
		r = open_up(at, name);
	else if (fd == -ENOTDIR || fd == -ELOOP)
		r = set_aside(at, name);
	else
		return fd;
	mem_close(&fd);
	return r < 0 ? r : point_folder(at, name);
}

int
point_parents(int base, const char *path, const char **last)
{
	autofree char *copy = mem_strdup(path);
	int at = fcntl(base, F_DUPFD_CLOEXEC, 3), next;
	char *rest = copy, *part;
	const char *slash = strrchr(path, '/');

	*last = slash != NULL ? slash + 1 : path;
	if (at == -1)
		return -errno;
	while (at >= 0 && (part = strsep(&rest, "/")) != NULL &&
	    rest != NULL) {
		next = make_folder(at, part);
		mem_close(&at);
		at = next;
	}
	return at;
}

int
point_make(int dir, const char *name, bool folder)
{
	struct stat st;
	int fd, r;

	if (folder) {
		fd = r = make_folder(dir, name);
		mem_close(&fd);
		return r < 0 ? r : 0;
	}
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISREG(st.st_mode))
			return 0;
		r = set_aside(dir, name);
		if (r < 0)
			return r;
	}
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	r = fd == -1 ? -errno : 0;
	mem_close(&fd);
	return r;
}
