/* What is read of an output event, and where text is cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "coven-stored/search_text.h"

static void
only_text_is_read(void **state)
{
	static const struct {
		const char	*payload, *want;
	} rows[] = {
		{ "{\"data\":\"hello world\"}", "hello world" },
		{ "{\"data\":\"a\\nb\\t\\\"c\\\\d\\/e\"}", "a b \"c\\d/e" },
		{ "{ \"data\" : \"x\" , \"b64\" : \"aGk=\" }", "x" },
		{ "{\"data\":\"x\",\"stream\":\"stderr\"}", "x" },
		{ "{\"data\":\"x\",\"n\":1,\"o\":{\"text\":\"y\"}}", "xy" },
		{ "{\"message\":[\"x\",\"y\"]}", "xy" },
		{ "{\"data\":\"caf\\u00e9 \\ud83d\\udc08 \\u4e2d\"}",
		    "caf\xc3\xa9 \xf0\x9f\x90\x88 \xe4\xb8\xad" },
		{ "{\"data\":\"\\ud83dx\\u0000y\"}", "\xef\xbf\xbdx y" },
		/* a terminal's own language is no text */
		{ "{\"data\":\"\\u001b[31mred\\u001b[0m\"}", "red" },
		{ "{\"data\":\"\\u001b]0;title\\u0007a\"}", "a" },
		{ "{\"data\":\"\\u001b]0;title\\u001b\\\\b\"}", "b" },
		{ "{\"data\":\"\\u001bPq#1\\u001b\\\\c\"}", "c" },
		{ "{\"data\":\"\\u001b(Bd\\u001b7e\"}", "de" },
		{ "{\"data\":\"\\u001b[1;2\"}", "" },
		{ "{\"data\":\"\x7f" "f\"}", " f" },
		/* what is no JSON ends it */
		{ "{\"data\":\"abc", "abc" },
		{ "{\"data\":\"ab\\", "ab" },
		{ "{\"data\":\"ab\\u12", "ab" },
		{ "{\"data\":\"ab\\uzzzz\",\"data\":\"c\"}", "ab" },
		{ "{}", "" },
		{ "", "" },
		{ "\"", "" },
		{ "{\"data\":1}", "" },
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		autobuf struct buf out = { 0 };
		size_t n = strlen(rows[i].payload);
		char *copy = mem_dup(rows[i].payload, n != 0 ? n : 1);

		search_text(copy, n, &out);
		if (strcmp(buf_head(&out), rows[i].want) != 0)
			fail_msg("%s: \"%s\"", rows[i].payload,
			    buf_head(&out));
		/* Cut short anywhere, nothing beyond is read. */
		for (k = 0; k < n; k++) {
			char *part = mem_dup(copy, k != 0 ? k : 1);

			buf_clear(&out);
			search_text(part, k, &out);
			assert_true(buf_left(&out) <= k);
			free(part);
		}
		free(copy);
	}
}

static void
text_is_cut_between_words(void **state)
{
	static const struct {
		const char	*text;
		size_t		 max, want;
	} rows[] = {
		{ "one two", 20, 7 },
		{ "one two", 7, 7 },
		{ "one two", 6, 3 },
		{ "one two", 3, 3 },
		{ "onetwo", 4, 4 },
		{ "caf\xc3\xa9x", 4, 3 },
		{ "caf\xc3\xa9x", 5, 5 },
		{ "\xf0\x9f\x90\x88", 2, 2 },	/* nothing else fits */
		{ "", 4, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		if (search_cut(rows[i].text, strlen(rows[i].text),
		    rows[i].max) != rows[i].want)
			fail_msg("%s at %zu: %zu", rows[i].text, rows[i].max,
			    search_cut(rows[i].text, strlen(rows[i].text),
			    rows[i].max));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_text_is_read),
		cmocka_unit_test(text_is_cut_between_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
