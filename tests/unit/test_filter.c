/*
 * The filters: their tables are sound, their pseudo code is the reviewed one
 * (tests/golden), and each deny row does what it says to a real child.
 *
 * COVEN_GOLDEN=update writes the golden files instead of comparing.
 */
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
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

#include "common/buf.h"
#include "common/mem.h"
#include "sandbox/filter.h"
#include "sandbox/landlock.h"
#include "sandbox/syscalls.h"

/* --- the tables ---------------------------------------------------------- */

static bool
has_cmp(const struct syscall_row *r)
{
	return r->cmp[0].op != CMP_NONE;
}

/*
 * A row without comparisons voids those of the same name that have some,
 * and two actions for one name without comparisons contradict each other.
 */
static void
check_pair(const char *filter, const struct syscall_row *a,
    const struct syscall_row *b)
{
	if (strcmp(a->name, b->name) != 0)
		return;
	if (!has_cmp(a) || !has_cmp(b))
		fail_msg("%s: %s has a row that voids another", filter,
		    a->name);
}

static void
rows_do_not_void_each_other(void **state)
{
	const struct syscall_row *all[512];
	size_t n, s, i, j;
	int f;

	(void)state;
#ifdef COVEN_SANITIZE
	print_message("SKIP: a sanitizer build has rows that void others\n");
	skip();
#endif
	for (f = 0; f < FILTER__COUNT; f++) {
		const struct filter_def *d = syscall_filter((enum filter_id)f);

		for (n = 0, s = 0; s < nitems(d->sets); s++)
			for (i = 0; d->sets[s] != NULL && i < d->sets[s]->n;
			    i++) {
				assert_true(n < nitems(all));
				all[n++] = &d->sets[s]->rows[i];
			}
		for (i = 0; i < n; i++) {
			assert_true(strlen(all[i]->why) > 2);
			for (j = i + 1; j < n; j++)
				check_pair(d->name, all[i], all[j]);
		}
	}
}

/* filter_export is -ENOENT when the library does not know a name. */
static void
every_name_is_known(void **state)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC), f;

	(void)state;
	for (f = 0; f < FILTER__COUNT; f++)
		assert_int_equal(filter_export((enum filter_id)f, fd), 0);
	(void)close(fd);
}

/* --- golden files -------------------------------------------------------- */

static void
read_all(int fd, struct buf *b)
{
	ssize_t n;
	char *p;

	do {
		p = buf_reserve(b, 65536);
		assert_non_null(p);
		n = read(fd, p, 65536);
		assert_true(n >= 0);
		buf_commit(b, (size_t)n);
	} while (n > 0);
}

static void
make_pfc(enum filter_id id, struct buf *out)
{
	FILE *f = tmpfile();

	assert_non_null(f);
	(void)fprintf(f, "# %s; COVEN_GOLDEN=update\n", filter_library());
	(void)fflush(f);
	assert_int_equal(filter_export(id, fileno(f)), 0);
	assert_int_equal(lseek(fileno(f), 0, SEEK_SET), 0);
	read_all(fileno(f), out);
	(void)fclose(f);
}

static void
compare_golden(const char *path, const struct buf *made)
{
	size_t line = strcspn(buf_head(made), "\n");
	autobuf struct buf kept = { 0 };
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	read_all(fd, &kept);
	if (buf_left(&kept) < line ||
	    memcmp(buf_head(&kept), buf_head(made), line) != 0) {
		print_message("SKIP %s: made by another library\n", path);
		return;
	}
	if (buf_left(&kept) != buf_left(made) ||
	    memcmp(buf_head(&kept), buf_head(made), buf_left(made)) != 0)
		fail_msg("%s differs: review, then COVEN_GOLDEN=update", path);
}

static void
write_golden(const char *path, const struct buf *made)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_int_equal(fwrite(buf_head(made), 1, buf_left(made), f),
	    buf_left(made));
	assert_int_equal(fclose(f), 0);
}

