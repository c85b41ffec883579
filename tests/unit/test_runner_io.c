/* The terminal's filter, the input queue, the window of writes. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-runner/input.h"
#include "coven-runner/out.h"
#include "coven-runner/term.h"
#include "coven-runner/window.h"

/* --- term --- */

static const struct {
	const char	*name, *in, *out, *answers;
} dialogs[] = {
	{ "nothing to filter", "abc\r\n", "abc\r\n", "" },
	{ "cursor position", "a\033[6nb", "ab", "\033[1;1R" },
	{ "device attributes", "\033[c", "", "\033[?62;c" },
	{ "device attributes, 0", "\033[0c", "", "\033[?62;c" },
	{ "status", "\033[5n", "", "\033[0n" },
	{ "all of them", "\033[6n\033[c\033[0c\033[5n", "",
	    "\033[1;1R\033[?62;c\033[?62;c\033[0n" },
	{ "colours stay", "\033[0m\033[1;31mx\033[0m", "\033[0m\033[1;31mx"
	    "\033[0m", "" },
	{ "almost", "\033[6m\033[60n\033[00c\033]c", "\033[6m\033[60n\033[00c"
	    "\033]c", "" },
	{ "an escape before it", "\033\033[6n\033[\033[5nz", "\033\033[z",
	    "\033[1;1R\033[0n" },
	{ "unfinished at the end", "x\033[0", "x\033[0", "" },
	{ "a lone escape", "x\033", "x\033", "" },
};

static void
queries_are_answered_across_any_border(void **state)
{
	size_t i, cut, second, n;

	(void)state;
	for (i = 0; i < nitems(dialogs); i++) {
		n = strlen(dialogs[i].in);
		for (cut = 0; cut <= n; cut++) {
			for (second = cut; second <= n; second++) {
				autobuf struct buf out = { 0 }, ans = { 0 };
				struct term t = { 0 };

				term_feed(&t, dialogs[i].in, cut, &out, &ans);
				term_feed(&t, dialogs[i].in + cut,
				    second - cut, &out, &ans);
				term_feed(&t, dialogs[i].in + second,
				    n - second, &out, &ans);
				term_end(&t, &out);
				if (strcmp(buf_head(&out),
				    dialogs[i].out) != 0 ||
				    strcmp(buf_head(&ans),
				    dialogs[i].answers) != 0)
					fail_msg("%s, cut at %zu and %zu",
					    dialogs[i].name, cut, second);
			}
		}
	}
}

/* --- input --- */

struct pipe_in {
	struct input	in;
	int		reader;
};

static void
pipe_open(struct pipe_in *p, bool tty)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	p->reader = fds[0];
	input_init(&p->in);
	input_open(&p->in, &fds[1], tty);
}

static void
expect(int fd, const char *want)
{
	char got[256] = "";
	ssize_t n = read(fd, got, sizeof(got) - 1);

	assert_int_equal(n, (ssize_t)strlen(want));
	assert_string_equal(got, want);
}

static void
prompt_goes_before_what_came_earlier(void **state)
{
	struct pipe_in p;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	input_init(&p.in);
	assert_int_equal(input_add(&p.in, "later\n", 6), INPUT_QUEUED);
	assert_false(input_pending(&p.in));
	assert_int_equal(input_first(&p.in, "prompt\n", 7), 0);
	assert_false(input_first_done(&p.in));
	input_open(&p.in, &fds[1], false);
	assert_true(input_pending(&p.in));
	input_flush(&p.in);
	assert_true(input_first_done(&p.in));
	assert_false(input_pending(&p.in));
	expect(fds[0], "prompt\nlater\n");
	input_fini(&p.in);
	close(fds[0]);
}

static void
full_then_whole_or_not_at_all(void **state)
{
	autofree char *big = mem_zalloc(1, LIMIT_INPUT_QUEUE + 1);
	struct pipe_in p;
	size_t before;

	(void)state;
	pipe_open(&p, false);
	assert_int_equal(input_add(&p.in, big, LIMIT_INPUT_QUEUE + 1),
	    INPUT_FULL);
	assert_int_equal(input_add(&p.in, big, LIMIT_INPUT_QUEUE),
	    INPUT_QUEUED);
	assert_int_equal(input_add(&p.in, big, 1), INPUT_FULL);
	input_flush(&p.in);		/* as much as the pipe takes */
	assert_true(input_pending(&p.in));
	before = buf_left(&p.in.q);
	assert_true(before < LIMIT_INPUT_QUEUE);
	assert_int_equal(input_add(&p.in, big, LIMIT_INPUT_QUEUE - before + 1),
	    INPUT_FULL);
	assert_int_equal(buf_left(&p.in.q), before);
	assert_int_equal(input_add(&p.in, big, LIMIT_INPUT_QUEUE - before),
	    INPUT_QUEUED);
	input_fini(&p.in);
	close(p.reader);
}

static void
eof_closes_a_pipe_after_the_last_byte(void **state)
{
	struct pipe_in p;
	char c;

	(void)state;
	pipe_open(&p, false);
	assert_int_equal(input_add(&p.in, "x", 1), INPUT_QUEUED);
	input_eof(&p.in, false);
	assert_int_equal(input_add(&p.in, "y", 1), INPUT_CLOSED);
	input_flush(&p.in);
	assert_int_equal(read(p.reader, &c, 1), 1);
	assert_int_equal(read(p.reader, &c, 1), 0);
	assert_int_equal(input_add(&p.in, "y", 1), INPUT_CLOSED);
	assert_false(input_pending(&p.in));
	input_fini(&p.in);
	close(p.reader);
}

