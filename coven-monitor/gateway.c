#include <errno.h>
#include <signal.h>
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/grant.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/session.h"
#include "coven-monitor/spare.h"
#include "sandbox/role.h"

#define STABLE_NS	10000000000	/* a life that resets the backoff */

void
gateway_policy(struct monitor *m, const struct harness_entry *e,
    const char *root, struct net_policy *p)
{
	struct net_who who = { .harness = e->row.id,
	    .builtin = e->row.builtin != 0, .project = root };

	*p = (struct net_policy){ 0 };
	net_policy_collect(p, &m->conf, &who);
}

bool
gateway_rules(struct monitor *m, const struct harness_entry *e,
    const char *root, struct buf *rules)
{
	struct net_policy p;
	bool reaches;

	gateway_policy(m, e, root, &p);
	reaches = net_policy_reaches(&p);
	if (rules != NULL && net_policy_encode(&p, rules) < 0)
		fatal("encode a session's rules");
	net_policy_fini(&p);
	return reaches;
}

/* --- starting the two ---------------------------------------------------- */

static void	watch(struct pair *);
static void	start_resolver(struct timer *);

static const char *
id_of(const struct pair *p)
{
	return p->session != NULL ? p->session->id : "";
}

static int64_t
backoff_ms(const struct child *c, unsigned *fails)
{
	if (loop_now_ns() - c->started_ns > STABLE_NS)
		*fails = 0;
	if (*fails >= 8)
		return LIMIT_RESTART_LAST_MS;
	return (int64_t)LIMIT_RESTART_FIRST_MS << (*fails)++;
}

static int
serve(struct pair *p)
{
	const struct conf *conf = &p->monitor->conf;
	struct chan *c = &p->way.gateway.control;
	uint64_t most = (uint64_t)conf->net_mib << 20;
	struct msg_gateway_rules rules = { .max_conns = conf->net_conns,
	    .rate = conf->net_rate, .limited = conf->net_mib != 0,
	    .left = p->way.used < most ? most - p->way.used : 0 };
	struct msg_gateway_serve go = { 0 };
	int r = chan_send(c, MSG_GATEWAY_RULES, &rules, p->way.rules);

	if (r == 0)
		r = granting_tell(p->way.granting, c);
	granting_drop(&p->way.granting);
	return r < 0 ? r : chan_send(c, MSG_GATEWAY_SERVE, &go,
	    p->way.listener.fd);
}

/*
 * Both are there: they get each other, and the gateway its work.  One that
 * serves already has lost its resolver and gets the next one.
 */
static void
serve_when_ready(struct pair *p)
{
	struct child *gateway = &p->way.gateway;
	int r;

	if (!gateway->ready || !p->way.resolver.ready ||
	    (gateway->control.state == CS_READY &&
	    !granting_done(p->way.granting)))
		return;
	r = monitor_join(gateway, &p->way.resolver, id_of(p));
	if (r == 0 && gateway->control.state == CS_READY)
		r = serve(p);
	if (r < 0)
		child_kill(gateway);
}

static void
on_ready(struct child *c)
{
	serve_when_ready(c->pair);
}

/* Whose end that was: a session waits for everything that was its own. */
static void
tell_end(struct child *c)
{
	struct pair *p = c->pair;

	if (p->session != NULL)
		session_gateway_ended(p->session);
	else
		spare_ended(p, c);
}

static void
on_again(struct timer *t)
{
	watch(t->ctx);
}

static void
on_gateway_exit(struct child *c)
{
	struct pair *p = c->pair;
	struct gateway *g = &p->way;

	granting_drop(&g->granting);
	if (child_alive(&g->resolver)) {
		g->resolver.expected = true;
		child_kill(&g->resolver);
	}
	if (g->ended) {
		tell_end(c);
		return;
	}
	g->gateway_again = (struct timer){ .cb = on_again, .ctx = p };
	/* Quiet for a while is no failure. */
	timer_start(c->monitor->loop, &g->gateway_again,
	    c->code == CLD_EXITED && c->status == 0 ? 0 :
	    backoff_ms(c, &g->gateway_fails));
}

static void
on_resolver_exit(struct child *c)
{
	struct pair *p = c->pair;
	struct gateway *g = &p->way;

	if (g->ended) {
		tell_end(c);
	} else if (child_alive(&g->gateway)) {
		g->resolver_again = (struct timer){ .cb = start_resolver,
		    .ctx = p };
		timer_start(c->monitor->loop, &g->resolver_again,
		    backoff_ms(c, &g->resolver_fails));
	}
}

