#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/add_dirs.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/plan.h"
#include "coven-monitor/work.h"

#define RO	MOUNT_F_RO
#define OPT	MOUNT_F_OPTIONAL
#define MASK	MOUNT_F_MASK

int
plan_row(struct pair *p, const struct plan_row *r)
{
	struct msg_init_mount m = { .op = r->op, .flags = r->flags,
	    .source = r->source, .target = r->target,
	    .data = { r->data, r->len } };

	return chan_send(&p->init.control, MSG_INIT_MOUNT, &m, -1);
}

const char *
plan_home(const struct pair *p)
{
	return p->monitor->owner.home;
}

static int
open_beneath(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
	    .resolve = RESOLVE_NO_SYMLINKS };
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	return fd == -1 ? -errno : (int)fd;
}

int
plan_held(struct session *s, int fd, const char *source, const char *target,
    uint32_t flags)
{
	struct pair *p = s->pair;
	struct msg_init_mount row = { .op = MOUNT_BIND, .flags = flags,
	    .source = source, .target = target };
	autoclose int mnt = -1;
	struct stat st;
	int r;

	if (p->slot >= 0) {
		r = pair_idmap(p, fd);
		if (r < 0) {
			log_warn("plan %s: its file system cannot be "
			    "id-mapped: %s", source, strerror(-r));
			return r;
		}
		mnt = r;
	} else {
		if (fstat(fd, &st) == -1)
			return -errno;
		row.dev = st.st_dev;
		row.ino = st.st_ino;
		row.flags |= MOUNT_F_COMPARE;
	}
	return chan_send(&p->init.control, MSG_INIT_MOUNT, &row, mnt);
}

int
plan_tree(struct session *s, const char *source, const char *target,
    uint32_t flags)
{
	const struct owner *o = &s->monitor->owner;
	autoclose int fd = -1;

	owner_enter(o);
	fd = open_beneath(source);
	owner_leave(o);
	if (fd < 0)
		return fd == -ENOENT && (flags & MOUNT_F_OPTIONAL) ? 0 : fd;
	return plan_held(s, fd, source, target, flags);
}

static int
plan_harness(struct session *s)
{
	const struct harness_entry *e = s->harness;
	const char *path;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < e->nfolders; i++) {
		path = e->folders[i];
		if (path_within(path, s->root.path))
			continue;
		r = plan_state_point(s, path);
		if (r == 0)
			r = plan_tree(s, path, path, RO | OPT | MASK);
	}
	i = 0;
	while (r == 0 && (path = conf_part_next(
	    &s->monitor->conf.harness_read, e->row.id, &i)) != NULL)
		r = plan_tree(s, path, path, RO | OPT | MASK);
	return r;
}

/* Protected paths that the policy opens in this project: "a\0b\0". */
static void
plan_open(const struct session *s, struct buf *b)
{
	const struct conf_list *l = &s->monitor->conf.protect_allow;
	size_t n = strlen(s->root.path), i;

	for (i = 0; i < l->n; i++) {
		const char *row = l->v[i];

		if (row[0] == '/') {
			if (strncmp(row, s->root.path, n) != 0 ||
			    row[n] != ':')
				continue;
			row += n + 1;
		}
		(void)buf_adds(b, row);
		(void)buf_add(b, "", 1);
	}
}

/*
 * The project's root: its descriptor, which the init makes its working
 * folder and clones (a folder's descriptor cannot be mounted across mount
 * namespaces), or for a payload that is not the owner an id-mapped mount.
 */
static int
plan_project(struct session *s)
{
	struct msg_init_root root = { .path = s->root.path,
	    .cwd = s->root.cwd, .cwd_dev = s->root.cwd_dev,
	    .cwd_ino = s->root.cwd_ino, .isolated = s->run.isolated };
	struct chan *init = &s->pair->init.control;
	autobuf struct buf open = { 0 };
	autoclose int mnt = -1;

	plan_open(s, &open);
	root.open = (struct msg_bin){ buf_head(&open), buf_left(&open) };
	if (s->pair->slot < 0)
		return chan_send(init, MSG_INIT_ROOT, &root, s->root.fd);
	mnt = pair_idmap(s->pair, s->root.fd);
	if (mnt < 0) {
		log_warn("plan %s: its file system cannot be id-mapped: %s",
		    s->root.path, strerror(-mnt));
		return mnt;
	}
	root.mount = 1;
	return chan_send(init, MSG_INIT_ROOT, &root, mnt);
}