static void
a_sink_accepts_and_drops(void **state)
{
	struct pipe_in p;
	char c;

	(void)state;
	pipe_open(&p, false);
	assert_int_equal(input_add(&p.in, "early", 5), INPUT_QUEUED);
	assert_int_equal(input_first(&p.in, "P", 1), 0);
	input_eof(&p.in, true);
	assert_int_equal(input_add(&p.in, "late", 4), INPUT_QUEUED);
	input_flush(&p.in);
	assert_int_equal(read(p.reader, &c, 1), 1);
	assert_int_equal(c, 'P');
	assert_int_equal(read(p.reader, &c, 1), 0);
	assert_int_equal(input_add(&p.in, "late", 4), INPUT_QUEUED);
	input_close(&p.in);
	assert_int_equal(input_add(&p.in, "late", 4), INPUT_CLOSED);
	input_fini(&p.in);
	close(p.reader);
}

static void
a_reader_that_is_gone_closes_it(void **state)
{
	struct pipe_in p;

	(void)state;
	pipe_open(&p, false);
	assert_int_equal(input_first(&p.in, "prompt", 6), 0);
	close(p.reader);
	assert_int_equal(input_add(&p.in, "x", 1), INPUT_QUEUED);
	input_flush(&p.in);
	assert_int_equal(input_add(&p.in, "y", 1), INPUT_CLOSED);
	assert_false(input_pending(&p.in));
	assert_false(input_first_done(&p.in));
	input_fini(&p.in);
}

static void
a_terminal_ends_by_veof(void **state)
{
	static const struct {
		const char	*in, *out;
	} rows[] = {
		{ "", "\004" }, { "line\n", "line\n\004" },
		{ "part", "part\004\004" },
	};
	struct pipe_in p;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		pipe_open(&p, true);
		(void)input_add(&p.in, rows[i].in, strlen(rows[i].in));
		input_eof(&p.in, false);
		input_flush(&p.in);
		expect(p.reader, rows[i].out);
		input_answer(&p.in, "\033[0n", 4);
		assert_true(input_pending(&p.in));
		input_flush(&p.in);
		expect(p.reader, "\033[0n");
		assert_false(input_pending(&p.in));
		input_fini(&p.in);
		close(p.reader);
	}
}

/* --- window --- */

static void
window_replays_what_is_not_acknowledged(void **state)
{
	struct msg_run_exit end = { .exit_code = 3 };
	struct window w;
	uint64_t n;

	(void)state;
	window_init(&w);
	for (n = 1; n <= 5; n++)
		window_event(&w, n, "x", 1);
	for (n = 1; n <= 3; n++) {
		assert_int_equal(window_next(&w)->event.n, n);
		window_did_send(&w);
	}
	assert_int_equal(window_ack(&w, 4), -EPROTO);	/* not sent */
	assert_int_equal(window_ack(&w, 2), 0);
	assert_int_equal(window_ack(&w, 1), -EPROTO);	/* backwards */
	assert_int_equal(window_unacked(&w), 3);

	assert_int_equal(window_resume(&w, 1), -EPROTO);
	assert_int_equal(window_resume(&w, 4), -EPROTO);
	assert_int_equal(window_resume(&w, 2), 0);
	assert_int_equal(window_next(&w)->event.n, 3);
	assert_int_equal(window_ack(&w, 3), -EPROTO);	/* not sent again */
	window_exit(&w, &end);
	for (n = 3; n <= 6; n++) {
		assert_non_null(window_next(&w));
		assert_int_equal(n == 6 ? window_next(&w)->exit.n :
		    window_next(&w)->event.n, n);
		window_did_send(&w);
	}
	assert_null(window_next(&w));
	assert_int_equal(window_resume(&w, 6), 0);
	assert_int_equal(window_unacked(&w), 0);
	assert_null(window_next(&w));
	window_fini(&w);
}

static void
window_is_bounded(void **state)
{
	autofree char *big = mem_zalloc(1, LIMIT_EVENT_PAYLOAD);
	struct msg_run_exit end = { 0 };
	struct window w;
	unsigned i;

	(void)state;
	window_init(&w);
	for (i = 0; !window_full(&w); i++)
		window_event(&w, 1, "x", 1);
	assert_int_equal(i, WINDOW_WRITES);
	window_exit(&w, &end);		/* always fits */
	window_fini(&w);
	for (i = 0; !window_full(&w); i++)
		window_event(&w, 1, big, LIMIT_EVENT_PAYLOAD);
	assert_true(w.bytes <= LIMIT_RUNNER_WINDOW);
	assert_true(w.bytes > LIMIT_RUNNER_WINDOW - 2 * LIMIT_EVENT_PAYLOAD);
	window_fini(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queries_are_answered_across_any_border),
		cmocka_unit_test(prompt_goes_before_what_came_earlier),
		cmocka_unit_test(full_then_whole_or_not_at_all),
		cmocka_unit_test(eof_closes_a_pipe_after_the_last_byte),
		cmocka_unit_test(a_sink_accepts_and_drops),
		cmocka_unit_test(a_reader_that_is_gone_closes_it),
		cmocka_unit_test(a_terminal_ends_by_veof),
		cmocka_unit_test(window_replays_what_is_not_acknowledged),
		cmocka_unit_test(window_is_bounded),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
