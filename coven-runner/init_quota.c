/*
 * The quota of a workspace that is the session's own: a task's folder, or the
 * layer that an isolated session writes to.
 *
 * It is walked a piece at a time, by PID 1, which has the payload's id and no
 * capability: what the payload hides in folders that it may not list itself,
 * or too deep, is not seen.  Hiding is dear, then: the session is charged with
 * all that the disk has lost since it began, whoever used it.  A file that has
 * no name any more counts as long as somebody has it open.
 */
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

/* What getdents64 writes; glibc has no name for it. */
struct entry {
	uint64_t	ino;
	int64_t		off;
	uint16_t	len;
	uint8_t		type;
	char		name[];
};

/* --- what the disk says --------------------------------------------------- */

static void
look_at_disk(const struct init_quota *q, uint64_t *bytes, uint64_t *files)
{
	struct statfs fs;

	*bytes = *files = 0;
	if (fstatfs(q->folder, &fs) == -1)
		return;
	*bytes = (uint64_t)fs.f_bfree * (uint64_t)fs.f_bsize;
	*files = (uint64_t)fs.f_ffree;
}

static uint64_t
lost(uint64_t before, uint64_t now)
{
	return before > now ? before - now : 0;
}

/* --- the walk ------------------------------------------------------------- */

static bool
push(struct init_quota *q, int *fd)
{
	struct quota_level *l;

	if (q->depth == QUOTA_DEPTH)
		return false;
	l = &q->levels[q->depth++];
	l->fd = mem_steal_fd(fd);
	l->at = l->len = 0;
	return true;
}

static void
descend(struct init_quota *q, int dir, const char *name)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	/* One that is gone meanwhile hides nothing. */
	if (fd == -1 ? errno != ENOENT : !push(q, &fd))
		q->hidden = true;
}

