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

#include "common/failpoint.h"
#include "common/mem.h"
#include "coven-archiver/archive.h"
#include "coven-archiver/links.h"
#include "coven-archiver/pack.h"

#define NAMES		16384		/* bytes of names, a level */
#define BLOCK		((size_t)256 << 10)	/* read of a file at a time */

struct entry {
	uint64_t	ino;
	int64_t		off;
	uint16_t	len;
	uint8_t		type;
	char		name[];
};

struct level {
	int		 fd;
	size_t		 at, len;
	size_t		 path_len;	/* of the folder's own path */
	char		*names;
};

struct packing {
	const struct msg_pack	*bounds;
	struct pack_result	*result;
	struct tar_out		*tar;
	struct links		 links;
	struct worker_clock	 clock;
	int			 depth;
	struct level		 levels[PACK_DEPTH];
	char			 path[PATH_MAX];
	char			 block[BLOCK];
};

static void
left_out(struct packing *p, uint64_t *counter)
{
	(*counter)++;
	if (p->result->name[0] == '\0')
		worker_name(p->path, p->result->name);
}

static void
fails(struct packing *p, int r)
{
	p->result->code = r == -EFBIG ? WORKER_LIMIT : WORKER_FAILED;
	p->result->error = -r;
}

static bool
has_ended(const struct packing *p)
{
	return p->result->code != WORKER_DONE;
}

/* One more of them; false when there are too many. */
static bool
count_entry(struct packing *p)
{
	if (p->result->entries == p->bounds->max_entries) {
		p->result->code = WORKER_LIMIT;
		return false;
	}
	p->result->entries++;
	return true;
}

static void
put(struct packing *p, const struct tar_entry *e)
{
	int r;

	if (!count_entry(p))
		return;
	r = tar_out_entry(p->tar, e);
	if (r < 0)
		fails(p, r);
}

/* --- files --- */

/*
 * As many bytes as the header says, whatever the file is by now: one that
 * shrank is filled with zeros.
 */
static bool
put_bytes(struct packing *p, int fd, uint64_t size)
{
	uint64_t left = size;
	bool whole = true;
	int r;

	while (left > 0) {
		size_t want = left < BLOCK ? (size_t)left : BLOCK;
		ssize_t n = whole ? read(fd, p->block, want) : 0;

		if (n <= 0) {
			whole = false;
			memset(p->block, 0, want);
			n = (ssize_t)want;
		}
		r = tar_out_data(p->tar, p->block, (size_t)n);
		if (r < 0) {
			fails(p, r);
			return whole;
		}
		left -= (uint64_t)n;
		if (worker_late(&p->clock) && left > BLOCK * 64)
			whole = false;	/* the rest is zeros, and is told */
	}
	p->result->bytes += size;
	return whole;
}

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	    a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
pack_open_file(struct packing *p, int fd, const struct stat *st)
{
	struct tar_entry e = { .kind = TAR_FILE, .path = p->path,
	    .mode = st->st_mode, .mtime = st->st_mtim.tv_sec,
	    .size = (uint64_t)st->st_size };
	struct stat after;
	bool whole;

	if (st->st_nlink > 1)
		e.target = links_find(&p->links, st, p->path);
	if (e.target != NULL) {
		e.kind = TAR_HARD;
		put(p, &e);
		return;
	}
	if (e.size > p->bounds->max_bytes - p->result->bytes) {
		links_forget(&p->links, st);
		left_out(p, &p->result->large);
		return;
	}
	put(p, &e);
	if (has_ended(p))
		return;
	whole = put_bytes(p, fd, e.size);
	if (!whole || fstat(fd, &after) == -1 || !same(st, &after))
		left_out(p, &p->result->changed);
}

static void
refuse(struct packing *p, int error)
{
	if (error == ENOENT || error == ENOTDIR)
		return;		/* it is gone */
	if (error == ELOOP)
		left_out(p, &p->result->changed);
	else if (error == EXDEV)
		left_out(p, &p->result->mounts);
	else if (error == ENXIO || error == ENODEV)
		left_out(p, &p->result->special);
	else
		left_out(p, &p->result->unreadable);
}

/* What it is said to be may have changed: what was opened counts. */
static void
pack_file(struct packing *p, int dir, const char *name)
{
	autoclose int fd = worker_open(dir, name, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY, 0);
	struct stat st;

	if (fd < 0)
		refuse(p, -fd);
	else if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		left_out(p, &p->result->special);
	else
		pack_open_file(p, fd, &st);
}

static void
pack_link(struct packing *p, int dir, const char *name, const struct stat *st)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target));
	struct tar_entry e = { .kind = TAR_LINK, .path = p->path,
	    .target = target, .mode = 0777, .mtime = st->st_mtim.tv_sec };

	if (n <= 0 || (size_t)n >= sizeof(target)) {
		left_out(p, &p->result->changed);
		return;
	}
	target[n] = '\0';
	put(p, &e);
}

