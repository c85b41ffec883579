#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-archiver/archive.h"
#include "coven-archiver/unpack.h"

struct unpacking {
	const struct msg_unpack	*bounds;
	struct unpack_result	*result;
	struct tar_in		*tar;
	struct worker_clock	 clock;
	int			 folder;
	int			 parent;	/* of the entry in hand */
	char			 parent_path[PATH_MAX];
};

/* What ends it: 0 goes on. */
static int
ends(struct unpacking *u, enum worker_code code, const char *why, int error)
{
	u->result->code = code;
	u->result->why = why;
	u->result->error = error;
	return 1;
}

static int
refuse(struct unpacking *u, const char *why)
{
	return ends(u, WORKER_REFUSED, why, 0);
}

/* --- names --- */

/*
 * Every name between slashes is one: not empty, not a dot or two, not too
 * long.  A slash at the end is left to the caller to cut.
 */
static const char *
path_wrong(const char *path)
{
	unsigned names = 0;
	size_t n;

	if (path[0] == '/')
		return "an absolute name";
	if (strlen(path) >= PATH_MAX)
		return "a name that is too long";
	for (;; path += n + 1) {
		n = strcspn(path, "/");
		if (n == 0)
			return "an empty name";
		if (path[0] == '.' && (n == 1 || (n == 2 && path[1] == '.')))
			return "a name of dots";
		if (n > NAME_MAX)
			return "a name that is too long";
		if (++names > UNPACK_DEPTH)
			return "a name that is too deep";
		if (path[n] == '\0')
			return NULL;
	}
}

/*
 * The folder of a path, beneath ours, without a link on the way: *last is
 * the path's last name.  One folder is kept open, as entries come in runs.
 */
static int
open_parent(struct unpacking *u, const char *path, const char **last)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;
	int fd;

	*last = slash != NULL ? slash + 1 : path;
	if (slash == NULL)
		return u->folder;
	if (u->parent >= 0 && strlen(u->parent_path) == n &&
	    memcmp(u->parent_path, path, n) == 0)
		return u->parent;
	mem_close(&u->parent);
	memcpy(u->parent_path, path, n);
	u->parent_path[n] = '\0';
	fd = worker_open(u->folder, u->parent_path, O_PATH | O_DIRECTORY, 0);
	if (fd < 0)
		return fd;
	u->parent = fd;
	return fd;
}

/* --- entries --- */

static int
failed(struct unpacking *u, int error)
{
	if (error == EEXIST)
		return refuse(u, "a name that is there already");
	if (error == ELOOP || error == ENOTDIR || error == EXDEV ||
	    error == ENOENT)
		return refuse(u, "a name beneath what is no folder of it");
	return ends(u, WORKER_FAILED, "an error", error);
}

/* Content is counted where it ends: a hole is content. */
static int
check_bytes(struct unpacking *u, uint64_t more)
{
	uint64_t all = u->result->bytes + more;

	if (more > u->bounds->max_bytes || all > u->bounds->max_bytes)
		return ends(u, WORKER_LIMIT, "more bytes than are allowed", 0);
	if (all > UNPACK_FREE &&
	    all / UNPACK_RATIO > tar_in_packed(u->tar))
		return ends(u, WORKER_LIMIT, "it is a bomb by its ratio", 0);
	if (worker_late(&u->clock))
		return ends(u, WORKER_LATE, "its time is up", 0);
	return 0;
}

static int
write_at(struct unpacking *u, int fd, const char *p, size_t n, int64_t at)
{
	while (n > 0) {
		ssize_t got = pwrite(fd, p, n, at);

		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return failed(u, got == 0 ? EIO : errno);
		p += got;
		n -= (size_t)got;
		at += got;
	}
	return 0;
}

static int
fill(struct unpacking *u, int fd, uint64_t size)
{
	uint64_t end = 0;
	const void *p;
	int64_t at;
	size_t n;
	int r;

	while ((r = tar_in_data(u->tar, &p, &n, &at)) == 0) {
		if (at < 0 || (uint64_t)at < end || (uint64_t)at > size ||
		    n > size - (uint64_t)at)
			return refuse(u, "bytes outside of their file");
		end = (uint64_t)at + n;
		if (check_bytes(u, end) != 0 ||
		    write_at(u, fd, p, n, at) != 0)
			return 1;
	}
	if (r != TAR_END)
		return refuse(u, "it is damaged, or no archive of ours");
	if (check_bytes(u, size) != 0)
		return 1;
	if (end < size && ftruncate(fd, (off_t)size) == -1)
		return failed(u, errno);
	u->result->bytes += size;
	return 0;
}