static void
filters_are_as_reviewed(void **state)
{
	const char *mode = getenv("COVEN_GOLDEN");
	const char *src = getenv("srcdir");
	char path[PATH_MAX];
	int f;

	(void)state;
#ifdef COVEN_SANITIZE
	print_message("SKIP: a sanitizer build has rows of its own\n");
	skip();
#endif
	for (f = 0; f < FILTER__COUNT; f++) {
		autobuf struct buf made = { 0 };

		(void)snprintf(path, sizeof(path),
		    "%s/tests/golden/filter-%s.pfc", src != NULL ? src : ".",
		    filter_name((enum filter_id)f));
		make_pfc((enum filter_id)f, &made);
		if (mode != NULL && strcmp(mode, "update") == 0)
			write_golden(path, &made);
		else
			compare_golden(path, &made);
	}
}

/* --- the payload's and the monitor's ------------------------------------- */

#define HIGH	0x500000000UL

/* A call with its arguments, and what it gets: an errno, 0 for success. */
struct attempt {
	const char	*name;
	long		 nr;
	unsigned long	 a[4];
	int		 want;
};

/* Any errno but the filter's own: the kernel has seen the call. */
#define REACHED	(-1)

/* A call that is newer than some kernels that this runs on. */
#define NR_MSEAL	462
static bool	 mseal_is_known;

#define P(x)	((unsigned long)(uintptr_t)(x))

