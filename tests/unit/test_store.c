/* The store: what is written is there, in order, once, and after a restart. */
#include <sys/wait.h>

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
#include "coven-stored/siphash.h"
#include "tests/unit/store_fixture.h"

/* --- sessions --- */

static int
check_full_row(void *ctx, const struct msg_session_row *row)
{
	const struct msg_session_row *want = ctx;

	assert_string_equal(row->id, want->id);
	assert_string_equal(row->project_root, want->project_root);
	assert_string_equal(row->harness, want->harness);
	assert_string_equal(row->title, want->title);
	assert_string_equal(row->status, want->status);
	assert_int_equal(row->has_exit_code, 0);
	assert_string_equal(row->archived_at, "");
	assert_string_equal(row->created_at, want->created_at);
	assert_string_equal(row->updated_at, want->updated_at);
	assert_string_equal(row->conversation_id, want->conversation_id);
	assert_string_equal(row->familiar_id, want->familiar_id);
	assert_string_equal(row->labels, want->labels);
	assert_int_equal(row->external, want->external);
	assert_int_equal(row->has_transcript, want->has_transcript);
	assert_string_equal(row->transcript_path, want->transcript_path);
	return 0;
}

static void
every_column_comes_back(void **state)
{
	struct msg_session_row row = { .id = "a/b:c", .project_root = "/r\"",
	    .harness = "codex", .title = "caf\xc3\xa9\n", .status = "running",
	    .created_at = "2026-01-02T03:04:05.123456789Z",
	    .updated_at = "2026-01-02T03:04:05.123456790Z",
	    .conversation_id = "conv", .familiar_id = "cat",
	    .labels = "[\"x\"]", .external = 1, .has_transcript = 1,
	    .transcript_path = "" };
	struct store_session found;
	int64_t key;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_add_session(st, &row, NULL, &key), 0);
	assert_int_equal(store_commit(st), 0);
	reopen();
	assert_int_equal(store_get(st, "a/b:c", check_full_row, &row), 0);
	assert_int_equal(store_get(st, "a/b", check_full_row, &row),
	    STORE_NOT_FOUND);
	assert_int_equal(store_find(st, "a/b:c", &found), 0);
	assert_int_equal(found.key, key);
	assert_true(found.external && found.conversation && !found.killing);
	assert_int_equal(store_find(st, "", &found), STORE_NOT_FOUND);
}

static void
an_id_is_taken_once(void **state)
{
	struct msg_session_row row = { .id = "x", .status = "running",
	    .created_at = "2026", .updated_at = "2026" };
	int64_t key;

	(void)state;
	add_session("x", "2026", true);
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_add_session(st, &row, NULL, &key), -EINVAL);
	store_rollback(st);
	assert_int_equal(store_begin(st), 0);
	row.id = "y";
	row.status = "active";		/* no such status */
	assert_int_equal(store_add_session(st, &row, NULL, &key), -EINVAL);
	store_rollback(st);
}

struct ids {
	char	text[256];
};

static int
collect(void *ctx, const struct msg_session_row *row)
{
	struct ids *ids = ctx;

	strcat(ids->text, row->id);
	return 0;
}

static void
lists_are_newest_first(void **state)
{
	static const struct {
		const char	*name, *after, *after_id;
		uint32_t	 limit;
		const char	*want;
	} rows[] = {
		{ "all", "", "", 0, "dcbae" },
		{ "two", "", "", 2, "dc" },
		{ "after the first of equals", "2026-03", "c", 0, "bae" },
		{ "after one", "2026-02", "a", 1, "e" },
		{ "after the oldest", "2026-01", "e", 0, "" },
		{ "after nothing that exists", "2026-02x", "", 0, "ae" },
	};
	size_t i;

	(void)state;
	add_session("a", "2026-02", false);
	add_session("e", "2026-01", false);
	add_session("c", "2026-03", false);
	add_session("b", "2026-03", true);
	add_session("d", "2026-03", false);
	for (i = 0; i < nitems(rows); i++) {
		struct store_list q = { .after_created = rows[i].after,
		    .after_id = rows[i].after_id, .limit = rows[i].limit };
		struct ids ids = { "" };

		assert_int_equal(store_list(st, &q, collect, &ids), 0);
		if (strcmp(ids.text, rows[i].want) != 0)
			fail_msg("%s: %s, not %s", rows[i].name, ids.text,
			    rows[i].want);
	}
}

