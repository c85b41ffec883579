#include <sys/socket.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "common/shelf.h"


struct chan_packet {
	struct chan_packet	*next;
	int			 fd;
	size_t			 len;
	char			 data[];
};

/* One process, one thread: one packet is looked at at a time. */
static char recv_buf[LIMIT_PACKET];

int
chan_pair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0, fds) == -1)
		return -errno;
	return 0;
}

/* --- descriptors --- */

static int
sock_opt(int fd, int opt)
{
	int v = 0;
	socklen_t len = sizeof(v);

	if (getsockopt(fd, SOL_SOCKET, opt, &v, &len) == -1)
		return -1;
	return v;
}

bool
chan_fd_is(int fd, enum fd_kind kind)
{
	struct stat st;

	if (kind == FD_NONE || fd < 0)
		return fd < 0 && (kind == FD_NONE || kind == FD_MEMFD_OPT ||
		    kind == FD_TREE_OPT);
	if (fstat(fd, &st) == -1)
		return false;
	switch (kind) {
	case FD_NONE:
		break;
	case FD_SOCKET:
		return S_ISSOCK(st.st_mode) &&
		    sock_opt(fd, SO_DOMAIN) == AF_UNIX &&
		    sock_opt(fd, SO_TYPE) == SOCK_SEQPACKET;
	case FD_LISTENER:
	case FD_CONN:
		return S_ISSOCK(st.st_mode) &&
		    sock_opt(fd, SO_DOMAIN) == AF_UNIX &&
		    sock_opt(fd, SO_TYPE) == SOCK_STREAM &&
		    sock_opt(fd, SO_ACCEPTCONN) == (kind == FD_LISTENER);
	case FD_TCP_LISTENER:
		return S_ISSOCK(st.st_mode) &&
		    sock_opt(fd, SO_DOMAIN) == AF_INET &&
		    sock_opt(fd, SO_TYPE) == SOCK_STREAM &&
		    sock_opt(fd, SO_PROTOCOL) == IPPROTO_TCP &&
		    sock_opt(fd, SO_ACCEPTCONN) == 1;
	case FD_PIDFD:
		/* Before pidfs (6.9) an anonymous inode of no type. */
		return !S_ISDIR(st.st_mode) && !S_ISSOCK(st.st_mode);
	case FD_MEMFD:
	case FD_MEMFD_OPT:
		return memfd_is_sealed(fd);
	case FD_SHELF:
		return shelf_is(fd);
	case FD_PIPE:
		return S_ISFIFO(st.st_mode);
	case FD_FILE:
		return S_ISREG(st.st_mode);
	case FD_DIR:
		return S_ISDIR(st.st_mode);
	case FD_TREE_OPT:
		return S_ISDIR(st.st_mode) || S_ISREG(st.st_mode);
	case FD_TTY:
		return S_ISCHR(st.st_mode);
	}
	return false;
}

/* --- sending --- */

