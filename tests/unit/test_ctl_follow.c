/* Streams of events, and the keys that leave: machines, then a daemon's. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "covenctl/ctl.h"
#include "covenctl/detach.h"
#include "covenctl/sse.h"
#include "tests/unit/test_ctl_server.h"

static const struct {
	const char	*name, *in, *want;	/* "[event|data]" each */
} streams[] = {
	{ "one", "event: a\ndata: x\n\n", "[a|x]" },
	{ "without a name", "data: x\n\n", "[message|x]" },
	{ "lines of data", "data: x\ndata:y\n\n", "[message|x\ny]" },
	{ "CRLF and CR", "event: a\r\ndata: x\r\n\r\ndata: y\r\r",
	    "[a|x][message|y]" },
	{ "comments, ids, unknown fields", ": beat\n\nid: 7\nretry: 1\nfoo\n"
	    "data: x\n\n", "[message|x]" },
	{ "no data, no event", "event: a\n\n\n", "" },
	{ "empty data", "data\n\n", "[message|]" },
	{ "two blanks", "data:  x\n\n", "[message| x]" },
	{ "not ended", "data: x\n", "" },
	{ "a name is of its event", "event: a\ndata: x\n\ndata: y\n\n",
	    "[a|x][message|y]" },
};

static void
note(void *ctx, const char *event, const char *data, size_t len)
{
	(void)buf_addf(ctx, "[%s|%.*s]", event, (int)len, data);
}

static void
streams_are_parsed_as_they_come(void **state)
{
	(void)state;
	for (size_t i = 0; i < nitems(streams); i++)
		for (size_t at = 0; at <= strlen(streams[i].in); at++) {
			autobuf struct buf got = { 0 };
			struct sse s;

			(void)buf_adds(&got, "");
			sse_init(&s, note, &got);
			assert_int_equal(sse_feed(&s, streams[i].in, at), 0);
			assert_int_equal(sse_feed(&s, streams[i].in + at,
			    strlen(streams[i].in) - at), 0);
			sse_fini(&s);
			if (strcmp(buf_left(&got) != 0 ? buf_head(&got) : "",
			    streams[i].want) != 0)
				fail_msg("%s, cut at %zu: %s", streams[i].name,
				    at, buf_head(&got));
		}
}

static void
endless_events_are_refused(void **state)
{
	char chunk[65536];
	struct sse s;
	int r = 0;

	(void)state;
	memset(chunk, 'x', sizeof(chunk));
	sse_init(&s, note, NULL);
	for (size_t n = 0; r == 0 && n < 2 * SSE_EVENT_MAX; n += sizeof(chunk))
		r = sse_feed(&s, chunk, sizeof(chunk));
	assert_int_equal(r, -EMSGSIZE);
	sse_fini(&s);
}

static const struct {
	const char	*keys, *in, *out;
	bool		 left;
} typed[] = {
	{ "ctrl-]", "abc", "abc", false },
	{ "ctrl-]", "abc\035def", "abc", true },
	{ "^]", "\035", "", true },
	{ "CTRL-p,ctrl-q", "a\020b\020\021c", "a\020b", true },
	{ "ctrl-p,ctrl-q", "\020\020\021", "\020", true },
	{ "ctrl-p,ctrl-q", "x\020", "x", false },	/* held */
	{ "~,.", "a~b~.", "a~b", true },
	{ "a,a,b", "aaab", "a", true },
	{ "none", "\035", "\035", false },
};