/* A file with several names is in each of them a part. */
static void
count(struct init_quota *q, int dir, const struct entry *e)
{
	struct stat st;

	if (e->name[0] == '.' && (e->name[1] == '\0' ||
	    (e->name[1] == '.' && e->name[2] == '\0')))
		return;
	q->now_files++;
	if (fstatat(dir, e->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	q->now_bytes += (uint64_t)st.st_blocks * 512 /
	    (S_ISDIR(st.st_mode) || st.st_nlink == 0 ? 1 : st.st_nlink);
	if (S_ISDIR(st.st_mode))
		descend(q, dir, e->name);
}

/* One entry more; false when there is none. */
static bool
step(struct init_quota *q)
{
	struct quota_level *l = &q->levels[q->depth - 1];
	const struct entry *e;
	long n;

	if (l->at == l->len) {
		n = syscall(SYS_getdents64, l->fd, l->names,
		    sizeof(l->names));
		if (n <= 0) {
			mem_close(&l->fd);
			q->depth--;
			return q->depth != 0;
		}
		l->at = 0;
		l->len = (size_t)n;
	}
	e = (const struct entry *)(const void *)(l->names + l->at);
	l->at += e->len;
	count(q, l->fd, e);
	return true;
}

static void
begin(struct init_quota *q)
{
	autoclose int fd = openat(q->folder, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);

	q->now_bytes = q->now_files = 0;
	q->hidden = fd == -1 || !push(q, &fd);
}

/* --- files without a name ------------------------------------------------- */

static uint64_t
nameless_of(int proc, const char *pid, dev_t dev)
{
	uint64_t bytes = 0;
	struct dirent *e;
	char path[300];
	struct stat st;
	DIR *d;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd != -1 ? fdopendir(fd) : NULL;
	if (d == NULL) {
		mem_close(&fd);
		return 0;
	}
	while ((e = readdir(d)) != NULL)
		if (fstatat(fd, e->d_name, &st, 0) == 0 &&
		    S_ISREG(st.st_mode) && st.st_nlink == 0 &&
		    st.st_dev == dev)
			bytes += (uint64_t)st.st_blocks * 512;
	(void)closedir(d);
	return bytes;
}

/* Open twice it counts twice: no more than what the disk has lost. */
static uint64_t
nameless(const struct init_quota *q, dev_t dev)
{
	uint64_t bytes = 0, free, files, most;
	struct dirent *e;
	DIR *d = opendir("/proc");

	while (d != NULL && (e = readdir(d)) != NULL)
		if (*e->d_name >= '1' && *e->d_name <= '9')
			bytes += nameless_of(dirfd(d), e->d_name, dev);
	if (d != NULL)
		(void)closedir(d);
	look_at_disk(q, &free, &files);
	most = lost(q->free_bytes, free);
	return bytes < most ? bytes : most;
}

/* --- the verdict ---------------------------------------------------------- */

static bool
is_over(const struct init_quota *q, uint64_t bytes, uint64_t files)
{
	return (q->max_bytes != 0 && bytes > q->max_bytes) ||
	    (q->max_files != 0 && files > q->max_files);
}

/* A walk has come to its end. */
static bool
judge(struct init *in)
{
	struct init_quota *q = &in->quota;
	uint64_t free, files, gone, gone_files;
	struct stat st;

	q->seen_bytes = q->now_bytes;
	q->seen_files = q->now_files;
	look_at_disk(q, &free, &files);
	gone = lost(q->free_bytes, free);
	gone_files = lost(q->free_files, files);
	if (q->hidden && gone > q->seen_bytes)
		q->seen_bytes = gone;
	if (q->hidden && gone_files > q->seen_files)
		q->seen_files = gone_files;
	/* In the session a file of an overlay has the overlay's number. */
	if (is_over(q, gone, 0) && stat(in->project.target, &st) == 0)
		q->seen_bytes += nameless(q, st.st_dev);
	q->last_bytes = free;
	q->last_files = files;
	return is_over(q, q->seen_bytes, q->seen_files);
}

/* Could it be over by now?  What the whole disk lost is no less. */
static bool
is_near(const struct init_quota *q)
{
	uint64_t free, files;

	look_at_disk(q, &free, &files);
	return is_over(q, q->seen_bytes + lost(q->last_bytes, free),
	    q->seen_files + lost(q->last_files, files));
}

static bool
walk(struct init *in)
{
	struct init_quota *q = &in->quota;
	unsigned i;

	if (q->depth == 0)
		begin(q);
	for (i = 0; i < LIMIT_QUOTA_ENTRIES && q->depth != 0; i++)
		if (!step(q))
			break;
	return q->depth == 0 && judge(in);
}

static void
on_quota(struct timer *t)
{
	struct init *in = t->ctx;
	struct init_quota *q = &in->quota;

	if (in->limit != BOUND_NONE)
		return;
	q->looks++;
	if ((q->depth != 0 || is_near(q) ||
	    q->looks % LIMIT_QUOTA_LOOKS == 0) && walk(in)) {
		log_info("end the session: its %s limit",
		    bound_name(BOUND_WORKSPACE));
		in->limit = BOUND_WORKSPACE;
		init_kill_all(in);
		return;
	}
	timer_start(in->loop, t, q->depth != 0 || is_near(q) ?
	    LIMIT_WATCH_NEAR_MS : LIMIT_WATCH_MS);
}

void
init_quota_start(struct init *in)
{
	struct init_quota *q = &in->quota;

	if (q->max_bytes == 0 && q->max_files == 0)
		return;
	if (q->folder < 0)
		q->folder = open(in->project.target, O_RDONLY | O_DIRECTORY |
		    O_NOFOLLOW | O_CLOEXEC);
	if (q->folder < 0) {
		log_warn("its workspace cannot be watched: %s",
		    strerror(errno));
		return;
	}
	q->levels = mem_zalloc(QUOTA_DEPTH, sizeof(*q->levels));
	look_at_disk(q, &q->free_bytes, &q->free_files);
	q->last_bytes = q->free_bytes;
	q->last_files = q->free_files;
	q->timer = (struct timer){ .cb = on_quota, .ctx = in };
	timer_start(in->loop, &q->timer, LIMIT_WATCH_NEAR_MS);
}