/* --- folders --- */

static void
push(struct packing *p, int *fd, size_t path_len)
{
	struct level *l = &p->levels[p->depth++];

	l->fd = mem_steal_fd(fd);
	l->at = l->len = 0;
	l->path_len = path_len;
	if (l->names == NULL)
		l->names = mem_alloc(NAMES);
}

static void
pack_folder(struct packing *p, int dir, const char *name)
{
	autoclose int fd = -1;
	struct tar_entry e = { .kind = TAR_FOLDER, .path = p->path };
	size_t len = strlen(p->path);
	struct stat st;

	fd = worker_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0 || fstat(fd, &st) == -1) {
		refuse(p, fd < 0 ? -fd : EACCES);
		return;
	}
	if (p->depth == PACK_DEPTH || len + NAME_MAX + 2 >= PATH_MAX) {
		left_out(p, &p->result->deep);
		return;
	}
	e.mode = st.st_mode;
	e.mtime = st.st_mtim.tv_sec;
	put(p, &e);
	if (has_ended(p))
		return;
	p->path[len] = '/';
	p->path[len + 1] = '\0';
	push(p, &fd, len + 1);
}

static void
pack_other(struct packing *p, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		refuse(p, errno);
	else if (S_ISLNK(st.st_mode))
		pack_link(p, dir, name, &st);
	else if (S_ISREG(st.st_mode))
		pack_file(p, dir, name);
	else if (S_ISDIR(st.st_mode))
		pack_folder(p, dir, name);
	else
		left_out(p, &p->result->special);
}

static void
pack_entry(struct packing *p, const struct entry *e)
{
	struct level *l = &p->levels[p->depth - 1];

	FAILPOINT("archiver.work-entry");
	(void)snprintf(p->path + l->path_len, sizeof(p->path) - l->path_len,
	    "%s", e->name);
	if (e->type == DT_REG)
		pack_file(p, l->fd, e->name);
	else if (e->type == DT_DIR)
		pack_folder(p, l->fd, e->name);
	else
		pack_other(p, l->fd, e->name);
}

static bool
is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' ||
	    (name[1] == '.' && name[2] == '\0'));
}

static void
step(struct packing *p)
{
	struct level *l = &p->levels[p->depth - 1];
	const struct entry *e;
	long n;

	if (l->at == l->len) {
		n = syscall(SYS_getdents64, l->fd, l->names, NAMES);
		if (n <= 0) {
			mem_close(&l->fd);
			p->depth--;
			return;
		}
		l->at = 0;
		l->len = (size_t)n;
	}
	e = (const struct entry *)(const void *)(l->names + l->at);
	l->at += e->len;
	if (!is_dots(e->name))
		pack_entry(p, e);
}

static void
walk(struct packing *p, int folder)
{
	autoclose int fd = worker_open(folder, ".", O_RDONLY | O_DIRECTORY,
	    0);

	if (fd < 0) {
		fails(p, fd);
		return;
	}
	push(p, &fd, 0);
	while (p->depth > 0 && !has_ended(p)) {
		if (worker_late(&p->clock)) {
			p->result->code = WORKER_LATE;
			break;
		}
		step(p);
	}
}

static void
free_packing(struct packing *p)
{
	size_t i;

	while (p->depth > 0)
		mem_close(&p->levels[--p->depth].fd);
	for (i = 0; i < nitems(p->levels); i++)
		free(p->levels[i].names);
	links_free(&p->links);
	free(p);
}

static bool
is_whole(const struct pack_result *r)
{
	return r->special + r->unreadable + r->changed + r->mounts + r->deep +
	    r->large == 0;
}

void
pack_tree(int folder, int out, const struct msg_pack *bounds,
    struct pack_result *result)
{
	struct packing *p = mem_zalloc(1, sizeof(*p));
	int r;

	*result = (struct pack_result){ .code = WORKER_DONE };
	p->bounds = bounds;
	p->result = result;
	worker_clock_start(&p->clock, bounds->ms);
	r = tar_out_open(&p->tar, out, bounds->max_packed, bounds->level);
	if (r == 0) {
		walk(p, folder);
		r = tar_out_close(p->tar, &result->packed);
	}
	if (r == 0 && fdatasync(out) == -1)
		r = -errno;
	/* An archive whose end did not fit is none. */
	if (r < 0) {
		result->code = WORKER_FAILED;
		result->error = -r;
	} else if (result->code == WORKER_DONE && !is_whole(result)) {
		result->code = WORKER_LEFT;
	}
	free_packing(p);
}
