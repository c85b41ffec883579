/*
 * One change, brought over.  Whatever happens at whatever moment, each name
 * of the project holds what was there before or what is to be there, whole.
 *
 * New things are made under a name of ours beside it, synced, and exchanged
 * with what is there.  What comes out is looked at: if that is not what was
 * judged, it goes back.  So nothing that somebody writes meanwhile is lost.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-applier/applier.h"

static int
rename_at(int dir, const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, dir, from, dir, to, flags) == -1 ?
	    -errno : 0;
}

static bool
is_judged(const struct change *c, const char *name)
{
	struct stat st;

	/* Its ctime has changed: it was renamed. */
	return fstatat(c->down, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == c->dst.st_dev && st.st_ino == c->dst.st_ino &&
	    (S_ISDIR(st.st_mode) || (st.st_size == c->dst.st_size &&
	    st.st_mtim.tv_sec == c->dst.st_mtim.tv_sec &&
	    st.st_mtim.tv_nsec == c->dst.st_mtim.tv_nsec));
}

/* A folder is what it was if nothing came into it until it was out of reach. */
static bool
is_still_judged(struct applier *a, const struct change *c, const char *temp)
{
	if (!is_judged(c, temp))
		return false;
	return !S_ISDIR(c->dst.st_mode) || c->forced ||
	    !tree_changed(a, c->down, temp);
}

/*
 * Some file systems know no flags.  There what was judged is looked at again,
 * and then replaced: a moment in which somebody's write can be lost.
 */
static int
rename_or_plain(const struct change *c, const char *from, const char *to,
    unsigned flags)
{
	int r = rename_at(c->down, from, to, flags);

	if (r != -EINVAL)
		return r;
	return c->there == is_judged(c, c->name) ?
	    rename_at(c->down, from, to, 0) : -EBUSY;
}

static void
temp_name(struct applier *a, char name[64])
{
	(void)snprintf(name, 64, APPLY_TEMP "%u", a->ntemp++);
}

/* --- what is to be there, under a name of ours --- */

static int
copy_bytes(int from, int to)
{
	static char data[1 << 20];
	ssize_t n, m, at;

	while ((n = read(from, data, sizeof(data))) > 0)
		for (at = 0; at < n; at += m) {
			m = write(to, data + at, (size_t)(n - at));
			if (m == -1)
				return -errno;
		}
	return n == -1 ? -errno : 0;
}

static int
make_file(const struct change *c, const char *temp)
{
	autoclose int from = tree_open(c->up, c->name,
	    O_RDONLY | O_NONBLOCK);
	autoclose int to = -1;
	struct stat st;
	int r;

	if (from < 0)
		return from;
	if (fstat(from, &st) == -1 || !S_ISREG(st.st_mode))
		return -EINVAL;
	to = openat(c->down, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (to == -1)
		return -errno;
	r = copy_bytes(from, to);
	if (r == 0 && (fchmod(to, c->ust.st_mode & 0777) == -1 ||
	    fsync(to) == -1))
		r = -errno;
	return r;
}

static int
make(const struct change *c, const char *temp)
{
	if (c->kind == CHANGE_FILE)
		return make_file(c, temp);
	if (c->kind == CHANGE_LINK)
		return symlinkat(c->target, c->down, temp) == -1 ? -errno : 0;
	return mkdirat(c->down, temp, 0700) == -1 ? -errno : 0;
}

/* --- into its place --- */

static enum change_result
lost_race(struct applier *a, const struct change *c, const char *temp)
{
	(void)tree_remove(c->down, temp);
	(void)fail(a, -EBUSY, "%s changes while it is replaced", c->path);
	return RESULT_CONFLICT;
}

static enum change_result
failed(struct applier *a, const struct change *c, int err)
{
	(void)fail(a, err, "%s", c->path);
	return RESULT_FAILED;
}

static enum change_result
put_new(struct applier *a, const struct change *c, const char *temp)
{
	int r = rename_or_plain(c, temp, c->name, RENAME_NOREPLACE);

	if (r == -EEXIST)
		return lost_race(a, c, temp);
	if (r < 0) {
		(void)tree_remove(c->down, temp);
		return failed(a, c, r);
	}
	return RESULT_APPLIED;
}

static enum change_result
put_over(struct applier *a, const struct change *c, const char *temp)
{
	int r = rename_at(c->down, temp, c->name, RENAME_EXCHANGE);

	if (r == -ENOENT)
		return lost_race(a, c, temp);
	if (r < 0) {
		(void)tree_remove(c->down, temp);
		return failed(a, c, r);
	}
	if (!is_still_judged(a, c, temp)) {
		(void)rename_at(c->down, temp, c->name, RENAME_EXCHANGE);
		return lost_race(a, c, temp);
	}
	r = tree_remove(c->down, temp);
	return r < 0 ? failed(a, c, r) : RESULT_APPLIED;
}

static enum change_result
take_away(struct applier *a, const struct change *c, const char *temp)
{
	int r = rename_or_plain(c, c->name, temp, RENAME_NOREPLACE);

	if (r < 0)
		return failed(a, c, r);
	if (!is_still_judged(a, c, temp)) {
		r = rename_at(c->down, temp, c->name, RENAME_NOREPLACE);
		(void)fail(a, -EBUSY, "%s changes while it is removed",
		    c->path);
		return r < 0 ? failed(a, c, r) : RESULT_CONFLICT;
	}
	r = tree_remove(c->down, temp);
	return r < 0 ? failed(a, c, r) : RESULT_APPLIED;
}

enum change_result
apply(struct applier *a, const struct change *c)
{
	char temp[64];
	int r;

	if (c->flags & (CHANGE_F_PROTECTED | CHANGE_F_OUTWARD |
	    CHANGE_F_SPECIAL))
		return RESULT_REFUSED;
	if (c->flags & CHANGE_F_CONFLICT)
		return RESULT_CONFLICT;
	if (c->down < 0)
		return failed(a, c, -ENOENT);
	temp_name(a, temp);
	if (c->what == CHANGE_DELETED)
		return take_away(a, c, temp);
	/* Its mode alone: the walk sets it, after what lies in it. */
	if (c->kind == CHANGE_FOLDER && c->there && S_ISDIR(c->dst.st_mode))
		return RESULT_APPLIED;
	r = make(c, temp);
	if (r < 0) {
		(void)tree_remove(c->down, temp);
		return failed(a, c, r);
	}
	return c->there ? put_over(a, c, temp) : put_new(a, c, temp);
}
