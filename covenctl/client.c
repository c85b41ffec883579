#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/loop.h"
#include "common/mem.h"
#include "covenctl/bearer.h"
#include "covenctl/client.h"
#include "covenctl/jsonr.h"
#include "covenctl/reply.h"

#define SOCKET_NAME	"coven.sock"
#define RECORD_NAME	"daemon.json"
#define RECORD_MAX	((size_t)16 << 10)
#define REPLY_MAX	(REPLY_HEAD_MAX + REPLY_BODY_MAX + 1)
#define CHUNK		((size_t)64 << 10)

/* One exchange while it runs. */
struct exchange {
	struct client	*c;
	int		 fd;
	int64_t		 deadline_ns;
	struct stat	 socket;	/* as it was before connecting */
	char		 token[BEARER_MAX];	/* "": none */
};

static int __attribute__((format(printf, 3, 4)))
fail(struct client *c, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return code;
}

void
client_init(struct client *c, struct home *home)
{
	*c = (struct client){ .home = home, .wake_fd = -1 };
}

void
reply_fini(struct reply *r)
{
	buf_fini(&r->raw);
}

static int
left_ms(int64_t deadline_ns)
{
	int64_t left = (deadline_ns - loop_now_ns()) / 1000000;

	return left <= 0 ? 0 : left > 3600000 ? 3600000 : (int)left;
}

/*
 * Wait for events on fd (-1: for time alone).  0 when they came,
 * CLIENT_TIMEOUT, CLIENT_STOPPED or -errno.
 */
static int
wait_for(struct client *c, int fd, short events, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd p[2] = {
			{ .fd = fd, .events = events },
			{ .fd = c->wake_fd, .events = POLLIN },
		};
		int n = poll(p, 2, left_ms(deadline_ns));

		if (n == -1 && errno != EINTR)
			return -errno;
		if (n > 0 && p[1].revents != 0 && !c->wake(c->wake_ctx))
			return CLIENT_STOPPED;
		if (n > 0 && p[0].revents != 0)
			return 0;
		if (left_ms(deadline_ns) == 0)
			return CLIENT_TIMEOUT;
	}
}

bool
client_sleep(struct client *c, int ms)
{
	return wait_for(c, -1, 0, loop_now_ns() + (int64_t)ms * 1000000) !=
	    CLIENT_STOPPED;
}

pid_t
client_recorded_pid(const struct home *home)
{
	char text[RECORD_MAX + 1];
	autojr struct jr *doc = NULL;
	int64_t pid;
	ssize_t n = home_read(home, RECORD_NAME, text, RECORD_MAX);

	if (n < 0 || jr_parse(text, (size_t)n, &doc) < 0 ||
	    !jr_ki64(doc, "pid", &pid) || pid <= 1 || pid > INT32_MAX)
		return 0;
	return (pid_t)pid;
}

static int
check_socket(struct client *c, struct stat *st)
{
	if (fstatat(c->home->dir, SOCKET_NAME, st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno == ENOENT)
			return fail(c, CLIENT_ABSENT,
			    "no daemon serves %s", c->home->path);
		return fail(c, -errno, "%s/" SOCKET_NAME ": %s",
		    c->home->path, strerror(errno));
	}
	if (!S_ISSOCK(st->st_mode))
		return fail(c, CLIENT_UNTRUSTED, "%s/" SOCKET_NAME
		    " is %s, not a socket", c->home->path,
		    S_ISLNK(st->st_mode) ? "a symbolic link" :
		    "something else");
	if (st->st_uid != geteuid())
		return fail(c, CLIENT_UNTRUSTED,
		    "%s/" SOCKET_NAME " belongs to uid %u", c->home->path,
		    (unsigned)st->st_uid);
	if ((st->st_mode & 077) != 0)
		return fail(c, CLIENT_UNTRUSTED,
		    "%s/" SOCKET_NAME " is open to others (mode %04o)",
		    c->home->path, (unsigned)st->st_mode & 07777);
	return 0;
}

static int
connect_socket(struct exchange *x)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct client *c = x->c;

	/* home_open has seen to it that it fits. */
	if ((size_t)snprintf(sun.sun_path, sizeof(sun.sun_path),
	    "%s/" SOCKET_NAME, c->home->path) >= sizeof(sun.sun_path))
		return fail(c, -ENAMETOOLONG, "the socket's path is too long");
	x->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (x->fd == -1)
		return fail(c, -errno, "socket: %s", strerror(errno));
	while (connect(x->fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			return fail(c, CLIENT_ABSENT, "nobody listens on %s",
			    sun.sun_path);
		if (errno != EAGAIN && errno != EINTR)
			return fail(c, -errno, "connect %s: %s", sun.sun_path,
			    strerror(errno));
		/* A full backlog cannot be polled for. */
		if (left_ms(x->deadline_ns) == 0)
			return fail(c, CLIENT_TIMEOUT,
			    "the daemon does not accept connections");
		if (!client_sleep(c, 10))
			return fail(c, CLIENT_STOPPED, "interrupted");
	}
	return 0;
}

