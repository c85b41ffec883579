#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/mem.h"
#include "coven-remover/remove.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2	452	/* Linux 6.6, the same everywhere */
#endif

#define NAMES_TRIED	64	/* at the top, for what comes up */

/* What getdents64 writes; glibc has no name for it. */
struct entry {
	uint64_t	ino;
	int64_t		off;
	uint16_t	len;
	uint8_t		type;
	char		name[];
};

struct level {
	int		fd;
	size_t		at, len;
	const char	*name;		/* the entry in hand */
	char		names[REMOVE_BUFFER] __attribute__((aligned(8)));
};

struct walk {
	int			 top;
	bool			 own_root;
	struct worker_clock	 clock;
	struct remove_result	*result;
	uint64_t		 seen;		/* entries of the top */
	uint64_t		 hoisted;	/* in this pass */
	uint64_t		 serial;	/* of names at the top */
	int			 depth;
	struct level		 levels[REMOVE_DEPTH];
};

static bool
is_flagged(int dir, const char *name)
{
	struct statx st, up;
	uint64_t bits = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;

	if (statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0,
	    &st) == 0 && (st.stx_attributes & bits) != 0)
		return true;
	return statx(dir, "", AT_EMPTY_PATH, 0, &up) == 0 &&
	    (up.stx_attributes & bits) != 0;
}

static void
stays(struct walk *w, const char *name, int error)
{
	struct remove_result *r = w->result;

	if (error == EBUSY || error == EXDEV)
		r->mounts++;
	else if (error == EPERM && is_flagged(w->levels[w->depth].fd, name))
		r->flagged++;
	if (r->left++ != 0)
		return;
	r->error = error;
	worker_name(name, r->name);
}

/* --- modes that forbid their owner --- */

/*
 * A folder by its name, without following a link: it is opened as a place
 * first, and the mode is set through that.
 */
