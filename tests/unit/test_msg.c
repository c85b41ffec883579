/* The message codec and table: what is refused, and that nothing is lost. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/msg.h"

static void
round_trip(void **state)
{
	struct msg_init_mount in = { .op = 3, .flags = 5, .source = "/usr",
	    .target = "/usr", .dev = 7, .ino = UINT64_MAX,
	    .data = { "a\0b", 3 } };
	autobuf struct buf b = { 0 };
	union msg_any out;

	(void)state;
	assert_int_equal(msg_encode(&b, MSG_INIT_MOUNT, &in), 0);
	assert_int_equal(msg_decode_exact(buf_head(&b), buf_left(&b),
	    MSG_INIT_MOUNT, &out), 0);
	assert_int_equal(out.init_mount.op, 3);
	assert_true(out.init_mount.ino == UINT64_MAX);
	assert_string_equal(out.init_mount.source, "/usr");
	assert_int_equal(out.init_mount.data.len, 3);
	assert_memory_equal(out.init_mount.data.p, "a\0b", 3);
}

static void
every_truncation_is_refused(void **state)
{
	struct msg_who_reply in = { .tag = 1, .inside = 1 };
	struct msg_peer peer = { .role = 1, .session = "abc" };
	autobuf struct buf b = { 0 };
	union msg_any out;
	size_t n;

	(void)state;
	assert_int_equal(msg_encode(&b, MSG_WHO_REPLY, &in), 0);
	assert_int_equal(msg_encode(&b, MSG_PEER, &peer), 0);
	for (n = 0; n < buf_left(&b); n++)
		assert_int_equal(msg_decode_exact(buf_head(&b), n,
		    MSG_PEER, &out), -EPROTO);
}

static void
over_long_and_nul_are_refused(void **state)
{
	char big[64 + 2];
	struct msg_run_failed in = { .id = "x", .step = big, .text = "" };
	struct msg_run_start start = { .id = "abc" };
	autobuf struct buf b = { 0 };
	union msg_any out;

	(void)state;
	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(msg_encode(&b, MSG_RUN_FAILED, &in), -EMSGSIZE);
	assert_int_equal(buf_left(&b), 0);
	assert_int_equal(msg_encode(&b, MSG_RUN_START, &start), 0);
	b.data[b.len - 3] = '\0';	/* a NUL inside the string */
	assert_int_equal(msg_decode_exact(buf_head(&b), buf_left(&b),
	    MSG_RUN_START, &out), -EPROTO);
}

static void
table_is_sound(void **state)
{
	uint32_t t;

	(void)state;
	for (t = 1; t < MSG__COUNT; t++) {
		const struct msg_row *row = msg_row(t);

		assert_non_null(row);
		assert_true((row->from == 0) == (row->to == 0));
		assert_true((row->from & row->to) == 0);
		if (row->from != 0)
			assert_true(row->states != 0);
	}
	assert_null(msg_row(0));
	assert_null(msg_row(MSG__COUNT));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(over_long_and_nul_are_refused),
		cmocka_unit_test(table_is_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
