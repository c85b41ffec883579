#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "sandbox/role.h"
#include "tests/unit/init_driver.h"

#define PATIENCE_MS	20000

#define NAMESPACES	(CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWIPC |	\
			    CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET)

static int init_fd = -1;

struct monitor {
	const struct drive	*d;
	struct result		*out;
	struct loop		*loop;
	struct chan		 control, runner;
	struct source		 output, logs, init;
	struct timer		 patience;
	int			 control_end, log_end;	/* init's */
	int64_t			 begun_ns;
};

int
drive_open(const char *coven_init)
{
	int fd = open(coven_init, O_PATH | O_CLOEXEC);

	/* Out of the way of what a role is given: 0 to 4. */
	init_fd = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
	mem_close(&fd);
	return init_fd == -1 ? -errno : 0;
}

/* --- how the monitor starts an init --- */

/* Between clone3 and execveat: every capability of the new namespace. */
static int
raise_ambient(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	unsigned long cap;

	if (syscall(SYS_capget, &head, data) == -1)
		return -errno;
	data[0].inheritable = data[0].permitted;
	data[1].inheritable = data[1].permitted;
	if (syscall(SYS_capset, &head, data) == -1)
		return -errno;
	for (cap = 0; cap < 64; cap++) {
		uint32_t half = data[cap / 32].permitted;

		if ((half & (1u << (cap % 32))) && prctl(PR_CAP_AMBIENT,
		    PR_CAP_AMBIENT_RAISE, cap, 0, 0) == -1)
			return -errno;
	}
	return 0;
}

static void __attribute__((noreturn))
become_init(const struct monitor *m)
{
	static char name[] = "coven-init", out[] = "65534", u[] = "1000",
	    zero[] = "0", mode[] = "namespaces", spare[] = ROLE_SPARE;
	char *in = m->d->uid_0 ? zero : u;
	char *argv[] = { name, in, out, in, out, mode, spare, NULL };
	char *envp[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dup2(m->log_end, 2) == -1 || dup2(null, 0) == -1 ||
	    dup2(null, 1) == -1)
		_exit(120);
	if (m->control_end == 3)
		(void)fcntl(3, F_SETFD, 0);
	else if (dup2(m->control_end, 3) == -1)
		_exit(121);
	if (close_range(4, ~0U, CLOSE_RANGE_CLOEXEC) == -1)
		_exit(122);
	if (raise_ambient() < 0)
		_exit(123);
	(void)syscall(SYS_execveat, init_fd, "", argv, envp, AT_EMPTY_PATH);
	_exit(124);
}

static int
clone_init(const struct monitor *m, uint64_t more)
{
	struct clone_args args = { .flags = NAMESPACES | more,
	    .exit_signal = more & CLONE_PARENT ? 0 : SIGCHLD };
	pid_t pid;

	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		become_init(m);
	return pid == -1 ? -errno : pid;
}

/*
 * Older kernels drop ambient capabilities at exec when the real and the
 * effective uid differ, and a monitor that takes the owner's real uid can be
 * signalled by the owner.  So a process between does, and clones a sibling.
 */
static int
clone_between(const struct monitor *m)
{
	int fds[2], status, pid = -EIO;
	pid_t between;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return -errno;
	between = fork();
	if (between == 0) {
		if (setgroups(0, NULL) == -1 ||
		    setresgid(PAYLOAD_OUT, PAYLOAD_OUT, PAYLOAD_OUT) == -1 ||
		    setresuid(PAYLOAD_OUT, PAYLOAD_OUT, PAYLOAD_OUT) == -1)
			_exit(1);
		pid = clone_init(m, CLONE_PARENT);
		_exit(write(fds[1], &pid, sizeof(pid)) != sizeof(pid));
	}
	mem_close(&fds[1]);
	if (read(fds[0], &pid, sizeof(pid)) != sizeof(pid))
		pid = -EIO;
	mem_close(&fds[0]);
	(void)waitpid(between, &status, 0);
	return pid;
}

