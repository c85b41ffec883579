#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/grant_command.h"

#define ARGS_MAX	64
#define OWN_PATH	"PATH=/usr/local/bin:/usr/bin:/bin"

extern char **environ;

bool
command_runs(const struct command *c)
{
	return c->pidfd.fd > 0;
}

/* With whatever it started and did not let go. */
void
command_kill(struct command *c)
{
	if (command_runs(c))
		(void)kill(-c->pid, SIGKILL);
}

static void
on_late(struct timer *t)
{
	struct command *c = t->ctx;

	c->late = true;
	command_kill(c);
}

static void
on_exit_of_command(struct source *s, uint32_t events)
{
	struct command *c = s->ctx;
	siginfo_t si = { 0 };
	const char *why = NULL;
	int output;

	(void)events;
	if (waitid(P_PIDFD, (id_t)s->fd, &si, WEXITED | WNOHANG) == -1)
		fatal("wait for a grant's command: %s", strerror(errno));
	if (si.si_pid == 0)
		return;
	timer_stop(c->monitor->loop, &c->deadline);
	loop_del(c->monitor->loop, s);
	mem_close(&s->fd);
	if (c->late)
		why = "it took too long";
	else if (si.si_code != CLD_EXITED || si.si_status != 0)
		why = "it failed";
	output = mem_steal_fd(&c->output);
	if (why != NULL)
		mem_close(&output);
	c->on_end(c, output, why);
}

/* Of a size that it cannot change; what it does not fill stays NUL. */
static int
open_output(void)
{
	autoclose int fd = memfd_create("key", MFD_CLOEXEC |
	    MFD_ALLOW_SEALING);

	if (fd == -1)
		return -errno;
	if (ftruncate(fd, LIMIT_GRANT_KEY + 2) == -1 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == -1)
		return -errno;
	return mem_steal_fd(&fd);
}

static size_t
gather(const struct conf *conf, const char *grant, const char **argv)
{
	const char *text;
	size_t at = 0, n = 0;

	while (n < ARGS_MAX && (text = conf_part_next(&conf->grant_command,
	    grant, &at)) != NULL)
		argv[n++] = text;
	argv[n] = NULL;
	return n;
}

static int
run(struct command *c, const char *const *argv)
{
	const struct owner *o = &c->monitor->owner;
	char home[4096], user[320];
	const char *const env[] = { OWN_PATH, home, user, "LANG=C.UTF-8",
	    NULL };
	autoclose int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct spawn s = { .program = -1, .path = argv[0], .argv = argv,
	    .log = null, .fds = { -1 }, .out = c->output,
	    .uid = SPAWN_KEEP_ID };

	(void)snprintf(home, sizeof(home), "HOME=%s", o->home);
	(void)snprintf(user, sizeof(user), "USER=%s", o->name);
	/* Who started us has an agent and a desktop that it may ask. */
	s.env = o->self ? (const char *const *)environ : env;
	if (o->root) {
		s.uid = o->uid;
		s.gid = o->gid;
		s.groups = o->groups;
		s.ngroups = (size_t)o->ngroups;
	}
	return spawn(&s, &c->pid, &c->pidfd.fd);
}

int
command_start(struct command *c, struct monitor *m, const char *grant)
{
	const char *argv[ARGS_MAX + 1];
	int r;

	c->monitor = m;
	c->late = false;
	c->pidfd = (struct source){ .fd = -1, .cb = on_exit_of_command,
	    .ctx = c };
	c->deadline = (struct timer){ .cb = on_late, .ctx = c };
	if (gather(&m->conf, grant, argv) == 0)
		return -EINVAL;
	c->output = open_output();
	r = c->output < 0 ? c->output : run(c, argv);
	if (r == 0 && (r = loop_add(m->loop, &c->pidfd, EPOLLIN)) < 0)
		command_kill(c);
	if (r < 0) {
		mem_close(&c->output);
		mem_close(&c->pidfd.fd);
		return r;
	}
	timer_start(m->loop, &c->deadline, LIMIT_GRANT_COMMAND_MS);
	return 0;
}
