/*
 * Profiles: each role enters its own for real, as root and as nobody, is
 * verified by what the kernel says of it, and then tries what it must not.
 */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
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

#include "common/chan.h"
#include "common/log.h"
#include "common/mem.h"
#include "sandbox/landlock.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"
#include "tests/unit/role_child.h"

#define NOBODY	65534

/* --- every role by every kind of user ------------------------------------ */

static int
do_nothing(struct chan *c)
{
	return chan_is_open(c) && c->state == CS_READY ? 0 : 1;
}

static const enum role confined[] = {
	ROLE_APID, ROLE_STORED, ROLE_RUNNER, ROLE_CONFREAD, ROLE_ARCHIVER,
	ROLE_EXTRACTOR, ROLE_REMOVER, ROLE_GATEWAY, ROLE_RESOLVER,
	ROLE_APPLIER
};

static bool userns_works, landlock_works;

/*
 * A role needs a root of its own or Landlock.  Root makes its namespaces
 * without a user namespace, too.
 */
static bool
can_confine(uid_t uid, bool no_userns)
{
	return landlock_works || (userns_works && !(no_userns && uid != 0));
}

static size_t
users(uid_t out[2])
{
	out[0] = geteuid();
	out[1] = NOBODY;
	return out[0] == 0 ? 2 : 1;
}

static bool
other_namespace(struct child *c, const char *name)
{
	char mine[64], path[64];
	char a[64] = "", b[64] = "";

	(void)snprintf(mine, sizeof(mine), "/proc/self/ns/%s", name);
	(void)snprintf(path, sizeof(path), "ns/%s", name);
	return readlink(mine, a, sizeof(a) - 1) > 0 &&
	    readlinkat(c->proc, path, b, sizeof(b) - 1) > 0 &&
	    strcmp(a, b) != 0;
}

