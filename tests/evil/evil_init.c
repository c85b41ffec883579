/*
 * The attacker's version of coven-init: PID 1 of a sandbox that it does not
 * build.  It holds the project's folder, every capability over its own
 * namespaces, and channels to the monitor and to the runner.
 *
 * What must hold: it costs its own session, also when it says that a payload
 * runs where none does, never ends, forks, or hands over odd descriptors.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coven-runner/init.h"
#include "tests/evil/evil.h"

#define START_MS	300	/* when no INIT_GO has come by then */
#define STEPS_MAX	100

enum { TO_MONITOR, TO_RUNNER, TO__COUNT };

static void
started(struct evil *e)
{
	struct msg_init_started m = { 0 };

	evil_send(e, TO_MONITOR, MSG_INIT_STARTED, &m);
}

static void
failed(struct evil *e)
{
	struct msg_init_failed m = { .step = "\x1b[2J%n",
	    .error = evil_random(e), .text = "\xff\"\\\t<0>" };

	evil_send(e, TO_MONITOR, MSG_INIT_FAILED, &m);
}

static void
started_and_failed(struct evil *e)
{
	started(e);
	failed(e);
}

static void
ended(struct evil *e)
{
	static const struct msg_init_exit ends[] = {
		{ 0, 0, 0 }, { 255, 0, 0 }, { -1, 0, 0 }, { 256, 0, 0 },
		{ INT32_MAX, UINT32_MAX, 0 }, { 0, 64, 0 }, { 0, 65, 0 },
		{ 0, SIGKILL, 0 }, { 0, 0, 1 }, { 1, 0, 99 },
	};

	evil_send(e, TO_RUNNER, MSG_INIT_EXIT,
	    &ends[evil_pick(e, nitems(ends))]);
}

/* Character devices, of which a terminal is only one. */
static void
terminal(struct evil *e)
{
	static const char *const names[] = { "/dev/null", "/dev/zero",
	    "/dev/full", "/dev/urandom", "/dev/tty", "/dev/ptmx",
	    "/dev/fuse", "/etc/passwd", "/" };
	struct msg_init_tty m = { 0 };
	autoclose int fd = open(names[evil_pick(e, nitems(names))],
	    O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd == -1)
		fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	started(e);
	evil_send_fd(e, TO_RUNNER, MSG_INIT_TTY, &m, fd);
}

/* The end comes from a channel that others hold too. */
static void
fork_and_leave(struct evil *e)
{
	started(e);
	if (fork() == 0) {
		(void)setsid();
		for (;;)
			pause();
	}
	if (evil_once_in(e, 2))
		exit(0);
}

static void
started_and_stay(struct evil *e)
{
	started(e);
	evil_stay(e);
}

static void
leave(struct evil *e)
{
	exit((int)evil_pick(e, 3));
}

static void
descriptors_to_the_monitor(struct evil *e)
{
	struct msg_init_started m = { 0 };
	autoclose int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	evil_send_fd(e, TO_MONITOR, MSG_INIT_STARTED, &m, fd);
}

static void
many_words(struct evil *e)
{
	unsigned i;

	started(e);
	for (i = 0; i < 3000; i++)
		started(e);
}

/* That a tree stands, also where none was asked for. */
static void
prepared(struct evil *e)
{
	struct msg_init_prepared m = { 0 };

	evil_send(e, TO_MONITOR, MSG_INIT_PREPARED, &m);
}

static void
no_signals(struct evil *e)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (chan_is_open(&e->chan[TO_MONITOR]))
		chan_pause(&e->chan[TO_MONITOR]);
	started(e);
}

static void
log_much(struct evil *e)
{
	unsigned i;

	for (i = 0; i < 500; i++)
		log_error("\x1b[2J%u", evil_random(e));
}

static const struct evil_act acts[] = {
	{ "started", started, 4, true },
	{ "started_and_stay", started_and_stay, 1, true },
	{ "failed", failed, 2, true },
	{ "started_and_failed", started_and_failed, 1, false },
	{ "ended", ended, 2, false },
	{ "terminal", terminal, 3, true },
	{ "fork_and_leave", fork_and_leave, 1, true },
	{ "leave", leave, 1, true },
	{ "no_signals", no_signals, 1, true },
	{ "descriptors_to_the_monitor", descriptors_to_the_monitor, 1, false },
	{ "many_words", many_words, 1, false },
	{ "prepared", prepared, 1, false },
	{ "log_much", log_much, 1, true },
	{ "stop_listening", evil_stop_listening, 1, true },
	{ "any_row", evil_any_row, 3, false },
	{ "broken_packet", evil_broken_packet, 2, false },
	{ "random_packet", evil_random_packet, 2, false },
	{ "empty_packet", evil_empty_packet, 1, false },
	{ "hang_up", evil_hang_up, 1, true },
};

static chan_handler *const runner_handlers[MSG__COUNT];

static int
on_peer(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)m;
	chan_close(&e->chan[TO_RUNNER]);
	return chan_open(&e->chan[TO_RUNNER], e->loop, fd, ROLE_INIT,
	    ROLE_RUNNER, CS_SERVING, runner_handlers, e, evil_on_end);
}

/* A spare: most say that they are ready, and are taken for a session. */
static int
on_prepare(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	if (!evil_once_in(e, 4))
		prepared(e);
	if (evil_once_in(e, 4))
		e->started = true;
	return evil_hear(c, m, fd);
}

/* Half of the lives speak before they are asked to. */
static int
on_root(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	if (evil_once_in(e, 2))
		e->started = true;
	return evil_hear(c, m, fd);
}

static int
on_go(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	timer_start(e->loop, &e->timer, 1 + evil_pick(e, 50));
	return evil_hear(c, m, fd);
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_SHUTDOWN] = evil_hear,
	[MSG_INIT_ROOT] = on_root,
	[MSG_INIT_MOUNT] = evil_hear,
	[MSG_INIT_IO] = evil_hear,
	[MSG_INIT_PREPARE] = on_prepare,
	[MSG_INIT_BUILD] = evil_hear,
	[MSG_INIT_GO] = on_go,
	[MSG_INIT_SIGNAL] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct init_ids ids;
	struct evil e;

	evil_begin(&e, ROLE_INIT, argv);
	if (argc < 5)
		fatal("evil init: no ids");
	ids = (struct init_ids){
	    .uid_in = (uint32_t)strtoul(argv[1], NULL, 10),
	    .uid_out = (uint32_t)strtoul(argv[2], NULL, 10),
	    .gid_in = (uint32_t)strtoul(argv[3], NULL, 10),
	    .gid_out = (uint32_t)strtoul(argv[4], NULL, 10) };
	init_identity(&ids);
	e.npeers = TO__COUNT;
	role_start_unconfined(ROLE_INIT, e.loop, &e.chan[TO_MONITOR],
	    control_handlers, &e);
	evil_await(&e, START_MS);
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
