#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "coven-monitor/home.h"

/* File systems on which flock, rename or the owner cannot be relied upon. */
static const struct {
	uint64_t	 magic;
	const char	*name;
	const char	*why;
} refused_fs[] = {
	{ 0x6969, "nfs", "locks and rename are another machine's promise" },
	{ 0x517b, "smb", "owner and mode are the server's" },
	{ 0xff534d42, "cifs", "owner and mode are the server's" },
	{ 0xfe534d42, "smb2", "owner and mode are the server's" },
	{ 0x65735546, "fuse", "another process answers for every file" },
	{ 0x00c36400, "ceph",
	    "locks and rename are another machine's promise" },
	{ 0x01021997, "9p", "owner and mode are the server's" },
	{ 0x5346414f, "afs", "owner and mode are the server's" },
	{ 0x73757245, "coda", "owner and mode are the server's" },
	{ 0x4d44, "vfat", "it has no owner and no mode" },
	{ 0x2011bab0, "exfat", "it has no owner and no mode" },
};

char *
home_choose(const char *option, const struct owner *o)
{
	const char *env = getenv("COVEN_HOME"), *dir = getenv("HOME");
	autobuf struct buf b = { 0 };

	if (option == NULL && env != NULL && *env != '\0' && o->self)
		option = env;
	if (option != NULL)
		return mem_strdup(option);
	/* When root serves another, HOME is root's. */
	if (dir == NULL || *dir == '\0' || !o->self)
		dir = o->dir;
	(void)buf_addf(&b, "%s/.coven", dir);
	return mem_strdup(buf_head(&b));
}

static int
refuse(const char *path, const char *rule, const char *repair)
{
	log_error("home %s: refused: %s; %s", path, rule, repair);
	return EXIT_HOME;
}

/* An ancestor that another user can write could be swapped under us. */
static int
check_ancestors(const char *path, uid_t owner)
{
	autofree char *copy = mem_strdup(path);
	struct stat st;
	char *slash;

	while ((slash = strrchr(copy, '/')) != NULL) {
		slash[slash == copy ? 1 : 0] = '\0';
		if (lstat(copy, &st) == -1)
			return refuse(copy, strerror(errno),
			    "make it searchable by its owner");
		if (st.st_uid != owner && st.st_uid != 0)
			return refuse(copy, "an ancestor belongs to another "
			    "user", "move COVEN_HOME to a folder of your own");
		if ((st.st_mode & 022) && !(st.st_mode & S_ISVTX))
			return refuse(copy, "an ancestor is writable by group "
			    "or others", "chmod go-w it, or move COVEN_HOME");
		if (copy[1] == '\0')
			break;
	}
	return 0;
}

static int
check_itself(const char *path, const struct stat *st, uid_t owner)
{
	if (!S_ISDIR(st->st_mode))
		return refuse(path, "it is not a folder", "move it away");
	if (st->st_uid != owner)
		return refuse(path, "it belongs to another user",
		    "start the daemon as its owner, or choose another home");
	if (st->st_mode & 077)
		return refuse(path, "it has group or world bits",
		    "chmod 700 it");
	return 0;
}

static int
check_length(const char *path)
{
	struct sockaddr_un sun;

	if (strlen(path) + strlen("/coven.sock") >= sizeof(sun.sun_path))
		return refuse(path, "its coven.sock would be longer than a "
		    "socket's name may be (107 bytes)",
		    "choose a shorter path");
	if (!utf8_valid(path, strlen(path)))
		return refuse(path, "its name is not UTF-8",
		    "choose another name");
	return 0;
}

/*
 * Canonical, but for the last component, which must not be a link: what the
 * owner named is what is used.
 */
