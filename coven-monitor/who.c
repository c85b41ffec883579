/* Who calls: does a process live inside a session? */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/session.h"
#include "coven-monitor/usage.h"
#include "coven-monitor/who.h"

/* The process of a pidfd, by proc(5)'s fdinfo; -1 when it is gone. */
static pid_t
pid_of(int pidfd)
{
	char path[64], text[1024], *at;
	autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return -1;
	text[n] = '\0';
	at = strstr(text, "\nPid:\t");
	return at != NULL ? (pid_t)strtol(at + 6, NULL, 10) : -1;
}

/*
 * In how many pid namespaces, from ours inwards, the process has a number:
 * the fields of NSpid in its status, which anyone may read.  0: gone; -1: the
 * kernel has no such field, and no such namespaces.
 */
static int
pid_depth(pid_t pid)
{
	char path[64], text[4096], *at;
	autoclose int fd = -1;
	int depth = 0;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return 0;
	text[n] = '\0';
	at = strstr(text, "\nNSpid:");
	if (at == NULL)
		return -1;
	for (at += strlen("\nNSpid:"); *at != '\n' && *at != '\0'; at++)
		depth += *at == '\t';
	return depth;
}

/* Its pid namespace; 0 when we may not look. */
static ino_t
pid_namespace(const struct monitor *m, pid_t pid)
{
	char path[64];
	struct stat st;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	owner_enter(&m->owner);
	r = stat(path, &st);
	owner_leave(&m->owner);
	return r == 0 ? st.st_ino : 0;
}

enum who_code
who_is(struct monitor *m, int pidfd)
{
	pid_t pid = pid_of(pidfd);
	struct session *s;
	struct pair *p;
	ino_t theirs;
	int depth = pid > 0 ? pid_depth(pid) : 0;

	if (depth < 0)
		return WHO_UNKNOWN;
	if (depth <= 1)
		return depth == 0 ? WHO_INSIDE : WHO_OUTSIDE;
	theirs = pid_namespace(m, pid);
	if (theirs == 0)
		return WHO_INSIDE;
	for (s = m->sessions; s != NULL; s = s->next)
		if (s->pair != NULL && s->pair->init_pidns == theirs)
			return WHO_INSIDE;
	for (p = m->spares; p != NULL; p = p->next)
		if (p->init_pidns == theirs)
			return WHO_INSIDE;
	return WHO_OUTSIDE;
}

/*
 * The number was its owner's when it connected, which was before the accept.
 * What started later has it from somebody else.  Ticks are compared as ticks:
 * within one of them the order is not known, and a client that has just
 * started is the rule.
 */
bool
who_may_have_connected(uint64_t start_ticks, uint64_t accepted_ns)
{
	uint64_t tick_ns = UINT64_C(1000000000) /
	    (uint64_t)sysconf(_SC_CLK_TCK);

	return start_ticks <= accepted_ns / tick_ns;
}

static bool
was_there(pid_t pid, uint64_t accepted_ns)
{
	char path[64], text[1024];
	autoclose int fd = -1;
	struct proc_stat ps;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return false;
	text[n] = '\0';
	return usage_parse_stat(text, &ps) == 0 &&
	    who_may_have_connected(ps.start_ticks, accepted_ns);
}

enum who_code
who_is_pid(struct monitor *m, uint32_t pid, uint64_t accepted_ns)
{
	autoclose int pidfd = -1;
	enum who_code code;

	if (pid == 0 || pid > INT_MAX)	/* 0: outside our pid namespace */
		return WHO_INSIDE;
	pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (pidfd == -1 || !was_there((pid_t)pid, accepted_ns))
		return WHO_INSIDE;
	code = who_is(m, pidfd);
	/* What was read by number was this process if it is still there. */
	return pid_of(pidfd) == (pid_t)pid ? code : WHO_INSIDE;
}
