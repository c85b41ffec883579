/*
 * A socket or FIFO that existed before the launch reaches the host through a
 * read-only mount, a network namespace and Landlock alike.  So the mounted
 * trees are walked, by descriptors, and an empty file is mounted over each.
 *
 * A mount point cannot be renamed, the folders above it can: a session that
 * works in the same project could move one from where the walk has yet to
 * look to where it has looked.  So they become mount points as well.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"
#include "coven-runner/protect.h"

/* A folder being walked: its name, and names in it still to be dealt with. */
struct level {
	int		 fd;
	char		 name[NAME_MAX + 1];
	bool		 pinned;
	unsigned	 saw;		/* enum protect_saw */
	struct buf	 folders, sockets;
};

struct walk {
	struct init	*in;
	bool		 ours;		/* nobody's but earlier payloads' */
	bool		 protect;	/* what is protected is looked for */
	size_t		 number;	/* of the mount, for init_mount_of */
	const char	*target;
	struct level	*levels;
	size_t		 depth;
};

#define NAMES_MAX	((size_t)64 << 20)
#define MOUNTS_MAX	((size_t)64 << 20)	/* 100000 lines */

static int
too_much(struct walk *w, const char *rule, unsigned limit)
{
	return init_fail(w->in, -E2BIG, "%s: more than %u %s", w->target,
	    limit, rule);
}

