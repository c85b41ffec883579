/* What apid asks of stored, and what it is answered. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/limits.h"
#include "common/memfd.h"
#include "common/shelf.h"
#include "tests/unit/stored_peers.h"

static char id[UUID_LEN];

/* --- reading --- */

static void
a_wait_ends_with_the_next_event(void **state)
{
	struct msg_events m;
	struct peer *r = &w.runner[0];
	char text[256];

	(void)state;
	launch(r, "", id);
	m = events_of(id);
	m.wait_ms = 60000;
	peer_send(&w.apid, MSG_EVENTS, &m);
	peer_expect_nothing(&w.apid);
	say_output(r, 1, OUT("a"));
	expect_code(STORE_OK);
	rows_text(w.apid.last, text, sizeof(text));
	assert_string_equal(text, "output" OUT("a"));
	/* There is something already: no wait. */
	m = events_of(id);
	m.wait_ms = 60000;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, 1);
	assert_string_equal(w.apid.last->m.reply.text, "");
	/* The end is an event, and nothing follows it. */
	m = events_of(id);
	m.wait_ms = 60000;
	m.has_after = 1;
	m.after_seq = 1;
	peer_send(&w.apid, MSG_EVENTS, &m);
	peer_expect_nothing(&w.apid);
	say_exit(r, 2, 0);
	expect_code(STORE_OK);
	rows_text(w.apid.last, text, sizeof(text));
	assert_string_equal(text, EXIT("completed", "0"));
	assert_string_equal(w.apid.last->m.reply.text, "completed");
	/* It has ended: nothing more to wait for. */
	m = events_of(id);
	m.wait_ms = 60000;
	m.has_after = 1;
	m.after_seq = 2;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, 0);
	assert_string_equal(w.apid.last->m.reply.text, "completed");
	assert_int_equal(w.stored.nwaits, 0);
	/* Not at the end of a page behind which there is more. */
	m = events_of(id);
	m.limit = 1;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_string_equal(w.apid.last->m.reply.text, "");
}

/* --- pages as JSON --- */

static void
ask_json(uint64_t after, uint32_t limit, enum store_code code)
{
	struct msg_events m = events_of(id);

	m.has_after = 1;
	m.after_seq = after;
	m.limit = limit;
	m.json = 1;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(code);
}

/* What the answer says, from the shelf or from its memfd. */
static void
json_text(struct buf *out)
{
	const struct msg_reply *m = &w.apid.last->m.reply;

	buf_clear(out);
	assert_int_equal(m->json, 1);
	if (m->shelf_len == 0) {
		assert_int_equal(memfd_read(w.apid.last->fd, LIMIT_REPLY,
		    out), 0);
		return;
	}
	assert_int_equal(w.apid.last->fd, -1);
	assert_true(shelf_holds(m->shelf_at, m->shelf_len));
	assert_int_equal(buf_add(out, w.shelf + m->shelf_at, m->shelf_len),
	    0);
}

#define AN_EVENT(seq, payload) "{\"seq\":" seq ",\"id\":\"%s\","	\
	"\"session_id\":\"%s\",\"kind\":\"output\",\"payload_json\":\""	\
	payload "\",\"created_at\":\"%.30s\"}"

static void
a_page_is_the_json_of_its_events(void **state)
{
	autobuf struct buf text = { 0 };
	char want[1024], first[UUID_LEN], second[UUID_LEN];
	struct peer *r = &w.runner[0];

	(void)state;
	launch(r, "", id);
	ask_json(0, 10, STORE_OK);
	json_text(&text);
	assert_string_equal(buf_head(&text),
	    "{\"events\":[],\"nextCursor\":null,\"hasMore\":false}");
	say_output(r, 1, "{\"data\":\"a \\\"b\\\" \xc3\xa9\\n\"}");
	say_output(r, 2, OUT("c"));
	expect_ack(r, 2);
	store_event_id(w.stored.store, 1, first);
	store_event_id(w.stored.store, 2, second);
	ask_json(0, 0, STORE_OK);
	json_text(&text);
	(void)snprintf(want, sizeof(want), "{\"events\":["
	    AN_EVENT("1", "{\\\"data\\\":\\\"a \\\\\\\"b\\\\\\\" \xc3\xa9"
	    "\\\\n\\\"}") "," AN_EVENT("2", "{\\\"data\\\":\\\"c\\\"}")
	    "],\"nextCursor\":{\"afterSeq\":2},\"hasMore\":false}",
	    first, id, strstr(buf_head(&text), "_at\":\"") + 6, second, id,
	    strstr(strstr(buf_head(&text), "_at\":\"") + 6, "_at\":\"") + 6);
	assert_string_equal(buf_head(&text), want);
	ask_json(0, 1, STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, 1);
	assert_int_equal(w.apid.last->m.reply.more, 1);
	json_text(&text);
	assert_non_null(strstr(buf_head(&text),
	    "\"nextCursor\":{\"afterSeq\":1},\"hasMore\":true}"));
}

