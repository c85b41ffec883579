/*
 * Set-id bits, by every call that takes a mode, and what is like them: the
 * capabilities of a file, attributes of root's.  Made in the project, from
 * which the owner, or root, might run it.
 */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

#define NAME	"probe-setid"
#define SETUID	04755
#define SETGID	02755

/* The bits must be there as well: some calls take a mode and drop them. */
static int
made(long r, const char *path)
{
	int result = r == -1 ? errno : DOOR_OPEN;
	struct stat st;

	if (result == DOOR_OPEN && (stat(path, &st) == -1 ||
	    (st.st_mode & (S_ISUID | S_ISGID)) == 0))
		result = ENODATA;
	if (unlink(path) == -1 && errno == EISDIR)
		(void)rmdir(path);
	return result;
}

/* A plain one to begin with: its descriptor. */
static int
plain(void)
{
	(void)unlink(NAME);
	return open(NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static int
by_chmod(const struct targets *t)
{
	(void)t;
	return plain() == -1 ? DOOR_UNTRIED : made(chmod(NAME, SETUID), NAME);
}

static int
by_group(const struct targets *t)
{
	(void)t;
	return plain() == -1 ? DOOR_UNTRIED : made(chmod(NAME, SETGID), NAME);
}

static int
by_fchmod(const struct targets *t)
{
	int fd = plain();

	(void)t;
	return fd == -1 ? DOOR_UNTRIED : made(fchmod(fd, SETUID), NAME);
}

static int
by_fchmodat(const struct targets *t)
{
	(void)t;
	return plain() == -1 ? DOOR_UNTRIED : made(fchmodat(AT_FDCWD, NAME,
	    SETUID, 0), NAME);
}

static int
by_fchmodat2(const struct targets *t)
{
	(void)t;
	return plain() == -1 ? DOOR_UNTRIED : made(syscall(452, AT_FDCWD,
	    NAME, SETUID, 0), NAME);
}

/* The kernel looks at 32 bits only. */
static int
by_high_bits(const struct targets *t)
{
	(void)t;
	return plain() == -1 ? DOOR_UNTRIED : made(syscall(SYS_fchmodat,
	    AT_FDCWD, NAME, SETUID | 1ul << 32), NAME);
}

static int
by_open(const struct targets *t)
{
	(void)t;
	(void)umask(0);
	return made(open(NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, SETUID),
	    NAME);
}

static int
by_openat2(const struct targets *t)
{
	uint64_t how[3] = { O_RDWR | O_CREAT | O_EXCL, SETUID, 0 };

	(void)t;
	return made(syscall(437 /* openat2 */, AT_FDCWD, NAME, how,
	    sizeof(how)), NAME);
}

static int
by_creat(const struct targets *t)
{
	(void)t;
#ifdef SYS_creat
	return made(syscall(SYS_creat, NAME, SETUID), NAME);
#else
	return ENOSYS;
#endif
}

static int
by_mknod(const struct targets *t)
{
	(void)t;
	return made(mknod(NAME, S_IFREG | SETUID, 0), NAME);
}

static int
by_mknodat(const struct targets *t)
{
	(void)t;
	return made(mknodat(AT_FDCWD, NAME, S_IFREG | SETGID, 0), NAME);
}

/* One without a name, which linkat() would give one. */
static int
by_unnamed(const struct targets *t)
{
	int fd = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, SETUID);
	struct stat st;

	(void)t;
	if (fd == -1)
		return errno;
	return fstat(fd, &st) == 0 && (st.st_mode & S_ISUID) != 0 ?
	    DOOR_OPEN : ENODATA;
}

static int
by_queue(const struct targets *t)
{
	mqd_t q = mq_open("/" NAME, O_RDWR | O_CREAT | O_EXCL, SETUID, NULL);
	struct stat st;
	int r = q == (mqd_t)-1 ? errno : DOOR_OPEN;

	(void)t;
	if (r == DOOR_OPEN && (fstat((int)q, &st) == -1 ||
	    (st.st_mode & S_ISUID) == 0))
		r = ENODATA;
	(void)mq_unlink("/" NAME);
	return r;
}

static int
folder(const struct targets *t)
{
	(void)t;
	if (mkdir(NAME, 0700) == -1)
		return DOOR_UNTRIED;
	return made(chmod(NAME, SETGID), NAME);
}

/* No row stands before this one: the kernel itself drops the bits. */
static int
by_mkdir(const struct targets *t)
{
	(void)t;
	(void)umask(0);
	return made(mkdir(NAME, SETUID | SETGID), NAME);
}

static int
set_attribute(const char *name, const void *value, size_t len)
{
	int fd = plain(), r;

	if (fd == -1)
		return DOOR_UNTRIED;
	r = door(fsetxattr(fd, name, value, len, 0));
	(void)unlink(NAME);
	return r;
}

/* What makes an ordinary file give CAP_CHOWN to whoever runs it. */
static int
capabilities(const struct targets *t)
{
	const uint32_t caps[5] = { 0x02000001, 1 };

	(void)t;
	return set_attribute("security.capability", caps, sizeof(caps));
}

static int
trusted(const struct targets *t)
{
	(void)t;
	return set_attribute("trusted.probe", "x", 1);
}

static int
immutable(const struct targets *t)
{
	int fd = plain(), flags = FS_IMMUTABLE_FL, none = 0, r;

	(void)t;
	if (fd == -1)
		return DOOR_UNTRIED;
	r = door(ioctl(fd, FS_IOC_SETFLAGS, &flags));
	(void)ioctl(fd, FS_IOC_SETFLAGS, &none);
	(void)unlink(NAME);
	return r;
}

static const struct door doors[] = {
	{ "setid-chmod", "make a set-id program by chmod", by_chmod, OWNER },
	{ "setid-group", "one of a group's", by_group, OWNER },
	{ "setid-fchmod", "by fchmod", by_fchmod, OWNER },
	{ "setid-fchmodat", "by fchmodat", by_fchmodat, OWNER },
	{ "setid-fchmodat2", "by fchmodat2", by_fchmodat2, HOST },
	{ "setid-high", "by a mode with bit 32 set", by_high_bits, OWNER },
	{ "setid-open", "by open", by_open, OWNER },
	{ "setid-openat2", "by openat2", by_openat2, OWNER },
	{ "setid-creat", "by creat", by_creat, OWNER },
	{ "setid-mknod", "by mknod", by_mknod, OWNER },
	{ "setid-mknodat", "by mknodat", by_mknodat, OWNER },
	{ "setid-unnamed", "by a file without a name", by_unnamed, HOST },
	{ "setid-queue", "by a message queue", by_queue, OWNER },
	{ "setid-folder", "a folder that passes on its group", folder,
	    OWNER },
	{ "setid-mkdir", "the same by mkdir", by_mkdir, NEVER },
	{ "file-capability", "a program with capabilities", capabilities,
	    ROOT },
	{ "trusted-attribute", "an attribute of root's", trusted, ROOT },
	{ "immutable", "a file that nobody can remove", immutable, HOST },
};
FAMILY(setid_family, FILES, doors);
