/*
 * The audit in the store: every record is chained to the one before it, by
 * whatever way it came; what is written is text; nothing is taken back.
 */
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
#include "common/utf8.h"
#include "tests/unit/store_fixture.h"

/* --- walking a chain ----------------------------------------------------- */

struct walk {
	uint8_t			digest[DIGEST_LEN];
	uint64_t		next, count;
	char			verb[64], session[8192], detail[2048];
	bool			has_session, has_actor;
};

static int
on_record(void *ctx, const struct audit_record *r, const uint8_t *digest)
{
	struct walk *w = ctx;

	assert_non_null(digest);
	assert_true(r->n == w->next);
	audit_chain_next(w->digest, r);
	assert_memory_equal(w->digest, digest, DIGEST_LEN);
	w->next++;
	w->count++;
	(void)snprintf(w->verb, sizeof(w->verb), "%s", r->verb);
	(void)snprintf(w->session, sizeof(w->session), "%s",
	    r->session != NULL ? r->session : "");
	(void)snprintf(w->detail, sizeof(w->detail), "%s", r->detail);
	w->has_session = r->session != NULL;
	w->has_actor = r->actor != NULL;
	return 0;
}

/* All of it holds; what the last record says is in *w. */
static void
walk(struct walk *w)
{
	struct audit_head head;

	*w = (struct walk){ .next = 1 };
	store_audit_head(st, &head);
	audit_chain_start(head.chain, w->digest);
	assert_int_equal(store_audit_page(st, 0, UINT32_MAX, on_record, w),
	    0);
	assert_true(w->count == head.count);
	assert_memory_equal(w->digest, head.digest, DIGEST_LEN);
}

static void
add(enum audit_verb verb, const char *session, const char *detail)
{
	struct audit_entry e = { .verb = verb, .session = session,
	    .detail = detail };

	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_audit(st, &e), 0);
	assert_int_equal(store_commit(st), 0);
}

/* --- cases --------------------------------------------------------------- */

static void
the_audit_is_append_only(void **state)
{
	(void)state;
	add(AUDIT_KILL, "s", "d");
	store_close(st);
	st = NULL;
	assert_int_equal(sql_number("SELECT count(*) FROM audit WHERE"
	    " verb = 'kill' AND session = 's' AND detail = 'd'"), 1);
	assert_int_equal(sql_run("DELETE FROM audit"), SQLITE_CONSTRAINT);
	assert_int_equal(sql_run("UPDATE audit SET verb = ''"),
	    SQLITE_CONSTRAINT);
	assert_int_equal(sql_run("UPDATE audit SET digest = NULL"),
	    SQLITE_CONSTRAINT);
	open_store();
}

static void
a_new_store_begins_a_chain(void **state)
{
	struct walk w;

	(void)state;
	walk(&w);
	assert_true(w.count == 1);
	assert_string_equal(w.verb, "audit.begin");
	assert_false(w.has_session);
	assert_false(w.has_actor);
}

static void
records_are_chained_over_restarts(void **state)
{
	struct audit_head before, after;
	struct walk w;
	int i;

	(void)state;
	store_audit_head(st, &before);
	for (i = 0; i < 5; i++) {
		add(AUDIT_INPUT, "s", "one");
		add(AUDIT_INPUT, NULL, "two");
		reopen();
	}
	walk(&w);
	assert_true(w.count == 11);
	store_audit_head(st, &after);
	assert_memory_equal(before.chain, after.chain, AUDIT_CHAIN_LEN);
}

static void
what_is_rolled_back_leaves_no_gap(void **state)
{
	struct audit_entry e = { .verb = AUDIT_KILL, .detail = "gone" };
	struct walk w;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_audit(st, &e), 0);
	assert_int_equal(store_audit(st, &e), 0);
	store_rollback(st);
	add(AUDIT_KILL, NULL, "kept");
	walk(&w);
	assert_true(w.count == 2);
	assert_string_equal(w.detail, "kept");
}

static void
what_is_not_committed_is_in_no_head(void **state)
{
	struct audit_entry e = { .verb = AUDIT_KILL, .detail = "" };
	struct audit_head before, now;

	(void)state;
	store_audit_head(st, &before);
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_audit(st, &e), 0);
	store_audit_head(st, &now);
	assert_true(now.count == before.count);
	store_rollback(st);
}

static void
whatever_comes_is_kept_as_text(void **state)
{
	static const struct {
		const char	*in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "a\nb\x1b[2J\x7f", "a\\x0ab\\x1b[2J\\x7f" },
		{ "caf\xc3\xa9 \xf0\x9f\x98\x80", "caf\xc3\xa9 "
		    "\xf0\x9f\x98\x80" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc3", "\\xc3" },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	};
	struct walk w;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		add(AUDIT_REFUSAL, rows[i].in, rows[i].in);
		walk(&w);
		assert_string_equal(w.detail, rows[i].out);
		assert_string_equal(w.session, rows[i].out);
	}
}

