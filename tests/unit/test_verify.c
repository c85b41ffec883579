/*
 * What audit verify finds in a trail of twenty records with heads over the
 * first ten and the first fifteen: what was done to it, and where.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/sign.h"
#include "covenctl/verify.h"

#define N	20

/* What is on record: each with the digest that stands beside it. */
struct kept {
	struct audit_record	r;
	uint8_t			digest[DIGEST_LEN];
	bool			none;	/* no digest stands there */
	char			detail[32];
};

static const uint8_t chain[AUDIT_CHAIN_LEN] = { 1, 2, 3 };
static struct kept trail[N + 1];	/* from 1 */
static struct audit_head heads[8];
static size_t nheads;
static struct sign_key key, other_key;

static void
rechain(unsigned from, unsigned to)
{
	uint8_t digest[DIGEST_LEN];
	unsigned i;

	audit_chain_start(chain, digest);
	if (from > 1)
		memcpy(digest, trail[from - 1].digest, DIGEST_LEN);
	for (i = from; i <= to; i++) {
		audit_chain_next(digest, &trail[i].r);
		memcpy(trail[i].digest, digest, DIGEST_LEN);
	}
}

static struct audit_head *
add_head(unsigned count, const struct sign_key *k)
{
	struct audit_head *h = &heads[nheads++];

	*h = (struct audit_head){ .count = count,
	    .at_ns = trail[count].r.at_ns + 1 };
	memcpy(h->chain, chain, sizeof(chain));
	memcpy(h->digest, trail[count].digest, DIGEST_LEN);
	sign_head(k, h);
	return h;
}

static int
setup(void **state)
{
	static const uint8_t seed[AUDIT_SEED_LEN] = { 1 };
	static const uint8_t other[AUDIT_SEED_LEN] = { 2 };
	unsigned i;

	(void)state;
	sign_init();
	sign_key_make(&key, seed);
	sign_key_make(&other_key, other);
	memset(trail, 0, sizeof(trail));
	for (i = 1; i <= N; i++) {
		(void)snprintf(trail[i].detail, sizeof(trail[i].detail),
		    "detail %u", i);
		trail[i].r = (struct audit_record){ .n = i,
		    .at_ns = 1000 * i, .verb = "input", .session = "s",
		    .detail = trail[i].detail };
	}
	rechain(1, N);
	nheads = 0;
	add_head(10, &key);
	add_head(15, &key);
	return 0;
}

/* Say what is found in trail[order[0]], trail[order[1]], ... up to a 0. */
static void
expect(const unsigned *order, enum verify_fault fault, const char *words)
{
	struct verify v;
	char why[512];
	size_t i;

	verify_init(&v, chain);
	for (i = 0; i < nheads; i++)
		verify_head(&v, &heads[i], key.public);
	for (i = 0; order[i] != 0; i++)
		if (!verify_record(&v, &trail[order[i]].r,
		    trail[order[i]].none ? NULL : trail[order[i]].digest))
			break;
	assert_int_equal(verify_end(&v), fault);
	verify_explain(&v, why, sizeof(why));
	if (strncmp(why, words, strlen(words)) != 0)
		fail_msg("%s, not %s", why, words);
	verify_fini(&v);
}

static const unsigned all[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 0 };

static void
a_whole_trail_holds(void **state)
{
	struct verify v;
	size_t i;

	(void)state;
	expect(all, VERIFY_HOLDS, "");
	verify_init(&v, chain);
	for (i = 0; i < nheads; i++)
		verify_head(&v, &heads[i], key.public);
	for (i = 1; i <= N; i++)
		assert_true(verify_record(&v, &trail[i].r, trail[i].digest));
	assert_int_equal(verify_end(&v), VERIFY_HOLDS);
	assert_true(v.proven.count == 15);
	assert_true(v.n == N);
	verify_fini(&v);
}

static void
a_flipped_byte_is_named(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i <= N; i++) {
		char words[64];

		(void)setup(state);
		trail[i].detail[0] ^= 1;
		(void)snprintf(words, sizeof(words), "record %u was changed",
		    i);
		expect(all, VERIFY_CHANGED, words);
		(void)setup(state);
		trail[i].digest[31] ^= 1;
		expect(all, VERIFY_CHANGED, words);
		(void)setup(state);
		trail[i].r.at_ns++;
		expect(all, VERIFY_CHANGED, words);
		(void)setup(state);
		trail[i].r.session = NULL;
		expect(all, VERIFY_CHANGED, words);
		(void)setup(state);
		trail[i].none = true;
		expect(all, VERIFY_CHANGED, words);
	}
}

static void
a_removed_record_is_named(void **state)
{
	static const unsigned one[] = { 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13,
	    14, 15, 16, 17, 18, 19, 20, 0 };
	static const unsigned three[] = { 1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 14,
	    15, 16, 17, 18, 19, 20, 0 };
	static const unsigned first[] = { 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	    13, 14, 15, 16, 17, 18, 19, 20, 0 };
	static const unsigned tail[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	    0 };
	static const unsigned nothing[] = { 0 };

	(void)state;
	expect(one, VERIFY_REMOVED, "record 4 was removed");
	expect(three, VERIFY_REMOVED, "records 3 to 5 were removed");
	expect(first, VERIFY_REMOVED, "record 1 was removed");
	expect(tail, VERIFY_REMOVED, "records 13 to 15 were removed: head 15 "
	    "of 1970-01-01T00:00:00.000015001Z covers what is not here");
	expect(nothing, VERIFY_REMOVED, "records 1 to 15 were removed: head");
}

