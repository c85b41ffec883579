/* A whole runner between a monitor, a store, an init and a payload. */
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bounds.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/input.h"
#include "coven-runner/out.h"
#include "coven-runner/run.h"
#include "coven-runner/window.h"
#include "tests/unit/runner_world.h"

static const struct world_spec pipes = { .transport = TRANSPORT_PIPES };

static bool
has_both(const struct world *w)
{
	return buf_left(&w->out) != 0 && buf_left(&w->err) != 0;
}

/* --- output and the end --- */

static void
output_then_exit_in_order(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, &pipes);
	world_say(w.io[1], "to out\n");
	world_say(w.io[2], "to err\n");
	assert_true(world_wait(&w, has_both, SOON));
	world_say(w.io[1], "last words");
	w.ack = false;
	world_init_ends(&w, 3, 0);
	world_run(&w, 50);
	assert_false(w.has_exit);	/* the pipes are still open */
	world_payload_ends(&w);
	assert_true(world_wait(&w, world_ended, SOON));
	assert_string_equal(buf_head(&w.out), "to out\nlast words");
	assert_string_equal(buf_head(&w.err), "to err\n");
	assert_int_equal(w.exit.has_code, 1);
	assert_int_equal(w.exit.exit_code, 3);
	assert_int_equal(w.exit.signo, 0);
	assert_int_equal(w.exit.failed, 1);
	/* It waits for the acknowledgement of its last write. */
	assert_int_equal(world_wait_status(&w, 50), -1);
	world_ack(&w, w.have);
	assert_int_equal(world_wait_status(&w, SOON), 0);
	world_end(&w);
}

struct end {
	const char	*name;
	enum transport	 transport;
	const char	*harness;
	int		 code;		/* of INIT_EXIT, -1: none */
	unsigned	 signo;
	uint32_t	 has_code;
	int		 exit_code;
	uint32_t	 out_signo, failed;
};

static const struct end ends[] = {
	{ "success", TRANSPORT_PIPES, "exec", 0, 0, 1, 0, 0, 0 },
	{ "failure", TRANSPORT_STREAM, "claude", 42, 0, 1, 42, 0, 1 },
	{ "a signal", TRANSPORT_PIPES, "exec", 0, SIGSEGV, 0, 0, SIGSEGV, 1 },
	{ "a signal on a terminal", TRANSPORT_PTY, "exec", 0, SIGSEGV, 1, 1,
	    SIGSEGV, 1 },
	{ "success on a terminal", TRANSPORT_PTY, "exec", 0, 0, 1, 0, 0, 0 },
	{ "init killed", TRANSPORT_PIPES, "exec", -1, 0, 0, 0, SIGKILL, 1 },
	{ "init killed, terminal", TRANSPORT_PTY, "exec", -1, 0, 1, 1,
	    SIGKILL, 1 },
	{ "a prompt never read", TRANSPORT_PIPES, "codex", 0, 0, 1, 0, 0, 1 },
	{ "input left alone", TRANSPORT_PIPES, "exec", 0, 0, 1, 0, 0, 0 },
};

static void
every_end_is_told(void **state)
{
	autofree char *prompt = mem_alloc((1u << 20) + 1);
	size_t i;

	(void)state;
	memset(prompt, 'p', 1u << 20);	/* more than a pipe holds */
	prompt[1u << 20] = '\0';
	for (i = 0; i < nitems(ends); i++) {
		const struct end *e = &ends[i];
		struct world_spec s = { .transport = e->transport,
		    .harness = e->harness, .prompt = e->transport ==
		    TRANSPORT_PIPES ? prompt : NULL, .eof = true };
		struct world w;

		world_start(&w, &s);
		world_init_ends(&w, e->code, e->signo);
		world_payload_ends(&w);
		if (!world_wait(&w, world_ended, SOON))
			fail_msg("%s: no exit", e->name);
		if (w.exit.has_code != e->has_code ||
		    w.exit.exit_code != e->exit_code ||
		    w.exit.signo != e->out_signo ||
		    w.exit.failed != e->failed)
			fail_msg("%s: code %u %d, signal %u, failed %u",
			    e->name, w.exit.has_code, w.exit.exit_code,
			    w.exit.signo, w.exit.failed);
		assert_int_equal(world_wait_status(&w, SOON), 0);
		world_end(&w);
	}
}

