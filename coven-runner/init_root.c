/*
 * The new root: a small tmpfs of this process's own, mounted over the old
 * root while the process still stands in the old one.  Everything in it is
 * made relative to its descriptor, so no path of the host is ever followed
 * into it or out of it.
 */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

#define ATTR_BASE	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define STORE		".coven"	/* gone before the payload starts */

static int
open_at(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
	    .resolve = resolve | RESOLVE_NO_MAGICLINKS };
	long fd = syscall(SYS_openat2, dir, path, &how, sizeof(how));

	return fd == -1 ? -errno : (int)fd;
}

int
init_open_beneath(int dir, const char *path)
{
	return open_at(dir, path, O_PATH | O_DIRECTORY, RESOLVE_BENEATH);
}

/* With the tree at hand, what of the host is the launch still to clone? */
static bool
needs_host(const struct init *in)
{
	size_t i;

	if (!in->prepared || !in->detached)
		return true;
	for (i = in->nplaced; i < in->nmounts; i++)
		if (in->mounts[i].op == MOUNT_BIND && in->mounts[i].fd < 0)
			return true;
	return false;
}

int
init_namespace(struct init *in)
{
	/* Mounts are changed in a namespace of one's own alone. */
	if (!needs_host(in))
		return init_enter(in);
	/*
	 * The working directory is the project (INIT_ROOT): it is the one
	 * thing of the host that is carried into a new mount namespace.
	 */
	if (unshare(CLONE_NEWNS) == -1)
		return init_fail(in, -errno, "make a mount namespace");
	/* What the host mounts later must not appear in the clones. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return init_fail(in, -errno, "make the mounts private");
	return 0;
}

/* --- sources, while the host's tree is still there --- */

static uint64_t
attrs(const struct init_mount *m)
{
	uint64_t a = ATTR_BASE;

	if (m->flags & MOUNT_F_RO)
		a |= MOUNT_ATTR_RDONLY;
	if (m->flags & MOUNT_F_NOEXEC)
		a |= MOUNT_ATTR_NOEXEC;
	return a;
}

static int
check_source(struct init *in, const struct init_mount *m)
{
	struct stat st;

	if (fstat(m->fd, &st) == -1)
		return init_fail(in, -errno, "look at %s", m->source);
	if ((m->flags & MOUNT_F_COMPARE) &&
	    (st.st_dev != m->dev || st.st_ino != m->ino))
		return init_fail(in, -ESTALE,
		    "%s is not what was checked any more", m->source);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return init_fail(in, -EINVAL,
		    "%s is neither a folder nor a file", m->source);
	return 0;
}

/* A tree of the host, by path; nothing is followed that was checked. */
static int
clone_source(struct init *in, struct init_mount *m)
{
	autoclose int fd = open_at(AT_FDCWD, m->source, O_PATH,
	    m->flags & MOUNT_F_COMPARE ? RESOLVE_NO_SYMLINKS : 0);

	if ((m->flags & MOUNT_F_OPTIONAL) &&
	    (fd == -ENOENT || fd == -ENOTDIR || fd == -EACCES)) {
		m->skipped = true;
		return 0;
	}
	if (fd < 0)
		return init_fail(in, fd, "open %s", m->source);
	m->fd = mount_clone(fd, "", AT_EMPTY_PATH | AT_RECURSIVE);
	if (m->fd < 0)
		return init_fail(in, m->fd, "clone the mount of %s",
		    m->source);
	return 0;
}

static int
prepare(struct init *in, struct init_mount *m)
{
	int r;

	if (m->fd < 0) {
		r = clone_source(in, m);
		if (r < 0 || m->skipped)
			return r;
	}
	r = check_source(in, m);
	if (r < 0)
		return r;
	r = mount_set(m->fd, AT_RECURSIVE, attrs(m));
	if (r < 0)
		return init_fail(in, r, "set the flags of %s", m->source);
	return 0;
}

int
init_sources(struct init *in)
{
	size_t i;
	int r = 0;

	if (in->have_project && !in->detached) {
		in->project.fd = mount_clone(AT_FDCWD, ".", AT_RECURSIVE);
		if (in->project.fd < 0)
			return init_fail(in, in->project.fd,
			    "clone the project %s", in->project.target);
	}
	if (chdir("/") == -1)
		return init_fail(in, -errno, "leave the project");
	if (in->have_project)
		r = prepare(in, &in->project);
	for (i = in->nplaced; r == 0 && i < in->nmounts; i++)
		if (in->mounts[i].op == MOUNT_BIND)
			r = prepare(in, &in->mounts[i]);
	return r;
}

/* --- the root itself --- */

static int
make_store(struct init *in)
{
	int fd;

	if (mkdirat(in->root, STORE, 0700) == -1)
		return -errno;
	in->store = openat(in->root, STORE, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (in->store == -1)
		return -errno;
	if (mkdirat(in->store, "folder", 0555) == -1)
		return -errno;
	fd = openat(in->store, "file", O_WRONLY | O_CREAT | O_EXCL |
	    O_CLOEXEC, 0444);
	if (fd == -1)
		return -errno;
	mem_close(&fd);
	in->mask_file = openat(in->store, "file", O_PATH | O_CLOEXEC);
	in->mask_dir = openat(in->store, "folder", O_PATH | O_CLOEXEC);
	return in->mask_file == -1 || in->mask_dir == -1 ? -errno : 0;
}

int
init_root(struct init *in)
{
	static const char *const options[] = { "mode=0755", "size=16m", NULL };
	int r;

	in->root = mount_new("tmpfs", options, ATTR_BASE);
	if (in->root < 0)
		return init_fail(in, in->root, "make a tmpfs");
	/* Attached first: a mount cannot go into one that is not. */
	r = mount_attach(in->root, AT_FDCWD, "/");
	if (r < 0)
		return init_fail(in, r, "mount the new root");
	r = init_own(in, in->root);
	if (r == 0)
		r = make_store(in);
	if (r < 0)
		return init_fail(in, r, "prepare the new root");
	return 0;
}

/* --- one function a kind of row --- */

static int
put_bind(struct init *in, struct init_mount *m)
{
	return init_put(in, m->fd, m->target);
}

/* "size=64m,mode=1777": the keys a plan may set. */
static int
tmpfs_options(struct init_mount *m, char *text, size_t size,
    const char *options[5])
{
	static const char *const keys[] = { "size=", "mode=", "nr_inodes=" };
	size_t n = 0, k;
	char *p, *save = NULL;

	if (m->len >= size || memchr(m->data != NULL ? m->data : "", 0,
	    m->len) != NULL)
		return -EINVAL;
	memcpy(text, m->data != NULL ? m->data : "", m->len);
	text[m->len] = '\0';
	for (p = strtok_r(text, ",", &save); p != NULL;
	    p = strtok_r(NULL, ",", &save)) {
		for (k = 0; k < nitems(keys); k++)
			if (strncmp(p, keys[k], strlen(keys[k])) == 0)
				break;
		if (k == nitems(keys) || n == 4)
			return -EINVAL;
		options[n++] = p;
	}
	options[n] = NULL;
	return 0;
}

static int
put_tmpfs(struct init *in, struct init_mount *m)
{
	const char *options[5];
	char text[128];
	int r;

	r = tmpfs_options(m, text, sizeof(text), options);
	if (r < 0)
		return r;
	m->fd = mount_new("tmpfs", options, attrs(m));
	if (m->fd < 0)
		return m->fd;
	r = init_put(in, m->fd, m->target);
	return r < 0 ? r : init_own(in, m->fd);
}

static int
put_symlink(struct init *in, struct init_mount *m)
{
	const char *name;
	autoclose int dir = init_parent(in, m->target, &name);

	if (dir < 0)
		return dir;
	if (!init_is_own(in, dir))
		return -ENOENT;
	return symlinkat(m->source, dir, name) == -1 ? -errno : 0;
}

static int
write_file(int dir, const char *name, const struct init_mount *m)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0444);
	const char *p = m->data;
	size_t left = m->len;
	ssize_t n;

	if (fd == -1)
		return -errno;
	while (left != 0) {
		n = write(fd, p, left);
		if (n == -1)
			return -errno;
		p += n;
		left -= (size_t)n;
	}
	return 0;
}

