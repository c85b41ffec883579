/*
 * Attempts to leave the sandbox, one sub-command an attempt.  Built static so
 * that it runs in any root.
 *
 * Exit 0: refused.  1: it worked, the sandbox is open there.  2: the attempt
 * could not be made, which a test must not take for a refusal.  What happened
 * is printed, a line an attempt.
 *
 * "listen-*" and "mark" are the other side: they run outside, give the
 * attempts something to reach, and say what they saw.
 */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/net.h"

#define REFUSED		0
#define OPEN		1
#define UNTRIED		2

extern char **environ;

static int outcome = REFUSED;

/* Note one attempt: ok is whether it worked.  errno says why when not. */
static void
tried(int ok, const char *what)
{
	int e = errno;

	if (ok) {
		outcome = OPEN;
		printf("OPEN    %s\n", what);
	} else
		printf("refused %s: %s\n", what, strerror(e));
}

static void
tried_path(int ok, const char *verb, const char *path)
{
	char what[PATH_MAX + 64];
	int e = errno;

	snprintf(what, sizeof(what), "%s %s", verb, path);
	errno = e;
	tried(ok, what);
}

static pid_t
pid_arg(const char *s)
{
	long n = strtol(s, NULL, 10);

	if (n <= 1)
		errx(UNTRIED, "not a process: %s", s);
	return ((pid_t)n);
}

/* --- files ------------------------------------------------------------- */

static int
read_files(int argc, char **argv)
{
	int i, fd;

	for (i = 0; i < argc; i++) {
		fd = open(argv[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		tried_path(fd != -1, "read", argv[i]);
		if (fd != -1)
			close(fd);
	}
	return (outcome);
}

/*
 * Creating may succeed in a private tmpfs that lies over the same path; the
 * caller looks from outside whether a file appeared.
 */
static int
write_files(int argc, char **argv)
{
	int i, fd;

	for (i = 0; i < argc; i++) {
		fd = open(argv[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		tried_path(fd != -1, "write", argv[i]);
		if (fd != -1)
			close(fd);
	}
	return (outcome);
}

static int
open_writable(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	int fd;

	(void)ftw;
	if (type != FTW_F || !S_ISREG(st->st_mode))
		return (0);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 && errno != EACCES && errno != EROFS && errno != EPERM)
		return (0);
	if (fd != -1) {
		tried_path(1, "open for writing", path);
		close(fd);
	}
	return (0);
}

static int
write_proc_sys(int argc, char **argv)
{
	static const char *const other[] = { "/proc/sysrq-trigger",
	    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe",
	    "/proc/sys/vm/drop_caches", "/proc/sys/net/ipv4/ip_forward" };
	size_t i;
	int fd;

	(void)argc;
	(void)argv;
	for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		fd = open(other[i], O_WRONLY | O_CLOEXEC);
		tried_path(fd != -1, "open for writing", other[i]);
		if (fd != -1)
			close(fd);
	}
	nftw("/proc/sys", open_writable, 16, FTW_PHYS);
	return (outcome);
}

/* --- processes --------------------------------------------------------- */

/*
 * The marker is what the other side was started with; half of it comes in
 * each argument so that this command line does not contain it.
 */
static int
see_process(int argc, char **argv)
{
	char marker[256], path[288], line[4096];
	struct dirent *de;
	DIR *dir = opendir("/proc");
	ssize_t n;
	int fd, seen = 0;

	if (argc != 2 || dir == NULL)
		err(UNTRIED, "/proc");
	snprintf(marker, sizeof(marker), "%s%s", argv[0], argv[1]);
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] < '0' || de->d_name[0] > '9')
			continue;
		seen++;
		snprintf(path, sizeof(path), "/proc/%s/cmdline", de->d_name);
		if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
			continue;
		n = read(fd, line, sizeof(line) - 1);
		close(fd);
		if (n > 0 && memmem(line, (size_t)n, marker,
		    strlen(marker)) != NULL)
			tried_path(1, "found the process at", path);
	}
	closedir(dir);
	if (seen == 0)
		errx(UNTRIED, "no process in /proc, not even this one");
	printf("        %d processes seen\n", seen);
	return (outcome);
}

