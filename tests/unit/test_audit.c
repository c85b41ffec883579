/*
 * The audit trail's form, which is written down in
 * doc/adr/0010-audit-chain.md: digests of given records, and what is a head
 * and what is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/audit.h"
#include "common/mem.h"
#include "common/msg.h"

static const uint8_t chain[AUDIT_CHAIN_LEN] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    10, 11, 12, 13, 14, 15 };

static void
expect_digest(const uint8_t *digest, const char *want)
{
	char hex[2 * DIGEST_LEN + 1];

	audit_hex(digest, DIGEST_LEN, hex);
	assert_string_equal(hex, want);
}

/* Calculated by another program from the words of that page. */
static void
digests_are_those_of_the_document(void **state)
{
	static const struct audit_record records[] = {
		{ 1, 1767225600123456789, "start", NULL, NULL, "x" },
		{ 2, 1767225600123456790, "kill", "a-b", "uid 1 pid 2", "" },
		{ 3, 0, "end", "", "", "\xc3\xa9\n" },
	};
	static const char *const want[] = {
		"aff409fc6ce5b7c8ba0170164928876f"
		    "20cd421b1cea72e9837ee5567b4a3f21",
		"e86355e303f2b623f3d9f937f4938afa"
		    "06821866f13084aa2057ee25d9d56d7d",
		"8e6f77af2aa872b12090cbe7f20648d7"
		    "56a2dfd569dcf151a4d4b1c40174f281",
	};
	uint8_t digest[DIGEST_LEN];
	size_t i;

	(void)state;
	audit_chain_start(chain, digest);
	expect_digest(digest, "79d160105569338e82e2caf61ab4ec66"
	    "a01a1b9200e692ddf9c04726a48dc558");
	for (i = 0; i < nitems(records); i++) {
		audit_chain_next(digest, &records[i]);
		expect_digest(digest, want[i]);
	}
}

/* Where one field ends and the next begins is part of what is digested. */
static void
no_two_records_encode_alike(void **state)
{
	static const struct audit_record records[] = {
		{ 1, 1, "ab", "c", NULL, "d" },
		{ 1, 1, "a", "bc", NULL, "d" },
		{ 1, 1, "ab", NULL, "c", "d" },
		{ 1, 1, "ab", "", "c", "d" },
		{ 1, 1, "ab", "c", "", "d" },
		{ 1, 1, "ab", "c", "d", "" },
		{ 1, 2, "ab", "c", NULL, "d" },
		{ 2, 1, "ab", "c", NULL, "d" },
	};
	uint8_t digests[nitems(records)][DIGEST_LEN];
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(records); i++) {
		audit_chain_start(chain, digests[i]);
		audit_chain_next(digests[i], &records[i]);
		for (k = 0; k < i; k++)
			assert_memory_not_equal(digests[i], digests[k],
			    DIGEST_LEN);
	}
}

static const struct audit_head head = {
	.chain = { 0xab, 0xcd },
	.count = 1200,
	.digest = { 0x01, [31] = 0xff },
	.at_ns = 1767225600000000007,
	.signature = { 0x99, [63] = 0x11 },
};

static void
a_head_is_one_line(void **state)
{
	char line[AUDIT_HEAD_LINE], text[AUDIT_HEAD_TEXT];
	struct audit_head back;
	size_t n = audit_head_text(&head, text);

	(void)state;
	audit_head_line(&head, line);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(line, text, n);
	assert_int_equal(line[n], ' ');
	assert_memory_equal(line, "coven-audit-1 "
	    "abcd0000000000000000000000000000 1200 01", 49);
	assert_non_null(strstr(line, " 2026-01-01T00:00:00.000000007Z 99"));
	assert_int_equal(audit_head_parse(line, &back), 0);
	assert_memory_equal(&back, &head, sizeof(head));
}

static void
the_longest_head_fits(void **state)
{
	struct audit_head h = head, back;
	char line[AUDIT_HEAD_LINE];

	(void)state;
	h.count = 9223372036854775807;
	h.at_ns = 9223372036854775807;
	audit_head_line(&h, line);
	assert_int_equal(audit_head_parse(line, &back), 0);
	assert_memory_equal(&back, &h, sizeof(h));
}

/* What is not exactly one spelling of a head is none. */
static void
what_is_no_head_is_refused(void **state)
{
	static const struct {
		size_t	at;
		char	byte;
	} changes[] = {
		{ 0, 'C' }, { 12, '2' }, { 13, '\t' }, { 14, 'A' },
		{ 14, 'g' }, { 46, '-' }, { 47, '0' }, { 50, 'x' },
		{ 51, '\0' }, { 116, 'z' }, { 117, ' ' }, { 127, ' ' },
		{ 146, 'z' },
	};
	char line[AUDIT_HEAD_LINE + 2], copy[sizeof(line)];
	struct audit_head back;
	size_t i;

	(void)state;
	audit_head_line(&head, line);
	for (i = 0; i < nitems(changes); i++) {
		memcpy(copy, line, sizeof(copy));
		copy[changes[i].at] = changes[i].byte;
		if (audit_head_parse(copy, &back) == 0)
			fail_msg("taken for a head: %s", copy);
	}
	for (i = 0; i < strlen(line); i++) {
		memcpy(copy, line, sizeof(copy));
		copy[i] = '\0';
		assert_true(audit_head_parse(copy, &back) < 0);
	}
	memcpy(copy, line, sizeof(copy));
	strcat(copy, "0");
	assert_true(audit_head_parse(copy, &back) < 0);
}

static void
verbs_are_told_apart(void **state)
{
	uint32_t i, k;

	(void)state;
	for (i = 0; i < AUDIT_VERB__COUNT; i++) {
		const struct audit_verb_row *row = audit_verb_row(i);

		assert_non_null(row);
		assert_int_equal(row->from & ~(R(MONITOR) | R(APID)), 0);
		for (k = 0; k < i; k++)
			assert_string_not_equal(row->name,
			    audit_verb_row(k)->name);
	}
	assert_null(audit_verb_row(AUDIT_VERB__COUNT));
	assert_null(audit_verb_row(UINT32_MAX));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_the_document),
		cmocka_unit_test(no_two_records_encode_alike),
		cmocka_unit_test(a_head_is_one_line),
		cmocka_unit_test(the_longest_head_fits),
		cmocka_unit_test(what_is_no_head_is_refused),
		cmocka_unit_test(verbs_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
