/* Plain text is told apart at every length, place and byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/plain.h"

#define LONGEST	70

static bool
plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static bool
ascii(unsigned char c)
{
	return c < 0x80;
}

static bool
no_control(unsigned char c)
{
	return c >= 0x20;
}

/* As has_control would say it of the first control character. */
static size_t
control_run(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (has_control(s, i + 1))
			return i;
	return n;
}

static size_t
copied(const char *s, size_t n)
{
	char to[LONGEST + 1];
	size_t run;

	to[n] = '!';
	run = plain_copy(to, s, n);
	assert_memory_equal(to, s, run);
	assert_int_equal(to[n], '!');
	return run;
}

static void
every_byte_at_every_place(void **state)
{
	static const struct {
		const char	*name;
		size_t		(*run)(const char *, size_t);
		bool		(*is)(unsigned char);
	} rows[] = {
		{ "plain_run", plain_run, plain },
		{ "plain_copy", copied, plain },
		{ "ascii_run", ascii_run, ascii },
		{ "has_control", control_run, no_control },
	};
	char text[LONGEST];
	size_t r, n, at, want;
	unsigned c;

	(void)state;
	for (r = 0; r < nitems(rows); r++) {
		for (n = 0; n < LONGEST; n += n < 34 ? 1 : 7) {
			memset(text, 'x', sizeof(text));
			assert_int_equal(rows[r].run(text, n), n);
			for (at = 0; at < n; at++) {
				for (c = 0; c < 256; c++) {
					text[at] = (char)c;
					want = rows[r].is((unsigned char)c) ?
					    n : at;
					if (rows[r].run(text, n) != want)
						fail_msg("%s: byte %u at %zu"
						    " of %zu", rows[r].name,
						    c, at, n);
				}
				text[at] = 'x';
			}
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_at_every_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