static int
signal_process(int argc, char **argv)
{
	pid_t pid = argc == 1 ? pid_arg(argv[0]) : 0;
	int fd;

	if (pid == 0)
		return (UNTRIED);
	tried(kill(pid, SIGTERM) == 0, "kill");
	tried(kill(-pid, SIGTERM) == 0, "kill of its group");
	tried(syscall(SYS_tgkill, pid, pid, SIGTERM) == 0, "tgkill");
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	tried(fd != -1, "pidfd_open");
	if (fd != -1)
		tried(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == 0,
		    "pidfd_send_signal");
	return (outcome);
}

static int
trace(pid_t pid)
{
	static char word[8];
	struct iovec mine = { word, sizeof(word) };
	struct iovec theirs = { (void *)(uintptr_t)0x400000, sizeof(word) };
	char path[64];
	int fd;

	tried(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0, "PTRACE_SEIZE");
	tried(ptrace(PTRACE_ATTACH, pid, 0, 0) == 0, "PTRACE_ATTACH");
	/* EFAULT would mean that permission was given. */
	tried(process_vm_readv(pid, &mine, 1, &theirs, 1, 0) != -1 ||
	    errno == EFAULT, "process_vm_readv");
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	tried_path(fd != -1, "open", path);
	snprintf(path, sizeof(path), "/proc/%d/root/.", (int)pid);
	fd = open(path, O_PATH | O_CLOEXEC);
	tried_path(fd != -1, "open", path);
	if ((fd = (int)syscall(SYS_pidfd_open, pid, 0)) != -1)
		tried(syscall(SYS_pidfd_getfd, fd, 0, 0) != -1,
		    "pidfd_getfd");
	return (outcome);
}

static int
trace_pid1(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return (trace(1));
}

static int
trace_process(int argc, char **argv)
{
	return (argc == 1 ? trace(pid_arg(argv[0])) : UNTRIED);
}

/* Limits and priorities of PID 1, by which its end could be held up. */
static int
limit_pid1(int argc, char **argv)
{
	struct sched_param param = { 0 };
	struct rlimit none = { 0, 0 };
	uint64_t attr[7] = { sizeof(attr) };
	cpu_set_t cpus;

	(void)argc;
	(void)argv;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	tried(syscall(SYS_prlimit64, 1, RLIMIT_CPU, &none, NULL) == 0,
	    "prlimit, no time");
	tried(syscall(SYS_prlimit64, 1, RLIMIT_NOFILE, &none, NULL) == 0,
	    "prlimit, no files");
	tried(sched_setaffinity(1, sizeof(cpus), &cpus) == 0,
	    "sched_setaffinity");
	tried(sched_setscheduler(1, SCHED_IDLE, &param) == 0,
	    "sched_setscheduler");
	tried(sched_setparam(1, &param) == 0, "sched_setparam");
	tried(syscall(SYS_sched_setattr, 1, attr, 0) == 0, "sched_setattr");
	tried(setpriority(PRIO_PROCESS, 1, 19) == 0, "setpriority");
	tried(setpriority(PRIO_PGRP, 1, 19) == 0, "setpriority, its group");
	tried(setpriority(PRIO_USER, getuid(), 19) == 0,
	    "setpriority, its user");
	tried(syscall(SYS_ioprio_set, 1, 1, 3 << 13) == 0, "ioprio_set");
	return (outcome);
}

/* A lease holds up whoever opens the file next, for 45 seconds. */
static int
lease_files(int argc, char **argv)
{
	int i, fd;

	if (argc == 0)
		return (UNTRIED);
	for (i = 0; i < argc; i++) {
		if ((fd = open(argv[i], O_RDONLY | O_CLOEXEC)) == -1)
			err(UNTRIED, "%s", argv[i]);
		tried_path(fcntl(fd, F_SETLEASE, F_RDLCK) == 0, "lease",
		    argv[i]);
		close(fd);
	}
	return (outcome);
}

