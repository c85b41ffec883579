/*
 * coven-resolver: names in, addresses out.  It reads the host's hosts and
 * resolv.conf, speaks DNS, and knows nothing of who asks or why.
 */
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <netdb.h>
#include <nss.h>
#include <resolv.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "common/net_rule.h"
#include "sandbox/role.h"

#define ADDRS	16

struct resolver {
	struct loop	*loop;
	struct chan	 control, gateway;
};

static bool
take(const struct addrinfo *ai, struct net_addr *to)
{
	const struct sockaddr_in6 *v6 = (const void *)ai->ai_addr;
	const struct sockaddr_in *v4 = (const void *)ai->ai_addr;

	*to = (struct net_addr){ 0 };
	if (ai->ai_family == AF_INET) {
		to->len = 4;
		memcpy(to->b, &v4->sin_addr, 4);
		return true;
	}
	/* One with a scope is a neighbour's. */
	if (ai->ai_family != AF_INET6 || v6->sin6_scope_id != 0)
		return false;
	to->len = 16;
	memcpy(to->b, &v6->sin6_addr, 16);
	return true;
}

/*
 * A name with a dot is whole, whatever ndots says: with the host's search
 * list it would be another one than was judged.  resolv.conf is read again,
 * because libc does not do so once these have been changed.
 */
static void
take_as_it_is(const char *name)
{
	const unsigned long search = RES_DNSRCH | RES_DEFNAMES;

	(void)res_init();
	if (strchr(name, '.') != NULL)
		_res.options &= ~search;
	else
		_res.options |= search;
}

/* One at a time: a name that is slow holds up its own session alone. */
static int
on_resolve(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM };
	struct msg_resolved answer = { .tag = msg->resolve.tag };
	struct addrinfo *list = NULL, *ai;
	struct net_addr addrs[ADDRS];
	struct net_host host;
	size_t n = 0;
	int r;

	(void)fd;
	/* Who asks may be anybody's by now: a name and nothing else. */
	if (net_host_parse(msg->resolve.name, strlen(msg->resolve.name),
	    &host) < 0 || host.literal)
		return chan_blame(c, "RESOLVE of what is no name");
	take_as_it_is(host.name);
	r = getaddrinfo(host.name, NULL, &hints, &list);
	answer.code = r == 0 || r == EAI_NONAME ? 0 : 1;
	for (ai = r == 0 ? list : NULL; ai != NULL && n < ADDRS;
	    ai = ai->ai_next)
		if (take(ai, &addrs[n]))
			n++;
	if (list != NULL)
		freeaddrinfo(list);
	answer.addrs = (struct msg_bin){ addrs, n * sizeof(addrs[0]) };
	r = chan_send(c, MSG_RESOLVED, &answer, -1);
	return r < 0 && r != -EPIPE ? chan_blame(c, "RESOLVED: %s",
	    strerror(-r)) : 0;
}

static chan_handler *const gateway_handlers[MSG__COUNT] = {
	[MSG_RESOLVE] = on_resolve,
};

static void
on_gateway_end(struct chan *c, int why)
{
	struct resolver *r = c->ctx;

	if (why == CHAN_BAD)
		log_error("hear the gateway: %s", c->blame);
	chan_close(c);
	loop_quit(r->loop, 0);
}

static int
on_peer(struct chan *c, const union msg_any *msg, int *fd)
{
	struct resolver *r = c->ctx;
	int e;

	if (msg->peer.role != ROLE_GATEWAY || chan_is_open(&r->gateway))
		return chan_blame(c, "PEER of role %u", msg->peer.role);
	role_title(msg->peer.session);
	e = chan_open(&r->gateway, r->loop, fd, ROLE_RESOLVER, ROLE_GATEWAY,
	    CS_SERVING, gateway_handlers, r, on_gateway_end);
	return e < 0 ? chan_blame(c, "PEER: %s", strerror(-e)) : 0;
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct resolver *r = c->ctx;

	(void)msg;
	(void)fd;
	loop_quit(r->loop, 0);
	return 0;
}

static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_SHUTDOWN] = on_shutdown,
};

/*
 * hosts and DNS alone, whatever nsswitch.conf says: both are in libc, so no
 * other library is loaded, and nobody is asked over a socket of the host's.
 */
static void
choose_sources(void)
{
	struct addrinfo *list = NULL;
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST };

	if (__nss_configure_lookup("hosts", "files dns") == -1)
		fatal("choose where names come from: %s", strerror(errno));
	if (getaddrinfo("192.0.2.1", NULL, &hints, &list) == 0)
		freeaddrinfo(list);
}

int
main(int argc, char **argv)
{
	static struct resolver r;

	role_options(argc, argv);
	log_init(NULL, LOG_LEVEL_INFO);
	choose_sources();
	r.loop = loop_new();
	r.gateway.source.fd = -1;
	role_start(ROLE_RESOLVER, r.loop, &r.control, handlers, &r);
	return loop_run(r.loop);
}