static int
canonical(const char *given, char **out)
{
	autofree char *copy = mem_strdup(given);
	autofree char *parent = NULL;
	autobuf struct buf b = { 0 };
	struct stat st;
	char *slash;

	while ((slash = strrchr(copy, '/')) != NULL && slash[1] == '\0' &&
	    slash != copy)
		*slash = '\0';
	if (copy[0] != '/')
		return refuse(given, "it is not an absolute path",
		    "name it from /");
	if (lstat(copy, &st) == 0 && S_ISLNK(st.st_mode))
		return refuse(given, "its last component is a link",
		    "name the folder itself");
	if (slash == NULL || slash[1] == '\0' || strcmp(slash, "/..") == 0 ||
	    strcmp(slash, "/.") == 0)
		return refuse(given, "it has no name of its own",
		    "name a folder");
	*slash = '\0';
	parent = realpath(copy[0] != '\0' ? copy : "/", NULL);
	if (parent == NULL)
		return refuse(given, strerror(errno),
		    "make the folder that it is to lie in");
	(void)buf_addf(&b, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent,
	    slash + 1);
	*out = mem_strdup(buf_head(&b));
	return 0;
}

static int
open_canonical(const char *path, int *fd)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};

	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return refuse(path, strerror(errno),
		    "make it by hand: mkdir -m 700");
	*fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (*fd == -1)
		return refuse(path, strerror(errno),
		    errno == ENOTDIR ? "it is not a folder: move it away" :
		    "see path_resolution(7)");
	return 0;
}

int
home_open(struct home *h, const char *given, const struct owner *o)
{
	autofree char *path = NULL;
	autoclose int fd = -1;
	struct stat st;
	int r;

	*h = (struct home){ .fd = -1, .lock_serve = -1, .lock_state = -1 };
	if ((r = canonical(given, &path)) != 0 ||
	    (r = check_length(path)) != 0 ||
	    (r = check_ancestors(path, o->uid)) != 0 ||
	    (r = open_canonical(path, &fd)) != 0)
		return r;
	if (fstat(fd, &st) == -1)
		return refuse(path, strerror(errno), "look at its disk");
	if ((r = check_itself(path, &st, o->uid)) != 0)
		return r;
	h->path = steal(&path);
	h->fd = mem_steal_fd(&fd);
	h->st = st;
	return 0;
}

int
home_check_fs(const struct home *h, const struct conf *c)
{
	struct statfs fs;
	size_t i;

	if (fstatfs(h->fd, &fs) == -1)
		return refuse(h->path, strerror(errno), "look at its disk");
	for (i = 0; i < nitems(refused_fs); i++) {
		if ((uint64_t)fs.f_type != refused_fs[i].magic ||
		    conf_list_has(&c->home_allow_fs, refused_fs[i].name))
			continue;
		log_error("home %s: refused: it lies on %s: %s; move it, or "
		    "list \"%s\" in home.allow_fs", h->path,
		    refused_fs[i].name, refused_fs[i].why, refused_fs[i].name);
		return EXIT_HOME;
	}
	return 0;
}

enum home_path
home_look(const struct home *h)
{
	struct stat st;

	if (lstat(h->path, &st) == -1)
		return HOME_NOWHERE;
	return st.st_dev == h->st.st_dev && st.st_ino == h->st.st_ino ?
	    HOME_HERE : HOME_ELSEWHERE;
}

/* A lock file: created 0600, ours, one link, never followed. */
static int
lock_open(const struct home *h, const char *name, int how, int *out)
{
	autoclose int fd = openat(h->fd, name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0600);
	struct stat st;

	if (fd == -1)
		return refuse(name, strerror(errno), "remove it");
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_nlink != 1 || st.st_uid != h->st.st_uid)
		return refuse(name, "a lock file must be a regular file of "
		    "the owner's with one link", "remove it");
	if ((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) == -1)
		return refuse(name, strerror(errno), "chmod 600 it");
	if (flock(fd, how | LOCK_NB) == -1) {
		log_error("home %s: another process holds %s: a daemon serves "
		    "this home already", h->path, name);
		return EXIT_INCUMBENT;
	}
	*out = mem_steal_fd(&fd);
	return 0;
}

int
home_lock(struct home *h)
{
	int r;

	if (faccessat(h->fd, "reset-transaction.json", F_OK,
	    AT_SYMLINK_NOFOLLOW) == 0)
		return refuse(h->path, "a reset is under way "
		    "(reset-transaction.json)", "finish or undo the reset");
	r = lock_open(h, "state.lock", LOCK_SH, &h->lock_state);
	if (r == 0)
		r = lock_open(h, "daemon-serve.lock", LOCK_EX, &h->lock_serve);
	return r;
}