/* What no head covers can be cut off unseen, and that is what is said. */
static void
what_no_head_covers_is_not_proven(void **state)
{
	static const unsigned tail[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
	    13, 14, 15, 16, 17, 0 };

	(void)state;
	expect(tail, VERIFY_HOLDS, "");
	nheads = 0;
	expect(all, VERIFY_NO_HEAD, "there is no head");
}

/* Contents alone, or with their digests. */
static void
swapped_records_are_told_from_changed_ones(void **state)
{
	struct kept a;

	(void)state;
	a = trail[5];
	trail[5].r = trail[9].r;
	trail[9].r = a.r;
	trail[5].r.n = 5;
	trail[9].r.n = 9;
	expect(all, VERIFY_MOVED, "record 5 was moved: what belongs there "
	    "stands at 9");
	(void)setup(state);
	a = trail[5];
	trail[5].r = trail[6].r;
	memcpy(trail[5].digest, trail[6].digest, DIGEST_LEN);
	trail[6].r = a.r;
	memcpy(trail[6].digest, a.digest, DIGEST_LEN);
	trail[5].r.n = 5;
	trail[6].r.n = 6;
	expect(all, VERIFY_MOVED, "record 5 was moved: what belongs there "
	    "stands at 6");
}

/* Only in a file: the store has them in the order of their numbers. */
static void
lines_out_of_order_are_named(void **state)
{
	static const unsigned late[] = { 1, 2, 3, 5, 6, 4, 7, 8, 9, 10, 11, 12,
	    13, 14, 15, 16, 17, 18, 19, 20, 0 };
	static const unsigned twice[] = { 1, 2, 3, 4, 3, 5, 6, 7, 0 };

	(void)state;
	expect(late, VERIFY_LATE, "record 4 was moved: it comes after record "
	    "6");
	expect(twice, VERIFY_LATE, "record 3 was moved: it comes after record "
	    "4");
}

/* By whoever can compute digests: only heads tell. */
static void
a_trail_that_is_chained_anew_does_not_agree_with_heads(void **state)
{
	(void)state;
	trail[12].detail[0] ^= 1;
	rechain(12, N);
	expect(all, VERIFY_REWRITTEN, "records 11 to 15 were changed and "
	    "chained anew: head 15 of");
	(void)setup(state);
	trail[3].detail[0] ^= 1;
	rechain(3, N);
	expect(all, VERIFY_REWRITTEN, "records 1 to 10 were changed");
}

/* An old copy, and new records over it. */
static void
records_that_are_younger_than_their_head_are_named(void **state)
{
	unsigned i;

	(void)state;
	for (i = 13; i <= N; i++) {
		trail[i].r.at_ns = 100000 + i;
		trail[i].detail[0] ^= 1;
	}
	rechain(13, N);
	expect(all, VERIFY_REWRITTEN, "record 13 of "
	    "1970-01-01T00:00:00.000100013Z is younger than head 15 of");
}

static void
a_head_of_another_key_is_forged(void **state)
{
	(void)state;
	add_head(18, &other_key);
	expect(all, VERIFY_FORGED, "head 18 of "
	    "1970-01-01T00:00:00.000018001Z is not signed with this key");
	(void)setup(state);
	heads[0].count = 11;
	expect(all, VERIFY_FORGED, "head 11 of");
}

static void
a_chain_that_is_gone_is_missed(void **state)
{
	struct audit_head *h = add_head(19, &key);

	(void)state;
	h->chain[0] = 0xaa;
	sign_head(&key, h);
	expect(all, VERIFY_OTHER_CHAIN, "head 19 of "
	    "1970-01-01T00:00:00.000019001Z is of chain aa0203000000");
}

/* stored signed one, its store was put back, and it signed another. */
static void
heads_that_contradict_each_other_do_not_agree(void **state)
{
	unsigned i;

	(void)state;
	trail[11].detail[0] ^= 1;
	rechain(11, N);
	add_head(15, &key);
	expect(all, VERIFY_REWRITTEN, "records 11 to 15 were changed");
	/* It was put back to twelve records, of which one is another. */
	(void)setup(state);
	trail[11].detail[0] ^= 1;
	rechain(11, N);
	add_head(12, &key);
	expect(all, VERIFY_REWRITTEN, "records 11 to 15 were changed");
	(void)setup(state);
	for (i = 11; i <= N; i++)
		trail[i].r.at_ns = 100000 + i;
	rechain(11, N);
	add_head(12, &key);
	expect(all, VERIFY_REWRITTEN, "record 11 of "
	    "1970-01-01T00:00:00.000100011Z is younger than head 15 of");
}

#define CASE(fn)	cmocka_unit_test_setup(fn, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_whole_trail_holds),
		CASE(a_flipped_byte_is_named),
		CASE(a_removed_record_is_named),
		CASE(what_no_head_covers_is_not_proven),
		CASE(swapped_records_are_told_from_changed_ones),
		CASE(lines_out_of_order_are_named),
		CASE(a_trail_that_is_chained_anew_does_not_agree_with_heads),
		CASE(records_that_are_younger_than_their_head_are_named),
		CASE(a_head_of_another_key_is_forged),
		CASE(a_chain_that_is_gone_is_missed),
		CASE(heads_that_contradict_each_other_do_not_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
