/* The harness's state: private folders of ours, the owner's files over them. */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/harness_host.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/grant.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/plan.h"
#include "coven-monitor/point.h"

#define LOGIN_FILES	64		/* of one folder of logins */
#define LOGIN_DEPTH	3

/* Acting as the owner is each function's own affair, never its caller's. */
struct state {
	struct session			*session;
	const struct harness_host	*host;
	const char			*home;
	int				 base;	/* COVEN_HOME/state/<id> */
	unsigned			 logins;
	bool				 granted;	/* a key: no login */
};

static int
point(const struct state *st, const char *path, bool folder)
{
	const struct owner *o = &st->session->monitor->owner;
	const char *last;
	int dir, r;

	owner_enter(o);
	dir = r = point_parents(st->base, path, &last);
	if (dir >= 0)
		r = point_make(dir, last, folder);
	mem_close(&dir);
	owner_leave(o);
	return r;
}

/* The private folder that path lies in; elsewhere the init makes points. */
static bool
in_private(const struct harness_host *host, const char *path)
{
	unsigned i;

	for (i = 0; i < host->nstate; i++)
		if (host->state[i].mode == STATE_PRIVATE &&
		    strcmp(host->state[i].path, path) != 0 &&
		    path_within(path, host->state[i].path))
			return true;
	return false;
}

static char *
in_home(const struct state *st, const char *path)
{
	autobuf struct buf b = { 0 };

	(void)buf_addf(&b, "%s/%s", st->home, path);
	return mem_strdup(buf_head(&b));
}

/*
 * What the owner has at path, if it is of that kind; links are the owner's
 * own and are followed.  NULL: nothing.
 */
static char *
owners(const struct state *st, const char *path, bool folder)
{
	const struct owner *o = &st->session->monitor->owner;
	autofree char *name = in_home(st, path), *real = NULL;
	struct stat sb;

	owner_enter(o);
	real = realpath(name, NULL);
	if (real != NULL && (stat(real, &sb) == -1 ||
	    (folder ? !S_ISDIR(sb.st_mode) : !S_ISREG(sb.st_mode))))
		free(steal(&real));
	owner_leave(o);
	return steal(&real);
}

/* The owner's own, at its own path.  0, 1 where there is none, -errno. */
static int
put_owners(struct state *st, const char *path, bool folder, uint32_t flags)
{
	autofree char *target = in_home(st, path);
	autofree char *real = owners(st, path, folder);
	int r = 0;

	if (real == NULL)
		return 1;
	if (in_private(st->host, path))
		r = point(st, path, folder);
	if (r == 0)
		r = plan_tree(st->session, real, target,
		    flags | MOUNT_F_MASK);
	return r;
}

static int
put_private(struct state *st, const struct harness_state *row)
{
	struct session *s = st->session;
	autofree char *target = in_home(st, row->path);
	autobuf struct buf source = { 0 };
	int r = point(st, row->path, true);

	(void)buf_addf(&source, "%s/state/%s/%s", s->monitor->home.path,
	    st->host->id, row->path);
	return r < 0 ? r : plan_tree(s, buf_head(&source), target,
	    MOUNT_F_MASK | MOUNT_F_OURS);
}

static int
put_read_only(struct state *st, const struct harness_state *row)
{
	bool folder = row->kind == STATE_FOLDER;
	bool scratch = row->mode == STATE_RO_OR_SCRATCH;
	autofree char *target = in_home(st, row->path);
	struct plan_row absent = { .op = folder ? MOUNT_TMPFS : MOUNT_FILE,
	    .flags = scratch ? 0 : MOUNT_F_RO, .target = target };
	int r = put_owners(st, row->path, folder, MOUNT_F_RO);

	if (r != 1 || (row->absent == NULL && !scratch))
		return r;
	absent.data = scratch ? "size=64M,mode=0700" : folder ?
	    "size=4k,mode=0755" : row->absent;
	absent.len = strlen(absent.data);
	r = in_private(st->host, row->path) ?
	    point(st, row->path, folder) : 0;
	return r < 0 ? r : plan_row(st->session->pair, &absent);
}

/* --- copies --- */

