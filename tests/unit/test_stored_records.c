/* What may be done to a session that has ended, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/mem.h"
#include "common/memfd.h"
#include "tests/unit/stored_peers.h"

static char id[UUID_LEN];

static void
ask_archive(const char *session, bool archive)
{
	struct msg_session_archive m = { .tag = ++w.tag, .id = session,
	    .archive = archive };

	peer_send(&w.apid, MSG_SESSION_ARCHIVE, &m);
}

static void
ask_delete(const char *session)
{
	struct msg_session_delete m = { .tag = ++w.tag, .id = session };

	peer_send(&w.apid, MSG_SESSION_DELETE, &m);
}

/* Launched, ended, gone, settled. */
static void
whole_session(const char *output)
{
	launch(&w.runner[0], "", id);
	say_output(&w.runner[0], 1, output);
	say_exit(&w.runner[0], 2, 0);
	expect_ack(&w.runner[0], 2);
	say_gone(id, "");
	expect_settled(id);
	peer_close(&w.runner[0]);
}

static int64_t
number(const char *sql)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int64_t n;

	stored_down();
	assert_int_equal(sqlite3_open("coven.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	stored_up();
	world_serve(0);
	return n;
}

/* --- archive and summon --- */

static void
only_an_ended_one_is_archived(void **state)
{
	struct msg_external ext = { .tag = ++w.tag };
	struct msg_ext_spec spec = { .id = "x", .harness = "h",
	    .project_root = "/x", .title = "t" };

	(void)state;
	launch(&w.runner[0], "", id);
	ask_archive(id, true);
	expect_code(STORE_LIVE);
	ask_archive("absent", true);
	expect_code(STORE_NOT_FOUND);
	ext.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_EXTERNAL, &ext, MSG_EXT_SPEC, &spec);
	expect_code(STORE_CREATED);
	ask_archive("x", true);
	expect_code(STORE_LIVE);
	say_exit(&w.runner[0], 1, 3);
	expect_ack(&w.runner[0], 1);
	ask_archive(id, true);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, 1);
	/* What it was is kept. */
	expect_session(id, "failed 3");
}

/* How many a list has, and the archived_at of the first. */
static uint32_t
list(uint32_t archived, char at[RFC3339_LEN])
{
	struct msg_session_list m = { .tag = ++w.tag,
	    .include_archived = archived };
	autobuf struct buf b = { 0 };
	union msg_any row;
	uint32_t type;
	struct got *g;
	size_t used;

	peer_send(&w.apid, MSG_SESSION_LIST, &m);
	g = peer_expect(&w.apid, MSG_REPLY);
	assert_int_equal(g->m.reply.code, STORE_OK);
	at[0] = '\0';
	if (g->m.reply.rows == 0)
		return 0;
	assert_int_equal(memfd_read(g->fd, LIMIT_BULK, &b), 0);
	assert_int_equal(msg_decode(buf_head(&b), buf_left(&b), &type, &row,
	    &used), 0);
	(void)snprintf(at, RFC3339_LEN, "%s", row.session_row.archived_at);
	return g->m.reply.rows;
}

static void
an_archived_one_leaves_the_list_and_returns(void **state)
{
	char first[RFC3339_LEN], again[RFC3339_LEN];

	(void)state;
	whole_session(OUT("a"));
	ask_archive(id, true);
	expect_code(STORE_OK);
	assert_int_equal(list(0, again), 0);
	assert_int_equal(list(1, first), 1);
	assert_int_equal(strlen(first), RFC3339_LEN - 1);
	/* The second time it has been archived for as long. */
	ask_archive(id, true);
	expect_code(STORE_OK);
	assert_int_equal(list(1, again), 1);
	assert_string_equal(first, again);
	ask_archive(id, false);
	expect_code(STORE_OK);
	assert_int_equal(list(0, again), 1);
	assert_string_equal(again, "");
	ask_archive(id, false);
	expect_code(STORE_OK);
	expect_session(id, "completed 0");
}

/* --- delete --- */

static void
a_deleted_one_is_gone_with_its_events(void **state)
{
	struct msg_events m;

	(void)state;
	whole_session(OUT("a"));
	ask_delete(id);
	expect_code(STORE_OK);
	expect_session(id, "absent");
	m = events_of(id);
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_NOT_FOUND);
	ask_delete(id);
	expect_code(STORE_NOT_FOUND);
	assert_int_equal(number("SELECT count(*) FROM blocks"), 0);
	assert_int_equal(number("SELECT count(*) FROM sessions"), 0);
	assert_int_equal(number("SELECT count(*) FROM runs"), 0);
	assert_int_equal(number("SELECT count(*) FROM audit"
	    " WHERE verb = 'session.delete'"), 1);
	/* What comes next has a number that never was. */
	whole_session(OUT("b"));
	assert_int_equal(number("SELECT min(first) FROM blocks"), 3);
}

