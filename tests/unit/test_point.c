/*
 * Mount points where an earlier payload left something in the way: whatever
 * it is, the point is made, nothing is followed, nothing is lost.
 */
#include <sys/stat.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "coven-monitor/point.h"

static const struct {
	const char	*name;
	const char	*before;	/* shell, in a fresh folder */
	const char	*path;
	bool		 folder;
	const char	*after;		/* shell that must succeed */
} cases[] = {
	{ "file_in_an_empty_folder", ":", "a/b/f", false, "test -f a/b/f" },
	{ "folder_in_an_empty_folder", ":", "a/d", true, "test -d a/d" },
	{ "file_is_kept", "mkdir a; echo x >a/f", "a/f", false,
	    "grep -q x a/f" },
	{ "folder_is_kept", "mkdir -p a/d/e", "a/d", true, "test -d a/d/e" },
	{ "link_to_a_file", "mkdir a; echo x >out; ln -s ../out a/f", "a/f",
	    false, "test ! -L a/f && test -f a/f && grep -q x out && "
	    "test -L a/.displaced-*-f" },
	{ "link_to_a_folder", "mkdir a out; ln -s ../out a/d", "a/d", true,
	    "test ! -L a/d && test -d a/d" },
	{ "link_on_the_way", "mkdir out; ln -s out a", "a/f", false,
	    "test ! -L a && test -f a/f && test ! -e out/f" },
	{ "file_on_the_way", "echo x >a", "a/f", false,
	    "test -f a/f && grep -q x .displaced-*-a" },
	{ "fifo_on_the_way", "mkfifo a", "a/f", false, "test -f a/f" },
	{ "fifo_for_a_file", "mkdir a; mkfifo a/f", "a/f", false,
	    "test -f a/f" },
	{ "folder_for_a_file", "mkdir -p a/f/x", "a/f", false, "test -f a/f" },
	{ "folder_for_a_file_twice", "mkdir -p a/f/x a/.displaced-f/x",
	    "a/f", false, "test -f a/f" },
	{ "shut_folder", "mkdir -p a/d; chmod 0 a/d a", "a/d", true,
	    "test $(stat -c %a a a/d | tr -d '\\n') = 700700" },
	{ "dangling_link", "mkdir a; ln -s /nonexistent a/d", "a/d", true,
	    "test -d a/d" },
	{ "link_to_itself", "ln -s a a", "a/f", false, "test -f a/f" },
};

static void
one(void **state)
{
	size_t i = *(size_t *)*state;
	char top[] = "/tmp/coven-point-XXXXXX";
	autobuf struct buf before = { 0 }, after = { 0 };
	const char *last;
	int base, dir, r;

	assert_non_null(mkdtemp(top));
	(void)buf_addf(&before, "cd %s && { %s; }", top, cases[i].before);
	(void)buf_addf(&after, "cd %s && { %s; }; r=$?; chmod -R u+rwx . && "
	    "rm -rf %s; exit $r", top, cases[i].after, top);
	assert_int_equal(system(buf_head(&before)), 0);
	base = open(top, O_RDONLY | O_DIRECTORY);
	assert_true(base >= 0);
	dir = point_parents(base, cases[i].path, &last);
	r = dir < 0 ? dir : point_make(dir, last, cases[i].folder);
	mem_close(&dir);
	mem_close(&base);
	assert_int_equal(r, 0);
	assert_int_equal(system(buf_head(&after)), 0);
}

int
main(void)
{
	static struct CMUnitTest tests[nitems(cases)];
	static size_t number[nitems(cases)];
	size_t i;

	for (i = 0; i < nitems(cases); i++) {
		number[i] = i;
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
		    .test_func = one, .initial_state = &number[i] };
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
