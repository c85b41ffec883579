#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/mem.h"
#include "coven-apid/conn_impl.h"

#define READ_ROUNDS	16	/* chunks a turn: others wait too */

#define TO(s)	(1u << CONN_##s)
static const unsigned edges[] = {
	[CONN_READ] = TO(WORK) | TO(WRITE) | TO(CLOSED),
	[CONN_WORK] = TO(WRITE) | TO(STREAM) | TO(CLOSED),
	[CONN_STREAM] = TO(CLOSED),
	[CONN_WRITE] = TO(LINGER) | TO(CLOSED),
	[CONN_LINGER] = TO(CLOSED),
	[CONN_CLOSED] = 0,
};

/* One thread: one chunk is looked at at a time. */
static char chunk[65536];
static bool chunk_secret;	/* a token is in it */

static void	conn_on_ready(struct source *, uint32_t);
static void	conn_on_timer(struct timer *);

/* --- states ------------------------------------------------------------- */

static void
conn_enter(struct conn *c, enum conn_state to)
{
	struct server *s = c->server;

	if (!(edges[c->state] & (1u << to)))
		fatal("connection: no edge from %d to %d", (int)c->state,
		    (int)to);
	if (c->state == CONN_READ) {
		TAILQ_REMOVE(&s->reading, c, link);
		TAILQ_INSERT_TAIL(&s->busy, c, link);
	}
	c->state = to;
	timer_stop(s->loop, &c->timer);
}

static void
conn_deadline(struct conn *c, int64_t ms)
{
	c->timer.cb = conn_on_timer;
	c->timer.ctx = c;
	timer_start(c->server->loop, &c->timer, ms);
}

/* Count n more bytes; false when there is no room for them. */
static bool
conn_hold(struct conn *c, size_t n)
{
	struct server *s = c->server;

	c->held += n;
	s->held += n;
	while (s->held > LIMIT_HTTP_HELD)
		if (!server_shed(s, c))
			return false;
	return true;
}

static void
conn_learn_uid(struct conn *c)
{
	struct ucred peer;

	c->uid = c->server->conf.overflow_uid;	/* nobody's */
	if (conn_peer(c, &peer) == 0)
		c->uid = peer.uid;
}

void
conn_set_caller(struct conn *c, const struct caller *caller)
{
	struct server *s = c->server;

	if (c->caller.kind == CALLER_UNKNOWN) {
		TAILQ_REMOVE(&s->anon, c, anon_link);
		s->nanon--;
	}
	c->caller = *caller;
}

struct conn *
conn_new(struct server *s, int *fd)
{
	static const struct caller owner = { .kind = CALLER_OWNER };
	struct conn *c = mem_zalloc(1, sizeof(*c));
	uint32_t slot = s->free_slots[--s->nfree];

	c->server = s;
	c->source = (struct source){ .fd = mem_steal_fd(fd),
	    .cb = conn_on_ready, .ctx = c };
	c->tag = ++s->serial << SLOT_BITS | slot;
	s->slots[slot] = c;
	s->live++;
	TAILQ_INSERT_TAIL(&s->reading, c, link);
	TAILQ_INSERT_TAIL(&s->anon, c, anon_link);
	s->nanon++;
	c->accept_ns = loop_now_ns();
	c->accept_boot_ns = clock_boot_ns();
	conn_learn_uid(c);
	if (!s->conf.token && conn_peer_is_owner(c))
		conn_set_caller(c, &owner);
	return c;
}

void
conn_close(struct conn *c)
{
	struct server *s = c->server;
	uint32_t slot = (uint32_t)(c->tag & ((1u << SLOT_BITS) - 1));

	if (c->user != NULL)
		s->ops->on_gone(s->ctx, c);
	conn_enter(c, CONN_CLOSED);
	TAILQ_REMOVE(&s->busy, c, link);
	if (c->caller.kind == CALLER_UNKNOWN) {
		TAILQ_REMOVE(&s->anon, c, anon_link);
		s->nanon--;
	}
	loop_del(s->loop, &c->source);
	mem_close(&c->source.fd);
	http_free(c->http);
	buf_fini(&c->out);
	s->held -= c->held;
	s->slots[slot] = NULL;
	s->free_slots[s->nfree++] = slot;
	s->live--;
	free(c);
	server_resume(s);
}

/* --- answering ---------------------------------------------------------- */