/* A payload of n bytes, every second of them a quote as JSON has it. */
static void
say_quotes(struct peer *r, uint64_t n, size_t len)
{
	char *p = mem_alloc(len + 1);
	size_t i;

	memset(p, '"', len);
	for (i = 10; i + 3 < len; i += 2)
		p[i] = '\\';
	memcpy(p, "{\"data\":\"", 9);
	p[len - 2] = '"';
	p[len - 1] = '}';
	p[len] = '\0';
	say_output(r, n, p);
	free(p);
}

/* Answers are taken late or never; none is ever overwritten before. */
static void
the_shelf_is_not_written_under_a_reader(void **state)
{
	static struct {
		uint32_t	at, len;
		char		start[64];
	} given[64];
	struct msg_shelf_taken taken = { 0 };
	struct peer *r = &w.runner[0];
	unsigned i, n = 0, aside = 0;
	uint64_t after;

	(void)state;
	launch(r, "", id);
	for (i = 1; i <= 60; i++) {
		say_quotes(r, i, 40000 + i);
		expect_ack(r, i);
	}
	/* Too much for an answer: it names where it broke. */
	ask_json(0, 0, STORE_TOO_LARGE);
	assert_memory_equal(w.apid.last->m.reply.text, "53\t", 3);
	for (after = 0; after < 60; after++) {
		const struct msg_reply *m;
		unsigned k;

		if (after % 7 == 6) {
			taken.count = n;
			peer_send(&w.apid, MSG_SHELF_TAKEN, &taken);
			pump_idle();
		}
		ask_json(after, 20, STORE_OK);
		m = &w.apid.last->m.reply;
		aside += m->shelf_len == 0;
		if (m->shelf_len == 0)
			continue;
		given[n].at = m->shelf_at;
		given[n].len = m->shelf_len;
		memcpy(given[n].start, w.shelf + m->shelf_at, 64);
		for (k = (unsigned)taken.count; k <= n; k++)
			assert_memory_equal(given[k].start,
			    w.shelf + given[k].at, 64);
		n++;
	}
	assert_true(aside != 0 && n > 20);
	/* More than were given is a lie. */
	taken.count = n + 1;
	peer_send(&w.apid, MSG_SHELF_TAKEN, &taken);
	peer_expect_end(&w.apid);
}

static bool
reported(void *ctx)
{
	return w.stats.events == *(const uint64_t *)ctx;
}

static void
the_writer_is_reported(void **state)
{
	uint64_t events = 0, transactions;
	struct peer *r = &w.runner[0];

	(void)state;
	pump_until(reported, &events);
	launch(r, "", id);
	say_output(r, 1, OUT("a"));
	events = 1;
	pump_until(reported, &events);
	transactions = w.stats.transactions;
	assert_int_not_equal(transactions, 0);
	assert_int_equal(w.stats.queued, 0);
	assert_int_equal(w.stats.queued_bytes, 0);
	assert_int_equal(w.stats.stalled, 0);
	say_output(r, 2, OUT("b"));
	say_exit(r, 3, 0);
	events = 3;
	pump_until(reported, &events);
	assert_true(w.stats.transactions > transactions);
}

static void
a_wait_runs_out_or_is_cancelled(void **state)
{
	struct msg_cancel cancel;
	struct msg_events m;

	(void)state;
	launch(&w.runner[0], "", id);
	m = events_of(id);
	m.wait_ms = 30;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, 0);
	m = events_of(id);
	m.wait_ms = 60000;
	cancel = (struct msg_cancel){ .tag = m.tag };
	peer_send(&w.apid, MSG_EVENTS, &m);
	peer_send(&w.apid, MSG_CANCEL, &cancel);
	pump_idle();
	assert_int_equal(w.stored.nwaits, 0);
	say_output(&w.runner[0], 1, OUT("a"));
	expect_ack(&w.runner[0], 1);
	peer_expect_nothing(&w.apid);
}