static void
a_live_one_is_not_deleted(void **state)
{
	(void)state;
	launch(&w.runner[0], "", id);
	ask_delete(id);
	expect_code(STORE_LIVE);
	/* Its end is on record, but its processes are there: it waits. */
	say_exit(&w.runner[0], 1, 0);
	expect_ack(&w.runner[0], 1);
	ask_delete(id);
	peer_expect_nothing(&w.apid);
	say_gone(id, "");
	expect_settled(id);
	expect_code(STORE_OK);
	expect_session(id, "absent");
}

static void
an_id_is_free_once_it_is_deleted(void **state)
{
	struct msg_external ext = { .tag = ++w.tag };
	struct msg_ext_spec spec = { .id = "x", .harness = "h",
	    .project_root = "/x", .title = "t" };
	struct msg_complete done = { .id = "x" };
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		ext.tag = ++w.tag;
		peer_send_record(&w.apid, MSG_EXTERNAL, &ext, MSG_EXT_SPEC,
		    &spec);
		expect_code(STORE_CREATED);
		ask_delete("x");
		expect_code(STORE_LIVE);
		done.tag = ++w.tag;
		peer_send(&w.apid, MSG_COMPLETE, &done);
		expect_code(STORE_OK);
		ask_delete("x");
		expect_code(STORE_OK);
		expect_session("x", "absent");
	}
}

/* --- searching --- */

/* How many sessions a search finds, and how many it may have missed. */
static uint32_t
search(const char *query, unsigned *behind)
{
	struct msg_session_list m = { .tag = ++w.tag, .query = query };
	struct got *g;

	peer_send(&w.apid, MSG_SESSION_LIST, &m);
	g = peer_expect(&w.apid, MSG_REPLY);
	assert_int_equal(g->m.reply.code, STORE_OK);
	*behind = (unsigned)strtoul(g->m.reply.text, NULL, 10);
	assert_true(*g->m.reply.text != '\0');
	return g->m.reply.rows;
}

static bool
up_to_date(void *ctx)
{
	(void)ctx;
	return search_behind(&w.stored) == 0;
}

static void
what_was_printed_is_found_later(void **state)
{
	struct msg_session_list m = { .query = "..." };
	unsigned behind;

	(void)state;
	launch(&w.runner[0], "", id);
	say_output(&w.runner[0], 1, OUT("needle"));
	expect_ack(&w.runner[0], 1);
	/* At once it says that it cannot know. */
	assert_int_equal(search("needle", &behind), 0);
	assert_true(behind != 0);
	pump_until(up_to_date, NULL);
	assert_int_equal(search("needle", &behind), 1);
	assert_int_equal(behind, 0);
	assert_int_equal(search("title", &behind), 1);
	assert_int_equal(search("haystack", &behind), 0);
	say_exit(&w.runner[0], 2, 0);
	expect_ack(&w.runner[0], 2);
	say_gone(id, "");
	expect_settled(id);
	ask_delete(id);
	expect_code(STORE_OK);
	assert_int_equal(search("needle", &behind), 0);
	pump_until(up_to_date, NULL);
	m.tag = ++w.tag;
	peer_send(&w.apid, MSG_SESSION_LIST, &m);
	expect_code(STORE_BAD_QUERY);
	/* Without words nothing is said of them. */
	m.tag = ++w.tag;
	m.query = "";
	peer_send(&w.apid, MSG_SESSION_LIST, &m);
	expect_code(STORE_OK);
	assert_string_equal(w.apid.last->m.reply.text, "");
}

static void
a_restart_finds_what_was_not_read(void **state)
{
	unsigned behind;

	(void)state;
	whole_session(OUT("needle"));
	stored_down();
	stored_up();
	world_serve(0);
	pump_until(up_to_date, NULL);
	assert_int_equal(search("needle", &behind), 1);
}

/* More than one transaction takes: seen by nobody at once, gone later. */
static bool
purged(void *ctx)
{
	(void)ctx;
	return !w.stored.upkeep.due[UPKEEP_PURGE];
}

static void
long_session(void)
{
	static char payload[9000];
	uint64_t n;

	memset(payload, 'x', sizeof(payload) - 1);
	memcpy(payload, "{\"data\":\"", 9);
	memcpy(payload + sizeof(payload) - 3, "\"}", 2);
	launch(&w.runner[0], "", id);
	for (n = 1; n <= 3 * LIMIT_PURGE_BLOCKS; n++) {
		say_output(&w.runner[0], n, payload);
		expect_ack(&w.runner[0], n);
	}
	say_exit(&w.runner[0], n, 0);
	expect_ack(&w.runner[0], n);
	say_gone(id, "");
	expect_settled(id);
	peer_close(&w.runner[0]);
}