static bool
asked_for_an_end(const struct world *w)
{
	return w->over != 0;
}

static void
bounds_are_kept(void **state)
{
	static const struct {
		struct world_spec	 spec;
		uint32_t		 over, limit, want;
		int			 code;
	} rows[] = {
		{ { .transport = TRANSPORT_PIPES, .wall_s = 1 }, BOUND_WALL, 0,
		    BOUND_WALL, 0 },
		{ { .transport = TRANSPORT_PIPES, .output = 10 },
		    BOUND_OUTPUT, 0, BOUND_OUTPUT, 0 },
		/* what comes first is the reason */
		{ { .transport = TRANSPORT_PIPES, .output = 10 },
		    BOUND_OUTPUT, BOUND_MEMORY, BOUND_OUTPUT, -1 },
		{ { .transport = TRANSPORT_PIPES }, 0, BOUND_MEMORY,
		    BOUND_MEMORY, -1 },
		{ { .transport = TRANSPORT_PIPES, .output = 11 }, 0, 0, 0, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct world w;

		world_start(&w, &rows[i].spec);
		world_say(w.io[1], "0123456789\n");
		if (rows[i].over != 0)
			assert_true(world_wait(&w, asked_for_an_end, SOON));
		assert_int_equal(w.over, rows[i].over);
		w.limit = rows[i].limit;
		world_init_ends(&w, rows[i].code, 0);
		world_payload_ends(&w);
		assert_true(world_wait(&w, world_ended, SOON));
		assert_int_equal(w.exit.limit, rows[i].want);
		assert_int_equal(w.exit.failed, rows[i].want != 0);
		assert_string_equal(buf_head(&w.out), "0123456789\n");
		assert_int_equal(world_wait_status(&w, SOON), 0);
		world_end(&w);
	}
}

static void
a_pipe_held_open_does_not_hold_the_end(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, &pipes);
	world_say(w.io[1], "x");
	assert_true(world_wait(&w, world_has_output, SOON));
	world_init_ends(&w, 0, 0);
	world_run(&w, LIMIT_RUNNER_DRAIN_MS - 1000);
	assert_false(w.has_exit);
	assert_true(world_wait(&w, world_ended, LIMIT_RUNNER_DRAIN_MS + SOON));
	assert_int_equal(world_wait_status(&w, SOON), 0);
	world_end(&w);
}

static void
split_code_points_are_joined(void **state)
{
	static const char *const parts[] = { "a", "\xf0", "\x9f", "\x98",
	    "\x80", "b\xe2", "\x82", "\xac", "c" };
	struct world w;
	size_t i;

	(void)state;
	world_start(&w, &pipes);
	for (i = 0; i < nitems(parts); i++) {
		world_say(w.io[1], parts[i]);
		world_run(&w, 30);
	}
	world_init_ends(&w, 0, 0);
	world_payload_ends(&w);
	assert_true(world_wait(&w, world_ended, SOON));
	assert_string_equal(buf_head(&w.out), "a\xf0\x9f\x98\x80" "b"
	    "\xe2\x82\xac" "c");
	assert_int_equal(w.with_b64, 0);
	world_end(&w);
}

/* --- flow --- */

/* A process that writes n pseudo-random bytes, blocking. */
static pid_t
writer(struct world *w, size_t n)
{
	static char chunk[65536];
	uint64_t x = 88172645463325252u;
	size_t done, i;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0) {
		world_payload_ends(w);
		return pid;
	}
	if (dup2(w->io[1], 1) == -1 || fcntl(1, F_SETFL, 0) == -1 ||
	    close_range(3, ~0u, 0) == -1)
		_exit(1);
	for (done = 0; done < n; done += sizeof(chunk)) {
		for (i = 0; i < sizeof(chunk); i += sizeof(x)) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(chunk + i, &x, sizeof(x));
		}
		for (i = 0; i < sizeof(chunk);) {
			ssize_t k = write(1, chunk + i, sizeof(chunk) - i);

			if (k == -1)
				_exit(1);
			i += (size_t)k;
		}
	}
	_exit(0);
}

