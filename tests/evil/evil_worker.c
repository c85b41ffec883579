/*
 * The attacker's version of a worker on one folder: EVIL_WORKER is the role
 * (archiver, remover, applier or extractor).  It is given its order and then
 * lies about what it did, says it twice, never, or too early, fills the file
 * that it was to write, hands over descriptors, and leaves in every way.
 *
 * What must hold: who asked says that the step failed or what the lie said of
 * numbers, and nothing of it is believed that can be looked at: an archive of
 * another size is none, a folder that is not empty is not removed.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/worker.h"
#include "tests/evil/evil.h"

#ifndef EVIL_WORKER
#define EVIL_WORKER	ROLE_ARCHIVER
#endif

#define START_MS	2000
#define STEPS_MAX	20

enum { TO_MONITOR, TO__COUNT };

/* --- what it may answer --- */

static void
answer(struct evil *e, uint32_t code, const char *name, uint32_t error)
{
	uint64_t n = evil_once_in(e, 2) ? UINT64_MAX : evil_pick(e, 10);
	struct msg_packed packed = { .code = code, .entries = n, .bytes = n,
	    .packed = evil_once_in(e, 2) ? n : 0, .special = n,
	    .unreadable = n, .error = error, .name = name };
	struct msg_removed removed = { .code = code, .removed = n, .left = n,
	    .mounts = n, .error = error, .name = name };
	struct msg_unpacked unpacked = { .code = code, .entries = n,
	    .bytes = n, .error = error, .why = "\x1b[2J%s", .name = name };
	struct msg_apply_done applied = { .code = code, .rows = evil_random(e),
	    .more = evil_random(e), .text = name };

	switch ((int)EVIL_WORKER) {
	case ROLE_ARCHIVER:
		evil_send(e, TO_MONITOR, MSG_PACKED, &packed);
		break;
	case ROLE_REMOVER:
		evil_send(e, TO_MONITOR, MSG_REMOVED, &removed);
		break;
	case ROLE_EXTRACTOR:
		evil_send(e, TO_MONITOR, MSG_UNPACKED, &unpacked);
		break;
	default:
		evil_send(e, TO_MONITOR, MSG_APPLY_DONE, &applied);
		break;
	}
}

static void
all_is_done(struct evil *e)
{
	answer(e, WORKER_DONE, "", 0);
}

static void
done_and_leave(struct evil *e)
{
	answer(e, WORKER_DONE, "", 0);
	exit((int)evil_pick(e, 3));
}

static void
limit_and_leave(struct evil *e)
{
	answer(e, WORKER_LIMIT, "name", 0);
	exit(0);
}

static void
odd_outcome(struct evil *e)
{
	static const char *const names[] = { "", "\x1b[2J", "a b", "\xff",
	    "%s%n", "../../etc/passwd" };

	answer(e, evil_pick(e, 12), names[evil_pick(e, nitems(names))],
	    evil_once_in(e, 2) ? UINT32_MAX : evil_pick(e, 5000));
}

static void
answer_twice(struct evil *e)
{
	answer(e, WORKER_DONE, "", 0);
	answer(e, WORKER_DONE, "", 0);
}

/* A memfd where rows may be, which holds none. */
static void
rows_of_noise(struct evil *e)
{
	static const char noise[] = "\x01\x02\x03\xff rows that are none";
	struct msg_apply_done m = { .code = WORK_OK, .rows = 3, .text = "" };
	autoclose int fd = evil_memfd(noise, sizeof(noise),
	    evil_once_in(e, 2) ? EVIL_SEALED : 0);

	evil_send_fd(e, TO_MONITOR, MSG_APPLY_DONE, &m, fd);
}

/* Into whatever it was handed: for the archiver, the archive. */
static void
fill_the_file(struct evil *e)
{
	static char block[1u << 20];
	unsigned i;

	memset(block, 'x', sizeof(block));
	for (i = 0; i < 64 && e->nkept != 0; i++)
		if (write(e->kept[0], block, sizeof(block)) <= 0)
			break;
}

static void
fill_and_lie(struct evil *e)
{
	fill_the_file(e);
	answer(e, WORKER_DONE, "", 0);
	exit(0);
}

static void
leave(struct evil *e)
{
	exit((int)evil_pick(e, 3));
}

static void
abort_now(struct evil *e)
{
	(void)e;
	abort();
}

static void
hang_up(struct evil *e)
{
	chan_close(&e->chan[TO_MONITOR]);
	exit(0);
}

static const struct evil_act acts[] = {
	{ "done_and_leave", done_and_leave, 1, true },
	{ "all_is_done", all_is_done, 1, true },
	{ "fill_and_lie", fill_and_lie, 1, true },
	{ "fill_the_file", fill_the_file, 1, true },
	{ "limit_and_leave", limit_and_leave, 1, true },
	{ "odd_outcome", odd_outcome, 3, false },
	{ "answer_twice", answer_twice, 1, false },
	{ "rows_of_noise", rows_of_noise, 2, false },
	{ "leave", leave, 1, true },
	{ "abort_now", abort_now, 1, true },
	{ "hang_up", hang_up, 1, true },
	{ "any_row", evil_any_row, 3, false },
	{ "broken_packet", evil_broken_packet, 2, false },
	{ "random_packet", evil_random_packet, 2, false },
	{ "empty_packet", evil_empty_packet, 1, false },
};

static int
on_order(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	e->started = true;
	return evil_hear(c, m, fd);
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_PACK] = on_order,
	[MSG_REMOVE] = on_order,
	[MSG_UNPACK] = on_order,
	[MSG_APPLY_GO] = on_order,
	[MSG_SHUTDOWN] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct evil e;

	evil_begin(&e, EVIL_WORKER, argv);
	role_options(argc, argv);
	e.npeers = TO__COUNT;
	role_start(EVIL_WORKER, e.loop, &e.chan[TO_MONITOR],
	    control_handlers, &e);
	/* A few speak before they are asked. */
	if (!evil_once_in(&e, 10))
		evil_await(&e, START_MS);
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
