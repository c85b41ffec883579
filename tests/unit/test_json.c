/* The guards around json-c and its accessors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-apid/json.h"

#define BYTES(s)	s, sizeof(s) - 1

/* Accepted ones say how they are written again. */
static const struct {
	const char	*text;
	size_t		 n;
	const char	*again;		/* NULL: refused */
} rows[] = {
	{ BYTES("{}"), "{}" },
	{ BYTES(" { \"a\" : [ 1 , 2.50, true,false,null ] }\n"),
	    "{\"a\":[1,2.50,true,false,null]}" },
	{ BYTES("\"x\\u00e9\\n/\""), "\"x\xc3\xa9\\n/\"" },
	{ BYTES("\"\\ud83d\\ude00\""), "\"\xf0\x9f\x98\x80\"" },
	{ BYTES("[\"\xc3\xa9\xe2\x82\xac\"]"), "[\"\xc3\xa9\xe2\x82\xac\"]" },
	{ BYTES("5"), "5" },
	{ BYTES("null"), "null" },
	{ BYTES("-0.5e+3"), "-0.5e+3" },
	{ BYTES("9223372036854775807"), "9223372036854775807" },
	{ BYTES("{\"a\":{\"b\":1},\"b\":2}"), "{\"a\":{\"b\":1},\"b\":2}" },
	{ BYTES("\"\\u0000\""), "\"\\u0000\"" },
	{ BYTES("\"a:b,{}[]'\""), "\"a:b,{}[]'\"" },
	/* refused */
	{ BYTES(""), NULL },
	{ BYTES("{"), NULL },
	{ BYTES("{}x"), NULL },
	{ BYTES("{}{}"), NULL },
	{ BYTES("{}\0"), NULL },
	{ BYTES("{\"a\":1,\"a\":2}"), NULL },
	{ BYTES("{\"a\":1,\"\\u0061\":2}"), NULL },
	{ BYTES("[{\"x\":{\"a\":1,\"a\":1}}]"), NULL },
	{ BYTES("{'a':1}"), NULL },
	{ BYTES("NaN"), NULL },
	{ BYTES("[NaN]"), NULL },
	{ BYTES("[Infinity]"), NULL },
	{ BYTES("[-Infinity]"), NULL },
	{ BYTES("[nulL]"), NULL },
	{ BYTES("[True]"), NULL },
	{ BYTES("[1.]"), NULL },
	{ BYTES("[.5]"), NULL },
	{ BYTES("[01]"), NULL },
	{ BYTES("[+1]"), NULL },
	{ BYTES("[1e]"), NULL },
	{ BYTES("[1e400]"), NULL },
	{ BYTES("[9223372036854775808]"), NULL },
	{ BYTES("[1180591620717411303424]"), NULL },
	{ BYTES("[0x10]"), NULL },
	{ BYTES("[1,]"), NULL },
	{ BYTES("{\"a\":1,}"), NULL },
	{ BYTES("[1 2]"), NULL },
	{ BYTES("[1]]"), NULL },
	{ BYTES("// c\n[]"), NULL },
	{ BYTES("/* c */[]"), NULL },
	{ BYTES("\"a\nb\""), NULL },
	{ BYTES("\"a\tb\""), NULL },
	{ BYTES("\"\0\""), NULL },
	{ BYTES("\"\\x41\""), NULL },
	{ BYTES("\"\\u12g4\""), NULL },
	{ BYTES("\"\\u12"), NULL },
	{ BYTES("\"\\ud800\""), NULL },
	{ BYTES("\"\\udc00\""), NULL },
	{ BYTES("\"\\ud800\\u0041\""), NULL },
	{ BYTES("\"\xff\""), NULL },
	{ BYTES("\"\xed\xa0\x80\""), NULL },
	{ BYTES("{\"a\\u0000b\":1}"), NULL },
	{ BYTES("{\"a\\u0000\" : 1}"), NULL },
	{ BYTES("\"abc"), NULL },
	{ BYTES("tru"), NULL },
	{ BYTES("\v[]"), NULL },
};

static void
every_row(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		autobuf struct buf out = { 0 };
		autojson struct json *v = NULL;
		const char *why = NULL;
		int r = json_parse(rows[i].text, rows[i].n, &v, &why);

		if (r != (rows[i].again != NULL ? 0 : JSON_BAD))
			fail_msg("row %zu: %s: %d %s", i, rows[i].text, r,
			    why != NULL ? why : "");
		if (r != 0) {
			assert_non_null(why);
			continue;
		}
		assert_int_equal(json_write(v, &out), 0);
		assert_string_equal(buf_head(&out), rows[i].again);
	}
}

/* p's n bytes doubled around a middle, as a text to parse. */
static int
parse_nested(unsigned depth)
{
	autobuf struct buf b = { 0 };
	autojson struct json *v = NULL;
	const char *why;
	unsigned i;

	for (i = 0; i < depth; i++)
		buf_adds(&b, "[");
	for (i = 0; i < depth; i++)
		buf_adds(&b, "]");
	return json_parse(buf_head(&b), buf_left(&b), &v, &why);
}

static void
depth_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(parse_nested(30), 0);
	assert_int_equal(parse_nested(33), JSON_BAD);
	assert_int_equal(parse_nested(100000), JSON_BAD);
}

static void
values_are_bounded(void **state)
{
	autobuf struct buf b = { 0 };
	autojson struct json *v = NULL;
	const char *why;
	int i;

	(void)state;
	buf_adds(&b, "[0");
	for (i = 0; i < LIMIT_JSON_VALUES + 1; i++)
		buf_adds(&b, ",0");
	buf_adds(&b, "]");
	assert_int_equal(json_parse(buf_head(&b), buf_left(&b), &v, &why),
	    JSON_BAD);
	assert_string_equal(why, "too many values");
}

static void
kinds_do_not_mix(void **state)
{
	static const char text[] = "{\"s\":\" x \",\"n\":5,\"z\":null,"
	    "\"o\":{},\"a\":[1],\"nul\":\"a\\u0000b\",\"t\":true,"
	    "\"blank\":\" \"}";
	autojson struct json *v = NULL;
	autofree char *trimmed = NULL;
	const char *why;
	int64_t n = 0;
	size_t len;

	(void)state;
	assert_int_equal(json_parse(text, sizeof(text) - 1, &v, &why), 0);
	assert_string_equal(json_str(json_get(v, "s"), NULL), " x ");
	trimmed = json_trimmed(json_get(v, "s"));
	assert_string_equal(trimmed, "x");
	assert_null(json_trimmed(json_get(v, "blank")));
	assert_null(json_str(json_get(v, "n"), NULL));
	assert_true(json_int(json_get(v, "n"), &n) && n == 5);
	assert_false(json_int(json_get(v, "s"), &n));
	assert_null(json_get(v, "z"));
	assert_true(json_has(v, "z"));
	assert_false(json_has(v, "absent"));
	assert_null(json_get(json_get(v, "a"), "x"));
	assert_true(json_is_true(json_get(v, "t")));
	assert_false(json_is_true(json_get(v, "n")));
	/* a string with a NUL is no C string */
	assert_null(json_str(json_get(v, "nul"), NULL));
	assert_memory_equal(json_str(json_get(v, "nul"), &len), "a\0b", 3);
	assert_int_equal(len, 3);
	assert_int_equal(json_len(json_get(v, "a")), 1);
	assert_null(json_at(json_get(v, "a"), 1));
	json_remove(v, "s");
	assert_false(json_has(v, "s"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(values_are_bounded),
		cmocka_unit_test(kinds_do_not_mix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
