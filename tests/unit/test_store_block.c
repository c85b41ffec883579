/* Events in blocks, small and large: there, in order, once, and gone. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "tests/unit/store_fixture.h"

/* An event whose bytes say which it is. */
static void
put(int64_t key, unsigned i, size_t len, uint64_t time_ns)
{
	char *p = mem_alloc(len + 1);
	struct store_event e = { .kind = EVENT_OUTPUT, .payload = p,
	    .len = len, .time_ns = time_ns };

	memset(p, 'a' + (int)(i % 26), len);
	p[0] = '{';
	p[len - 1] = '}';
	assert_int_equal(store_add_event(st, key, &e), 0);
	free(p);
}

struct seen {
	uint64_t	 last;
	unsigned	 next, count;	/* the letter that must come next */
	size_t		 bytes;
};

static int
see(void *ctx, const struct store_event *e)
{
	struct seen *seen = ctx;

	assert_true(e->seq > seen->last);
	seen->last = e->seq;
	if (e->len > 2) {
		assert_int_equal(e->payload[1], 'a' + (int)(seen->next % 26));
		assert_int_equal(e->payload[e->len - 2], e->payload[1]);
	}
	seen->next++;
	seen->count++;
	seen->bytes += e->len;
	return 0;
}

static void
expect(int64_t key, unsigned from, unsigned count)
{
	struct seen seen = { .next = from };

	assert_int_equal(store_events(st, key, 0, 0, see, &seen), 0);
	assert_int_equal(seen.count, count);
}

static bool
is_there(unsigned segment, off_t *blocks)
{
	struct stat sb;
	char name[32];

	(void)snprintf(name, sizeof(name), "segment.%08u", segment);
	if (stat(name, &sb) == -1)
		return false;
	if (blocks != NULL)
		*blocks = sb.st_blocks;
	return true;
}

/* --- growing --- */

static void
a_commit_each_and_a_few_rows(void **state)
{
	int64_t a = add_session("a", "2026", false);
	int64_t b = add_session("b", "2026", false);
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_equal(store_begin(st), 0);
		put(a, i, 40, i);
		if (i % 10 == 0)
			put(b, i / 10, 3000, i);
		assert_int_equal(store_commit(st), 0);
		if (i % 333 == 0)
			reopen();
	}
	expect(a, 0, 1000);
	expect(b, 0, 100);
	store_close(st);
	st = NULL;
	assert_in_range(sql_number("SELECT count(*) FROM blocks"
	    " WHERE session = 1"), 64000 / LIMIT_STORE_BLOCK,
	    64000 / LIMIT_STORE_BLOCK + 4);
	assert_int_equal(sql_number("SELECT sum(count) FROM blocks"), 1100);
	assert_int_equal(sql_number("SELECT count(*) FROM blocks"
	    " WHERE segment IS NOT NULL"), 0);
	open_store();
	assert_false(is_there(1, NULL));
}

/* Every size on both sides of every border, in transactions of every size. */
static void
sizes_around_the_borders(void **state)
{
	static const size_t sizes[] = { 2, 3, LIMIT_STORE_BLOCK - 25,
	    LIMIT_STORE_BLOCK - 24, LIMIT_STORE_BLOCK - 23, LIMIT_STORE_BLOCK,
	    49152, LIMIT_STORE_BULK - 24, LIMIT_STORE_BULK - 25,
	    LIMIT_STORE_BULK_BLOCK, LIMIT_STORE_BULK_BLOCK + 1, 1 << 20 };
	int64_t a = add_session("a", "2026", false);
	unsigned i, n = 0, group;

	(void)state;
	for (group = 1; group < 5; group++) {
		for (i = 0; i < nitems(sizes) * group; i++) {
			if (i % group == 0)
				assert_int_equal(store_begin(st), 0);
			put(a, n++, sizes[(i * 7 + group) % nitems(sizes)], 1);
			if (i % group == group - 1)
				assert_int_equal(store_commit(st), 0);
		}
		expect(a, 0, n);
	}
	reopen();
	expect(a, 0, n);
	assert_true(is_there(1, NULL));
}

