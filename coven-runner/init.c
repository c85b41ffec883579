#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"
#include "sandbox/role.h"

#define FLUSH_TURNS	50
#define FLUSH_MS	100

#define TREE	1u		/* by a spare in the tree's namespace, ahead */
#define SELF	2u		/* by a spare in its own, ahead */
#define LAUNCH	4u

/*
 * From a fresh set of namespaces to the payload.  Sources come first, while
 * the host's tree is there; nothing is mounted after lock; what drop gives up
 * is what every step before it needs.  A spare does a part of this before it
 * has a session; what a launch adds, it adds at the launch.
 */
static const struct {
	const char	*name;
	int		(*run)(struct init *);
	unsigned	 when;
} steps[] = {
	{ "namespace", init_namespace, TREE | LAUNCH },
	{ "sources", init_sources, TREE | LAUNCH },
	{ "root", init_root, TREE },
	{ "dev", init_dev, TREE },
	{ "proc", init_proc, TREE },
	{ "pivot", init_pivot, TREE },
	{ "enter", init_enter, LAUNCH },
	{ "mounts", init_mounts, TREE | LAUNCH },
	{ "mask", init_mask, TREE | LAUNCH },
	{ "protect", init_protect, LAUNCH },
	{ "keep", init_keep, TREE },
	{ "loopback", init_loopback, SELF },
	{ "compile", init_compile, SELF },
	{ "hostname", init_hostname, LAUNCH },
	{ "seal", init_seal, LAUNCH },
	{ "lock", init_lock, LAUNCH },
	{ "cwd", init_cwd, LAUNCH },
	{ "guard", init_guard, LAUNCH },
	{ "terminal", init_terminal, LAUNCH },
	{ "drop", init_drop, LAUNCH },
	{ "filter", init_filter, LAUNCH },
};

static int
run_steps(struct init *in, unsigned when)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(steps); i++) {
		if ((steps[i].when & when) == 0)
			continue;
		in->step = steps[i].name;
		r = steps[i].run(in);
	}
	return r;
}

int
init_fail(struct init *in, int err, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	(void)vsnprintf(in->text, sizeof(in->text), fmt, ap);
	va_end(ap);
	n = strlen(in->text);
	(void)snprintf(in->text + n, sizeof(in->text) - n, ": %s",
	    strerror(-err));
	return err;
}

/* What was sent last must be on its way before this process is gone. */
static void
flush(struct init *in, struct chan *c)
{
	int i;

	for (i = 0; i < FLUSH_TURNS && chan_is_open(c) &&
	    chan_queued(c) != 0; i++)
		loop_once(in->loop, FLUSH_MS);
}

static void __attribute__((noreturn))
give_up(struct init *in, int err)
{
	struct msg_init_failed msg = { .step = in->step,
	    .error = (uint32_t)-err, .text = in->text };

	log_error("%s: %s", in->step, in->text);
	if (chan_is_open(&in->control) &&
	    in->control.state != CS_STOPPING &&
	    chan_send(&in->control, MSG_INIT_FAILED, &msg, -1) == 0)
		flush(in, &in->control);
	/* The kernel ends every process of the namespace with this one. */
	_exit(1);
}

/* --- the payload's end --- */

void
init_kill_all(struct init *in)
{
	/* Without a pid namespace -1 is everybody; finish() ends the rest. */
	if (kill(in->alone ? in->payload : -1, SIGKILL) == -1 &&
	    errno != ESRCH)
		log_error("kill everything: %s", strerror(errno));
}

/* The same, and it is waited for. */
static void
end_all(struct init *in)
{
	if (in->alone)
		init_alone_kill();
	else
		init_kill_all(in);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

/*
 * The first process has ended: so does everything it left behind, before its
 * end is reported.  kill(-1) misses nobody, also not a process that forks.
 */
static void __attribute__((noreturn))
finish(struct init *in, int status, uint64_t maxrss_kib)
{
	struct msg_init_exit msg = {
		.limit = init_watch_ended(in, status, maxrss_kib) };

	end_all(in);
	FAILPOINT("init.before-exit");
	if (init_guard_sweep(in))
		msg.limit = BOUND_PROTECTED;
	if (WIFSIGNALED(status))
		msg.signo = (uint32_t)WTERMSIG(status);
	else
		msg.exit_code = WEXITSTATUS(status);
	if (chan_is_open(&in->runner) &&
	    chan_send(&in->runner, MSG_INIT_EXIT, &msg, -1) == 0)
		flush(in, &in->runner);
	/* Nothing is left; the mounts' end need not be waited for. */
	chan_close(&in->runner);
	_exit(0);
}

static void
on_sig(void *ctx, int sig)
{
	struct init *in = ctx;
	struct rusage used;
	int status;
	pid_t pid;

	if (sig == SIGIO) {
		init_guard_look(in);
		return;
	}
	/* A child that asks its parent to trace it stops: that is no end. */
	while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0)
		if (pid == in->payload && !WIFSTOPPED(status))
			finish(in, status, (uint64_t)used.ru_maxrss);
}