static int
start_init(struct monitor *m)
{
	static int (*const start[WHO__COUNT])(const struct monitor *) = {
	    [WHO_ROOT] = clone_between };
	int pid = start[m->d->who] != NULL ? start[m->d->who](m) :
	    clone_init(m, 0);

	if (pid < 0)
		return pid;
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* --- what it answers --- */

static void
stop(struct monitor *m)
{
	if (m->output.fd == -1 && m->init.fd == -1 && m->logs.fd == -1)
		loop_quit(m->loop, 0);
}

static void
on_bytes(struct source *s, char *to, size_t *len, size_t max)
{
	struct monitor *m = s->ctx;
	ssize_t n = read(s->fd, to + *len, max - *len);

	if (n > 0) {
		*len += (size_t)n;
		return;
	}
	if (n == -1 && errno == EAGAIN)
		return;
	loop_del(m->loop, s);
	mem_close(&s->fd);
	stop(m);
}

static void
on_output(struct source *s, uint32_t events)
{
	struct monitor *m = s->ctx;

	(void)events;
	on_bytes(s, m->out->out, &m->out->outlen, sizeof(m->out->out) - 1);
}

static void
on_log(struct source *s, uint32_t events)
{
	struct monitor *m = s->ctx;

	(void)events;
	on_bytes(s, m->out->log, &m->out->loglen, sizeof(m->out->log) - 1);
}

static void
on_init_dead(struct source *s, uint32_t events)
{
	struct monitor *m = s->ctx;
	siginfo_t si = { 0 };

	(void)events;
	if (waitid(P_PIDFD, (id_t)s->fd, &si, WEXITED | __WALL) == 0)
		m->out->init_status = si.si_code == CLD_EXITED ?
		    si.si_status : -si.si_status;
	m->out->ended_us = (loop_now_ns() - m->begun_ns) / 1000;
	loop_del(m->loop, s);
	mem_close(&s->fd);
	/* No runner's terminal came, and none will. */
	if (m->output.fd == -2)
		m->output.fd = -1;
	stop(m);
}

static void
on_end(struct chan *c, int why)
{
	struct monitor *m = c->ctx;

	if (why == CHAN_BAD)
		(void)snprintf(m->out->text, sizeof(m->out->text), "%s",
		    c->blame);
	chan_close(c);
}

static int
on_hello(struct chan *c, const union msg_any *msg, int *fd)
{
	uint8_t digest[MSG_DIGEST_LEN];
	struct msg_verified verified = { 0 };

	(void)fd;
	msg_table_digest(digest);
	if (msg->hello.digest.len != sizeof(digest) ||
	    memcmp(msg->hello.digest.p, digest, sizeof(digest)) != 0)
		return chan_blame(c, "HELLO with another table");
	return chan_send(c, MSG_VERIFIED, &verified, -1);
}

static int
on_started(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;
	struct msg_init_signal term = { .signo = SIGTERM };
	struct msg_shutdown shutdown = { 0 };

	(void)msg;
	(void)fd;
	m->out->started = true;
	m->out->started_us = (loop_now_ns() - m->begun_ns) / 1000;
	/* Give the script a moment to be what the test means. */
	if (m->d->act != ACT_NONE)
		usleep(200000);
	term.everyone = m->d->act == ACT_TERM_ALL;
	if (m->d->act == ACT_TERM || m->d->act == ACT_TERM_ALL)
		(void)chan_send(c, MSG_INIT_SIGNAL, &term, -1);
	else if (m->d->act == ACT_SHUTDOWN)
		(void)chan_send(c, MSG_SHUTDOWN, &shutdown, -1);
	else if (m->d->act == ACT_EOF)
		chan_close(c);
	else if (m->d->act == ACT_RUNNER_EOF)
		chan_close(&m->runner);
	return 0;
}

static int
on_prepared(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)msg;
	(void)fd;
	m->out->prepared = true;
	return 0;
}

static int
on_listener(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)msg;
	/* As long as this process lives, and so the session. */
	m->out->listener = mem_steal_fd(fd) >= 0;
	return 0;
}

static int
on_failed(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)fd;
	m->out->failed = true;
	m->out->error = msg->init_failed.error;
	(void)snprintf(m->out->step, sizeof(m->out->step), "%s",
	    msg->init_failed.step);
	(void)snprintf(m->out->text, sizeof(m->out->text), "%s",
	    msg->init_failed.text);
	return 0;
}

static int
on_tty(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)msg;
	m->output.fd = mem_steal_fd(fd);
	return loop_add(m->loop, &m->output, EPOLLIN);
}

static int
on_exit_msg(struct chan *c, const union msg_any *msg, int *fd)
{
	struct monitor *m = c->ctx;

	(void)fd;
	m->out->exited = true;
	m->out->exit_code = msg->init_exit.exit_code;
	m->out->signo = msg->init_exit.signo;
	return 0;
}

