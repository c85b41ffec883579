/*
 * A full disk: output waits and is not lost, requests are refused, ends are
 * recorded all the same.  On a file system of a few megabytes of its own.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/unit/stored_peers.h"

static bool own_mounts;

static int
setup_small(void **state)
{
	if (world_setup(state) != 0)
		return -1;
	if (!own_mounts)
		return 0;
	if (mount("coven-test", w.folder, "tmpfs", 0, "size=4m") == -1 ||
	    chdir(w.folder) == -1)
		return -1;
	stored_up();
	world_serve(0);
	return 0;
}

static int
teardown_small(void **state)
{
	stored_down();
	if (own_mounts && (chdir("/") == -1 || umount(w.folder) == -1))
		return -1;
	return world_teardown(state);
}

static void
need_mounts(void)
{
	if (own_mounts)
		return;
	print_message("SKIP: mounting a small file system needs root\n");
	skip();
}

/* Every byte that is left. */
static void
fill(void)
{
	static char block[4096];
	int fd = open("filler", O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	(void)close(fd);
}

static void
make_room(void)
{
	assert_int_equal(unlink("filler"), 0);
}

static bool
is_stalled(void *ctx)
{
	(void)ctx;
	return w.stored.writer.stalled;
}

static bool
is_not_stalled(void *ctx)
{
	(void)ctx;
	return !w.stored.writer.stalled;
}

static char *
big_payload(void)
{
	char *p = mem_alloc(40001);

	memset(p, 'x', 40000);
	memcpy(p, "{\"data\":\"", 9);
	memcpy(p + 39998, "\"}", 3);
	return p;
}

/* Say big outputs until stored can keep no more; the number of the last. */
static uint64_t
say_until_stalled(struct peer *r, uint64_t n)
{
	autofree char *p = big_payload();

	fill();
	while (!w.stored.writer.stalled) {
		say_output(r, ++n, p);
		pump_idle();
	}
	return n;
}

static void
output_waits_and_is_not_lost(void **state)
{
	char id[UUID_LEN], other[UUID_LEN];
	struct peer *r = &w.runner[0], *q = &w.runner[1];
	struct msg_events m;
	uint64_t n, i;
	autofree char *p = big_payload();

	(void)state;
	need_mounts();
	launch(r, "", id);
	launch(q, "", other);
	say_output(q, 1, OUT("before"));
	expect_ack(q, 1);
	n = say_until_stalled(r, 0);
	for (i = 0; i < 10; i++)	/* more than it takes while stalled */
		say_output(r, ++n, p);
	pump_idle();
	assert_true(run_find(&w.stored, id)->backlog <
	    LIMIT_STORE_BACKLOG + 41000);
	/* What is on record can be read. */
	expect_session(other, "running null");
	expect_events(other, "output" OUT("before"));
	make_room();
	expect_ack(r, n);
	m = events_of(id);
	peer_send(&w.apid, MSG_EVENTS, &m);
	expect_code(STORE_OK);
	assert_int_equal(w.apid.last->m.reply.rows, n);
	assert_true(w.stored.writer.reserve.held);
}

static void
requests_that_write_are_refused(void **state)
{
	struct msg_external ext = { 0 };
	struct msg_ext_spec spec = { .id = "ext", .harness = "h" };
	struct msg_launch launching = { 0 };
	struct msg_run_spec run = { .harness = "exec" };
	char id[UUID_LEN], prepared[UUID_LEN];

	(void)state;
	need_mounts();
	launch(&w.runner[0], "", id);
	launch_prepare("", prepared);
	(void)say_until_stalled(&w.runner[0], 0);
	/* What was prepared is given up, and the monitor hears it. */
	say_prepared(prepared, RUN_OK);
	expect_code(STORE_UNAVAILABLE);
	assert_string_equal(peer_expect(&w.monitor,
	    MSG_RUN_KILL)->m.run_kill.id, prepared);
	expect_session(prepared, "absent");
	launching.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_LAUNCH, &launching, MSG_RUN_SPEC, &run);
	expect_code(STORE_UNAVAILABLE);
	ext.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_EXTERNAL, &ext, MSG_EXT_SPEC, &spec);
	expect_code(STORE_UNAVAILABLE);
	peer_expect_nothing(&w.monitor);
	make_room();
	pump_until(is_not_stalled, NULL);
	ext.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_EXTERNAL, &ext, MSG_EXT_SPEC, &spec);
	expect_code(STORE_CREATED);
}

static void
ends_are_recorded_from_the_reserve(void **state)
{
	char id[UUID_LEN], second[UUID_LEN], third[UUID_LEN];
	struct peer *r = &w.runner[0];
	uint64_t n;

	(void)state;
	need_mounts();
	launch(r, "", id);
	launch(&w.runner[1], "", second);
	launch(&w.runner[2], "", third);
	n = say_until_stalled(r, 0);
	/* One ends with its output, one is killed, one just dies. */
	say_output(&w.runner[1], 1, OUT("tail"));
	say_exit(&w.runner[1], 2, 0);
	expect_ack(&w.runner[1], 2);
	say_gone(second, "exited");
	expect_settled(second);
	assert_true(w.stored.writer.stalled);
	ask_kill(third);
	(void)peer_expect(&w.monitor, MSG_RUN_KILL);
	say_gone(third, "killed");
	expect_settled(third);
	expect_code(STORE_OK);
	assert_true(w.stored.writer.stalled);
	expect_session(second, "completed 0");
	expect_events(second, "output" OUT("tail") EXIT("completed", "0"));
	expect_session(third, "killed null");
	expect_events(third, KILLED EXIT("failed", "null"));
	make_room();
	expect_ack(r, n);
	assert_true(w.stored.writer.reserve.held);
}

static void
a_restart_on_a_full_disk(void **state)
{
	char id[UUID_LEN];
	uint64_t n;

	(void)state;
	need_mounts();
	launch(&w.runner[0], "", id);
	n = say_until_stalled(&w.runner[0], 0);
	assert_true(n > 0);
	stored_down();
	fill();
	stored_up();
	world_serve(0);
	expect_session(id, "orphaned null");
}

static void
a_commit_that_failed_is_tried_again(void **state)
{
	char id[UUID_LEN];
	uint64_t n = 0;
	int i;

	(void)state;
	need_mounts();
	launch(&w.runner[0], "", id);
	for (i = 0; i < 3; i++) {
		n = say_until_stalled(&w.runner[0], n);
		pump_until(is_stalled, NULL);
		make_room();
		expect_ack(&w.runner[0], n);
	}
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, setup_small, \
	teardown_small)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(output_waits_and_is_not_lost),
		CASE(requests_that_write_are_refused),
		CASE(ends_are_recorded_from_the_reserve),
		CASE(a_restart_on_a_full_disk),
		CASE(a_commit_that_failed_is_tried_again),
	};

	own_mounts = geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