/* Without a tmpfs: folders of its own, removed at its end. */
static int
plan_scratch(struct session *s)
{
	static const char *const folders[] = { WORK_HOME, WORK_TMP };
	struct monitor *m = s->monitor;
	size_t i;
	int r = 0;

	if (s->work == NULL)
		r = work_make_scratch(&m->home, &m->owner, s->id, &s->work);
	for (i = 0; r == 0 && i < nitems(folders); i++) {
		autobuf struct buf b = { 0 };

		(void)buf_addf(&b, "%s/%s", s->work, folders[i]);
		r = plan_tree(s, buf_head(&b), buf_head(&b), 0);
	}
	return r;
}

/* What an isolated session writes: made once, also for a second pair. */
static int
plan_work(struct session *s)
{
	struct monitor *m = s->monitor;
	int r;

	if (mode_alone(m))
		return plan_scratch(s);
	if (!s->run.isolated)
		return 0;
	if (s->work == NULL) {
		r = work_make(&m->home, &m->owner, s->id, &s->root, &s->work);
		if (r < 0)
			return r;
	}
	return plan_tree(s, s->work, "", MOUNT_F_UPPER);
}

/* The payload's three descriptors, one end to each side. */
static int
plan_io(struct session *s)
{
	uint32_t slot;
	int r = 0;

	for (slot = 0; r == 0 && slot < 3; slot++) {
		struct msg_run_io ours = { .slot = slot };
		struct msg_init_io theirs = { .slot = slot };
		bool in = slot == 0;
		int fds[2], e;

		/* Its own, so that it can open /dev/stdout and the like. */
		pair_become(s->pair);
		e = pipe2(fds, O_CLOEXEC) == -1 ? -errno : 0;
		pair_restore(s->pair);
		if (e < 0)
			return e;
		r = chan_send(&s->pair->runner.control, MSG_RUN_IO, &ours,
		    fds[in ? 1 : 0]);
		if (r == 0)
			r = chan_send(&s->pair->init.control, MSG_INIT_IO,
			    &theirs, fds[in ? 0 : 1]);
		mem_close(&fds[0]);
		mem_close(&fds[1]);
	}
	return r;
}

static int
go_runner(struct session *s)
{
	struct msg_run_go go = { .transport = s->run.transport,
	    .wall_s = s->bounds.wall_s,
	    .output = (uint64_t)s->bounds.output_mib << 20 };

	return chan_send(&s->pair->runner.control, MSG_RUN_GO, &go, s->spec);
}

static int
join_stored(struct session *s)
{
	if (!s->monitor->recovered)
		return -EPIPE;
	return monitor_join(&s->monitor->stored, &s->pair->runner,
	    s->id);
}

static int
join_init(struct session *s)
{
	return monitor_join(&s->pair->init, &s->pair->runner, s->id);
}

static int
plan_around(struct session *s)
{
	return s->spare ? 0 : plan_host(s->pair);
}

static int
plan_pipes(struct session *s)
{
	return s->run.transport == TRANSPORT_PTY ? 0 : plan_io(s);
}

static int
order_build(struct session *s)
{
	struct msg_init_build build = { .transport = s->run.transport,
	    .network = s->pair->network,
	    .nested = conf_list_has(&s->monitor->conf.nested, s->run.harness)
	    ? 1 : 0, .rows = s->run.rows,
	    .cols = s->run.cols, .hostname = "coven" };

	return chan_send(&s->pair->init.control, MSG_INIT_BUILD, &build, -1);
}

/* Nothing that its init is told of a session is done out of bounds. */
static int
hold(struct session *s)
{
	struct stat st;

	if (fstat(s->root.fd, &st) == -1)
		return -errno;
	s->held = cgroup_hold(&s->monitor->cgroup, s->pair->init.cgroup,
	    &s->bounds, st.st_dev);
	return 0;
}

struct step {
	const char	*name;
	int		(*fn)(struct session *);
};

/* In this order: parents before children, everything before BUILD. */
static const struct step around[] = {
	{ "limits", hold },
	{ "pair", join_init },
	{ "host", plan_around },
	{ "state", plan_state },
	{ "addDirs", add_dirs_plan },
	{ "harness", plan_harness },
	{ "project", plan_project },
	{ "work", plan_work },
	{ "pipes", plan_pipes },
	{ "build", order_build },
};

static const struct step go[] = {
	{ "store", join_stored },
	{ "runner", go_runner },
	{ "exec", plan_exec },
};

static int
run(struct session *s, const struct step *steps, size_t n, const char **step)
{
	size_t i;
	int r = 0;

	for (i = 0; r >= 0 && i < n; i++) {
		*step = steps[i].name;
		r = steps[i].fn(s);
	}
	return r < 0 ? r : 0;
}

int
plan_build(struct session *s, const char **step)
{
	return run(s, around, nitems(around), step);
}

int
plan_go(struct session *s, const char **step)
{
	return run(s, go, nitems(go), step);
}