/* Names in the root directory of a child, "." and ".." aside. */
static int
root_names(struct child *c)
{
	int fd = openat(c->proc, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	int n = -2;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	(void)closedir(d);
	return n;
}

/* Those two have the host's, and nothing else of it. */
static bool
on_network(enum role role)
{
	return role == ROLE_GATEWAY || role == ROLE_RESOLVER;
}

static void
every_role_is_confined(void **state)
{
	static const char *const names[] = { "user", "mnt", "ipc", "uts",
	    "cgroup", "net" };
	struct child c;
	uid_t uid[2];
	size_t i, k, n;

	(void)state;
	for (k = 0; k < users(uid); k++)
		for (i = 0; i < nitems(confined); i++) {
			struct start s = { confined[i], uid[k], false,
			    do_nothing, 0 };
			char text[8192], why[128];

			child_start(&c, &s);
			child_await_hello(&c);
			child_read_status(&c, text, sizeof(text));
			assert_int_equal(profile_verify(s.role, text, why,
			    sizeof(why)), 0);
			for (n = 0; userns_works && n < nitems(names); n++)
				if (strcmp(names[n], "net") != 0 ||
				    !on_network(s.role))
					assert_true(other_namespace(&c,
					    names[n]));
			if (userns_works && geteuid() == 0)
				assert_int_equal(root_names(&c),
				    s.role == ROLE_APPLIER ? 2 :
				    profile_of(s.role)->root !=
				    ROOT_EMPTY ? 1 : 0);
			if (userns_works)
				assert_non_null(strstr(text,
				    "CapBnd:\t0000000000000000"));
			child_say_verified(&c);
			child_expect(&c, msg_role_name(s.role), 0, 0);
		}
}

static void
without_userns_the_rest_holds(void **state)
{
	struct child c;
	uid_t uid[2];
	size_t i, k;

	(void)state;
	for (k = 0; k < users(uid); k++)
		for (i = 0; i < nitems(confined); i++) {
			struct start s = { confined[i], uid[k], true,
			    do_nothing, 0 };
			bool can = can_confine(uid[k], true);
			char end;

			child_start(&c, &s);
			if (can)
				child_greet(&c, s.role);
			else
				assert_int_equal(recv(c.control, &end, 1, 0),
				    0);
			child_expect(&c, msg_role_name(s.role), 0,
			    can ? 0 : FATAL_STATUS);
			if (uid[k] != 0)
				assert_non_null(strstr(c.lines,
				    "goes on without them"));
			if (!can)
				assert_non_null(strstr(c.lines, "landlock: "));
		}
}

/* --- what a captured role tries ------------------------------------------ */

static int
open_passwd(struct chan *c)
{
	(void)c;
	return open("/etc/passwd", O_RDONLY) == -1 ? 1 : 0;
}

static int
make_socket(struct chan *c)
{
	(void)c;
	return socket(AF_INET, SOCK_STREAM, 0) == -1 ? 1 : 0;
}

static int
trace(struct chan *c)
{
	(void)c;
	return (int)ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static int
make_namespace(struct chan *c)
{
	(void)c;
	return unshare(CLONE_NEWUSER);
}

static int
execute(struct chan *c)
{
	(void)c;
	return execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
}

static int
map_code(struct chan *c)
{
	(void)c;
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? 1 : 0;
}

static int
stop_listener(struct chan *c)
{
	return shutdown(c->source.fd, SHUT_RDWR);
}

static int
do_fork(struct chan *c)
{
	(void)c;
	/* Not fork(): glibc 2.41 blocks SIGSYS around it. */
	return (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int
be_dumpable(struct chan *c)
{
	(void)c;
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static int
signal_parent(struct chan *c)
{
	(void)c;
	return kill(1, 0);
}

static int
terminal_input(struct chan *c)
{
	(void)c;
	return (int)syscall(SYS_ioctl, 0, 0x5412, "x");
}

static const struct {
	const char	*name;
	probe_fn	*fn;
	bool		 named;		/* TRAP: the call is on the log */
	bool		 sanitizer;	/* which its runtime may do */
} crimes[] = {
	{ "open", open_passwd, true, true },
	{ "socket", make_socket, true, false },
	{ "ptrace", trace, false, false },
	{ "unshare", make_namespace, false, false },
	{ "execve", execute, false, false },
	{ "mmap exec", map_code, true, false },
	{ "shutdown", stop_listener, true, false },
	{ "fork", do_fork, true, false },
	{ "dumpable", be_dumpable, true, true },
	{ "kill", signal_parent, true, false },
	{ "TIOCSTI", terminal_input, true, false },
};

static bool
is_legal(enum role role, size_t crime)
{
#ifdef COVEN_SANITIZE
	if (crimes[crime].sanitizer)
		return true;
#endif
	if (crimes[crime].fn == open_passwd)	/* which is not there */
		return role == ROLE_STORED || role == ROLE_RESOLVER;
	if (crimes[crime].fn == make_socket)
		return role == ROLE_RESOLVER;
	return role == ROLE_GATEWAY && crimes[crime].fn == stop_listener;
}

static void
refused_calls_kill(void **state)
{
	struct child c;
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(confined); i++)
		for (k = 0; k < nitems(crimes); k++) {
			struct start s = { .role = confined[i],
			    .uid = NOBODY, .probe = crimes[k].fn };

			if (is_legal(s.role, k))
				continue;
			if (geteuid() != 0)
				s.uid = geteuid();
			child_start_verified(&c, &s);
			child_expect(&c, crimes[k].name, SIGSYS, 0);
			if (crimes[k].named && strstr(c.lines,
			    "refused syscall") == NULL)
				fail_msg("%s is not named in:\n%s",
				    crimes[k].name, c.lines);
		}
}

/* --- stored's folder ----------------------------------------------------- */

/* The number of the first expectation that fails, or 0. */
static int
use_folder(struct chan *c)
{
	char cwd[64];
	int fd;

	(void)c;
	fd = open("new", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, "x", 1) != 1 || fsync(fd) == -1)
		return 1;
	fd = openat(ROLE_FD_FOLDER, "new", O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 2;
	if (unlink("new") == -1)
		return 3;
	if (getcwd(cwd, sizeof(cwd)) == NULL)
		return 4;
	if (openat(ROLE_FD_FOLDER, "../etc/passwd", O_RDONLY) != -1)
		return 5;
	if (open("/etc/passwd", O_RDONLY) != -1)
		return 6;
	/* Without Landlock that is its own root, and empty. */
	if (landlock_works &&
	    openat(ROLE_FD_FOLDER, "..", O_RDONLY | O_DIRECTORY) != -1)
		return 7;
	if (landlock_works && open("/", O_RDONLY | O_DIRECTORY) != -1)
		return 8;
	if (open("/tmp/stored-was-here", O_RDWR | O_CREAT, 0600) != -1)
		return 9;
	return 0;
}

static void
stored_has_its_folder_alone(void **state)
{
	struct child c;
	uid_t uid[2];
	size_t k;
	int no;

	(void)state;
	for (k = 0; k < users(uid); k++)
		for (no = 0; no < 2; no++) {
			struct start s = { ROLE_STORED, uid[k], no,
			    use_folder, 0 };

			if (!can_confine(uid[k], no))
				continue;
			child_start_verified(&c, &s);
			child_expect(&c, "folder", 0, 0);
		}
}

/* Modes and names are beyond Landlock: the way up must end in its root. */
static int
look_up(struct chan *c)
{
	struct stat st;

	(void)c;
	return fstatat(ROLE_FD_FOLDER, "../../etc/passwd", &st, 0) == 0 ? 1 :
	    fstatat(ROLE_FD_FOLDER2, "../../etc/passwd", &st, 0) == 0 ? 2 :
	    fstatat(ROLE_FD_FOLDER, ".", &st, 0) == -1 ? 3 :
	    fstatat(ROLE_FD_FOLDER2, ".", &st, 0) == -1 ? 4 : 0;
}

static int
look_up_one(struct chan *c)
{
	struct stat st;

	(void)c;
	return fstatat(ROLE_FD_FOLDER, "../../etc/passwd", &st, 0) == 0;
}

static void
folders_lead_nowhere_else(void **state)
{
	static const enum role roles[] = { ROLE_STORED, ROLE_ARCHIVER,
	    ROLE_REMOVER, ROLE_APPLIER };
	struct child c;
	uid_t uid[2];
	size_t i, k;

	(void)state;
	if (!userns_works) {
		print_message("SKIP: the root is the host's\n");
		skip();
	}
	for (k = 0; k < users(uid); k++)
		for (i = 0; i < nitems(roles); i++) {
			struct start s = { .role = roles[i], .uid = uid[k],
			    .probe = look_up };

			if (roles[i] != ROLE_APPLIER)
				s.probe = look_up_one;
			child_start_verified(&c, &s);
			child_expect(&c, msg_role_name(roles[i]), 0, 0);
		}
}

/* A descriptor of a detached mount serves as well. */
static void
stored_takes_a_detached_mount(void **state)
{
	struct start s = { .role = ROLE_STORED, .probe = use_folder };
	autoclose int tree = -1;
	struct child c;

	(void)state;
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, child_folder,
	    1 /* OPEN_TREE_CLONE */ | O_CLOEXEC);
	if (tree == -1 || !userns_works) {
		print_message("SKIP: detached mounts need root\n");
		skip();
	}
	s.fd4 = tree;
	child_start_verified(&c, &s);
	child_expect(&c, "detached mount", 0, 0);
}

/* --- apid's clients ------------------------------------------------------ */

static int
who_calls(struct chan *control)
{
	struct ucred cr;
	socklen_t len = sizeof(cr);

	/* The parent made the pair: its uid is the owner's. */
	if (getsockopt(control->source.fd, SOL_SOCKET, SO_PEERCRED, &cr,
	    &len) == -1)
		return 255;
	return cr.uid == 1000 ? 1 : cr.uid == NOBODY ? 2 : 3;
}

static int
as_owner_nobody(void)
{
	struct start s = { ROLE_APID, NOBODY, false, who_calls, 0 };
	struct child c;

	child_become(NOBODY);
	child_start_verified(&c, &s);
	child_finish(&c);
	return WIFEXITED(c.status) ? WEXITSTATUS(c.status) : 254;
}

static void
apid_tells_its_owner_from_strangers(void **state)
{
	struct start s = { ROLE_APID, NOBODY, false, who_calls, 0 };
	struct child c;
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0 || !userns_works) {
		print_message("SKIP: needs root to be two users\n");
		skip();
	}
	/* A stranger (root here) reads as the overflow uid. */
	child_start_verified(&c, &s);
	child_expect(&c, "stranger", 0, 2);
	/* The owner does not, even where he has that very uid outside. */
	pid = fork();
	if (pid == 0)
		_exit(as_owner_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

/* --- the monitor's side -------------------------------------------------- */

static void
silence_and_lies_end_a_role(void **state)
{
	struct start s = { ROLE_CONFREAD, geteuid(), false, do_nothing, 0 };
	struct child c;

	(void)state;
	child_start(&c, &s);
	child_await_hello(&c);
	child_expect(&c, "closed", 0, FATAL_STATUS);
	child_start(&c, &s);
	child_await_hello(&c);
	assert_int_equal(send(c.control, "nonsense", 8, 0), 8);
	child_expect(&c, "nonsense", 0, FATAL_STATUS);
}

static void
inherited_descriptors_are_closed(void **state)
{
	/* confread's row ends at 3: the folder on 4 is one too many. */
	autoclose int dir = open(child_folder,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct start s = { .role = ROLE_CONFREAD, .uid = geteuid(),
	    .probe = do_nothing, .fd4 = dir };
	struct child c;

	(void)state;
	child_start_verified(&c, &s);
	child_expect(&c, "inherited", 0, 0);
	assert_non_null(strstr(c.lines, "close descriptor 4"));
}

static int
sleep_on(struct chan *c)
{
	return chan_wait(c, 20000) != 0;
}

/*
 * The monitor's process goes, and its channel stays open in another one:
 * then the death signal alone ends the role.
 */
static void
a_role_dies_with_its_monitor(void **state)
{
	struct start s = { ROLE_RUNNER, geteuid(), false, sleep_on, 0 };
	struct pollfd p = { .events = POLLIN };
	int sock[2], log[2], status;
	char text[1024];
	struct child c;
	ssize_t n;

	(void)state;
	child_ends(sock, log);
	c = (struct child){ .control = sock[0], .log = log[0], .proc = -1 };
	c.pid = fork();
	if (c.pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fork() == 0)
			child_run(&s, sock[1], log[1], -1);
		(void)waitpid(-1, &status, 0);	/* only if it fails */
		_exit(1);
	}
	(void)close(sock[1]);
	(void)close(log[1]);
	child_await_hello(&c);
	child_say_verified(&c);
	/* The role sleeps in the kernel now, or is about to. */
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	p.fd = c.log;
	do {
		assert_int_equal(poll(&p, 1, 10000), 1);
		n = read(c.log, text, sizeof(text));
	} while (n > 0);
	assert_int_equal(n, 0);		/* the last writer is gone */
	(void)close(c.control);
	(void)close(c.log);
}

static int
make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(child_folder));
	assert_int_equal(chmod(child_folder, 0777), 0);
	landlock_works = landlock_abi() > 0;
	userns_works = profile_probe_userns() == 0;
	if (!userns_works)
		print_message("SKIP namespaces: %s\n",
		    strerror(-profile_probe_userns()));
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	return rmdir(child_folder);
}

int
main(void)
{
	/* In a sandbox of the suite's own, say. */
	const struct CMUnitTest refused[] = {
		cmocka_unit_test(without_userns_the_rest_holds),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_role_is_confined),
		cmocka_unit_test(without_userns_the_rest_holds),
		cmocka_unit_test(refused_calls_kill),
		cmocka_unit_test(stored_has_its_folder_alone),
		cmocka_unit_test(folders_lead_nowhere_else),
		cmocka_unit_test(stored_takes_a_detached_mount),
		cmocka_unit_test(apid_tells_its_owner_from_strangers),
		cmocka_unit_test(silence_and_lies_end_a_role),
		cmocka_unit_test(inherited_descriptors_are_closed),
		cmocka_unit_test(a_role_dies_with_its_monitor),
	};

	if (landlock_abi() == 0 && profile_probe_userns() != 0)
		return cmocka_run_group_tests(refused, make_folder,
		    remove_folder);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
