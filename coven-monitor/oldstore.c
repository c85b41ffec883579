#include <sys/statvfs.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/oldstore.h"

#define STORE_FOLDER	"store"
#define TRIES		3	/* while somebody writes to it */
#define SPARE		((uint64_t)64 << 20)	/* of the disk, left free */

/* What stored looks for, the database last: it says that all is there. */
static const struct {
	const char	*from, *part, *to;
} files[OLDSTORE_FILES] = {
	{ "coven.sqlite3-wal", "old.sqlite3-wal.part", "old.sqlite3-wal" },
	{ "coven.sqlite3-journal", "old.sqlite3-journal.part",
	    "old.sqlite3-journal" },
	{ "coven.sqlite3", "old.sqlite3.part", "old.sqlite3" },
};
enum { DATABASE = OLDSTORE_FILES - 1 };

static void
close_all(struct oldstore *o)
{
	size_t i;

	for (i = 0; i < OLDSTORE_FILES; i++) {
		mem_close(&o->from[i]);
		mem_close(&o->to[i]);
	}
	mem_close(&o->folder);
	o->copying = false;
}

static void
problem(const struct monitor *m, const char *file, const char *why)
{
	log_error("import: %s/%s: %s: the sessions of an earlier daemon are "
	    "not listed", m->home.path, file, why);
}

/* --- opening ------------------------------------------------------------ */

/* 0, also when there is none; a plain file of the owner's, or a problem. */
static int
open_one(struct monitor *m, size_t i)
{
	struct oldstore *o = &m->old;
	const char *why = NULL;

	o->from[i] = openat(m->home.fd, files[i].from, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY | O_NOATIME | O_CLOEXEC);
	if (o->from[i] == -1 && errno == ENOENT)
		return 0;
	if (o->from[i] == -1)
		why = errno == ELOOP ? "it is a link" : strerror(errno);
	else if (fstat(o->from[i], &o->st[i]) == -1)
		why = strerror(errno);
	else if (!S_ISREG(o->st[i].st_mode))
		why = "it is no file";
	else if (o->st[i].st_uid != m->owner.uid)
		why = "it is not the owner's";
	if (why == NULL)
		return 0;
	problem(m, files[i].from, why);
	return -EPERM;
}

