/* The line of a process as proc_pid_stat(5) has it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "coven-monitor/usage.h"
#include "coven-monitor/who.h"

static void
lines_are_read(void **state)
{
	static const struct {
		const char	*text;
		int		 r, parent;
		uint64_t	 ticks, rss, start;
	} rows[] = {
		{ "12 (cat) S 7 12 12 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1"
		    " 0 500 8192 55 18446744073709551615 1",
		    0, 7, 100, 55, 500 },
		/* any byte may be in a name */
		{ "12 (a) R 9 (b) S 7 12 12 0 -1 4194560 1 2 3 4 1 2 3 4 20 0"
		    " 1 0 500 8192 5 1", 0, 7, 10, 5, 500 },
		{ "12 (cat) S 7 12 12 0 -1 1 1 2 3 4 1 2 -3 4 20 0 1 0 5 8 5"
		    " 1", 0, 7, 7, 5, 5 },
		{ "", -EPROTO, 0, 0, 0, 0 },
		{ "12 (cat", -EPROTO, 0, 0, 0, 0 },
		{ "12 (cat) S 7 12", -EPROTO, 0, 0, 0, 0 },
		{ "12 (cat) S x", -EPROTO, 0, 0, 0, 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		struct proc_stat ps = { 0 };

		assert_int_equal(usage_parse_stat(rows[i].text, &ps),
		    rows[i].r);
		assert_int_equal(ps.parent, rows[i].parent);
		assert_int_equal(ps.ticks, rows[i].ticks);
		assert_int_equal(ps.rss_pages, rows[i].rss);
		assert_int_equal(ps.start_ticks, rows[i].start);
	}
}

static void
who_started_later_did_not_connect(void **state)
{
	uint64_t tick = UINT64_C(1000000000) /
	    (uint64_t)sysconf(_SC_CLK_TCK);

	(void)state;
	assert_true(who_may_have_connected(499, 500 * tick));
	assert_true(who_may_have_connected(500, 500 * tick));
	assert_true(who_may_have_connected(500, 501 * tick - 1));
	assert_false(who_may_have_connected(501, 501 * tick - 1));
	assert_false(who_may_have_connected(1, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_read),
		cmocka_unit_test(who_started_later_did_not_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