/* --- sockets ----------------------------------------------------------- */

static int
connect_unix(int argc, char **argv)
{
	static const char *const before[] = { "", "/proc/1/root",
	    "/proc/self/root", "/proc/self/cwd/../../../../../../.." };
	char path[PATH_MAX];
	size_t k;
	int i, fd;

	for (i = 0; i < argc; i++)
		for (k = 0; k < sizeof(before) / sizeof(before[0]); k++) {
			if (argv[i][0] == '@' && k > 0)
				break;
			snprintf(path, sizeof(path), "%s%s", before[k],
			    argv[i]);
			fd = net_unix_connect(path, SOCK_STREAM);
			tried_path(fd != -1, "connect to", path);
			if (fd == -1)
				fd = net_unix_connect(path, SOCK_DGRAM);
			else
				continue;
			tried_path(fd != -1, "connect (datagram) to", path);
		}
	return (outcome);
}

static int
connect_tcp(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	char what[96];
	int i, fd;

	if (argc < 2)
		return (UNTRIED);
	in.sin_port = htons((uint16_t)atoi(argv[0]));
	for (i = 1; i < argc; i++) {
		if (inet_pton(AF_INET, argv[i], &in.sin_addr) != 1)
			return (UNTRIED);
		snprintf(what, sizeof(what), "connect to %s:%s", argv[i],
		    argv[0]);
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		tried(fd != -1 && connect(fd, (struct sockaddr *)&in,
		    sizeof(in)) == 0, what);
		if (fd != -1)
			close(fd);
	}
	return (outcome);
}

static int
write_fifo(int argc, char **argv)
{
	int fd;

	if (argc != 1)
		return (UNTRIED);
	fd = open(argv[0], O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	tried_path(fd != -1, "open for writing", argv[0]);
	return (outcome);
}

/* --- the kernel's own doors -------------------------------------------- */

static const struct {
	const char	*name;
	int		 flag;
} spaces[] = {
	{ "user", CLONE_NEWUSER }, { "mount", CLONE_NEWNS },
	{ "pid", CLONE_NEWPID }, { "net", CLONE_NEWNET },
	{ "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS },
	{ "cgroup", CLONE_NEWCGROUP }, { "time", 0x00000080 },
};

/* In a child: success would change this process. */
static int
child_result(int (*attempt)(int), int arg)
{
	int status;
	pid_t pid = fork();

	if (pid == -1)
		err(UNTRIED, "fork");
	if (pid == 0)
		_exit(attempt(arg) == 0 ? 0 : (errno & 0x7f) | 0x80);
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
		errno = EINTR;		/* killed for asking: refused */
		return (-1);
	}
	errno = WEXITSTATUS(status) & 0x7f;
	return (WEXITSTATUS(status) == 0 ? 0 : -1);
}

static int
clone_child(int flag)
{
	long pid = syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return (pid == -1 ? -1 : 0);
}

static int
clone3_child(int flag)
{
	uint64_t args[8] = { (uint64_t)flag, 0, 0, 0, SIGCHLD };
	long pid = syscall(SYS_clone3, args, sizeof(args));

	if (pid == 0)
		_exit(0);
	return (pid == -1 ? -1 : 0);
}

static int
create_namespace(int argc, char **argv)
{
	char what[64];
	size_t i;

	(void)argc;
	(void)argv;
	for (i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
		snprintf(what, sizeof(what), "unshare a %s namespace",
		    spaces[i].name);
		tried(child_result(unshare, spaces[i].flag) == 0, what);
		snprintf(what, sizeof(what), "clone into a %s namespace",
		    spaces[i].name);
		if (spaces[i].flag > 0xff)	/* below: the exit signal */
			tried(child_result(clone_child, spaces[i].flag) == 0,
			    what);
		snprintf(what, sizeof(what), "clone3 into a %s namespace",
		    spaces[i].name);
		tried(child_result(clone3_child, spaces[i].flag) == 0, what);
	}
	return (outcome);
}

static int
mount_things(int argc, char **argv)
{
	int fd;

	(void)argc;
	(void)argv;
	tried(mount("none", "/tmp", "tmpfs", 0, "") == 0, "mount a tmpfs");
	tried(mount("/", "/tmp", NULL, MS_BIND, NULL) == 0, "bind /");
	tried(mount("none", "/proc", "proc", 0, "") == 0, "mount a proc");
	tried(mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND, NULL) == 0,
	    "make /usr writable");
	tried(mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0,
	    "make /proc/sys writable");
	tried(umount2("/proc/sys", MNT_DETACH) == 0, "unmount /proc/sys");
	tried(umount2("/proc", MNT_DETACH) == 0, "unmount /proc");
	tried(umount2("/", MNT_DETACH) == 0, "unmount the root");
	fd = (int)syscall(SYS_fsopen, "tmpfs", 0);
	tried(fd != -1, "fsopen");
	fd = (int)syscall(SYS_open_tree, AT_FDCWD, "/", 1u);
	tried(fd != -1, "open_tree(clone)");
	tried(syscall(SYS_pivot_root, "/", "/") == 0, "pivot_root");
	tried(chroot("/") == 0, "chroot");
	return (outcome);
}

