/*
 * Tokens and scopes: their texts, and that nothing about a guess can be read
 * from how long its refusal takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/ct.h"
#include "common/mem.h"
#include "common/scope.h"
#include "common/token.h"

static void
a_token_is_text_and_digest(void **state)
{
	struct token a, b;
	uint8_t d[DIGEST_LEN];

	(void)state;
	assert_int_equal(token_make(TOKEN_SESSION, &a), 0);
	assert_int_equal(token_make(TOKEN_PAIRED, &b), 0);
	assert_int_equal(strlen(a.text), TOKEN_LEN);
	assert_int_equal(strspn(a.text + TOKEN_MARK, "0123456789abcdef"),
	    TOKEN_LEN - TOKEN_MARK);
	assert_memory_equal(a.text, TOKEN_SESSION, TOKEN_MARK);
	assert_memory_equal(b.text, TOKEN_PAIRED, TOKEN_MARK);
	assert_memory_not_equal(a.text + TOKEN_MARK, b.text + TOKEN_MARK, 64);
	digest(a.text, TOKEN_LEN, d);
	assert_memory_equal(a.digest, d, DIGEST_LEN);
	token_wipe(&a);
	for (size_t i = 0; i < sizeof(a.text); i++)
		assert_int_equal(a.text[i], 0);
}

/* Each bit of each byte counts, and the whole table is found. */
static void
digests_are_compared_whole(void **state)
{
	uint8_t a[DIGEST_LEN], b[DIGEST_LEN];
	struct { int before; uint8_t d[DIGEST_LEN]; } rows[5];
	size_t i, bit;

	(void)state;
	for (i = 0; i < DIGEST_LEN; i++)
		a[i] = b[i] = (uint8_t)(i * 37);
	assert_true(ct_equal(a, b));
	for (i = 0; i < DIGEST_LEN; i++)
		for (bit = 0; bit < 8; bit++) {
			b[i] ^= (uint8_t)(1u << bit);
			assert_false(ct_equal(a, b));
			b[i] ^= (uint8_t)(1u << bit);
		}
	memset(rows, 0xff, sizeof(rows));
	assert_int_equal(ct_find(a, rows[0].d, sizeof(rows[0]), 5), 5);
	assert_int_equal(ct_find(a, rows[0].d, sizeof(rows[0]), 0), 0);
	for (i = 0; i < 5; i++) {
		memset(rows, 0xff, sizeof(rows));
		memcpy(rows[i].d, a, DIGEST_LEN);
		assert_int_equal(ct_find(a, rows[0].d, sizeof(rows[0]), 5), i);
	}
}

static const struct {
	const char	*text;
	unsigned	 mask;		/* 0: refused */
} lists[] = {
	{ "list", SCOPE_LIST },
	{ "list,read,input", SCOPE_LIST | SCOPE_READ | SCOPE_INPUT },
	{ "launch:codex", SCOPE_LAUNCH },
	{ "launch:codex,launch:claude,read", SCOPE_LAUNCH | SCOPE_READ },
	{ "launch:a.b_c-9", SCOPE_LAUNCH },
	{ "launch:executor", SCOPE_LAUNCH },
	{ "", 0 },
	{ ",", 0 },
	{ "list,", 0 },
	{ ",list", 0 },
	{ "list,,read", 0 },
	{ "list, read", 0 },
	{ "list,list", 0 },
	{ "launch:x,read,launch:x", 0 },
	{ "LIST", 0 },
	{ "listen", 0 },
	{ "lis", 0 },
	{ "launch", 0 },
	{ "launch:", 0 },
	{ "launch:exec", 0 },
	{ "launch:Codex", 0 },
	{ "launch:-x", 0 },
	{ "launch:../x", 0 },
	{ "launch:*", 0 },
	{ "owner", 0 },
	{ "exec", 0 },
	{ "audit", 0 },
	{ "read\n", 0 },
};