static int
read_owners(const struct state *st, const char *path, struct buf *b)
{
	const struct owner *o = &st->session->monitor->owner;
	autofree char *real = owners(st, path, false);
	autoclose int fd = -1;
	char data[16384];
	ssize_t n = 0;
	int r;

	if (real == NULL)
		return -ENOENT;
	owner_enter(o);
	fd = open(real, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	r = fd == -1 ? -errno : 0;
	owner_leave(o);
	while (r == 0 && (n = read(fd, data, sizeof(data))) > 0)
		r = buf_add(b, data, (size_t)n) < 0 ? -EFBIG : 0;
	return n == -1 ? -errno : r;
}

/*
 * Beside it first: a tool of another session may be reading the old one.
 * Under a name that no earlier payload could take.
 */
static int
replace(const struct state *st, const char *path, const struct buf *b)
{
	const struct owner *o = &st->session->monitor->owner;
	const char *last;
	char new[48];
	int dir, fd, r = 0;

	(void)snprintf(new, sizeof(new), ".coven-new-%lld",
	    (long long)clock_wall_ns());
	owner_enter(o);
	dir = point_parents(st->base, path, &last);
	fd = dir < 0 ? -1 : openat(dir, new, O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, buf_head(b), buf_left(b)) !=
	    (ssize_t)buf_left(b) || (r = point_make(dir, last, false)) < 0 ||
	    renameat(dir, new, dir, last) == -1)
		r = dir < 0 ? dir : r < 0 ? r : -errno;
	if (fd != -1 && r < 0)
		(void)unlinkat(dir, new, 0);
	mem_close(&fd);
	mem_close(&dir);
	owner_leave(o);
	return r;
}

static int
put_copy(struct state *st, const struct harness_state *row)
{
	autofree char *target = in_home(st, row->path);
	struct msg_init_mount m = { .op = MOUNT_COPY, .target = target };
	autobuf struct buf b = { .max = LIMIT_STATE_COPY };
	autoclose int fd = -1;
	int r = read_owners(st, row->path, &b);

	if (r < 0) {
		if (r != -ENOENT)
			log_warn("copy %s: %s", target, strerror(-r));
		buf_clear(&b);
		(void)buf_adds(&b, row->absent);
	}
	if (in_private(st->host, row->path))
		return replace(st, row->path, &b);
	fd = memfd_make("copy", buf_head(&b), buf_left(&b));
	if (fd < 0)
		return fd;
	return chan_send(&st->session->pair->init.control, MSG_INIT_MOUNT, &m,
	    fd);
}

/* --- logins --- */

/*
 * An empty file that was a mount point once would read as a broken login.
 */