/* After connect: who listens, and is the path still what was checked? */
static int
check_peer(struct exchange *x)
{
	struct client *c = x->c;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct stat now;
	pid_t pid;
	int rc;

	if (getsockopt(x->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return fail(c, -errno, "SO_PEERCRED: %s", strerror(errno));
	if (cred.uid != geteuid())
		return fail(c, CLIENT_UNTRUSTED,
		    "the process behind the socket runs as uid %u",
		    (unsigned)cred.uid);
	if (cred.pid <= 0)
		return fail(c, CLIENT_UNTRUSTED,
		    "the process behind the socket is not visible from here");
	rc = check_socket(c, &now);
	if (rc != 0)
		return rc;
	if (now.st_dev != x->socket.st_dev || now.st_ino != x->socket.st_ino)
		return fail(c, CLIENT_UNTRUSTED,
		    "the socket was replaced while connecting");
	/* A record read before its daemon rewrote it is read once more. */
	pid = client_recorded_pid(c->home);
	if (pid != 0 && pid != cred.pid)
		pid = client_recorded_pid(c->home);
	if (pid != 0 && pid != cred.pid)
		return fail(c, CLIENT_UNTRUSTED, "pid %d listens, but "
		    RECORD_NAME " names pid %d", (int)cred.pid, (int)pid);
	if (c->peer.known && (c->peer.dev != now.st_dev ||
	    c->peer.ino != now.st_ino || c->peer.pid != cred.pid ||
	    c->peer.uid != cred.uid || c->peer.gid != cred.gid))
		return fail(c, CLIENT_CHANGED,
		    "another daemon serves %s now", c->home->path);
	c->peer = (struct peer){ true, now.st_dev, now.st_ino, cred.pid,
	    cred.uid, cred.gid };
	return 0;
}

static int
failed_wait(struct client *c, int rc)
{
	if (rc == CLIENT_TIMEOUT)
		return fail(c, rc, "the daemon did not answer in time");
	if (rc == CLIENT_STOPPED)
		return fail(c, rc, "interrupted");
	return fail(c, rc, "poll: %s", strerror(-rc));
}

/*
 * A peer that stops reading has usually answered already (413): its reply is
 * looked for all the same.
 */
static int
send_request(struct exchange *x, struct buf *b)
{
	ssize_t n;
	int rc;

	while (buf_left(b) != 0) {
		n = send(x->fd, buf_head(b), buf_left(b), MSG_NOSIGNAL);
		if (n >= 0) {
			buf_consume(b, (size_t)n);
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return fail(x->c, -errno, "send: %s",
			    strerror(errno));
		rc = wait_for(x->c, x->fd, POLLOUT, x->deadline_ns);
		if (rc != 0)
			return failed_wait(x->c, rc);
	}
	(void)shutdown(x->fd, SHUT_WR);
	return 0;
}

/* More of a stream, or the rest of what came with its head. */
static int
sink(struct exchange *x, const struct request *q, struct buf *b)
{
	int rc = 0;

	if (buf_left(b) != 0)
		rc = q->sink(q->sink_ctx, buf_head(b), buf_left(b));
	buf_clear(b);
	x->deadline_ns = loop_now_ns() + (int64_t)q->timeout_ms * 1000000;
	return rc;
}

/* Has the head of a stream come, of which the body is not kept? */
static bool
is_stream(const struct request *q, struct buf *b, struct reply *r)
{
	struct reply_head h;

	if (q->sink == NULL || r->stream ||
	    reply_parse(buf_head(b), buf_left(b), &h) != 0 || !h.stream)
		return r->stream;
	r->stream = true;
	r->status = h.status;
	buf_consume(b, h.head_len);
	return true;
}

/* To the end of file.  0, or why it ended otherwise. */
static int
receive(struct exchange *x, const struct request *q, struct reply *r)
{
	struct buf *b = &r->raw;
	char *to;
	ssize_t n;
	int rc;

	for (;;) {
		rc = wait_for(x->c, x->fd, POLLIN, x->deadline_ns);
		if (rc != 0)
			return failed_wait(x->c, rc);
		to = buf_reserve(b, CHUNK);
		if (to == NULL)
			return fail(x->c, CLIENT_PROTOCOL,
			    "the daemon's reply is refused: it is too long");
		n = recv(x->fd, to, CHUNK, 0);
		if (n == 0)
			return 0;
		if (n > 0)
			buf_commit(b, (size_t)n);
		if (n > 0 && is_stream(q, b, r)) {
			if (sink(x, q, b) != 0)
				return 0;
		} else if (n > 0)
			continue;
		else if (errno == ECONNRESET)
			return 0;
		else if (errno != EAGAIN && errno != EINTR)
			return fail(x->c, -errno, "recv: %s",
			    strerror(errno));
	}
}

static int
parse(struct client *c, int end, struct reply *r)
{
	struct reply_head h;
	int rc = reply_parse(buf_head(&r->raw), buf_left(&r->raw), &h);

	if (rc == 0 && h.stream)
		return fail(c, CLIENT_PROTOCOL, "the daemon's reply is "
		    "refused: it is a stream of events");
	if (rc == REPLY_BAD)
		return fail(c, CLIENT_PROTOCOL,
		    "the daemon's reply is refused: %s", h.why);
	if (rc == REPLY_SHORT && end == 0)
		return fail(c, CLIENT_CUT, "the daemon closed the connection "
		    "before its reply was complete");
	if (rc == REPLY_SHORT)
		return end;
	r->status = h.status;
	r->body = buf_head(&r->raw) + h.head_len;
	r->body_len = h.body_len;
	r->open = end != 0;
	return end == CLIENT_STOPPED ? end : 0;
}

static int
build(struct client *c, const struct request *q, const char *token,
    struct buf *b)
{
	bool with = *token != '\0';

	if (buf_addf(b, "%s %s HTTP/1.1\r\n"
	    "Host: coven\r\n"
	    "Content-Type: application/json\r\n"
	    "Content-Length: %zu\r\n"
	    "%s%s%s"
	    "\r\n", q->method, q->target, q->body_len,
	    with ? "Authorization: Bearer " : "", token,
	    with ? "\r\n" : "") < 0 ||
	    (q->body_len != 0 && buf_add(b, q->body, q->body_len) < 0))
		return fail(c, -EMSGSIZE, "the request is too long");
	return 0;
}

/* Read last: the one that verifies is the one that lies there now. */
static int
read_token(struct exchange *x)
{
	struct client *c = x->c;

	if (bearer_read(c->home, c->token_file, x->token, c->why,
	    sizeof(c->why)) != 0)
		return CLIENT_NO_TOKEN;
	return 0;
}

static int
send_all(struct exchange *x, const struct request *q)
{
	autobuf struct buf out = { 0 };
	size_t n;
	int rc;

	rc = build(x->c, q, x->token, &out);
	n = buf_left(&out);
	if (rc == 0)
		rc = send_request(x, &out);
	if (n != 0)
		explicit_bzero(out.data, n);
	return rc;
}

static int
run_exchange(struct exchange *x, const struct request *q, struct reply *r)
{
	int rc;

	/* One that was named and is not there: nobody is even connected to. */
	if ((x->c->token_file != NULL && (rc = read_token(x)) != 0) ||
	    (rc = check_socket(x->c, &x->socket)) != 0 ||
	    (rc = connect_socket(x)) != 0 || (rc = check_peer(x)) != 0 ||
	    (rc = read_token(x)) != 0 || (rc = send_all(x, q)) != 0)
		return rc;
	rc = receive(x, q, r);
	if (r->stream)
		return rc;
	if (rc != 0 && rc != CLIENT_TIMEOUT && rc != CLIENT_STOPPED)
		return rc;
	return parse(x->c, rc, r);
}

/* Was it refused for a token that is not the one that lies there now? */
static bool
token_changed(struct exchange *x)
{
	char sent[BEARER_MAX];
	bool changed;

	memcpy(sent, x->token, sizeof(sent));
	changed = read_token(x) == 0 && strcmp(sent, x->token) != 0;
	explicit_bzero(sent, sizeof(sent));
	return changed;
}

int
client_exchange(struct client *c, const struct request *q, struct reply *r)
{
	struct exchange x = { .c = c, .fd = -1,
	    .deadline_ns = loop_now_ns() + (int64_t)q->timeout_ms * 1000000 };
	bool again;
	int rc;

	*r = (struct reply){ 0 };
	buf_init(&r->raw, REPLY_MAX + CHUNK);
	c->why[0] = '\0';
	rc = run_exchange(&x, q, r);
	mem_close(&x.fd);
	again = rc == 0 && r->status == 401 && token_changed(&x);
	if (again) {
		reply_fini(r);
		rc = run_exchange(&x, q, r);
		mem_close(&x.fd);
	}
	explicit_bzero(x.token, sizeof(x.token));
	return rc;
}