/* Make l a mount point; what is mounted below it comes along. */
static int
pin_level(const struct level *parent, struct level *l)
{
	autoclose int point = openat(parent->fd, l->name, O_PATH |
	    O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	autoclose int mnt = -1;
	struct stat a, b;
	int fd, r;

	if (point == -1 || fstat(point, &a) == -1 || fstat(l->fd, &b) == -1)
		return -errno;
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return -ESTALE;
	mnt = mount_clone(point, "", AT_EMPTY_PATH | AT_RECURSIVE);
	r = mnt < 0 ? mnt : mount_attach(mnt, point, "");
	if (r < 0)
		return r;
	/* What is covered from now on must be covered in the new mount. */
	fd = openat(mnt, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -errno;
	mem_close(&l->fd);
	l->fd = fd;
	l->pinned = true;
	return 0;
}

/* The first level is the root of a mount. */
static int
pin(struct walk *w)
{
	size_t i;
	int r;

	for (i = 1; i < w->depth; i++) {
		if (w->levels[i].pinned)
			continue;
		r = pin_level(&w->levels[i - 1], &w->levels[i]);
		if (r < 0)
			return init_fail(w->in, r, "hold the folder %s in %s",
			    w->levels[i].name, w->target);
	}
	return 0;
}

static int
cover(struct walk *w, struct level *l, const char *name, bool folder)
{
	int dir, r;

	/* What a payload planted must not keep the next one from starting. */
	if (w->ours && !folder && w->in->nmasked >= INIT_MASKED_MAX / 2 &&
	    unlinkat(l->fd, name, 0) == 0)
		return 0;
	if (w->in->nmasked == INIT_MASKED_MAX)
		return too_much(w, "sockets and FIFOs to mask",
		    INIT_MASKED_MAX);
	r = pin(w);
	if (r < 0)
		return r;
	dir = l->fd;
	r = init_cover(w->in, dir, name, folder);
	/* Gone, or replaced by something else, since it was listed. */
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return init_fail(w->in, r, "mask %s in %s", name, w->target);
	w->in->nmasked++;
	return 0;
}

static unsigned char
type_of(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return DT_UNKNOWN;
	return (unsigned char)IFTODT(st.st_mode);
}

static int
look(struct walk *w, struct level *l, const char *name, unsigned char type)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (++w->in->nwalked > INIT_WALK_MAX)
		return too_much(w, "entries to look at", INIT_WALK_MAX);
	if (w->protect)
		l->saw |= protect_saw(name);
	if (type == DT_UNKNOWN)
		type = type_of(l->fd, name);
	if (((type == DT_SOCK || type == DT_FIFO) &&
	    buf_add(&l->sockets, name, strlen(name) + 1) < 0) ||
	    (type == DT_DIR &&
	    buf_add(&l->folders, name, strlen(name) + 1) < 0))
		return too_much(w, "bytes of names", NAMES_MAX);
	return 0;
}

struct linux_dirent64 {
	uint64_t	d_ino;
	int64_t		d_off;
	uint16_t	d_reclen;
	uint8_t		d_type;
	char		d_name[];
};

static int
list(struct walk *w, struct level *l)
{
	static char batch[65536]
	    __attribute__((aligned(__alignof__(struct linux_dirent64))));
	ssize_t n, at;
	int r;

	while ((n = getdents64(l->fd, batch, sizeof(batch))) > 0) {
		for (at = 0; at < n; ) {
			struct linux_dirent64 *d =
			    (struct linux_dirent64 *)(void *)(batch + at);

			r = look(w, l, d->d_name, d->d_type);
			if (r < 0)
				return r;
			at += d->d_reclen;
		}
	}
	if (n == -1 && errno != ENOENT)
		return init_fail(w->in, -errno, "list a folder of %s",
		    w->target);
	return 0;
}

/* Not while it is listed: covering replaces the level's descriptor. */
static int
cover_listed(struct walk *w, struct level *l)
{
	int r = 0;

	while (r == 0 && buf_left(&l->sockets) != 0) {
		const char *name = buf_head(&l->sockets);

		r = cover(w, l, name, false);
		buf_consume(&l->sockets, strlen(name) + 1);
	}
	return r;
}

/*
 * A folder that cannot be listed but can be passed through hides names that
 * the payload may know: it is covered whole.
 */
static int
unreadable(struct walk *w, int dir, const char *name)
{
	struct level root = { .fd = dir };

	if (faccessat(dir, name, X_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) == -1)
		return 0;
	return cover(w, w->depth != 0 ? &w->levels[w->depth - 1] : &root,
	    name, true);
}

static int
find_protected(struct walk *w, struct level *l)
{
	autobuf struct buf path = { 0 };
	size_t i;

	if (!w->protect)
		return 0;
	if (w->depth == 1)
		l->saw |= SAW_ROOT;
	else if (strcmp(l->name, ".git") == 0)
		l->saw |= SAW_GIT_NAME;
	if (!protect_wanted(l->saw))
		return 0;
	(void)buf_addf(&path, "%zu/", w->number);
	for (i = 1; i < w->depth; i++)
		(void)buf_addf(&path, "%s/", w->levels[i].name);
	return protect_find(w->in, l->fd, buf_head(&path), l->saw);
}

static int
enter(struct walk *w, int dir, const char *name)
{
	struct level *l;
	int r, fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC | O_NONBLOCK);

	if (fd == -1 && (errno == ENOENT || errno == ENOTDIR ||
	    errno == ELOOP))
		return 0;
	if (fd == -1 && errno == EACCES)
		return unreadable(w, dir, name);
	if (fd == -1)
		return init_fail(w->in, -errno, "open a folder of %s",
		    w->target);
	if (w->depth == INIT_DEPTH_MAX) {
		mem_close(&fd);
		if (w->ours)
			return cover(w, &w->levels[w->depth - 1], name, true);
		return too_much(w, "folders deep", INIT_DEPTH_MAX);
	}
	l = &w->levels[w->depth++];
	*l = (struct level){ .fd = fd };
	(void)snprintf(l->name, sizeof(l->name), "%s", name);
	buf_init(&l->folders, NAMES_MAX);
	buf_init(&l->sockets, NAMES_MAX);
	r = list(w, l);
	if (r == 0)
		r = find_protected(w, l);
	return r < 0 ? r : cover_listed(w, l);
}

static void
leave(struct walk *w)
{
	struct level *l = &w->levels[--w->depth];

	mem_close(&l->fd);
	buf_fini(&l->folders);
	buf_fini(&l->sockets);
}

static int
walk(struct init *in, const struct init_mount *m)
{
	autofree struct level *levels = mem_zalloc(INIT_DEPTH_MAX,
	    sizeof(*levels));
	struct walk w = { .in = in, .ours = m->flags & MOUNT_F_OURS,
	    .protect = m == &in->project || (m->flags & MOUNT_F_PROTECT),
	    .number = m == &in->project ? 0 : (size_t)(m - in->mounts) + 1,
	    .target = m->target, .levels = levels };
	int r;

	r = enter(&w, m->fd, ".");
	while (r == 0 && w.depth != 0) {
		struct level *l = &w.levels[w.depth - 1];

		if (buf_left(&l->folders) == 0) {
			leave(&w);
			continue;
		}
		/* Entering may move nothing of l: levels do not move. */
		r = enter(&w, l->fd, buf_head(&l->folders));
		buf_consume(&l->folders, strlen(buf_head(&l->folders)) + 1);
	}
	while (w.depth != 0)
		leave(&w);
	return r;
}

