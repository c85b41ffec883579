/* A whole runner, again: what is typed, and the terminal. */
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

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/input.h"
#include "coven-runner/out.h"
#include "coven-runner/run.h"
#include "tests/unit/runner_world.h"

static const struct world_spec pipes = { .transport = TRANSPORT_PIPES };
static const struct world_spec tty = { .transport = TRANSPORT_PTY };

static void
input_reaches_the_payload(void **state)
{
	struct world w;
	char c;

	(void)state;
	world_start(&w, &pipes);
	assert_int_equal(world_answer(&w, "one\n", 4, false), INPUT_QUEUED);
	assert_int_equal(world_answer(&w, "two\n", 4, true), INPUT_QUEUED);
	world_expect(w.io[0], "one\ntwo\n");
	assert_int_equal(read(w.io[0], &c, 1), 0);
	assert_int_equal(world_answer(&w, "three\n", 6, false), INPUT_CLOSED);
	world_end(&w);
}

static void
unread_input_holds_up_nothing(void **state)
{
	autofree char *big = mem_zalloc(1, LIMIT_INPUT_QUEUE);
	struct world w;

	(void)state;
	world_start(&w, &pipes);
	assert_int_equal(world_answer(&w, big, LIMIT_INPUT_QUEUE, false),
	    INPUT_QUEUED);
	assert_int_equal(world_answer(&w, big, LIMIT_INPUT_QUEUE, false),
	    INPUT_FULL);
	world_say(w.io[1], "still here\n");
	assert_true(world_wait(&w, world_has_output, SOON));
	world_init_ends(&w, 0, 0);
	world_payload_ends(&w);
	assert_true(world_wait(&w, world_ended, SOON));
	assert_int_equal(world_wait_status(&w, SOON), 0);
	world_end(&w);
}

static void
input_to_a_closed_reader_is_refused(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, &pipes);
	/* Before the order to start, input is kept, whoever reads. */
	world_say(w.io[1], "x");
	assert_true(world_wait(&w, world_has_output, SOON));
	mem_close(&w.io[0]);
	assert_int_equal(world_answer(&w, "x", 1, false), INPUT_CLOSED);
	assert_int_equal(world_answer(&w, "x", 1, false), INPUT_CLOSED);
	world_end(&w);
}

static void
a_prompt_with_its_end_makes_a_sink(void **state)
{
	struct world_spec s = { .transport = TRANSPORT_PIPES,
	    .harness = "codex", .prompt = "do it", .eof = true };
	struct world w;
	int64_t end;
	char c;

	(void)state;
	world_start(&w, &s);
	world_expect(w.io[0], "do it");
	while (read(w.io[0], &c, 1) == -1)	/* until its end is there */
		usleep(1000);
	assert_int_equal(world_answer(&w, "x", 1, false), INPUT_QUEUED);
	world_init_ends(&w, 0, 0);
	end = loop_now_ns() + (int64_t)SOON * 1000000;
	while (world_answer(&w, "x", 1, false) != INPUT_CLOSED)
		assert_true(loop_now_ns() < end);
	world_end(&w);
}

/* --- terminal --- */