static void
whatever_comes_is_bounded(void **state)
{
	char big[10001];
	struct walk w;
	size_t i;

	(void)state;
	/* Two bytes a code point, and an odd place to cut. */
	for (i = 0; i < sizeof(big) - 1; i++)
		big[i] = i == 0 ? 'a' : i % 2 ? '\xc3' : '\xa9';
	big[sizeof(big) - 1] = '\0';
	add(AUDIT_REFUSAL, big, big);
	walk(&w);
	assert_int_equal(strlen(w.detail), AUDIT_DETAIL_MAX - 1);
	assert_true(utf8_valid(w.detail, strlen(w.detail)));
	assert_true(strlen(w.session) <= 4096);
	assert_true(utf8_valid(w.session, strlen(w.session)));
}

/* As configured, and again after each change. */
static void
a_changed_configuration_is_told_as_that(void **state)
{
	static const struct {
		const char	*detail, *verb;
	} rows[] = {
		{ "coven.toml absent", "config.read" },
		{ "coven.toml absent", "config.read" },
		{ "coven.toml 1234", "config.change" },
		{ "a file coven.toml 1", "config.read" },
		{ "coven.tom 1", "config.read" },
		{ "coven.toml 1234", "config.read" },
		{ "a file coven.toml 2", "config.change" },
		{ "coven.toml absent", "config.change" },
	};
	struct audit_entry e = { .verb = AUDIT_CONFIG_READ };
	struct walk w;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		e.detail = rows[i].detail;
		assert_int_equal(store_begin(st), 0);
		assert_int_equal(store_audit_config(st, &e), 0);
		assert_int_equal(store_commit(st), 0);
		walk(&w);
		assert_string_equal(w.verb, rows[i].verb);
		add(AUDIT_START, NULL, "");
		reopen();
	}
}

/* Removed by hand: the number is not given out again, so the gap shows. */
static void
removed_records_leave_a_gap(void **state)
{
	(void)state;
	add(AUDIT_KILL, NULL, "2");
	add(AUDIT_KILL, NULL, "3");
	store_close(st);
	st = NULL;
	assert_int_equal(sql_run("DROP TRIGGER audit_kept_d;"
	    "DELETE FROM audit WHERE n = 3"), SQLITE_OK);
	open_store();
	add(AUDIT_KILL, NULL, "4");
	store_close(st);
	st = NULL;
	assert_int_equal(sql_number("SELECT max(n) FROM audit"), 4);
	assert_int_equal(sql_number("SELECT count(*) FROM audit"), 3);
	open_store();
}

/* --- what schema 1 left ------------------------------------------------- */

static const char undo[] =
    "DROP TABLE pairings;"
    "ALTER TABLE sessions DROP COLUMN limit_hit;"
    "DROP TABLE audit;"
    "DELETE FROM meta WHERE name IN ('chain_0', 'chain_1',"
    " 'audit_unchained');"
    "CREATE TABLE audit (n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_ns INTEGER NOT NULL, verb TEXT NOT NULL, session TEXT,"
    " detail TEXT NOT NULL) STRICT;"
    "CREATE TRIGGER audit_kept_u BEFORE UPDATE ON audit BEGIN"
    " SELECT raise(ABORT, 'audit is append-only'); END;"
    "CREATE TRIGGER audit_kept_d BEFORE DELETE ON audit BEGIN"
    " SELECT raise(ABORT, 'audit is append-only'); END;"
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c"
    " WHERE i < 600) INSERT INTO audit (at_ns, verb, session, detail)"
    " SELECT i * 1000, 'input', CASE WHEN i % 2 THEN 's' END,"
    " 'bytes' || i || char(10) FROM c;"
    "DROP TABLE workspaces; DROP TABLE archives;"
    "PRAGMA user_version = 2;";

static void
records_of_schema_1_are_chained_from_the_first(void **state)
{
	struct walk w;

	(void)state;
	store_close(st);
	st = NULL;
	assert_int_equal(sql_run(undo), SQLITE_OK);
	open_store();
	walk(&w);
	assert_true(w.count == 601);
	assert_string_equal(w.verb, "audit.begin");
	assert_non_null(strstr(w.detail, "; 600 records"));
	reopen();
	walk(&w);
	assert_true(w.count == 601);
	store_close(st);
	st = NULL;
	assert_int_equal(sql_run("UPDATE audit SET verb = ''"),
	    SQLITE_CONSTRAINT);
	assert_int_equal(sql_number("SELECT count(*) FROM audit"
	    " WHERE session IS NULL"), 301);
	open_store();
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, store_setup, \
			    store_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_audit_is_append_only),
		CASE(a_new_store_begins_a_chain),
		CASE(records_are_chained_over_restarts),
		CASE(what_is_rolled_back_leaves_no_gap),
		CASE(what_is_not_committed_is_in_no_head),
		CASE(whatever_comes_is_kept_as_text),
		CASE(whatever_comes_is_bounded),
		CASE(a_changed_configuration_is_told_as_that),
		CASE(removed_records_leave_a_gap),
		CASE(records_of_schema_1_are_chained_from_the_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
