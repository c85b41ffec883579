/* Stored between a monitor, an apid and runners: what it says, and when. */
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

#include <sha2.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "tests/unit/stored_peers.h"

static char id[UUID_LEN];

/* --- launch and end --- */

static void
a_session_from_launch_to_end(void **state)
{
	struct peer *r = &w.runner[0];

	(void)state;
	launch(r, "", id);
	expect_session(id, "running null");
	say_output(r, 1, OUT("a"));
	say_output(r, 2, OUT("b"));
	expect_ack(r, 2);
	expect_session(id, "running null");
	say_exit(r, 3, 0);
	expect_ack(r, 3);
	peer_close(r);
	say_gone(id, "exited");
	expect_settled(id);
	expect_session(id, "completed 0");
	expect_events(id, "output" OUT("a") "output" OUT("b")
	    EXIT("completed", "0"));
	assert_int_equal(w.stored.nruns, 0);
}

static void
how_a_session_ends(void **state)
{
	static const struct {
		const char	*conversation;
		uint32_t	 has_code;
		int		 code;
		uint32_t	 failed;
		const char	*session, *event;
	} rows[] = {
		{ "", 1, 0, 0, "completed 0", EXIT("completed", "0") },
		{ "c", 1, 0, 0, "idle 0", EXIT("completed", "0") },
		{ "c", 1, 3, 1, "failed 3", EXIT("failed", "3") },
		{ "", 1, 7, 0, "failed 7", EXIT("failed", "7") },
		{ "", 0, 0, 1, "failed null", EXIT("failed", "null") },
		{ "", 1, 0, 1, "failed 0", EXIT("failed", "0") },
	};
	struct peer *r = &w.runner[0];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct msg_run_exit m = { .n = 1, .has_code = rows[i].has_code,
		    .exit_code = rows[i].code, .signo = 0,
		    .failed = rows[i].failed };

		launch(r, rows[i].conversation, id);
		peer_send(r, MSG_RUN_EXIT, &m);
		expect_ack(r, 1);
		say_gone(id, "exited");
		expect_settled(id);
		expect_session(id, rows[i].session);
		expect_events(id, rows[i].event);
	}
}

static void
the_monitor_gets_the_digest_of_what_it_is_given(void **state)
{
	struct msg_launch m = { .tag = 1 };
	struct msg_run_spec spec = { .harness = "codex", .title = "t" };
	autobuf struct buf b = { 0 };
	uint8_t digest[32];
	struct got *g;
	SHA2_CTX sha;

	(void)state;
	peer_send_record(&w.apid, MSG_LAUNCH, &m, MSG_RUN_SPEC, &spec);
	g = peer_expect(&w.monitor, MSG_RUN_PREPARE);
	assert_int_equal(memfd_read(g->fd, LIMIT_BULK, &b), 0);
	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)buf_head(&b), buf_left(&b));
	SHA256Final(digest, &sha);
	assert_int_equal(g->m.run_prepare.digest.len, 32);
	assert_memory_equal(g->m.run_prepare.digest.p, digest, 32);
}

static void
the_answer_is_the_row_as_inserted(void **state)
{
	struct msg_run_started started = { .id = id };
	struct peer *r = &w.runner[0];
	autobuf struct buf b = { 0 };
	union msg_any any;
	struct got *g;

	(void)state;
	launch_prepare("c", id);
	say_prepared(id, RUN_OK);
	(void)peer_expect(&w.monitor, MSG_RUN_START);
	give_runner(r, id);
	(void)peer_expect(r, MSG_RESUME);
	/* It is over before the monitor says that it began. */
	say_exit(r, 1, 0);
	expect_ack(r, 1);
	peer_send(&w.monitor, MSG_RUN_STARTED, &started);
	g = peer_expect(&w.apid, MSG_REPLY);
	assert_int_equal(g->m.reply.code, STORE_OK);
	assert_int_equal(memfd_read(g->fd, LIMIT_BULK, &b), 0);
	assert_int_equal(msg_decode_exact(buf_head(&b), buf_left(&b),
	    MSG_SESSION_ROW, &any), 0);
	assert_string_equal(any.session_row.id, id);
	assert_string_equal(any.session_row.status, "running");
	assert_string_equal(any.session_row.project_root, "/p");
	assert_string_equal(any.session_row.title, "a title");
	assert_string_equal(any.session_row.labels, "[]");
	assert_string_equal(any.session_row.conversation_id, "c");
	assert_int_equal(strlen(any.session_row.created_at), 30);
	expect_session(id, "idle 0");
}