static void
archived_ones_are_asked_for(void **state)
{
	struct store_list q = { 0 };
	struct ids ids = { "" };

	(void)state;
	add_session("a", "2026-02", false);
	add_session("b", "2026-03", false);
	store_close(st);
	st = NULL;
	assert_int_equal(sql_run("UPDATE sessions SET archived_at = 'x'"
	    " WHERE id = 'a'"), SQLITE_OK);
	open_store();
	assert_int_equal(store_list(st, &q, collect, &ids), 0);
	assert_string_equal(ids.text, "b");
	q.archived = true;
	ids.text[0] = '\0';
	assert_int_equal(store_list(st, &q, collect, &ids), 0);
	assert_string_equal(ids.text, "ba");
}

/* --- ends --- */

static int
check_status(void *ctx, const struct msg_session_row *row)
{
	char got[64];

	(void)snprintf(got, sizeof(got), "%s %s%d", row->status,
	    row->has_exit_code ? "" : "null ", (int)row->exit_code);
	assert_string_equal(got, (const char *)ctx);
	return 0;
}

static void
an_end_is_written_once(void **state)
{
	static const struct {
		const char		*id;
		enum session_status	 first, second;
		bool			 has_code;
		int			 code;
		const char		*want;
	} rows[] = {
		{ "ok", SESSION_COMPLETED, SESSION_FAILED, true, 0,
		    "completed 0" },
		{ "idle", SESSION_IDLE, SESSION_KILLED, true, 0, "idle 0" },
		{ "bad", SESSION_FAILED, SESSION_COMPLETED, true, 3,
		    "failed 3" },
		{ "kill", SESSION_KILLED, SESSION_FAILED, false, 0,
		    "killed null 0" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct store_end end = { .status = rows[i].first,
		    .has_code = rows[i].has_code, .code = rows[i].code };
		int64_t key = add_session(rows[i].id, "2026", false);

		assert_int_equal(store_begin(st), 0);
		assert_int_equal(store_end(st, key, &end), 0);
		end.status = rows[i].second;
		end.has_code = !rows[i].has_code;
		assert_int_equal(store_end(st, key, &end), 0);
		assert_int_equal(store_commit(st), 0);
		assert_int_equal(store_get(st, rows[i].id, check_status,
		    (void *)(uintptr_t)rows[i].want), 0);
	}
}

static void
recovery_orphans_what_is_not_live(void **state)
{
	static const struct {
		const char	*id, *want;
	} rows[] = {
		{ "live", "running null 0" },
		{ "left", "orphaned null 0" },
		{ "external", "running null 0" },
		{ "old", "failed null 0" },
		{ "young", "created null 0" },
	};
	int64_t live = add_session("live", "2026-01", false);
	struct store_recovery rec = { .live = &live, .nlive = 1,
	    .cutoff_ns = clock_wall_ns() };
	char future[RFC3339_LEN];
	size_t i;

	(void)state;
	add_session("left", "2026-01", false);
	add_session("external", "2026-01", true);
	add_session("old", "2020-01", false);
	clock_format(rec.cutoff_ns + 1000000000, future);
	add_session("young", future, false);
	store_close(st);
	assert_int_equal(sql_run("UPDATE sessions SET status = 'created'"
	    " WHERE id IN ('old', 'young')"), SQLITE_OK);
	open_store();
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_recover(st, &rec), 0);
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(rec.orphaned, 1);
	assert_int_equal(rec.expired, 1);
	for (i = 0; i < nitems(rows); i++)
		assert_int_equal(store_get(st, rows[i].id, check_status,
		    (void *)(uintptr_t)rows[i].want), 0);
	store_close(st);
	st = NULL;
	assert_int_equal(sql_number("SELECT count(*) FROM audit"
	    " WHERE verb = 'end'"), 2);
	open_store();
}

/* --- events --- */

static int
last_seq(void *ctx, const struct store_event *e)
{
	*(uint64_t *)ctx = e->seq;
	return 0;
}

