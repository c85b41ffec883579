#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/home.h"

#define SOCKET_NAME	"/coven.sock"
#define LOCK_NAME	"daemon-serve.lock"

/* Record what is wrong; the caller adds the repair. */
static enum home_code __attribute__((format(printf, 3, 4)))
refuse(struct home *h, enum home_code code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(h->why, sizeof(h->why), fmt, ap);
	va_end(ap);
	return code;
}

static void __attribute__((format(printf, 2, 3)))
repair(struct home *h, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(h->hint, sizeof(h->hint), fmt, ap);
	va_end(ap);
}

enum home_code
home_name(struct home *h, const char *given)
{
	const char *env = getenv("COVEN_HOME"), *user = getenv("HOME");
	size_t n;
	int len;

	h->dir = -1;
	h->why[0] = h->hint[0] = '\0';
	if (given == NULL || *given == '\0')
		given = env;
	if (given != NULL && *given != '\0')
		len = snprintf(h->path, sizeof(h->path), "%s", given);
	else if (user != NULL && *user != '\0')
		len = snprintf(h->path, sizeof(h->path), "%s/.coven", user);
	else {
		repair(h, "covenctl --home DIR ...");
		return refuse(h, HOME_UNKNOWN,
		    "neither COVEN_HOME nor HOME is set");
	}
	if (len < 0 || (size_t)len >= sizeof(h->path))
		return refuse(h, HOME_UNKNOWN, "the home's name is too long");
	/* A trailing slash would hide that the last component is a link. */
	for (n = strlen(h->path); n > 1 && h->path[n - 1] == '/'; n--)
		h->path[n - 1] = '\0';
	return HOME_OK;
}

/* No component may be a link: the path is canonical already. */
static int
open_canonical(const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	/* An older or filtered kernel: the owner's checks below remain. */
	if (fd == -1 && (errno == ENOSYS || errno == EPERM))
		fd = open(path, (int)how.flags);
	return fd == -1 ? -errno : (int)fd;
}

/* Before the path is canonical: is it there, and no link? */
static enum home_code
check_named(struct home *h)
{
	struct stat st;

	if (lstat(h->path, &st) == -1) {
		if (errno == ENOENT || errno == ENOTDIR)
			return refuse(h, HOME_ABSENT, "%s does not exist",
			    h->path);
		return refuse(h, HOME_ERROR, "%s: %s", h->path,
		    strerror(errno));
	}
	if (S_ISLNK(st.st_mode)) {
		repair(h, "covenctl --home \"$(readlink -f '%s')\" ...",
		    h->path);
		return refuse(h, HOME_LINK, "%s is a symbolic link", h->path);
	}
	if (!S_ISDIR(st.st_mode))
		return refuse(h, HOME_NOT_FOLDER, "%s is not a folder",
		    h->path);
	return HOME_OK;
}

static enum home_code
check_open(struct home *h)
{
	struct stat st;

	if (fstat(h->dir, &st) == -1)
		return refuse(h, HOME_ERROR, "%s: %s", h->path,
		    strerror(errno));
	if (st.st_uid != geteuid()) {
		repair(h, "covenctl --home DIR ...   (a folder of your own; "
		    "COVEN_HOME names it for good)");
		return refuse(h, HOME_OWNER,
		    "%s belongs to uid %u, not to uid %u", h->path,
		    (unsigned)st.st_uid, (unsigned)geteuid());
	}
	if ((st.st_mode & 077) != 0) {
		repair(h, "chmod 700 '%s'", h->path);
		return refuse(h, HOME_MODE,
		    "%s is open to others (mode %04o)", h->path,
		    (unsigned)st.st_mode & 07777);
	}
	if (!utf8_valid(h->path, strlen(h->path)))
		return refuse(h, HOME_NOT_UTF8,
		    "the home's path is not valid UTF-8");
	if (strlen(h->path) + sizeof(SOCKET_NAME) >
	    sizeof(((struct sockaddr_un *)0)->sun_path)) {
		repair(h, "covenctl --home SHORTER-PATH ...");
		return refuse(h, HOME_TOO_LONG,
		    "%s is too long for a socket's address", h->path);
	}
	return HOME_OK;
}

enum home_code
home_open(struct home *h)
{
	char real[PATH_MAX];
	enum home_code code = check_named(h);
	int fd;

	if (code != HOME_OK)
		return code;
	if (realpath(h->path, real) == NULL)
		return refuse(h, HOME_ERROR, "%s: %s", h->path,
		    strerror(errno));
	memcpy(h->path, real, strlen(real) + 1);
	fd = open_canonical(real);
	if (fd < 0)
		return refuse(h, HOME_ERROR, "%s: %s", real, strerror(-fd));
	h->dir = fd;
	code = check_open(h);
	if (code != HOME_OK)
		home_close(h);
	return code;
}

void
home_close(struct home *h)
{
	mem_close(&h->dir);
}

ssize_t
home_read(const struct home *h, const char *name, char *out, size_t max)
{
	autoclose int fd = -1;
	struct stat st;
	size_t n = 0;
	ssize_t got;

	/* O_NONBLOCK: somebody may have put a FIFO there. */
	fd = openat(h->dir, name,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	if (fstat(fd, &st) == -1)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	while (n <= max) {
		got = read(fd, out + n, max + 1 - n);
		if (got == -1)
			return -errno;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	if (n > max)
		return -EFBIG;
	out[n] = '\0';
	return (ssize_t)n;
}

bool
home_lock_held(const struct home *h)
{
	autoclose int fd = openat(h->dir, LOCK_NAME,
	    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) == -1 &&
	    errno == EWOULDBLOCK;
}

/*
 * "1: FLOCK  ADVISORY  WRITE 812 08:01:524313 0 EOF".  The device counts as
 * well, but where the file system gives files other numbers than itself
 * (btrfs, overlay) the inode alone must do.
 */
static pid_t
holder_in(char *line, const struct stat *st, bool *exact)
{
	char *at = strstr(line, "WRITE "), *word, *end;
	unsigned long long major, minor, ino;
	long pid;

	if (strstr(line, "FLOCK") == NULL || at == NULL)
		return 0;
	pid = strtol(at + 6, &word, 10);
	major = strtoull(word, &end, 16);
	if (*end != ':')
		return 0;
	minor = strtoull(end + 1, &end, 16);
	if (*end != ':')
		return 0;
	ino = strtoull(end + 1, NULL, 10);
	if (ino != st->st_ino || pid <= 0 || pid > INT_MAX)
		return 0;
	*exact = major == major(st->st_dev) && minor == minor(st->st_dev);
	return (pid_t)pid;
}

pid_t
home_lock_holder(const struct home *h)
{
	pid_t holder = 0, pid;
	char line[256];
	struct stat st;
	bool exact = false;
	FILE *f;

	if (fstatat(h->dir, LOCK_NAME, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    (f = fopen("/proc/locks", "re")) == NULL)
		return 0;
	while (!exact && fgets(line, sizeof(line), f) != NULL) {
		pid = holder_in(line, &st, &exact);
		if (pid != 0)
			holder = pid;
	}
	(void)fclose(f);
	return holder;
}