static void
assert_random(const struct buf *b, size_t n)
{
	uint64_t x = 88172645463325252u;
	size_t i;

	assert_int_equal(buf_left(b), n);
	for (i = 0; i < n; i += sizeof(x)) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		if (memcmp(buf_head(b) + i, &x, sizeof(x)) != 0)
			fail_msg("byte %zu differs", i);
	}
}

#define BIG	(8u << 20)

static void
eight_mebibytes_of_anything_arrive(void **state)
{
	struct world w;
	pid_t pid;
	int status;

	(void)state;
	world_start(&w, &pipes);
	pid = writer(&w, BIG);
	world_init_ends(&w, 0, 0);
	assert_true(world_wait(&w, world_ended, 30000));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_random(&w.out, BIG);
	assert_int_equal(world_wait_status(&w, SOON), 0);
	world_end(&w);
}

/* A new store that has what the dead one made durable, and no more. */
static void
replace_store(struct world *w, uint64_t durable)
{
	world_stored_dies(w);
	w->out.len = w->out.pos + w->out_at[durable];
	world_stored_returns(w, durable);
}

static void
a_store_that_dies_loses_and_doubles_nothing(void **state)
{
	struct world w;
	unsigned deaths;
	uint64_t durable;
	int status;
	pid_t pid;

	(void)state;
	world_start(&w, &pipes);
	w.ack = false;
	pid = writer(&w, BIG);
	for (deaths = 0; deaths < 8; deaths++) {
		/* What it received after this is lost with it. */
		durable = w.have;
		world_run(&w, 10);
		replace_store(&w, durable);
		while (w.have < durable + 7)
			loop_once(w.loop, 1000);
		if (deaths % 2 == 0) {
			world_ack(&w, durable + 3);
			world_run(&w, 5);
		}
		/* It made five durable and told at most three. */
		replace_store(&w, durable + 5);
	}
	w.ack = true;
	world_run(&w, 20);
	world_ack(&w, w.have);
	world_init_ends(&w, 0, 0);
	assert_true(world_wait(&w, world_ended, 30000));
	assert_random(&w.out, BIG);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(world_wait_status(&w, SOON), 0);
	world_end(&w);
}

static void
the_end_survives_a_store_that_dies(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, &pipes);
	w.ack = false;
	world_say(w.io[1], "x");
	assert_true(world_wait(&w, world_has_output, SOON));
	world_init_ends(&w, 0, 0);
	world_payload_ends(&w);
	assert_true(world_wait(&w, world_ended, SOON));
	world_stored_dies(&w);
	assert_int_equal(world_wait_status(&w, 50), -1);
	w.has_exit = false;
	world_stored_returns(&w, 1);
	assert_true(world_wait(&w, world_ended, SOON));
	world_stored_dies(&w);
	/* It was durable, only the acknowledgement was lost. */
	world_stored_returns(&w, 2);
	assert_int_equal(world_wait_status(&w, SOON), 0);
	world_end(&w);
}

/* As much as goes in until nothing has for a while. */
static size_t
push(struct world *w, int fd)
{
	static char chunk[4096];
	size_t total = 0;
	unsigned idle = 0;
	ssize_t n;

	memset(chunk, 'x', sizeof(chunk));
	while (idle < 20 && total < 16u << 20) {
		n = write(fd, chunk, sizeof(chunk));
		if (n > 0) {
			total += (size_t)n;
			idle = 0;
		} else {
			world_run(w, 10);
			idle++;
		}
	}
	return total;
}

