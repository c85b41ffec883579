/* What is refused before json-c sees it, where, and what is left to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/json_scan.h"
#include "common/limits.h"
#include "common/mem.h"

#define BYTES(s)	s, sizeof(s) - 1
#define ALONE1		"the first half of a surrogate pair alone"
#define ALONE2		"the second half of a surrogate pair alone"
#define COMMA		"a comma before a bracket"
#define CONTROL		"a control character in a string"
#define ESCAPE		"an escape that JSON has not"
#define LARGE		"a number that is too large"
#define NONE		"a number without digits"
#define STRANGE		"a character that JSON has not"
#define WORD		"a word that JSON has not"

static const struct {
	const char	*text;
	size_t		 n, members;
	uint32_t	 line;
	const char	*fault;		/* NULL: taken, members counted */
} rows[] = {
	{ BYTES(""), 0, 0, NULL },
	{ BYTES("{\"a\":[1,true,false,null]}\r\n\t "), 1, 0, NULL },
	{ BYTES("{\"a\":{\"b\":1},\"b\":\":\"}"), 3, 0, NULL },
	{ BYTES("[-0,0.5,-1.5e+300,9223372036854775807]"), 0, 0, NULL },
	{ BYTES("[1e-400]"), 0, 0, NULL },
	{ BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00E9\\ud83d\\ude00\""), 0, 0,
	    NULL },
	{ BYTES("[\"\\u0000\",{\"a\":1}]"), 1, 0, NULL },
	/* structure is json-c's */
	{ BYTES("[,,1]{}"), 0, 0, NULL },
	{ BYTES("[\"\xc3\xa9\",\n1]"), 0, 0, NULL },
	{ BYTES("[1,\n ]"), 0, 2, COMMA },
	{ BYTES("{\"a\":1,}"), 1, 1, COMMA },
	{ BYTES("{\"a\"::1}"), 2, 0, NULL },
	{ BYTES("{\"a\":1,\"a\":2}"), 2, 0, NULL },
	{ BYTES("[}"), 0, 0, NULL },

	{ BYTES("]"), 0, 1, "an unmatched bracket" },
	{ BYTES("\n{'a':1}"), 0, 2, STRANGE },
	{ BYTES("/* */ 1"), 0, 1, STRANGE },
	{ BYTES("\v1"), 0, 1, STRANGE },
	{ BYTES("{}\0"), 0, 1, STRANGE },
	{ BYTES("\xef\xbb\xbf{}"), 0, 1, STRANGE },
	{ BYTES("[+1]"), 0, 1, STRANGE },
	{ BYTES("[.5]"), 0, 1, STRANGE },
	{ BYTES("[\n\n\nNaN]"), 0, 4, WORD },
	{ BYTES("[Infinity]"), 0, 1, WORD },
	{ BYTES("[True]"), 0, 1, WORD },
	{ BYTES("tru"), 0, 1, WORD },
	{ BYTES("[0x10]"), 0, 1, WORD },
	{ BYTES("[-Infinity]"), 0, 1, NONE },
	{ BYTES("-"), 0, 1, NONE },
	{ BYTES("[01]"), 0, 1, "a number that begins with 0" },
	{ BYTES("[1.]"), 0, 1, "a number that ends in a point" },
	{ BYTES("[1e+]"), 0, 1, "an exponent without digits" },
	{ BYTES("[1e400]"), 0, 1, LARGE },
	{ BYTES("[9223372036854775808]"), 0, 1, LARGE },
	{ BYTES("[-9223372036854775809]"), 0, 1, LARGE },
	{ BYTES("[0.00000000000000000000000000000000000000000000000000000"
	    "0000000000]"), 0, 1, "a number that is too long" },
	{ BYTES("\"a\nb\""), 0, 1, CONTROL },
	{ BYTES("\"\0\""), 0, 1, CONTROL },
	{ BYTES("\"abc"), 0, 1, "a string without an end" },
	{ BYTES("\"abc\\\""), 0, 1, "a string without an end" },
	{ BYTES("\"\\x41\""), 0, 1, ESCAPE },
	{ BYTES("\"\\"), 0, 1, ESCAPE },
	{ BYTES("\"\\u12g4\""), 0, 1, "a \\u escape without four digits" },
	{ BYTES("\"\\u12"), 0, 1, "a \\u escape without four digits" },
	{ BYTES("\"\\ud800\""), 0, 1, ALONE1 },
	{ BYTES("\"\\ud800\\u0041\""), 0, 1, ALONE1 },
	{ BYTES("\"\\ud800\\"), 0, 1, ALONE1 },
	{ BYTES("\"\\udc00\""), 0, 1, ALONE2 },
	{ BYTES("{\"a\\u0000b\":1}"), 0, 1, "a NUL in a name" },
	{ BYTES("{\"a\\u0000\" : 1}"), 0, 1, "a NUL in a name" },
	{ BYTES("\n\"\xff\""), 0, 0, "bytes that are not UTF-8" },
	{ BYTES("\"\xed\xa0\x80\""), 0, 0, "bytes that are not UTF-8" },
};

static void
every_row(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct json_scan s = { .fault = NULL };
		int r = json_scan(&s, rows[i].text, rows[i].n);

		if (r != (rows[i].fault != NULL ? JSON_SCAN_BAD : 0))
			fail_msg("row %zu: %s: %d", i, rows[i].text, r);
		if (r == 0) {
			assert_int_equal(s.members, rows[i].members);
			continue;
		}
		assert_string_equal(s.fault, rows[i].fault);
		assert_int_equal(s.line, rows[i].line);
	}
}

static void
depth_is_bounded(void **state)
{
	struct json_scan s = { .fault = NULL };
	char text[LIMIT_JSON_DEPTH + 1];

	(void)state;
	memset(text, '[', sizeof(text));
	assert_int_equal(json_scan(&s, text, sizeof(text) - 1), 0);
	assert_int_equal(json_scan(&s, text, sizeof(text)), JSON_SCAN_BAD);
	assert_string_equal(s.fault, "too deep a nesting");
}

static void
values_are_bounded(void **state)
{
	static const char text[] = "{\"a\":1,\"b\":[1,2]}";
	struct json_scan s = { .max_values = 4 };

	(void)state;
	assert_int_equal(json_scan(&s, text, sizeof(text) - 1), 0);
	s.max_values = 3;
	assert_int_equal(json_scan(&s, text, sizeof(text) - 1),
	    JSON_SCAN_BAD);
	assert_string_equal(s.fault, "too many values");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(values_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