/* --- what the monitor says --- */

/* Nobody keeps the record any more: the session ends here. */
static void
on_runner_end(struct chan *c, int why)
{
	struct init *in = c->ctx;

	log_error("end the session: the runner %s",
	    why == CHAN_EOF ? "is gone" : "broke the protocol");
	chan_close(c);
	end_all(in);
	(void)init_guard_sweep(in);
	_exit(1);
}

static int
on_peer(struct chan *c, const union msg_any *msg, int *fd)
{
	static chan_handler *const none[MSG__COUNT];
	struct init *in = c->ctx;
	int r;

	if (msg->peer.role != ROLE_RUNNER || chan_is_open(&in->runner) ||
	    c->state != CS_READY)
		return chan_blame(c, "PEER of role %u in state %#x",
		    msg->peer.role, c->state);
	role_title(msg->peer.session);
	r = chan_open(&in->runner, in->loop, fd, ROLE_INIT, ROLE_RUNNER,
	    CS_SERVING, none, in, on_runner_end);
	if (r < 0)
		return chan_blame(c, "PEER: %s", strerror(-r));
	return 0;
}

/* cwd as the monitor has it: in the project, absolute or relative to it. */
static const char *
relative(const char *cwd, const char *root)
{
	size_t n = strlen(root);

	if (strncmp(cwd, root, n) == 0 && (cwd[n] == '/' || cwd[n] == '\0'))
		cwd += n;
	while (*cwd == '/')
		cwd++;
	return *cwd != '\0' ? cwd : ".";
}

static int
on_root(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_init_root *root = &msg->init_root;
	struct init *in = c->ctx;

	if (root->path[0] != '/' || root->mount > 1 || root->isolated > 1)
		return chan_blame(c, "INIT_ROOT %s, %u, %u", root->path,
		    root->mount, root->isolated);
	in->detached = root->mount == 1;
	in->isolated = root->isolated == 1;
	/* Before the mount namespace is made: it carries this folder over. */
	if (!in->detached && !in->alone && fchdir(*fd) == -1) {
		in->step = "project";
		give_up(in, init_fail(in, -errno, "enter %s", root->path));
	}
	in->project = (struct init_mount){ .op = MOUNT_BIND,
	    .flags = MOUNT_F_MASK, .source = mem_strdup(root->path),
	    .target = mem_strdup(root->path),
	    .fd = in->detached || in->alone ? mem_steal_fd(fd) : -1 };
	in->cwd = mem_strdup(relative(root->cwd, root->path));
	in->cwd_dev = root->cwd_dev;
	in->cwd_ino = root->cwd_ino;
	(void)buf_add(&in->open, root->open.p, root->open.len);
	in->have_project = true;
	return 0;
}

static int
on_mount(struct chan *c, const union msg_any *msg, int *fd)
{
	struct init *in = c->ctx;
	int r = init_add_mount(in, &msg->init_mount, fd);

	if (r < 0)
		return chan_blame(c, "INIT_MOUNT %s: %s",
		    msg->init_mount.target, strerror(-r));
	return 0;
}

static int
on_io(struct chan *c, const union msg_any *msg, int *fd)
{
	struct init *in = c->ctx;
	uint32_t slot = msg->init_io.slot;

	if (slot > 2 || in->io[slot] >= 0)
		return chan_blame(c, "INIT_IO of slot %u", slot);
	in->io[slot] = mem_steal_fd(fd);
	return 0;
}

static int
build_tree(struct init *in)
{
	return run_steps(in, TREE);
}

/* A spare: everything that no launch changes, before there is one. */
static int
on_prepare(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_init_prepared prepared = { 0 };
	struct init *in = c->ctx;
	int r;

	(void)fd;
	if (in->have_project || in->alone || msg->init_prepare.network > 1)
		return chan_blame(c, "INIT_PREPARE, network %u%s",
		    msg->init_prepare.network, in->have_project ?
		    ", after INIT_ROOT" : "");
	in->network = msg->init_prepare.network;
	in->step = "plan";
	r = init_check_ahead(in);
	if (r == 0)
		r = init_apart(in, build_tree);
	if (r == 0)
		r = run_steps(in, SELF);
	if (r < 0)
		give_up(in, r);
	r = chan_send(c, MSG_INIT_PREPARED, &prepared, -1);
	if (r < 0 && r != -EPIPE)
		return chan_blame(c, "INIT_PREPARED: %s", strerror(-r));
	return 0;
}

