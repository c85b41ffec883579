/* covenctl against a scripted daemon: what a person would see. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>

#include "common/mem.h"
#include "covenctl/ctl.h"
#include "tests/unit/ctl_replies.h"
#include "tests/unit/test_ctl_server.h"

static void
exec_keeps_stdout_and_stderr_apart(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED,
		R("GET", "/events?afterSeq=0&limit=1000&waitMs=20000 ", 200,
		    PAGE(OUT(3, "one\\\\n") ",")),
		RUNNING,
	};
	static const struct rule good[] = {
		LAUNCHED,
		R("GET", "/events?afterSeq=0&limit=1000&waitMs=20000 ", 200,
		    PAGE(OUT(3, "one\\\\n") "," EVENT(5, "output",
		    "{\\\"data\\\":\\\"bad\\\\n\\\",\\\"stream\\\":"
		    "\\\"stderr\\\"}"))),
		R("GET", "/events?afterSeq=5&", 200,
		    PAGE(OUT(7, "two\\\\n") "," END(8, 7))),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, good, nitems(good));
	o = CTL(&f, "exec", "--env", "A=1", "--env", "A=2", "--", "prog",
	    "-x", "--json");
	assert_string_equal(o->out, "one\ntwo\n");
	assert_string_equal(o->err, "bad\n");
	assert_int_equal(o->status, 7);
	assert_non_null(strstr(fake_log(&f),
	    "\"argv\":[\"prog\",\"-x\",\"--json\"]"));
	assert_non_null(strstr(fake_log(&f), "\"env\":{\"A\":\"2\"}"));
	assert_non_null(strstr(fake_log(&f), "\"stdin\":false,\"tty\":false"));
	fake_stop(&f);

	/* A page that is no JSON is refused, not guessed at. */
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "exec", "true");
	assert_int_equal(o->status, CTL_UNTRUSTED);
	assert_non_null(strstr(o->err, "not valid JSON"));
	fake_stop(&f);
}

static void
exec_writes_bytes_that_are_not_text(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED,
		R("GET", "/events?", 200, PAGE(EVENT(1, "output",
		    "{\\\"data\\\":\\\"?\\\",\\\"b64\\\":\\\"AP8bWzJK\\\"}")
		    "," END(2, 0))),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "exec", "true");
	assert_int_equal(o->status, 0);
	assert_int_equal(o->out_len, 6);
	assert_memory_equal(o->out, "\0\xff\033[2J", 6);
	fake_stop(&f);
}

static const struct {
	const char	*name, *payload;
	int		 status;
} ends[] = {
	{ "signal", "{\\\"status\\\":\\\"failed\\\",\\\"exitCode\\\":null,"
	    "\\\"signal\\\":15}", 143 },
	{ "code", "{\\\"status\\\":\\\"failed\\\",\\\"exitCode\\\":42}", 42 },
	{ "no code", "{\\\"status\\\":\\\"failed\\\",\\\"exitCode\\\":null}",
	    1 },
	{ "killed", "{\\\"status\\\":\\\"killed\\\",\\\"exitCode\\\":null}",
	    137 },
};

static void
exec_ends_as_its_command(void **state)
{
	struct outcome *o;
	struct fake f;

	(void)state;
	for (size_t i = 0; i < nitems(ends); i++) {
		char page[512];
		struct rule rules[] = { LAUNCHED,
			R("GET", "/events?", 200, page) };

		(void)snprintf(page, sizeof(page), PAGE("{\"seq\":1,"
		    "\"kind\":\"exit\",\"payload_json\":\"%s\"}"),
		    ends[i].payload);
		fake_start(&f, rules, nitems(rules));
		o = CTL(&f, "exec", "true");
		if (o->status != ends[i].status)
			fail_msg("%s: %d %s", ends[i].name, o->status, o->err);
		fake_stop(&f);
	}
}

static const struct {
	int		 http;
	const char	*body;
	int		 status;
} refusals[] = {
	{ 500, REFUSED("launch_failed",
	    "execve: No such file or directory"), 127 },
	{ 500, REFUSED("launch_failed", "execve: Permission denied"), 126 },
	{ 500, REFUSED("launch_failed", "Session could not be launched: "
	    "exec: No such file or directory"), 127 },
	{ 500, REFUSED("launch_failed", "mount: Permission denied"), 1 },
	{ 500, REFUSED("launch_failed",
	    "mount /usr/libexec: Permission denied"), 1 },
	{ 400, REFUSED("invalid_request", "no such folder"), 1 },
	{ 503, REFUSED("internal_error", "stored is away"), 1 },
};

static void
exec_that_was_not_launched(void **state)
{
	struct outcome *o;
	struct fake f;

	(void)state;
	for (size_t i = 0; i < nitems(refusals); i++) {
		struct rule rules[] = { R("POST", "/sessions ",
		    refusals[i].http, refusals[i].body) };

		fake_start(&f, rules, nitems(rules));
		o = CTL(&f, "exec", "nothing");
		assert_int_equal(o->status, refusals[i].status);
		assert_int_equal(strncmp(o->err, "covenctl: ", 10), 0);
		fake_stop(&f);
	}
}

