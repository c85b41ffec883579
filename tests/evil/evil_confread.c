/*
 * The attacker's version of coven-confread: it answers rows that no file
 * held, of any type and value, in any number and order, or none at all.
 *
 * What must hold: a start that fails with status 78 within the reader's
 * deadline, or a suite that serves with what a file could have said.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/conf.h"
#include "tests/evil/evil.h"

#define START_MS	2000
#define STEPS_MAX	100

enum { TO_MONITOR, TO__COUNT };

/* --- what it may answer --- */

static void
good_row(struct evil *e)
{
	static const struct msg_conf_row rows[] = {
		{ .key = "server.max_connections", .type = CONF_TYPE_U32,
		    .number = 100, .line = 1 },
		{ .key = "session.max_live", .type = CONF_TYPE_U32,
		    .number = 7, .line = 2 },
		{ .key = "roots.deny", .type = CONF_TYPE_LIST,
		    .text = "/nonexistent", .line = 3 },
		{ .key = "log.level", .type = CONF_TYPE_STR, .text = "info" },
		{ .key = "git.name", .type = CONF_TYPE_STR,
		    .text = "\"\n[core]\n\tsshCommand = x" },
	};

	evil_send(e, TO_MONITOR, MSG_CONF_ROW,
	    &rows[evil_pick(e, nitems(rows))]);
}

static void
odd_row(struct evil *e)
{
	static const char *const keys[] = { "session.max_live", "roots.allow",
	    "nothing", "", "harness..env", "harness.*.env", "pass_env",
	    "home.allow_fs", "sandbox.minimum", "\x1b[2J", "harness.%s%n.env",
	    "log.level" };
	static const char *const texts[] = { "", "/", "../..", "LD_PRELOAD",
	    "a=b", "\xff\xfe", "none", "fuse" };
	struct msg_conf_row m = { .key = keys[evil_pick(e, nitems(keys))],
	    .type = evil_pick(e, 8), .number = evil_once_in(e, 2) ?
	    UINT64_MAX : evil_pick(e, 3),
	    .text = texts[evil_pick(e, nitems(texts))],
	    .line = evil_random(e), .locked = evil_pick(e, 3) };

	evil_send(e, TO_MONITOR, MSG_CONF_ROW, &m);
}

static void
adapter(struct evil *e)
{
	static const struct msg_harness_row rows[] = {
		{ .id = "evil", .label = "x", .exe = "sh" },
		{ .id = "codex", .exe = "../../../bin/sh" },
		{ .id = "", .exe = "" },
		{ .id = "exec", .exe = "/bin/sh" },
		{ .id = "../x", .exe = "\xff",
		    .model_args = { "\0\0unended", 9 } },
	};
	struct msg_conf_harness m = { 0 };
	autobuf struct buf b = { 0 };

	(void)msg_encode(&b, MSG_HARNESS_ROW,
	    &rows[evil_pick(e, nitems(rows))]);
	if (evil_once_in(e, 3))
		b.data[evil_pick(e, (unsigned)buf_left(&b))] ^= 0x40;
	m.harness = (struct msg_bin){ buf_head(&b), buf_left(&b) };
	evil_send(e, TO_MONITOR, MSG_CONF_HARNESS, &m);
}

static void
an_error(struct evil *e)
{
	struct msg_conf_error m = { .line = evil_random(e),
	    .key = "\x1b[2J%s", .text = "<0>\xff" };

	evil_send(e, TO_MONITOR, MSG_CONF_ERROR, &m);
}

static void
done(struct evil *e)
{
	struct msg_conf_done m = { .rows = evil_random(e) };

	evil_send(e, TO_MONITOR, MSG_CONF_DONE, &m);
}

static void
done_and_leave(struct evil *e)
{
	done(e);
	exit(0);
}

static void
done_twice(struct evil *e)
{
	done(e);
	done(e);
}

static void
row_after_done(struct evil *e)
{
	done(e);
	good_row(e);
}

static void
many_rows(struct evil *e)
{
	unsigned i;

	for (i = 0; i < 20000; i++) {
		good_row(e);
		odd_row(e);
		an_error(e);
		if (i % 64 == 0)
			loop_once(e->loop, 1);
	}
}

static void
leave(struct evil *e)
{
	exit((int)evil_pick(e, 3));
}

/* Until the deadline. */
static void
stay(struct evil *e)
{
	evil_stay(e);
}

/* Says all it needs to, and does not end. */
static void
done_and_stay(struct evil *e)
{
	done(e);
	evil_stay(e);
}

static const struct evil_act acts[] = {
	{ "good_row", good_row, 6, true },
	{ "done_and_leave", done_and_leave, 1, true },
	{ "odd_row", odd_row, 4, true },
	{ "adapter", adapter, 3, true },
	{ "an_error", an_error, 1, true },
	{ "leave", leave, 1, true },
	{ "many_rows", many_rows, 1, true },
	{ "done_twice", done_twice, 1, false },
	{ "row_after_done", row_after_done, 1, false },
	{ "stay", stay, 1, true },
	{ "done_and_stay", done_and_stay, 1, true },
	{ "any_row", evil_any_row, 3, false },
	{ "broken_packet", evil_broken_packet, 2, false },
	{ "random_packet", evil_random_packet, 2, false },
	{ "empty_packet", evil_empty_packet, 1, false },
};

static int
on_read(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	e->started = true;
	return evil_hear(c, m, fd);
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_CONF_READ] = on_read,
	[MSG_SHUTDOWN] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct evil e;

	evil_begin(&e, ROLE_CONFREAD, argv);
	role_options(argc, argv);
	e.npeers = TO__COUNT;
	role_start(ROLE_CONFREAD, e.loop, &e.chan[TO_MONITOR],
	    control_handlers, &e);
	/* A few speak before they are asked. */
	if (!evil_once_in(&e, 10))
		evil_await(&e, START_MS);
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