static chan_handler *const from_control[MSG__COUNT] = {
	[MSG_HELLO] = on_hello,
	[MSG_INIT_PREPARED] = on_prepared,
	[MSG_INIT_STARTED] = on_started,
	[MSG_INIT_FAILED] = on_failed,
	[MSG_INIT_LISTENER] = on_listener,
};

static chan_handler *const from_runner[MSG__COUNT] = {
	[MSG_INIT_TTY] = on_tty,
	[MSG_INIT_EXIT] = on_exit_msg,
};

/* --- what it is told --- */

static void
must(int ok, const char *what)
{
	if (!ok)
		fatal("%s: %s", what, strerror(errno));
}

/* A userns whose only use is its map: on disk 0, here the payload's uid. */
static int
idmap_userns(void)
{
	char path[64], map[64];
	int fds[2], fd, ns, n;
	struct clone_args args = { .flags = CLONE_NEWUSER,
	    .exit_signal = SIGCHLD };
	static const char *const maps[] = { "uid_map", "gid_map" };
	pid_t pid;

	must(pipe2(fds, O_CLOEXEC) == 0, "pipe");
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		(void)close(fds[1]);
		_exit(read(fds[0], map, 1) != 0);
	}
	must(pid > 0, "clone for an id map");
	for (n = 0; n < 2; n++) {
		(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid,
		    maps[n]);
		(void)snprintf(map, sizeof(map), "0 %d 1", PAYLOAD_OUT);
		fd = open(path, O_WRONLY | O_CLOEXEC);
		must(fd != -1 && write(fd, map, strlen(map)) > 0, path);
		mem_close(&fd);
	}
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	must(ns != -1, path);
	mem_close(&fds[1]);
	mem_close(&fds[0]);
	(void)waitpid(pid, NULL, 0);
	return ns;
}

static int
open_project(const struct drive *d)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	int fd, ns;

	if (!d->idmap)
		return open(d->project, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = open_tree(AT_FDCWD, d->project, OPEN_TREE_CLONE |
	    OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	must(fd != -1, "clone the project");
	ns = idmap_userns();
	attr.userns_fd = (uint64_t)ns;
	must(mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
	    sizeof(attr)) == 0, "map the project's ids");
	mem_close(&ns);
	return fd;
}

static void
send_root(struct monitor *m, int project)
{
	struct msg_init_root root = { .mount = m->d->idmap,
	    .path = m->d->project, .cwd = m->d->cwd };
	char path[4096];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", m->d->project,
	    m->d->cwd != NULL ? m->d->cwd : ".");
	must(stat(path, &st) == 0, path);
	root.cwd_dev = st.st_dev;
	root.cwd_ino = st.st_ino;
	must(chan_send(&m->control, MSG_INIT_ROOT, &root, project) == 0,
	    "INIT_ROOT");
}

/* The bytes of a copy travel in a memfd. */
static void
send_copy(struct monitor *m, const struct msg_init_mount *row)
{
	struct msg_init_mount bare = *row;
	autoclose int fd = memfd_make("copy", row->data.p, row->data.len);

	bare.data = (struct msg_bin){ 0 };
	must(fd >= 0 && chan_send(&m->control, MSG_INIT_MOUNT, &bare,
	    fd) == 0, "INIT_MOUNT with a copy");
}

static void
send_row(struct monitor *m, const struct msg_init_mount *row)
{
	if (row->op == MOUNT_COPY) {
		send_copy(m, row);
		return;
	}
	must(chan_send(&m->control, MSG_INIT_MOUNT, row, -1) == 0,
	    "INIT_MOUNT");
}

static const char passwd[] = "u:x:1000:1000:u:/home/u:/bin/sh\n";
static const char group[] = "u:x:1000:\n";

static const struct msg_init_mount common_rows[] = {
	{ .op = MOUNT_BIND, .flags = MOUNT_F_RO, .source = "/usr",
	    .target = "/usr" },
	{ .op = MOUNT_FILE, .target = "/etc/passwd",
	    .data = { passwd, sizeof(passwd) - 1 } },
	{ .op = MOUNT_FILE, .target = "/etc/group",
	    .data = { group, sizeof(group) - 1 } },
	{ .op = MOUNT_BIND, .flags = MOUNT_F_RO | MOUNT_F_OPTIONAL,
	    .source = "/etc/ld.so.cache", .target = "/etc/ld.so.cache" },
	{ .op = MOUNT_BIND, .flags = MOUNT_F_RO | MOUNT_F_OPTIONAL,
	    .source = "/etc/absent", .target = "/etc/absent" },
	{ .op = MOUNT_DIR, .target = "/var" },
	{ .op = MOUNT_TMPFS, .target = "/tmp",
	    .data = { "size=64m,mode=1777", 18 } },
	{ .op = MOUNT_TMPFS, .target = "/home/u",
	    .data = { "size=64m,mode=0700", 18 } },
	{ .op = MOUNT_FILE, .target = "/home/u/.gitconfig",
	    .data = { "[user]\n", 7 } },
	{ .op = MOUNT_COPY, .target = "/home/u/.tool.json",
	    .data = { "{}\n", 3 } },
};

