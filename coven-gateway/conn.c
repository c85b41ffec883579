#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-gateway/carry.h"
#include "coven-gateway/service.h"
#include "coven-gateway/through.h"

#define HEAD_READ	4096

static void	on_client(struct source *, uint32_t);
static void	on_upstream(struct source *, uint32_t);
static void	on_deadline(struct timer *);
static void	try_next(struct conn *);

/* What may follow what. */
static const unsigned edges[CONN_STATES] = {
	[CONN_HEAD] = 1u << CONN_LOOKUP | 1u << CONN_CONNECT |
	    1u << CONN_REFUSED,
	[CONN_LOOKUP] = 1u << CONN_CONNECT | 1u << CONN_REFUSED,
	[CONN_CONNECT] = 1u << CONN_HELLO | 1u << CONN_THROUGH |
	    1u << CONN_SHAKE | 1u << CONN_REFUSED,
	[CONN_SHAKE] = 1u << CONN_CARRY | 1u << CONN_REFUSED,
	[CONN_CARRY] = 1u << CONN_REFUSED,
	[CONN_HELLO] = 1u << CONN_THROUGH | 1u << CONN_REFUSED,
};

/* How long each may last; 0: as long as it likes. */
static const int64_t deadlines[CONN_STATES] = {
	[CONN_HEAD] = LIMIT_GATEWAY_HEAD_MS,
	[CONN_LOOKUP] = LIMIT_GATEWAY_LOOKUP_MS,
	[CONN_CONNECT] = LIMIT_GATEWAY_CONNECT_MS,
	[CONN_HELLO] = LIMIT_GATEWAY_HEAD_MS,
	[CONN_SHAKE] = LIMIT_GATEWAY_HEAD_MS,
	[CONN_REFUSED] = LIMIT_GATEWAY_LINGER_MS,
};

void
conn_enter(struct conn *c, enum conn_state to)
{
	if (!(edges[c->state] & (1u << to)))
		fatal("connection: state %d cannot become %d", (int)c->state,
		    (int)to);
	c->state = to;
	timer_stop(c->gw->loop, &c->deadline);
	if (deadlines[to] != 0)
		timer_start(c->gw->loop, &c->deadline, deadlines[to]);
}

/* --- beginning and end --------------------------------------------------- */

