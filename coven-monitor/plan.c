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
#include "coven-monitor/idmap.h"
#include "coven-monitor/plan.h"

#define RO	MOUNT_F_RO
#define OPT	MOUNT_F_OPTIONAL
#define MASK	MOUNT_F_MASK

/* System folders, in mount order.  A link on the host is a link inside. */
static const char *const system_folders[] = {
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
	"/opt",
	/* not /nix: the socket of its daemon lies in there */
	"/nix/store", "/nix/var/nix/profiles",
};

/* What of /etc tools need, each with its reason. */
static const struct {
	const char	*path;
	bool		 network_only;
} etc_files[] = {
	{ "/etc/alternatives", false },		/* Debian's choice of cc, awk */
	{ "/etc/ld.so.cache", false },		/* the loader */
	{ "/etc/ld.so.conf", false },
	{ "/etc/ld.so.conf.d", false },
	{ "/etc/ssl", false },			/* certificates; keys are cut */
	{ "/etc/pki", false },
	{ "/etc/ca-certificates.conf", false },
	{ "/etc/ca-certificates", false },
	{ "/etc/localtime", false },
	{ "/etc/timezone", false },
	{ "/etc/nsswitch.conf", false },
	{ "/etc/host.conf", false },
	{ "/etc/gai.conf", false },
	{ "/etc/protocols", false },
	{ "/etc/services", false },
	{ "/etc/mime.types", false },
	{ "/etc/magic", false },
	{ "/etc/os-release", false },
	{ "/etc/debian_version", false },
	{ "/etc/bash.bashrc", false },
	{ "/etc/inputrc", false },
	{ "/etc/terminfo", false },
	{ "/etc/locale.alias", false },
	{ "/etc/fonts", false },
	{ "/etc/perl", false },
	{ "/etc/python3", false },
	{ "/etc/python3.11", false },
	{ "/etc/python3.13", false },
	{ "/etc/java-17-openjdk", false },
	{ "/etc/java-21-openjdk", false },
	{ "/etc/maven", false },
	{ "/etc/resolv.conf", true },
	{ "/etc/hosts", true },
};

int
plan_row(struct session *s, const struct plan_row *r)
{
	struct msg_init_mount m = { .op = r->op, .flags = r->flags,
	    .source = r->source, .target = r->target,
	    .data = { r->data, r->len } };

	return chan_send(&s->init.control, MSG_INIT_MOUNT, &m, -1);
}

const char *
plan_home(const struct session *s)
{
	return s->monitor->owner.home;
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
plan_tree(struct session *s, const char *source, const char *target,
    uint32_t flags)
{
	struct monitor *m = s->monitor;
	struct msg_init_mount row = { .op = MOUNT_BIND, .flags = flags,
	    .source = source, .target = target };
	autoclose int fd = -1, mnt = -1;
	struct stat st;
	int r;

	owner_enter(&m->owner);
	r = open_beneath(source);
	owner_leave(&m->owner);
	if (r < 0)
		return r == -ENOENT && (flags & MOUNT_F_OPTIONAL) ? 0 : r;
	fd = r;
	if (s->slot >= 0) {
		r = idmap_mount(fd, m->owner.uid, m->owner.gid, s->uid,
		    s->gid);
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
	return chan_send(&s->init.control, MSG_INIT_MOUNT, &row, mnt);
}

static int
plan_system(struct session *s)
{
	char link[PATH_MAX];
	struct stat st;
	size_t i;
	ssize_t n;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(system_folders); i++) {
		struct plan_row row = { .op = MOUNT_BIND, .flags = RO | OPT,
		    .source = system_folders[i], .target = system_folders[i] };

		if (lstat(row.source, &st) == -1)
			continue;
		if (S_ISLNK(st.st_mode)) {
			n = readlink(row.source, link, sizeof(link) - 1);
			if (n <= 0)
				continue;
			link[n] = '\0';
			row = (struct plan_row){ .op = MOUNT_SYMLINK,
			    .source = link, .target = system_folders[i] };
		}
		r = plan_row(s, &row);
	}
	return r;
}

static int
plan_file(struct session *s, const char *target, const struct buf *b)
{
	struct plan_row row = { .op = MOUNT_FILE, .flags = RO,
	    .target = target, .data = buf_head(b), .len = buf_left(b) };

	return plan_row(s, &row);
}

/* A quoted value in git's configuration; control bytes are dropped. */
static void
git_string(struct buf *b, const char *s)
{
	(void)buf_adds(b, "\"");
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20)
			continue;
		if (*s == '"' || *s == '\\')
			(void)buf_adds(b, "\\");
		(void)buf_add(b, s, 1);
	}
	(void)buf_adds(b, "\"");
}