static const struct {
	int		 status;
	const char	*reason;
} reasons[] = {
	{ 200, "OK" },
	{ 201, "Created" },
	{ 202, "Accepted" },
	{ 400, "Bad Request" },
	{ 401, "Unauthorized" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 409, "Conflict" },
	{ 413, "Payload Too Large" },
	{ 421, "Misdirected Request" },
	{ 422, "Unprocessable Content" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
};

static size_t
format_head(char *to, size_t size, int status, size_t n)
{
	const char *reason = "OK";
	size_t i;
	int len;

	for (i = 0; i < nitems(reasons); i++)
		if (reasons[i].status == status)
			reason = reasons[i].reason;
	len = snprintf(to, size, "HTTP/1.1 %d %s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n", status, reason, n);
	return (size_t)len;
}

void
conn_format_reply(struct buf *out, int status, const char *body, size_t n)
{
	char head[256];
	size_t len = format_head(head, sizeof(head), status, n);

	(void)buf_add(out, head, len);
	(void)buf_add(out, body, n);
}

/*
 * Read and drop what is there.  True when nothing more can matter: the
 * client has said its last byte, or has said enough.
 */
static bool
conn_drain(struct conn *c)
{
	ssize_t n;
	int i;

	for (i = 0; i < READ_ROUNDS && c->drain != 0; i++) {
		n = recv(c->source.fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0)
			return true;
		c->drain -= (uint64_t)n < c->drain ? (uint64_t)n : c->drain;
	}
	return c->drain == 0;
}

/*
 * A refused client may still be sending.  Closing then would cut it off in
 * mid-write, before it reads why (and closing a Unix socket that holds unread
 * bytes turns its end of file into a reset).
 */
static void
conn_linger(struct conn *c)
{
	int64_t left_ms;

	if (conn_drain(c)) {
		conn_close(c);
		return;
	}
	left_ms = (c->linger_end_ns - loop_now_ns()) / 1000000;
	if (left_ms <= 0 ||
	    loop_set(c->server->loop, &c->source, EPOLLIN) < 0) {
		conn_close(c);
		return;
	}
	conn_deadline(c, left_ms < LIMIT_HTTP_LINGER_IDLE_MS ? left_ms :
	    LIMIT_HTTP_LINGER_IDLE_MS);
}

static void
conn_sent(struct conn *c)
{
	if (c->linger) {
		conn_enter(c, CONN_LINGER);
		c->linger_end_ns = loop_now_ns() +
		    (int64_t)LIMIT_HTTP_LINGER_MS * 1000000;
		conn_linger(c);
		return;
	}
	if (!c->dry) {
		c->drain = LIMIT_HTTP_DRAIN;
		(void)conn_drain(c);
	}
	conn_close(c);
}

/* Send what iov holds: bytes that went, or -errno. */
static ssize_t
send_iov(int fd, struct iovec *iov, size_t n)
{
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = n };
	ssize_t sent;

	do {
		sent = sendmsg(fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (sent == -1 && errno == EINTR);
	if (sent == -1)
		return errno == EAGAIN ? 0 : -errno;
	return sent;
}

/* Keep what did not go, and wait for room. */
static void
conn_send_later(struct conn *c, const struct iovec *iov, size_t n,
    size_t sent)
{
	size_t i, skip;

	for (i = 0; i < n; i++) {
		skip = sent < iov[i].iov_len ? sent : iov[i].iov_len;
		sent -= skip;
		if (buf_add(&c->out, (const char *)iov[i].iov_base + skip,
		    iov[i].iov_len - skip) < 0) {
			conn_close(c);
			return;
		}
	}
	if (!conn_hold(c, buf_left(&c->out)) ||
	    loop_set(c->server->loop, &c->source, EPOLLOUT) < 0) {
		conn_close(c);
		return;
	}
	conn_deadline(c, LIMIT_HTTP_REPLY_MS);
}

static void
conn_send(struct conn *c, struct iovec *iov, size_t n)
{
	size_t total = 0, i;
	ssize_t sent;

	FAILPOINT("apid.before-reply");
	c->user = NULL;
	conn_enter(c, CONN_WRITE);
	for (i = 0; i < n; i++)
		total += iov[i].iov_len;
	sent = send_iov(c->source.fd, iov, n);
	if (sent < 0)
		conn_close(c);
	else if ((size_t)sent == total)
		conn_sent(c);
	else
		conn_send_later(c, iov, n, (size_t)sent);
}

static struct iovec
iov_of(const void *p, size_t n)
{
	return (struct iovec){ (void *)(uintptr_t)p, n };
}

void
conn_reply(struct conn *c, int status, const char *body, size_t n)
{
	char head[256];
	size_t len = format_head(head, sizeof(head), status, n);
	struct iovec iov[2];

	iov[0] = iov_of(head, len);
	iov[1] = iov_of(body, n);
	conn_send(c, iov, 2);
}

void
conn_reply_whole(struct conn *c, const char *reply, size_t n)
{
	struct iovec iov = iov_of(reply, n);

	conn_send(c, &iov, 1);
}

bool
conn_reply_keep(struct conn *c, int status, const char *body, size_t n)
{
	char head[256];
	size_t len = format_head(head, sizeof(head), status, n), total;
	struct iovec iov[2];

	iov[0] = iov_of(head, len);
	iov[1] = iov_of(body, n);
	total = iov[0].iov_len + n;
	if (!c->dry) {
		c->drain = LIMIT_HTTP_DRAIN;
		(void)conn_drain(c);
	}
	return send_iov(c->source.fd, iov, 2) == (ssize_t)total;
}

/*
 * The bytes do not depend on what was wrong, and what follows in the same
 * connection is read and dropped.
 */
void
conn_unauthorized(struct conn *c)
{
	static const char body[] = "{\"ok\":false,\"error\":{"
	    "\"code\":\"unauthorized\",\"message\":"
	    "\"This daemon needs a token that is good for this.\"}}";

	c->linger = true;
	c->drain = HTTP_BODY_MAX + HEAD_MAX;
	conn_reply(c, 401, body, sizeof(body) - 1);
}

void
conn_refuse(struct conn *c, int status, const char *code, const char *text)
{
	char body[512];
	int n;

	if (c->server->conf.token && c->caller.kind == CALLER_UNKNOWN) {
		conn_unauthorized(c);
		return;
	}
	n = snprintf(body, sizeof(body), "{\"ok\":false,\"error\":{"
	    "\"code\":\"%s\",\"message\":\"%s\"}}", code, text);
	conn_reply(c, status, body, (size_t)n);
}

/* --- streams ------------------------------------------------------------ */

void
conn_stream_start(struct conn *c)
{
	conn_enter(c, CONN_STREAM);
}

ssize_t
conn_stream_send(struct conn *c, const void *p, size_t n)
{
	struct iovec iov = iov_of(p, n);
	ssize_t sent = send_iov(c->source.fd, &iov, 1);
	bool all = sent == (ssize_t)n;
	int r;

	if (sent < 0)
		return sent;
	r = loop_set(c->server->loop, &c->source, all ? 0 : EPOLLOUT);
	if (all)
		timer_stop(c->server->loop, &c->timer);
	else if (sent > 0 || !timer_running(&c->timer))
		conn_deadline(c, LIMIT_HTTP_REPLY_MS);
	return r < 0 ? r : sent;
}

void
conn_stream_end(struct conn *c)
{
	if (!c->dry) {
		c->drain = LIMIT_HTTP_DRAIN;
		(void)conn_drain(c);
	}
	conn_close(c);
}

/* --- reading ------------------------------------------------------------ */

static void
conn_work(struct conn *c)
{
	struct server *s = c->server;
	uint64_t tag = c->tag;
	int r = 0;

	conn_enter(c, CONN_WORK);
	s->ops->on_request(s->ctx, c, http_request(c->http));
	if (server_find(s, tag) != c || c->state != CONN_WORK)
		return;
	/*
	 * Not readable any more: a half-close would be reported for ever.
	 * With no event asked for, HUP alone is: the client has really gone.
	 */
	if (c->watch)
		r = loop_set(s->loop, &c->source, 0);
	else
		loop_del(s->loop, &c->source);
	if (r < 0) {
		conn_close(c);
		return;
	}
	conn_deadline(c, LIMIT_HTTP_WORK_MS);
}

static void
conn_fed(struct conn *c, int outcome)
{
	if (outcome == 0) {
		conn_work(c);
		return;
	}
	c->linger = true;
	if (outcome == HTTP_REFUSED) {
		conn_unauthorized(c);
		return;
	}
	if (outcome == HTTP_TOO_LARGE) {
		c->drain = http_unread(c->http);
		if (c->drain > LIMIT_HTTP_DRAIN)
			c->drain = LIMIT_HTTP_DRAIN;
		conn_refuse(c, 413, "payload_too_large",
		    "Request body exceeds 4194304-byte limit.");
		return;
	}
	c->drain = LIMIT_HTTP_DRAIN;
	conn_refuse(c, 400, "invalid_request", http_why(c->http));
}

static void
conn_eof(struct conn *c)
{
	/* A client that only looked who listens here. */
	if (c->http == NULL) {
		conn_close(c);
		return;
	}
	c->dry = true;
	conn_refuse(c, 400, "invalid_request", "the request is cut short");
}

/* What is left of it: bytes that arrive do not extend it. */
static int64_t
conn_request_ms(const struct conn *c)
{
	int64_t ms = c->server->conf.request_ms, gone;

	if (c->caller.kind == CALLER_UNKNOWN && ms > LIMIT_AUTH_MS)
		ms = LIMIT_AUTH_MS;
	gone = (loop_now_ns() - c->accept_ns) / 1000000;
	return ms > gone ? ms - gone : 0;
}

/* Nothing more is there now: wait, from now on with a deadline. */
static void
conn_await(struct conn *c)
{
	if (!c->source.armed &&
	    loop_add(c->server->loop, &c->source, EPOLLIN) < 0) {
		conn_close(c);
		return;
	}
	if (!timer_running(&c->timer))
		conn_deadline(c, conn_request_ms(c));
}

/* Its head is there: does it say who this is? */
static bool
conn_on_head(void *ctx, const struct head_info *head)
{
	struct conn *c = ctx;
	struct server *s = c->server;
	struct caller caller = c->caller;

	if (head->authorizations != 0)
		chunk_secret = true;
	if (s->ops->on_head == NULL)
		return caller.kind != CALLER_UNKNOWN;
	if (!s->ops->on_head(s->ctx, c, head, &caller))
		return false;
	/* From now on its deadline is that of a request. */
	if (c->caller.kind == CALLER_UNKNOWN)
		timer_stop(s->loop, &c->timer);
	conn_set_caller(c, &caller);
	return true;
}

static void
conn_begin(struct conn *c)
{
	c->http = http_new();
	http_ask(c->http, c->caller.kind == CALLER_UNKNOWN ?
	    LIMIT_AUTH_HEAD : HEAD_MAX, conn_on_head, c);
}

static int
conn_feed(struct conn *c, size_t n)
{
	int r = http_feed(c->http, chunk, n);

	if (chunk_secret)
		explicit_bzero(chunk, n);
	chunk_secret = false;
	return r;
}

void
conn_read(struct conn *c)
{
	ssize_t n;
	int i, r;

	for (i = 0; i < READ_ROUNDS; i++) {
		n = recv(c->source.fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n == -1) {
			conn_close(c);
			return;
		}
		if (n == 0) {
			conn_eof(c);
			return;
		}
		c->dry = (size_t)n < sizeof(chunk);
		if (c->http == NULL)
			conn_begin(c);
		r = conn_feed(c, (size_t)n);
		if (r != HTTP_MORE) {
			conn_fed(c, r);
			return;
		}
		if (!conn_hold(c, (size_t)n)) {
			conn_refuse(c, 503, "unavailable",
			    "too much is being sent at once");
			return;
		}
		if (c->dry)
			break;
	}
	conn_await(c);
}

static void
conn_flush(struct conn *c)
{
	struct iovec iov = iov_of(buf_head(&c->out), buf_left(&c->out));
	ssize_t sent = send_iov(c->source.fd, &iov, 1);

	if (sent < 0) {
		conn_close(c);
		return;
	}
	buf_consume(&c->out, (size_t)sent);
	if (buf_left(&c->out) == 0)
		conn_sent(c);
}

static void
conn_on_ready(struct source *source, uint32_t events)
{
	struct conn *c = source->ctx;

	switch (c->state) {
	case CONN_READ:
		conn_read(c);
		break;
	case CONN_WORK:
		if (events & (EPOLLHUP | EPOLLERR))
			conn_close(c);
		break;
	case CONN_WRITE:
		conn_flush(c);
		break;
	case CONN_STREAM:
		if (events & (EPOLLHUP | EPOLLERR))
			conn_close(c);
		else
			c->server->ops->on_room(c->server->ctx, c);
		break;
	case CONN_LINGER:
		conn_linger(c);
		break;
	case CONN_CLOSED:
		break;
	}
}

static void
conn_on_timer(struct timer *t)
{
	struct conn *c = t->ctx;

	if (c->state == CONN_READ && c->http != NULL &&
	    c->caller.kind != CALLER_UNKNOWN) {
		c->dry = false;
		conn_refuse(c, 400, "invalid_request",
		    "the request did not arrive in time");
	} else if (c->state == CONN_WORK) {
		if (c->user != NULL)
			c->server->ops->on_gone(c->server->ctx, c);
		conn_refuse(c, 503, "unavailable",
		    "the answer did not come in time");
	} else {
		conn_close(c);
	}
}

uint64_t
conn_tag(const struct conn *c)
{
	return c->tag;
}

void *
conn_user(const struct conn *c)
{
	return c->user;
}

void
conn_set_user(struct conn *c, void *user)
{
	c->user = user;
}

int
conn_fd(const struct conn *c)
{
	return c->source.fd;
}

void
conn_watch(struct conn *c)
{
	c->watch = true;
}