static void
a_refusal_leaves_no_row(void **state)
{
	static const struct {
		enum run_code	run;
		enum store_code	store;
		const char	*text;
	} rows[] = {
		{ RUN_BAD_ROOT, STORE_BAD_ROOT, "because" },
		{ RUN_ROOT_REFUSED, STORE_BAD_ROOT, "because" },
		{ RUN_CWD_OUTSIDE, STORE_BAD_CWD, "because" },
		{ RUN_BAD_CWD, STORE_BAD_CWD, "because" },
		{ RUN_LIMIT, STORE_UNAVAILABLE, "because" },
		{ RUN_STOPPING, STORE_UNAVAILABLE, "because" },
		{ RUN_NO_HARNESS, STORE_LAUNCH_FAILED,
		    "\tprepare: because" },
		{ RUN_ERROR, STORE_LAUNCH_FAILED, "\tprepare: because" },
		{ 99, STORE_LAUNCH_FAILED, "\tprepare: because" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		launch_prepare("", id);
		say_prepared(id, rows[i].run);
		expect_code(rows[i].store);
		assert_string_equal(w.apid.last->m.reply.text, rows[i].text);
		expect_session(id, "absent");
	}
	peer_expect_nothing(&w.monitor);
	assert_int_equal(w.stored.nruns, 0);
	assert_int_equal(w.stored.nlaunches, 0);
	assert_int_equal(w.stored.record_bytes, 0);
}

static void
a_failed_start_leaves_a_failed_row(void **state)
{
	struct msg_run_failed m = { .id = id, .step = "mount",
	    .text = "no such folder" };
	char want[128];

	(void)state;
	launch_prepare("", id);
	say_prepared(id, RUN_OK);
	(void)peer_expect(&w.monitor, MSG_RUN_START);
	expect_session(id, "running null");
	w.tag--;
	peer_send(&w.monitor, MSG_RUN_FAILED, &m);
	expect_code(STORE_LAUNCH_FAILED);
	(void)snprintf(want, sizeof(want), "%s\tmount: no such folder", id);
	assert_string_equal(w.apid.last->m.reply.text, want);
	expect_settled(id);
	w.tag++;
	expect_session(id, "failed null");
	/* Should it be said to be gone as well: no harm. */
	say_gone(id, "never was");
	expect_settled(id);
	expect_session(id, "failed null");
	assert_int_equal(w.stored.nruns, 0);
}

/* --- kill --- */

/* The monitor forgets it on our word alone, also when we died meanwhile. */
static void
a_failed_start_before_a_crash_is_settled_after_it(void **state)
{
	struct msg_run_failed m = { .id = id, .step = "stored",
	    .text = "it restarted meanwhile" };

	(void)state;
	launch_prepare("", id);
	say_prepared(id, RUN_OK);
	(void)peer_expect(&w.monitor, MSG_RUN_START);
	stored_down();
	stored_up();
	world_serve(1);
	expect_session(id, "orphaned null");
	peer_send(&w.monitor, MSG_RUN_FAILED, &m);
	expect_settled(id);
	expect_session(id, "orphaned null");
}

static void
a_kill_is_answered_when_the_tree_is_gone(void **state)
{
	struct peer *r = &w.runner[0];
	struct got *g;

	(void)state;
	launch(r, "", id);
	say_output(r, 1, OUT("a"));
	expect_ack(r, 1);
	ask_kill(id);
	g = peer_expect(&w.monitor, MSG_RUN_KILL);
	assert_string_equal(g->m.run_kill.id, id);
	peer_expect_nothing(&w.apid);
	/* Its exit is acknowledged, so that it goes, but waits. */
	say_exit(r, 2, 143);
	expect_ack(r, 2);
	peer_expect_nothing(&w.apid);
	peer_close(r);
	say_gone(id, "killed");
	expect_settled(id);
	expect_code(STORE_OK);
	expect_session(id, "killed null");
	expect_events(id, "output" OUT("a") KILLED EXIT("failed", "143"));
	ask_kill(id);
	expect_code(STORE_NOT_LIVE);
}

static void
a_kill_without_an_exit(void **state)
{
	struct peer *r = &w.runner[0];

	(void)state;
	launch(r, "", id);
	ask_kill(id);
	ask_kill(id);		/* both wait for the same end */
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	pump_idle();
	say_gone(id, "killed");
	w.tag--;
	expect_code(STORE_OK);
	w.tag++;
	expect_code(STORE_OK);
	expect_settled(id);
	expect_session(id, "killed null");
	expect_events(id, KILLED EXIT("failed", "null"));
}

static void
what_a_dead_runner_left_comes_before_its_end(void **state)
{
	struct peer *r = &w.runner[0];
	struct msg_run_gone gone = { .id = id, .cause = "killed" };

	(void)state;
	launch(r, "", id);
	ask_kill(id);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	/* All in one turn: the order of sockets in it is nobody's promise. */
	peer_send(&w.monitor, MSG_RUN_GONE, &gone);
	say_output(r, 1, OUT("last"));
	say_output(r, 2, OUT("words"));
	peer_close(r);
	expect_settled(id);
	expect_code(STORE_OK);
	expect_events(id, "output" OUT("last") "output" OUT("words") KILLED
	    EXIT("failed", "null"));
}

static void
a_kill_during_the_start_waits_for_it(void **state)
{
	struct msg_run_started started = { .id = id };
	struct peer *r = &w.runner[0];

	(void)state;
	launch_prepare("", id);
	say_prepared(id, RUN_OK);
	(void)peer_expect(&w.monitor, MSG_RUN_START);
	ask_kill(id);
	peer_expect_nothing(&w.monitor);
	give_runner(r, id);
	peer_send(&w.monitor, MSG_RUN_STARTED, &started);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	w.tag--;
	expect_code(STORE_OK);	/* of the launch */
	w.tag++;
	say_gone(id, "killed");
	expect_code(STORE_OK);
	expect_session(id, "killed null");
}

static void
what_cannot_be_killed(void **state)
{
	struct msg_external ext = { .tag = ++w.tag };
	struct msg_ext_spec spec = { .id = "ext", .harness = "h",
	    .project_root = "/x", .title = "t" };
	struct msg_complete done = { .id = "ext" };

	(void)state;
	ask_kill("absent");
	expect_code(STORE_NOT_FOUND);
	ext.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_EXTERNAL, &ext, MSG_EXT_SPEC, &spec);
	expect_code(STORE_CREATED);
	ask_kill("ext");
	expect_code(STORE_EXTERNAL_UNKILLABLE);
	done.tag = ++w.tag;
	peer_send(&w.apid, MSG_COMPLETE, &done);
	expect_code(STORE_OK);
	ask_kill("ext");
	expect_code(STORE_NOT_LIVE);
}

