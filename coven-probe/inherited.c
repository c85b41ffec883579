/* What came along: privileges, descriptors, variables, a terminal. */
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

extern char **environ;

/* The value behind a name in our status; false: it is not there. */
static bool
status(const char *name, char *out, size_t len)
{
	FILE *f = fopen("/proc/self/status", "re");
	size_t n = strlen(name);
	char line[512];
	bool ok = false;

	while (f != NULL && !ok && fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, n) == 0 && line[n] == ':') {
			line[strcspn(line, "\n")] = '\0';
			(void)snprintf(out, len, "%s", line + n + 1 +
			    strspn(line + n + 1, " \t"));
			ok = true;
		}
	if (f != NULL)
		(void)fclose(f);
	return ok;
}

static int
capabilities(const char *set)
{
	char text[64];

	if (!status(set, text, sizeof(text)))
		return DOOR_UNTRIED;
	return strtoull(text, NULL, 16) != 0 ? DOOR_OPEN : EPERM;
}

#define CAPS(name, set)							\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return capabilities(set);				\
	}

CAPS(effective, "CapEff")
CAPS(permitted, "CapPrm")
CAPS(inheritable, "CapInh")
CAPS(bounding, "CapBnd")
CAPS(ambient, "CapAmb")

static int
new_privileges(const struct targets *t)
{
	(void)t;
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM :
	    DOOR_OPEN;
}

static int
unfiltered(const struct targets *t)
{
	char text[64];

	(void)t;
	if (!status("Seccomp", text, sizeof(text)))
		return DOOR_UNTRIED;
	return strcmp(text, "2") == 0 ? EPERM : DOOR_OPEN;
}

static int
become_root(const struct targets *t)
{
	(void)t;
	return door(setresuid(0, 0, 0));
}

static int
other_groups(const struct targets *t)
{
	gid_t none = 0;

	(void)t;
	return door(setgroups(1, &none));
}

/* Beyond 0, 1, 2 and what this program opened itself. */
static int
descriptors(const struct targets *t)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;
	int r = EBADF;

	(void)t;
	if (d == NULL)
		return DOOR_UNTRIED;
	while ((e = readdir(d)) != NULL) {
		long fd = strtol(e->d_name, NULL, 10);

		/* Ours close on exec; what was inherited did not. */
		if (fd > 2 && fd != dirfd(d) &&
		    (fcntl((int)fd, F_GETFD) & FD_CLOEXEC) == 0)
			r = DOOR_OPEN;
	}
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

	(void)t;
	/* A folder outside the root shows as "(unreachable)". */
	if (getcwd(path, sizeof(path)) == NULL)
		return DOOR_UNTRIED;
	return path[0] == '/' ? ENOENT : DOOR_OPEN;
}

static const struct door doors[] = {
	{ "effective", "capabilities in force", effective, false },
	{ "permitted", "capabilities to put in force", permitted, false },
	{ "inheritable", "capabilities to pass on", inheritable, false },
	{ "bounding", "capabilities to gain", bounding, true },
	{ "ambient", "capabilities that an exec keeps", ambient, false },
	{ "new-privileges", "gain by executing", new_privileges, true },
	{ "unfiltered", "system calls without a filter", unfiltered, true },
	{ "become-root", "become root", become_root, false },
	{ "set-groups", "enter a group", other_groups, false },
	{ "descriptor", "a descriptor beyond 0, 1 and 2", descriptors,
	    false },
	{ "variable", "a variable of the daemon or client", variables,
	    true },
	{ "agents", "variables that name agents and buses", agents, false },
	{ "outside-cwd", "a working folder outside the root", outside_cwd,
	    false },
};
FAMILY(inherited_family, "inherited", doors);
