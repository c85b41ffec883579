/* Pages of the store are bounded and cheap; its files are as they must be. */
#include <sys/stat.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "coven-stored/migrate.h"
#include "coven-stored/page.h"
#include "common/limits.h"
#include "coven-stored/reserve.h"
#include "tests/unit/store_fixture.h"

/* --- pages --- */

static double
seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/*
 * Two sessions that take turns, 50000 events each.  A page at the end must
 * not cost more than one at the start: the bound is generous, a quadratic
 * walk misses it by orders of magnitude.
 */
static void
paging_100k_events_is_linear(void **state)
{
	int64_t key[2] = { add_session("a", "2026", false),
	    add_session("b", "2026", false) };
	double first = 0, last = 0, t;
	struct expect x = { .next = 1, .step = 2 };
	uint64_t pages = 0, got;
	int i;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	for (i = 0; i < 100000; i++)
		add_event_in(key[i % 2], "{\"data\":\"0123456789\"}");
	assert_int_equal(store_commit(st), 0);
	do {
		uint64_t after = x.next > 1 ? x.next - 2 : 0;

		got = x.count;
		t = seconds();
		assert_int_equal(store_events(st, key[0], after, 100,
		    expect_seq, &x), 0);
		t = seconds() - t;
		if (pages < 250)
			first += t;
		else
			last += t;
		pages++;
	} while (x.count != got);
	assert_true(x.count == 50000);
	if (last > 5 * first + 0.1)
		fail_msg("first half %f s, second half %f s", first, last);
}

static const char *
statement(const char *name)
{
	static const char *const all[][2] = {
#define SQL(n, text)	{ #n, text },
#include "coven-stored/sql.def"
#undef SQL
	};
	size_t i;

	for (i = 0; i < nitems(all); i++)
		if (strcmp(all[i][0], name) == 0)
			return all[i][1];
	return "";
}