static void
raw(int fd)
{
	struct termios t;

	assert_int_equal(tcgetattr(fd, &t), 0);
	cfmakeraw(&t);
	assert_int_equal(tcsetattr(fd, TCSANOW, &t), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

static void
a_terminal_is_answered_and_fed(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, &tty);
	raw(w.tty);
	world_say(w.tty, "a\033[6nb\033[");
	world_expect(w.tty, "\033[1;1R");
	world_say(w.tty, "5nc");
	world_expect(w.tty, "\033[0n");
	assert_int_equal(world_answer(&w, "keys", 4, false), INPUT_QUEUED);
	world_expect(w.tty, "keys");
	assert_int_equal(world_answer(&w, "z", 1, true), INPUT_QUEUED);
	world_expect(w.tty, "z\004\004");
	/* Closing it is not its end: someone may open it again. */
	assert_true(world_wait(&w, world_has_output, SOON));
	world_init_ends(&w, 0, 0);
	world_run(&w, 50);
	assert_false(w.has_exit);
	world_payload_ends(&w);
	assert_true(world_wait(&w, world_ended, SOON));
	assert_string_equal(buf_head(&w.out), "abc");
	assert_int_equal(world_wait_status(&w, SOON), 0);
	world_end(&w);
}

static uint64_t size_tag;

static bool
has_size_reply(const struct world *w)
{
	return w->reply[size_tag] != 0;
}

/* The runner's answer to a new size. */
static uint32_t
resize(struct world *w, uint32_t rows, uint32_t cols)
{
	struct msg_run_resize m = { .tag = ++size_tag, .rows = rows,
	    .cols = cols };

	w->reply[size_tag] = 0;
	assert_int_equal(chan_send(&w->stored, MSG_RUN_RESIZE, &m, -1), 0);
	assert_true(world_wait(w, has_size_reply, SOON));
	return w->reply[size_tag] - 1;
}

static void
a_terminal_has_the_size_that_it_is_given(void **state)
{
	struct winsize ws;
	struct world w;

	(void)state;
	size_tag = 0;
	world_start(&w, &tty);
	raw(w.tty);
	world_say(w.tty, "x");
	assert_true(world_wait(&w, world_has_output, SOON));
	assert_int_equal(resize(&w, 33, 999), 0);
	assert_int_equal(ioctl(w.tty, TIOCGWINSZ, &ws), 0);
	assert_int_equal(ws.ws_row, 33);
	assert_int_equal(ws.ws_col, 999);
	assert_int_equal(resize(&w, LIMIT_TTY_SIZE, 1), 0);
	assert_int_equal(ioctl(w.tty, TIOCGWINSZ, &ws), 0);
	assert_int_equal(ws.ws_row, LIMIT_TTY_SIZE);
	assert_int_equal(ws.ws_col, 1);
	world_payload_ends(&w);
	world_init_ends(&w, 0, 0);
	assert_true(world_wait(&w, world_ended, SOON));
	world_end(&w);
}

static void
pipes_have_no_size(void **state)
{
	struct world w;

	(void)state;
	size_tag = 0;
	world_start(&w, &pipes);
	/*
	 * The order to start comes from another side than the size.  Before
	 * it there may yet be a terminal; output is there only after it.
	 */
	world_say(w.io[1], "x");
	assert_true(world_wait(&w, world_has_output, SOON));
	assert_int_equal(resize(&w, 24, 80), 1);
	world_payload_ends(&w);
	world_init_ends(&w, 0, 0);
	assert_true(world_wait(&w, world_ended, SOON));
	world_end(&w);
}

static bool
has_after(const struct world *w)
{
	return buf_left(&w->out) == strlen("before after");
}

static void
a_terminal_closed_by_all_may_be_opened_again(void **state)
{
	char name[64];
	struct world w;

	(void)state;
	world_start(&w, &tty);
	raw(w.tty);
	assert_int_equal(ttyname_r(w.tty, name, sizeof(name)), 0);
	world_say(w.tty, "before ");
	assert_true(world_wait(&w, world_has_output, SOON));
	mem_close(&w.tty);
	world_run(&w, 100);
	w.tty = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(w.tty >= 0);
	raw(w.tty);
	world_say(w.tty, "after");
	assert_true(world_wait(&w, has_after, SOON));
	assert_string_equal(buf_head(&w.out), "before after");
	world_payload_ends(&w);
	world_init_ends(&w, 0, 0);
	assert_true(world_wait(&w, world_ended, SOON));
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(input_reaches_the_payload),
		cmocka_unit_test(unread_input_holds_up_nothing),
		cmocka_unit_test(input_to_a_closed_reader_is_refused),
		cmocka_unit_test(a_prompt_with_its_end_makes_a_sink),
		cmocka_unit_test(a_terminal_is_answered_and_fed),
		cmocka_unit_test(a_terminal_has_the_size_that_it_is_given),
		cmocka_unit_test(pipes_have_no_size),
		cmocka_unit_test(a_terminal_closed_by_all_may_be_opened_again),
	};
	const struct CMUnitTest confined[] = {
		cmocka_unit_test(unread_input_holds_up_nothing),
		cmocka_unit_test(a_terminal_is_answered_and_fed),
		cmocka_unit_test(a_terminal_has_the_size_that_it_is_given),
		cmocka_unit_test(a_terminal_closed_by_all_may_be_opened_again),
	};

	return world_main(tests, nitems(tests), confined, nitems(confined));
}