static void
send_plan(struct monitor *m)
{
	static const char *const tops[] = { "/bin", "/lib", "/lib32",
	    "/lib64", "/sbin" };
	char link[4096];
	ssize_t n;
	size_t i;

	for (i = 0; i < nitems(tops); i++) {
		struct msg_init_mount row = { .op = MOUNT_SYMLINK,
		    .source = link, .target = tops[i] };

		n = readlink(tops[i], link, sizeof(link) - 1);
		if (n == -1 && errno == ENOENT)
			continue;
		if (n == -1)
			row = (struct msg_init_mount){ .op = MOUNT_BIND,
			    .flags = MOUNT_F_RO, .source = tops[i],
			    .target = tops[i] };
		else
			link[n] = '\0';
		send_row(m, &row);
	}
	for (i = 0; i < nitems(common_rows); i++)
		if (common_rows[i].op != MOUNT_COPY)
			send_row(m, &common_rows[i]);
}

/* What belongs to a session: this is never built ahead. */
static void
send_session(struct monitor *m)
{
	size_t i;

	for (i = 0; i < nitems(common_rows); i++)
		if (common_rows[i].op == MOUNT_COPY)
			send_row(m, &common_rows[i]);
	for (i = 0; i < m->d->nrows; i++)
		send_row(m, &m->d->rows[i]);
}

static bool
build_ahead(struct monitor *m)
{
	struct msg_init_prepare prepare = { .network = m->d->network };

	must(chan_send(&m->control, MSG_INIT_PREPARE, &prepare, -1) == 0,
	    "INIT_PREPARE");
	while (!m->out->prepared)
		if (chan_wait(&m->control, 5000) != 0)
			return false;
	m->begun_ns = loop_now_ns();
	return true;
}