/*
 * In the root's own tmpfs, which becomes read-only, the file itself; anywhere
 * else a read-only mount of a file that lies there.
 */
static int
put_file(struct init *in, struct init_mount *m)
{
	const char *name;
	char stored[24];
	struct stat st;
	int r;
	autoclose int dir = init_parent(in, m->target, &name);

	if (dir < 0)
		return dir;
	if (fstat(dir, &st) == -1)
		return -errno;
	if (st.st_dev == in->own[0])
		return write_file(dir, name, m);
	(void)snprintf(stored, sizeof(stored), "%zu", in->nstored++);
	r = write_file(in->store, stored, m);
	if (r < 0)
		return r;
	m->fd = mount_clone(in->store, stored, 0);
	if (m->fd < 0)
		return m->fd;
	r = mount_set(m->fd, 0, ATTR_BASE | MOUNT_ATTR_NOEXEC |
	    MOUNT_ATTR_RDONLY);
	return r < 0 ? r : init_put(in, m->fd, m->target);
}

/* A file that the payload may change, replace and remove: its own. */
static int
put_copy(struct init *in, struct init_mount *m)
{
	autoclose int dir = -1, fd = -1;
	static char data[65536];
	const char *name;
	off_t at = 0;
	ssize_t n;

	dir = init_parent(in, m->target, &name);
	if (dir < 0)
		return dir;
	if (!init_is_own(in, dir))
		return -EXDEV;
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd == -1)
		return -errno;
	while ((n = pread(m->fd, data, sizeof(data), at)) > 0) {
		if (write(fd, data, (size_t)n) != n)
			return -ENOSPC;
		at += n;
	}
	return n == -1 ? -errno : 0;
}

