/*
 * What stored says about its audit: heads, when they are due and that they
 * hold; notes of others, which of them it takes, and how many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "common/sign.h"
#include "tests/unit/stored_peers.h"

static uint8_t public_key[AUDIT_PUBLIC_LEN];
static uint64_t head_ns;		/* the last one's */

static void
give_key(uint32_t every)
{
	static const uint8_t seed[AUDIT_SEED_LEN] = { 7 };
	struct msg_audit_key m = { .every = every };
	autoclose int fd = memfd_make("seed", seed, sizeof(seed));
	struct got *g;

	assert_true(fd >= 0);
	assert_int_equal(chan_send(&w.monitor.chan, MSG_AUDIT_KEY, &m, fd), 0);
	g = peer_expect(&w.monitor, MSG_AUDIT_PUBLIC);
	assert_int_equal(g->m.audit_public.key.len, sizeof(public_key));
	memcpy(public_key, g->m.audit_public.key.p, sizeof(public_key));
}

static void
serve_with_key(uint32_t every)
{
	stored_up();
	give_key(every);
	world_serve(0);
}

/* The next one, which holds; its count. */
static uint64_t
expect_head(void)
{
	const struct msg_audit_head *m =
	    &peer_expect(&w.monitor, MSG_AUDIT_HEAD)->m.audit_head;
	struct audit_head head = { .count = m->count, .at_ns = m->time_ns };
	struct audit_head there;

	assert_int_equal(m->chain.len, sizeof(head.chain));
	assert_int_equal(m->digest.len, sizeof(head.digest));
	assert_int_equal(m->signature.len, sizeof(head.signature));
	memcpy(head.chain, m->chain.p, sizeof(head.chain));
	memcpy(head.digest, m->digest.p, sizeof(head.digest));
	memcpy(head.signature, m->signature.p, sizeof(head.signature));
	assert_true(sign_check_head(public_key, &head));
	store_audit_head(w.stored.store, &there);
	assert_memory_equal(there.chain, head.chain, sizeof(head.chain));
	if (there.count == head.count)
		assert_memory_equal(there.digest, head.digest,
		    sizeof(head.digest));
	head_ns = head.at_ns;
	head.count++;
	assert_false(sign_check_head(public_key, &head));
	return m->count;
}

static void
say_note(struct peer *p, uint32_t verb, const char *detail)
{
	struct msg_audit_note m = { .verb = verb, .time_ns = 5,
	    .actor = "uid 1 pid 2", .detail = detail };

	peer_send(p, MSG_AUDIT_NOTE, &m);
}

static uint64_t
records(void)
{
	struct audit_head head;

	store_audit_head(w.stored.store, &head);
	return head.count;
}

/* --- cases --------------------------------------------------------------- */

static void
a_start_is_covered_at_once(void **state)
{
	(void)state;
	serve_with_key(100);
	assert_true(expect_head() == 2);	/* audit.begin, recover */
	peer_expect_nothing(&w.monitor);
}

static bool
second_passed(void *ctx)
{
	return loop_now_ns() >= *(int64_t *)ctx;
}

static void
many_records_bring_one_head_a_second(void **state)
{
	uint64_t last_ns, count;
	int i;

	(void)state;
	serve_with_key(3);
	assert_true(expect_head() == 2);
	last_ns = head_ns;
	for (i = 0; i < 30; i++) {
		say_note(&w.monitor, AUDIT_SOCKET_RESTORE, "x");
		if (i % 5 == 0)
			pump_idle();
	}
	do {
		count = expect_head();
		/* A little less: two clocks are not one. */
		assert_true(head_ns - last_ns > 950 * UINT64_C(1000000));
		last_ns = head_ns;
	} while (count < 32);
	assert_true(count == 32);
}

static void
few_records_wait_for_theirs(void **state)
{
	int64_t until;

	(void)state;
	serve_with_key(3);
	assert_true(expect_head() == 2);
	say_note(&w.monitor, AUDIT_SOCKET_RESTORE, "x");
	until = loop_now_ns() + LIMIT_AUDIT_HEAD_MIN_MS * INT64_C(1100000);
	pump_until(second_passed, &until);
	peer_expect_nothing(&w.monitor);
	assert_true(records() == 3);
}

static void
the_last_head_covers_everything(void **state)
{
	struct msg_shutdown m = { 0 };

	(void)state;
	serve_with_key(100);
	assert_true(expect_head() == 2);
	say_note(&w.monitor, AUDIT_STOP, "told to");
	peer_send(&w.monitor, MSG_SHUTDOWN, &m);
	assert_true(expect_head() == 3);
}

static void
a_new_life_goes_on_with_the_chain(void **state)
{
	(void)state;
	serve_with_key(100);
	assert_true(expect_head() == 2);
	stored_down();
	serve_with_key(100);
	assert_true(expect_head() == 3);
}

static void
without_a_key_there_are_no_heads(void **state)
{
	(void)state;
	stored_up();
	world_serve(0);
	peer_expect_nothing(&w.monitor);
}

static void
apid_may_say_what_it_may(void **state)
{
	(void)state;
	stored_up();
	world_serve(0);
	say_note(&w.apid, AUDIT_REFUSAL, "a rule");
	say_note(&w.apid, AUDIT_AUTH_FAIL, "a rule");
	pump_idle();
	assert_true(records() == 4);
	say_note(&w.apid, AUDIT_LAUNCH, "never happened");
	peer_expect_end(&w.apid);
	pump_idle();
	/* That it lied is on record, what it said is not. */
	assert_true(records() == 5);
}

static void
the_monitor_may_not_invent_actions(void **state)
{
	(void)state;
	stored_up();
	world_serve(0);
	say_note(&w.monitor, AUDIT_KILL, "x");
	pump_idle();
	assert_true(w.lied);
}

static int
find_lost(void *ctx, const struct audit_record *r, const uint8_t *digest)
{
	(void)digest;
	if (strcmp(r->verb, "audit.lost") == 0)
		(void)snprintf(ctx, 64, "%s", r->detail);
	return 0;
}

static void
a_flood_from_apid_is_a_number(void **state)
{
	char lost[64] = "";
	int i;

	(void)state;
	stored_up();
	world_serve(0);
	for (i = 0; i < 5 * LIMIT_AUDIT_APID_NOTES; i++) {
		say_note(&w.apid, AUDIT_REFUSAL, "a rule");
		if (i % 20 == 0)
			pump_idle();
	}
	pump_idle();
	assert_true(records() < 3 + 2 * LIMIT_AUDIT_APID_NOTES);
	usleep(1000000);
	say_note(&w.apid, AUDIT_REFUSAL, "a rule");
	pump_idle();
	assert_int_equal(store_audit_page(w.stored.store, 0, UINT32_MAX,
	    find_lost, lost), 0);
	assert_non_null(strstr(lost, "notes were not kept"));
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, world_setup, \
			    world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_start_is_covered_at_once),
		CASE(many_records_bring_one_head_a_second),
		CASE(few_records_wait_for_theirs),
		CASE(the_last_head_covers_everything),
		CASE(a_new_life_goes_on_with_the_chain),
		CASE(without_a_key_there_are_no_heads),
		CASE(apid_may_say_what_it_may),
		CASE(the_monitor_may_not_invent_actions),
		CASE(a_flood_from_apid_is_a_number),
	};

	sign_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