static void
a_long_one_goes_in_pieces(void **state)
{
	(void)state;
	long_session();
	ask_delete(id);
	expect_code(STORE_OK);
	expect_session(id, "absent");
	assert_false(purged(NULL));
	pump_until(purged, NULL);
	assert_int_equal(number("SELECT count(*) FROM blocks"), 0);
	assert_int_equal(number("SELECT count(*) FROM sessions"), 0);
}

/* A stored that dies in between finishes it when it is back. */
static void
a_deletion_survives_a_crash(void **state)
{
	(void)state;
	long_session();
	ask_delete(id);
	expect_code(STORE_OK);
	assert_int_equal(number("SELECT count(*) > 0 FROM blocks"), 1);
	expect_session(id, "absent");
	pump_until(purged, NULL);
	assert_int_equal(number("SELECT count(*) FROM blocks"), 0);
	assert_int_equal(number("SELECT count(*) FROM sessions"), 0);
}

/* --- statistics --- */

static void
ask_stats(void)
{
	struct msg_session_stats m = { .tag = ++w.tag };

	peer_send(&w.apid, MSG_SESSION_STATS, &m);
}

/* The first row of the answer; how many there are. */
static uint32_t
expect_stats(struct msg_stats_row *out)
{
	static struct buf b;
	union msg_any row;
	uint32_t type;
	struct got *g = peer_expect(&w.apid, MSG_REPLY);
	size_t used;

	assert_int_equal(g->m.reply.code, STORE_OK);
	buf_clear(&b);
	assert_int_equal(memfd_read(g->fd, LIMIT_BULK, &b), 0);
	if (g->m.reply.rows != 0) {
		assert_int_equal(msg_decode(buf_head(&b), buf_left(&b), &type,
		    &row, &used), 0);
		assert_int_equal(type, MSG_STATS_ROW);
		*out = row.stats_row;
	}
	return g->m.reply.rows;
}

static void
say_stat(const char *session, uint32_t found)
{
	struct msg_run_stat_reply m = { .id = session, .found = found,
	    .cpu_us = 5, .memory = 6, .processes = 7, .capped = 1 };

	peer_send(&w.monitor, MSG_RUN_STAT_REPLY, &m);
}

static void
numbers_come_from_the_monitor(void **state)
{
	struct msg_stats_row row = { 0 };
	struct got *g;

	(void)state;
	ask_stats();
	assert_int_equal(expect_stats(&row), 0);
	w.stored.stats.known_ns = 0;
	launch(&w.runner[0], "", id);
	say_output(&w.runner[0], 1, OUT("abc"));
	expect_ack(&w.runner[0], 1);
	ask_stats();
	g = peer_expect(&w.monitor, MSG_RUN_STAT);
	assert_string_equal(g->m.run_stat.id, id);
	/* Who asks meanwhile waits for the same. */
	ask_stats();
	peer_expect_nothing(&w.apid);
	peer_expect_nothing(&w.monitor);
	say_stat(id, 1);
	assert_int_equal(expect_stats(&row), 1);
	assert_int_equal(expect_stats(&row), 1);
	assert_string_equal(row.id, id);
	assert_int_equal(row.measured, 1);
	assert_int_equal(row.cpu_us, 5);
	assert_int_equal(row.memory, 6);
	assert_int_equal(row.processes, 7);
	assert_int_equal(row.capped, 1);
	assert_int_equal(row.output_bytes, strlen(OUT("abc")));
	assert_true(row.age_ms < 60000);
	/* And who asks soon after does not ask the monitor. */
	ask_stats();
	assert_int_equal(expect_stats(&row), 1);
	peer_expect_nothing(&w.monitor);
}

static void
output_is_counted_over_restarts(void **state)
{
	struct msg_stats_row row = { 0 };

	(void)state;
	launch(&w.runner[0], "", id);
	say_output(&w.runner[0], 1, OUT("abc"));
	expect_ack(&w.runner[0], 1);
	stored_down();
	stored_up();
	give_runner(&w.runner[1], id);
	world_serve(1);
	(void)peer_expect(&w.runner[1], MSG_RESUME);
	say_output(&w.runner[1], 2, OUT("d"));
	expect_ack(&w.runner[1], 2);
	ask_stats();
	(void)peer_expect(&w.monitor, MSG_RUN_STAT);
	say_stat(id, 0);
	assert_int_equal(expect_stats(&row), 1);
	assert_int_equal(row.output_bytes, strlen(OUT("abc") OUT("d")));
	assert_int_equal(row.measured, 0);
}

