#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/failpoint.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"

#define FILES_SOFT	1024		/* select() breaks above it */
#define FILES_HARD	524288
#define PROCESSES	8192		/* in this user namespace alone */

/* The payload before it is the payload: its last steps, in this order. */
struct child {
	struct init		*in;
	struct landlock_rule	*rules;
	size_t			 nrules;
};

/* What a step of the child leaves in the error pipe. */
struct verdict {
	uint32_t	step;
	int32_t		error;
};

/* Rows to instructions: the same for every launch, and not quick. */
int
init_compile(struct init *in)
{
	int r = filter_compile(FILTER_PAYLOAD);

	if (r < 0)
		return init_fail(in, r, "compile the %s filter",
		    filter_name(FILTER_PAYLOAD));
	return 0;
}

int
init_filter(struct init *in)
{
	/* There is nothing in which namespaces could be nested, alone. */
	enum filter_id id = in->nested != 0 && !in->alone ? FILTER_NESTED :
	    FILTER_PAYLOAD;
	int r = filter_load(id);

	if (r < 0)
		return init_fail(in, r, "load the %s filter",
		    filter_name(id));
	return 0;
}

/*
 * By the call itself: libc keeps two numbers for itself and refuses to touch
 * them, also when a parent left them ignored.
 */
static int
child_signals(struct child *c)
{
	/* Every layout of the kernel's struct, with SIG_DFL and no flag. */
	static const unsigned long dfl[8];
	sigset_t none;
	int sig;

	(void)c;
	for (sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP &&
		    syscall(SYS_rt_sigaction, sig, dfl, NULL,
		    (size_t)(NSIG - 1) / 8) == -1)
			return -errno;
	sigemptyset(&none);
	return sigprocmask(SIG_SETMASK, &none, NULL) == -1 ? -errno : 0;
}

static int
child_session(struct child *c)
{
	if (setsid() == -1)
		return -errno;
	if (c->in->tty >= 0 && ioctl(c->in->tty, TIOCSCTTY, 0) == -1)
		return -errno;
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ? -errno : 0;
}

/* At most this, and never more than there was: hard, and soft up to soft. */
static int
lower(int what, uint64_t to, uint64_t soft)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)what, &r) == -1)
		return -errno;
	if (r.rlim_max > to)
		r.rlim_max = to;
	r.rlim_cur = r.rlim_max < soft ? r.rlim_max : soft;
	return setrlimit((__rlimit_resource_t)what, &r) == -1 ? -errno : 0;
}

/*
 * Not RLIMIT_AS: what node, Go and the JVM reserve and never touch counts for
 * it.  The second of CPU time ends what took no notice of the first.
 */
static int
child_limits(struct child *c)
{
	const struct init *in = c->in;
	const struct {
		int		what;
		uint64_t	to, soft;
	} rows[] = {
		{ RLIMIT_CORE, 0, 0 },
		{ RLIMIT_NPROC, in->processes != 0 ? in->processes :
		    PROCESSES, UINT64_MAX },
		{ RLIMIT_NOFILE, in->open_files != 0 ? in->open_files :
		    FILES_HARD, FILES_SOFT },
		{ RLIMIT_FSIZE, in->file, UINT64_MAX },
		{ RLIMIT_DATA, in->data, UINT64_MAX },
		{ RLIMIT_CPU, in->cpu_s != 0 ? in->cpu_s + (uint64_t)1 : 0,
		    in->cpu_s },
	};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(rows); i++)
		if (rows[i].to != 0 || rows[i].what == RLIMIT_CORE)
			r = lower(rows[i].what, rows[i].to, rows[i].soft);
	return r;
}

static int
child_stdio(struct child *c)
{
	int i, from;

	for (i = 0; i < 3; i++) {
		from = c->in->tty >= 0 ? c->in->tty : c->in->io[i];
		if (dup2(from, i) == -1)
			return -errno;
	}
	return 0;
}

static int
child_cwd(struct child *c)
{
	(void)umask(022);
	return fchdir(c->in->cwd_fd) == -1 ? -errno : 0;
}

/*
 * After the last mount: a process under Landlock cannot mount.  Where there
 * is no Landlock, what it would refuse a second time is absent from the root
 * or read-only in it; covenctl doctor says so.
 */
static int
child_landlock(struct child *c)
{
	bool alone = c->in->alone;
	int r;

	/* Who is under a rule for files mounts nothing, not even in there. */
	if (c->in->nested != 0 && !alone)
		return landlock_scope();
	r = landlock_restrict(c->rules, c->nrules, alone ?
	    LANDLOCK_NET_NONE : LANDLOCK_NET_ANY);

	return r == -ENOSYS && !alone ? 0 : r;
}