static int
load_module(int argc, char **argv)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)argc;
	(void)argv;
	/* ENOEXEC: the kernel looked at the bytes, so permission was given. */
	tried(syscall(SYS_init_module, "", 0, "") == 0 || errno == ENOEXEC,
	    "init_module");
	tried(syscall(SYS_finit_module, fd, "", 0) == 0 || errno == ENOEXEC,
	    "finit_module");
	tried(syscall(SYS_delete_module, "no_such_module", 0) == 0 ||
	    errno == ENOENT, "delete_module");
	return (outcome);
}

/* A controlling terminal of our own, then bytes typed into it. */
static int
inject_into_own(int high)
{
	unsigned long request = TIOCSTI;
	char name[64], c = 'x';
	int master, slave;

	if (high)		/* the kernel looks at 32 bits only */
		request |= 1UL << 32;
	setsid();
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    ptsname_r(master, name, sizeof(name)) != 0)
		return (-1);
	if ((slave = open(name, O_RDWR)) == -1)
		return (-1);
	return ((int)syscall(SYS_ioctl, slave, request, &c));
}

static int
inject_terminal_input(int argc, char **argv)
{
	char c = 'x';
	int fd, i;

	(void)argc;
	(void)argv;
	for (i = 0; i < 3; i++)
		tried(ioctl(i, TIOCSTI, &c) == 0, "TIOCSTI on 0, 1, 2");
	if ((fd = open("/dev/tty", O_RDWR | O_CLOEXEC)) != -1)
		tried(ioctl(fd, TIOCSTI, &c) == 0, "TIOCSTI on /dev/tty");
	tried(child_result(inject_into_own, 0) == 0,
	    "TIOCSTI on a terminal of its own");
	tried(child_result(inject_into_own, 1) == 0,
	    "TIOCSTI with bit 32 set");
	c = 3;			/* paste the selection */
	tried(ioctl(0, TIOCLINUX, &c) == 0, "TIOCLINUX");
	return (outcome);
}

/* --- what came along ---------------------------------------------------- */

static int
keep_capability(int argc, char **argv)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "re");
	int sets = 0, nnp = 0, filter = 0;

	(void)argc;
	(void)argv;
	if (f == NULL)
		err(UNTRIED, "/proc/self/status");
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "Cap", 3) == 0) {
			sets++;
			if (strtoull(line + 7, NULL, 16) != 0)
				tried_path(1, "holds", line);
		}
		nnp |= strcmp(line, "NoNewPrivs:\t1") == 0;
		filter |= strcmp(line, "Seccomp:\t2") == 0;
	}
	fclose(f);
	if (sets != 5)
		errx(UNTRIED, "%d capability sets in status", sets);
	if (!nnp)
		tried(1, "new privileges are possible");
	if (!filter)
		tried(1, "no syscall filter");
	return (outcome);
}

