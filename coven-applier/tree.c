#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-applier/applier.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2	452	/* Linux 6.6, the same everywhere */
#endif

int
tree_open(int dir, const char *name, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_NOFOLLOW | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS |
	    RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS };
	long fd;

	/* EAGAIN: a rename was under way, and BENEATH cannot be sure. */
	do {
		fd = syscall(SYS_openat2, dir, name, &how, sizeof(how));
	} while (fd == -1 && errno == EAGAIN);
	return fd == -1 ? -errno : (int)fd;
}

int
tree_folder(int dir, const char *name)
{
	return tree_open(dir, name, O_RDONLY | O_DIRECTORY);
}

/* --- names --- */

struct linux_dirent64 {
	uint64_t	d_ino;
	int64_t		d_off;
	uint16_t	d_reclen;
	uint8_t		d_type;
	char		d_name[];
};

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void
names_free(struct names *l)
{
	while (l->n != 0)
		free(l->v[--l->n]);
	free(l->v);
	*l = (struct names){ 0 };
}

bool
names_have(const struct names *l, const char *name)
{
	return l->n != 0 && bsearch(&name, l->v, l->n, sizeof(*l->v),
	    compare) != NULL;
}

static void
names_add(struct names *l, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return;
	if ((l->n & (l->n - 1)) == 0)	/* full at each power of two */
		l->v = mem_realloc(l->v, l->n != 0 ? l->n * 2 : 1,
		    sizeof(*l->v));
	l->v[l->n++] = mem_strdup(name);
}

/* At most max of them, in the kernel's order. */
static int
list_some(int dir, struct names *l, size_t max)
{
	static char batch[65536]
	    __attribute__((aligned(__alignof__(struct linux_dirent64))));
	ssize_t n, at;

	if (lseek(dir, 0, SEEK_SET) == -1)
		return -errno;
	while (l->n < max && (n = getdents64(dir, batch,
	    sizeof(batch))) != 0) {
		if (n == -1)
			return errno == ENOENT ? 0 : -errno;
		for (at = 0; at < n; ) {
			struct linux_dirent64 *d =
			    (struct linux_dirent64 *)(void *)(batch + at);

			names_add(l, d->d_name);
			at += d->d_reclen;
		}
	}
	return 0;
}

int
tree_list(struct applier *a, int dir, struct names *l)
{
	int r = list_some(dir, l, APPLY_ENTRIES);

	a->nlooked += l->n;
	if (r == 0 && a->nlooked > APPLY_ENTRIES)
		return fail(a, -E2BIG, "more than %d entries", APPLY_ENTRIES);
	if (l->n != 0)
		qsort(l->v, l->n, sizeof(*l->v), compare);
	return r;
}

/* --- removal --- */

struct level {
	int		 fd;
	unsigned	 depth;
	struct names	 left;
	struct level	*above;
	char		*name;		/* its own */
};

#define SOME	1024

/*
 * A descriptor for each folder that it is in.  What lies deeper than there
 * are descriptors comes up to the lowest, which is looked at until it is
 * empty.
 */
static int
lift(const struct level *top, const char *name)
{
	static unsigned n;
	char to[64];
	int from = top->fd;

	while (top->above != NULL)
		top = top->above;
	(void)snprintf(to, sizeof(to), APPLY_TEMP "deep-%u", n++);
	return renameat(from, name, top->fd, to) == -1 ? -errno : 0;
}

static bool alone;

void
tree_alone(void)
{
	alone = true;
}

/*
 * A mode that shuts its owner out is his to change.  By the folder that was
 * opened as a place: by its name it might be a link by now, and lead out.
 */
static int
open_up(int dir, const char *name)
{
	autoclose int place = tree_open(dir, name, O_PATH | O_DIRECTORY);

	if (place < 0)
		return place;
	if (syscall(SYS_fchmodat2, place, "", 0700, AT_EMPTY_PATH) == 0)
		return 0;
	/* An older kernel: by name, where nobody else is at work. */
	if (errno != ENOSYS || !alone)
		return -errno;
	return fchmodat(dir, name, 0700, 0) == -1 ? -errno : 0;
}

static int
push(struct level **top, int dir, const char *name)
{
	struct level *l;
	int fd;

	if (*top != NULL && (*top)->depth == APPLY_DEPTH)
		return lift(*top, name);
	fd = tree_folder(dir, name);
	if (fd == -EACCES && open_up(dir, name) == 0)
		fd = tree_folder(dir, name);
	if (fd < 0)
		return fd;
	(void)fchmod(fd, 0700);
	l = mem_zalloc(1, sizeof(*l));
	l->fd = fd;
	l->depth = *top != NULL ? (*top)->depth + 1 : 0;
	l->above = *top;
	l->name = mem_strdup(name);
	*top = l;
	return 0;
}

static void
pop(struct level **top)
{
	struct level *l = *top;

	*top = l->above;
	mem_close(&l->fd);
	names_free(&l->left);
	free(l->name);
	free(l);
}

/* One name of the folder on top, or the folder itself when it is empty. */
static int
remove_one(struct level **top, int dir)
{
	struct level *l = *top;
	autofree char *name = NULL;
	int r;

	if (l->left.n == 0) {
		r = list_some(l->fd, &l->left, SOME);
		if (r < 0)
			return r;
	}
	if (l->left.n == 0) {
		int above = l->above != NULL ? l->above->fd : dir;

		r = unlinkat(above, l->name, AT_REMOVEDIR) == -1 &&
		    errno != ENOENT ? -errno : 0;
		pop(top);
		return r;
	}
	name = l->left.v[--l->left.n];
	if (unlinkat(l->fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	return push(top, l->fd, name);
}

int
tree_remove(int dir, const char *name)
{
	struct level *top = NULL;
	int r;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	r = push(&top, dir, name);
	while (r == 0 && top != NULL)
		r = remove_one(&top, dir);
	while (top != NULL)
		pop(&top);
	return r;
}

int
tree_clean(struct applier *a, int dir)
{
	struct names l = { 0 };
	int r = tree_list(a, dir, &l);
	size_t i;

	for (i = 0; r == 0 && i < l.n; i++)
		if (strncmp(l.v[i], APPLY_TEMP, strlen(APPLY_TEMP)) == 0)
			r = tree_remove(dir, l.v[i]);
	names_free(&l);
	return r;
}

/* --- changes since --- */

static bool
is_since(const struct applier *a, const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec >= a->made_ns;
}

/* Nobody but the kernel sets a ctime, and it does so at every change. */
static bool
is_newer(const struct applier *a, const struct stat *st)
{
	return is_since(a, &st->st_ctim);
}

bool
tree_dir_changed(const struct applier *a, int dir)
{
	struct stat st;

	return fstat(dir, &st) == -1 || is_since(a, &st.st_mtim);
}

static bool
below_changed(struct applier *a, int dir, const char *name, unsigned depth)
{
	autoclose int fd = -1;
	struct names l = { 0 };
	bool yes = false;
	struct stat st;
	size_t i;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno != ENOENT;
	if (!S_ISDIR(st.st_mode))
		return is_newer(a, &st);
	if (depth == APPLY_DEPTH)
		return true;
	fd = tree_folder(dir, name);
	if (fd < 0 || tree_list(a, fd, &l) < 0)
		yes = true;	/* what cannot be looked at is not removed */
	for (i = 0; !yes && i < l.n; i++)
		yes = below_changed(a, fd, l.v[i], depth + 1);
	names_free(&l);
	return yes;
}

bool
tree_changed(struct applier *a, int dir, const char *name)
{
	return below_changed(a, dir, name, 0);
}