/* An end without an exit event: the record says how. */
static void
exec_that_was_orphaned(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED, R("GET", "/events?", 200, PAGE("")),
		R("GET", "/sessions/s1 ", 200,
		    "{\"id\":\"s1\",\"status\":\"orphaned\","
		    "\"exit_code\":null}"),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "exec", "true");
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->err, "orphaned"));
	fake_stop(&f);
}

/* What its own supervision repairs does not end the following. */
static void
exec_outlives_a_restarted_apid(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED,
		R("GET", "/events?", 503, REFUSED("internal_error", "away"),
		    .times = 1),
		R("GET", "/events?", 0, NULL,
		    .raw = "HTTP/1.1 200 OK\r\nCon", .times = 1),
		R("GET", "/events?", 200, PAGE(END(2, 3))),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "exec", "true");
	assert_int_equal(o->status, 3);
	assert_string_equal(o->err, "");
	fake_stop(&f);
}

static void
exec_forwards_stdin(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED, RUNNING,
		R("POST", "/sessions/s1/input ", 500,
		    "{\"error\":{\"code\":\"send_input_failed\",\"message\":"
		    "\"full\",\"details\":{\"retryable\":true}}}", .times = 2),
		R("POST", "/sessions/s1/input ", 202, ACCEPTED),
		R("GET", "/events?", 200, PAGE(END(2, 0)),
		    .after = "\"eof\":true"),
		R("GET", "/events?", 200, PAGE("")),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = ctl(&f, "gr\xc3\xbc\n", 5,
	    (const char *const []){ "exec", "cat", NULL });
	assert_string_equal(o->err, "");
	assert_int_equal(o->status, 0);
	assert_non_null(strstr(fake_log(&f), "\"stdin\":true"));
	assert_non_null(strstr(fake_log(&f), "{\"data\":\"gr\xc3\xbc\\n\"}"));
	assert_non_null(strstr(fake_log(&f), "{\"data\":\"\",\"eof\":true}"));
	fake_stop(&f);

	fake_start(&f, rules, nitems(rules));
	o = ctl(&f, "\0\xff", 2, (const char *const []){ "exec", "cat", NULL });
	assert_int_equal(o->status, 0);
	assert_non_null(strstr(fake_log(&f), "{\"b64\":\"AP8=\"}"));
	fake_stop(&f);
}

/* A command that does not read its input is not an error. */
static void
exec_ignores_input_after_the_end(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED,
		R("POST", "/input ", 409,
		    REFUSED("session_not_live", "it has ended")),
		R("GET", "/events?", 200, PAGE(END(2, 0)), .after = "/input"),
		R("GET", "/events?", 200, PAGE("")), RUNNING,
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = ctl(&f, "x", 1, (const char *const []){ "exec", "true", NULL });
	assert_int_equal(o->status, 0);
	assert_string_equal(o->err, "");
	fake_stop(&f);
}

/* Input that is lost half-way must not pass for all of it. */
static void
exec_ends_a_session_whose_input_is_lost(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED, RUNNING,
		R("POST", "/input ", 500,
		    REFUSED("send_input_failed", "lost")),
		R("POST", "/kill ", 202, ACCEPTED),
		R("GET", "/events?", 200, PAGE(EVENT(2, "exit",
		    "{\\\"status\\\":\\\"killed\\\",\\\"exitCode\\\":null}")),
		    .after = "/kill"),
		R("GET", "/events?", 200, PAGE("")),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = ctl(&f, "x", 1, (const char *const []){ "exec", "cat", NULL });
	assert_int_equal(o->status, CTL_FAILED);
	assert_non_null(strstr(fake_log(&f), "/sessions/s1/kill"));
	fake_stop(&f);
}

static void
interrupts_go_to_the_command_then_kill(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED, RUNNING,
		R("POST", "/sessions/s1/signal ", 202, ACCEPTED),
		R("POST", "/sessions/s1/kill ", 202, ACCEPTED),
		R("GET", "/events?", 200, PAGE(EVENT(1, "kill",
		    "{\\\"status\\\":\\\"killed\\\"}") "," EVENT(2, "exit",
		    "{\\\"status\\\":\\\"failed\\\",\\\"exitCode\\\":null}")),
		    .after = "/kill"),
		R("GET", "/events?", 200, PAGE("")),
	};
	const char *const args[] = { "exec", "sleep", "99", NULL };
	struct running r;
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	ctl_begin(&r, &f, NULL, 0, args);
	fake_wait(&f, "/events?");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	fake_wait(&f, "/signal HTTP/1.1 {\"signal\":\"INT\"}");
	assert_null(strstr(fake_log(&f), "/kill"));
	assert_int_equal(kill(r.pid, SIGINT), 0);
	o = ctl_end(&r);
	assert_int_equal(o->status, 137);
	assert_non_null(strstr(fake_log(&f), "/kill HTTP/1.1 {}"));
	fake_stop(&f);
}