/* Not the init: it ends the payload's processes. */
static int
child_filter(struct child *c)
{
	return c->in->alone ? init_alone_filter() : 0;
}

static int
child_close(struct child *c)
{
	(void)c;
	return close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == -1 ? -errno : 0;
}

/*
 * A name without a slash is looked up on the payload's own PATH, inside its
 * own root: nobody outside could.
 */
static int
child_execve(struct child *c)
{
	const char *name = c->in->program, *dir = NULL, *end;
	char path[PATH_MAX];
	int i, r = -ENOENT;

	if (strchr(name, '/') != NULL) {
		execve(name, c->in->argv, c->in->envp);
		return -errno;
	}
	for (i = 0; c->in->envp[i] != NULL; i++)
		if (strncmp(c->in->envp[i], "PATH=", 5) == 0)
			dir = c->in->envp[i] + 5;
	for (; dir != NULL && *dir != '\0';
	    dir = *end != '\0' ? end + 1 : end) {
		end = dir + strcspn(dir, ":");
		if (snprintf(path, sizeof(path), "%.*s/%s", (int)(end - dir),
		    dir, name) >= (int)sizeof(path))
			continue;
		execve(path, c->in->argv, c->in->envp);
		if (errno != ENOENT && errno != ENOTDIR)
			r = -errno;	/* found, and refused: go on looking */
	}
	return r;
}

static const struct {
	const char	*name;
	int		(*run)(struct child *);
	const char	*what;
} child_steps[] = {
	{ "signals", child_signals, "reset the signals" },
	{ "session", child_session, "make a session and take its terminal" },
	{ "limits", child_limits, "set the limits" },
	{ "stdio", child_stdio, "set the standard descriptors" },
	{ "cwd", child_cwd, "enter the working folder" },
	{ "landlock", child_landlock, "restrict itself with Landlock" },
	{ "filter", child_filter, "load the filter of one without namespaces" },
	{ "close", child_close, "close what was inherited" },
	{ "execve", child_execve, "execute" },
};

static void __attribute__((noreturn))
child_run(struct child *c, int report)
{
	struct verdict v = { 0, 0 };

	for (v.step = 0; v.step < nitems(child_steps); v.step++) {
		v.error = child_steps[v.step].run(c);
		if (v.error < 0)
			break;
	}
	if (write(report, &v, sizeof(v)) == -1)
		_exit(126);
	_exit(127);
}

/* --- the same tree again, as rules --- */

static void
add_rule(struct child *c, const char *path, enum landlock_access access)
{
	c->rules[c->nrules++] = (struct landlock_rule){ .fd = -1,
	    .path = path, .access = access };
}

static void
make_rules(struct init *in, struct child *c)
{
	size_t i;

	if (in->alone) {
		c->nrules = init_alone_rules(in, &c->rules);
		return;
	}
	c->rules = mem_zalloc(in->nmounts + 3, sizeof(*c->rules));
	add_rule(c, "/", LANDLOCK_READ_EXEC);
	add_rule(c, "/dev", LANDLOCK_WRITE);
	add_rule(c, in->project.target, LANDLOCK_FULL);
	for (i = 0; i < in->nmounts; i++) {
		const struct init_mount *m = &in->mounts[i];

		if (m->skipped || (m->flags & MOUNT_F_RO) ||
		    (m->op != MOUNT_BIND && m->op != MOUNT_TMPFS))
			continue;
		add_rule(c, m->target, LANDLOCK_FULL);
	}
}

/* The end of the pipe without a word is execve's success. */
static int
read_verdict(struct init *in, int fd)
{
	struct verdict v;
	ssize_t n;

	do {
		n = read(fd, &v, sizeof(v));
	} while (n == -1 && errno == EINTR);
	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(v) || v.step >= nitems(child_steps))
		return init_fail(in, -EIO, "hear from the payload's process");
	in->step = child_steps[v.step].name;
	return init_fail(in, v.error, "%s %s", child_steps[v.step].what,
	    in->program);
}

int
init_start(struct init *in)
{
	struct child c = { .in = in };
	int pipefd[2], i, r;

	FAILPOINT("init.before-exec");
	if (pipe2(pipefd, O_CLOEXEC) == -1)
		return init_fail(in, -errno, "make a pipe");
	make_rules(in, &c);
	in->payload = fork();
	if (in->payload == 0)
		child_run(&c, pipefd[1]);
	free(c.rules);
	mem_close(&pipefd[1]);
	r = in->payload == -1 ? init_fail(in, -errno, "fork") :
	    read_verdict(in, pipefd[0]);
	mem_close(&pipefd[0]);
	/* Held open here, a pipe would never end for its reader. */
	for (i = 0; i < 3; i++)
		mem_close(&in->io[i]);
	mem_close(&in->tty);
	mem_close(&in->cwd_fd);
	return r;
}