static const struct attempt payload_attempts[] = {
	{ "bpf", SYS_bpf, { 0 }, EPERM },
	{ "keyctl", SYS_keyctl, { 0 }, EPERM },
	{ "add_key", SYS_add_key, { 0 }, EPERM },
	{ "request_key", SYS_request_key, { 0 }, EPERM },
	{ "perf_event_open", SYS_perf_event_open, { 0 }, EPERM },
	{ "userfaultfd", SYS_userfaultfd, { 0 }, EPERM },
	{ "io_uring_setup", 425, { 1 }, EPERM },
	{ "io_uring_enter", 426, { 0 }, EPERM },
	{ "io_uring_register", 427, { 0 }, EPERM },
	{ "kexec_load", SYS_kexec_load, { 0 }, EPERM },
	{ "init_module", SYS_init_module, { 0 }, EPERM },
	{ "finit_module", SYS_finit_module, { 0 }, EPERM },
	{ "delete_module", SYS_delete_module, { 0 }, EPERM },
	{ "mount", SYS_mount, { 0 }, EPERM },
	{ "umount2", SYS_umount2, { 0 }, EPERM },
	{ "pivot_root", SYS_pivot_root, { 0 }, EPERM },
	{ "chroot", SYS_chroot, { P("/") }, EPERM },
	{ "open_tree", 428, { 0 }, EPERM },
	{ "move_mount", 429, { 0 }, EPERM },
	{ "fsopen", 430, { P("tmpfs") }, EPERM },
	{ "fsconfig", 431, { 0 }, EPERM },
	{ "fsmount", 432, { 0 }, EPERM },
	{ "fspick", 433, { 0 }, EPERM },
	{ "mount_setattr", 442, { 0 }, EPERM },
	{ "swapon", SYS_swapon, { P("/x") }, EPERM },
	{ "swapoff", SYS_swapoff, { P("/x") }, EPERM },
	{ "reboot", SYS_reboot, { 0 }, EPERM },
	{ "settimeofday", SYS_settimeofday, { 0 }, EPERM },
	{ "clock_settime", SYS_clock_settime, { 0 }, EPERM },
	{ "acct", SYS_acct, { 0 }, EPERM },
	{ "quotactl", SYS_quotactl, { 0 }, EPERM },
	{ "name_to_handle_at", SYS_name_to_handle_at, { 0 }, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, { 0 }, EPERM },
	{ "kcmp", SYS_kcmp, { 0 }, EPERM },
	{ "syslog", SYS_syslog, { 3 }, EPERM },
	{ "fanotify_init", SYS_fanotify_init, { 0 }, EPERM },
	{ "personality, a change", SYS_personality, { ADDR_NO_RANDOMIZE },
	    EPERM },
	{ "personality, all but one", SYS_personality, { 0xfffffffe },
	    EPERM },
	{ "personality, the question", SYS_personality, { 0xffffffff }, 0 },
	{ "personality, the default", SYS_personality, { 0 }, 0 },
	{ "unshare user", SYS_unshare, { CLONE_NEWUSER }, EPERM },
	{ "unshare mounts", SYS_unshare, { CLONE_NEWNS }, EPERM },
	{ "unshare pids", SYS_unshare, { CLONE_NEWPID }, EPERM },
	{ "unshare network", SYS_unshare, { CLONE_NEWNET }, EPERM },
	{ "unshare ipc", SYS_unshare, { CLONE_NEWIPC }, EPERM },
	{ "unshare uts", SYS_unshare, { CLONE_NEWUTS }, EPERM },
	{ "unshare cgroup", SYS_unshare, { CLONE_NEWCGROUP }, EPERM },
	{ "unshare time", SYS_unshare, { 0x80 }, EPERM },
	{ "unshare user, hidden", SYS_unshare,
	    { CLONE_NEWUSER | CLONE_FILES | HIGH }, EPERM },
	{ "unshare files", SYS_unshare, { CLONE_FILES }, 0 },
	{ "setns", SYS_setns, { 0 }, EPERM },
#if defined(__x86_64__) || defined(__aarch64__)
	{ "clone user", SYS_clone, { CLONE_NEWUSER | SIGCHLD }, EPERM },
	{ "clone network", SYS_clone, { CLONE_NEWNET | SIGCHLD }, EPERM },
	{ "clone user, hidden", SYS_clone, { CLONE_NEWUSER | HIGH }, EPERM },
#endif
	{ "clone3", SYS_clone3, { 0 }, ENOSYS },
	{ "openat2", 437, { 0 }, ENOSYS },
	{ "statmount", 457, { 0 }, ENOSYS },
	{ "open_tree_attr", 467, { 0 }, ENOSYS },
	{ "a call of tomorrow", 600, { 0 }, ENOSYS },
	{ "a call past every list", 100000, { 0 }, ENOSYS },
	{ "mseal", NR_MSEAL, { 0 }, REACHED },
	{ "fchmod set-user-id", SYS_fchmod, { 0, 04755 }, EPERM },
	{ "fchmod set-group-id", SYS_fchmod, { 0, 02755 }, EPERM },
	{ "fchmod set-id, hidden", SYS_fchmod, { 0, 04755 | HIGH }, EPERM },
	{ "fchmodat", SYS_fchmodat, { P(AT_FDCWD), P("x"), 04755 }, EPERM },
	{ "fchmodat2", 452, { P(AT_FDCWD), P("x"), 02755 }, EPERM },
	{ "mknodat", SYS_mknodat, { P(AT_FDCWD), P("x"), 0104755 }, EPERM },
	{ "openat, made set-user-id", SYS_openat,
	    { P(AT_FDCWD), P("x"), O_CREAT | O_RDWR, 04755 }, EPERM },
	{ "openat, made set-group-id", SYS_openat,
	    { P(AT_FDCWD), P("x"), O_CREAT | O_RDWR, 02755 }, EPERM },
	{ "openat, unnamed set-user-id", SYS_openat,
	    { P(AT_FDCWD), P("."), O_TMPFILE | O_RDWR, 04755 }, EPERM },
	{ "openat, a stray mode", SYS_openat,
	    { P(AT_FDCWD), P("/dev/null"), O_RDONLY | O_CLOEXEC, 06755 }, 0 },
#ifdef SYS_chmod
	{ "chmod set-user-id", SYS_chmod, { P("x"), 04755 }, EPERM },
	{ "chmod set-group-id", SYS_chmod, { P("x"), 02755 }, EPERM },
	{ "mknod set-user-id", SYS_mknod, { P("x"), 0104755 }, EPERM },
	{ "creat set-user-id", SYS_creat, { P("x"), 04755 }, EPERM },
	{ "open, made set-user-id", SYS_open,
	    { P("x"), O_CREAT | O_RDWR, 04755 }, EPERM },
	{ "open, unnamed set-group-id", SYS_open,
	    { P("."), O_TMPFILE | O_RDWR, 02755 }, EPERM },
#endif
	{ "mq_open, made set-user-id", SYS_mq_open,
	    { P("x"), O_CREAT | O_RDWR, 04755 }, EPERM },
	{ "mq_open, made set-group-id", SYS_mq_open,
	    { P("x"), O_CREAT | O_RDWR, 02755 | HIGH }, EPERM },
	{ "mq_open, a stray mode", SYS_mq_open,
	    { P("no-such-queue"), O_RDONLY, 04755 }, ENOENT },
	{ "fchmodat, no set-id bit", SYS_fchmodat,
	    { P(AT_FDCWD), P("/nonexistent/x"), 01777 }, ENOENT },
	{ "mkdirat, whose bits the kernel drops", SYS_mkdirat,
	    { P(AT_FDCWD), P("/nonexistent/x"), 06755 }, ENOENT },
	{ "ptrace, of itself", SYS_ptrace, { PTRACE_PEEKDATA, 1 }, REACHED },
	{ "process_vm_readv, of nothing", SYS_process_vm_readv, { 0 }, 0 },
	{ "process_vm_writev, of nothing", SYS_process_vm_writev, { 0 }, 0 },
	{ "pidfd_open, of nobody", 434, { INT_MAX }, ESRCH },
	{ "seccomp", SYS_seccomp, { 2, 0, P("\0\0\0\0") }, 0 },
	{ "prlimit64 of PID 1", SYS_prlimit64, { 1 }, EPERM },
	{ "prlimit64 of itself", SYS_prlimit64, { 0 }, 0 },
	{ "sched_setaffinity of PID 1", SYS_sched_setaffinity, { 1 }, EPERM },
	{ "sched_setaffinity of PID 1, hidden", SYS_sched_setaffinity,
	    { 1 | HIGH }, EPERM },
	{ "sched_setattr of PID 1", SYS_sched_setattr, { 1 }, EPERM },
	{ "sched_setparam of PID 1", SYS_sched_setparam, { 1 }, EPERM },
	{ "sched_setscheduler of PID 1", SYS_sched_setscheduler, { 1 }, EPERM },
	{ "setpriority of PID 1", SYS_setpriority, { 0, 1 }, EPERM },
	{ "setpriority of its group", SYS_setpriority, { 1, 1 }, EPERM },
	{ "setpriority of a user", SYS_setpriority, { 2, 0 }, EPERM },
	{ "setpriority of itself", SYS_setpriority, { 0, 0, 19 }, 0 },
	{ "ioprio_set of PID 1", SYS_ioprio_set, { 1, 1 }, EPERM },
	{ "ioprio_set of a user", SYS_ioprio_set, { 3, 0 }, EPERM },
	{ "a lease", SYS_fcntl, { 0, F_SETLEASE, F_RDLCK }, EPERM },
};

