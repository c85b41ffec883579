/* covenctl on sessions that there are: lists, records, what verbs send. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "covenctl/ctl.h"
#include "tests/unit/ctl_replies.h"
#include "tests/unit/test_ctl_server.h"

static void
sessions_are_listed_by_pages(void **state)
{
	static const struct rule rules[] = {
		R("GET", "/sessions?limit=200&includeArchived=true ", 200,
		    "{\"sessions\":[{\"id\":\"a1\",\"status\":\"running\","
		    "\"harness\":\"exec\",\"title\":\"t\\u001b[2J\\nx\","
		    "\"project_root\":\"/p\",\"created_at\":"
		    "\"2020-01-02T03:04:05.000000000Z\"}],"
		    "\"next_cursor\":\"c-1\"}"),
		R("GET", "&cursor=c-1 ", 200,
		    "{\"sessions\":[{\"id\":\"b2\"}],\"next_cursor\":null}"),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "sessions", "--all");
	assert_int_equal(o->status, 0);
	assert_non_null(strstr(o->out, "a1"));
	assert_non_null(strstr(o->out, "b2"));
	assert_null(strchr(o->out, '\033'));
	o = CTL(&f, "--json", "sessions", "--all");
	assert_int_equal(strncmp(o->out, "[{\"id\":\"a1\",", 12), 0);
	assert_non_null(strstr(o->out, ",{\"id\":\"b2\"}]\n"));
	fake_stop(&f);
}

#define ROW(id, status, harness, more) "{\"id\":\"" id "\"," \
    "\"status\":\"" status "\",\"harness\":\"" harness "\"" more "}"

static void
sessions_are_filtered(void **state)
{
	static const struct rule rules[] = {
		R("GET", "/sessions?limit=200&includeArchived=false&"
		    "query=a%20b%26%C3%BC ", 200, "{\"sessions\":[" ROW("q",
		    "idle", "codex", "") "],\"next_cursor\":null}"),
		R("GET", "/sessions?limit=200&includeArchived=", 200,
		    "{\"sessions\":[" ROW("r1", "running", "exec", "") ","
		    ROW("r2", "running", "claude", "") ","
		    ROW("c1", "created", "exec", "") ","
		    ROW("x1", "completed", "exec", ",\"archived_at\":\"T\"")
		    "],\"next_cursor\":null}"),
	};
	static const struct {
		const char *status, *harness, *want;
	} rows[] = {
		{ "live", "exec", "r1\nc1\n" },
		{ "running", "claude", "r2\n" },
		{ "archived", "exec", "x1\n" },
		{ "failed", "exec", "" },
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	for (size_t i = 0; i < nitems(rows); i++) {
		o = CTL(&f, "sessions", "--ids", "--status", rows[i].status,
		    "--harness", rows[i].harness);
		assert_int_equal(o->status, 0);
		assert_string_equal(o->out, rows[i].want);
	}
	assert_non_null(strstr(fake_log(&f), "includeArchived=true"));
	o = CTL(&f, "sessions", "--ids", "--search", "a b&\xc3\xbc");
	assert_string_equal(o->out, "q\n");
	o = CTL(&f, "sessions", "--status", "gone");
	assert_int_equal(o->status, CTL_USAGE);
	assert_non_null(strstr(o->err, "one of: live created"));
	fake_stop(&f);
}

static void
logs_prints_what_it_printed(void **state)
{
	static const struct rule rules[] = {
		R("GET", "/events?afterSeq=0&limit=1000&waitMs=0 ", 200,
		    PAGE(OUT(3, "one\\\\n") "," END(8, 7))),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "logs", "s1");
	assert_string_equal(o->out, "one\n");
	assert_int_equal(o->status, 0);
	fake_stop(&f);
}

static void
records_are_put_aside_and_deleted(void **state)
{
	static const struct rule rules[] = {
		R("POST", "/sessions/s1/archive ", 200, ACCEPTED),
		R("POST", "/sessions/s1/summon ", 404,
		    REFUSED("not_found", "Route not found.")),
		R("DELETE", "/sessions/s1 ", 200, ACCEPTED),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	assert_int_equal(CTL(&f, "archive", "s1")->status, 0);
	o = CTL(&f, "summon", "s1");
	assert_int_equal(o->status, CTL_FAILED);
	assert_non_null(strstr(o->err, "covenctl restart"));
	o = CTL(&f, "sacrifice", "s1");
	assert_int_equal(o->status, CTL_USAGE);
	assert_non_null(strstr(o->err, "give --yes"));
	assert_null(strstr(fake_log(&f), "DELETE"));
	assert_int_equal(CTL(&f, "sacrifice", "-y", "s1")->status, 0);
	assert_non_null(strstr(fake_log(&f), "DELETE"));
	fake_stop(&f);
}

static void
verbs_send_what_they_say(void **state)
{
	static const struct rule rules[] = {
		R("POST", "/sessions/s1/input ", 202, ACCEPTED),
		R("POST", "/sessions/s1/kill ", 202, ACCEPTED),
		R("GET", "/sessions/s1/log ", 200,
		    "[{\"ts\":\"T\",\"level\":\"info\","
		    "\"message\":\"a\\nb\"}]"),
		R("GET", "/events?afterSeq=4&limit=1000&waitMs=0 ", 200,
		    PAGE(OUT(5, "x") "," END(6, 3))),
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	assert_int_equal(CTL(&f, "input", "s1", "yes")->status, 0);
	assert_non_null(strstr(fake_log(&f), "{\"data\":\"yes\\n\"}"));
	assert_int_equal(CTL(&f, "input", "--no-newline", "s1", "n")->status,
	    0);
	assert_non_null(strstr(fake_log(&f), "{\"data\":\"n\"}"));
	o = CTL(&f, "kill", "s1", "--json");
	assert_int_equal(o->status, 0);
	assert_string_equal(o->out, ACCEPTED "\n");
	assert_string_equal(CTL(&f, "log", "s1")->out, "T info a\\nb\n");
	o = CTL(&f, "events", "s1", "--after", "4");
	assert_int_equal(o->status, 0);
	assert_int_equal(strncmp(o->out, "5 2026-01-02T03:04:05.000000000Z "
	    "output {\"data\":\"x\"}\n6 ", 52), 0);
	/* attach: the same session's output and status. */
	o = CTL(&f, "kill", "nobody");
	assert_int_equal(o->status, 1);
	fake_stop(&f);
}

