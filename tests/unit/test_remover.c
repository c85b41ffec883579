/* The remover as a process: confined, given a folder, asked once. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/spawn.h"
#include "tests/unit/work_driver.h"

#define PROGRAM		"coven-remover/coven-remover"
#define MS		120000

/* In memory where that is to be had: a disk takes minutes for the deep one. */
static char base[64];
static int basefd;

static int
setup(void **state)
{
	(void)state;
	assert_int_equal(mkdirat(basefd, "work", 0700), 0);
	return 0;
}

static int
open_work(void)
{
	int fd = openat(basefd, "work", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void
file(int dir, const char *name)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    0600);

	assert_true(fd >= 0);
	(void)close(fd);
}

/* The folder is empty now, and the last word is the monitor's. */
static void
expect_gone(const struct work *w)
{
	assert_true(w->answered);
	assert_int_equal(w->status, 0);
	assert_string_equal(worker_outcome(w->removed.code), "done");
	assert_int_equal(unlinkat(basefd, "work", AT_REMOVEDIR), 0);
}

static void
what_trees_hold(void **state)
{
	autoclose int fd = open_work();
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	char odd[] = "\xff\n \t*", longest[256];
	struct work w;
	int s, back;

	(void)state;
	memset(longest, 'x', 255);
	longest[255] = '\0';
	assert_int_equal(mkdirat(fd, "a", 0700), 0);
	assert_int_equal(mkdirat(fd, "a/b", 0700), 0);
	file(fd, "a/b/c");
	file(fd, "a/set-id");
	assert_int_equal(fchmodat(fd, "a/set-id", 04000, 0), 0);
	assert_int_equal(linkat(fd, "a/b/c", fd, "hard", 0), 0);
	assert_int_equal(symlinkat("/etc", fd, "link"), 0);
	assert_int_equal(symlinkat("../..", fd, "a/up"), 0);
	assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
	file(fd, odd);
	file(fd, longest);
	back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fchdir(fd), 0);
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "socket");
	s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s, (struct sockaddr *)&sun, sizeof(sun)), 0);
	(void)close(s);
	assert_int_equal(fchdir(back), 0);
	(void)close(back);
	if (geteuid() == 0)
		(void)mknodat(fd, "device", S_IFCHR | 0600, 0);
	work_remove(&w, PROGRAM, fd, MS);
	expect_gone(&w);
}

static void
folders_that_forbid_their_owner(void **state)
{
	static const mode_t modes[] = { 0, 0100, 0200, 0300, 0400, 0500, 0600,
	    02000, 01000 };
	autoclose int fd = open_work();
	char path[64];
	struct work w;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(modes); i++) {
		(void)snprintf(path, sizeof(path), "d%zu", i);
		assert_int_equal(mkdirat(fd, path, 0700), 0);
		(void)snprintf(path, sizeof(path), "d%zu/sub", i);
		assert_int_equal(mkdirat(fd, path, 0700), 0);
		(void)snprintf(path, sizeof(path), "d%zu/sub/f", i);
		file(fd, path);
		(void)snprintf(path, sizeof(path), "d%zu/sub", i);
		assert_int_equal(fchmodat(fd, path, modes[i], 0), 0);
		(void)snprintf(path, sizeof(path), "d%zu", i);
		assert_int_equal(fchmodat(fd, path, modes[i], 0), 0);
	}
	assert_int_equal(fchmod(fd, 0500), 0);
	work_remove(&w, PROGRAM, fd, MS);
	expect_gone(&w);
}

/* Made by changing into each: no path could name the last one. */
static void
make_deep(int fd, int levels)
{
	int back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), i;

	assert_int_equal(fchdir(fd), 0);
	for (i = 0; i < levels; i++) {
		assert_int_equal(mkdir("d", 0700), 0);
		if (i % 1000 == 0)
			file(AT_FDCWD, "f");
		assert_int_equal(chdir("d"), 0);
	}
	assert_int_equal(mkdir("sealed", 0), 0);
	assert_int_equal(fchdir(back), 0);
	(void)close(back);
}

static void
a_hundred_thousand_levels(void **state)
{
	autoclose int fd = open_work();
	struct work w;

	(void)state;
	make_deep(fd, 100000);
	work_remove(&w, PROGRAM, fd, MS);
	expect_gone(&w);
	assert_int_equal(w.removed.removed, 100101);
}

/* What comes up finds its name taken, and takes another. */
static void
the_names_at_the_top_are_taken(void **state)
{
	autoclose int fd = open_work();
	char name[32];
	struct work w;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof(name), ".coven-remove.%d", i);
		assert_int_equal(mkdirat(fd, name, 0), 0);
	}
	make_deep(fd, 500);
	work_remove(&w, PROGRAM, fd, MS);
	expect_gone(&w);
}