/* stdin is empty; stdout and stderr are one pipe here. */
static void
send_io(struct monitor *m)
{
	int in[2], out[2];
	uint32_t slot;

	if (m->d->transport == TRANSPORT_PTY) {
		m->output.fd = -2;	/* until INIT_TTY */
		return;
	}
	must(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipe");
	/* /dev/stdout opens the pipe anew: it must be the payload's. */
	if (geteuid() == 0)
		must(fchown(in[0], PAYLOAD_OUT, PAYLOAD_OUT) == 0 &&
		    fchown(out[1], PAYLOAD_OUT, PAYLOAD_OUT) == 0, "fchown");
	for (slot = 0; slot < 3; slot++) {
		struct msg_init_io io = { .slot = slot };

		must(chan_send(&m->control, MSG_INIT_IO, &io,
		    slot == 0 ? in[0] : out[1]) == 0, "INIT_IO");
	}
	mem_close(&in[0]);
	mem_close(&in[1]);
	mem_close(&out[1]);
	m->output.fd = out[0];
	must(loop_add(m->loop, &m->output, EPOLLIN) == 0, "watch the output");
}

static void
send_go(struct monitor *m)
{
	static const char envp[] = "PATH=/usr/bin:/bin\0HOME=/home/u\0LANG=C";
	struct msg_init_build build = { .transport = m->d->transport,
	    .network = m->d->network, .rows = 30, .cols = 100,
	    .hostname = "coven" };
	struct msg_init_go go = { 0 };
	struct msg_exec_plan plan = { .program = m->d->program,
	    .envp = { envp, sizeof(envp) } };
	autobuf struct buf argv = { 0 }, record = { 0 };
	int fd;

	plan.uid = plan.gid = m->d->uid_0 ? 0 : PAYLOAD_IN;
	if (m->d->program == NULL) {
		plan.program = "/bin/sh";
		(void)buf_add(&argv, "sh\0-c", 6);
		(void)buf_add(&argv, m->d->script, strlen(m->d->script) + 1);
	} else {
		(void)buf_add(&argv, m->d->program,
		    strlen(m->d->program) + 1);
	}
	plan.argv = (struct msg_bin){ buf_head(&argv), buf_left(&argv) };
	must(msg_encode(&record, MSG_EXEC_PLAN, &plan) == 0, "EXEC_PLAN");
	fd = memfd_make("plan", buf_head(&record), buf_left(&record));
	must(fd >= 0, "memfd");
	must(chan_send(&m->control, MSG_INIT_BUILD, &build, -1) == 0,
	    "INIT_BUILD");
	must(chan_send(&m->control, MSG_INIT_GO, &go, fd) == 0, "INIT_GO");
	mem_close(&fd);
}

static void
send_runner(struct monitor *m)
{
	struct msg_peer peer = { .role = ROLE_RUNNER };
	int fds[2];

	must(chan_pair(fds) == 0, "pair");
	must(chan_send(&m->control, MSG_PEER, &peer, fds[1]) == 0, "PEER");
	mem_close(&fds[1]);
	must(chan_open(&m->runner, m->loop, &fds[0], ROLE_RUNNER, ROLE_INIT,
	    CS_SERVING, from_runner, m, on_end) == 0, "runner channel");
}

/* --- one session --- */

static void
on_patience(struct timer *t)
{
	struct monitor *m = t->ctx;

	m->out->late = true;
	if (m->init.fd >= 0)
		(void)syscall(SYS_pidfd_send_signal, m->init.fd, SIGKILL,
		    NULL, 0);
	loop_quit(m->loop, 1);
}

static void
take_identity(enum who who)
{
	if (who == WHO_NOBODY)
		must((geteuid() != 0 || setgroups(0, NULL) == 0) &&
		    setresgid(PAYLOAD_OUT, PAYLOAD_OUT, PAYLOAD_OUT) == 0 &&
		    setresuid(PAYLOAD_OUT, PAYLOAD_OUT, PAYLOAD_OUT) == 0,
		    "become nobody");
	if (who == WHO_SETEUID)
		must(setgroups(0, NULL) == 0 && setegid(PAYLOAD_OUT) == 0 &&
		    seteuid(PAYLOAD_OUT) == 0, "take nobody's effective ids");
}

static void
serve(struct monitor *m)
{
	int control[2], logs[2], project = open_project(m->d), r;

	must(project != -1, m->d->project);
	take_identity(m->d->who);
	must(chan_pair(control) == 0 && pipe2(logs, O_CLOEXEC) == 0, "pair");
	m->control_end = control[1];
	m->log_end = logs[1];
	m->begun_ns = loop_now_ns();
	r = start_init(m);
	errno = -r;
	must(r >= 0, "start coven-init");
	m->init = (struct source){ .fd = r, .cb = on_init_dead, .ctx = m };
	must(loop_add(m->loop, &m->init, EPOLLIN) == 0, "watch the init");
	mem_close(&control[1]);
	mem_close(&logs[1]);
	m->logs = (struct source){ .fd = logs[0], .cb = on_log, .ctx = m };
	must(loop_add(m->loop, &m->logs, EPOLLIN) == 0, "watch the log");
	m->output = (struct source){ .fd = -1, .cb = on_output, .ctx = m };
	must(chan_open(&m->control, m->loop, &control[0], ROLE_MONITOR,
	    ROLE_INIT, CS_NEW, from_control, m, on_end) == 0, "channel");
	while (chan_is_open(&m->control) && m->control.state != CS_READY) {
		if (chan_wait(&m->control, 5000) != 0)
			goto run;
	}
	send_plan(m);
	if (m->d->ahead && !build_ahead(m))
		goto run;
	send_root(m, project);
	mem_close(&project);
	send_session(m);
	send_io(m);
	send_runner(m);
	if (m->d->meanwhile != NULL)
		m->d->meanwhile(m->d);
	send_go(m);
run:
	timer_start(m->loop, &m->patience, PATIENCE_MS);
	(void)loop_run(m->loop);
}

void
drive_run(const struct drive *d, struct result *out)
{
	struct result *shared = mmap(NULL, sizeof(*shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct monitor m = { .d = d, .out = shared };
	pid_t pid;

	must(shared != MAP_FAILED, "map the result");
	pid = fork();
	must(pid != -1, "fork");
	if (pid == 0) {
		log_init("driver", LOG_LEVEL_DEBUG);
		m.loop = loop_new();
		m.patience = (struct timer){ .cb = on_patience, .ctx = &m };
		serve(&m);
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
	*out = *shared;
	(void)munmap(shared, sizeof(*shared));
}