static int
inherit_descriptor(int argc, char **argv)
{
	char path[64], target[PATH_MAX];
	ssize_t n;
	int fd;

	(void)argc;
	(void)argv;
	for (fd = 0; fd < 65536; fd++) {
		struct stat st;

		if (fcntl(fd, F_GETFD) == -1)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		printf("        %d is %s\n", fd, target);
		if (fd > 2)
			tried_path(1, "holds", target);
		else if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
			tried_path(1, "holds the folder", target);
	}
	return (outcome);
}

static int
inherit_variable(int argc, char **argv)
{
	char **e;
	int i;

	if (argc == 0)
		return (UNTRIED);
	for (e = environ; *e != NULL; e++) {
		printf("        %.*s\n", (int)strcspn(*e, "="), *e);
		for (i = 0; i < argc; i++)
			if (strstr(*e, argv[i]) != NULL)
				tried_path(1, "inherited", *e);
	}
	return (outcome);
}

/* --- the other side ----------------------------------------------------- */

static int
listen_unix(int argc, char **argv)
{
	int fd = argc == 1 ?
	    net_unix_listen(argv[0], SOCK_STREAM, 16) : -1;

	if (fd == -1)
		err(UNTRIED, "listen");
	printf("listening\n");
	fflush(stdout);
	for (;;)
		close(accept(fd, NULL, NULL));
}

static int
listen_tcp(int argc, char **argv)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)argc;
	(void)argv;
	if (bind(fd, (struct sockaddr *)&in, len) == -1 ||
	    listen(fd, 16) == -1 ||
	    getsockname(fd, (struct sockaddr *)&in, &len) == -1)
		err(UNTRIED, "listen");
	printf("%u\n", ntohs(in.sin_port));
	fflush(stdout);
	for (;;)
		close(accept(fd, NULL, NULL));
}

/* A process to be found: waits, whatever its arguments say. */
static int
mark(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("marked\n");
	fflush(stdout);
	while (pause() == -1)
		continue;
	return (REFUSED);
}

static const struct {
	const char	*name;
	int		(*run)(int, char **);
} attempts[] = {
	{ "read", read_files },
	{ "write", write_files },
	{ "write-proc-sys", write_proc_sys },
	{ "see-process", see_process },
	{ "signal-process", signal_process },
	{ "trace-pid1", trace_pid1 },
	{ "trace-process", trace_process },
	{ "limit-pid1", limit_pid1 },
	{ "lease", lease_files },
	{ "connect-unix", connect_unix },
	{ "connect-tcp", connect_tcp },
	{ "write-fifo", write_fifo },
	{ "create-namespace", create_namespace },
	{ "mount", mount_things },
	{ "load-module", load_module },
	{ "inject-terminal-input", inject_terminal_input },
	{ "keep-capability", keep_capability },
	{ "inherit-descriptor", inherit_descriptor },
	{ "inherit-variable", inherit_variable },
	{ "listen-unix", listen_unix },
	{ "listen-tcp", listen_tcp },
	{ "mark", mark },
};

int
main(int argc, char **argv)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; argc > 1 && i < sizeof(attempts) / sizeof(attempts[0]); i++)
		if (strcmp(argv[1], attempts[i].name) == 0) {
			int result = attempts[i].run(argc - 2, argv + 2);

			/* Only this line says that everything was tried. */
			printf("result %d\n", result);
			return (result);
		}
	fprintf(stderr, "usage: probe attempt [argument ...]\n");
	for (i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
		fprintf(stderr, "\t%s\n", attempts[i].name);
	return (UNTRIED);
}
