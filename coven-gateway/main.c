/* coven-gateway: see gateway.h. */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-gateway/conn.h"
#include "coven-gateway/keys.h"
#include "sandbox/role.h"

#define ACCEPTS	32	/* a turn */

/* --- clients ------------------------------------------------------------- */

static bool
too_fast(struct gateway *g)
{
	int64_t now = loop_now_ns();

	if (now - g->window_ns >= 1000000000) {
		g->window_ns = now;
		g->started = 0;
	}
	return ++g->started > g->rate;
}

/* One that is too many hears nothing but its end. */
static void
take(struct gateway *g, int fd)
{
	struct net_verdict v = { .rule = "", .why = "too many at once",
	    .from = "network.max_connections" };
	autoclose int client = fd;

	if (g->nconns >= g->max_conns) {
		gateway_note(g, "", 0, &v);
	} else if (too_fast(g)) {
		v.from = "network.connections_per_s";
		v.why = "too many a second";
		gateway_note(g, "", 0, &v);
	} else if (g->left == 0) {
		v.from = "network.max_mib";
		v.why = "the session's bytes are used up";
		gateway_note(g, "", 0, &v);
	} else {
		conn_new(g, &client);
	}
}

static void
on_listener(struct source *s, uint32_t events)
{
	struct gateway *g = s->ctx;
	int i, fd;

	(void)events;
	for (i = 0; i < ACCEPTS; i++) {
		fd = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1)
			break;
		take(g, fd);
	}
}

/* A session that is quiet needs no gateway: the next connection starts one. */
static void
on_idle(struct timer *t)
{
	struct gateway *g = t->ctx;

	gateway_report(g);
	loop_quit(g->loop, 0);
}

void
gateway_idle(struct gateway *g)
{
	timer_start(g->loop, &g->idle, LIMIT_GATEWAY_IDLE_MS);
}

static void
on_batch(void *ctx)
{
	conn_reap(ctx);
}

/* --- the resolver -------------------------------------------------------- */

static int
on_resolved(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_resolved *m = &msg->resolved;
	struct net_addr addrs[CONN_ADDRS];
	const uint8_t *p = m->addrs.p;
	size_t n = m->addrs.len / sizeof(addrs[0]), i;

	(void)fd;
	if (m->addrs.len % sizeof(addrs[0]) != 0 || n > nitems(addrs))
		return chan_blame(ch, "RESOLVED with %zu bytes",
		    m->addrs.len);
	memcpy(addrs, p, m->addrs.len);
	for (i = 0; i < n; i++)
		if (addrs[i].len != 4 && addrs[i].len != 16)
			return chan_blame(ch, "RESOLVED: an address of %u "
			    "bytes", addrs[i].len);
	conn_resolved(ch->ctx, m->tag, addrs, n, m->code == 0 ?
	    "the name has no address" : "the name cannot be resolved");
	return 0;
}

static chan_handler *const resolver_handlers[MSG__COUNT] = {
	[MSG_RESOLVED] = on_resolved,
};

static void
on_resolver_end(struct chan *ch, int why)
{
	if (why == CHAN_BAD)
		log_error("hear the resolver: %s", ch->blame);
	chan_close(ch);
	conn_unresolved(ch->ctx);
}

/* --- the monitor --------------------------------------------------------- */

static int
on_peer(struct chan *c, const union msg_any *msg, int *fd)
{
	struct gateway *g = c->ctx;
	int r;

	if (msg->peer.role != ROLE_RESOLVER)
		return chan_blame(c, "PEER of role %u", msg->peer.role);
	role_title(msg->peer.session);
	if (chan_is_open(&g->resolver))
		on_resolver_end(&g->resolver, CHAN_EOF);
	r = chan_open(&g->resolver, g->loop, fd, ROLE_GATEWAY, ROLE_RESOLVER,
	    CS_SERVING, resolver_handlers, g, on_resolver_end);
	return r < 0 ? chan_blame(c, "PEER: %s", strerror(-r)) : 0;
}

static int
on_rules(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_gateway_rules *m = &msg->gateway_rules;
	autobuf struct buf b = { .max = LIMIT_BULK };
	struct gateway *g = c->ctx;
	int r = memfd_read(*fd, LIMIT_BULK, &b);

	if (r == 0)
		r = net_policy_decode(&g->policy, buf_head(&b),
		    buf_left(&b));
	if (r < 0)
		return chan_blame(c, "GATEWAY_RULES: %s", strerror(-r));
	g->max_conns = m->max_conns;
	g->rate = m->rate;
	g->left = m->limited ? m->left : UINT64_MAX;
	return 0;
}

static int
on_grant(struct chan *c, const union msg_any *msg, int *fd)
{
	autobuf struct buf b = { .max = LIMIT_GRANT_KEY };
	int r = memfd_read(*fd, LIMIT_GRANT_KEY, &b);

	if (r == 0)
		r = keys_add(msg->gateway_grant.name, &b);
	return r < 0 ? chan_blame(c, "GATEWAY_GRANT: %s", strerror(-r)) : 0;
}

static int
on_roots(struct chan *c, const union msg_any *msg, int *fd)
{
	autobuf struct buf b = { .max = LIMIT_ROOTS };
	int r = memfd_read(*fd, LIMIT_ROOTS, &b);

	if (r == 0)
		r = keys_add_roots(msg->gateway_roots.upstream, &b);
	return r < 0 ? chan_blame(c, "GATEWAY_ROOTS: %s", strerror(-r)) : 0;
}

static int
on_serve(struct chan *c, const union msg_any *msg, int *fd)
{
	struct gateway *g = c->ctx;

	(void)msg;
	g->listener = (struct source){ .fd = mem_steal_fd(fd),
	    .cb = on_listener, .ctx = g };
	g->idle = (struct timer){ .cb = on_idle, .ctx = g };
	gateway_idle(g);
	if (loop_add(g->loop, &g->listener, EPOLLIN) < 0)
		return chan_blame(c, "GATEWAY_SERVE: it cannot be watched");
	return 0;
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct gateway *g = c->ctx;

	(void)msg;
	(void)fd;
	loop_quit(g->loop, 0);
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_GATEWAY_RULES] = on_rules,
	[MSG_GATEWAY_GRANT] = on_grant,
	[MSG_GATEWAY_ROOTS] = on_roots,
	[MSG_GATEWAY_SERVE] = on_serve,
	[MSG_SHUTDOWN] = on_shutdown,
};

int
main(int argc, char **argv)
{
	static struct gateway g;

	role_options(argc, argv);
	log_init(NULL, LOG_LEVEL_INFO);
	g.loop = loop_new();
	g.resolver.source.fd = -1;
	loop_on_batch(g.loop, on_batch, &g);
	/* In the host's network, and before there is no more making one. */
	g.route = local_open();
	if (g.route < 0)
		fatal("ask for routes: %s", strerror(-g.route));
	keys_open_roots();
	role_start(ROLE_GATEWAY, g.loop, &g.control, handlers, &g);
	return loop_run(g.loop);
}