static void
keys_leave_wherever_a_read_ends(void **state)
{
	static const char *const bad[] = { "", "ctrl-", "ctrl-1", "ab",
	    "a,,b", "a,b,c,d,e", "\001", "ctrl-]," };
	struct detach d;

	(void)state;
	for (size_t i = 0; i < nitems(typed); i++)
		for (size_t at = 0; at <= strlen(typed[i].in); at++) {
			autobuf struct buf b = { 0 };
			bool left;

			assert_int_equal(detach_parse(&d, typed[i].keys), 0);
			left = detach_feed(&d, typed[i].in, at, &b) ||
			    detach_feed(&d, typed[i].in + at,
			    strlen(typed[i].in) - at, &b);
			assert_int_equal(left, typed[i].left);
			assert_string_equal(buf_left(&b) != 0 ?
			    buf_head(&b) : "", typed[i].out);
		}
	for (size_t i = 0; i < nitems(bad); i++)
		assert_int_equal(detach_parse(&d, bad[i]), -EINVAL);
}

#define ABLE	"{\"ok\":true,\"capabilities\":{\"sessionStream\":true}}"
#define STREAM	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
		"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
#define OUT(n, text) "id: " #n "\nevent: output\ndata: {\"seq\":" #n \
    ",\"kind\":\"output\",\"payload_json\":\"{\\\"data\\\":\\\"" text \
    "\\\"}\"}\n\n"
#define EXIT(n, code) "id: " #n "\nevent: exit\ndata: {\"seq\":" #n \
    ",\"kind\":\"exit\",\"payload_json\":\"{\\\"status\\\":\\\"completed\\\"," \
    "\\\"exitCode\\\":" #code "}\"}\n\n"
#define HEALTH	{ .method = "GET", .target = "/health ", .status = 200, \
		.body = ABLE }

static void
a_session_is_followed_by_its_stream(void **state)
{
	static const struct rule rules[] = {
		HEALTH,
		{ .method = "GET", .target = "/stream?afterSeq=0 ", .raw =
		    STREAM OUT(3, "one ") ": beat\n\n" OUT(5, "two ") },
		/* The rest after a part of the daemon was started again. */
		{ .method = "GET", .target = "/stream?afterSeq=5 ", .raw =
		    STREAM OUT(5, "two ") OUT(9, "three") EXIT(11, 3)
		    "event: end\ndata: {\"status\":\"failed\"}\n\n" },
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "attach", "s1");
	assert_string_equal(o->out, "one two three");
	assert_int_equal(o->status, 3);
	o = CTL(&f, "logs", "-f", "s1");
	assert_string_equal(o->out, "one two three");
	assert_int_equal(o->status, 0);
	assert_null(strstr(fake_log(&f), "/events"));
	fake_stop(&f);
}

static void
a_stream_that_is_none_is_refused(void **state)
{
	static const struct rule no[] = {
		HEALTH,
		{ .method = "GET", .target = "/stream?", .status = 404,
		    .body = "{\"error\":{\"code\":\"session_not_found\","
		    "\"message\":\"no such session\"}}" },
	};
	static const struct rule bad[] = {
		HEALTH,
		{ .method = "GET", .target = "/stream?", .raw = STREAM
		    "data: nonsense\n\n" },
	};
	/* Nobody asked for one there. */
	static const struct rule elsewhere[] = {
		{ .method = "GET", .target = "/sessions?", .raw = STREAM },
	};
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, no, nitems(no));
	o = CTL(&f, "attach", "s1");
	assert_int_equal(o->status, CTL_FAILED);
	assert_non_null(strstr(o->err, "no such session"));
	fake_stop(&f);
	fake_start(&f, bad, nitems(bad));
	o = CTL(&f, "attach", "s1");
	assert_int_equal(o->status, CTL_UNTRUSTED);
	fake_stop(&f);
	fake_start(&f, elsewhere, nitems(elsewhere));
	o = CTL(&f, "sessions");
	assert_int_equal(o->status, CTL_UNTRUSTED);
	assert_non_null(strstr(o->err, "stream of events"));
	fake_stop(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_are_parsed_as_they_come),
		cmocka_unit_test(endless_events_are_refused),
		cmocka_unit_test(keys_leave_wherever_a_read_ends),
		cmocka_unit_test(a_session_is_followed_by_its_stream),
		cmocka_unit_test(a_stream_that_is_none_is_refused),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