static void
attach_follows_and_leaves(void **state)
{
	static const struct rule rules[] = {
		{ .method = "GET", .target = "/health ", .status = 200,
		    .health = true },
		R("GET", "/events?afterSeq=0&", 200, PAGE(OUT(1, "hello"))),
		R("GET", "/events?", 200, PAGE("")), RUNNING,
	};
	const char *const args[] = { "attach", "s1", NULL };
	struct running r;
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	ctl_begin(&r, &f, NULL, 0, args);
	fake_wait(&f, "/events?afterSeq=1&");
	assert_int_equal(kill(r.pid, SIGINT), 0);
	o = ctl_end(&r);
	assert_int_equal(o->status, 130);
	assert_string_equal(o->out, "hello");
	assert_non_null(strstr(o->err, "goes on"));
	assert_null(strstr(fake_log(&f), "/kill"));
	fake_stop(&f);
}

static const struct {
	const char	*args[6];
} wrong[] = {
	{ { NULL } }, { { "nonsense" } }, { { "exec" } }, { { "kill" } },
	{ { "kill", "a", "b" } }, { { "status", "--all" } },
	{ { "--nonsense" } }, { { "sessions", "--limit", "0" } },
	{ { "sessions", "--limit" } }, { { "exec", "--env", "x", "true" } },
	{ { "exec", "--tty", "--no-tty", "true" } }, { { "log", "a b" } },
	{ { "log", "a?b" } }, { { "status", "--json=1" } },
	{ { "exec", "\xff" } }, { { "-x", "status" } },
	{ { "run", "--stream", "--interactive", "a", "b" } },
};

static void
wrong_usage_sends_nothing(void **state)
{
	static const struct rule rules[] = { RUNNING };
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	for (size_t i = 0; i < nitems(wrong); i++) {
		struct outcome *o = ctl(&f, NULL, 0, wrong[i].args);

		if (o->status != CTL_USAGE || o->out_len != 0)
			fail_msg("row %zu: %d %s", i, o->status, o->err);
	}
	assert_string_equal(fake_log(&f), "");
	fake_stop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_are_listed_by_pages),
		cmocka_unit_test(sessions_are_filtered),
		cmocka_unit_test(logs_prints_what_it_printed),
		cmocka_unit_test(records_are_put_aside_and_deleted),
		cmocka_unit_test(verbs_send_what_they_say),
		cmocka_unit_test(attach_follows_and_leaves),
		cmocka_unit_test(wrong_usage_sends_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