static int
open_up(const struct walk *w, int dir, const char *name)
{
	autoclose int place = worker_open(dir, name, O_PATH | O_DIRECTORY |
	    O_NOFOLLOW, 0);

	if (place < 0)
		return place;
	if (syscall(SYS_fchmodat2, place, "", 0700, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOSYS || !w->own_root)
		return -errno;
	return fchmodat(dir, name, 0700, 0) == -1 ? -errno : 0;
}

static int
open_folder(const struct walk *w, int dir, const char *name)
{
	const uint64_t flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
	int fd = worker_open(dir, name, flags, 0);

	if (fd == -EACCES && open_up(w, dir, name) == 0)
		fd = worker_open(dir, name, flags, 0);
	return fd;
}

/* Names are removed from it, so its owner needs all of rwx. */
static void
make_writable(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
		(void)fchmod(fd, 0700);
}

/* --- the stack --- */

static void
push(struct walk *w, int *fd)
{
	struct level *l = &w->levels[++w->depth];

	l->fd = mem_steal_fd(fd);
	l->at = l->len = 0;
	make_writable(l->fd);
}

static int
rename_up(struct walk *w, int dir, const char *name)
{
	char to[48];
	int i;

	for (i = 0; i < NAMES_TRIED; i++) {
		(void)snprintf(to, sizeof(to), ".coven-remove.%llu",
		    (unsigned long long)w->serial++);
		if (renameat2(dir, name, w->top, to, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

/* Its ".." changes, which takes the right to write it. */
static int
hoist(struct walk *w, int dir, const char *name)
{
	int r = rename_up(w, dir, name);

	if (r == -EACCES && open_up(w, dir, name) == 0)
		r = rename_up(w, dir, name);
	if (r == 0)
		w->hoisted++;
	return r;
}

static void
descend(struct walk *w, const char *name)
{
	int dir = w->levels[w->depth].fd;
	autoclose int fd = -1;
	int r;

	if (w->depth == REMOVE_DEPTH - 1) {
		r = hoist(w, dir, name);
		if (r < 0 && r != -ENOENT)
			stays(w, name, -r);
		return;
	}
	fd = open_folder(w, dir, name);
	if (fd >= 0)
		push(w, &fd);
	else if (fd != -ENOENT && fd != -ENOTDIR && fd != -ELOOP)
		stays(w, name, -fd);
	/* what became a link or a file meanwhile is for the next pass */
}

/* What it was a moment ago is a hint; what the kernel says counts. */
static void
remove_entry(struct walk *w, const struct entry *e)
{
	int dir = w->levels[w->depth].fd;
	bool folder = e->type == DT_DIR;

	FAILPOINT("remover.work-entry");
	if (unlinkat(dir, e->name, folder ? AT_REMOVEDIR : 0) == 0) {
		w->result->removed++;
		return;
	}
	switch (errno) {
	case ENOENT:
		return;
	case ENOTEMPTY:
	case EEXIST:
	case EISDIR:
		descend(w, e->name);
		return;
	default:
		stays(w, e->name, errno);
	}
}

/* The folder that has been walked: it is empty, or something stays. */
static void
pop(struct walk *w)
{
	struct level *l = &w->levels[w->depth];

	mem_close(&l->fd);
	if (w->depth-- == 0)
		return;
	l = &w->levels[w->depth];
	if (unlinkat(l->fd, l->name, AT_REMOVEDIR) == 0)
		w->result->removed++;
	else if (errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST &&
	    errno != ENOTDIR)
		stays(w, l->name, errno);
}

static bool
is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' ||
	    (name[1] == '.' && name[2] == '\0'));
}

static void
step(struct walk *w)
{
	struct level *l = &w->levels[w->depth];
	const struct entry *e;
	long n;

	if (l->at == l->len) {
		n = syscall(SYS_getdents64, l->fd, l->names,
		    sizeof(l->names));
		if (n == -1 && errno != ENOENT)
			stays(w, ".", errno);
		if (n <= 0) {
			pop(w);
			return;
		}
		l->at = 0;
		l->len = (size_t)n;
	}
	e = (const struct entry *)(const void *)(l->names + l->at);
	l->at += e->len;
	if (is_dots(e->name))
		return;
	l->name = e->name;
	w->seen += w->depth == 0;
	remove_entry(w, e);
}

static int
pass(struct walk *w)
{
	autoclose int fd = worker_open(w->top, ".", O_RDONLY | O_DIRECTORY, 0);

	if (fd < 0)
		return fd;
	w->seen = w->hoisted = 0;
	w->result->left = w->result->mounts = w->result->flagged = 0;
	w->depth = -1;
	push(w, &fd);
	while (w->depth >= 0 && !worker_late(&w->clock))
		step(w);
	while (w->depth >= 0)
		mem_close(&w->levels[w->depth--].fd);
	return 0;
}

/*
 * Pass after pass, until one sees nothing, or moves nothing: what is being
 * changed meanwhile, and what was renamed to the top, is met by the next.
 */
void
remove_tree(int top, uint32_t ms, bool own_root, struct remove_result *out)
{
	autofree struct walk *w = mem_zalloc(1, sizeof(*w));
	uint64_t before;
	int r;

	*out = (struct remove_result){ .code = WORKER_LEFT };
	w->top = top;
	w->own_root = own_root;
	w->result = out;
	worker_clock_start(&w->clock, ms);
	do {
		before = out->removed;
		r = pass(w);
	} while (r == 0 && !w->clock.late && w->seen != 0 &&
	    (out->removed != before || w->hoisted != 0));
	if (r < 0) {
		out->code = WORKER_FAILED;
		out->error = -r;
	} else if (w->clock.late) {
		out->code = WORKER_LATE;
	} else if (w->seen == 0) {
		out->code = WORKER_DONE;
		out->left = 0;
	} else if (out->left == 0) {
		out->left = w->seen;
		out->error = ENOTEMPTY;
	}
}
