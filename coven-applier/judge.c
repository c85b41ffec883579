#include <sys/stat.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "common/protect.h"
#include "coven-applier/applier.h"

/* What an overlay in a user namespace writes beside a file. */
#define MARK_OPAQUE	"user.overlay.opaque"
#define MARK_WHITEOUT	"user.overlay.whiteout"
#define MARK_ORIGIN	"user.overlay.origin"

bool
is_opaque(int folder)
{
	char value[4];

	/* "x" says no more than that some files in it are whiteouts. */
	return fgetxattr(folder, MARK_OPAQUE, value, sizeof(value)) == 1 &&
	    value[0] == 'y';
}

static bool
has_mark(int fd, const char *mark)
{
	return fgetxattr(fd, mark, NULL, 0) >= 0;
}

/* Marks of a file or a folder; a link or a device cannot have any. */
static void
read_marks(struct change *c)
{
	autoclose int fd = -1;

	c->whiteout = S_ISCHR(c->ust.st_mode) && c->ust.st_rdev == 0;
	if (!S_ISREG(c->ust.st_mode) && !S_ISDIR(c->ust.st_mode))
		return;
	fd = tree_open(c->up, c->name, O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return;
	c->copied = has_mark(fd, MARK_ORIGIN);
	c->whiteout = S_ISREG(c->ust.st_mode) && c->ust.st_size == 0 &&
	    has_mark(fd, MARK_WHITEOUT);
}

static int
read_link(int dir, const char *name, char to[APPLY_PATH + 1])
{
	ssize_t n = readlinkat(dir, name, to, APPLY_PATH + 1);

	if (n == -1)
		return -errno;
	if (n > APPLY_PATH)
		return -ENAMETOOLONG;
	to[n] = '\0';
	return 0;
}

/* --- are they the same? --- */

static int
same_bytes(const struct change *c)
{
	static char a[65536], b[65536];
	autoclose int up = tree_open(c->up, c->name, O_RDONLY | O_NONBLOCK);
	autoclose int down = tree_open(c->down, c->name,
	    O_RDONLY | O_NONBLOCK);
	ssize_t n, m;

	/* What cannot be read differs, and is told when it is brought over. */
	if (up < 0 || down < 0)
		return 0;
	do {
		n = read(up, a, sizeof(a));
		m = n > 0 ? pread(down, b, (size_t)n, lseek(up, 0,
		    SEEK_CUR) - n) : 0;
		if (n == -1 || m != n || memcmp(a, b, (size_t)n) != 0)
			return n == 0;
	} while (n > 0);
	return 1;
}

static bool
same(const struct change *c)
{
	if ((c->ust.st_mode ^ c->dst.st_mode) & S_IFMT)
		return false;
	if (S_ISLNK(c->ust.st_mode))
		return strcmp(c->target, c->old_target) == 0;
	if ((c->ust.st_mode ^ c->dst.st_mode) & 0777)
		return false;
	return S_ISDIR(c->ust.st_mode) ||
	    (c->ust.st_size == c->dst.st_size && same_bytes(c));
}

/* --- what is wrong with it --- */

/*
 * A link may name what lies in the project, from where it lies itself.  A
 * ".." behind a name is another folder than the text says where the name is a
 * link, so the way up comes first or leads out.
 */
static bool
leads_out(const char *path, const char *to)
{
	bool down = false;
	int depth = 0;

	if (*to == '/')
		return true;
	for (; (path = strchr(path, '/')) != NULL; path++)
		depth++;
	while (*to != '\0') {
		size_t n = strcspn(to, "/");

		if (n == 2 && memcmp(to, "..", 2) == 0) {
			if (down || --depth < 0)
				return true;
		} else if (n != 0 && !(n == 1 && *to == '.')) {
			down = true;
		}
		to += n + (to[n] == '/');
	}
	return false;
}

static bool
listed(const struct msg_bin *list, const char *path, bool above)
{
	const char *p = list->p, *end = p + list->len;
	size_t n = strlen(path);

	for (; p < end; p += strlen(p) + 1)
		if (strcmp(p, path) == 0 ||
		    (above && strncmp(p, path, n) == 0 && p[n] == '/'))
			return true;
	return false;
}

static bool
has(int dir, const char *name)
{
	struct stat st;

	return dir >= 0 && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * A git folder whatever it is called, as it will be: git finds out by names,
 * of which each may come from either side.  down may be -1.
 */
static bool
is_git_folder(int up, int down)
{
	return (has(up, "HEAD") || has(down, "HEAD")) &&
	    (has(up, "objects") || has(down, "objects") ||
	    has(up, "commondir") || has(down, "commondir"));
}

/*
 * What turns a folder into a git folder: its hooks and configuration may have
 * been brought over before, when they were none.  One that is called .git
 * never had any that nobody named.
 */
static bool
makes_git_folder(const struct change *c)
{
	static const char *const marks[] = { "HEAD", "objects", "commondir" };
	const char *end = strrchr(c->path, '/');
	size_t n = end != NULL ? (size_t)(end - c->path) : 0, i;

	if (c->there || is_git_folder(c->down, -1))
		return false;
	if ((n == 4 || (n > 4 && c->path[n - 5] == '/')) &&
	    memcmp(c->path + n - 4, ".git", 4) == 0)
		return false;
	for (i = 0; i < nitems(marks); i++)
		if (strcmp(c->name, marks[i]) == 0)
			return true;
	return false;
}

static bool
is_protected(const struct applier *a, const struct change *c)
{
	autobuf struct buf b = { 0 };

	/* As a folder .git is where git works; as a file it leads to one. */
	if (strcmp(c->name, ".git") == 0 && c->kind == CHANGE_FOLDER &&
	    c->what != CHANGE_DELETED &&
	    (!c->there || S_ISDIR(c->dst.st_mode)))
		return false;
	if (protect_covers(c->path) || lead_covers(a, c->path, false))
		return true;
	if (!is_git_folder(c->up, c->down))
		return false;
	if (makes_git_folder(c))
		return true;
	(void)buf_addf(&b, "%s%s", PROTECT_GIT_PREFIX, c->name);
	return protect_covers(buf_head(&b));
}

/* Something protected lies at or below what is removed whole. */
static bool
holds_protected(struct applier *a, int dir, const char *name,
    const char *path, unsigned depth)
{
	autoclose int fd = tree_folder(dir, name);
	struct names l = { 0 };
	bool yes = false;
	size_t i;

	if (protect_covers(path) || lead_covers(a, path, true))
		return true;
	if (fd < 0)
		return fd != -ENOTDIR && fd != -ELOOP && fd != -ENOENT;
	if (is_git_folder(fd, -1) || depth == APPLY_DEPTH ||
	    tree_list(a, fd, &l) < 0)
		yes = true;
	for (i = 0; !yes && i < l.n; i++) {
		autobuf struct buf b = { 0 };

		(void)buf_addf(&b, "%s/%s", path, l.v[i]);
		yes = holds_protected(a, fd, l.v[i], buf_head(&b), depth + 1);
	}
	names_free(&l);
	return yes;
}

/*
 * The project's own: changed since, or gone although it was there.  A folder
 * that stays one has nothing that could be lost.  A file that was the
 * project's may have been renamed to here by the session; where no name came
 * or went in the project's folder, it was.
 */
static bool
is_conflict(struct applier *a, const struct change *c, bool replaces)
{
	if (c->there)
		return (replaces || !S_ISDIR(c->dst.st_mode)) &&
		    tree_changed(a, c->down, c->name);
	return c->copied && (S_ISDIR(c->ust.st_mode) || c->dir_changed);
}

/* A folder that nobody but root sees into: what is in it cannot be told. */
static bool
is_shut(const struct change *c)
{
	autoclose int fd = -1;

	if (c->whiteout || !S_ISDIR(c->ust.st_mode))
		return false;
	fd = tree_folder(c->up, c->name);
	return fd == -EACCES;
}

static void
find_faults(struct applier *a, struct change *c)
{
	bool folder = c->kind == CHANGE_FOLDER && c->what == CHANGE_ADDED;
	bool replaces = c->there && S_ISDIR(c->dst.st_mode) &&
	    (c->what == CHANGE_DELETED || c->kind != CHANGE_FOLDER);

	if ((is_protected(a, c) || (replaces && holds_protected(a, c->down,
	    c->name, c->path, 0))) && !listed(&a->spec.allow, c->path, folder))
		c->flags |= CHANGE_F_PROTECTED;
	if (c->kind == CHANGE_LINK && c->what != CHANGE_DELETED &&
	    leads_out(c->path, c->target) &&
	    !listed(&a->spec.allow, c->path, false))
		c->flags |= CHANGE_F_OUTWARD;
	if (c->kind == CHANGE_SPECIAL || is_shut(c) ||
	    strncmp(c->name, APPLY_TEMP, strlen(APPLY_TEMP)) == 0)
		c->flags |= CHANGE_F_SPECIAL;
	c->forced = listed(&a->spec.force, c->path, false);
	if (!c->forced && is_conflict(a, c, replaces))
		c->flags |= CHANGE_F_CONFLICT;
}

static enum change_kind
kind_of(mode_t mode)
{
	return S_ISREG(mode) ? CHANGE_FILE : S_ISDIR(mode) ? CHANGE_FOLDER :
	    S_ISLNK(mode) ? CHANGE_LINK : CHANGE_SPECIAL;
}

int
judge(struct applier *a, struct change *c)
{
	int r = 0;

	c->there = c->down >= 0 && fstatat(c->down, c->name, &c->dst,
	    AT_SYMLINK_NOFOLLOW) == 0;
	if (!c->whiteout)
		read_marks(c);
	if (c->whiteout && !c->there)
		return 0;
	c->kind = kind_of(c->whiteout ? c->dst.st_mode : c->ust.st_mode);
	c->what = c->whiteout ? CHANGE_DELETED : c->there ? CHANGE_MODIFIED :
	    CHANGE_ADDED;
	if (!c->whiteout && c->kind == CHANGE_LINK)
		r = read_link(c->up, c->name, c->target);
	if (r == 0 && c->there && S_ISLNK(c->dst.st_mode))
		r = read_link(c->down, c->name, c->old_target);
	if (r < 0)
		return fail(a, r, "read the link %s", c->path);
	if (c->what == CHANGE_MODIFIED && !is_shut(c) && same(c))
		return 0;
	find_faults(a, c);
	return 1;
}