static void
a_slow_store_slows_the_payload(void **state)
{
	struct world w;
	size_t total;

	(void)state;
	world_start(&w, &pipes);
	w.ack = false;
	total = push(&w, w.io[1]);
	assert_in_range(total, LIMIT_RUNNER_WINDOW / 2,
	    LIMIT_RUNNER_WINDOW + (1u << 20));
	assert_true(w.have <= WINDOW_WRITES);
	assert_true(buf_left(&w.out) <= LIMIT_RUNNER_WINDOW);
	w.ack = true;
	world_ack(&w, w.have);
	world_init_ends(&w, 0, 0);
	world_payload_ends(&w);
	assert_true(world_wait(&w, world_ended, SOON));
	assert_int_equal(buf_left(&w.out), total);
	world_end(&w);
}

static bool
next_event(const struct world *w)
{
	return w->have > w->acked;
}

static bool
all_500(const struct world *w)
{
	return buf_left(&w->out) == 500;
}

static void
a_trickle_is_gathered(void **state)
{
	struct world w;
	unsigned i;

	(void)state;
	world_start(&w, &pipes);
	w.ack = false;
	for (i = 0; i < 500; i++) {
		world_say(w.io[1], "x");
		if (i >= RUN_SMALL)
			continue;
		/* Nothing waits for company while few are in flight. */
		assert_true(world_wait(&w, next_event, SOON));
		w.acked++;	/* as far as next_event is concerned */
	}
	world_run(&w, 100);
	assert_int_equal(w.have, RUN_SMALL);
	assert_int_equal(buf_left(&w.out), RUN_SMALL);
	w.ack = true;
	world_ack(&w, RUN_SMALL);
	assert_true(world_wait(&w, all_500, SOON));
	assert_true(w.have <= 3 * RUN_SMALL);
	world_end(&w);
}

/* --- lies --- */

static void
a_store_that_lies_ends_the_runner(void **state)
{
	static const struct {
		bool		resume;
		uint64_t	n;
	} lies[] = { { false, 9 }, { false, 0 }, { true, 9 }, { true, 0 } };
	struct world w;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(lies); i++) {
		world_start(&w, &pipes);
		world_say(w.io[1], "x");
		assert_true(world_wait(&w, world_has_output, SOON));
		/* Its answer comes after the acknowledgement was heard. */
		assert_int_equal(world_answer(&w, "x", 1, false),
		    INPUT_QUEUED);
		if (lies[i].resume) {
			world_stored_dies(&w);
			world_stored_returns(&w, lies[i].n);
		} else {
			world_ack(&w, lies[i].n);
		}
		assert_int_equal(world_wait_status(&w, SOON), FATAL_STATUS);
		world_end(&w);
	}
}

static void
the_runner_ends_with_the_monitor(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, &pipes);
	world_run(&w, 20);
	chan_close(&w.monitor);
	assert_int_equal(world_wait_status(&w, SOON), 9);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(output_then_exit_in_order),
		cmocka_unit_test(every_end_is_told),
		cmocka_unit_test(bounds_are_kept),
		cmocka_unit_test(a_pipe_held_open_does_not_hold_the_end),
		cmocka_unit_test(split_code_points_are_joined),
		cmocka_unit_test(eight_mebibytes_of_anything_arrive),
		cmocka_unit_test(a_store_that_dies_loses_and_doubles_nothing),
		cmocka_unit_test(the_end_survives_a_store_that_dies),
		cmocka_unit_test(a_slow_store_slows_the_payload),
		cmocka_unit_test(a_trickle_is_gathered),
		cmocka_unit_test(a_store_that_lies_ends_the_runner),
		cmocka_unit_test(the_runner_ends_with_the_monitor),
	};

	const struct CMUnitTest confined[] = {
		cmocka_unit_test(output_then_exit_in_order),
		cmocka_unit_test(every_end_is_told),
		cmocka_unit_test(eight_mebibytes_of_anything_arrive),
		cmocka_unit_test(a_store_that_dies_loses_and_doubles_nothing),
		cmocka_unit_test(a_slow_store_slows_the_payload),
		cmocka_unit_test(a_store_that_lies_ends_the_runner),
	};

	return world_main(tests, nitems(tests), confined, nitems(confined));
}