static const struct child_ops gateway_ops = {
	.handlers = on_gateway_handlers,
	.on_ready = on_ready,
	.on_exit = on_gateway_exit,
};

static const struct child_ops resolver_ops = {
	.handlers = on_resolver_handlers,
	.on_ready = on_ready,
	.on_exit = on_resolver_exit,
};

static int
start(struct pair *p, struct child *c, enum role role,
    const struct child_ops *ops)
{
	struct monitor *m = p->monitor;
	struct uids_role id = uids_role(&m->uids, role);
	struct child_start st = { .arg = { ROLE_SESSION, id_of(p) },
	    .extra = -1, .uid = id.uid, .gid = id.gid };

	return child_spawn(c, m, role, ops, &st);
}

static void
start_resolver(struct timer *t)
{
	struct pair *p = t->ctx;

	if (p->way.ended || !child_alive(&p->way.gateway) ||
	    child_alive(&p->way.resolver))
		return;
	if (start(p, &p->way.resolver, ROLE_RESOLVER, &resolver_ops) < 0)
		child_kill(&p->way.gateway);
}

/*
 * The session's own doing, or its gateway's: both hold it too, and either can
 * end it.  Then that session has no way out any more.
 */
static bool
is_over(struct pair *p)
{
	struct gateway *g = &p->way;

	if (chan_fd_is(g->listener.fd, FD_TCP_LISTENER))
		return false;
	log_warn("session %s: its way out was ended from inside", id_of(p));
	mem_close(&g->listener.fd);
	return true;
}

/* The first that connects: whoever it is waits in the backlog meanwhile. */
static void
on_listener(struct source *s, uint32_t events)
{
	struct pair *p = s->ctx;
	struct gateway *g = &p->way;
	int r;

	(void)events;
	loop_del(p->monitor->loop, s);
	if (is_over(p))
		return;
	/* An earlier one's resolver is on its way out. */
	if (child_alive(&g->resolver)) {
		timer_start(p->monitor->loop, &g->gateway_again,
		    LIMIT_RESTART_FIRST_MS);
		return;
	}
	granting_drop(&g->granting);
	g->granting = granting_start(p, g->rules, serve_when_ready);
	r = start(p, &g->gateway, ROLE_GATEWAY, &gateway_ops);
	if (r == 0)
		r = start(p, &g->resolver, ROLE_RESOLVER, &resolver_ops);
	if (r == 0)
		return;
	if (log_allowed(&p->monitor->limit, "gateway"))
		log_error("session %s: start its gateway: %s", id_of(p),
		    strerror(-r));
	if (child_alive(&g->gateway)) {
		child_kill(&g->gateway);
		return;
	}
	g->gateway_again = (struct timer){ .cb = on_again, .ctx = p };
	timer_start(p->monitor->loop, &g->gateway_again,
	    LIMIT_RESTART_LAST_MS);
}

static void
watch(struct pair *p)
{
	struct gateway *g = &p->way;

	if (g->armed && !g->ended && g->listener.fd != -1 &&
	    !g->listener.armed && !child_alive(&g->gateway) &&
	    loop_add(p->monitor->loop, &g->listener, EPOLLIN) < 0)
		log_error("session %s: watch its way out", id_of(p));
}

/* --- its life ------------------------------------------------------------ */

void
gateway_init(struct pair *p)
{
	struct gateway *g = &p->way;

	g->listener = (struct source){ .fd = -1, .cb = on_listener,
	    .ctx = p };
	g->gateway_again = (struct timer){ .cb = on_again, .ctx = p };
	g->rules = -1;
	g->gateway.pidfd.fd = g->resolver.pidfd.fd = -1;
	g->gateway.pair = g->resolver.pair = p;
}

int
gateway_take(struct pair *p, int *fd)
{
	if (!p->network || p->way.listener.fd != -1)
		return -EPROTO;
	p->way.listener.fd = mem_steal_fd(fd);
	return 0;
}

void
gateway_arm(struct pair *p, const struct buf *rules)
{
	struct gateway *g = &p->way;

	if (!p->network || g->armed || g->ended)
		return;
	g->rules = memfd_make("rules", buf_head(rules), buf_left(rules));
	if (g->rules < 0) {
		log_error("session %s: keep its rules: %s", id_of(p),
		    strerror(-g->rules));
		g->rules = -1;
		return;
	}
	g->armed = true;
	watch(p);
}