static void
a_kill_that_does_not_happen_is_said(void **state)
{
	struct run *run;

	(void)state;
	launch(&w.runner[0], "", id);
	ask_kill(id);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	run = run_find(&w.stored, id);
	timer_start(w.loop, &run->kill_timer, 1);	/* not ten seconds */
	expect_code(STORE_KILL_FAILED);
	expect_session(id, "running null");
	ask_kill(id);			/* and again */
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	say_gone(id, "killed");
	expect_code(STORE_OK);
	expect_session(id, "killed null");
}

/* --- a runner's numbers --- */

static void
a_replay_after_a_crash_is_stored_once(void **state)
{
	struct peer *r = &w.runner[0];
	struct got *g;

	(void)state;
	launch(r, "", id);
	say_output(r, 1, OUT("a"));
	say_output(r, 2, OUT("b"));
	expect_ack(r, 2);
	/* Written, but stored goes before it turns: never acknowledged. */
	say_output(r, 3, OUT("c"));
	stored_down();
	stored_up();
	give_runner(r, id);
	pump_idle();
	peer_expect_nothing(r);		/* not before SERVE */
	world_serve(1);
	g = peer_expect(r, MSG_RESUME);
	assert_int_equal(g->m.resume.n, 2);
	say_output(r, 2, OUT("b"));	/* a repeat is acknowledged */
	expect_ack(r, 2);
	say_output(r, 3, OUT("c"));
	say_exit(r, 4, 0);
	expect_ack(r, 4);
	say_exit(r, 4, 0);		/* also of the last one */
	expect_ack(r, 4);
	say_gone(id, "exited");
	expect_settled(id);
	expect_events(id, "output" OUT("a") "output" OUT("b") "output"
	    OUT("c") EXIT("completed", "0"));
}

