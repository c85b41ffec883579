/*
 * What is written to a cgroup's files, and read from them, against a tree
 * that only looks like one.  tests/it/limits_cgroup.sh has a kernel behind it.
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

#include "common/mem.h"
#include "coven-monitor/cgroup.h"

#define ALL	"cpuset cpu io memory hugetlb pids\n"

static char top[] = "/tmp/coven-cgroup.XXXXXX";
static struct cgroup g;

static void
put(const char *name, const char *text)
{
	int fd = openat(g.parent, name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

static const char *
get(const char *name)
{
	static char text[256];
	int fd = openat(g.parent, name, O_RDONLY);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	(void)close(fd);
	return text;
}

static void
folder(const char *name)
{
	static const char *const files[] = { "cgroup.procs",
	    "cgroup.subtree_control" };
	char path[128];
	size_t i;

	assert_int_equal(mkdirat(g.parent, name, 0755), 0);
	for (i = 0; i < nitems(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", name, files[i]);
		put(path, "");
	}
}

static int
setup(void **state)
{
	(void)state;
	(void)snprintf(top, sizeof(top), "/tmp/coven-cgroup.XXXXXX");
	assert_non_null(mkdtemp(top));
	g = (struct cgroup){ .dir = -1, .name = "coven-1-2" };
	g.parent = open(top, O_RDONLY | O_DIRECTORY);
	assert_true(g.parent >= 0);
	put("cgroup.controllers", ALL);
	put("cgroup.subtree_control", "");
	put("cgroup.procs", "");
	folder("coven-1-2");
	folder("coven-1-2-roles");
	folder("coven-1-2/s7");
	put("coven-1-2/cgroup.controllers", ALL);
	g.dir = openat(g.parent, "coven-1-2", O_RDONLY | O_DIRECTORY);
	return g.dir >= 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	(void)close(g.dir);
	(void)close(g.parent);
	(void)snprintf(command, sizeof(command), "rm -rf %s", top);
	/* NOLINTNEXTLINE(cert-env33-c): a name that mkdtemp made */
	return system(command);
}

static void
limits(const char *const *names, size_t n)
{
	char path[64];
	size_t i;

	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "coven-1-2/s7/%s",
		    names[i]);
		put(path, "");
	}
}

static void
controllers_are_turned_on_from_a_leaf(void **state)
{
	char pid[32];

	(void)state;
	cgroup_delegate(&g);
	assert_int_equal(g.controllers, CGROUP_MEMORY | CGROUP_PIDS |
	    CGROUP_CPU | CGROUP_IO);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_string_equal(get("coven-1-2-roles/cgroup.procs"), pid);
	assert_int_equal(*get("cgroup.subtree_control"), '+');
	assert_int_equal(*get("coven-1-2/cgroup.subtree_control"), '+');
	/* and off again, from where it came */
	cgroup_undelegate(&g);
	assert_int_equal(*get("cgroup.subtree_control"), '-');
	assert_string_equal(get("cgroup.procs"), pid);
	assert_false(g.leaf);
}

static void
without_controllers_nothing_is_moved(void **state)
{
	struct bounds b = { .memory_mib = 1 };

	(void)state;
	put("cgroup.controllers", "cpu io memory hugetlb\n");
	cgroup_delegate(&g);
	assert_int_equal(g.controllers, 0);
	assert_string_equal(get("coven-1-2-roles/cgroup.procs"), "");
	assert_string_equal(get("cgroup.subtree_control"), "");
	assert_int_equal(cgroup_hold(&g, 7, &b, 0), 0);
	cgroup_undelegate(&g);
	assert_string_equal(get("cgroup.procs"), "");
}

static void
bounds_are_written(void **state)
{
	static const char *const names[] = { "memory.max", "memory.swap.max",
	    "memory.oom.group", "pids.max", "cpu.max" };
	struct bounds b = { .memory_mib = 3, .processes = 77,
	    .cpu_percent = 150 };

	(void)state;
	limits(names, nitems(names));
	cgroup_delegate(&g);
	assert_int_equal(cgroup_hold(&g, 7, &b, 0), CGROUP_MEMORY |
	    CGROUP_PIDS | CGROUP_CPU | CGROUP_IO);
	assert_string_equal(get("coven-1-2/s7/memory.max"), "3145728");
	assert_string_equal(get("coven-1-2/s7/memory.swap.max"), "0");
	assert_string_equal(get("coven-1-2/s7/memory.oom.group"), "1");
	assert_string_equal(get("coven-1-2/s7/pids.max"), "77");
	assert_string_equal(get("coven-1-2/s7/cpu.max"), "150000 100000");
}

/* What is not held is for others to hold. */
static void
what_fails_is_not_held(void **state)
{
	/* no swap, which is no failure; no cpu.max, which is not asked for */
	static const char *const names[] = { "memory.max",
	    "memory.oom.group" };
	struct bounds b = { .memory_mib = 3, .processes = 77, .io_mib_s = 1 };

	(void)state;
	limits(names, nitems(names));
	cgroup_delegate(&g);
	/* no pids.max, and no such disk */
	assert_int_equal(cgroup_hold(&g, 7, &b, 0), CGROUP_MEMORY |
	    CGROUP_CPU);
	assert_int_equal(cgroup_hold(&g, 8, &b, 0), 0);
	assert_int_equal(cgroup_hold(&g, 0, &b, 0), 0);
}

static void
the_kernels_reason_is_read(void **state)
{
	(void)state;
	assert_false(cgroup_oom(&g, 7));
	put("coven-1-2/s7/memory.events", "low 0\nhigh 0\nmax 12\noom 0\n"
	    "oom_kill 0\noom_group_kill 0\n");
	assert_false(cgroup_oom(&g, 7));
	put("coven-1-2/s7/memory.events", "low 0\nhigh 0\nmax 12\noom 1\n"
	    "oom_kill 3\noom_group_kill 1\n");
	assert_true(cgroup_oom(&g, 7));
	assert_false(cgroup_oom(&g, 8));
	assert_false(cgroup_oom(&g, 0));
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(controllers_are_turned_on_from_a_leaf),
		CASE(without_controllers_nothing_is_moved),
		CASE(bounds_are_written),
		CASE(what_fails_is_not_held),
		CASE(the_kernels_reason_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