/* What one side sent goes on at once: it has waited for its own reasons. */
static void
no_delay(int fd)
{
	int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

void
conn_new(struct gateway *g, int *fd)
{
	struct conn *c = mem_zalloc(1, sizeof(*c));

	no_delay(*fd);
	c->gw = g;
	c->in.s = (struct source){ .fd = mem_steal_fd(fd), .cb = on_client,
	    .ctx = c };
	c->up.s = (struct source){ .fd = -1, .cb = on_upstream, .ctx = c };
	buf_init(&c->read, LIMIT_GATEWAY_HELLO + HEAD_READ);
	/* A greeting in records of one byte each. */
	buf_init(&c->first, 6 * LIMIT_GATEWAY_HELLO + HEAD_READ);
	hello_init(&c->hello);
	c->deadline = (struct timer){ .cb = on_deadline, .ctx = c };
	timer_start(g->loop, &c->deadline, deadlines[CONN_HEAD]);
	c->next = g->conns;
	if (c->next != NULL)
		c->next->at = &c->next;
	c->at = &g->conns;
	g->conns = c;
	g->nconns++;
	timer_stop(g->loop, &g->idle);
	if (loop_add(g->loop, &c->in.s, EPOLLIN) < 0)
		conn_close(c);
}

static void
side_close(struct gateway *g, struct side *s)
{
	if (s->s.armed)
		loop_del(g->loop, &s->s);
	mem_close(&s->s.fd);
}

void
conn_close(struct conn *c)
{
	struct gateway *g = c->gw;

	if (c->at == NULL)
		return;
	*c->at = c->next;
	if (c->next != NULL)
		c->next->at = c->at;
	c->at = NULL;
	timer_stop(g->loop, &c->deadline);
	side_close(g, &c->in);
	side_close(g, &c->up);
	c->next = g->closed;
	g->closed = c;
	if (--g->nconns == 0)
		gateway_idle(g);
}

void
conn_reap(struct gateway *g)
{
	struct conn *c;

	while ((c = g->closed) != NULL) {
		g->closed = c->next;
		buf_fini(&c->in.out);
		buf_fini(&c->up.out);
		buf_fini(&c->read);
		buf_fini(&c->first);
		hello_fini(&c->hello);
		carry_free(c->carry);
		free(c);
	}
}

/* --- saying no ----------------------------------------------------------- */

static const char *
reason(int status)
{
	static const struct {
		int		 status;
		const char	*text;
	} rows[] = {
		{ 400, "Bad Request" }, { 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 421, "Misdirected Request" }, { 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 502, "Bad Gateway" }, { 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
	};
	size_t i;

	for (i = 0; i < nitems(rows); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Error";
}

void
conn_refuse(struct conn *c, int status, const char *why)
{
	conn_enter(c, CONN_REFUSED);
	side_close(c->gw, &c->up);
	(void)buf_addf(&c->in.out, "HTTP/1.1 %d %s\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n"
	    "coven-gateway: %s\n", status, reason(status),
	    strlen("coven-gateway: \n") + strlen(why), why);
	through_say(c);
}

static const char *
host_text(const struct conn *c, char out[NET_ADDR_TEXT])
{
	if (!c->host.literal)
		return c->host.name;
	net_addr_text(&c->host.addr, out);
	return out;
}

/* A verdict is on record, whichever it is; false: it said no. */
static bool
decide(struct conn *c, const struct net_verdict *v)
{
	char text[NET_ADDR_TEXT], why[512];
	struct net_use use = { "", "" };

	if (c->carry != NULL)
		use = (struct net_use){ c->carry->what, c->carry->grant };
	gateway_note_use(c->gw, host_text(c, text), c->port, v, &use);
	if (v->allow)
		return true;
	if (c->state == CONN_HELLO) {
		/* A client of TLS understands no HTTP any more. */
		(void)buf_add(&c->in.out, "\x15\x03\x03\0\2\2\x70", 7);
		conn_enter(c, CONN_REFUSED);
		side_close(c->gw, &c->up);
		through_say(c);
		return false;
	}
	(void)snprintf(why, sizeof(why), "%s:%u: %s%s%s%s", host_text(c,
	    text), c->port, v->why, *v->rule != '\0' ? " (" : "", v->rule,
	    *v->rule != '\0' ? ")" : "");
	conn_refuse(c, 403, why);
	return false;
}

static void
on_deadline(struct timer *t)
{
	struct conn *c = t->ctx;

	if (c->state == CONN_LOOKUP)
		conn_refuse(c, 504, "the name was not resolved in time");
	else if (c->state == CONN_CONNECT)
		try_next(c);
	else if (c->state == CONN_SHAKE)
		conn_refuse(c, 504, "the upstream's handshake takes too long");
	else
		conn_close(c);
}

/* --- lookup and connect -------------------------------------------------- */

/* Those of the addresses that may be connected to, in their order. */
static void
vet(struct conn *c, const struct net_addr *a, size_t n)
{
	struct net_verdict v, first = { 0 };
	size_t i;

	for (i = 0; i < n && c->naddrs < CONN_ADDRS; i++) {
		v = net_policy_addr(&c->gw->policy, &a[i], c->port,
		    local_is(c->gw->route, &a[i]));
		if (v.allow)
			c->addr[c->naddrs++] = a[i];
		else if (first.why == NULL)
			first = v;
	}
	if (c->naddrs == 0) {
		(void)decide(c, &first);
		return;
	}
	if (!decide(c, &c->verdict))
		return;
	conn_enter(c, CONN_CONNECT);
	try_next(c);
}

void
conn_begin(struct conn *c, const struct net_host *host, uint16_t port,
    bool tunnel)
{
	struct net_verdict v = net_policy_host(&c->gw->policy, host, port,
	    !tunnel);

	c->tunnel = tunnel;
	conn_begin_judged(c, host, port, &v);
}

void
conn_untrusted(struct conn *c, const char *why)
{
	struct net_verdict v = { .rule = c->verdict.rule,
	    .from = c->verdict.from, .why = why };
	char text[NET_ADDR_TEXT];

	gateway_note_use(c->gw, host_text(c, text), c->port, &v,
	    &(struct net_use){ c->carry->what, "" });
	conn_refuse(c, 502, why);
}

void
conn_begin_judged(struct conn *c, const struct net_host *host, uint16_t port,
    const struct net_verdict *verdict)
{
	struct msg_resolve ask = { .name = host->name };

	c->host = *host;
	c->port = port;
	c->verdict = *verdict;
	if (!c->verdict.allow) {
		(void)decide(c, &c->verdict);
		return;
	}
	if (host->literal) {
		vet(c, &host->addr, 1);
		return;
	}
	ask.tag = c->tag = ++c->gw->serial;
	if (!chan_is_open(&c->gw->resolver) ||
	    chan_send(&c->gw->resolver, MSG_RESOLVE, &ask, -1) < 0) {
		conn_refuse(c, 502, "nobody is there to resolve names");
		return;
	}
	conn_enter(c, CONN_LOOKUP);
}

void
conn_resolved(struct gateway *g, uint64_t tag, const struct net_addr *a,
    size_t n, const char *why)
{
	struct conn *c;

	for (c = g->conns; c != NULL; c = c->next)
		if (c->state == CONN_LOOKUP && c->tag == tag)
			break;
	if (c == NULL)
		return;		/* its client has gone */
	if (n == 0)
		conn_refuse(c, 502, why);
	else
		vet(c, a, n);
}

void
conn_unresolved(struct gateway *g)
{
	struct conn *c, *next;

	for (c = g->conns; c != NULL; c = next) {
		next = c->next;
		if (c->state == CONN_LOOKUP)
			conn_refuse(c, 502, "the resolver has ended");
	}
}

/* 0 when it is under way, or -errno. */
static int
connect_to(struct conn *c, const struct net_addr *a)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
	    .sin6_port = htons(c->port) };
	struct sockaddr_in v4 = { .sin_family = AF_INET,
	    .sin_port = htons(c->port) };
	bool four = a->len == 4;

	memcpy(&v4.sin_addr, a->b, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, a->b, sizeof(v6.sin6_addr));
	c->up.s.fd = socket(four ? AF_INET : AF_INET6,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->up.s.fd == -1)
		return -errno;
	no_delay(c->up.s.fd);
	if (connect(c->up.s.fd, four ? (struct sockaddr *)&v4 :
	    (struct sockaddr *)&v6, four ? sizeof(v4) : sizeof(v6)) == -1 &&
	    errno != EINPROGRESS)
		return -errno;
	return loop_add(c->gw->loop, &c->up.s, EPOLLOUT);
}

/* The address that was judged is the one that is connected to. */
static void
try_next(struct conn *c)
{
	while (c->tried < c->naddrs) {
		side_close(c->gw, &c->up);
		if (connect_to(c, &c->addr[c->tried++]) == 0) {
			timer_stop(c->gw->loop, &c->deadline);
			timer_start(c->gw->loop, &c->deadline,
			    LIMIT_GATEWAY_CONNECT_MS);
			return;
		}
	}
	conn_refuse(c, 502, "the host cannot be connected to");
}

static void	read_hello(struct conn *);

static void
connected(struct conn *c)
{
	static const char yes[] = "HTTP/1.1 200 Connection established\r\n\r\n";

	if (c->carry != NULL) {
		carry_begin(c);
		return;
	}
	if (!c->tunnel) {
		conn_enter(c, CONN_THROUGH);
		through_begin(c);
		return;
	}
	conn_enter(c, CONN_HELLO);
	(void)buf_adds(&c->in.out, yes);
	loop_del(c->gw->loop, &c->up.s);
	through_say(c);
	/* What came with the request is of the stream already. */
	if (c->at != NULL && buf_left(&c->read) != 0)
		read_hello(c);
}

static void
on_upstream(struct source *s, uint32_t events)
{
	struct conn *c = s->ctx;
	int error = 0;
	socklen_t len = sizeof(error);

	if (c->state == CONN_THROUGH) {
		through_ready(c, &c->up, &c->in, events);
		return;
	}
	if (c->state == CONN_SHAKE || c->state == CONN_CARRY)
		carry_ready_up(c, events);
	if (c->state != CONN_CONNECT)
		return;
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 ||
	    error != 0)
		try_next(c);
	else
		connected(c);
}