static void
an_end_before_a_crash_is_settled_after_it(void **state)
{
	struct peer *r = &w.runner[0];
	struct got *g;

	(void)state;
	launch(r, "", id);
	say_exit(r, 1, 5);
	expect_ack(r, 1);
	stored_down();
	stored_up();
	give_runner(r, id);
	world_serve(1);
	g = peer_expect(r, MSG_RESUME);
	assert_int_equal(g->m.resume.n, 1);
	say_gone(id, "exited");
	expect_settled(id);
	expect_session(id, "failed 5");
	expect_events(id, EXIT("failed", "5"));
}

static void
a_kill_before_a_crash_is_finished_after_it(void **state)
{
	struct peer *r = &w.runner[0];

	(void)state;
	launch(r, "", id);
	ask_kill(id);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	say_exit(r, 1, 143);
	expect_ack(r, 1);
	stored_down();
	stored_up();
	give_runner(r, id);
	world_serve(1);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	say_gone(id, "killed");
	expect_settled(id);
	expect_session(id, "killed null");
	expect_events(id, KILLED EXIT("failed", "143"));
}

/* The monitor knows nothing of it any more: its tree is gone. */
static void
a_kill_that_outlives_its_session_is_recovered(void **state)
{
	struct msg_serve serve = { 0 };
	struct peer *r = &w.runner[0];
	struct got *g;

	(void)state;
	launch(r, "", id);
	ask_kill(id);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	say_exit(r, 1, 143);
	expect_ack(r, 1);
	stored_down();
	stored_up();
	peer_send(&w.monitor, MSG_SERVE, &serve);
	g = peer_expect(&w.monitor, MSG_RECOVERED);
	assert_int_equal(g->m.recovered.orphaned, 1);
	give_apid();
	expect_session(id, "killed null");
	expect_events(id, KILLED EXIT("failed", "143"));
}

static void
lies_cost_the_liar_its_session(void **state)
{
	static const struct {
		const char	*name, *payload;
		uint64_t	 n;
		uint32_t	 kind;
	} rows[] = {
		{ "a gap", OUT("x"), 3, EVENT_OUTPUT },
		{ "number 0", OUT("x"), 0, EVENT_OUTPUT },
		{ "an exit event", "{}", 2, EVENT_EXIT },
		{ "no such kind", "{}", 2, 77 },
		{ "nothing", "", 2, EVENT_OUTPUT },
		{ "no object", "[]", 2, EVENT_OUTPUT },
		{ "half an object", "{", 2, EVENT_OUTPUT },
		{ "not UTF-8", "{\"\xff\"}", 2, EVENT_OUTPUT },
		{ "a raw newline", "{\n}", 2, EVENT_OUTPUT },
	};
	struct peer *r = &w.runner[0], *other = &w.runner[1];
	char second[UUID_LEN];
	uint64_t n = 0;
	size_t i;

	(void)state;
	launch(other, "", second);
	for (i = 0; i < nitems(rows); i++) {
		struct msg_event m = { .n = rows[i].n, .kind = rows[i].kind,
		    .payload = { rows[i].payload, strlen(rows[i].payload) } };

		launch(r, "", id);
		say_output(r, 1, OUT("a"));
		expect_ack(r, 1);
		peer_send(r, MSG_EVENT, &m);
		peer_expect_end(r);
		(void)peer_expect(&w.monitor, MSG_RUN_KILL);
		say_output(other, ++n, OUT("b"));
		expect_ack(other, n);
		expect_session(id, "running null");
		say_gone(id, "killed by a signal");
		expect_settled(id);
		expect_session(id, "failed null");
		expect_events(id, "output" OUT("a") EXIT("failed", "null"));
	}
}

