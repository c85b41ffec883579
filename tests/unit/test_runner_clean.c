/* Secrets on their way through a whole runner: wherever they are cut. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "redact/redact.h"
#include "tests/unit/runner_world.h"

static const struct world_spec pipes = { .transport = TRANSPORT_PIPES };

static void
raw(int fd)
{
	struct termios t;

	assert_int_equal(tcgetattr(fd, &t), 0);
	cfmakeraw(&t);
	assert_int_equal(tcsetattr(fd, TCSANOW, &t), 0);
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
}

/* With a wait after each that is long, or not. */
struct secret {
	const char		*name;
	enum transport		 transport;
	const char		*in[3];
	int			 wait_ms;
	const char		*out;
};

#define LONG_WAIT	(3 * LIMIT_REDACT_HOLD_MS)

static const struct secret secrets[] = {
	{ "in two", TRANSPORT_PIPES, { "sk-Abcde12345", "fGhIj67890 x" }, 10,
	    "sk-" REDACTED " x" },
	{ "on a terminal", TRANSPORT_PTY, { "GH_TOK", "EN=hun", "ter2 x" }, 10,
	    "GH_TOKEN=" REDACTED " x" },
	{ "with long waits", TRANSPORT_PIPES, { "sk-Abcde", "12345fGhIj",
	    "67890 x" }, LONG_WAIT, "sk-Abcde" REDACTED " x" },
	{ "a beginning that is none", TRANSPORT_PTY, { "sk-Abcde ", "x" }, 10,
	    "sk-Abcde x" },
	{ "nothing follows", TRANSPORT_PIPES, { "sk-Abcde" }, 0, "sk-Abcde" },
	{ "a member", TRANSPORT_STREAM, { "{\"token\":\"hun", "ter2\"}\n" },
	    10, "{\"token\":\"" REDACTED "\"}\n" },
};

static void
secrets_are_not_sent(void **state)
{
	struct world w;
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(secrets); i++) {
		const struct secret *s = &secrets[i];
		struct world_spec spec = { .transport = s->transport };
		bool on_tty = s->transport == TRANSPORT_PTY;

		world_start(&w, &spec);
		if (on_tty)
			raw(w.tty);
		for (k = 0; k < nitems(s->in) && s->in[k] != NULL; k++) {
			world_say(on_tty ? w.tty : w.io[1], s->in[k]);
			world_run(&w, s->wait_ms);
		}
		world_payload_ends(&w);
		world_init_ends(&w, 0, 0);
		assert_true(world_wait(&w, world_ended, SOON));
		print_message("    %s\n", s->name);
		assert_string_equal(buf_head(&w.out), s->out);
		world_end(&w);
	}
}

static bool
has_beginning(const struct world *w)
{
	return buf_left(&w->out) == strlen("sk-Abc");
}

/* Held back, but not for ever. */
static void
what_may_begin_a_secret_is_sent_in_the_end(void **state)
{
	struct world w;

	(void)state;
	world_start(&w, &pipes);
	world_say(w.io[1], "sk-Abc");
	assert_true(world_wait(&w, has_beginning, SOON));
	world_payload_ends(&w);
	world_init_ends(&w, 0, 0);
	assert_true(world_wait(&w, world_ended, SOON));
	world_end(&w);
}

static void
no_start_without_patterns(void **state)
{
	struct world_spec spec = { .transport = TRANSPORT_PIPES,
	    .without_patterns = true };
	struct world w;

	(void)state;
	world_start(&w, &spec);
	assert_int_equal(world_wait_status(&w, SOON), 9);
	assert_int_equal(w.events, 0);
	world_end(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(secrets_are_not_sent),
		cmocka_unit_test(what_may_begin_a_secret_is_sent_in_the_end),
		cmocka_unit_test(no_start_without_patterns),
	};
	const struct CMUnitTest confined[] = {
		cmocka_unit_test(secrets_are_not_sent),
	};

	return world_main(tests, nitems(tests), confined, nitems(confined));
}