static void
cursors(void **state)
{
	struct peer *r = &w.runner[0];
	char event[UUID_LEN], text[256];
	struct msg_events m;

	(void)state;
	launch(r, "", id);
	say_output(r, 1, OUT("a"));
	say_output(r, 2, OUT("b"));
	say_output(r, 3, OUT("c"));
	expect_ack(r, 3);
	m = events_of(id);
	m.limit = 2;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.more, 1);
	rows_text(w.apid.last, text, sizeof(text));
	assert_string_equal(text, "output" OUT("a") "output" OUT("b"));
	store_event_id(w.stored.store, 2, event);
	m = events_of(id);
	m.after_event = event;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.more, 0);
	rows_text(w.apid.last, text, sizeof(text));
	assert_string_equal(text, "output" OUT("c"));
	/* An unknown id is no cursor; a number goes first. */
	m = events_of(id);
	m.after_event = "never";
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, 3);
	m = events_of(id);
	m.after_event = event;
	m.has_after = 1;
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, 3);
	m = events_of("absent");
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_NOT_FOUND);
}

/* --- external --- */

static void
external_sessions(void **state)
{
	static const struct {
		uint32_t	 has_code;
		int		 code;
		const char	*want;
	} rows[] = {
		{ 0, 0, "completed null" },
		{ 1, 0, "completed 0" },
		{ 1, 2, "failed 2" },
		{ 0, 0, "completed null" },	/* overwrites */
	};
	struct msg_external m = { .tag = ++w.tag };
	struct msg_ext_spec spec = { .id = "a:b/c", .harness = "h",
	    .project_root = "/x", .title = "t" };
	struct msg_complete done = { .id = "a:b/c" };
	size_t i;

	(void)state;
	peer_send_record(&w.apid, MSG_EXTERNAL, &m, MSG_EXT_SPEC, &spec);
	expect_code(STORE_CREATED);
	m.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_EXTERNAL, &m, MSG_EXT_SPEC, &spec);
	expect_code(STORE_OK);
	for (i = 0; i < nitems(rows); i++) {
		done.tag = ++w.tag;
		done.has_code = rows[i].has_code;
		done.exit_code = rows[i].code;
		peer_send(&w.apid, MSG_COMPLETE, &done);
		expect_code(STORE_OK);
		expect_session("a:b/c", rows[i].want);
	}
	launch(&w.runner[0], "", id);
	m.tag = ++w.tag;
	spec.id = id;
	peer_send_record(&w.apid, MSG_EXTERNAL, &m, MSG_EXT_SPEC, &spec);
	expect_code(STORE_CONFLICT);
	done = (struct msg_complete){ .tag = ++w.tag, .id = id };
	peer_send(&w.apid, MSG_COMPLETE, &done);
	expect_code(STORE_NOT_EXTERNAL);
	done = (struct msg_complete){ .tag = ++w.tag, .id = "absent" };
	peer_send(&w.apid, MSG_COMPLETE, &done);
	expect_code(STORE_NOT_FOUND);
}

/* --- input and signals --- */

static void
ask_input(const char *session, const char *data)
{
	struct msg_input m = { .tag = ++w.tag, .id = session };
	struct msg_input_spec spec = { .data = { data, strlen(data) },
	    .payload = { OUT("in"), strlen(OUT("in")) }, .eof = 1 };

	peer_send_record(&w.apid, MSG_INPUT, &m, MSG_INPUT_SPEC, &spec);
}

static void
check_input(const char *session, enum store_code code)
{
	struct msg_input_check m = { .tag = ++w.tag, .id = session };

	peer_send(&w.apid, MSG_INPUT_CHECK, &m);
	expect_code(code);
}

