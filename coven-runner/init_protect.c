/*
 * What of the project is read-only, because something outside executes it.
 *
 * The walk of init_mask.c finds the paths; here each becomes a read-only
 * mount, and so does, writable, every folder from the root down to it: a
 * mount point cannot be renamed, its unmounted parent can.  Mounts are all
 * that is made: in the project itself nothing is.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/protect.h"
#include "common/protect_way.h"
#include "coven-runner/init.h"
#include "coven-runner/protect.h"

#define ENTRY	(O_PATH | O_NOFOLLOW | O_CLOEXEC)
#define LIST_MAX	((size_t)16 << 20)

/* --- what the walk sees --- */

unsigned
protect_saw(const char *name)
{
	static const struct {
		const char	*name;
		unsigned	 saw;
	} marks[] = {
		{ ".git", SAW_GIT }, { "HEAD", SAW_HEAD },
		{ "objects", SAW_OBJECTS }, { "commondir", SAW_COMMONDIR },
	};
	size_t i;

	for (i = 0; i < nitems(marks); i++)
		if (strcmp(name, marks[i].name) == 0)
			return marks[i].saw;
	return 0;
}

static bool
is_top(unsigned saw)
{
	return saw & (SAW_ROOT | SAW_GIT);
}

/* One that has no HEAD yet may be given one, and is called .git. */
static bool
is_git(unsigned saw)
{
	return (saw & SAW_GIT_NAME) || ((saw & SAW_HEAD) &&
	    (saw & (SAW_OBJECTS | SAW_COMMONDIR)));
}

bool
protect_wanted(unsigned saw)
{
	return is_top(saw) || is_git(saw);
}

static bool
is_opened(const struct init *in, const char *row)
{
	const char *p = buf_head(&in->open), *end = p + buf_left(&in->open);

	for (; p < end; p += strlen(p) + 1)
		if (strcmp(p, row) == 0)
			return true;
	return false;
}

static int
add(struct init *in, const char *prefix, const char *path)
{
	if (in->nfound == INIT_PROTECT_MAX)
		return init_fail(in, -E2BIG, "%s: more than %u protected "
		    "paths", in->project.target, INIT_PROTECT_MAX);
	in->nfound++;
	in->found.max = LIST_MAX;
	if (buf_addf(&in->found, "%s%s", prefix, path) < 0 ||
	    buf_add(&in->found, "", 1) < 0)
		return init_fail(in, -E2BIG, "%s: the names of its protected "
		    "paths", in->project.target);
	return 0;
}

/*
 * The path a row means here, cut at what is missing: where .github has no
 * workflows yet, .github itself.  Empty when nothing of it is there.
 */
static void
present(int dir, const char *row, bool git, char path[PATH_MAX])
{
	struct stat st;
	char *slash;

	(void)snprintf(path, PATH_MAX, "%s",
	    git ? row + strlen(PROTECT_GIT_PREFIX) : row);
	while (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		slash = strrchr(path, '/');
		if (slash == NULL) {
			path[0] = '\0';
			return;
		}
		*slash = '\0';
	}
	/* A folder of that name is looked into; a link may be replaced. */
	if (strcmp(row, ".git") == 0 && S_ISDIR(st.st_mode))
		path[0] = '\0';
}

int
protect_find(struct init *in, int dir, const char *prefix, unsigned saw)
{
	char path[PATH_MAX];
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < protect_count; i++) {
		const struct protect *row = &protect_rows[i];
		bool git = row->place == PROTECT_GIT;

		if (!(git ? is_git(saw) : is_top(saw)) ||
		    is_opened(in, row->path))
			continue;
		present(dir, row->path, git, path);
		if (path[0] != '\0')
			r = add(in, prefix, path);
		else if (strcmp(row->path, PROTECT_GIT_PREFIX GUARDED) == 0)
			r = init_guard_add(in, prefix);
	}
	return r;
}

const struct init_mount *
init_mount_of(const struct init *in, const char **path)
{
	char *rest;
	size_t n = strtoul(*path, &rest, 10);

	*path = rest + (*rest == '/');
	return n == 0 ? &in->project : &in->mounts[n - 1];
}

/* --- mounts --- */

static bool
is_mount(int fd)
{
	struct statx sx;

	return statx(fd, "", AT_EMPTY_PATH, 0, &sx) == 0 &&
	    (sx.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Mount what fd is over itself; what is mounted below it comes along. */
static int
mount_self(int fd, bool read_only)
{
	autoclose int mnt = mount_clone(fd, "", AT_EMPTY_PATH | AT_RECURSIVE);
	int r;

	if (mnt < 0)
		return mnt;
	r = read_only ? mount_set(mnt, AT_RECURSIVE, MOUNT_ATTR_RDONLY) : 0;
	return r < 0 ? r : mount_attach(mnt, fd, "");
}

/* Step into name, which is a mount point from then on. */
static int
descend(int *dir, const char *name)
{
	autoclose int next = openat(*dir, name, ENTRY | O_DIRECTORY);
	int r;

	if (next == -1)
		return -errno;
	if (!is_mount(next)) {
		r = mount_self(next, false);
		if (r < 0)
			return r;
		mem_close(&next);
		next = openat(*dir, name, ENTRY | O_DIRECTORY);
		if (next == -1)
			return -errno;
	}
	mem_close(dir);
	*dir = mem_steal_fd(&next);
	return 0;
}

/* No link on the way to it, and none below it is followed. */
static int
place(const struct init_mount *m, const char *path)
{
	autoclose int dir = openat(m->fd, ".", ENTRY | O_DIRECTORY);
	autoclose int fd = -1;
	char name[NAME_MAX + 1];
	const char *p = path, *slash;
	struct stat st;
	int r;

	if (dir == -1)
		return -errno;
	for (; (slash = strchr(p, '/')) != NULL; p = slash + 1) {
		(void)snprintf(name, sizeof(name), "%.*s", (int)(slash - p), p);
		r = descend(&dir, name);
		if (r < 0)
			return r;
	}
	fd = openat(dir, p, ENTRY);
	if (fd == -1 || fstat(fd, &st) == -1)
		return -errno;
	/* A link that others led through has its mount. */
	return S_ISLNK(st.st_mode) && is_mount(fd) ? 0 : mount_self(fd, true);
}

/*
 * Where a protected name is a link, or lies behind one, what is executed is
 * what that leads to; and the link is covered, so that it leads there.
 */
static int
place_each(void *ctx, const char *path, bool link)
{
	const struct init_mount *const *m = ctx;

	(void)link;
	return place(*m, path);
}

static int
protect_one(struct init *in, const char *path)
{
	static struct protect_way way;
	const struct init_mount *m = init_mount_of(in, &path);

	way.root = m->fd;
	way.name = m->target;
	way.each = place_each;
	way.ctx = &m;
	return protect_follow(&way, path);
}

/*
 * One that is gone, or has another form, since it was listed is as absent as
 * one that never was: who could have removed it has no use for this sandbox.
 */
static bool
is_gone(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP;
}

int
init_protect(struct init *in)
{
	int r = 0;

	while (r == 0 && buf_left(&in->found) != 0) {
		autofree char *path = mem_strdup(buf_head(&in->found));

		buf_consume(&in->found, strlen(path) + 1);
		r = protect_one(in, path);
		if (is_gone(r))
			r = 0;
		else if (r < 0)
			return init_fail(in, r, "protect %s", path);
	}
	return r;
}