static void
nothing_follows_an_exit(void **state)
{
	struct peer *r = &w.runner[0];

	(void)state;
	launch(r, "", id);
	say_exit(r, 1, 0);
	expect_ack(r, 1);
	say_output(r, 2, OUT("x"));
	peer_expect_end(r);
	say_gone(id, "ended");
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	expect_settled(id);
	expect_session(id, "completed 0");
	expect_events(id, EXIT("completed", "0"));
}

static void
a_runner_that_dies_without_an_exit(void **state)
{
	(void)state;
	launch(&w.runner[0], "", id);
	peer_close(&w.runner[0]);
	pump_idle();
	expect_session(id, "running null");
	say_gone(id, "runner: signal 9");
	expect_settled(id);
	expect_session(id, "failed null");
	expect_events(id, EXIT("failed", "null"));
}

/* --- recovery --- */

static void
recovery_settles_what_is_left(void **state)
{
	struct msg_serve serve = { .live = 1 };
	struct msg_ext_spec spec = { .id = "ext", .harness = "h" };
	struct msg_external ext = { 0 };
	char left[UUID_LEN];
	struct got *g;

	(void)state;
	launch(&w.runner[0], "", id);
	launch(&w.runner[1], "", left);
	ext.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_EXTERNAL, &ext, MSG_EXT_SPEC, &spec);
	expect_code(STORE_CREATED);
	stored_down();
	stored_up();
	give_runner(&w.runner[0], id);
	peer_send(&w.monitor, MSG_SERVE, &serve);
	g = peer_expect(&w.monitor, MSG_RECOVERED);
	assert_int_equal(g->m.recovered.orphaned, 1);
	assert_int_equal(g->m.recovered.expired, 0);
	give_apid();
	expect_session(id, "running null");
	expect_session(left, "orphaned null");
	expect_session("ext", "running null");
	/* The monitor may still say that it is gone. */
	say_gone(left, "gone");
	expect_settled(left);
	expect_session(left, "orphaned null");
}

static void
nobody_is_served_before_recovery(void **state)
{
	(void)state;
	stored_up();
	give_apid();
	pump_idle();
	assert_true(w.lied);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, world_setup_serving, \
	world_teardown)
#define COLD(f)	cmocka_unit_test_setup_teardown(f, world_setup, \
	world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_session_from_launch_to_end),
		CASE(how_a_session_ends),
		CASE(the_monitor_gets_the_digest_of_what_it_is_given),
		CASE(the_answer_is_the_row_as_inserted),
		CASE(a_refusal_leaves_no_row),
		CASE(a_failed_start_leaves_a_failed_row),
		CASE(a_failed_start_before_a_crash_is_settled_after_it),
		CASE(a_kill_is_answered_when_the_tree_is_gone),
		CASE(a_kill_without_an_exit),
		CASE(what_a_dead_runner_left_comes_before_its_end),
		CASE(a_kill_during_the_start_waits_for_it),
		CASE(what_cannot_be_killed),
		CASE(a_kill_that_does_not_happen_is_said),
		CASE(a_replay_after_a_crash_is_stored_once),
		CASE(an_end_before_a_crash_is_settled_after_it),
		CASE(a_kill_before_a_crash_is_finished_after_it),
		CASE(a_kill_that_outlives_its_session_is_recovered),
		CASE(lies_cost_the_liar_its_session),
		CASE(nothing_follows_an_exit),
		CASE(a_runner_that_dies_without_an_exit),
		CASE(recovery_settles_what_is_left),
		COLD(nobody_is_served_before_recovery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