static void
input_is_recorded_when_it_is_taken(void **state)
{
	static const struct {
		uint32_t	runner;
		enum store_code	code;
	} rows[] = {
		{ 0, STORE_OK }, { 1, STORE_INPUT_FULL },
		{ 2, STORE_NOT_LIVE },
	};
	struct msg_run_input_reply reply;
	struct peer *r = &w.runner[0];
	size_t i;

	(void)state;
	launch(r, "", id);
	check_input(id, STORE_OK);
	check_input("absent", STORE_NOT_FOUND);
	for (i = 0; i < nitems(rows); i++) {
		autobuf struct buf b = { 0 };
		struct got *g;

		ask_input(id, "hello\n");
		g = peer_expect(r, MSG_RUN_INPUT);
		assert_int_equal(g->m.run_input.eof, 1);
		assert_int_equal(memfd_read(g->fd, 100, &b), 0);
		assert_string_equal(buf_head(&b), "hello\n");
		peer_expect_nothing(&w.apid);
		reply = (struct msg_run_input_reply){
		    .tag = g->m.run_input.tag, .code = rows[i].runner };
		peer_send(r, MSG_RUN_INPUT_REPLY, &reply);
		expect_code(rows[i].code);
	}
	expect_events(id, "input" OUT("in"));
	/* An answer to what was never asked is a lie. */
	peer_send(r, MSG_RUN_INPUT_REPLY, &reply);
	peer_expect_end(r);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	check_input(id, STORE_NOT_LIVE);
	ask_input(id, "x");
	expect_code(STORE_NOT_LIVE);
	ask_input("absent", "x");
	expect_code(STORE_NOT_FOUND);
}

static void
an_input_whose_runner_dies_is_answered(void **state)
{
	(void)state;
	launch(&w.runner[0], "", id);
	ask_input(id, "x");
	(void)peer_expect(&w.runner[0], MSG_RUN_INPUT);
	peer_close(&w.runner[0]);
	expect_code(STORE_NOT_LIVE);
}

static void
ask_resize(const char *session, uint32_t rows)
{
	struct msg_resize m = { .tag = ++w.tag, .id = session, .rows = rows,
	    .cols = 80 };

	peer_send(&w.apid, MSG_RESIZE, &m);
}

static void
a_size_goes_to_the_runner_and_back(void **state)
{
	static const struct {
		uint32_t	runner;
		enum store_code	code;
	} rows[] = {
		{ 0, STORE_OK }, { 1, STORE_NO_TERMINAL },
		{ 2, STORE_NOT_LIVE },
	};
	struct msg_run_resize_reply reply;
	struct peer *r = &w.runner[0];
	struct got *g;
	size_t i;

	(void)state;
	launch(r, "", id);
	for (i = 0; i < nitems(rows); i++) {
		ask_resize(id, LIMIT_TTY_SIZE);
		g = peer_expect(r, MSG_RUN_RESIZE);
		assert_int_equal(g->m.run_resize.rows, LIMIT_TTY_SIZE);
		assert_int_equal(g->m.run_resize.cols, 80);
		reply = (struct msg_run_resize_reply){
		    .tag = g->m.run_resize.tag, .code = rows[i].runner };
		peer_send(r, MSG_RUN_RESIZE_REPLY, &reply);
		expect_code(rows[i].code);
	}
	ask_resize("absent", 1);
	expect_code(STORE_NOT_FOUND);
	/* One that dies with a question answers nobody; others do. */
	ask_resize(id, 1);
	(void)peer_expect(r, MSG_RUN_RESIZE);
	peer_close(r);
	expect_code(STORE_NOT_LIVE);
	ask_resize(id, 1);
	expect_code(STORE_NOT_LIVE);
	ask_resize(id, LIMIT_TTY_SIZE + 1);
	peer_expect_end(&w.apid);
}

static void
an_answer_to_no_resize_is_a_lie(void **state)
{
	struct msg_run_resize_reply reply = { .tag = 7 };

	(void)state;
	launch(&w.runner[0], "", id);
	peer_send(&w.runner[0], MSG_RUN_RESIZE_REPLY, &reply);
	peer_expect_end(&w.runner[0]);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
}

static void
only_listed_signals_pass(void **state)
{
	static const struct {
		uint32_t	signo;
		enum store_code	code;
	} rows[] = {
		{ SIGINT, STORE_OK }, { SIGWINCH, STORE_OK },
		{ SIGKILL, STORE_ERROR }, { SIGSTOP, STORE_ERROR },
		{ 0, STORE_ERROR }, { 4000000000u, STORE_ERROR },
	};
	struct msg_signal m = { .id = id };
	size_t i;

	(void)state;
	launch(&w.runner[0], "", id);
	for (i = 0; i < nitems(rows); i++) {
		m.tag = ++w.tag;
		m.signo = rows[i].signo;
		peer_send(&w.apid, MSG_SIGNAL, &m);
		expect_code(rows[i].code);
		if (rows[i].code == STORE_OK)
			assert_int_equal(peer_expect(&w.monitor,
			    MSG_RUN_SIGNAL)->m.run_signal.signo,
			    rows[i].signo);
	}
	peer_expect_nothing(&w.monitor);
	m = (struct msg_signal){ .tag = ++w.tag, .id = "absent",
	    .signo = SIGINT };
	peer_send(&w.apid, MSG_SIGNAL, &m);
	expect_code(STORE_NOT_FOUND);
}