static void
a_closed_output_ends_the_session(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED, R("POST", "/kill ", 202, ACCEPTED),
		R("GET", "/events?", 200, PAGE(OUT(1, "y\\\\n"))),
	};
	const char *argv[] = { "covenctl", "exec", "yes", NULL };
	int p[2], status;
	struct fake f;
	pid_t pid;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	assert_int_equal(pipe(p), 0);
	(void)close(p[0]);
	pid = fork();
	if (pid == 0) {
		(void)dup2(open("/dev/null", O_RDONLY), 0);
		(void)dup2(p[1], 1);
		(void)setenv("COVEN_HOME", f.home, 1);
		(void)signal(SIGPIPE, SIG_IGN);
		_exit(ctl_main(3, (char **)(uintptr_t)argv));
	}
	(void)close(p[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 128 + SIGPIPE);
	assert_non_null(strstr(fake_log(&f), "/kill"));
	fake_stop(&f);
}

/* covenctl on a terminal of its own: what the terminal got, and its modes. */
static int
on_terminal(const struct fake *f, int argc, const char *const *argv,
    bool input, char *out, size_t len, struct termios *after)
{
	int master, slave, status;
	size_t n = 0;
	ssize_t k;
	pid_t pid;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDONLY);

		(void)close(master);
		if (login_tty(slave) == -1)
			_exit(3);
		if (!input)
			(void)dup2(null, 0);
		(void)setenv("COVEN_HOME", f->home, 1);
		(void)signal(SIGPIPE, SIG_IGN);
		_exit(ctl_main(argc, (char **)(uintptr_t)argv));
	}
	while (n + 1 < len && waitpid(pid, &status, WNOHANG) == 0) {
		struct pollfd p = { .fd = master, .events = POLLIN };

		if (poll(&p, 1, 20) == 1 && (p.revents & POLLIN) != 0 &&
		    (k = read(master, out + n, len - 1 - n)) > 0)
			n += (size_t)k;
	}
	(void)fcntl(master, F_SETFL, O_NONBLOCK);
	while ((k = read(master, out + n, len - 1 - n)) > 0)
		n += (size_t)k;
	out[n] = '\0';
	assert_int_equal(tcgetattr(slave, after), 0);
	(void)close(slave);
	(void)close(master);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define HOSTILE	OUT(1, "\\\\u001b]0;owned\\\\u0007\\\\u001b[31mred\\\\u001b[0m")

static void
run_escapes_what_reaches_a_terminal(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED,
		R("GET", "/events?", 200, PAGE(HOSTILE "," END(2, 0))),
	};
	const char *const argv[] = { "covenctl", "run", "claude", "fix",
	    "it", NULL };
	struct termios t;
	struct outcome *o;
	char out[4096];
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	assert_int_equal(on_terminal(&f, 5, argv, false, out, sizeof(out), &t),
	    0);
	assert_non_null(strstr(out, "session s1"));
	assert_non_null(strstr(out,
	    "\\x1b]0;owned\\x07\033[31mred\033[0m\033[0m"));
	assert_non_null(strstr(fake_log(&f), "\"harness\":\"claude\","
	    "\"prompt\":\"fix it\",\"launchMode\":\"nonInteractive\""));
	/* Into a file it goes as it is. */
	o = CTL(&f, "run", "claude", "fix", "it");
	assert_string_equal(o->out, "\033]0;owned\007\033[31mred\033[0m");
	fake_stop(&f);
}

static void
exec_on_a_terminal_is_raw_and_restored(void **state)
{
	static const struct rule rules[] = {
		LAUNCHED,
		R("GET", "/events?", 200, PAGE(HOSTILE "," END(2, 4))),
	};
	const char *const argv[] = { "covenctl", "exec", "vi", NULL };
	struct termios t;
	char out[4096];
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	assert_int_equal(on_terminal(&f, 3, argv, true, out, sizeof(out), &t),
	    4);
	assert_string_equal(out, "\033]0;owned\007\033[31mred\033[0m");
	assert_true((t.c_lflag & (ECHO | ICANON)) == (ECHO | ICANON));
	assert_non_null(strstr(fake_log(&f),
	    "\"stdin\":true,\"tty\":true,\"rows\":24,\"cols\":80"));
	fake_stop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exec_keeps_stdout_and_stderr_apart),
		cmocka_unit_test(exec_writes_bytes_that_are_not_text),
		cmocka_unit_test(exec_ends_as_its_command),
		cmocka_unit_test(exec_that_was_not_launched),
		cmocka_unit_test(exec_that_was_orphaned),
		cmocka_unit_test(exec_outlives_a_restarted_apid),
		cmocka_unit_test(exec_forwards_stdin),
		cmocka_unit_test(exec_ignores_input_after_the_end),
		cmocka_unit_test(exec_ends_a_session_whose_input_is_lost),
		cmocka_unit_test(interrupts_go_to_the_command_then_kill),
		cmocka_unit_test(a_closed_output_ends_the_session),
		cmocka_unit_test(run_escapes_what_reaches_a_terminal),
		cmocka_unit_test(exec_on_a_terminal_is_raw_and_restored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