static void
a_monitor_that_says_numbers_unasked_lies(void **state)
{
	(void)state;
	launch(&w.runner[0], "", id);
	say_stat(id, 1);
	pump_idle();
	assert_true(w.lied);
}

/* More sessions than are asked about at once, and some are gone by then. */
static void
many_are_asked_about_a_few_at_a_time(void **state)
{
	struct msg_stats_row row = { 0 };
	char ids[4][UUID_LEN];
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		launch(&w.runner[i], "", ids[i]);
	ask_stats();
	for (i = 0; i < 4; i++)
		(void)peer_expect(&w.monitor, MSG_RUN_STAT);
	say_exit(&w.runner[0], 1, 0);
	expect_ack(&w.runner[0], 1);
	say_gone(ids[0], "");
	expect_settled(ids[0]);
	for (i = 0; i < 4; i++)
		say_stat(ids[i], i != 0);
	assert_int_equal(expect_stats(&row), 3);
	/* Nobody is left to hear it. */
	w.stored.stats.known_ns = 0;
	ask_stats();
	peer_close(&w.apid);
	for (i = 1; i < 4; i++) {
		(void)peer_expect(&w.monitor, MSG_RUN_STAT);
		say_stat(ids[i], 1);
	}
	pump_idle();
	assert_false(w.stored.stats.running);
}

/* --- retention --- */

static bool
swept(void *ctx)
{
	(void)ctx;
	return !w.stored.upkeep.due[UPKEEP_RETAIN];
}

static void
sweep(void)
{
	retention_sweep(&w.stored);
	pump_until(swept, NULL);
}

/* The fixture's output is of 1970; its end is of now. */
static void
what_is_too_old_goes_and_numbers_go_on(void **state)
{
	unsigned behind;

	(void)state;
	whole_session(OUT("needle"));
	pump_until(up_to_date, NULL);
	assert_int_equal(search("needle", &behind), 1);
	w.stored.log_retention_days = 0;
	sweep();
	expect_events(id, "output" OUT("needle") EXIT("completed", "0"));
	w.stored.log_retention_days = 30;
	sweep();
	assert_true(w.stored.retention.swept_ns != 0);
	expect_events(id, EXIT("completed", "0"));
	expect_session(id, "completed 0");
	assert_int_equal(search("needle", &behind), 0);
	/* The row stays, and so does what it is called. */
	assert_int_equal(search("title", &behind), 1);
	/* W17: whatever goes, what comes next has a number that never was. */
	ask_delete(id);
	expect_code(STORE_OK);
	assert_int_equal(number("SELECT count(*) FROM blocks"), 0);
	whole_session(OUT("b"));
	assert_int_equal(number("SELECT min(first) FROM blocks"), 3);
}

static void
a_sweep_is_bounded(void **state)
{
	uint64_t n, many = LIMIT_RETAIN_EVENTS * LIMIT_RETAIN_PIECES + 2000;
	static char text[5000];
	struct peer *r = &w.runner[0];
	uint64_t oldest;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	memcpy(text, "{\"data\":\"", 9);
	memcpy(text + sizeof(text) - 3, "\"}", 2);
	launch(r, "", id);
	for (n = 1; n <= many; n++) {
		say_output(r, n, n % 10 != 0 ? OUT("x") : text);
		if (n % 100 == 0)
			expect_ack(r, n);
	}
	sweep();
	assert_int_equal(store_oldest_event(w.stored.store, &oldest), 0);
	assert_true(oldest != 0);
	sweep();
	assert_int_equal(store_oldest_event(w.stored.store, &oldest), 0);
	assert_int_equal(oldest, 0);
	/* It is live: its writes go on. */
	say_output(r, n, OUT("y"));
	expect_ack(r, n);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, world_setup_serving, \
	world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(only_an_ended_one_is_archived),
		CASE(an_archived_one_leaves_the_list_and_returns),
		CASE(a_deleted_one_is_gone_with_its_events),
		CASE(a_live_one_is_not_deleted),
		CASE(an_id_is_free_once_it_is_deleted),
		CASE(a_long_one_goes_in_pieces),
		CASE(a_deletion_survives_a_crash),
		CASE(what_was_printed_is_found_later),
		CASE(a_restart_finds_what_was_not_read),
		CASE(what_is_too_old_goes_and_numbers_go_on),
		CASE(a_sweep_is_bounded),
		CASE(numbers_come_from_the_monitor),
		CASE(output_is_counted_over_restarts),
		CASE(a_monitor_that_says_numbers_unasked_lies),
		CASE(many_are_asked_about_a_few_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
