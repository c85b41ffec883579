#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-gateway/carry.h"
#include "coven-gateway/head.h"
#include "coven-gateway/through.h"

static char chunk[LIMIT_GATEWAY_CHUNK];	/* one thread: one read at a time */
static char plain[16384];		/* the longest record */

static void	settle(struct conn *);

void
carry_free(struct carry *k)
{
	if (k == NULL)
		return;
	tls_free(k->tls);
	buf_fini(&k->head);
	free(k);
}

/* Nothing of the answer has gone in: it can be another one. */
static void
fail(struct conn *c, int status, const char *why)
{
	if (c->at == NULL)
		return;
	if (c->carry->answered)
		conn_close(c);
	else
		conn_refuse(c, status, why);
}

/* False: that was the last of the session's bytes, and its end. */
static bool
spend(struct conn *c, size_t n)
{
	if (gateway_spend(c->gw, n))
		return true;
	through_budget(c);
	conn_close(c);
	return false;
}

/* --- the request --------------------------------------------------------- */

/*
 * What of these bytes is the body's: nothing goes after it, and so no second
 * request that nobody judged.  0, or an HTTP status.
 */
static int
take_body(struct carry *k, const char *p, size_t n, size_t *used)
{
	int r;

	if (k->chunked) {
		r = chunks_feed(&k->chunks, p, n, used);
		k->whole = r == 0;
		return r == CHUNKS_BAD ? 400 : 0;
	}
	*used = n < k->body ? n : (size_t)k->body;
	k->body -= *used;
	k->whole = k->body == 0;
	return 0;
}

static void
send_body(struct conn *c, const char *p, size_t n)
{
	struct carry *k = c->carry;
	size_t used = 0;
	int r = k->whole ? 0 : take_body(k, p, n, &used);

	if (r != 0) {
		fail(c, r, "the body's chunks are malformed");
		return;
	}
	if (used == 0 || c->up.shut || !spend(c, used))
		return;
	if (tls_write(k->tls, p, used) < 0 ||
	    tls_drain(k->tls, &c->up.out) < 0)
		fail(c, 502, "the upstream takes no more");
}

void
carry_ready_in(struct conn *c, uint32_t events)
{
	ssize_t n;

	if ((events & EPOLLOUT) && through_flush(&c->in) < 0) {
		conn_close(c);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		n = recv(c->in.s.fd, chunk, sizeof(chunk), 0);
		/* It has gone: what it asked for costs no more. */
		if (n == 0 || (n == -1 && errno != EAGAIN &&
		    errno != EINTR)) {
			conn_close(c);
			return;
		}
		if (n > 0)
			send_body(c, chunk, (size_t)n);
	}
	settle(c);
}

/* --- the answer ---------------------------------------------------------- */

/* Bytes of it, up to its body as many heads as there are. */
static int
read_answer(struct conn *c, const char *p, size_t n)
{
	struct carry *k = c->carry;
	size_t end;
	int r;

	if (k->answered)
		return buf_add(&c->in.out, p, n);
	if (buf_add(&k->head, p, n) < 0)
		return -EPROTO;
	while (!k->answered) {
		if (head_find_end(&k->scan, buf_head(&k->head),
		    buf_left(&k->head), &end) == HEAD_MORE)
			return 0;
		r = head_answer(buf_head(&k->head), end, k->up, &c->in.out);
		if (r == HEAD_BAD)
			return -EPROTO;
		buf_consume(&k->head, end);
		k->scan = (struct head_scan){ 0 };
		k->answered = r == 0;
	}
	r = buf_add(&c->in.out, buf_head(&k->head), buf_left(&k->head));
	buf_fini(&k->head);
	return r;
}

static void
read_plain(struct conn *c)
{
	ssize_t n;

	while ((n = tls_read(c->carry->tls, plain, sizeof(plain))) > 0) {
		if (!spend(c, (size_t)n))
			return;
		if (read_answer(c, plain, (size_t)n) < 0) {
			fail(c, 502, "the upstream's answer is malformed");
			return;
		}
	}
	if (n == 0)
		c->up.eof = true;
	else if (n != -EAGAIN)
		fail(c, 502, "the upstream's TLS is broken");
	/* It may have something of its own to say. */
	else if (tls_drain(c->carry->tls, &c->up.out) < 0)
		fail(c, 502, "the upstream takes no more");
}