/* All but the payload, which may not be on record yet. */
static int
on_build(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_init_build *m = &msg->init_build;
	struct init *in = c->ctx;
	int r;

	(void)fd;
	if (in->prepared && in->network != m->network)
		return chan_blame(c, "INIT_BUILD, network %u, prepared for "
		    "%u", m->network, in->network);
	in->transport = m->transport;
	in->network = m->network;
	in->nested = m->nested;
	in->rows = m->rows;
	in->cols = m->cols;
	(void)snprintf(in->hostname, sizeof(in->hostname), "%s", m->hostname);
	in->step = "plan";
	r = init_check(in);
	if (r == 0 && in->alone)
		r = init_alone_build(in);
	else if (r == 0)
		r = init_choose(in);
	if (r == 0 && !in->alone)
		r = run_steps(in, in->prepared ? LAUNCH :
		    TREE | SELF | LAUNCH);
	if (r < 0)
		give_up(in, r);
	in->built = true;
	return 0;
}

static int
on_go(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_init_started started = { 0 };
	struct init *in = c->ctx;
	int r;

	(void)msg;
	if (!in->built)
		return chan_blame(c, "INIT_GO with nothing built");
	in->step = "plan";
	r = init_read_plan(in, *fd);
	if (r == 0) {
		in->step = "start";
		r = init_start(in);
	}
	if (r < 0)
		give_up(in, r);
	init_watch_start(in);
	init_quota_start(in);
	FAILPOINT("init.after-exec");
	r = chan_send(c, MSG_INIT_STARTED, &started, -1);
	if (r < 0 && r != -EPIPE)
		return chan_blame(c, "INIT_STARTED: %s", strerror(-r));
	return 0;
}

static int
on_signal(struct chan *c, const union msg_any *msg, int *fd)
{
	struct init *in = c->ctx;
	uint32_t signo = msg->init_signal.signo;

	(void)fd;
	if (signo == 0 || signo > SIGSYS || in->payload <= 0)
		return chan_blame(c, "INIT_SIGNAL %u", signo);
	if (in->alone && msg->init_signal.everyone) {
		init_alone_signal(in, (int)signo);
		return 0;
	}
	/* Not reaped before its end is seen, so the number is still its. */
	if (kill(msg->init_signal.everyone ? -1 : -in->payload,
	    (int)signo) == -1 && errno != ESRCH)
		log_error("send signal %u: %s", signo, strerror(errno));
	return 0;
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct init *in = c->ctx;

	(void)msg;
	(void)fd;
	if (in->payload <= 0)
		_exit(0);
	/* Its end is reported as any other. */
	init_kill_all(in);
	return 0;
}

chan_handler *const init_handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_SHUTDOWN] = on_shutdown,
	[MSG_INIT_PREPARE] = on_prepare,
	[MSG_INIT_ROOT] = on_root,
	[MSG_INIT_MOUNT] = on_mount,
	[MSG_INIT_IO] = on_io,
	[MSG_INIT_BUILD] = on_build,
	[MSG_INIT_GO] = on_go,
	[MSG_INIT_SIGNAL] = on_signal,
};

/* --- life --- */

/* A plan's mounts and a deep walk hold a descriptor each. */
static void
raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 &&
	    files.rlim_cur < LIMIT_PLAN_MOUNTS + INIT_DEPTH_MAX + 64) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
}

/*
 * Where the host lacks memory and has to choose, it chooses a session and
 * neither a role of ours nor anything else.  Before this process is not
 * dumpable any more: then the file is root's.
 */
static void
offer_to_the_killer(void)
{
	static const char text[] = "1000";
	autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY |
	    O_CLOEXEC);

	if (fd == -1 || write(fd, text, sizeof(text) - 1) == -1)
		log_debug("oom_score_adj: %s", strerror(errno));
}

void
init_new(struct init *in, struct loop *loop, const struct init_ids *ids)
{
	*in = (struct init){ .loop = loop, .ids = *ids,
	    .io = { -1, -1, -1 }, .tree = -1, .root = -1, .proc = -1,
	    .mask_file = -1, .mask_dir = -1, .store = -1, .cwd_fd = -1,
	    .tty = -1, .step = "start" };
	in->project.fd = in->quota.folder = -1;
	in->runner.source.fd = -1;
	raise_files();
	offer_to_the_killer();
}

int
init_serve(struct init *in)
{
	static const int sigs[] = { SIGCHLD, SIGIO };
	int r = loop_signals(in->loop, sigs, nitems(sigs), on_sig, in);

	if (r < 0)
		fatal("watch for signals: %s", strerror(-r));
	return loop_run(in->loop);
}
