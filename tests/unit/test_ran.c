/*
 * An id that ran is known, the latest RAN_MAX of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "coven-monitor/ran.h"

static const char *
id_of(unsigned n)
{
	static char id[64];

	(void)snprintf(id, sizeof(id), "%08x-0000-4000-8000-0123456789ab", n);
	return id;
}

static void
one_that_ran_is_known(void **state)
{
	struct ran r = { 0 };

	(void)state;
	assert_false(ran_has(&r, id_of(1)));
	ran_add(&r, id_of(1));
	ran_add(&r, "ffffffff-ffff-ffff-ffff-ffffffffffff");
	assert_true(ran_has(&r, id_of(1)));
	assert_true(ran_has(&r, "ffffffff-ffff-ffff-ffff-ffffffffffff"));
	assert_false(ran_has(&r, "ffffffff-ffff-ffff-ffff-fffffffffffe"));
	assert_false(ran_has(&r, id_of(2)));
	ran_fini(&r);
}

static void
the_latest_are_kept(void **state)
{
	struct ran r = { 0 };
	unsigned i;

	(void)state;
	for (i = 0; i < RAN_MAX + 10; i++)
		ran_add(&r, id_of(i));
	assert_int_equal(r.n, RAN_MAX);
	assert_false(ran_has(&r, id_of(9)));
	assert_true(ran_has(&r, id_of(10)));
	assert_true(ran_has(&r, id_of(RAN_MAX + 9)));
	ran_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_ran_is_known),
		cmocka_unit_test(the_latest_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
