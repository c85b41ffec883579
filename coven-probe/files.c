/* Files of the owner and of the system. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

static int
read_secret(const struct targets *t)
{
	return door_path(t->secret, O_RDONLY);
}

static int
write_secret(const struct targets *t)
{
	return door_path(t->secret, O_WRONLY);
}

/* The secret's name below another way to the root. */
static int
secret_by(const struct targets *t, const char *before)
{
	char path[PATH_MAX];

	if (t->secret == NULL)
		return DOOR_UNTRIED;
	(void)snprintf(path, sizeof(path), "%s%s", before, t->secret);
	return door_path(path, O_RDONLY);
}

static int
secret_by_pid1(const struct targets *t)
{
	char before[32];

	(void)snprintf(before, sizeof(before), "/proc/%d/root",
	    (int)first_process(t));
	return secret_by(t, before);
}

static int
secret_by_self(const struct targets *t)
{
	return secret_by(t, "/proc/self/root");
}

static int
secret_by_cwd(const struct targets *t)
{
	return secret_by(t, "/proc/self/cwd/../../../../../../../../../..");
}

static int
secret_above(const struct targets *t)
{
	const char *name = t->secret != NULL ? strrchr(t->secret, '/') : NULL;
	char path[PATH_MAX];

	if (name == NULL)
		return DOOR_UNTRIED;
	(void)snprintf(path, sizeof(path), "..%s", name);
	return door_path(path, O_RDONLY);
}

static int
secret_by_link(const struct targets *t)
{
	return door_path(t->link, O_RDONLY);
}

static int
link_secret(const struct targets *t)
{
	int r;

	if (t->secret == NULL)
		return DOOR_UNTRIED;
	r = door(link(t->secret, "probe-link"));
	(void)unlink("probe-link");
	return r;
}

/* One of the same name is made for the session: the real one is the door. */
static int
list_home(const struct targets *t)
{
	struct stat st;
	char is[64];

	if (t->home == NULL || t->home_is == NULL)
		return DOOR_UNTRIED;
	if (stat(t->home, &st) == -1)
		return errno;
	(void)snprintf(is, sizeof(is), "%jx:%jx", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(is, t->home_is) != 0 ? ENOENT :
	    door_path(t->home, O_RDONLY | O_DIRECTORY);
}

static int
list_coven_home(const struct targets *t)
{
	return door_path(t->coven_home, O_RDONLY | O_DIRECTORY);
}

static int
read_store(const struct targets *t)
{
	char path[PATH_MAX];

	if (t->coven_home == NULL)
		return DOOR_UNTRIED;
	(void)snprintf(path, sizeof(path), "%s/store", t->coven_home);
	return door_path(path, O_RDONLY);
}

static int
create_etc(const struct targets *t)
{
	(void)t;
	return door_create("/etc/coven-probe");
}

static int
create_usr(const struct targets *t)
{
	(void)t;
	return door_create("/usr/coven-probe");
}

static int
create_root(const struct targets *t)
{
	(void)t;
	return door_create("/coven-probe");
}

static int
write_program(const struct targets *t)
{
	int fd = open("/bin/sh", O_WRONLY | O_CLOEXEC);

	(void)t;
	/* Busy is said behind the check of permission. */
	return door_behind(fd, ETXTBSY, ETXTBSY);
}

static int
read_shadow(const struct targets *t)
{
	(void)t;
	return door_path("/etc/shadow", O_RDONLY);
}

static int
make_device(const struct targets *t)
{
	int r = door(mknod("probe-device", S_IFCHR | 0600, makedev(1, 1)));

	(void)t;
	(void)unlink("probe-device");
	return r;
}

static int
open_handle(const struct targets *t)
{
	struct {
		struct file_handle	head;
		char			room[128];
	} h = { .head = { .handle_bytes = 128 } };
	int mount, fd;

	(void)t;
	if (name_to_handle_at(AT_FDCWD, "/usr", &h.head, &mount, 0) == -1)
		return errno;
	fd = open_by_handle_at(AT_FDCWD, &h.head, O_RDONLY | O_CLOEXEC);
	return door(fd);
}

static int
lease(const struct targets *t)
{
	int fd = open("probe-lease", O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	(void)t;
	if (fd == -1)
		return DOOR_UNTRIED;
	(void)close(fd);
	fd = open("probe-lease", O_RDONLY | O_CLOEXEC);
	r = door(fcntl(fd, F_SETLEASE, F_RDLCK));
	(void)close(fd);
	(void)unlink("probe-lease");
	return r;
}

static const struct door doors[] = {
	{ "read-beside", "read a file beside the project", read_secret,
	    OWNER },
	{ "write-beside", "write to it", write_secret, OWNER },
	{ "read-above", "read it through ..", secret_above, OWNER },
	{ "read-by-init", "read it through /proc/1/root", secret_by_pid1,
	    OWNER },
	{ "read-by-self", "read it through /proc/self/root", secret_by_self,
	    OWNER },
	{ "read-by-cwd", "read it through /proc/self/cwd", secret_by_cwd,
	    OWNER },
	{ "read-by-link", "read it through a link in the project",
	    secret_by_link, OWNER },
	{ "link-beside", "make a second name for it", link_secret, OWNER },
	{ "list-home", "list the owner's home", list_home, OWNER },
	{ "list-coven-home", "list COVEN_HOME", list_coven_home, OWNER },
	{ "read-store", "open the record", read_store, OWNER },
	{ "create-etc", "make a file in /etc", create_etc, ROOT },
	{ "create-usr", "make a file in /usr", create_usr, ROOT },
	{ "create-root", "make a file in the root", create_root, ROOT },
	{ "write-program", "write to a program of the system", write_program,
	    ROOT },
	{ "read-shadow", "read the system's passwords", read_shadow, ROOT },
	{ "make-device", "make a device file", make_device, ROOT },
	{ "open-handle", "open a file by its handle", open_handle, ROOT },
	{ "lease", "hold up others by a lease", lease, OWNER },
};
FAMILY(files_family, FILES, doors);