static void
drop_empty(const struct state *st, const char *path)
{
	const struct owner *o = &st->session->monitor->owner;
	const char *last;
	struct stat sb;
	int dir;

	owner_enter(o);
	dir = point_parents(st->base, path, &last);
	if (dir >= 0 && fstatat(dir, last, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(sb.st_mode) && sb.st_size == 0)
		(void)unlinkat(dir, last, 0);
	mem_close(&dir);
	owner_leave(o);
}

static int
put_login_file(struct state *st, const char *path)
{
	int r = put_owners(st, path, false, 0);

	if (r == 1 && in_private(st->host, path))
		drop_empty(st, path);
	return r;
}

static bool
is_dot(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Only the files: in a folder that is mounted things can be planted. */
static int
put_login_folder(struct state *st, const char *path, unsigned depth)
{
	const struct owner *o = &st->session->monitor->owner;
	autofree char *real = owners(st, path, true);
	struct dirent **names = NULL;
	int n = 0, i, r = 0;

	if (real == NULL)
		return 1;
	owner_enter(o);
	n = scandir(real, &names, NULL, alphasort);
	owner_leave(o);
	for (i = 0; i < n; i++) {
		autobuf struct buf b = { 0 };

		(void)buf_addf(&b, "%s/%s", path, names[i]->d_name);
		if (r >= 0 && !is_dot(names[i]->d_name) &&
		    st->logins < LOGIN_FILES) {
			st->logins++;
			r = put_login_file(st, buf_head(&b));
			if (r == 1 && depth > 1)
				r = put_login_folder(st, buf_head(&b),
				    depth - 1);
		}
		free(names[i]);
	}
	free(names);
	return r;
}

/*
 * The owner's is not mounted; one that a session without the grant has left
 * in the private folder is covered.  Nothing covers what is not there.
 */
static int
hide_login(struct state *st, const struct harness_state *row)
{
	const struct owner *o = &st->session->monitor->owner;
	bool folder = row->kind == STATE_FOLDER;
	autofree char *target = in_home(st, row->path);
	struct plan_row cover = { .op = folder ? MOUNT_TMPFS : MOUNT_FILE,
	    .flags = MOUNT_F_RO, .target = target,
	    .data = folder ? "size=4k,mode=0755" : "{}\n" };
	struct stat sb;
	bool there;

	if (!in_private(st->host, row->path))
		return 0;
	owner_enter(o);
	there = fstatat(st->base, row->path, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    (folder ? S_ISDIR(sb.st_mode) : S_ISREG(sb.st_mode));
	owner_leave(o);
	if (!there)
		return 0;
	cover.len = strlen(cover.data);
	return plan_row(st->session->pair, &cover);
}

static int
put_login(struct state *st, const struct harness_state *row)
{
	if (st->granted)
		return hide_login(st, row);
	if (row->kind == STATE_FILE)
		return put_login_file(st, row->path);
	st->logins = 0;
	return put_login_folder(st, row->path, LOGIN_DEPTH);
}

static int
put_writable(struct state *st, const struct harness_state *row)
{
	return put_owners(st, row->path, row->kind == STATE_FOLDER, 0);
}

/* --- all of it --- */

static int (*const put[])(struct state *, const struct harness_state *) = {
	[STATE_PRIVATE] = put_private,
	[STATE_COPY] = put_copy,
	[STATE_RO] = put_read_only,
	[STATE_RO_OR_SCRATCH] = put_read_only,
	[STATE_RW] = put_writable,
	[STATE_LOGIN] = put_login,
};

static int
put_folders(struct state *st)
{
	const char *const *path = st->host->home_read_only;
	int r = 0;

	for (; r >= 0 && path != NULL && *path != NULL; path++)
		r = put_owners(st, *path, true, MOUNT_F_RO);
	return r;
}

static int
open_state(struct session *s, struct state *st)
{
	const struct owner *o = &s->monitor->owner;
	int state;

	*st = (struct state){ .session = s, .home = plan_home(s->pair),
	    .host = harness_host(s->harness->row.id), .base = -1 };
	if (st->host == NULL)
		return 1;
	owner_enter(o);
	st->base = state = point_folder(s->monitor->home.fd, "state");
	if (state >= 0)
		st->base = point_folder(state, st->host->id);
	mem_close(&state);
	owner_leave(o);
	return st->base < 0 ? st->base : 0;
}

int
plan_state_point(struct session *s, const char *path)
{
	const struct owner *o = &s->monitor->owner;
	size_t n = strlen(plan_home(s->pair));
	struct stat sb;
	struct state st;
	int r = 0;

	if (mode_alone(s->monitor) ||
	    !path_within(path, plan_home(s->pair)) || path[n] != '/')
		return 0;
	owner_enter(o);
	r = stat(path, &sb) == -1 ? 1 : 0;
	owner_leave(o);
	if (r == 0)
		r = open_state(s, &st);
	if (r != 0)
		return r < 0 ? r : 0;
	if (in_private(st.host, path + n + 1))
		r = point(&st, path + n + 1, S_ISDIR(sb.st_mode));
	mem_close(&st.base);
	return r;
}

static bool
is_granted(const struct session *s)
{
	struct net_policy p;
	bool granted;

	gateway_policy(s->monitor, s->harness, s->root.path, &p);
	granted = grant_hides_login(&p);
	net_policy_fini(&p);
	return granted;
}

int
plan_state(struct session *s)
{
	struct state st;
	unsigned i;
	int r;

	/* Nothing can be shown at another path than its own. */
	if (mode_alone(s->monitor))
		return 0;
	r = open_state(s, &st);
	if (r != 0)
		return r < 0 ? r : 0;
	st.granted = is_granted(s);
	for (i = 0; r >= 0 && i < st.host->nstate; i++) {
		const struct harness_state *row = &st.host->state[i];

		r = put[row->mode](&st, row);
		if (r < 0)
			log_warn("plan %s of %s: %s", row->path, st.host->id,
			    strerror(-r));
	}
	if (r >= 0)
		r = put_folders(&st);
	mem_close(&st.base);
	return r < 0 ? r : 0;
}