/* What both the monitor and the payload may not have. */
static const struct attempt shared_attempts[] = {
	{ "TIOCSTI", SYS_ioctl, { 0, TIOCSTI, P("x") }, EPERM },
	{ "TIOCSTI, hidden", SYS_ioctl, { 0, TIOCSTI | HIGH, P("x") }, EPERM },
	{ "TIOCLINUX", SYS_ioctl, { 0, TIOCLINUX, P("x") }, EPERM },
	{ "TIOCSETD", SYS_ioctl, { 0, TIOCSETD, P("\0\0\0\0") }, EPERM },
	{ "TCGETS", SYS_ioctl, { 0, TCGETS, 0 }, REACHED },
	{ "AF_UNSPEC", SYS_socket, { AF_UNSPEC, SOCK_STREAM }, EAFNOSUPPORT },
	{ "AF_VSOCK", SYS_socket, { 40, SOCK_STREAM }, EAFNOSUPPORT },
	{ "AF_VSOCK, hidden", SYS_socket, { 40 | HIGH, SOCK_STREAM },
	    EAFNOSUPPORT },
	{ "AF_ALG", SYS_socket, { 38, SOCK_SEQPACKET }, EAFNOSUPPORT },
	{ "AF_PACKET", SYS_socket, { 17, SOCK_RAW }, EAFNOSUPPORT },
	{ "AF_PACKET, the old way", SYS_socket, { AF_INET, SOCK_PACKET },
	    EAFNOSUPPORT },
	{ "AF_KEY", SYS_socket, { 15, SOCK_RAW }, EAFNOSUPPORT },
	{ "AF_XDP", SYS_socket, { 44, SOCK_RAW }, EAFNOSUPPORT },
	{ "AF_BLUETOOTH", SYS_socket, { 31, SOCK_RAW }, EAFNOSUPPORT },
	{ "a family of tomorrow", SYS_socket, { 90, SOCK_RAW },
	    EAFNOSUPPORT },
	{ "netlink, netfilter", SYS_socket, { AF_NETLINK, SOCK_RAW, 12 },
	    EPROTONOSUPPORT },
	{ "netlink, uevents", SYS_socket, { AF_NETLINK, SOCK_RAW, 15 },
	    EPROTONOSUPPORT },
	{ "netlink, route", SYS_socket,
	    { AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0 }, 0 },
	{ "AF_UNIX", SYS_socket, { AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC }, 0 },
	{ "AF_INET", SYS_socket, { AF_INET, SOCK_STREAM | SOCK_CLOEXEC }, 0 },
	{ "socketpair AF_INET", SYS_socketpair, { AF_INET, SOCK_STREAM },
	    EAFNOSUPPORT },
	{ "bpf", SYS_bpf, { 0 }, EPERM },
	{ "io_uring_setup", 425, { 1 }, EPERM },
	{ "kexec_load", SYS_kexec_load, { 0 }, EPERM },
	{ "open_by_handle_at", SYS_open_by_handle_at, { 0 }, EPERM },
};

