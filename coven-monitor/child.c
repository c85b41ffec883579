#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-monitor/child.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/orphans.h"
#include "coven-monitor/pair.h"
#include "sandbox/profile.h"

#define LINGER_MS	1000

#ifndef P_PIDFD
#define P_PIDFD	3
#endif

bool
child_alive(const struct child *c)
{
	return c->pid > 0;
}

void
child_kill(struct child *c)
{
	if (child_alive(c) && syscall(SYS_pidfd_send_signal, c->pidfd.fd,
	    SIGKILL, NULL, 0) == -1 && errno != ESRCH)
		fatal("kill %s[%d]: %s", msg_role_name(c->role), (int)c->pid,
		    strerror(errno));
}

void
child_tell(struct child *c, enum msg_type type, const void *msg)
{
	int r = chan_send(&c->control, type, msg, -1);

	/* -EPIPE: it is dead, which its pidfd reports. */
	if (r == 0 || r == -EPIPE)
		return;
	log_error("child %s[%d]: does not hear what it is told: ended",
	    msg_role_name(c->role), (int)c->pid);
	chan_close(&c->control);
	child_kill(c);
}

/* --- verification: what the child says of itself is not enough --- */

static int
read_status(const struct child *c, char *text, size_t size)
{
	autoclose int fd = openat(c->proc, "status", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, size - 1) : -1;

	if (n <= 0)
		return -EIO;
	text[n] = '\0';
	return 0;
}

/* An init must not have stayed in the monitor's user namespace. */
static int
verify_init(struct child *c)
{
	struct stat theirs, ours, pidns;
	int r;

	pair_become(c->pair);
	r = fstatat(c->proc, "ns/user", &theirs, 0);
	if (r == 0)
		r = fstatat(c->proc, "ns/pid", &pidns, 0);
	pair_restore(c->pair);
	if (r != 0 || stat("/proc/self/ns/user", &ours) == -1)
		return chan_blame(&c->control, "its namespace: %s",
		    strerror(errno));
	if (theirs.st_ino == ours.st_ino)
		return chan_blame(&c->control,
		    "still in the monitor's user namespace");
	c->pair->init_pidns = pidns.st_ino;
	/* Before it is told anything: what it will start is born in there. */
	c->cgroup = cgroup_add(&c->monitor->cgroup, c->pid);
	return 0;
}

static int
verify(struct child *c)
{
	bool alone = c->role == ROLE_INIT && mode_alone(c->monitor);
	char text[8192], why[128];
	int r;

	if (c->role == ROLE_INIT && !alone)
		return verify_init(c);
	if (read_status(c, text, sizeof(text)) < 0)
		return chan_blame(&c->control, "its status cannot be read");
	r = alone ? profile_verify_alone(text, why, sizeof(why)) :
	    profile_verify(c->role, text, why, sizeof(why));
	if (r != 0)
		return chan_blame(&c->control, "not confined: %s", why);
	if (alone)
		c->cgroup = cgroup_add(&c->monitor->cgroup, c->pid);
	return 0;
}

int
child_on_hello(struct chan *ch, const union msg_any *msg, int *fd)
{
	struct child *c = ch->ctx;
	struct msg_verified v = { 0 };

	(void)fd;
	if (msg->hello.digest.len != MSG_DIGEST_LEN ||
	    memcmp(msg->hello.digest.p, c->monitor->table_digest,
	    MSG_DIGEST_LEN) != 0)
		return chan_blame(ch, "it is of another build");
	if (verify(c) != 0)
		return CHAN_BAD;
	if (chan_send(ch, MSG_VERIFIED, &v, -1) < 0)
		return 0;		/* it died: its pidfd says so */
	c->ready = true;
	c->ops->on_ready(c);
	return 0;
}

/* --- the end --- */

static void
log_end(const struct child *c)
{
	const char *name = msg_role_name(c->role);
	bool ok = c->code == CLD_EXITED && c->status == 0;

	if (c->expected || ok)
		log_debug("child %s[%d]: ended", name, (int)c->pid);
	else if (c->code == CLD_EXITED)
		log_error("child %s[%d]: exited with status %d", name,
		    (int)c->pid, c->status);
	else
		log_error("child %s[%d]: killed by signal %d", name,
		    (int)c->pid, c->status);
}

