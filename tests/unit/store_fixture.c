#include <sys/stat.h>

#include <errno.h>
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
#include "tests/unit/store_fixture.h"

static char folder[64];
struct store *st;

void
open_store(void)
{
	char why[256];

	assert_int_equal(store_open(&st, why, sizeof(why)), 0);
}

int
store_setup(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/test_store.XXXXXX");
	if (mkdtemp(folder) == NULL || chdir(folder) == -1)
		return -1;
	(void)umask(077);
	open_store();
	return 0;
}

int
store_teardown(void **state)
{
	static const char *const files[] = { "coven.db", "coven.db-wal",
	    "coven.db-journal", "reserve", "segment.00000001",
	    "segment.00000002" };
	size_t i;

	(void)state;
	store_close(st);
	st = NULL;
	for (i = 0; i < nitems(files); i++)
		(void)unlink(files[i]);
	return chdir("/") == 0 ? rmdir(folder) : -1;
}

void
reopen(void)
{
	store_close(st);
	open_store();
}

/* --- by hand, while the store is closed --- */

int64_t
sql_number(const char *sql)
{
	sqlite3_stmt *stmt;
	sqlite3 *db;
	int64_t n;

	assert_int_equal(sqlite3_open("coven.db", &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL),
	    SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

int
sql_run(const char *sql)
{
	sqlite3 *db;
	int rc;

	assert_int_equal(sqlite3_open("coven.db", &db), SQLITE_OK);
	rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	sqlite3_close(db);
	return rc;
}

/* --- rows to write --- */

int64_t
add_session(const char *id, const char *created, bool external)
{
	static const uint8_t digest[MSG_DIGEST_LEN] = { 1 };
	struct msg_session_row row = { .id = id, .project_root = "/p",
	    .harness = "exec", .title = "t", .status = "running",
	    .created_at = created, .updated_at = created,
	    .external = external };
	int64_t key;

	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_add_session(st, &row, external ? NULL : digest,
	    &key), 0);
	assert_int_equal(store_commit(st), 0);
	return key;
}

void
add_event_in(int64_t key, const char *payload)
{
	struct store_event e = { .kind = EVENT_OUTPUT, .payload = payload,
	    .len = strlen(payload), .time_ns = 1 };

	assert_int_equal(store_add_event(st, key, &e), 0);
}

void
add_event(int64_t key, const char *payload)
{
	assert_int_equal(store_begin(st), 0);
	add_event_in(key, payload);
	assert_int_equal(store_commit(st), 0);
}

int
expect_seq(void *ctx, const struct store_event *e)
{
	struct expect *x = ctx;

	assert_true(e->seq == x->next);
	x->next += x->step;
	x->count++;
	return 0;
}
