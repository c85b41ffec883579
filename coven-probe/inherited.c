/* What came along: descriptors, variables, a folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

extern char **environ;

/* Beyond 0, 1, 2 and what this program opened itself. */
static int
descriptors(const struct targets *t)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int r = EBADF;

	(void)t;
	/* Without a list of them, one after another. */
	for (int n = 3; d == NULL && n < 4096; n++)
		if ((fcntl(n, F_GETFD) & FD_CLOEXEC) == 0)
			r = DOOR_OPEN;
	while (d != NULL && (e = readdir(d)) != NULL) {
		long fd = strtol(e->d_name, NULL, 10);

		/* Ours close on exec; what was inherited did not. */
		if (fd > 2 && fd != dirfd(d) &&
		    (fcntl((int)fd, F_GETFD) & FD_CLOEXEC) == 0)
			r = DOOR_OPEN;
	}
	if (d != NULL)
		(void)closedir(d);
	return r;
}

static int
variables(const struct targets *t)
{
	if (t->word == NULL)
		return DOOR_UNTRIED;
	for (char **e = environ; *e != NULL; e++)
		if (strstr(*e, t->word) != NULL)
			return DOOR_OPEN;
	return ENOENT;
}

/* Of programs that hand out what they know. */
static int
agents(const struct targets *t)
{
	static const char *const names[] = { "SSH_AUTH_SOCK",
	    "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "DISPLAY",
	    "WAYLAND_DISPLAY", "NOTIFY_SOCKET", "COVEN_HOME" };

	(void)t;
	for (size_t i = 0; i < nitems_of(names); i++)
		if (getenv(names[i]) != NULL)
			return DOOR_OPEN;
	return ENOENT;
}

static int
outside_cwd(const struct targets *t)
{
	char path[4096];

	/* The control makes itself one. */
	if (t->outside && chroot("/usr") == -1)
		return errno;
	/* A folder outside the root shows as "(unreachable)". */
	if (getcwd(path, sizeof(path)) == NULL)
		return DOOR_UNTRIED;
	return path[0] == '/' ? ENOENT : DOOR_OPEN;
}

/* Whatever a number up to the limit names that it should not. */
static int
first_descriptor(const struct targets *t)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/1",
	    (int)first_process(t));
	return door_path(path, O_WRONLY);
}

static const struct door doors[] = {
	{ "descriptor", "a descriptor beyond 0, 1 and 2", descriptors,
	    OWNER },
	{ "variable", "a variable of the daemon or client", variables,
	    OWNER },
	{ "agents", "variables that name agents and buses", agents, OWNER },
	{ "outside-cwd", "a working folder outside the root", outside_cwd,
	    ROOT },
	{ "init-descriptor", "open the init's standard output",
	    first_descriptor, OWNER },
};
FAMILY(inherited_family, TERMINALS, doors);