static void
on_pidfd(struct source *s, uint32_t events)
{
	struct child *c = s->ctx;
	siginfo_t si = { 0 };

	(void)events;
	if (waitid(P_PIDFD, (id_t)s->fd, &si, WEXITED | WNOHANG) == -1)
		fatal("wait for %s: %s", msg_role_name(c->role),
		    strerror(errno));
	if (si.si_pid == 0)
		return;
	c->status = si.si_status;
	c->code = si.si_code;
	/* What it said before it died still counts. */
	while (chan_is_open(&c->control) &&
	    chan_wait(&c->control, 0) == 0)
		;
	log_end(c);
	note_death(c);
	timer_stop(c->monitor->loop, &c->linger);
	loop_del(c->monitor->loop, &c->pidfd);
	mem_close(&c->pidfd.fd);
	mem_close(&c->proc);
	chan_close(&c->control);
	logpipe_close(&c->log);
	c->oom = cgroup_oom(&c->monitor->cgroup, c->cgroup);
	orphans_forget(c);
	c->pid = 0;
	c->ready = false;
	if (c->role == ROLE_INIT && mode_alone(c->monitor)) {
		orphans_follow(c);
		return;
	}
	cgroup_remove(&c->monitor->cgroup, c->cgroup);
	c->cgroup = 0;
	c->ops->on_exit(c);
}

static void
on_linger(struct timer *t)
{
	child_kill(t->ctx);
}

/*
 * A lie ends that child, nothing else.  One that hung up is on its way out;
 * if it is not, it is helped.
 */
static void
on_end(struct chan *ch, int why)
{
	struct child *c = ch->ctx;

	if (why == CHAN_BAD)
		log_error("child %s[%d]: refused: %s", msg_role_name(c->role),
		    (int)c->pid, ch->blame);
	chan_close(ch);
	if (why == CHAN_BAD) {
		child_kill(c);
		return;
	}
	c->linger = (struct timer){ .cb = on_linger, .ctx = c };
	timer_start(c->monitor->loop, &c->linger, LINGER_MS);
}

/* --- the beginning --- */

static int
start_process(struct child *c, const struct child_start *st, int control,
    int log)
{
	const char *name = monitor_program_name(c->role);
	const char *argv[12] = { name };
	struct spawn s = { .program = c->monitor->programs[c->role],
	    .argv = argv, .log = log, .namespaces = st->namespaces,
	    .uid = st->uid, .gid = st->gid, .keep_admin =
	    !monitor_role_userns(c->monitor, c->role) };
	char path[64];
	size_t i;
	int r;

	for (i = 0; i < nitems(st->arg) && st->arg[i] != NULL; i++)
		argv[i + 1] = st->arg[i];
	monitor_role_args(c->monitor, c->role, argv + 1);
	for (i = 0; i < SPAWN_FDS; i++)
		s.fds[i] = -1;
	s.fds[0] = control;
	s.fds[1] = st->extra;
	if (st->extra >= 0 && st->extra2 > 0)
		s.fds[2] = st->extra2;
	r = spawn(&s, &c->pid, &c->pidfd.fd);
	if (r < 0)
		return r;
	/* Opened at once: the number cannot have been given to another. */
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)c->pid);
	c->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return c->proc == -1 ? -errno : 0;
}

int
child_spawn(struct child *c, struct monitor *m, enum role role,
    const struct child_ops *ops, const struct child_start *st)
{
	struct pair *of = c->pair;
	autoclose int log = -1;
	int pair[2], r;

	*c = (struct child){ .monitor = m, .pair = of, .ops = ops,
	    .role = role, .proc = -1, .started_ns = loop_now_ns() };
	c->pidfd = (struct source){ .fd = -1, .cb = on_pidfd, .ctx = c };
	r = chan_pair(pair);
	if (r < 0)
		return r;
	r = logpipe_open(&c->log, m->loop, msg_role_name(role), &log);
	if (r == 0)
		r = start_process(c, st, pair[1], log);
	mem_close(&pair[1]);
	if (r == 0)
		r = loop_add(m->loop, &c->pidfd, EPOLLIN);
	if (r == 0)
		r = chan_open(&c->control, m->loop, &pair[0], ROLE_MONITOR,
		    role, CS_NEW, ops->handlers, c, on_end);
	if (r == 0) {
		(void)snprintf(c->log.tag, sizeof(c->log.tag), "%s[%d]",
		    msg_role_name(role), (int)c->pid);
		orphans_know(c);
		return 0;
	}
	mem_close(&pair[0]);
	if (child_alive(c)) {
		child_kill(c);
		(void)waitpid(c->pid, NULL, 0);
		c->pid = 0;
	}
	logpipe_close(&c->log);
	mem_close(&c->pidfd.fd);
	mem_close(&c->proc);
	return r;
}