static void
numbers_are_never_given_out_again(void **state)
{
	int64_t key = add_session("a", "2026", false);
	uint64_t before = 0, after = 0;

	(void)state;
	add_event(key, "{}");
	add_event(key, "{}");
	assert_int_equal(store_events(st, key, 0, 0, last_seq, &before), 0);
	store_close(st);
	assert_int_equal(sql_run("DELETE FROM blocks"), SQLITE_OK);
	open_store();
	add_event(key, "{}");
	assert_int_equal(store_events(st, key, 0, 0, last_seq, &after), 0);
	assert_true(after > before);
}

static void
a_rollback_leaves_nothing(void **state)
{
	int64_t key = add_session("a", "2026", false);
	struct store_session found;
	uint64_t seq = 0, next = 0;

	(void)state;
	add_event(key, "{}");
	assert_int_equal(store_begin(st), 0);
	add_event_in(key, "{\"no\":1}");
	assert_int_equal(store_set_last_n(st, key, 9, 10), 0);
	store_rollback(st);
	assert_int_equal(store_events(st, key, 0, 0, last_seq, &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(store_find(st, "a", &found), 0);
	assert_int_equal(found.last_n, 0);
	add_event(key, "{}");
	assert_int_equal(store_events(st, key, 0, 0, last_seq, &next), 0);
	assert_int_equal(next, 2);
}

static void
an_uncommitted_turn_is_gone_after_a_crash(void **state)
{
	int64_t key = add_session("a", "2026", false);
	uint64_t seq = 0;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	add_event_in(key, "{}");
	reopen();
	assert_int_equal(store_events(st, key, 0, 0, last_seq, &seq), 0);
	assert_int_equal(seq, 0);
}

/* Not closed, not checkpointed: only what the kernel has been given. */
static void
a_commit_survives_a_crash(void **state)
{
	struct expect x = { .next = 1, .step = 1 };
	int64_t key = add_session("a", "2026", false);
	int status, i;
	pid_t pid;

	(void)state;
	store_close(st);
	st = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		open_store();
		for (i = 0; i < 20; i++)
			add_event(key, "{}");
		(void)store_begin(st);
		add_event_in(key, "{}");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	open_store();
	assert_int_equal(store_events(st, key, 0, 0, expect_seq, &x), 0);
	assert_true(x.count == 20);
}

static void
last_n_only_rises(void **state)
{
	int64_t key = add_session("a", "2026", false);
	struct store_session found;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_set_last_n(st, key, 7, 10), 0);
	assert_int_equal(store_set_last_n(st, key, 5, 10), 0);
	assert_int_equal(store_mark_killing(st, key), 0);
	assert_int_equal(store_commit(st), 0);
	reopen();
	assert_int_equal(store_find(st, "a", &found), 0);
	assert_int_equal(found.last_n, 7);
	assert_true(found.killing);
}

static int
text_of(void *ctx, const struct store_event *e)
{
	strcat(ctx, event_kind_name(e->kind));
	strcat(ctx, e->payload);
	return 0;
}

static void
a_held_exit_comes_when_released(void **state)
{
	int64_t key = add_session("a", "2026", false);
	char text[256] = "";

	(void)state;
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_hold_exit(st, key, "{\"x\":1}", 5), 0);
	assert_int_equal(store_commit(st), 0);
	reopen();
	assert_int_equal(store_events(st, key, 0, 0, text_of, text), 0);
	assert_string_equal(text, "");
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_release_exit(st, key), 0);
	assert_int_equal(store_release_exit(st, key), STORE_NOT_FOUND);
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(store_events(st, key, 0, 0, text_of, text), 0);
	assert_string_equal(text, "exit{\"x\":1}");
}

/* The first two of the vectors that the authors publish. */
static void
siphash_is_siphash(void **state)
{
	static const struct {
		size_t		n;
		uint64_t	want[2];
	} rows[] = {
		{ 0, { UINT64_C(0xe6a825ba047f81a3),
		    UINT64_C(0x930255c71472f66d) } },
		{ 1, { UINT64_C(0x44af996bd8c187da),
		    UINT64_C(0x45fc229b11597634) } },
	};
	static const uint64_t key[2] = { UINT64_C(0x0706050403020100),
	    UINT64_C(0x0f0e0d0c0b0a0908) };
	uint64_t out[2];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		siphash128(key, "", rows[i].n, out);
		assert_memory_equal(out, rows[i].want, sizeof(out));
	}
}

