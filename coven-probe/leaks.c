/*
 * Ways by which files outside were reached in other sandboxes: descriptors
 * that came along, other names of the root, links made inside.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

#define UP	"../../../../../../../../../.."

static int
secret_by(const struct targets *t, const char *before)
{
	char path[PATH_MAX];

	if (t->secret == NULL)
		return DOOR_UNTRIED;
	(void)snprintf(path, sizeof(path), "%s%s", before, t->secret);
	return door_path(path, O_RDONLY);
}

/* A folder of the host's among the descriptors (runc, 2024). */
static int
by_descriptor(const struct targets *t)
{
	char before[96];
	int r = ENOENT;

	for (int fd = 0; fd < 32 && r != DOOR_OPEN; fd++) {
		int one;

		(void)snprintf(before, sizeof(before),
		    "/proc/self/fd/%d/" UP, fd);
		one = secret_by(t, before);
		if (one == DOOR_OPEN || one == DOOR_UNTRIED)
			r = one;
	}
	return r;
}

static int
by_thread(const struct targets *t)
{
	return secret_by(t, "/proc/thread-self/root");
}

static int
by_first_cwd(const struct targets *t)
{
	char before[96];

	(void)snprintf(before, sizeof(before), "/proc/%d/cwd/" UP,
	    (int)first_process(t));
	return secret_by(t, before);
}

/* A link made inside leads to what is there inside. */
static int
by_new_link(const struct targets *t)
{
	int r;

	if (t->secret == NULL || symlink(t->secret, "probe-link") == -1)
		return DOOR_UNTRIED;
	r = door_path("probe-link", O_RDONLY);
	(void)unlink("probe-link");
	return r;
}

/* Climb, folder by folder, from a folder that is moved meanwhile. */
static int
by_moved_folder(const struct targets *t)
{
	int r;

	if (t->secret == NULL || mkdir("probe-deep", 0700) == -1 ||
	    mkdir("probe-deep/er", 0700) == -1)
		return DOOR_UNTRIED;
	r = chdir("probe-deep/er") == -1 ||
	    rename("../../probe-deep/er", "../../probe-er") == -1 ?
	    DOOR_UNTRIED : secret_by(t, UP);
	(void)!chdir("..");
	(void)rmdir("probe-deep");
	(void)rmdir("probe-er");
	return r;
}

static int
exchange_project(const struct targets *t)
{
	/* A mount point: EBUSY.  Outside it is put back at once. */
	char path[PATH_MAX], aside[PATH_MAX + 8];

	(void)t;
	if (getcwd(path, sizeof(path)) == NULL)
		return DOOR_UNTRIED;
	(void)snprintf(aside, sizeof(aside), "%s-aside", path);
	if (rename(path, aside) == -1)
		return errno;
	(void)rename(aside, path);
	return DOOR_OPEN;
}

/* Programs that others execute later (runc, 2019). */
static int
own_program(const struct targets *t)
{
	char path[64];
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe",
	    (int)first_process(t));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	return door_behind(fd, ETXTBSY, ETXTBSY);
}

/* Logins of the owner's, and of the machine. */
static int
logins(const struct targets *t)
{
	static const char *const names[] = { ".ssh/id_rsa",
	    ".ssh/id_ed25519", ".ssh/config", ".netrc", ".aws/credentials",
	    ".config/gh/hosts.yml", ".docker/config.json", ".npmrc",
	    ".git-credentials", ".gnupg", ".kube/config", ".bash_history",
	    ".claude/.credentials.json", ".codex/auth.json" };
	char path[PATH_MAX];
	int r = ENOENT;

	if (t->home == NULL)
		return DOOR_UNTRIED;
	for (size_t i = 0; i < nitems_of(names) && r != DOOR_OPEN; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", t->home,
		    names[i]);
		if (door_path(path, O_RDONLY) == DOOR_OPEN)
			r = DOOR_OPEN;
	}
	return r;
}

static int
token(const struct targets *t)
{
	char path[PATH_MAX];

	if (t->coven_home == NULL)
		return DOOR_UNTRIED;
	(void)snprintf(path, sizeof(path), "%s/daemon.json", t->coven_home);
	return door_path(path, O_RDONLY);
}

DOOR_PATH(host_key, "/etc/ssh/ssh_host_ed25519_key", O_RDONLY)
DOOR_PATH(machine_id, "/etc/machine-id", O_RDONLY)
DOOR_PATH(linker_cache, "/etc/ld.so.cache", O_WRONLY)
DOOR_PATH(boot, "/boot", O_RDONLY | O_DIRECTORY)
DOOR_PATH(logs, "/var/log", O_RDONLY | O_DIRECTORY)
DOOR_PATH(roots_home, "/root/.", O_RDONLY | O_DIRECTORY)

static int
new_device_name(const struct targets *t)
{
	(void)t;
	return door_create("/dev/coven-probe");
}

static const struct door doors[] = {
	{ "read-by-descriptor", "read it through a descriptor that came along",
	    by_descriptor, OWNER },
	{ "read-by-thread", "read it through /proc/thread-self/root",
	    by_thread, OWNER },
	{ "read-by-init-cwd", "read it through the init's working folder",
	    by_first_cwd, OWNER },
	{ "read-by-new-link", "read it through a link made inside",
	    by_new_link, OWNER },
	{ "read-by-moved", "climb to it from a folder that was moved",
	    by_moved_folder, OWNER },
	{ "exchange-project", "put another folder in the project's place",
	    exchange_project, OWNER },
	{ "init-program", "write to the init's program", own_program,
	    OWNER },
	{ "logins", "read a login in the owner's home", logins, HOST },
	{ "daemon-file", "read daemon.json", token, OWNER },
	{ "host-key", "read the machine's ssh key", host_key, HOST },
	{ "machine-id", "read the machine's number", machine_id, HOST },
	{ "linker-cache", "write to what every program loads by",
	    linker_cache, ROOT },
	{ "boot", "list /boot", boot, HOST },
	{ "logs", "list /var/log", logs, HOST },
	{ "roots-home", "list root's home", roots_home, ROOT },
	{ "new-device-name", "make a name in /dev", new_device_name, ROOT },
};
FAMILY(leaks_family, FILES, doors);
