/*
 * The attacker's version of coven-resolver: whatever it is asked, it answers
 * with addresses that no rule of the session names, with other tags, or with
 * what is no address.
 *
 * What must hold: the gateway goes to none of them, and both cost nobody but
 * their own session.
 */
#include <stdlib.h>
#include <string.h>

#include "common/net_addr.h"
#include "tests/evil/evil.h"

#define START_MS	2000	/* when nothing has been asked by then */
#define STEPS_MAX	50
#define WORDS_MAX	3000	/* in one go */

enum { TO_MONITOR, TO_GATEWAY, TO__COUNT };

static uint64_t tag;		/* of the last question */

static const char *const lies[] = { "127.0.0.1", "127.1.2.3", "0.0.0.0",
    "::1", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
    "169.254.169.254", "10.0.0.1", "192.168.0.1", "172.16.0.1", "100.64.0.1",
    "fe80::1", "fd00:ec2::254", "224.0.0.1", "255.255.255.255",
    "168.63.129.16", "192.0.0.1", "198.18.0.1", "::127.0.0.1" };

static void
answer(struct evil *e, uint64_t to, unsigned n)
{
	struct net_addr a[16];
	struct msg_resolved m = { .tag = to };
	unsigned i;

	for (i = 0; i < n; i++)
		(void)net_addr_parse(lies[evil_pick(e, nitems(lies))], &a[i]);
	m.addrs = (struct msg_bin){ a, n * sizeof(a[0]) };
	evil_send(e, TO_GATEWAY, MSG_RESOLVED, &m);
}

static void
lie(struct evil *e)
{
	answer(e, tag, 1 + evil_pick(e, 16));
}

/* What nobody asked, and what somebody will. */
static void
answer_others(struct evil *e)
{
	uint64_t i;

	for (i = 0; i < 20; i++)
		answer(e, i, 1);
	answer(e, UINT64_MAX, 1);
}

static void
flood(struct evil *e)
{
	unsigned i;

	for (i = 0; i < WORDS_MAX; i++)
		answer(e, evil_random(e), 16);
}

static void
odd_length(struct evil *e)
{
	static const char noise[272] = { 1, 2, 3, 99 };
	struct msg_resolved m = { .tag = tag,
	    .addrs = { noise, 1 + evil_pick(e, 271) } };

	evil_send(e, TO_GATEWAY, MSG_RESOLVED, &m);
}

static void
odd_family(struct evil *e)
{
	struct net_addr a = { .len = (uint8_t)(17 + evil_pick(e, 200)) };
	struct msg_resolved m = { .tag = tag, .code = evil_random(e),
	    .addrs = { &a, sizeof(a) } };

	evil_send(e, TO_GATEWAY, MSG_RESOLVED, &m);
}

static void
just_stay(struct evil *e)
{
	evil_stay(e);
}

static const struct evil_act acts[] = {
	{ "lie", lie, 20, true },
	{ "answer_others", answer_others, 4, true },
	{ "flood", flood, 1, true },
	{ "just_stay", just_stay, 1, true },
	{ "stop_listening", evil_stop_listening, 1, true },
	{ "odd_length", odd_length, 1, false },
	{ "odd_family", odd_family, 1, false },
	{ "any_row", evil_any_row, 2, false },
	{ "broken_packet", evil_broken_packet, 1, false },
	{ "random_packet", evil_random_packet, 1, false },
	{ "empty_packet", evil_empty_packet, 1, false },
	{ "hang_up", evil_hang_up, 1, true },
};

/* Once the walk is on, every question gets its lie. */
static int
on_resolve(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)fd;
	tag = m->resolve.tag;
	e->started = true;
	lie(e);
	return 0;
}

static chan_handler *const gateway_handlers[MSG__COUNT] = {
	[MSG_RESOLVE] = on_resolve,
};

static int
on_peer(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)m;
	chan_close(&e->chan[TO_GATEWAY]);
	return chan_open(&e->chan[TO_GATEWAY], e->loop, fd, ROLE_RESOLVER,
	    ROLE_GATEWAY, CS_SERVING, gateway_handlers, e, evil_on_end) == 0 ?
	    0 : CHAN_BAD;
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_SHUTDOWN] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct evil e;

	evil_begin(&e, ROLE_RESOLVER, argv);
	role_options(argc, argv);
	e.npeers = TO__COUNT;
	role_start(ROLE_RESOLVER, e.loop, &e.chan[TO_MONITOR],
	    control_handlers, &e);
	evil_await(&e, START_MS);
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
