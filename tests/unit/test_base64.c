/* Base64 both ways, and what is none. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base64.h"
#include "common/mem.h"

#define BYTES(s)	s, sizeof(s) - 1

static const struct {
	enum base64_form	 form;
	const char		*text, *bytes;
	size_t			 n;
} rows[] = {
	/* RFC 4648 section 10 */
	{ BASE64_STANDARD, "", BYTES("") },
	{ BASE64_STANDARD, "Zg==", BYTES("f") },
	{ BASE64_STANDARD, "Zm8=", BYTES("fo") },
	{ BASE64_STANDARD, "Zm9v", BYTES("foo") },
	{ BASE64_STANDARD, "Zm9vYg==", BYTES("foob") },
	{ BASE64_STANDARD, "Zm9vYmE=", BYTES("fooba") },
	{ BASE64_STANDARD, "Zm9vYmFy", BYTES("foobar") },
	/* the two digits in which the alphabets differ */
	{ BASE64_STANDARD, "AP/+", BYTES("\0\xff\xfe") },
	{ BASE64_URL, "AP_-", BYTES("\0\xff\xfe") },
	{ BASE64_URL, "Zg", BYTES("f") },
	{ BASE64_URL, "Zm8", BYTES("fo") },
};

static const struct {
	enum base64_form	 form;
	const char		*text;
} bad[] = {
	{ BASE64_STANDARD, "A" }, { BASE64_STANDARD, "Zg" },
	{ BASE64_STANDARD, "AAA" }, { BASE64_STANDARD, "Zg=" },
	{ BASE64_STANDARD, "Zh==" }, { BASE64_STANDARD, "AAB=" },
	{ BASE64_STANDARD, "Z===" }, { BASE64_STANDARD, "====" },
	{ BASE64_STANDARD, "Zm 9" }, { BASE64_STANDARD, "AA=A" },
	{ BASE64_STANDARD, "AAAA=AAA" }, { BASE64_STANDARD, "Zg==Zg==" },
	{ BASE64_STANDARD, "AP_-" }, { BASE64_STANDARD, "!!!!" },
	{ BASE64_URL, "Zg==" }, { BASE64_URL, "A" }, { BASE64_URL, "Zh" },
	{ BASE64_URL, "AP/+" },
};

static void
known_values(void **state)
{
	char to[16];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		autobuf struct buf text = { 0 }, back = { 0 };

		assert_int_equal(base64_encode(rows[i].form, rows[i].bytes,
		    rows[i].n, &text), 0);
		assert_string_equal(buf_head(&text), rows[i].text);
		assert_int_equal(base64_write(rows[i].form, to, rows[i].bytes,
		    rows[i].n), strlen(rows[i].text));
		assert_memory_equal(to, rows[i].text, strlen(rows[i].text));
		assert_int_equal(base64_decode(rows[i].form, rows[i].text,
		    strlen(rows[i].text), &back), 0);
		assert_int_equal(buf_left(&back), rows[i].n);
		assert_memory_equal(buf_head(&back), rows[i].bytes, rows[i].n);
	}
}

static void
every_byte_and_length_comes_back(void **state)
{
	static const enum base64_form forms[] = { BASE64_STANDARD, BASE64_URL };
	unsigned char all[256];
	size_t f, i, n;

	(void)state;
	for (i = 0; i < sizeof(all); i++)
		all[i] = (unsigned char)i;
	for (f = 0; f < nitems(forms); f++) {
		for (n = 0; n <= sizeof(all); n++) {
			autobuf struct buf text = { 0 }, back = { 0 };

			assert_int_equal(base64_encode(forms[f], all, n,
			    &text), 0);
			assert_true(buf_left(&text) <= base64_len(n));
			assert_int_equal(base64_decode(forms[f],
			    buf_head(&text), buf_left(&text), &back), 0);
			assert_int_equal(buf_left(&back), n);
			assert_memory_equal(buf_head(&back), all, n);
		}
	}
}

static void
each_value_has_one_text(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		autobuf struct buf out = { 0 };

		if (base64_decode(bad[i].form, bad[i].text,
		    strlen(bad[i].text), &out) != BASE64_BAD)
			fail_msg("%s was taken", bad[i].text);
		assert_int_equal(buf_left(&out), 0);
	}
}

/* A buffer that may not grow keeps what it has. */
static void
full_buffers_take_nothing(void **state)
{
	autobuf struct buf b = { .max = 4 };

	(void)state;
	assert_int_equal(base64_encode(BASE64_STANDARD, "abcdefgh", 8, &b),
	    -EMSGSIZE);
	assert_int_equal(base64_decode(BASE64_STANDARD, "Zm9vYmFyZm9v", 12,
	    &b), -EMSGSIZE);
	assert_int_equal(buf_left(&b), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_values),
		cmocka_unit_test(every_byte_and_length_comes_back),
		cmocka_unit_test(each_value_has_one_text),
		cmocka_unit_test(full_buffers_take_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