/* What the monitor and an init before its own filter go on to need. */
static const struct attempt monitor_attempts[] = {
	{ "clone3", SYS_clone3, { 0 }, REACHED },
	{ "openat2", 437, { 0 }, REACHED },
	{ "unshare", SYS_unshare, { 0 }, 0 },
	{ "setns", SYS_setns, { 99 }, REACHED },
	{ "open_tree", 428, { 99, P("") }, REACHED },
	{ "mount_setattr", 442, { 99 }, REACHED },
};

/* The first row that gets something else, from 1, or 0. */
static int
run_attempts(const struct attempt *t, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (t[i].nr == NR_MSEAL && !mseal_is_known)
			continue;
		long r = syscall(t[i].nr, t[i].a[0], t[i].a[1], t[i].a[2],
		    t[i].a[3], 0, 0);
		int got = r == -1 ? errno : 0;

		if (t[i].want == REACHED ?
		    got == EPERM || got == ENOSYS : got != t[i].want) {
			(void)fprintf(stderr, "%s: %s\n", t[i].name,
			    strerror(got));
			return (int)i + 1;
		}
	}
	return 0;
}

static int
load(enum filter_id id)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	return filter_load(id);
}

/* Exit status of fn in a child, or 1000 + the signal that ended it. */
static int
in_child(int (*fn)(const void *), const void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn(arg));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) :
	    WEXITSTATUS(status);
}

