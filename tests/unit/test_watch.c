/* What the watchdog of a session reads of the kernel's numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/mem.h"
#include "coven-runner/init_watch.h"

#define HEAD	"       key      shmid perms       size  cpid  lpid nattch" \
		"   uid   gid  cuid  cgid      atime      dtime      ctime" \
		"        rss       swap\n"
#define ROW(rss, swap)	"  0  0  600  8388608  3  3  0  1000  1000  1000" \
		"  1000 1795368783 1795368783 1795368783 " rss " " swap "\n"

static void
numbers_are_found(void **state)
{
	static const struct {
		const char	*text, *key;
		uint64_t	 want;
	} rows[] = {
		{ "Name:\tcat\nThreads:\t3\n", "Threads", 3 },
		{ "Name:\tcat\nRssAnon:\t     128 kB\n", "RssAnon", 128 },
		/* a name is not looked at, whatever it says */
		{ "RssAnon:\t9\nRssAnon:\t7 kB\n", "RssAnon", 7 },
		{ "Name:\tRssAnon: 9\n", "RssAnon", 0 },
		{ "Name:\tcat\nRssAnonymous:\t9\n", "RssAnon", 0 },
		{ "00-ff ---p 0 00:00 0 [rollup]\nPss: 9 kB\nPss_Anon: 4 kB\n",
		    "Pss_Anon", 4 },
		{ "Name:\tcat", "Threads", 0 },
		{ "", "Threads", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		assert_int_equal(watch_number(rows[i].text, rows[i].key),
		    rows[i].want);
}

static void
segments_add_up(void **state)
{
	(void)state;
	assert_int_equal(watch_segments(""), 0);
	assert_int_equal(watch_segments(HEAD), 0);
	assert_int_equal(watch_segments(HEAD ROW("4096", "0")), 4096);
	assert_int_equal(watch_segments(HEAD ROW("4096", "8192")
	    ROW("100", "1")), 12389);
	/* cut off in the middle: what is whole counts */
	assert_int_equal(watch_segments(HEAD ROW("4096", "0") "  1  1  600"),
	    4096);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_found),
		cmocka_unit_test(segments_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