static int
open_target(struct monitor *m, size_t i)
{
	struct oldstore *o = &m->old;

	if (unlinkat(o->folder, files[i].part, 0) == -1 && errno != ENOENT)
		return -errno;
	if (unlinkat(o->folder, files[i].to, 0) == -1 && errno != ENOENT)
		return -errno;
	if (o->from[i] == -1)
		return 0;
	o->to[i] = openat(o->folder, files[i].part, O_WRONLY | O_CREAT |
	    O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return o->to[i] == -1 ? -errno : 0;
}

/* stored needs as much again for what it makes of it. */
static int
check_room(const struct oldstore *o)
{
	uint64_t need = SPARE;
	struct statvfs fs;
	size_t i;

	for (i = 0; i < OLDSTORE_FILES; i++)
		if (o->from[i] != -1)
			need += 2 * (uint64_t)o->st[i].st_size;
	if (fstatvfs(o->folder, &fs) == -1)
		return -errno;
	return (uint64_t)fs.f_bavail * fs.f_frsize < need ? -ENOSPC : 0;
}

static int
open_targets(struct monitor *m)
{
	struct oldstore *o = &m->old;
	size_t i;
	int r;

	o->folder = openat(m->home.fd, STORE_FOLDER, O_RDONLY | O_DIRECTORY |
	    O_NOFOLLOW | O_CLOEXEC);
	if (o->folder == -1)
		return -errno;
	r = check_room(o);
	for (i = 0; r == 0 && i < OLDSTORE_FILES; i++)
		r = open_target(m, i);
	return r;
}

/* 0, 1 when there is nothing to copy, or < 0 after a word about it. */
static int
open_all(struct monitor *m)
{
	struct oldstore *o = &m->old;
	size_t i;
	int r = 0;

	o->folder = -1;
	o->file = 0;
	for (i = 0; i < OLDSTORE_FILES; i++)
		o->from[i] = o->to[i] = -1;
	for (i = 0; r == 0 && i < OLDSTORE_FILES; i++)
		r = open_one(m, i);
	if (r < 0)
		return r;
	if (o->from[DATABASE] == -1)
		return 1;
	r = open_targets(m);
	if (r < 0)
		problem(m, files[DATABASE].from, strerror(-r));
	return r;
}

/* --- copying ------------------------------------------------------------ */

/* Up to n bytes; how many, 0 at the end, or -errno. */
static ssize_t
copy_some(int from, int to, size_t n)
{
	static char bytes[65536];
	ssize_t got = copy_file_range(from, NULL, to, NULL, n, 0), put, at;

	if (got >= 0 || (errno != EXDEV && errno != EINVAL &&
	    errno != ENOSYS && errno != EOPNOTSUPP))
		return got >= 0 ? got : -errno;
	got = read(from, bytes, n < sizeof(bytes) ? n : sizeof(bytes));
	for (at = 0; got > 0 && at < got; at += put) {
		put = write(to, bytes + at, (size_t)(got - at));
		if (put == -1)
			return -errno;
	}
	return got >= 0 ? got : -errno;
}

/* About n bytes of what is left; 1 when that was all, 0, or -errno. */
static int
copy_piece(struct oldstore *o, size_t n)
{
	ssize_t got;

	while (o->file < OLDSTORE_FILES) {
		if (o->from[o->file] == -1) {
			o->file++;
			continue;
		}
		if (n == 0)
			return 0;
		got = copy_some(o->from[o->file], o->to[o->file], n);
		if (got < 0)
			return (int)got;
		if (got == 0)
			o->file++;
		n -= (size_t)got < n ? (size_t)got : n;
	}
	return 1;
}

/* Another program may write to it without our lock. */
static bool
has_changed(struct monitor *m)
{
	const struct oldstore *o = &m->old;
	struct stat now;
	size_t i;

	for (i = 0; i < OLDSTORE_FILES; i++) {
		const struct stat *was = &o->st[i];
		int r = fstatat(m->home.fd, files[i].from, &now,
		    AT_SYMLINK_NOFOLLOW);

		if ((r == 0) != (o->from[i] != -1))
			return true;
		if (r == 0 && (now.st_ino != was->st_ino ||
		    now.st_dev != was->st_dev ||
		    now.st_size != was->st_size ||
		    now.st_mtim.tv_sec != was->st_mtim.tv_sec ||
		    now.st_mtim.tv_nsec != was->st_mtim.tv_nsec))
			return true;
	}
	return false;
}

static int
hand_over(struct monitor *m)
{
	struct oldstore *o = &m->old;
	size_t i;

	for (i = 0; i < OLDSTORE_FILES; i++)
		if (o->from[i] != -1 && renameat(o->folder, files[i].part,
		    o->folder, files[i].to) == -1)
			return -errno;
	return 0;
}

static void
give_up(struct monitor *m, const char *why)
{
	size_t i;

	problem(m, files[DATABASE].from, why);
	owner_enter(&m->owner);
	for (i = 0; i < OLDSTORE_FILES; i++)
		(void)unlinkat(m->old.folder, files[i].part, 0);
	owner_leave(&m->owner);
	close_all(&m->old);
}

static void	on_timer(struct timer *);

static void
start_copy(struct monitor *m)
{
	struct oldstore *o = &m->old;
	int r;

	owner_enter(&m->owner);
	r = open_all(m);
	owner_leave(&m->owner);
	o->copying = r == 0;
	if (r != 0)
		close_all(o);
}

/* All of it is there: is it what it was when we began? */
static void
finish(struct monitor *m)
{
	struct msg_import told = { 0 };
	struct oldstore *o = &m->old;
	bool changed;
	int r = 0;

	owner_enter(&m->owner);
	changed = has_changed(m);
	if (!changed)
		r = hand_over(m);
	owner_leave(&m->owner);
	if (changed && ++o->tries < TRIES) {
		close_all(o);
		start_copy(m);
		return;
	}
	if (changed || r < 0) {
		give_up(m, changed ? "it is being written" : strerror(-r));
		return;
	}
	close_all(o);
	/* One that is being started finds it by itself. */
	if (child_alive(&m->stored) && m->stored.control.state == CS_SERVING)
		child_tell(&m->stored, MSG_IMPORT, &told);
}

static void
go_on(struct monitor *m, size_t bytes)
{
	struct oldstore *o = &m->old;
	int r = copy_piece(o, bytes);

	if (r < 0)
		give_up(m, strerror(-r));
	else if (r > 0)
		finish(m);
	if (!o->copying)
		return;
	o->timer = (struct timer){ .cb = on_timer, .ctx = m };
	timer_start(m->loop, &o->timer, 1);
}

static void
on_timer(struct timer *t)
{
	go_on(t->ctx, LIMIT_OLD_STORE_PIECE);
}

void
oldstore_begin(struct monitor *m)
{
	if (m->old.copying || m->stopping)
		return;
	m->old.tries = 0;
	start_copy(m);
	if (m->old.copying)
		go_on(m, LIMIT_OLD_STORE_FIRST);
}

void
oldstore_stop(struct monitor *m)
{
	if (!m->old.copying)
		return;
	timer_stop(m->loop, &m->old.timer);
	close_all(&m->old);
}
