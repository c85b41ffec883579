#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "common/limits.h"
#include "coven-gateway/through.h"

static char chunk[LIMIT_GATEWAY_CHUNK];	/* one thread: one read at a time */

/* --- what to wait for ---------------------------------------------------- */

/*
 * Nothing to wait for is not watched at all: a hangup would be reported for
 * ever.
 */
void
through_watch(struct conn *c, struct side *s, uint32_t events)
{
	struct loop *l = c->gw->loop;

	if (s->s.fd == -1 || (s->s.armed && s->s.events == events))
		return;
	if (events == 0 && s->s.armed)
		loop_del(l, &s->s);
	else if (events != 0 && s->s.armed)
		(void)loop_set(l, &s->s, events);
	else if (events != 0 && loop_add(l, &s->s, events) < 0)
		conn_close(c);
}

static uint32_t
interest(const struct conn *c, const struct side *s, const struct side *other)
{
	bool reads = c->state == CONN_THROUGH ?
	    !s->eof && !other->shut && buf_left(&other->out) == 0 :
	    s == &c->in && (c->state == CONN_HELLO || s->shut);

	return (reads ? (uint32_t)EPOLLIN : 0) |
	    (buf_left(&s->out) != 0 ? (uint32_t)EPOLLOUT : 0);
}

void
through_update(struct conn *c)
{
	if (c->at == NULL)
		return;
	through_watch(c, &c->in, interest(c, &c->in, &c->up));
	if (c->at != NULL)
		through_watch(c, &c->up, interest(c, &c->up, &c->in));
}

/* --- moving -------------------------------------------------------------- */

/* 0, or -errno: the peer is gone. */
int
through_flush(struct side *s)
{
	ssize_t n;

	while (buf_left(&s->out) != 0) {
		n = send(s->s.fd, buf_head(&s->out), buf_left(&s->out),
		    MSG_NOSIGNAL);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno == EAGAIN ? 0 : -errno;
		buf_consume(&s->out, (size_t)n);
	}
	return 0;
}

static int
pass(struct side *to, size_t n)
{
	ssize_t sent = send(to->s.fd, chunk, n, MSG_NOSIGNAL);

	if (sent == -1 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (sent == -1)
		sent = 0;
	return (size_t)sent == n ? 0 : buf_add(&to->out, chunk + sent,
	    n - (size_t)sent);
}

/* A plain request's body ends where its head said: nothing goes after it. */
static size_t
allowance(const struct conn *c, const struct side *from)
{
	if (from == &c->up || c->tunnel || c->body > sizeof(chunk))
		return sizeof(chunk);
	return (size_t)c->body;
}

/* 0, or -errno: this connection is over. */
static int
move(struct conn *c, struct side *from, struct side *to)
{
	size_t want = allowance(c, from);
	ssize_t n;

	if (want == 0) {
		from->eof = true;
		return 0;
	}
	n = recv(from->s.fd, chunk, want, 0);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0) {
		from->eof = true;
		return 0;
	}
	if (!c->tunnel && from == &c->in)
		c->body -= (uint64_t)n;
	if (!gateway_spend(c->gw, (size_t)n))
		return -EDQUOT;
	return pass(to, (size_t)n);
}

/* What one side has ended is ended on the other, once all of it is there. */
static void
half_close(struct conn *c, struct side *from, struct side *to)
{
	/* Who sent a plain request waits for its answer; upstreams are told
	 * by Connection: close, not by half of one. */
	if (!from->eof || to->shut || buf_left(&to->out) != 0 ||
	    (!c->tunnel && from == &c->in))
		return;
	(void)shutdown(to->s.fd, SHUT_WR);
	to->shut = true;
}

static bool
is_over(const struct conn *c)
{
	if (c->state == CONN_REFUSED)
		return c->in.eof;
	return c->in.shut && (c->up.shut || !c->tunnel);
}

static void
settle(struct conn *c)
{
	if (c->state == CONN_THROUGH) {
		half_close(c, &c->in, &c->up);
		half_close(c, &c->up, &c->in);
	}
	/* Closed with something unread, it would take the answer with it. */
	if (c->state == CONN_REFUSED && buf_left(&c->in.out) == 0 &&
	    !c->in.shut) {
		(void)shutdown(c->in.s.fd, SHUT_WR);
		c->in.shut = true;
	}
	if ((c->state == CONN_THROUGH || c->state == CONN_REFUSED) &&
	    is_over(c))
		conn_close(c);
	else
		through_update(c);
}

void
through_budget(struct conn *c)
{
	struct net_verdict v = { .rule = "", .from = "network.max_mib",
	    .why = "the session's bytes are used up" };

	if (c->gw->left != 0)
		return;
	gateway_note(c->gw, c->host.name, c->port, &v);
}

void
through_ready(struct conn *c, struct side *from, struct side *to,
    uint32_t events)
{
	int r = 0;

	if (events & EPOLLOUT)
		r = through_flush(from);
	/* A reset is seen by whoever reads or writes; nobody may be. */
	if (r == 0 && (events & EPOLLERR) && !(events & EPOLLIN))
		r = -ECONNRESET;
	if (r == 0 && (events & (EPOLLIN | EPOLLHUP)) && !from->eof &&
	    c->state == CONN_THROUGH && buf_left(&to->out) == 0)
		r = move(c, from, to);
	if (r == 0 && c->state == CONN_REFUSED &&
	    (events & (EPOLLIN | EPOLLHUP)))
		from->eof = recv(from->s.fd, chunk, sizeof(chunk), 0) <= 0;
	if (r == -EDQUOT)
		through_budget(c);
	if (r < 0)
		conn_close(c);
	else
		settle(c);
}

void
through_begin(struct conn *c)
{
	(void)buf_add(&c->up.out, buf_head(&c->first), buf_left(&c->first));
	/* What came behind a plain request's head is the body's beginning. */
	if (!c->tunnel) {
		size_t n = buf_left(&c->read);

		if (n > c->body)
			n = (size_t)c->body;
		(void)buf_add(&c->up.out, buf_head(&c->read), n);
		c->body -= n;
	}
	buf_fini(&c->read);
	buf_fini(&c->first);
	hello_fini(&c->hello);
	if (!gateway_spend(c->gw, buf_left(&c->up.out))) {
		through_budget(c);
		conn_close(c);
	} else if (through_flush(&c->up) < 0)
		conn_close(c);
	else
		settle(c);
}

void
through_say(struct conn *c)
{
	if (through_flush(&c->in) < 0)
		conn_close(c);
	else
		settle(c);
}
