/* What holds sessions to their limits, and what does not. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cgroup2.h"
#include "common/mem.h"
#include "covenctl/doctor.h"

#define ROLES	"-roles"	/* coven-monitor/cgroup_hold.c */

#define REST	"rlimits, the sizes of private file systems and a count once " \
		"a second hold sessions; processor time at any time " \
		"(limits.cpu_percent) and reads and writes (limits.io_mib_s) " \
		"are not bounded, and memory can be passed for a moment"
#define SCOPE	"start it in a delegated one: systemd-run --user --scope -p " \
		"Delegate=yes covenctl start"

static bool
read_words(const char *dir, const char *name, char *text, size_t size)
{
	char path[PATH_MAX + 32];
	autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd >= 0 ? read(fd, text, size - 1) : -1;
	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return n > 0;
}

static bool
has_word(const char *text, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = text; (p = strstr(p, word)) != NULL; p += n)
		if ((p == text || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static bool
has_both(const char *text)
{
	return has_word(text, "memory") && has_word(text, "pids");
}

/* The folder of the sessions, beside the one that the daemon lives in. */
static bool
in_force(pid_t daemon, char *text, size_t size)
{
	char dir[PATH_MAX];
	size_t n, tail = strlen(ROLES);

	if (cgroup2_of(daemon, dir) < 0)
		return false;
	n = strlen(dir);
	if (n <= tail || strcmp(dir + n - tail, ROLES) != 0)
		return false;
	dir[n - tail] = '\0';
	return read_words(dir, "cgroup.subtree_control", text, size) &&
	    has_both(text);
}

/* Where a daemon that is started from here would live. */
static void
foresee(struct doctor *d)
{
	char dir[PATH_MAX], text[256];

	if (cgroup2_own(dir) < 0)
		found(d, "cgroup", FINDING_WARN, NULL, "no cgroup v2: " REST);
	else if (!read_words(dir, "cgroup.controllers", text, sizeof(text)) ||
	    !has_both(text))
		found(d, "cgroup", FINDING_WARN, NULL,
		    "no memory and pids controllers: " REST);
	else if (faccessat(AT_FDCWD, dir, W_OK, AT_EACCESS) == -1)
		found(d, "cgroup", FINDING_WARN, SCOPE,
		    "this cgroup is not delegated: " REST);
	else
		found(d, "cgroup", FINDING_PASS, NULL,
		    "v2, delegated, with memory and pids: a daemon that is "
		    "alone in it holds sessions to their limits by it");
}

void
check_cgroup(struct doctor *d)
{
	char text[256];

	if (d->daemon.state != DAEMON_RUNNING)
		foresee(d);
	else if (in_force((pid_t)d->daemon.pid, text, sizeof(text)))
		found(d, "cgroup", FINDING_PASS, NULL,
		    "cgroup v2 is in force: %s%s%s", text,
		    has_word(text, "cpu") ? "" : "; limits.cpu_percent is not",
		    has_word(text, "io") ? "" : "; limits.io_mib_s is not");
	else
		found(d, "cgroup", FINDING_WARN, SCOPE,
		    "no cgroup is in force for the daemon that runs: " REST);
}