/* --- what the client says ------------------------------------------------ */

static struct net_verdict
no(const char *why)
{
	return (struct net_verdict){ .rule = "", .from = "", .why = why };
}

/* Is whom it greets whom it asked for? */
static struct net_verdict
judge_hello(const struct conn *c)
{
	const struct hello *h = &c->hello;

	if (h->hidden)
		return net_policy_ech(&c->gw->policy, h->name, c->port);
	/* An address has no name to greet. */
	if (c->host.literal)
		return h->name[0] == '\0' ? c->verdict :
		    no("it greets a host that it did not ask for");
	if (h->name[0] == '\0')
		return no("its greeting names no host");
	if (strcmp(h->name, c->host.name) != 0)
		return no("it greets a host that it did not ask for");
	return c->verdict;
}

/* Nothing goes upstream before this. */
static void
read_hello(struct conn *c)
{
	struct net_verdict v;
	const char *why;
	size_t n = buf_left(&c->read);
	int r = hello_feed(&c->hello, buf_head(&c->read), n, &why);

	if (buf_add(&c->first, buf_head(&c->read), n) < 0) {
		r = HELLO_BAD;
		why = "its greeting is cut too small";
	}
	buf_consume(&c->read, n);
	if (r == HELLO_MORE)
		return;
	v = r == 0 ? judge_hello(c) : no(why);
	if (r == 0 && c->hello.hidden && v.allow)
		gateway_note(c->gw, c->hello.name, c->port, &v);
	if (!v.allow) {
		(void)decide(c, &v);
		return;
	}
	conn_enter(c, CONN_THROUGH);
	through_begin(c);
}