/* Killed at any time, it is begun again and done. */
static void
killed_and_resumed(void **state)
{
	autoclose int fd = open_work();
	struct msg_remove m = { .ms = MS };
	char name[32];
	struct work w;
	int i, k;

	(void)state;
	for (i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		file(fd, name);
	}
	make_deep(fd, 3000);
	for (k = 0; k < 8; k++) {
		work_start(&w, PROGRAM, ROLE_REMOVER, fd, SPAWN_KEEP_ID);
		assert_int_equal(chan_send(&w.chan, MSG_REMOVE, &m, -1), 0);
		(void)usleep(500u * (unsigned)k);
		assert_int_equal(kill(w.pid, SIGKILL), 0);
		work_end(&w);
	}
	work_remove(&w, PROGRAM, fd, MS);
	expect_gone(&w);
}

/* Somebody fills it, renames in it and swaps links, all the while. */
static _Noreturn void
stir(int fd, const char *outside)
{
	unsigned n = 0;

	for (;;) {
		char a[16], b[16], c[24];

		(void)snprintf(a, sizeof(a), "s%u", n % 7);
		(void)snprintf(b, sizeof(b), "s%u", (n + 3) % 7);
		(void)snprintf(c, sizeof(c), "s%u/x%u", n % 7, n % 5);
		(void)mkdirat(fd, a, 0700);
		if (symlinkat(outside, fd, b) == 0)
			n++;
		(void)mkdirat(fd, c, 0700);
		(void)renameat2(fd, a, fd, b, n % 2 ? RENAME_EXCHANGE : 0);
		n++;
	}
}

static void
changed_meanwhile(void **state)
{
	autoclose int fd = open_work();
	char outside[128];
	struct stat st;
	struct work w;
	pid_t pid;
	int i;

	(void)state;
	(void)snprintf(outside, sizeof(outside), "%s/outside", base);
	assert_int_equal(mkdirat(basefd, "outside", 0700), 0);
	assert_int_equal(mkdirat(basefd, "outside/sub", 0500), 0);
	file(basefd, "outside/kept");
	pid = fork();
	if (pid == 0)
		stir(fd, outside);
	work_remove(&w, PROGRAM, fd, getenv("COVEN_LONG") != NULL ? 60000 :
	    1500);
	assert_true(w.answered);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &i, 0);
	assert_int_equal(fstatat(basefd, "outside/kept", &st, 0), 0);
	assert_int_equal(fstatat(basefd, "outside/sub", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0500);
	work_remove(&w, PROGRAM, fd, MS);
	expect_gone(&w);
	/* The stirrer itself has put folders there. */
	(void)close(fd);
	fd = openat(basefd, "outside", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	work_remove(&w, PROGRAM, fd, MS);
	assert_int_equal(unlinkat(basefd, "outside", AT_REMOVEDIR), 0);
}

/* As another user it may not: that is told, and the rest is gone. */
static void
what_is_not_its_own_stays(void **state)
{
	autoclose int fd = open_work();
	struct msg_remove m = { .ms = MS };
	struct work w;

	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdirat(fd, "theirs", 0755), 0);
	file(fd, "theirs/x");
	assert_int_equal(mkdirat(fd, "mine", 0700), 0);
	file(fd, "mine/y");
	assert_int_equal(fchownat(fd, "mine", 12345, 12345, 0), 0);
	assert_int_equal(fchown(fd, 12345, 12345), 0);
	work_start(&w, PROGRAM, ROLE_REMOVER, fd, 12345);
	work_ask(&w, MSG_REMOVE, &m, -1);
	assert_true(w.answered);
	assert_string_equal(worker_outcome(w.removed.code), "left out");
	assert_int_equal(w.removed.left, 1);
	assert_int_equal(w.removed.error, EACCES);
	assert_string_equal(w.name, "x");
	assert_int_equal(unlinkat(fd, "mine", AT_REMOVEDIR), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(fchown(fd, 0, 0), 0);
	work_remove(&w, PROGRAM, fd, MS);
	expect_gone(&w);
}

#define CASE(f)	cmocka_unit_test_setup(f, setup)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_trees_hold),
		CASE(folders_that_forbid_their_owner),
		CASE(a_hundred_thousand_levels),
		CASE(the_names_at_the_top_are_taken),
		CASE(killed_and_resumed),
		CASE(changed_meanwhile),
		CASE(what_is_not_its_own_stays),
	};
	int r;

	if (!work_possible()) {
		print_message("SKIP: nothing here confines a role\n");
		return 77;
	}
	(void)snprintf(base, sizeof(base), "%s/test_remover.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	if (mkdtemp(base) == NULL ||
	    (basefd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) == -1)
		return 99;
	(void)chmod(base, 0711);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	(void)rmdir(base);
	return r;
}