static ssize_t
send_packet(int sock, const char *data, size_t len, int fd)
{
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data,
	    .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t n;

	if (fd >= 0) {
		memset(&ctl, 0, sizeof(ctl));
		mh.msg_control = ctl.space;
		mh.msg_controllen = sizeof(ctl.space);
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	do {
		n = sendmsg(sock, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	return n == -1 ? -errno : n;
}

/* Who else holds a listener ends it for everybody: that is no error of ours. */
static bool
may_have_changed(const struct msg_row *row, int fd)
{
	return row->fdkind == FD_TCP_LISTENER && fd >= 0;
}

static void
check_row(const struct chan *c, const struct msg_row *row, enum msg_type type,
    int fd)
{
	if (!(row->from & (1u << c->self)) || !(row->to & (1u << c->peer)) ||
	    !(row->states & c->state) || c->burnt[type] ||
	    (!chan_fd_is(fd, row->fdkind) && !may_have_changed(row, fd)))
		fatal("send %s to %s: not in state %#x", row->name,
		    msg_role_name(c->peer), c->state);
}

static void
enter(struct chan *c, const struct msg_row *row, enum msg_type type)
{
	if (row->next != CS_SAME)
		c->state = row->next;
	if (row->flags & MSG_ONCE)
		c->burnt[type] = 1;
}

static int
enqueue(struct chan *c, const struct buf *b, int fd)
{
	struct chan_packet *p;
	int copy = -1;

	if (c->queued + buf_left(b) > LIMIT_CHANNEL_QUEUE)
		return -ENOBUFS;
	if (fd >= 0 && (copy = fcntl(fd, F_DUPFD_CLOEXEC, 3)) == -1)
		return -errno;
	p = mem_alloc(sizeof(*p) + buf_left(b));
	*p = (struct chan_packet){ .fd = copy, .len = buf_left(b) };
	memcpy(p->data, buf_head(b), p->len);
	*c->tail = p;
	c->tail = &p->next;
	c->queued += p->len;
	return loop_set(c->loop, &c->source, c->source.events | EPOLLOUT);
}

int
chan_send(struct chan *c, enum msg_type type, const void *msg, int fd)
{
	const struct msg_row *row = msg_row(type);
	static struct buf out = { .max = LIMIT_PACKET };
	ssize_t n = -EAGAIN;
	int r;

	if (!chan_is_open(c))
		return -EPIPE;
	if (row == NULL)
		fatal("send message %d: no such row", (int)type);
	check_row(c, row, type, fd);
	if (may_have_changed(row, fd) && !chan_fd_is(fd, row->fdkind))
		return -ENOTCONN;
	buf_clear(&out);
	r = msg_encode(&out, type, msg);
	if (r < 0)
		return r;
	if (c->head == NULL)
		n = send_packet(c->source.fd, buf_head(&out), buf_left(&out),
		    fd);
	if (n == -EAGAIN || n == -ETOOMANYREFS)
		n = enqueue(c, &out, fd);
	if (n == -EPIPE || n == -ECONNRESET)
		return -EPIPE;		/* the reading side reports the end */
	if (n < 0) {
		log_error("send %s to %s: %s", row->name,
		    msg_role_name(c->peer), strerror((int)-n));
		return (int)n;
	}
	enter(c, row, type);
	return 0;
}

size_t
chan_queued(const struct chan *c)
{
	return c->queued;
}

static void
pop(struct chan *c)
{
	struct chan_packet *p = c->head;

	c->head = p->next;
	if (c->head == NULL)
		c->tail = &c->head;
	c->queued -= p->len;
	mem_close(&p->fd);
	free(p);
}

static void
on_later(struct timer *t)
{
	struct chan *c = t->ctx;

	(void)loop_set(c->loop, &c->source, c->source.events | EPOLLOUT);
}

/*
 * The kernel counts the descriptors that a user has on the way, in whatever
 * sockets of whatever programs (unix(7), ETOOMANYREFS).  They arrive; and
 * nothing says when.
 */
static void
flush_later(struct chan *c)
{
	(void)loop_set(c->loop, &c->source, c->source.events & ~EPOLLOUT);
	c->later = (struct timer){ .cb = on_later, .ctx = c };
	timer_start(c->loop, &c->later, LIMIT_CHANNEL_LATER_MS);
}

static void
flush(struct chan *c)
{
	timer_stop(c->loop, &c->later);
	while (c->head != NULL) {
		ssize_t n = send_packet(c->source.fd, c->head->data,
		    c->head->len, c->head->fd);

		if (n == -EAGAIN)
			return;
		if (n == -ETOOMANYREFS) {
			flush_later(c);
			return;
		}
		pop(c);		/* a dead peer's packets go the same way */
	}
	(void)loop_set(c->loop, &c->source, c->source.events & ~EPOLLOUT);
	if (c->on_drain != NULL)
		c->on_drain(c);
}

/* --- receiving --- */

int
chan_blame(struct chan *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(c->blame, sizeof(c->blame), fmt, ap);
	va_end(ap);
	return CHAN_BAD;
}

static int
take_fds(struct chan *c, struct msghdr *mh, int *fd)
{
	struct cmsghdr *cm;
	size_t n, i;
	int got;

	for (cm = CMSG_FIRSTHDR(mh); cm != NULL; cm = CMSG_NXTHDR(mh, cm)) {
		if (cm->cmsg_level != SOL_SOCKET ||
		    cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < n; i++) {
			memcpy(&got, CMSG_DATA(cm) + i * sizeof(int),
			    sizeof(int));
			if (*fd == -1)
				*fd = got;
			else
				mem_close(&got);
		}
		if (n != 1)
			return chan_blame(c, "%zu descriptors", n);
	}
	if (mh->msg_flags & MSG_CTRUNC)
		return chan_blame(c, "descriptors that no message brings");
	if (mh->msg_flags & MSG_TRUNC)
		return chan_blame(c, "a packet over %d bytes", LIMIT_PACKET);
	return 0;
}

static ssize_t
recv_packet(struct chan *c, int *fd)
{
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(4 * sizeof(int))];
	} ctl;
	struct iovec iov = { .iov_base = recv_buf,
	    .iov_len = sizeof(recv_buf) };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	/*
	 * A descriptor that was received must be closed, and where its file
	 * system is one that the peer serves (an init can mount FUSE), close
	 * waits for the peer.  What is not received the kernel drops itself.
	 */
	if (c->takes_fds) {
		mh.msg_control = ctl.space;
		mh.msg_controllen = sizeof(ctl.space);
	}
	/*
	 * One that hung up before it had read everything is reported once,
	 * ahead of what it said before that.
	 */
	do {
		n = recvmsg(c->source.fd, &mh,
		    MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	} while (n == -1 && (errno == EINTR || errno == ECONNRESET));
	if (n == -1)
		return -errno;
	if (take_fds(c, &mh, fd) != 0)
		return -EPROTO;
	return n;
}

/*
 * Nothing was received: the peer hung up, or it sent a packet of no bytes,
 * which no message is.
 */
static int
nothing(struct chan *c)
{
	struct pollfd p = { .fd = c->source.fd, .events = POLLRDHUP };

	if (poll(&p, 1, 0) == 0)
		return chan_blame(c, "an empty packet");
	return CHAN_EOF;
}

static int
handle(struct chan *c, size_t len, int *fd)
{
	const struct msg_row *row;
	union msg_any msg;
	uint32_t type;
	size_t used;

	if (msg_decode(recv_buf, len, &type, &msg, &used) != 0 || used != len)
		return chan_blame(c, "a malformed packet of %zu bytes", len);
	row = msg_row(type);
	if (!(row->from & (1u << c->peer)) || !(row->to & (1u << c->self)))
		return chan_blame(c, "%s is not its to send", row->name);
	if (!(row->states & c->state))
		return chan_blame(c, "%s in state %#x", row->name, c->state);
	if (c->burnt[type])
		return chan_blame(c, "%s a second time", row->name);
	if (!chan_fd_is(*fd, row->fdkind))
		return chan_blame(c, "%s with a wrong descriptor", row->name);
	if (c->handlers[type] == NULL)
		return chan_blame(c, "%s is not handled here", row->name);
	enter(c, row, type);
	return c->handlers[type](c, &msg, fd);
}

static int
dispatch_one(struct chan *c)
{
	autoclose int fd = -1;
	ssize_t n;

	n = recv_packet(c, &fd);
	if (n == -EAGAIN)
		return -EAGAIN;
	if (n == 0)
		return nothing(c);
	if (n < 0) {
		if (n != -EPROTO)
			(void)chan_blame(c, "%s", strerror((int)-n));
		return CHAN_BAD;
	}
	return handle(c, (size_t)n, &fd);
}

int
chan_dispatch(struct chan *c)
{
	int i, r;

	for (i = 0; i < LIMIT_CHANNEL_TURN && chan_is_open(c) &&
	    (c->source.events & EPOLLIN); i++) {
		r = dispatch_one(c);
		if (r == -EAGAIN)
			return 0;
		if (r != 0)
			return r;
	}
	return 0;
}

static void
on_ready(struct source *s, uint32_t events)
{
	struct chan *c = s->ctx;
	int r = 0;

	if (events & EPOLLOUT)
		flush(c);
	if (chan_is_open(c) && (events & EPOLLIN))
		r = chan_dispatch(c);
	else if (chan_is_open(c) && (events & (EPOLLHUP | EPOLLERR)))
		r = CHAN_EOF;
	if (r != 0 && chan_is_open(c))
		c->on_end(c, r);
}

int
chan_wait(struct chan *c, int timeout_ms)
{
	struct pollfd p = { .fd = c->source.fd, .events = POLLIN };
	int r;

	do {
		r = poll(&p, 1, timeout_ms);
	} while (r == -1 && errno == EINTR);
	if (r == 0)
		return -ETIMEDOUT;
	if (r == -1)
		return -errno;
	r = dispatch_one(c);
	return r == -EAGAIN ? 0 : r;
}

bool
chan_has_more(const struct chan *c)
{
	struct pollfd p = { .fd = c->source.fd, .events = POLLIN };

	return chan_is_open(c) && (c->source.events & EPOLLIN) &&
	    poll(&p, 1, 0) == 1;
}

void
chan_pause(struct chan *c)
{
	(void)loop_set(c->loop, &c->source, c->source.events & ~EPOLLIN);
}

void
chan_resume(struct chan *c)
{
	(void)loop_set(c->loop, &c->source, c->source.events | EPOLLIN);
}

/* --- life --- */

static bool
brings_fds(enum role from, enum role to)
{
	uint32_t type;

	for (type = 1; type < MSG__COUNT; type++) {
		const struct msg_row *row = msg_row(type);

		if ((row->from & (1u << from)) && (row->to & (1u << to)) &&
		    row->fdkind != FD_NONE)
			return true;
	}
	return false;
}

int
chan_open(struct chan *c, struct loop *l, int *fd, enum role self,
    enum role peer, enum chan_state state, chan_handler *const *handlers,
    void *ctx, void (*on_end)(struct chan *, int))
{
	*c = (struct chan){ .loop = l, .self = self, .peer = peer,
	    .state = state, .handlers = handlers, .ctx = ctx,
	    .on_end = on_end };
	c->tail = &c->head;
	c->takes_fds = brings_fds(peer, self);
	c->source = (struct source){ .fd = mem_steal_fd(fd), .cb = on_ready,
	    .ctx = c };
	return loop_add(l, &c->source, EPOLLIN);
}

void
chan_close(struct chan *c)
{
	if (!chan_is_open(c))
		return;
	loop_del(c->loop, &c->source);
	timer_stop(c->loop, &c->later);
	while (c->head != NULL)
		pop(c);
	mem_close(&c->source.fd);
}

bool
chan_is_open(const struct chan *c)
{
	return c->loop != NULL && c->source.fd >= 0;
}