/* Files that are made, not shown: nobody else's name is in them. */
static int
plan_made(struct session *s)
{
	const struct owner *o = &s->monitor->owner;
	const struct conf *c = &s->monitor->conf;
	const char *name = s->slot >= 0 ? "coven" : o->name;
	autobuf struct buf pw = { 0 }, gr = { 0 }, git = { 0 }, hosts = { 0 };
	int r;

	(void)buf_addf(&pw, "%s:x:%u:%u:%s:%s:/bin/sh\n"
	    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
	    name, s->uid_in, s->gid_in, o->gecos, plan_home(s));
	(void)buf_addf(&gr, "%s:x:%u:\nnogroup:x:65534:\n", name, s->gid_in);
	(void)buf_adds(&git, "[user]\n\tname = ");
	git_string(&git, c->git_name[0] != '\0' ? c->git_name :
	    o->gecos[0] != '\0' ? o->gecos : o->name);
	(void)buf_adds(&git, "\n\temail = ");
	git_string(&git, c->git_email[0] != '\0' ? c->git_email :
	    "coven@localhost");
	(void)buf_adds(&git, "\n[safe]\n\tdirectory = *\n");
	(void)buf_adds(&hosts, "127.0.0.1\tlocalhost\n::1\tlocalhost\n"
	    "127.0.0.1\tcoven\n");
	r = plan_file(s, "/etc/passwd", &pw);
	if (r == 0)
		r = plan_file(s, "/etc/group", &gr);
	if (r == 0)
		r = plan_file(s, "/etc/gitconfig", &git);
	if (r == 0 && !s->harness->network)
		r = plan_file(s, "/etc/hosts", &hosts);
	return r;
}

static int
plan_etc(struct session *s)
{
	struct plan_row cut = { .op = MOUNT_TMPFS, .flags = RO,
	    .target = "/etc/ssl/private", .data = "size=4k,mode=0700",
	    .len = strlen("size=4k,mode=0700") };
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(etc_files); i++) {
		struct plan_row row = { .op = MOUNT_BIND, .flags = RO | OPT,
		    .source = etc_files[i].path, .target = etc_files[i].path };

		if (etc_files[i].network_only && !s->harness->network)
			continue;
		/* A dangling link is as good as nothing. */
		if (access(row.source, F_OK) == -1)
			continue;
		r = plan_row(s, &row);
	}
	if (r == 0 && access(cut.target, F_OK) == 0)
		r = plan_row(s, &cut);
	return r == 0 ? plan_made(s) : r;
}

static int
plan_scratch(struct session *s)
{
	static const struct {
		const char	*target;
		unsigned	 mode;
		bool		 big;
	} rows[] = {
		{ "/tmp", 01777, true }, { "/var/tmp", 01777, true },
		{ "/run", 0755, false },
	};
	char options[64];
	size_t i;
	int r = 0, n;

	for (i = 0; r == 0 && i <= nitems(rows); i++) {
		bool home = i == nitems(rows);
		struct plan_row row = { .op = MOUNT_TMPFS,
		    .target = home ? plan_home(s) : rows[i].target,
		    .data = options };

		n = snprintf(options, sizeof(options), "size=%uM,mode=%04o",
		    home || rows[i].big ? s->monitor->conf.tmp_mib : 64,
		    home ? 0700 : rows[i].mode);
		row.len = (size_t)n;
		if (home && (strcmp(row.target, "/") == 0 ||
		    row.target[0] != '/'))
			continue;
		r = plan_row(s, &row);
	}
	return r;
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
	    .cwd_ino = s->root.cwd_ino };
	const struct owner *o = &s->monitor->owner;
	autoclose int mnt = -1;

	if (s->slot < 0)
		return chan_send(&s->init.control, MSG_INIT_ROOT, &root,
		    s->root.fd);
	mnt = idmap_mount(s->root.fd, o->uid, o->gid, s->uid, s->gid);
	if (mnt < 0) {
		log_warn("plan %s: its file system cannot be id-mapped: %s",
		    s->root.path, strerror(-mnt));
		return mnt;
	}
	root.mount = 1;
	return chan_send(&s->init.control, MSG_INIT_ROOT, &root, mnt);
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
		monitor_become_payload(s->monitor, s);
		e = pipe2(fds, O_CLOEXEC) == -1 ? -errno : 0;
		monitor_restore(s->monitor);
		if (e < 0)
			return e;
		r = chan_send(&s->runner.control, MSG_RUN_IO, &ours,
		    fds[in ? 1 : 0]);
		if (r == 0)
			r = chan_send(&s->init.control, MSG_INIT_IO, &theirs,
			    fds[in ? 0 : 1]);
		mem_close(&fds[0]);
		mem_close(&fds[1]);
	}
	return r;
}

static int
go_runner(struct session *s)
{
	struct msg_run_go go = { .transport = s->run.transport };

	return chan_send(&s->runner.control, MSG_RUN_GO, &go, s->spec);
}

static int
join_stored(struct session *s)
{
	if (!s->monitor->recovered)
		return -EPIPE;
	return monitor_join(&s->monitor->stored, &s->runner, s->id);
}

static int
join_init(struct session *s)
{
	return monitor_join(&s->init, &s->runner, "");
}

static int
plan_pipes(struct session *s)
{
	return s->run.transport == TRANSPORT_PTY ? 0 : plan_io(s);
}

/* In this order: parents before children, everything before GO. */
static const struct {
	const char	*name;
	int		(*fn)(struct session *);
} steps[] = {
	{ "store", join_stored },
	{ "pair", join_init },
	{ "system folders", plan_system },
	{ "etc", plan_etc },
	{ "scratch", plan_scratch },
	{ "state", plan_state },
	{ "harness", plan_harness },
	{ "project", plan_project },
	{ "pipes", plan_pipes },
	{ "runner", go_runner },
	{ "exec", plan_exec },
};

int
plan_send(struct session *s)
{
	size_t i;
	int r;

	for (i = 0; i < nitems(steps); i++) {
		r = steps[i].fn(s);
		if (r < 0) {
			session_fail(s, steps[i].name, "%s%s", strerror(-r),
			    r == -EINVAL ? ": the file system cannot be "
			    "id-mapped, which a project of root's needs" : "");
			return r;
		}
	}
	return 0;
}