/* Every step of the plan, one a line. */
static void
plan_of(const char *name, char *out, size_t n)
{
	char sql[640];
	sqlite3_stmt *stmt;
	sqlite3 *db;
	size_t len = 0;

	(void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s",
	    statement(name));
	assert_int_equal(sqlite3_open("coven.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL),
	    SQLITE_OK);
	out[0] = '\0';
	while (sqlite3_step(stmt) == SQLITE_ROW && len < n)
		len += (size_t)snprintf(out + len, n - len, "%s\n",
		    (const char *)sqlite3_column_text(stmt, 3));
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

static void
pages_use_the_indexes(void **state)
{
	/* Nothing is sorted, nothing is scanned. */
	static const struct {
		const char	*name, *want;
	} rows[] = {
		{ "BLOCK_WALK", "SEARCH blocks USING PRIMARY KEY"
		    " (session=? AND first>?)\nSCALAR SUBQUERY 1\n"
		    "SEARCH blocks USING PRIMARY KEY"
		    " (session=? AND first<?)\n" },
		{ "BLOCK_LAST", "SEARCH blocks USING PRIMARY KEY"
		    " (session=?)\n" },
		{ "BLOCK_OLD", "SEARCH blocks USING INDEX blocks_by_age"
		    " (oldest_ns<?)\n" },
		{ "SESSION_PAGE", "SEARCH sessions USING INDEX"
		    " sessions_listed ((created_at,id)<(?,?))\n" },
	};
	char plan[640];
	size_t i;

	(void)state;
	store_close(st);
	for (i = 0; i < nitems(rows); i++) {
		plan_of(rows[i].name, plan, sizeof(plan));
		assert_string_equal(plan, rows[i].want);
	}
	open_store();
}

static void
an_event_page_is_bounded_by_bytes(void **state)
{
	int64_t key = add_session("a", "2026", false);
	char *big = mem_alloc((1u << 20) + 1), *huge;
	struct page p;
	char want[UUID_LEN];
	int i;

	(void)state;
	/* A backslash is two bytes as JSON: half a megabyte is one. */
	memset(big, '\\', 512u << 10);
	big[0] = '{';
	big[(512u << 10) - 1] = '}';
	big[512u << 10] = '\0';
	for (i = 0; i < 6; i++)
		add_event(key, big);
	page_init(&p, st);
	assert_int_equal(page_events(&p, key, "a", 0, 100), 0);
	assert_int_equal(p.rows, 3);
	assert_true(p.more);
	page_fini(&p);
	page_init(&p, st);
	assert_int_equal(page_events(&p, key, "a", 3, 3), 0);
	assert_int_equal(p.rows, 3);
	assert_false(p.more);
	page_fini(&p);
	page_init(&p, st);
	assert_int_equal(page_events(&p, key, "a", 0, 2), 0);
	assert_int_equal(p.rows, 2);
	assert_true(p.more);
	page_fini(&p);
	/* Without a limit it is all or nothing, and says where it broke. */
	page_init(&p, st);
	assert_int_equal(page_events(&p, key, "a", 0, 0), STORE_TOO_LARGE);
	store_event_id(st, 4, want);
	assert_memory_equal(p.text, "4\t", 2);
	assert_string_equal(p.text + 2, want);
	page_fini(&p);
	huge = mem_alloc((3u << 20) + 1);
	memset(huge, '\\', 3u << 20);
	huge[3u << 20] = '\0';
	add_event(key, huge);
	page_init(&p, st);
	assert_int_equal(page_events(&p, key, "a", 6, 10), STORE_TOO_LARGE);
	assert_memory_equal(p.text, "7\t", 2);
	page_fini(&p);
	free(huge);
	free(big);
}

static void
a_session_page_is_bounded_by_bytes(void **state)
{
	char *title = mem_alloc((1u << 20) + 1), id[2] = "a";
	struct msg_session_row row = { .id = id, .title = title,
	    .status = "running", .created_at = "2026", .updated_at = "2026" };
	struct store_list q = { 0 };
	struct page p;
	int64_t key;

	(void)state;
	memset(title, 'x', 1u << 20);
	title[1u << 20] = '\0';
	assert_int_equal(store_begin(st), 0);
	for (; id[0] < 'f'; id[0]++)
		assert_int_equal(store_add_session(st, &row, NULL, &key), 0);
	assert_int_equal(store_commit(st), 0);
	page_init(&p, st);
	assert_int_equal(page_sessions(&p, &q), 0);
	assert_int_equal(p.rows, 3);
	assert_true(p.more);
	page_fini(&p);
	page_init(&p, st);
	q.limit = 5;
	assert_int_equal(page_sessions(&p, &q), 0);
	assert_int_equal(p.rows, 3);
	assert_true(p.more);
	page_fini(&p);
	page_init(&p, st);
	q.limit = 2;
	q.after_created = "2026";
	q.after_id = "c";
	assert_int_equal(page_sessions(&p, &q), 0);
	assert_int_equal(p.rows, 2);
	assert_false(p.more);
	page_fini(&p);
	free(title);
}

static void
weights_are_what_the_writer_writes(void **state)
{
	char all[256];
	autobuf struct buf out = { 0 };
	struct jw jw;
	size_t i;

	(void)state;
	for (i = 0; i < 128; i++)
		all[i] = (char)i;
	memcpy(all + 128, "caf\xc3\xa9 \xf0\x9f\x90\x88", 10);
	jw_init(&jw, &out);
	jw_strn(&jw, all, 138);
	assert_true(jw_ok(&jw));
	assert_int_equal(json_escaped_len(all, 138), buf_left(&out) - 2);
}

/* --- the file --- */

static void
the_file_is_private_and_set_up(void **state)
{
	struct stat sb;

	(void)state;
	add_session("a", "2026", false);
	assert_int_equal(stat("coven.db", &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_int_equal(stat("coven.db-wal", &sb), 0);
	assert_int_equal(sb.st_mode & 0777, 0600);
	assert_int_equal(stat("coven.db-shm", &sb), -1);
	store_close(st);
	assert_int_equal(sql_number("PRAGMA user_version"), STORE_SCHEMA);
	assert_int_equal(sql_number("SELECT count(*) FROM"
	    " pragma_table_list WHERE schema = 'main' AND type = 'table'"
	    " AND NOT strict AND name NOT LIKE 'sqlite_%'"), 0);
	open_store();
}

static void
what_is_not_ours_is_refused_by_name(void **state)
{
	static const struct {
		const char	*sql, *want;
	} rows[] = {
		{ "PRAGMA user_version = 99", "schema 99 is newer" },
		{ "PRAGMA application_id = 7; PRAGMA user_version = 1",
		    "another program's" },
	};
	struct store *other;
	char why[256];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		store_close(st);
		assert_int_equal(sql_run(rows[i].sql), SQLITE_OK);
		assert_int_equal(store_open(&other, why, sizeof(why)),
		    -EPROTO);
		if (strstr(why, rows[i].want) == NULL)
			fail_msg("%s", why);
		(void)unlink("coven.db");
		open_store();
	}
}

static void
a_link_is_not_followed(void **state)
{
	struct store *other;
	char why[256];

	(void)state;
	store_close(st);
	assert_int_equal(rename("coven.db", "real"), 0);
	assert_int_equal(symlink("real", "coven.db"), 0);
	assert_true(store_open(&other, why, sizeof(why)) < 0);
	assert_int_equal(unlink("coven.db"), 0);
	assert_int_equal(rename("real", "coven.db"), 0);
	open_store();
}

static void
a_second_writer_is_kept_out(void **state)
{
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open("coven.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL,
	    NULL), SQLITE_BUSY);
	sqlite3_close(db);
}

static void
the_reserve_takes_and_gives_back(void **state)
{
	struct reserve r = { .fd = -1 };
	struct stat sb;

	(void)state;
	assert_int_equal(reserve_take(&r), 0);
	assert_true(r.held);
	assert_int_equal(stat("reserve", &sb), 0);
	assert_int_equal(sb.st_size, LIMIT_STORE_RESERVE);
	assert_true(sb.st_blocks * 512 >= LIMIT_STORE_RESERVE);
	assert_int_equal(sb.st_mode & 0777, 0600);
	reserve_release(&r);
	assert_false(r.held);
	assert_int_equal(stat("reserve", &sb), 0);
	assert_int_equal(sb.st_blocks, 0);
	assert_int_equal(reserve_take(&r), 0);
	reserve_close(&r);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, store_setup, \
	store_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(paging_100k_events_is_linear),
		CASE(pages_use_the_indexes),
		CASE(an_event_page_is_bounded_by_bytes),
		CASE(a_session_page_is_bounded_by_bytes),
		CASE(weights_are_what_the_writer_writes),
		CASE(the_file_is_private_and_set_up),
		CASE(what_is_not_ours_is_refused_by_name),
		CASE(a_link_is_not_followed),
		CASE(a_second_writer_is_kept_out),
		CASE(the_reserve_takes_and_gives_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