static int
put_dir(struct init *in, struct init_mount *m)
{
	const char *name;
	autoclose int dir = init_parent(in, m->target, &name);

	if (dir < 0)
		return dir;
	if (!init_is_own(in, dir))
		return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1 ?
		    -ENOENT : 0;
	if (mkdirat(dir, name, 0755) == -1 && errno != EEXIST)
		return -errno;
	return 0;
}

static const struct {
	const char	*verb;
	int		(*put)(struct init *, struct init_mount *);
} ops[] = {
	[MOUNT_BIND] = { "mount", put_bind },
	[MOUNT_TMPFS] = { "mount a tmpfs on", put_tmpfs },
	[MOUNT_SYMLINK] = { "link", put_symlink },
	[MOUNT_FILE] = { "write", put_file },
	[MOUNT_DIR] = { "make", put_dir },
	[MOUNT_COPY] = { "copy", put_copy },
};

static int
put(struct init *in, struct init_mount *m)
{
	int r;

	if (m->skipped)
		return 0;
	r = ops[m->op].put(in, m);
	if (r < 0)
		return init_fail(in, r, "%s %s", ops[m->op].verb, m->target);
	return 0;
}

static bool
is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/';
}

static int
layer(struct init *in)
{
	size_t i;

	if (!in->have_project || !in->isolated)
		return 0;
	for (i = in->nplaced; i < in->nmounts; i++)
		if (in->mounts[i].flags & MOUNT_F_UPPER)
			return init_overlay(in, &in->mounts[i]);
	return init_fail(in, -EINVAL, "%s: no upper layer was handed over",
	    in->project.target);
}

/* The project goes after every row but those that lie in it. */
int
init_mounts(struct init *in)
{
	bool done = !in->have_project;
	size_t i;
	int r = layer(in);

	for (i = in->nplaced; r == 0 && i < in->nmounts; i++) {
		if (!done && is_below(in->mounts[i].target,
		    in->project.target)) {
			done = true;
			r = put(in, &in->project);
		}
		if (r == 0)
			r = put(in, &in->mounts[i]);
	}
	if (r == 0 && !done)
		r = put(in, &in->project);
	return r;
}

/* --- nothing more is added --- */

static int
remove_store(struct init *in)
{
	char name[24];
	size_t i;

	/* Their mounts keep the files; the names are not for the payload. */
	for (i = 0; i < in->nstored; i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		if (unlinkat(in->store, name, 0) == -1)
			return -errno;
	}
	if (unlinkat(in->store, "file", 0) == -1 ||
	    unlinkat(in->store, "folder", AT_REMOVEDIR) == -1 ||
	    unlinkat(in->root, STORE, AT_REMOVEDIR) == -1)
		return -errno;
	return 0;
}

/* The tree stands: nothing is reached past its paths any more. */
static void
close_sources(struct init *in)
{
	size_t i;

	mem_close(&in->root);
	mem_close(&in->proc);
	mem_close(&in->store);
	mem_close(&in->mask_file);
	mem_close(&in->mask_dir);
	mem_close(&in->project.fd);
	for (i = 0; i < in->nmounts; i++)
		mem_close(&in->mounts[i].fd);
}

int
init_seal(struct init *in)
{
	autoclose int dev = -1;
	int r;

	r = remove_store(in);
	if (r < 0)
		return init_fail(in, r, "remove the store of masks");
	dev = openat(in->root, "dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = dev == -1 ? -errno : mount_set(dev, 0, MOUNT_ATTR_RDONLY);
	if (r == 0)
		r = mount_set(in->root, 0, MOUNT_ATTR_RDONLY);
	if (r < 0)
		return init_fail(in, r, "make the root read-only");
	close_sources(in);
	return 0;
}

int
init_pivot(struct init *in)
{
	if (fchdir(in->root) == -1)
		return init_fail(in, -errno, "enter the new root");
	/* The old root ends up on top of the new one, and is taken off. */
	if (syscall(SYS_pivot_root, ".", ".") == -1)
		return init_fail(in, -errno, "change the root");
	if (umount2(".", MNT_DETACH) == -1)
		return init_fail(in, -errno, "let go of the old root");
	if (chdir("/") == -1)
		return init_fail(in, -errno, "enter the new root");
	return 0;
}

/*
 * Opened in the last mount namespace, so that the payload's working directory
 * lies in mounts whose flags are locked.
 */
int
init_cwd(struct init *in)
{
	autoclose int root = open_at(AT_FDCWD, in->project.target,
	    O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	struct stat st;

	if (root < 0)
		return init_fail(in, root, "open %s", in->project.target);
	in->cwd_fd = init_open_beneath(root, in->cwd);
	if (in->cwd_fd < 0)
		return init_fail(in, in->cwd_fd, "open %s in %s", in->cwd,
		    in->project.target);
	if (fstat(in->cwd_fd, &st) == -1)
		return init_fail(in, -errno, "look at %s", in->cwd);
	if (!in->isolated &&
	    (st.st_dev != in->cwd_dev || st.st_ino != in->cwd_ino))
		return init_fail(in, -ESTALE,
		    "%s in %s is not what was checked any more", in->cwd,
		    in->project.target);
	return 0;
}