/* --- both ---------------------------------------------------------------- */

static void
say_request(struct conn *c)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct carry *k = c->carry;

	conn_enter(c, CONN_CARRY);
	k->whole = !k->chunked && k->body == 0;
	if (tls_write(k->tls, buf_head(&c->first), buf_left(&c->first)) < 0 ||
	    tls_drain(k->tls, &c->up.out) < 0) {
		fail(c, 502, "the upstream takes no request");
		return;
	}
	/* With a key in it. */
	explicit_bzero(c->first.data, c->first.cap);
	buf_fini(&c->first);
	if (k->expects && !k->whole)
		(void)buf_adds(&c->in.out, go_on);
	/* What came behind the head. */
	send_body(c, buf_head(&c->read), buf_left(&c->read));
	if (c->at != NULL)
		buf_fini(&c->read);
}

static void
shake(struct conn *c)
{
	const char *why = "";
	int r = tls_shake(c->carry->tls, &why);

	if (tls_drain(c->carry->tls, &c->up.out) < 0)
		r = -EMSGSIZE;
	if (r == 0)
		say_request(c);
	else if (r < 0)
		conn_untrusted(c, why);
}

void
carry_begin(struct conn *c)
{
	struct carry *k = c->carry;
	struct tls_roots *roots;
	const char *why = "";
	int one = 1;

	conn_enter(c, CONN_SHAKE);
	roots = keys_roots(k->up, &why);
	k->tls = roots != NULL ? tls_new(roots, &k->up->host) : NULL;
	if (k->tls == NULL) {
		conn_refuse(c, 502, why);
		return;
	}
	/* Events of a model are small, and wanted at once. */
	(void)setsockopt(c->in.s.fd, IPPROTO_TCP, TCP_NODELAY, &one,
	    sizeof(one));
	shake(c);
	settle(c);
}

/* What goes up is lost: what comes down may still say why. */
static void
flush_up(struct conn *c)
{
	if (c->up.shut || through_flush(&c->up) == 0)
		return;
	c->up.shut = true;
	buf_clear(&c->up.out);
}

void
carry_ready_up(struct conn *c, uint32_t events)
{
	ssize_t n = 0;

	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
		n = recv(c->up.s.fd, chunk, sizeof(chunk), 0);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
			c->up.eof = true;
		if (n > 0 && tls_feed(c->carry->tls, chunk, (size_t)n) < 0)
			c->up.eof = true;
	}
	if (n > 0 && c->state == CONN_SHAKE)
		shake(c);
	if (n > 0 && c->at != NULL && c->state == CONN_CARRY)
		read_plain(c);
	settle(c);
}

/* The upstream has said everything. */
static void
finish(struct conn *c)
{
	if (!c->carry->answered) {
		fail(c, 502, c->state == CONN_SHAKE ?
		    "the upstream ended the handshake" :
		    "the upstream ended without an answer");
		return;
	}
	/* As one that was refused: it hears the end and hangs up. */
	conn_enter(c, CONN_REFUSED);
	through_say(c);
}

/* Events of both sides, after whatever happened. */
static void
settle(struct conn *c)
{
	bool up_waits, in_waits;

	if (c->at == NULL || (c->state != CONN_SHAKE &&
	    c->state != CONN_CARRY))
		return;
	flush_up(c);
	if (through_flush(&c->in) < 0) {
		conn_close(c);
		return;
	}
	up_waits = buf_left(&c->up.out) != 0;
	in_waits = buf_left(&c->in.out) != 0;
	if (c->up.eof && !in_waits) {
		finish(c);
		return;
	}
	/* One side is read while the other takes it. */
	through_watch(c, &c->in, (c->state == CONN_CARRY && !up_waits ?
	    (uint32_t)EPOLLIN : 0) | (in_waits ? (uint32_t)EPOLLOUT : 0));
	if (c->at != NULL)
		through_watch(c, &c->up, (!in_waits && !c->up.eof ?
		    (uint32_t)EPOLLIN : 0) |
		    (up_waits ? (uint32_t)EPOLLOUT : 0));
}
