#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/audit_key.h"

#define FOLDER	"keys"
#define SEED	"audit.key"
#define PUBLIC	"audit.pub"

static int
refuse(const struct home *h, const char *name, const char *rule)
{
	log_error("home %s: refused: " FOLDER "%s%s: %s; put it right, or move "
	    "it away together with audit.heads", h->path,
	    *name != '\0' ? "/" : "", name, rule);
	return EXIT_HOME;
}

static const char *
open_error(int e)
{
	return e == ELOOP ? "it is a link" : e == ENOTDIR ?
	    "it is not a folder" : strerror(e);
}

static int
open_folder(const struct home *h, int *out)
{
	autoclose int fd = -1;
	struct stat st;

	if (mkdirat(h->fd, FOLDER, 0700) == -1 && errno != EEXIST)
		return refuse(h, "", strerror(errno));
	fd = openat(h->fd, FOLDER, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return refuse(h, "", open_error(errno));
	if (st.st_uid != h->st.st_uid)
		return refuse(h, "", "it belongs to another user");
	if (st.st_mode & 077)
		return refuse(h, "", "it has group or world bits");
	*out = mem_steal_fd(&fd);
	return 0;
}

/*
 * Whole or not at all: under another name until it is on disk.  Whoever made
 * one of this name meanwhile keeps it.
 */
static int
write_file(int dir, const char *name, const void *data, size_t n)
{
	autoclose int fd = -1;
	char other[32];

	(void)snprintf(other, sizeof(other), "%s.new", name);
	(void)unlinkat(dir, other, 0);
	fd = openat(dir, other, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0400);
	if (fd == -1)
		return -errno;
	if (write(fd, data, n) != (ssize_t)n || fsync(fd) == -1 ||
	    renameat2(dir, other, dir, name, RENAME_NOREPLACE) == -1 ||
	    fsync(dir) == -1)
		return -(errno != 0 ? errno : EIO);
	return 0;
}

/* The bytes of a file, exactly n; or the rule that it breaks. */
static const char *
read_file(const struct home *h, int dir, const char *name, void *out,
    size_t n)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd == -1 || fstat(fd, &st) == -1)
		return open_error(errno);
	if (!S_ISREG(st.st_mode))
		return "it is not a regular file";
	if (st.st_uid != h->st.st_uid)
		return "it belongs to another user";
	if (st.st_mode & 077)
		return "it has group or world bits";
	if (st.st_nlink != 1)
		return "it has a second name";
	if (st.st_size != (off_t)n || read(fd, out, n) != (ssize_t)n)
		return "it has not the length of a key";
	return NULL;
}

static int
make_seed(int dir)
{
	uint8_t seed[AUDIT_SEED_LEN];
	int r;

	arc4random_buf(seed, sizeof(seed));
	r = write_file(dir, SEED, seed, sizeof(seed));
	explicit_bzero(seed, sizeof(seed));
	return r;
}

int
audit_key_open(const struct home *h, int *out)
{
	uint8_t seed[AUDIT_SEED_LEN];
	autoclose int dir = -1;
	const char *rule;
	struct stat st;
	int r;

	r = open_folder(h, &dir);
	if (r != 0)
		return r;
	/* Not faccessat, which asks for the real user: root's monitor. */
	if (fstatat(dir, SEED, &st, AT_SYMLINK_NOFOLLOW) == -1 &&
	    errno == ENOENT && (r = make_seed(dir)) < 0)
		return refuse(h, SEED, strerror(-r));
	rule = read_file(h, dir, SEED, seed, sizeof(seed));
	if (rule != NULL)
		return refuse(h, SEED, rule);
	r = memfd_make("audit-key", seed, sizeof(seed));
	explicit_bzero(seed, sizeof(seed));
	if (r < 0)
		return refuse(h, SEED, strerror(-r));
	*out = r;
	return 0;
}

int
audit_key_publish(const struct home *h,
    const uint8_t public[AUDIT_PUBLIC_LEN])
{
	char text[2 * AUDIT_PUBLIC_LEN + 1], there[2 * AUDIT_PUBLIC_LEN + 1];
	autoclose int dir = -1;
	int r;

	r = open_folder(h, &dir);
	if (r != 0)
		return -EPERM;
	audit_hex(public, AUDIT_PUBLIC_LEN, text);
	text[sizeof(text) - 1] = '\n';
	r = write_file(dir, PUBLIC, text, sizeof(text));
	if (r != -EEXIST)
		return r;
	(void)unlinkat(dir, PUBLIC ".new", 0);
	if (read_file(h, dir, PUBLIC, there, sizeof(there)) == NULL &&
	    memcmp(text, there, sizeof(text)) == 0)
		return 0;
	return -EEXIST;
}
