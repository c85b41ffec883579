#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "coven-monitor/point.h"
#include "coven-monitor/work.h"

#define FOLDER	(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define ORIGIN	"origin"
#define ORIGIN_MAX	8192

/* The file system's own clock: what is compared later comes from it. */
static int64_t
now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int
write_origin(int work, const struct root *root)
{
	autoclose int fd = openat(work, ORIGIN, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	autobuf struct buf b = { 0 };
	struct stat st;

	if (fd == -1 || fstat(root->fd, &st) == -1)
		return -errno;
	(void)buf_addf(&b, "1 %ju %ju %" PRId64 "\n%s", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino, now_ns(), root->path);
	if (write(fd, buf_head(&b), buf_left(&b)) != (ssize_t)buf_left(&b))
		return -ENOSPC;
	return 0;
}

static int
fill(int work, const struct root *root)
{
	autoclose int upper = -1;
	struct stat st;

	if (fstat(root->fd, &st) == -1 ||
	    mkdirat(work, "upper", 0700) == -1 ||
	    mkdirat(work, "work", 0700) == -1)
		return -errno;
	upper = openat(work, "upper", FOLDER);
	if (upper == -1 || fchmod(upper, st.st_mode & 0777) == -1)
		return -errno;
	return write_origin(work, root);
}

int
work_make(const struct home *h, const struct owner *o, const char *id,
    const struct root *root, char **path)
{
	autobuf struct buf b = { 0 };
	int all, work = -1, r = 0;

	owner_enter(o);
	all = point_folder(h->fd, "work");
	if (all < 0 || mkdirat(all, id, 0700) == -1)
		r = all < 0 ? all : -errno;
	else if ((work = openat(all, id, FOLDER)) == -1)
		r = -errno;
	else
		r = fill(work, root);
	mem_close(&work);
	mem_close(&all);
	owner_leave(o);
	if (r < 0) {
		(void)work_drop_empty(h, o, id);
		return r;
	}
	(void)buf_addf(&b, "%s/work/%s", h->path, id);
	*path = mem_strdup(buf_head(&b));
	return 0;
}

/* As root_open leaves it: a place, by its canonical name, without a cwd. */
static int
hold(int work, const struct home *h, const char *id, struct root *root)
{
	autoclose int fd = openat(work, WORK_TASK, O_PATH | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC);
	autobuf struct buf b = { 0 };
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return -errno;
	(void)buf_addf(&b, "%s/work/%s/" WORK_TASK, h->path, id);
	*root = (struct root){ .fd = mem_steal_fd(&fd),
	    .path = mem_strdup(buf_head(&b)), .cwd = mem_strdup(""),
	    .cwd_dev = st.st_dev, .cwd_ino = st.st_ino };
	return 0;
}

int
work_make_task(const struct home *h, const struct owner *o, const char *id,
    struct root *root)
{
	int all, work = -1, r = 0;

	owner_enter(o);
	all = point_folder(h->fd, "work");
	if (all < 0 || mkdirat(all, id, 0700) == -1)
		r = all < 0 ? all : -errno;
	else if ((work = openat(all, id, FOLDER)) == -1 ||
	    mkdirat(work, WORK_TASK, 0700) == -1)
		r = -errno;
	else
		r = hold(work, h, id, root);
	mem_close(&work);
	mem_close(&all);
	owner_leave(o);
	if (r < 0)
		(void)work_drop_empty(h, o, id);
	return r;
}

bool
work_is_task(const struct home *h, const struct owner *o, const char *id)
{
	int work = work_open(h, o, id);
	struct stat st;
	bool is;

	owner_enter(o);
	is = work >= 0 && fstatat(work, WORK_TASK, &st,
	    AT_SYMLINK_NOFOLLOW) == 0;
	mem_close(&work);
	owner_leave(o);
	return is;
}

int
work_make_scratch(const struct home *h, const struct owner *o,
    const char *id, char **path)
{
	autobuf struct buf b = { 0 };
	int all, work = -1, r = 0;

	owner_enter(o);
	all = point_folder(h->fd, "work");
	if (all < 0)
		r = all;
	else if (mkdirat(all, id, 0700) == -1 ||
	    (work = openat(all, id, FOLDER)) == -1 ||
	    mkdirat(work, WORK_HOME, 0700) == -1 ||
	    mkdirat(work, WORK_TMP, 0700) == -1)
		r = -errno;
	mem_close(&work);
	mem_close(&all);
	owner_leave(o);
	if (r < 0) {
		(void)work_drop_empty(h, o, id);
		return r;
	}
	(void)buf_addf(&b, "%s/work/%s", h->path, id);
	*path = mem_strdup(buf_head(&b));
	return 0;
}

/* Not seen is not absent. */
static bool
is_absent(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT;
}

bool
work_is_scratch(const struct home *h, const struct owner *o, const char *id)
{
	int work = work_open(h, o, id);
	bool is;

	if (work < 0)
		return false;
	owner_enter(o);
	is = is_absent(work, ORIGIN) && is_absent(work, "upper") &&
	    is_absent(work, WORK_TASK);
	owner_leave(o);
	mem_close(&work);
	return is;
}

int
work_open(const struct home *h, const struct owner *o, const char *id)
{
	int all, work, r;

	owner_enter(o);
	all = openat(h->fd, "work", FOLDER);
	work = all == -1 ? -1 : openat(all, id, FOLDER);
	r = work == -1 ? -errno : work;
	mem_close(&all);
	owner_leave(o);
	return r;
}

static int
parse(char *text, struct work_origin *out)
{
	char *line = strchr(text, '\n');
	uintmax_t dev, ino;
	intmax_t made;

	/* NOLINTNEXTLINE(cert-err34-c): our own file; bounded, checked */
	if (line == NULL || sscanf(text, "1 %ju %ju %jd\n", &dev, &ino,
	    &made) != 3 || line[1] != '/')
		return -EINVAL;
	*out = (struct work_origin){ .dev = dev, .ino = ino,
	    .made_ns = made, .path = mem_strdup(line + 1) };
	return 0;
}

int
work_read_origin(int work, const struct owner *o, struct work_origin *out)
{
	char text[ORIGIN_MAX];
	ssize_t n = -1;
	int fd;

	owner_enter(o);
	fd = openat(work, ORIGIN, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1)
		n = read(fd, text, sizeof(text) - 1);
	mem_close(&fd);
	owner_leave(o);
	if (n <= 0)
		return -EINVAL;
	text[n] = '\0';
	return parse(text, out);
}

/* Names of ours alone: what a payload made keeps its folder from going. */
int
work_drop_empty(const struct home *h, const struct owner *o, const char *id)
{
	static const char *const theirs[] = { "upper", WORK_TASK, WORK_TMP,
	    WORK_HOME };
	int all, work, r = 0;
	size_t i;

	owner_enter(o);
	all = openat(h->fd, "work", FOLDER);
	work = all == -1 ? -1 : openat(all, id, FOLDER);
	if (work == -1)
		r = -errno;
	for (i = 0; r == 0 && i < nitems(theirs); i++)
		if (unlinkat(work, theirs[i], AT_REMOVEDIR) == -1 &&
		    errno != ENOENT)
			r = -errno;
	if (r == 0) {
		(void)unlinkat(work, "work/work", AT_REMOVEDIR);
		(void)unlinkat(work, "work", AT_REMOVEDIR);
		(void)unlinkat(work, ORIGIN, 0);
		if (unlinkat(all, id, AT_REMOVEDIR) == -1)
			r = -errno;
	}
	mem_close(&work);
	mem_close(&all);
	owner_leave(o);
	return r;
}