/* --- apid comes and goes --- */

static void
what_apid_asked_for_goes_on_without_it(void **state)
{
	struct msg_run_started started = { .id = id };
	struct peer *r = &w.runner[0];

	(void)state;
	launch_prepare("", id);
	peer_close(&w.apid);
	pump_idle();
	say_prepared(id, RUN_OK);
	(void)peer_expect(&w.monitor, MSG_RUN_START);
	give_runner(r, id);
	(void)peer_expect(r, MSG_RESUME);
	give_apid();
	peer_send(&w.monitor, MSG_RUN_STARTED, &started);
	peer_expect_nothing(&w.apid);	/* the new one did not ask */
	expect_session(id, "running null");
}

static void
an_apid_that_lies_is_ended(void **state)
{
	struct msg_launch m = { .tag = 1 };
	struct msg_ext_spec wrong = { .id = "x" };
	struct peer *r = &w.runner[0];
	struct got *g;

	(void)state;
	launch(r, "", id);
	peer_send_record(&w.apid, MSG_LAUNCH, &m, MSG_EXT_SPEC, &wrong);
	peer_expect_end(&w.apid);
	/* The monitor is told, so that the liar is not left as it is. */
	g = peer_expect(&w.monitor, MSG_PEER_END);
	assert_int_equal(g->m.peer_end.role, ROLE_APID);
	assert_int_equal(g->m.peer_end.lied, 1);
	say_output(r, 1, OUT("a"));
	expect_ack(r, 1);
	give_apid();
	expect_session(id, "running null");
	expect_events(id, "output" OUT("a"));
}

static void
many_launches_at_once_are_bounded(void **state)
{
	struct msg_launch m = { 0 };
	struct msg_run_spec spec = { .harness = "exec" };
	int i;

	(void)state;
	for (i = 0; i < LIMIT_STORE_LAUNCHES; i++)
		launch_prepare("", id);
	m.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_LAUNCH, &m, MSG_RUN_SPEC, &spec);
	expect_code(STORE_UNAVAILABLE);
	say_prepared(id, RUN_LIMIT);
	w.tag--;
	expect_code(STORE_UNAVAILABLE);
	launch_prepare("", id);
}

static void
a_stop_waits_for_the_ends(void **state)
{
	struct msg_shutdown m = { 0 };
	struct msg_launch late = { 0 };
	struct msg_run_spec spec = { .harness = "exec" };
	struct peer *r = &w.runner[0];

	(void)state;
	launch(r, "", id);
	peer_send(&w.monitor, MSG_SHUTDOWN, &m);
	pump_idle();
	late.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_LAUNCH, &late, MSG_RUN_SPEC, &spec);
	expect_code(STORE_UNAVAILABLE);
	assert_int_equal(w.stored.nruns, 1);
	say_exit(r, 1, 1);
	expect_ack(r, 1);
	say_gone(id, "stopped");
	expect_settled(id);
	assert_int_equal(loop_run(w.loop), 0);	/* it has quit */
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, world_setup_serving, \
	world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_wait_ends_with_the_next_event),
		CASE(a_page_is_the_json_of_its_events),
		CASE(the_shelf_is_not_written_under_a_reader),
		CASE(the_writer_is_reported),
		CASE(a_wait_runs_out_or_is_cancelled),
		CASE(cursors),
		CASE(external_sessions),
		CASE(input_is_recorded_when_it_is_taken),
		CASE(an_input_whose_runner_dies_is_answered),
		CASE(a_size_goes_to_the_runner_and_back),
		CASE(an_answer_to_no_resize_is_a_lie),
		CASE(only_listed_signals_pass),
		CASE(what_apid_asked_for_goes_on_without_it),
		CASE(an_apid_that_lies_is_ended),
		CASE(many_launches_at_once_are_bounded),
		CASE(a_stop_waits_for_the_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
