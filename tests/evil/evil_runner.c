/*
 * The attacker's version of coven-runner: it says to stored, to init and to
 * the monitor whatever the table lets a runner say, in any order and with any
 * content, and also what it does not let it say.
 *
 * What must hold: it may die, its session may fail, and nothing else happens.
 */
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/evil/evil.h"

#define START_MS	300	/* when no RUN_GO has come by then */
#define STEPS_MAX	400

enum { TO_MONITOR, TO_STORED, TO_INIT, TO__COUNT };

static uint64_t told;		/* writes so far */
static char text[61440];

/* --- what a runner may say --- */

static void
say_event(struct evil *e, uint64_t n, uint32_t kind, const void *p,
    size_t len)
{
	struct msg_event m = { .n = n, .kind = kind,
	    .time_ns = clock_wall_ns(), .payload = { p, len } };

	evil_send(e, TO_STORED, MSG_EVENT, &m);
}

static void
good_event(struct evil *e)
{
	static const char data[] = "{\"data\":\"evil\\n\"}";

	say_event(e, ++told, EVENT_OUTPUT, data, sizeof(data) - 1);
}

static void
gap_in_numbers(struct evil *e)
{
	static const uint64_t off[] = { 2, 3, 1000, (uint64_t)-1,
	    (uint64_t)-2, UINT64_MAX / 2 };

	say_event(e, told + off[evil_pick(e, nitems(off))], EVENT_OUTPUT,
	    "{\"data\":\"\"}", 11);
}

static void
same_number_again(struct evil *e)
{
	say_event(e, told, EVENT_OUTPUT, "{\"data\":\"other\"}", 16);
}

static void
other_kind(struct evil *e)
{
	static const uint32_t kinds[] = { EVENT_INPUT, EVENT_KILL, EVENT_EXIT,
	    EVENT_KIND__COUNT, 77, UINT32_MAX };

	say_event(e, ++told, kinds[evil_pick(e, nitems(kinds))],
	    "{\"status\":\"killed\"}", 19);
}

static void
odd_payload(struct evil *e)
{
	static const struct {
		const char	*p;
		size_t		 len;
	} odd[] = {
		{ "", 0 }, { "{", 1 }, { "null", 4 }, { "{}", 2 },
		{ "{\"data\":\"\xff\"}", 12 }, { "{\"data\":\"\0\"}", 12 },
		{ "{\"data\":1e999}", 14 }, { "{\"data\":\"a\"}x", 13 },
		{ "{\"data\":\"a\",\"data\":\"b\"}", 23 },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 40 },
		{ "{\"data\":\"\\ud800\"}", 17 },
	};
	unsigned i = evil_pick(e, nitems(odd));

	say_event(e, ++told, EVENT_OUTPUT, odd[i].p, odd[i].len);
}

static void
longest_payload(struct evil *e)
{
	static const size_t lens[] = { 49152, 49153, 61440 };
	size_t len = lens[evil_pick(e, nitems(lens))];

	memset(text, 'x', len);
	memcpy(text, "{\"data\":\"", 9);
	memcpy(text + len - 2, "\"}", 2);
	say_event(e, ++told, EVENT_OUTPUT, text, len);
}

/* The payload goes on all the same. */
static void
say_that_it_ended(struct evil *e)
{
	struct msg_run_exit m = { .n = ++told, .has_code = 1,
	    .time_ns = clock_wall_ns() };

	evil_send(e, TO_STORED, MSG_RUN_EXIT, &m);
}

static void
any_exit(struct evil *e)
{
	struct msg_run_exit m = {
		.n = evil_pick(e, 4) ? ++told : evil_random(e),
		.has_code = evil_pick(e, 3),
		.exit_code = (int32_t)evil_random(e),
		.signo = evil_pick(e, 2) ? 0 : evil_random(e),
		.failed = evil_pick(e, 3),
		.time_ns = evil_pick(e, 2) ? clock_wall_ns() : UINT64_MAX,
	};

	evil_send(e, TO_STORED, MSG_RUN_EXIT, &m);
}

static void
reply_to_nothing(struct evil *e)
{
	struct msg_run_input_reply m = { .tag = evil_once_in(e, 2) ?
	    evil_pick(e, 8) : evil_random(e), .code = evil_pick(e, 5) };

	evil_send(e, TO_STORED, MSG_RUN_INPUT_REPLY, &m);
}

static void
flood(struct evil *e)
{
	unsigned i;

	for (i = 0; i < 300; i++) {
		good_event(e);
		if (evil_once_in(e, 3))
			reply_to_nothing(e);
	}
}

static void
log_much(struct evil *e)
{
	unsigned i;

	for (i = 0; i < 500; i++)
		log_error("\x1b[2J%u %s", evil_random(e),
		    "<0>monitor: a line that is not its own");
}

/* Its session has no deadline: the owner's kill must end it. */
static void
just_stay(struct evil *e)
{
	evil_stay(e);
}

static const struct evil_act acts[] = {
	{ "good_event", good_event, 20, true },
	{ "say_that_it_ended", say_that_it_ended, 1, true },
	{ "reply_to_nothing", reply_to_nothing, 2, true },
	{ "any_exit", any_exit, 2, true },
	{ "flood", flood, 1, true },
	{ "log_much", log_much, 1, true },
	{ "stop_listening", evil_stop_listening, 1, true },
	{ "just_stay", just_stay, 1, true },
	{ "longest_payload", longest_payload, 3, true },
	{ "same_number_again", same_number_again, 2, true },
	{ "odd_payload", odd_payload, 2, true },
	{ "other_kind", other_kind, 2, true },
	{ "gap_in_numbers", gap_in_numbers, 2, true },
	{ "any_row", evil_any_row, 4, false },
	{ "broken_packet", evil_broken_packet, 3, false },
	{ "random_packet", evil_random_packet, 3, false },
	{ "empty_packet", evil_empty_packet, 1, false },
	{ "hang_up", evil_hang_up, 1, false },
};

/* --- what it hears: nothing matters to it --- */

static int
on_go(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)evil_hear(c, m, fd);
	timer_start(e->loop, &e->timer, 1 + evil_pick(e, 50));
	return 0;
}

static chan_handler *const peer_handlers[MSG__COUNT] = {
	[MSG_RESUME] = evil_hear,
	[MSG_EVENT_ACK] = evil_hear,
	[MSG_RUN_INPUT] = evil_hear,
	[MSG_RUN_RESIZE] = evil_hear,
	[MSG_INIT_TTY] = evil_hear,
	[MSG_INIT_EXIT] = evil_hear,
};

static int
on_peer(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;
	bool stored = m->peer.role == ROLE_STORED;
	struct chan *to = &e->chan[stored ? TO_STORED : TO_INIT];

	chan_close(to);
	return chan_open(to, e->loop, fd, ROLE_RUNNER, stored ? ROLE_STORED :
	    ROLE_INIT, stored ? CS_READY : CS_SERVING, peer_handlers, e,
	    evil_on_end) == 0 ? 0 : CHAN_BAD;
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_RUN_IO] = evil_hear,
	[MSG_RUN_GO] = on_go,
	[MSG_REDACTOR] = evil_hear,
	[MSG_SHUTDOWN] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct evil e;

	evil_begin(&e, ROLE_RUNNER, argv);
	role_options(argc, argv);
	e.npeers = TO__COUNT;
	role_start(ROLE_RUNNER, e.loop, &e.chan[TO_MONITOR],
	    control_handlers, &e);
	evil_await(&e, START_MS);
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