void
gateway_end(struct pair *p)
{
	struct gateway *g = &p->way;
	struct loop *l = p->monitor->loop;

	g->ended = true;
	granting_drop(&g->granting);
	timer_stop(l, &g->gateway_again);
	timer_stop(l, &g->resolver_again);
	if (g->listener.armed)
		loop_del(l, &g->listener);
	mem_close(&g->listener.fd);
	mem_close(&g->rules);
	g->gateway.expected = g->resolver.expected = true;
	child_kill(&g->gateway);
	child_kill(&g->resolver);
	if (g->unsaid != 0)
		note(p->monitor, AUDIT_NET_MORE, p->session != NULL ?
		    p->session->id : NULL, "%u decisions", g->unsaid);
	g->unsaid = 0;
}

bool
gateway_dead(const struct pair *p)
{
	return !child_alive(&p->way.gateway) &&
	    !child_alive(&p->way.resolver);
}

/* --- what the gateway says ----------------------------------------------- */

/* Its sender may be the attacker: what goes on record is bounded here too. */
static bool
may_note(struct pair *p, unsigned unsaid)
{
	struct gateway *g = &p->way;
	int64_t now = loop_now_ns();

	g->unsaid += unsaid < UINT32_MAX / 2 - g->unsaid ? unsaid : 0;
	if (now - g->noted_ns > (int64_t)LIMIT_GATEWAY_NOTES_MS * 1000000) {
		g->noted_ns = now;
		g->noted = 0;
		if (g->unsaid != 0)
			note(p->monitor, AUDIT_NET_MORE, p->session->id,
			    "%u decisions", g->unsaid);
		g->unsaid = 0;
	}
	if (g->noted++ < LIMIT_GATEWAY_NOTES)
		return true;
	g->unsaid++;
	return false;
}

/* What it said of a name came from inside: one line, printable. */
static const char *
quoted(const char *text, char *out, size_t len)
{
	size_t i;

	for (i = 0; text[i] != '\0' && i + 1 < len; i++)
		out[i] = text[i] > 0x20 && text[i] < 0x7f ? text[i] :
		    text[i] == ' ' ? ' ' : '?';
	out[i] = '\0';
	return out;
}

static int
on_gateway_note(struct chan *ch, const union msg_any *msg, int *fd)
{
	const struct msg_gateway_note *m = &msg->gateway_note;
	char host[256], rule[320], from[192], why[160], what[256], grant[80];
	struct child *c = ch->ctx;
	struct pair *p = c->pair;

	(void)fd;
	if (m->port > UINT16_MAX || m->allow > 1)
		return chan_blame(ch, "GATEWAY_NOTE of port %u", m->port);
	if (p->session == NULL || !may_note(p, m->unsaid))
		return 0;
	note(c->monitor, !m->allow ? AUDIT_NET_DENY : *m->grant != '\0' ?
	    AUDIT_NET_GRANT : AUDIT_NET_ALLOW, p->session->id,
	    "%s:%u%s%s%s%s: %s%s%s%s%s%s",
	    quoted(m->host, host, sizeof(host)), m->port,
	    *m->what != '\0' ? " " : "", quoted(m->what, what, sizeof(what)),
	    *m->grant != '\0' ? " with the key of grant." : "",
	    quoted(m->grant, grant, sizeof(grant)),
	    quoted(m->why, why, sizeof(why)),
	    *m->rule != '\0' || *m->from != '\0' ? ", by " : "",
	    quoted(m->rule, rule, sizeof(rule)), *m->from != '\0' ? " (" : "",
	    quoted(m->from, from, sizeof(from)), *m->from != '\0' ? ")" : "");
	return 0;
}

static int
on_gateway_used(struct chan *ch, const union msg_any *msg, int *fd)
{
	uint64_t n = msg->gateway_used.bytes;
	struct child *c = ch->ctx;
	uint64_t *used = &c->pair->way.used;

	(void)fd;
	*used = n < UINT64_MAX - *used ? *used + n : UINT64_MAX;
	return 0;
}

chan_handler *const on_gateway_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
	[MSG_GATEWAY_NOTE] = on_gateway_note,
	[MSG_GATEWAY_USED] = on_gateway_used,
};

chan_handler *const on_resolver_handlers[MSG__COUNT] = {
	[MSG_HELLO] = child_on_hello,
};
