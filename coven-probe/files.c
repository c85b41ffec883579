/* Files: of the owner, of the system, of the hardware. */
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
	return secret_by(t, "/proc/1/root");
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

/* Made, it is removed again at once. */
static int
create(const char *path)
{
	int r = door_path(path, O_WRONLY | O_CREAT | O_EXCL);

	if (r == DOOR_OPEN)
		(void)unlink(path);
	return r;
}

static int
create_etc(const struct targets *t)
{
	(void)t;
	return create("/etc/coven-probe");
}

static int
create_usr(const struct targets *t)
{
	(void)t;
	return create("/usr/coven-probe");
}

static int
create_root(const struct targets *t)
{
	(void)t;
	return create("/coven-probe");
}

static int
write_program(const struct targets *t)
{
	(void)t;
	return door_path("/bin/sh", O_WRONLY);
}

static int
read_shadow(const struct targets *t)
{
	(void)t;
	return door_path("/etc/shadow", O_RDONLY);
}

static int
set_id(const struct targets *t)
{
	int fd = open("probe-setid", O_RDWR | O_CREAT | O_CLOEXEC, 0600), r;

	(void)t;
	if (fd == -1)
		return DOOR_UNTRIED;
	r = door(fchmod(fd, 04755));
	(void)close(fd);
	(void)unlink("probe-setid");
	return r;
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

#define DEVICE(name, path)						\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return door_path(path, O_RDONLY);			\
	}

DEVICE(device_mem, "/dev/mem")
DEVICE(device_kmsg, "/dev/kmsg")
DEVICE(device_kvm, "/dev/kvm")
DEVICE(device_fuse, "/dev/fuse")
DEVICE(device_tun, "/dev/net/tun")
DEVICE(device_loop, "/dev/loop-control")
DEVICE(device_port, "/dev/port")

/* Whichever disk there is. */
static int
device_disk(const struct targets *t)
{
	static const char *const disks[] = { "/dev/sda", "/dev/vda",
	    "/dev/nvme0n1", "/dev/xvda", "/dev/mmcblk0", "/dev/loop0",
	    "/dev/dm-0" };
	int last = ENOENT;

	(void)t;
	for (size_t i = 0; i < nitems_of(disks); i++) {
		int r = door_path(disks[i], O_RDONLY);

		if (r == DOOR_OPEN)
			return r;
		last = r != ENOENT ? r : last;
	}
	return last;
}

static const struct door doors[] = {
	{ "read-beside", "read a file beside the project", read_secret,
	    true },
	{ "write-beside", "write to it", write_secret, true },
	{ "read-above", "read it through ..", secret_above, true },
	{ "read-by-pid1", "read it through /proc/1/root", secret_by_pid1,
	    false },
	{ "read-by-self", "read it through /proc/self/root", secret_by_self,
	    true },
	{ "read-by-cwd", "read it through /proc/self/cwd", secret_by_cwd,
	    true },
	{ "read-by-link", "read it through a link in the project",
	    secret_by_link, true },
	{ "link-beside", "make a second name for it", link_secret, true },
	{ "list-home", "list the owner's home", list_home, true },
	{ "list-coven-home", "list COVEN_HOME", list_coven_home, true },
	{ "read-store", "open the record", read_store, true },
	{ "create-etc", "make a file in /etc", create_etc, false },
	{ "create-usr", "make a file in /usr", create_usr, false },
	{ "create-root", "make a file in the root", create_root, false },
	{ "write-program", "write to a program of the system", write_program,
	    false },
	{ "read-shadow", "read the system's passwords", read_shadow, false },
	{ "set-id", "make a set-id program", set_id, true },
	{ "make-device", "make a device file", make_device, false },
	{ "open-handle", "open a file by its handle", open_handle, false },
	{ "lease", "hold up others by a lease", lease, true },
	{ "dev-mem", "open the machine's memory", device_mem, false },
	{ "dev-port", "open its ports", device_port, false },
	{ "dev-kmsg", "open the kernel's log", device_kmsg, false },
	{ "dev-disk", "open a disk", device_disk, false },
	{ "dev-loop", "make a disk of a file", device_loop, false },
	{ "dev-kvm", "make a virtual machine", device_kvm, false },
	{ "dev-fuse", "serve a file system", device_fuse, false },
	{ "dev-tun", "make a network device", device_tun, false },
};
FAMILY(files_family, "files", doors);