static void
scopes_are_a_closed_list(void **state)
{
	char longest[SCOPES_MAX + 3];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(lists); i++)
		if (scopes_parse(lists[i].text) != lists[i].mask)
			fail_msg("\"%s\" is %x, not %x", lists[i].text,
			    scopes_parse(lists[i].text), lists[i].mask);
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "launch:", 7);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(scopes_parse(longest), 0);
	longest[7 + 64] = '\0';
	assert_int_equal(scopes_parse(longest), SCOPE_LAUNCH);
	longest[7 + 64] = 'a';
	longest[7 + 65] = '\0';
	assert_int_equal(scopes_parse(longest), 0);
}

static void
a_launch_names_its_harness(void **state)
{
	static const char text[] = "list,launch:codex,launch:claude-x";

	(void)state;
	assert_true(scopes_launch(text, "codex"));
	assert_true(scopes_launch(text, "claude-x"));
	assert_false(scopes_launch(text, "claude"));
	assert_false(scopes_launch(text, "code"));
	assert_false(scopes_launch(text, "codex,"));
	assert_false(scopes_launch(text, ""));
	assert_false(scopes_launch("", "codex"));
	assert_false(scopes_launch("list", "list"));
}

/* --- R7: time ------------------------------------------------------------ */

static int64_t
time_one(const uint8_t *a, const uint8_t *b)
{
	struct timespec from, to;
	volatile bool equal;
	int i;

	clock_gettime(CLOCK_MONOTONIC, &from);
	for (i = 0; i < 16; i++)
		equal = ct_equal(a, b);
	(void)equal;
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from.tv_sec) * 1000000000 +
	    (to.tv_nsec - from.tv_nsec);
}

/*
 * Welch's t of two kinds of guess: wrong in the first byte, wrong in the last.
 * A scheduler's pause is no sample.  t squared, since there is no libm here.
 */
static void
R7_a_wrong_byte_shows_nowhere(void **state)
{
	uint8_t a[DIGEST_LEN] = { 0 }, b[2][DIGEST_LEN] = { { 0 } };
	uint8_t guess[DIGEST_LEN];
	uint32_t turn = 1;
	double n[2] = { 0 }, mean[2] = { 0 }, m2[2] = { 0 }, delta, v;
	long i, samples = getenv("COVEN_LONG") != NULL ? 1000000 : 100000;
	int64_t ns, cut = INT64_MAX;
	int k;

	(void)state;
	b[0][0] = 1;
	b[1][DIGEST_LEN - 1] = 1;
	for (i = 0; i < 2000; i++) {
		ns = time_one(a, b[i & 1]);
		if (ns < cut)
			cut = ns;
	}
	cut *= 2;
	for (i = 0; i < samples; i++) {
		/* in no regular turn: the order itself must not matter */
		turn ^= turn << 13;
		turn ^= turn >> 17;
		turn ^= turn << 5;
		k = (int)(turn >> 7 & 1);
		/* from one place: where a guess lies takes time, too */
		memcpy(guess, b[k], DIGEST_LEN);
		ns = time_one(a, guess);
		if (ns > cut)
			continue;
		n[k]++;
		delta = (double)ns - mean[k];
		mean[k] += delta / n[k];
		m2[k] += delta * ((double)ns - mean[k]);
	}
	assert_true(n[0] > 100 && n[1] > 100);
	v = m2[0] / (n[0] - 1) / n[0] + m2[1] / (n[1] - 1) / n[1];
	delta = mean[0] - mean[1];
	print_message("means %.2f and %.2f ns, t squared %.2f\n", mean[0],
	    mean[1], v > 0 ? delta * delta / v : 0);
	/*
	 * A comparison that leaves off at the first byte takes a tenth of the
	 * time.  The bar of t < 4.5 is for a machine with nothing else to do.
	 */
	assert_true(delta < mean[0] / 10 && -delta < mean[0] / 10);
	if (getenv("COVEN_LONG") != NULL && v > 0)
		assert_true(delta * delta / v < 4.5 * 4.5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_text_and_digest),
		cmocka_unit_test(digests_are_compared_whole),
		cmocka_unit_test(scopes_are_a_closed_list),
		cmocka_unit_test(a_launch_names_its_harness),
		cmocka_unit_test(R7_a_wrong_byte_shows_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