/* --- a socket that is itself a mount ------------------------------------- */

/* A folder's list says what lies below a mount, not what is mounted. */
static int
cover_mounted(struct init *in, const char *path)
{
	const char *name;
	autoclose int dir = init_parent(in, path, &name);
	struct stat st;
	int r;

	if (dir < 0 || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return 0;	/* of the old root alone */
	if (!S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return 0;
	r = init_cover(in, dir, name, false);
	return r < 0 ? init_fail(in, r, "mask the mount %s", path) : 0;
}

static bool
lies_in(const char *path, const struct init_mount *m)
{
	size_t n = strlen(m->target);

	return m->op == MOUNT_BIND && !m->skipped &&
	    strncmp(path, m->target, n) == 0 && path[n] == '/';
}

/* proc_pid_mountinfo(5): space, tab, newline, backslash are \ooo. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s != '\0'; s++)
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
			    (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

static int
read_mounts(struct init *in, struct buf *b)
{
	autoclose int fd = openat(in->proc, "self/mountinfo",
	    O_RDONLY | O_CLOEXEC);
	static char data[65536];
	ssize_t n = -1;

	while (fd != -1 && (n = read(fd, data, sizeof(data))) > 0)
		if (buf_add(b, data, (size_t)n) < 0)
			return -E2BIG;
	return n == 0 ? buf_add(b, "", 1) : -errno;
}

#ifndef SYS_listmount
#define SYS_listmount		458	/* Linux 6.8, everywhere */
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE	0x4000U
#endif

/* struct mnt_id_req of include/uapi/linux/mount.h, its first size */
struct mount_request {
	uint32_t	size, spare;
	uint64_t	id, last;
};

/* May something be mounted below the mount?  The kernel tells since 6.8. */
static bool
holds_mounts(int mnt)
{
	struct mount_request req = { .size = sizeof(req) };
	struct statx sx;
	uint64_t below;

	if (statx(mnt, "", AT_EMPTY_PATH, STATX_MNT_ID_UNIQUE, &sx) == -1 ||
	    (sx.stx_mask & STATX_MNT_ID_UNIQUE) == 0)
		return true;
	req.id = sx.stx_mnt_id;
	return syscall(SYS_listmount, &req, &below, 1, 0) != 0;
}

static bool
any_holds_mounts(const struct init *in)
{
	size_t i;

	if (in->have_project && holds_mounts(in->project.fd))
		return true;
	for (i = in->nplaced; i < in->nmounts; i++)
		if (in->mounts[i].op == MOUNT_BIND && !in->mounts[i].skipped &&
		    holds_mounts(in->mounts[i].fd))
			return true;
	return false;
}

static int
mask_mounts(struct init *in)
{
	autobuf struct buf b = { .max = MOUNTS_MAX };
	char *line, *path, *save = NULL, *fields;
	size_t i;
	int k, r = read_mounts(in, &b);

	if (r < 0)
		return init_fail(in, r, "read the mounts");
	for (line = strtok_r(b.data, "\n", &save); r == 0 && line != NULL;
	    line = strtok_r(NULL, "\n", &save)) {
		fields = line;
		for (k = 0; k < 5; k++)		/* the fifth is the place */
			path = strsep(&fields, " ");
		if (path == NULL)
			continue;
		unescape(path);
		if (in->have_project && lies_in(path, &in->project))
			r = cover_mounted(in, path);
		for (i = in->nplaced; r == 0 && i < in->nmounts; i++)
			if (lies_in(path, &in->mounts[i])) {
				r = cover_mounted(in, path);
				break;
			}
	}
	return r;
}

int
init_mask(struct init *in)
{
	struct stat st;
	size_t i;
	int r = 0;

	if (in->have_project)
		r = walk(in, &in->project);
	for (i = in->nplaced; r == 0 && i < in->nmounts; i++) {
		const struct init_mount *m = &in->mounts[i];

		if (m->op != MOUNT_BIND || m->skipped ||
		    !(m->flags & MOUNT_F_MASK))
			continue;
		if (fstat(m->fd, &st) == -1)
			return init_fail(in, -errno, "look at %s", m->target);
		if (S_ISDIR(st.st_mode))
			r = walk(in, m);
	}
	return r < 0 || !any_holds_mounts(in) ? r : mask_mounts(in);
}