static void
any_cursor_finds_its_place(void **state)
{
	int64_t a = add_session("a", "2026", false);
	unsigned i, n = 0;
	uint64_t after;

	(void)state;
	for (i = 0; i < 60; i++) {
		assert_int_equal(store_begin(st), 0);
		put(a, n++, i % 7 == 0 ? 30000 : 200, 1);
		put(a, n++, i % 5 == 0 ? 40000 : 100, 1);
		assert_int_equal(store_commit(st), 0);
	}
	for (after = 0; after <= n; after++) {
		struct seen seen = { .next = (unsigned)after, .last = after };

		assert_int_equal(store_events(st, a, after, 3, see, &seen), 0);
		assert_int_equal(seen.count, n - after < 3 ? n - after : 3);
	}
}

/* What is read inside a transaction is its own. */
static void
a_transaction_sees_itself(void **state)
{
	int64_t a = add_session("a", "2026", false);
	uint64_t seq;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	put(a, 0, 100, 1);
	put(a, 1, 100000, 1);
	expect(a, 0, 2);
	put(a, 2, 100, 1);
	assert_int_equal(store_last_event(st, a, &seq), 0);
	assert_int_equal(seq, 3);
	expect(a, 0, 3);
	store_rollback(st);
	expect(a, 0, 0);
}

/* --- what did not commit --- */

/* ext4 keeps a page that said where the cut part lay; st_blocks counts it. */
#define FS_OWN_BLOCKS	8

static void
a_rollback_leaves_no_bulk(void **state)
{
	int64_t a = add_session("a", "2026", false);
	off_t before = 0, after = 0;
	unsigned i, turn;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	put(a, 0, 20, 1);
	put(a, 1, 100000, 1);
	assert_int_equal(store_commit(st), 0);
	assert_true(is_there(1, &before));
	for (turn = 0; turn < 3; turn++) {
		assert_int_equal(store_begin(st), 0);
		for (i = 0; i < 10; i++)
			put(a, 7, 300000, 1);
		store_rollback(st);
		assert_true(is_there(1, &after));
		assert_true(after <= before + FS_OWN_BLOCKS);
		assert_int_equal(store_begin(st), 0);
		put(a, 2 + turn, turn == 1 ? 200000 : 30, 1);
		assert_int_equal(store_commit(st), 0);
		(void)is_there(1, &before);
		expect(a, 0, 3 + turn);
	}
	reopen();
	expect(a, 0, 5);
}

static void
bulk_survives_a_crash_and_its_rest_does_not(void **state)
{
	int64_t a = add_session("a", "2026", false);
	unsigned i, n = 0;
	int status;
	pid_t pid;

	(void)state;
	store_close(st);
	st = NULL;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		open_store();
		for (i = 0; i < 8; i++) {
			(void)store_begin(st);
			put(a, n++, 90000, 1);
			put(a, n++, 50, 1);
			(void)store_commit(st);
		}
		(void)store_begin(st);
		for (i = 0; i < 8; i++)
			put(a, 3, 200000, 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	open_store();
	expect(a, 0, 16);
	assert_int_equal(store_begin(st), 0);
	put(a, 16, 70000, 1);
	assert_int_equal(store_commit(st), 0);
	reopen();
	expect(a, 0, 17);
}

static void
lost_bulk_is_called_damage(void **state)
{
	int64_t a = add_session("a", "2026", false);
	struct seen seen = { 0 };

	(void)state;
	assert_int_equal(store_begin(st), 0);
	put(a, 0, 100000, 1);
	assert_int_equal(store_commit(st), 0);
	reopen();
	assert_int_equal(truncate("segment.00000001", 5000), 0);
	assert_int_equal(store_events(st, a, 0, 0, see, &seen), -EUCLEAN);
	reopen();
	assert_int_equal(unlink("segment.00000001"), 0);
	assert_int_equal(store_events(st, a, 0, 0, see, &seen), -EUCLEAN);
}

/* --- what is removed --- */

static void
removed_bulk_gives_its_space_back(void **state)
{
	int64_t a = add_session("a", "2026", false);
	int64_t b = add_session("b", "2026", false);
	off_t full = 0, half = 0;
	unsigned i;

	(void)state;
	assert_int_equal(store_begin(st), 0);
	for (i = 0; i < 40; i++) {
		put(a, i, 200000, 1);
		put(b, i, 200000, 1);
	}
	assert_int_equal(store_commit(st), 0);
	assert_true(is_there(1, &full));
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_drop_events(st, a), 0);
	assert_int_equal(store_commit(st), 0);
	assert_true(is_there(1, &half));
	/* Whole blocks of the file system only. */
	assert_true(half < full / 2 + 1000);
	expect(a, 0, 0);
	expect(b, 0, 40);
	reopen();
	expect(b, 0, 40);
	assert_int_equal(store_begin(st), 0);
	put(a, 0, 200000, 1);
	assert_int_equal(store_commit(st), 0);
	expect(a, 0, 1);
	expect(b, 0, 40);
}