static int
payload_child(const void *arg)
{
	(void)arg;
	mseal_is_known = syscall(NR_MSEAL, 0, 0, 0) == 0 || errno != ENOSYS;
	if (load(FILTER_MONITOR) != 0 || load(FILTER_PAYLOAD) != 0)
		return 255;
	return run_attempts(payload_attempts, nitems(payload_attempts)) ||
	    run_attempts(shared_attempts, nitems(shared_attempts));
}

static int
monitor_child(const void *arg)
{
	(void)arg;
	if (load(FILTER_MONITOR) != 0)
		return 255;
	return run_attempts(shared_attempts, nitems(shared_attempts)) ||
	    run_attempts(monitor_attempts, nitems(monitor_attempts));
}

static void
payload_is_denied_by_row(void **state)
{
	(void)state;
	assert_int_equal(in_child(payload_child, NULL), 0);
}

static void
monitor_is_denied_by_name_only(void **state)
{
	(void)state;
	assert_int_equal(in_child(monitor_child, NULL), 0);
}

#ifdef __x86_64__
static int
foreign_child(const void *arg)
{
	long r = 20;		/* getpid of i386 */

	if (load(*(const enum filter_id *)arg) != 0)
		return 255;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9",
	    "r10", "r11");
	return 0;
}

static int
x32_child(const void *arg)
{
	if (load(*(const enum filter_id *)arg) != 0)
		return 255;
	(void)syscall(0x40000000 | SYS_getpid);
	return 0;
}

static void
foreign_architectures_are_killed(void **state)
{
	int f;

	(void)state;
	for (f = 0; f < FILTER__COUNT; f++) {
		enum filter_id id = (enum filter_id)f;

		assert_int_equal(in_child(foreign_child, &id), 1000 + SIGSYS);
		assert_int_equal(in_child(x32_child, &id), 1000 + SIGSYS);
	}
}
#endif

/* --- what an init, and tools, go on to do -------------------------------- */

static void *
thread(void *arg)
{
	return arg;
}

static int
init_work(const void *arg)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int pair[2], ep, status;
	pthread_t t;
	pid_t pid;

	(void)arg;
	if (load(FILTER_PAYLOAD) != 0)
		return 255;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return 1;
	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep == -1 || epoll_ctl(ep, EPOLL_CTL_ADD, pair[0], &ev) == -1)
		return 2;
	pid = fork();
	if (pid == 0) {
		if (setsid() == -1)
			_exit(1);
		(void)ioctl(0, TIOCSCTTY, 0);
		(void)execl("/bin/sh", "sh", "-c", "exec ls / >/dev/null",
		    (char *)NULL);
		_exit(2);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid || status != 0)
		return 3;
	if (pthread_create(&t, NULL, thread, NULL) != 0 ||
	    pthread_join(t, NULL) != 0)
		return 4;
	if (kill(getpid(), 0) == -1 || dup2(pair[0], pair[1]) == -1)
		return 5;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || landlock_abi() < 0)
		return 6;
	/* A payload may sandbox itself further. */
	return load(FILTER_PAYLOAD) == 0 ? 0 : 7;
}

static void
init_can_still_work(void **state)
{
	(void)state;
	assert_int_equal(in_child(init_work, NULL), 0);
}

static int
load_bare(const void *arg)
{
	(void)arg;
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) == -1)
		return 255;
	return filter_load(FILTER_PAYLOAD) == -EACCES ? 0 : 1;
}

static void
no_new_privs_is_needed(void **state)
{
	(void)state;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
		print_message("SKIP: this process has no_new_privs\n");
		skip();
	}
	assert_int_equal(in_child(load_bare, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_is_known),
		cmocka_unit_test(rows_do_not_void_each_other),
		cmocka_unit_test(filters_are_as_reviewed),
		cmocka_unit_test(payload_is_denied_by_row),
		cmocka_unit_test(monitor_is_denied_by_name_only),
#ifdef __x86_64__
		cmocka_unit_test(foreign_architectures_are_killed),
#endif
		cmocka_unit_test(init_can_still_work),
		cmocka_unit_test(no_new_privs_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