static int
make_file(struct unpacking *u, int dir, const char *name,
    const struct tar_entry *e)
{
	autoclose int fd = -1;

	if (e->size > u->bounds->max_bytes)
		return check_bytes(u, e->size);
	fd = worker_open(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
	    0600);
	if (fd < 0)
		return failed(u, -fd);
	if (fill(u, fd, e->size) != 0)
		return 1;
	return fchmod(fd, e->mode & 0777) == -1 ? failed(u, errno) : 0;
}

/* Its owner can always write it: what belongs in it comes later. */
static int
make_folder(struct unpacking *u, int dir, const char *name,
    const struct tar_entry *e)
{
	autoclose int fd = -1;

	if (mkdirat(dir, name, 0700) == -1)
		return failed(u, errno);
	if ((e->mode & 0777) == 0700)
		return 0;
	fd = worker_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd < 0)
		return failed(u, -fd);
	return fchmod(fd, 0700 | (e->mode & 0777)) == -1 ? failed(u, errno) :
	    0;
}

static int
make_link(struct unpacking *u, int dir, const char *name,
    const struct tar_entry *e)
{
	if (e->target[0] == '\0' || strlen(e->target) >= PATH_MAX)
		return refuse(u, "a link to nothing");
	return symlinkat(e->target, dir, name) == -1 ? failed(u, errno) : 0;
}

/* To a file that it brought itself, never to a link. */
static int
make_hard(struct unpacking *u, int dir, const char *name,
    const struct tar_entry *e)
{
	const char *slash = strrchr(e->target, '/'), *last = e->target;
	autoclose int to = -1;
	char path[PATH_MAX];
	struct stat st;

	if (path_wrong(e->target) != NULL)
		return refuse(u, "a hard link to what cannot be a name");
	if (slash != NULL) {
		memcpy(path, e->target, (size_t)(slash - e->target));
		path[slash - e->target] = '\0';
		last = slash + 1;
		to = worker_open(u->folder, path, O_PATH | O_DIRECTORY, 0);
		if (to < 0)
			return failed(u, -to);
	}
	if (fstatat(to >= 0 ? to : u->folder, last, &st,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return failed(u, errno);
	if (!S_ISREG(st.st_mode))
		return refuse(u, "a hard link to what is no file");
	return linkat(to >= 0 ? to : u->folder, last, dir, name, 0) == -1 ?
	    failed(u, errno) : 0;
}

static int
one(struct unpacking *u, const struct tar_entry *e)
{
	static int (*const make[])(struct unpacking *, int, const char *,
	    const struct tar_entry *) = {
		[TAR_FILE] = make_file,
		[TAR_FOLDER] = make_folder,
		[TAR_LINK] = make_link,
		[TAR_HARD] = make_hard,
	};
	char path[PATH_MAX];
	const char *last, *why;
	size_t n = strlen(e->path);
	int dir;

	worker_name(e->path, u->result->name);
	/* A folder's name may end in a slash. */
	if (n > 1 && e->kind == TAR_FOLDER && e->path[n - 1] == '/')
		n--;
	if (n >= sizeof(path))
		return refuse(u, "a name that is too long");
	memcpy(path, e->path, n);
	path[n] = '\0';
	why = path_wrong(path);
	if (why != NULL)
		return refuse(u, why);
	if (u->result->entries == u->bounds->max_entries)
		return ends(u, WORKER_LIMIT, "more entries than are allowed",
		    0);
	u->result->entries++;
	if (check_bytes(u, 0) != 0)
		return 1;
	dir = open_parent(u, path, &last);
	if (dir < 0)
		return failed(u, -dir);
	return make[e->kind](u, dir, last, e);
}

static void
run(struct unpacking *u)
{
	struct tar_entry e;
	const char *why = "";
	int r = 0;

	while (r == 0) {
		r = tar_in_next(u->tar, &e, &why);
		if (r == TAR_BAD)
			(void)refuse(u, why);
		if (r == 0)
			r = one(u, &e);
	}
}

void
unpack(int archive, int folder, const struct msg_unpack *bounds,
    struct unpack_result *result)
{
	autofree struct unpacking *u = mem_zalloc(1, sizeof(*u));

	*result = (struct unpack_result){ .code = WORKER_DONE, .why = "" };
	u->bounds = bounds;
	u->result = result;
	u->folder = folder;
	u->parent = -1;
	worker_clock_start(&u->clock, bounds->ms);
	if (tar_in_open(&u->tar, archive) < 0) {
		(void)refuse(u, "it is damaged, or no archive of ours");
		return;
	}
	run(u);
	tar_in_close(u->tar);
	mem_close(&u->parent);
	if (result->code == WORKER_DONE)
		result->name[0] = '\0';
}
