/* The listener: who is let in, and who has to leave for it. */
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-apid/conn_impl.h"

static struct conn *
first_but(struct conn_list *list, const struct conn *spare)
{
	struct conn *c = TAILQ_FIRST(list);

	return c != NULL && c == spare ? TAILQ_NEXT(c, link) : c;
}

/* Waiting for its answer, or for more of it. */
static bool
is_patient(const struct conn *c)
{
	return c->state == CONN_WORK ||
	    (c->state == CONN_STREAM && !timer_running(&c->timer));
}

/*
 * Those still sending go first, the oldest first; then those that do not
 * take their answer.  One that waits for its answer stays.
 */
bool
server_shed(struct server *s, const struct conn *spare)
{
	struct conn *c = first_but(&s->reading, spare), *other;

	if (c == NULL) {
		TAILQ_FOREACH(other, &s->busy, link) {
			if (other == spare || is_patient(other))
				continue;
			c = other;
			break;
		}
	}
	if (c == NULL)
		return false;
	if (log_allowed(&s->shed_limit, "shed a connection"))
		log_warn("shed a connection: %u are open", s->live);
	conn_close(c);
	return true;
}

static void
server_pause(struct server *s, bool retry)
{
	if (loop_set(s->loop, &s->listener, 0) < 0)
		return;
	s->paused = true;
	if (retry)
		timer_start(s->loop, &s->retry, LIMIT_HTTP_ACCEPT_RETRY_MS);
}

void
server_resume(struct server *s)
{
	if (!s->paused || s->listener.fd < 0 || timer_running(&s->retry))
		return;
	s->paused = false;
	(void)loop_set(s->loop, &s->listener, EPOLLIN);
}

static void
on_retry(struct timer *t)
{
	server_resume(t->ctx);
}

static void
refuse_stranger(struct server *s, struct conn *c)
{
	struct ucred peer = { .uid = s->conf.overflow_uid };

	(void)conn_peer(c, &peer);
	if (log_allowed(&s->peer_limit, "refuse a peer"))
		log_warn("refuse a peer: it is not the owner");
	if (s->ops->on_refused != NULL)
		s->ops->on_refused(s->ctx, &peer);
	conn_refuse(c, 403, "forbidden", "only the owner may connect");
}

static void
accept_failed(struct server *s, int error)
{
	switch (error) {
	case EAGAIN:
	case EINTR:
	case ECONNABORTED:
		return;
	default:
		break;
	}
	if (log_allowed(&s->accept_limit, "accept"))
		log_warn("accept a connection: %s", strerror(error));
	if (!server_shed(s, NULL))
		server_pause(s, true);
}

/*
 * The oldest goes: whoever it is that holds many, one that has just come gets
 * its time to say who it is.
 */
void
server_keep_few(struct server *s, struct conn *newest)
{
	struct conn *c, *oldest = NULL;
	unsigned same = 0;

	TAILQ_FOREACH(c, &s->anon, anon_link) {
		if (c->uid != newest->uid)
			continue;
		if (same++ == 0)
			oldest = c;
	}
	if (same <= LIMIT_AUTH_UID)
		oldest = s->nanon > LIMIT_AUTH_ALL ? TAILQ_FIRST(&s->anon) :
		    NULL;
	if (oldest != NULL && oldest != newest)
		conn_close(oldest);
}

/* One a turn: a loaded listener is level-triggered, and others get theirs. */
static void
on_listener(struct source *source, uint32_t events)
{
	struct server *s = source->ctx;
	autoclose int fd = -1;
	struct conn *c;

	(void)events;
	if (s->nfree == 0 && !server_shed(s, NULL)) {
		server_pause(s, false);
		return;
	}
	fd = accept4(s->listener.fd, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1) {
		accept_failed(s, errno);
		return;
	}
	c = conn_new(s, &fd);
	if (conn_caller(c)->kind == CALLER_UNKNOWN)
		server_keep_few(s, c);
	if (conn_peer_is_owner(c)) {
		conn_read(c);
		return;
	}
	refuse_stranger(s, c);
}

struct server *
server_new(struct loop *loop, const struct server_conf *conf,
    const struct server_ops *ops, void *ctx)
{
	struct server *s = mem_zalloc(1, sizeof(*s));
	uint32_t i;

	s->loop = loop;
	s->conf = *conf;
	if (s->conf.request_ms == 0)
		s->conf.request_ms = LIMIT_HTTP_REQUEST_MS;
	if (s->conf.max_conns == 0)
		s->conf.max_conns = 1;
	if (s->conf.max_conns > LIMIT_HTTP_CONNS)
		s->conf.max_conns = LIMIT_HTTP_CONNS;
	s->ops = ops;
	s->ctx = ctx;
	s->listener = (struct source){ .fd = -1, .cb = on_listener,
	    .ctx = s };
	s->retry = (struct timer){ .cb = on_retry, .ctx = s };
	TAILQ_INIT(&s->reading);
	TAILQ_INIT(&s->busy);
	TAILQ_INIT(&s->anon);
	s->slots = mem_zalloc(s->conf.max_conns, sizeof(struct conn *));
	s->free_slots = mem_zalloc(s->conf.max_conns, sizeof(uint32_t));
	for (i = s->conf.max_conns; i-- > 0; )
		s->free_slots[s->nfree++] = i;
	return s;
}

int
server_listen(struct server *s, int *fd)
{
	s->listener.fd = mem_steal_fd(fd);
	return loop_add(s->loop, &s->listener, EPOLLIN);
}

void
server_stop(struct server *s)
{
	struct conn *c;

	if (s->listener.fd >= 0)
		loop_del(s->loop, &s->listener);
	mem_close(&s->listener.fd);
	timer_stop(s->loop, &s->retry);
	while ((c = TAILQ_FIRST(&s->reading)) != NULL)
		conn_close(c);
}

void
server_hold(struct server *s, size_t n)
{
	s->held += n;
	while (s->held > LIMIT_HTTP_HELD && server_shed(s, NULL))
		continue;
}

void
server_unhold(struct server *s, size_t n)
{
	s->held -= n;
}

unsigned
server_conns(const struct server *s)
{
	return s->live;
}

unsigned
server_max_conns(const struct server *s)
{
	return s->conf.max_conns;
}

void
server_free(struct server *s)
{
	struct conn *c;

	if (s == NULL)
		return;
	server_stop(s);
	while ((c = TAILQ_FIRST(&s->busy)) != NULL)
		conn_close(c);
	free(s->slots);
	free(s->free_slots);
	free(s);
}

struct conn *
server_find(struct server *s, uint64_t tag)
{
	uint32_t slot = (uint32_t)(tag & ((1u << SLOT_BITS) - 1));
	struct conn *c;

	if (slot >= s->conf.max_conns)
		return NULL;
	c = s->slots[slot];
	return c != NULL && c->tag == tag ? c : NULL;
}

void
server_each_waiting(struct server *s, void (*cb)(void *, struct conn *),
    void *ctx)
{
	uint32_t i;

	for (i = 0; i < s->conf.max_conns; i++)
		if (s->slots[i] != NULL && s->slots[i]->state == CONN_WORK)
			cb(ctx, s->slots[i]);
}

void
server_close_if(struct server *s, bool (*cb)(void *, const struct conn *),
    void *ctx)
{
	uint32_t i;

	for (i = 0; i < s->conf.max_conns; i++)
		if (s->slots[i] != NULL && cb(ctx, s->slots[i]))
			conn_close(s->slots[i]);
}
