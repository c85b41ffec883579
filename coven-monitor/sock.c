#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/failpoint.h"
#include "common/jsonw.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/sock.h"

#define NAME		"coven.sock"
#define JSON		"daemon.json"
#define SPARE		".sock"		/* private folder with a hard link */
#define BACKLOG		1024

/* A socket path relative to the home, whatever the home's length. */
static void
address(struct sockaddr_un *sun, int dir, const char *name)
{
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	(void)snprintf(sun->sun_path, sizeof(sun->sun_path),
	    "/proc/self/fd/%d/%s", dir, name);
}

int
sock_connect(const struct home *h)
{
	autoclose int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	struct sockaddr_un sun;

	if (s == -1)
		return -errno;
	address(&sun, h->fd, NAME);
	if (connect(s, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		return -errno;
	return mem_steal_fd(&s);
}

/* Does anyone accept there?  Refused means dead; anything else is alive. */
static bool
answers(const struct home *h)
{
	autoclose int s = sock_connect(h);

	return s >= 0 || (s != -ECONNREFUSED && s != -ENOENT);
}

void
sock_close(struct sock *s)
{
	mem_close(&s->spare);
	mem_close(&s->fd);
	free(s->path);
	s->path = NULL;
}

int
sock_check(const struct home *h)
{
	struct stat st;

	if (fstatat(h->fd, NAME, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : EXIT_HOME;
	if (!S_ISSOCK(st.st_mode) || st.st_uid != h->st.st_uid) {
		log_error("home %s: refused: %s is %s; remove it", h->path,
		    NAME, S_ISLNK(st.st_mode) ? "a link" :
		    !S_ISSOCK(st.st_mode) ? "not a socket" :
		    "another user's");
		return EXIT_HOME;
	}
	if (answers(h)) {
		log_error("home %s: a daemon answers on %s already", h->path,
		    NAME);
		return EXIT_INCUMBENT;
	}
	return 0;
}

static int
failed(const struct home *h, const char *what)
{
	log_error("%s in %s: %s", what, h->path, strerror(errno));
	return EXIT_HOME;
}

int
sock_open(struct sock *s, const struct home *h)
{
	autoclose int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	autoclose int dir = -1;
	autobuf struct buf path = { 0 };
	struct sockaddr_un sun;
	struct stat st;

	if (fd == -1)
		return failed(h, "make a socket");
	/*
	 * Bound inside a folder that nobody else can enter, so that the
	 * socket is never seen with a wider mode; the folder stays, holding
	 * the hard link that the watchdog restores from.
	 */
	if (mkdirat(h->fd, SPARE, 0700) == -1 && errno != EEXIST)
		return failed(h, "make " SPARE);
	dir = openat(h->fd, SPARE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (dir == -1 || fstat(dir, &st) == -1 ||
	    st.st_uid != h->st.st_uid || (st.st_mode & 077))
		return failed(h, "open " SPARE " as the owner's, 0700");
	(void)unlinkat(dir, NAME, 0);
	(void)unlinkat(dir, "new", 0);
	address(&sun, dir, "new");
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1 ||
	    fchmodat(dir, "new", 0600, 0) == -1 ||
	    linkat(dir, "new", dir, NAME, 0) == -1 ||
	    fstatat(dir, "new", &st, AT_SYMLINK_NOFOLLOW) == -1)
		return failed(h, "bind " NAME);
	if (renameat(dir, "new", h->fd, NAME) == -1)
		return failed(h, "rename " NAME);
	FAILPOINT("monitor.before-listen");
	if (listen(fd, BACKLOG) == -1)
		return failed(h, "listen on " NAME);
	(void)buf_addf(&path, "%s/%s", h->path, NAME);
	*s = (struct sock){ .fd = mem_steal_fd(&fd), .dev = st.st_dev,
	    .ino = st.st_ino, .spare = mem_steal_fd(&dir),
	    .path = mem_strdup(buf_head(&path)) };
	clock_format(clock_wall_ns(), s->started_at);
	return 0;
}

/* What daemon.json says as long as this monitor serves. */
static void
announcement(const struct sock *s, struct buf *b)
{
	struct jw j;

	jw_init(&j, b);
	(void)buf_adds(b, "{\n  \"pid\": ");
	jw_i64(&j, getpid());
	j.comma = false;
	(void)buf_adds(b, ",\n  \"startedAt\": ");
	jw_str(&j, s->started_at);
	j.comma = false;
	(void)buf_adds(b, ",\n  \"socket\": ");
	jw_str(&j, s->path);
	(void)buf_adds(b, "\n}\n");
}

int
sock_announce(const struct sock *s, const struct home *h)
{
	autobuf struct buf b = { 0 };
	autoclose int fd = -1;

	announcement(s, &b);
	(void)unlinkat(h->fd, JSON ".new", 0);
	fd = openat(h->fd, JSON ".new", O_WRONLY | O_CREAT | O_EXCL |
	    O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, buf_head(&b), buf_left(&b)) !=
	    (ssize_t)buf_left(&b) || fsync(fd) == -1 ||
	    renameat(h->fd, JSON ".new", h->fd, JSON) == -1)
		return -errno;
	return 0;
}

enum sock_state
sock_look(const struct sock *s, const struct home *h)
{
	struct stat st;

	if (fstatat(h->fd, NAME, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return SOCK_ABSENT;
	return st.st_dev == s->dev && st.st_ino == s->ino ? SOCK_OURS :
	    SOCK_REPLACED;
}

int
sock_restore(const struct sock *s, const struct home *h)
{
	(void)unlinkat(s->spare, "again", 0);
	if (linkat(s->spare, NAME, s->spare, "again", 0) == -1 ||
	    renameat(s->spare, "again", h->fd, NAME) == -1)
		return -errno;
	return 0;
}

/* Does it still say what was announced?  Another daemon's stays. */
static bool
is_announced(const struct sock *s, const struct home *h)
{
	autobuf struct buf b = { 0 };
	autoclose int fd = openat(h->fd, JSON, O_RDONLY | O_NOFOLLOW |
	    O_NONBLOCK | O_CLOEXEC);
	char got[8192];
	ssize_t n = fd == -1 ? -1 : read(fd, got, sizeof(got));

	announcement(s, &b);
	return n == (ssize_t)buf_left(&b) &&
	    memcmp(got, buf_head(&b), (size_t)n) == 0;
}

void
sock_remove(struct sock *s, const struct home *h)
{
	if (s->fd == -1)
		return;
	if (sock_look(s, h) == SOCK_OURS)
		(void)unlinkat(h->fd, NAME, 0);
	if (is_announced(s, h))
		(void)unlinkat(h->fd, JSON, 0);
	(void)unlinkat(s->spare, NAME, 0);
	(void)unlinkat(h->fd, SPARE, AT_REMOVEDIR);
	mem_close(&s->spare);
	mem_close(&s->fd);
}