static void
a_whole_segment_goes(void **state)
{
	int64_t a = add_session("a", "2026", false);
	int64_t b = add_session("b", "2026", false);
	unsigned i, n = LIMIT_STORE_SEGMENT / (1 << 20);

	(void)state;
	assert_int_equal(store_begin(st), 0);
	for (i = 0; i < n; i++)
		put(a, i, 1 << 20, 1);
	put(b, 0, 100000, 1);
	assert_int_equal(store_commit(st), 0);
	assert_true(is_there(1, NULL) && is_there(2, NULL));
	assert_int_equal(store_begin(st), 0);
	assert_int_equal(store_drop_events(st, a), 0);
	assert_int_equal(store_commit(st), 0);
	assert_false(is_there(1, NULL));
	assert_true(is_there(2, NULL));
	/* The rest of what is dead goes with the commits that follow. */
	add_event(a, "{}");
	reopen();
	expect(b, 0, 1);
	store_close(st);
	st = NULL;
	assert_int_equal(sql_number("SELECT count(*) FROM dead"), 0);
	open_store();
}

/* It was dropped and not yet freed; its place is never somebody else's. */
static void
a_place_is_not_used_while_it_is_dead(void **state)
{
	int64_t a = add_session("a", "2026", false);
	int64_t b = add_session("b", "2026", false);

	(void)state;
	assert_int_equal(store_begin(st), 0);
	put(a, 0, 100000, 1);
	assert_int_equal(store_commit(st), 0);
	store_close(st);
	st = NULL;
	assert_int_equal(sql_run("DELETE FROM blocks"), 0);
	open_store();
	assert_int_equal(store_begin(st), 0);
	put(b, 0, 100000, 1);
	assert_int_equal(store_commit(st), 0);
	expect(b, 0, 1);
	add_event(b, "{}");
	add_event(b, "{}");
	reopen();
	expect(b, 0, 3);
}

static void
pruning_splits_a_block(void **state)
{
	static const size_t sizes[] = { 30, 30000 };
	uint32_t gone, sum;
	unsigned i, turn;
	char id[2] = "a";
	uint64_t ns;

	(void)state;
	for (turn = 0; turn < nitems(sizes); turn++, id[0]++) {
		int64_t a = add_session(id, "2026", false);

		assert_int_equal(store_begin(st), 0);
		for (i = 0; i < 20; i++)
			put(a, i, sizes[turn], 1000 + i);
		assert_int_equal(store_commit(st), 0);
		sum = 0;
		do {
			assert_int_equal(store_begin(st), 0);
			assert_int_equal(store_prune_events(st, 1007, 2,
			    &gone), 0);
			assert_int_equal(store_commit(st), 0);
			sum += gone;
		} while (gone != 0);
		assert_int_equal(sum, 7);
		expect(a, 7, 13);
		assert_int_equal(store_oldest_event(st, &ns), 0);
		assert_int_equal(ns, 1007);
		add_event(a, "{\"t\":1}");
		reopen();
		assert_int_equal(store_begin(st), 0);
		assert_int_equal(store_drop_events(st, a), 0);
		assert_int_equal(store_commit(st), 0);
	}
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, store_setup, \
	store_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_commit_each_and_a_few_rows),
		CASE(sizes_around_the_borders),
		CASE(any_cursor_finds_its_place),
		CASE(a_transaction_sees_itself),
		CASE(a_rollback_leaves_no_bulk),
		CASE(bulk_survives_a_crash_and_its_rest_does_not),
		CASE(lost_bulk_is_called_damage),
		CASE(removed_bulk_gives_its_space_back),
		CASE(a_whole_segment_goes),
		CASE(a_place_is_not_used_while_it_is_dead),
		CASE(pruning_splits_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
