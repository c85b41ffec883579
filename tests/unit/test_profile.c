/* What the monitor reads of a confined role, and what it does not accept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"

static const struct {
	const char	*name;
	const char	*from, *to;
} lies[] = {
	{ "effective", "CapEff:\t0000000000000000",
	    "CapEff:\t0000000000200000" },
	{ "ambient", "CapAmb:\t0000000000000000",
	    "CapAmb:\t0000000000000001" },
	{ "no filter", "Seccomp:\t2", "Seccomp:\t0" },
	{ "strict, not filter", "Seccomp:\t2", "Seccomp:\t1" },
	{ "privileges", "NoNewPrivs:\t1", "NoNewPrivs:\t0" },
	{ "a longer value", "NoNewPrivs:\t1", "NoNewPrivs:\t10" },
	{ "missing", "CapPrm:", "CapPrx:" },
};

static void
status_is_read_strictly(void **state)
{
	static const char good[] =
	    "Name:\tx\nCapInh:\t0000000000000000\n"
	    "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
	    "CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n"
	    "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
	char text[512], why[128];
	const char *at;
	size_t i;

	(void)state;
	assert_int_equal(profile_verify(ROLE_APID, good, why, sizeof(why)), 0);
	assert_int_equal(profile_verify(ROLE_INIT, "", why, sizeof(why)), 0);
	assert_int_equal(profile_verify(ROLE_APID, "", why, sizeof(why)),
	    PROFILE_UNLIKE);
	for (i = 0; i < nitems(lies); i++) {
		at = strstr(good, lies[i].from);
		assert_non_null(at);
		(void)snprintf(text, sizeof(text), "%.*s%s%s",
		    (int)(at - good), good, lies[i].to,
		    at + strlen(lies[i].from));
		if (profile_verify(ROLE_APID, text, why, sizeof(why)) !=
		    PROFILE_UNLIKE)
			fail_msg("%s passes", lies[i].name);
	}
}

static void
rows_are_sound(void **state)
{
	int r;

	(void)state;
	for (r = 0; r < ROLE__COUNT; r++) {
		const struct profile *p = profile_of((enum role)r);

		if (p == NULL)
			continue;
		assert_true(p->nlimits <= PROFILE_LIMITS);
		assert_true(p->nrules <= PROFILE_RULES);
		assert_true(p->nchecks != 0);
		assert_true(p->filter != FILTER_MONITOR &&
		    p->filter != FILTER_PAYLOAD);
		/* What is reached is in the row, and has a rule. */
		assert_true((p->last_fd > ROLE_FD_CONTROL ||
		    p->root == ROOT_FILES) == (p->nrules != 0));
		assert_true(p->root != ROOT_FOLDER || p->nrules != 0);
	}
	assert_null(profile_of(ROLE_MONITOR));
	assert_null(profile_of(ROLE_INIT));
}

static void
owner_is_never_the_overflow_uid(void **state)
{
	(void)state;
	assert_int_equal(profile_owner_inside(0), 0);
	assert_int_equal(profile_owner_inside(1001), 1001);
	assert_int_equal(profile_owner_inside(PROFILE_OVERFLOW_UID), 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_is_read_strictly),
		cmocka_unit_test(rows_are_sound),
		cmocka_unit_test(owner_is_never_the_overflow_uid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