static void
event_ids_prove_themselves(void **state)
{
	static const uint64_t seqs[] = { 1, 255, 256, 1000000,
	    (UINT64_C(1) << 48) - 1 };
	char id[UUID_LEN], other[UUID_LEN];
	uint64_t seq;
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(seqs); i++) {
		store_event_id(st, seqs[i], id);
		assert_int_equal(strlen(id), 36);
		assert_int_equal(id[14], '4');
		assert_non_null(strchr("89ab", id[19]));
		assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
		assert_int_equal(store_event_seq(st, id, &seq), 0);
		assert_true(seq == seqs[i]);
		for (k = 0; k < 36; k++) {
			memcpy(other, id, sizeof(id));
			other[k] = other[k] == '0' ? '1' : '0';
			assert_int_equal(store_event_seq(st, other, &seq),
			    STORE_NOT_FOUND);
		}
	}
	reopen();
	store_event_id(st, seqs[i - 1], other);
	assert_string_equal(id, other);
	assert_int_equal(store_event_seq(st, "", &seq), STORE_NOT_FOUND);
}

/* --- what removes events --- */

static void
add_at(int64_t key, uint64_t time_ns)
{
	struct store_event e = { .kind = EVENT_OUTPUT, .payload = "{}",
	    .len = 2, .time_ns = time_ns };

	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_add_event(st, key, &e), 0);
	assert_int_equal(store_commit(st), 0);
}

static void
dropped_events_are_gone_and_numbers_go_on(void **state)
{
	int64_t a = add_session("a", "2026", false);
	int64_t b = add_session("b", "2026", false);
	struct expect x = { .next = 2, .step = 2 };
	uint64_t seq;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		add_event(i % 2 == 0 ? a : b, "{\"data\":\"x\"}");
	assert_int_equal(store_last_event(st, a, &seq), 0);
	assert_int_equal(seq, 9);
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_drop_events(st, a), 0);
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(store_last_event(st, a, &seq), 0);
	assert_int_equal(seq, 0);
	assert_int_equal(store_events(st, a, 0, 0, expect_seq, &x), 0);
	assert_int_equal(x.count, 0);
	reopen();
	assert_int_equal(store_events(st, b, 0, 0, expect_seq, &x), 0);
	assert_int_equal(x.count, 5);
	add_event(a, "{}");
	assert_int_equal(store_last_event(st, a, &seq), 0);
	assert_int_equal(seq, 11);
}

static void
old_events_are_pruned_a_few_at_a_time(void **state)
{
	int64_t a = add_session("a", "2026", false);
	int64_t b = add_session("b", "2026", false);
	struct expect x = { .next = 9, .step = 2 };
	uint32_t gone, sum = 0, turns = 0;
	uint64_t ns;
	int i;

	(void)state;
	assert_int_equal(store_oldest_event(st, &ns), 0);
	assert_int_equal(ns, 0);
	for (i = 0; i < 20; i++)
		add_at(i % 2 == 0 ? a : b, 1000 + (uint64_t)i);
	assert_int_equal(store_oldest_event(st, &ns), 0);
	assert_int_equal(ns, 1000);
	do {
		assert_int_equal(store_begin(st), 0);
		assert_int_equal(store_prune_events(st, 1008, 3, &gone), 0);
		assert_int_equal(store_commit(st), 0);
		sum += gone;
		turns++;
	} while (gone != 0);
	assert_int_equal(sum, 8);
	assert_true(turns > 1);
	assert_int_equal(store_oldest_event(st, &ns), 0);
	assert_int_equal(ns, 1008);
	assert_int_equal(store_events(st, a, 0, 0, expect_seq, &x), 0);
	assert_int_equal(x.count, 6);
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, store_setup, \
	store_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(every_column_comes_back),
		CASE(an_id_is_taken_once),
		CASE(lists_are_newest_first),
		CASE(archived_ones_are_asked_for),
		CASE(an_end_is_written_once),
		CASE(recovery_orphans_what_is_not_live),
		CASE(numbers_are_never_given_out_again),
		CASE(a_rollback_leaves_nothing),
		CASE(an_uncommitted_turn_is_gone_after_a_crash),
		CASE(a_commit_survives_a_crash),
		CASE(last_n_only_rises),
		CASE(a_held_exit_comes_when_released),
		CASE(siphash_is_siphash),
		CASE(event_ids_prove_themselves),
		CASE(dropped_events_are_gone_and_numbers_go_on),
		CASE(old_events_are_pruned_a_few_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
