/* Landlock rules: what is named is reachable, the rest is not. */
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "sandbox/landlock.h"

static char dir[] = "/tmp/test_landlock.XXXXXX";
static char ro[64], rw[64], out[64];

static void
touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	(void)close(fd);
}

static int
make_tree(void **state)
{
	char path[96];
	char *const parts[] = { ro, rw, out };
	const char *const names[] = { "ro", "rw", "out" };
	size_t i;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chmod(dir, 0777), 0);
	for (i = 0; i < nitems(parts); i++) {
		(void)snprintf(parts[i], sizeof(ro), "%s/%s", dir, names[i]);
		assert_int_equal(mkdir(parts[i], 0777), 0);
		assert_int_equal(chmod(parts[i], 0777), 0);
		(void)snprintf(path, sizeof(path), "%s/file", parts[i]);
		touch(path);
	}
	return 0;
}

static int
remove_tree(void **state)
{
	char cmd[96];

	(void)state;
	(void)snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
	return system(cmd);
}

static int
try_open(const char *folder, const char *name, int flags)
{
	char path[96];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	if (fd == -1)
		return errno;
	(void)close(fd);
	return 0;
}

static int
try_bind(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (s == -1)
		return errno;
	return bind(s, (struct sockaddr *)&in, sizeof(in)) == -1 ? errno : 0;
}

static int
try_mknod(void)
{
	char path[96];

	(void)snprintf(path, sizeof(path), "%s/dev", rw);
	return mknod(path, S_IFCHR | 0600, 0x103) == -1 ? errno : 0;
}

/* In a child: the number of the first expectation that fails, or 0. */
static int
restricted(void *arg)
{
	struct landlock_rule rules[] = {
		{ -1, ro, LANDLOCK_READ },
		{ -1, rw, LANDLOCK_WRITE },
	};
	char from[96], to[96];

	(void)arg;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return 1;
	if (landlock_restrict(rules, nitems(rules),
	    LANDLOCK_NET_NONE) != 0)
		return 2;
	if (try_open(ro, "file", O_RDONLY) != 0)
		return 3;
	if (try_open(ro, "file", O_WRONLY) != EACCES)
		return 4;
	if (try_open(ro, "new", O_WRONLY | O_CREAT) != EACCES)
		return 5;
	if (try_open(rw, "new", O_RDWR | O_CREAT) != 0)
		return 6;
	if (try_open(out, "file", O_RDONLY) != EACCES)
		return 7;
	if (try_open(dir, ".", O_RDONLY | O_DIRECTORY) != EACCES)
		return 8;
	if (landlock_abi() >= 3 &&
	    try_open(ro, "file", O_RDONLY | O_TRUNC) != EACCES)
		return 9;
	if (landlock_abi() >= 4 && try_bind() != EACCES)
		return 10;
	if (geteuid() == 0 && try_mknod() != EACCES)
		return 11;
	(void)snprintf(from, sizeof(from), "%s/new", rw);
	(void)snprintf(to, sizeof(to), "%s/new", out);
	if (rename(from, to) != -1)
		return 12;
	return unlink(from) == 0 ? 0 : 13;
}

static int
net_is_left(void *arg)
{
	struct landlock_rule rules[] = { { -1, ro, LANDLOCK_READ } };

	(void)arg;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    landlock_restrict(rules, nitems(rules),
	    LANDLOCK_NET_ANY) != 0)
		return 1;
	return try_bind() == 0 ? 0 : 2;
}

/* A rule on a single file must not ask for rights of folders (EINVAL). */
static int
file_rule(void *arg)
{
	struct landlock_rule rules[] = { { -1, NULL, LANDLOCK_FULL } };
	char path[96];

	(void)arg;
	(void)snprintf(path, sizeof(path), "%s/file", out);
	rules[0].path = path;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    landlock_restrict(rules, nitems(rules),
	    LANDLOCK_NET_NONE) != 0)
		return 1;
	if (try_open(out, "file", O_RDWR) != 0)
		return 2;
	return try_open(ro, "file", O_RDONLY) == EACCES ? 0 : 3;
}

static int
scoped(void *arg)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    landlock_restrict(NULL, 0, LANDLOCK_NET_NONE) != 0)
		return 1;
	if (landlock_abi() < 6)
		return 0;
	return kill(*(pid_t *)arg, 0) == -1 && errno == EPERM ? 0 : 2;
}

static int
needs_nnp(void *arg)
{
	(void)arg;
	return landlock_restrict(NULL, 0, LANDLOCK_NET_NONE) == -EPERM ? 0 : 1;
}

/* Run fn in a child, as nobody when asked to and able to. */
static int
in_child(int (*fn)(void *), void *arg, bool nobody)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (nobody && geteuid() == 0 &&
		    (setresgid(65534, 65534, 65534) == -1 ||
		    setresuid(65534, 65534, 65534) == -1))
			_exit(99);
		_exit(fn(arg));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
only_rules_are_reachable(void **state)
{
	(void)state;
	if (landlock_abi() == 0) {
		print_message("SKIP: no Landlock in this kernel\n");
		skip();
	}
	assert_int_equal(in_child(restricted, NULL, false), 0);
	assert_int_equal(in_child(restricted, NULL, true), 0);
	assert_int_equal(in_child(net_is_left, NULL, true), 0);
	assert_int_equal(in_child(file_rule, NULL, false), 0);
}

static void
signals_stay_inside(void **state)
{
	pid_t self = getpid();

	(void)state;
	if (landlock_abi() == 0)
		skip();
	assert_int_equal(in_child(scoped, &self, false), 0);
}

static void
no_new_privs_is_needed(void **state)
{
	(void)state;
	if (landlock_abi() == 0)
		skip();
	assert_int_equal(in_child(needs_nnp, NULL, true), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_rules_are_reachable),
		cmocka_unit_test(signals_stay_inside),
		cmocka_unit_test(no_new_privs_is_needed),
	};

	return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