static void
read_head(struct conn *c)
{
	struct request r;
	const char *why;
	size_t end;

	if (head_find_end(&c->scan, buf_head(&c->read), buf_left(&c->read),
	    &end) == HEAD_MORE) {
		if (buf_left(&c->read) >= LIMIT_HTTP_HEAD)
			conn_refuse(c, 431, "the head is too large");
		return;
	}
	/* The request dies with the call; what follows it stays. */
	loop_del(c->gw->loop, &c->in.s);
	if (request_parse(buf_head(&c->read), end, &r, &why) < 0)
		conn_refuse(c, 400, why);
	else
		service_begin(c, &r);
	buf_consume(&c->read, end);
}

static void
on_client(struct source *s, uint32_t events)
{
	struct conn *c = s->ctx;
	char *to;
	ssize_t n;

	if (c->state == CONN_SHAKE || c->state == CONN_CARRY) {
		carry_ready_in(c, events);
		return;
	}
	if (c->state == CONN_THROUGH || c->state == CONN_REFUSED ||
	    (events & EPOLLOUT)) {
		through_ready(c, &c->in, &c->up, events);
		return;
	}
	to = buf_reserve(&c->read, HEAD_READ);
	n = to != NULL ? recv(s->fd, to, HEAD_READ, 0) : 0;
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		conn_close(c);
		return;
	}
	buf_commit(&c->read, (size_t)n);
	if (c->state == CONN_HEAD)
		read_head(c);
	else if (c->state == CONN_HELLO)
		read_hello(c);
}
