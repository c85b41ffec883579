/* Processes: of the host, and the sandbox's own first one. */
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

/* The host's number, which here is another process's or nobody's. */
static pid_t
victim(const struct targets *t)
{
	long pid;

	return target_number(t->victim, &pid) && pid > 1 ? (pid_t)pid : 0;
}

static bool
has_mark(const char *pid, const char *mark)
{
	char path[300], line[4096];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, line, sizeof(line)) : -1;
	if (fd != -1)
		(void)close(fd);
	return n > 0 && memmem(line, (size_t)n, mark, strlen(mark)) != NULL;
}

/* By a mark that comes in two parts, so that none of ours bears it. */
static int
see(const struct targets *t)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	char mark[256];
	int seen = 0, r = ESRCH;

	if (d == NULL || t->mark[0] == NULL || t->mark[1] == NULL)
		return DOOR_UNTRIED;
	(void)snprintf(mark, sizeof(mark), "%s%s", t->mark[0], t->mark[1]);
	while (r != DOOR_OPEN && (e = readdir(d)) != NULL) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;
		seen++;
		if (has_mark(e->d_name, mark))
			r = DOOR_OPEN;
	}
	(void)closedir(d);
	return seen == 0 ? DOOR_UNTRIED : r;
}

static int
signal_victim(const struct targets *t)
{
	pid_t pid = victim(t);

	return pid == 0 ? DOOR_UNTRIED : door(kill(pid, 0));
}

static int
group_victim(const struct targets *t)
{
	pid_t pid = victim(t);

	return pid == 0 ? DOOR_UNTRIED : door(kill(-pid, 0));
}

static int
pidfd_of(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int
pidfd_victim(const struct targets *t)
{
	pid_t pid = victim(t);

	return pid == 0 ? DOOR_UNTRIED : door(pidfd_of(pid));
}

static int
trace(pid_t pid)
{
	return pid == 0 ? DOOR_UNTRIED :
	    door(ptrace(PTRACE_SEIZE, pid, 0, 0));
}

static int
trace_victim(const struct targets *t)
{
	return trace(victim(t));
}

/* EFAULT would mean that permission was given. */
static int
read_memory(pid_t pid)
{
	static char word[8];
	struct iovec mine = { word, sizeof(word) };
	struct iovec theirs = { (void *)(uintptr_t)0x400000, sizeof(word) };

	return pid == 0 ? DOOR_UNTRIED : door_behind(process_vm_readv(pid,
	    &mine, 1, &theirs, 1, 0), EFAULT, EFAULT);
}

static int
memory_victim(const struct targets *t)
{
	return read_memory(victim(t));
}

static int
proc_file(pid_t pid, const char *name, int flags)
{
	char path[64];

	if (pid == 0)
		return DOOR_UNTRIED;
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	return door_path(path, flags);
}

static int
environ_victim(const struct targets *t)
{
	return proc_file(victim(t), "environ", O_RDONLY);
}

static int
root_victim(const struct targets *t)
{
	return proc_file(victim(t), "root/.", O_RDONLY);
}

/* --- the first process of the sandbox ----------------------------------- */

static int
trace_init(const struct targets *t)
{
	(void)t;
	return trace(1);
}

static int
memory_init(const struct targets *t)
{
	(void)t;
	return read_memory(1);
}

static int
mem_init(const struct targets *t)
{
	(void)t;
	return proc_file(1, "mem", O_RDWR);
}

static int
root_init(const struct targets *t)
{
	(void)t;
	return proc_file(1, "root/.", O_RDONLY);
}

static int
environ_init(const struct targets *t)
{
	(void)t;
	return proc_file(1, "environ", O_RDONLY);
}

static int
fds_init(const struct targets *t)
{
	(void)t;
	return proc_file(1, "fd", O_RDONLY | O_DIRECTORY);
}

static int
maps_init(const struct targets *t)
{
	(void)t;
	return proc_file(1, "maps", O_RDONLY);
}

static int
getfd_init(const struct targets *t)
{
	int fd = pidfd_of(1);

	(void)t;
	return fd == -1 ? errno : door(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static int
limit_init(const struct targets *t)
{
	struct rlimit same;

	(void)t;
	/* What it has already, so that nothing changes where it works. */
	if (getrlimit(RLIMIT_CPU, &same) == -1)
		return DOOR_UNTRIED;
	return door(syscall(SYS_prlimit64, 1, RLIMIT_CPU, &same, NULL));
}

static int
nice_init(const struct targets *t)
{
	(void)t;
	return door(setpriority(PRIO_PROCESS, 1, 0));
}

static int
pin_init(const struct targets *t)
{
	cpu_set_t cpus;

	(void)t;
	memset(&cpus, 0xff, sizeof(cpus));
	return door(sched_setaffinity(1, sizeof(cpus), &cpus));
}

static int
compare_init(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_kcmp, getpid(), 1, 1, 0, 0));
}

static const struct door doors[] = {
	{ "see", "see a process of the owner's", see, true },
	{ "signal", "signal it", signal_victim, true },
	{ "signal-group", "signal its group", group_victim, false },
	{ "pidfd", "hold it by a descriptor", pidfd_victim, true },
	{ "trace", "trace it", trace_victim, false },
	{ "memory", "read its memory", memory_victim, false },
	{ "environ", "read its variables", environ_victim, true },
	{ "root", "enter its root", root_victim, true },
	{ "init-trace", "trace the sandbox's init", trace_init, false },
	{ "init-memory", "read its memory", memory_init, false },
	{ "init-mem", "open its memory", mem_init, false },
	{ "init-root", "enter its root", root_init, false },
	{ "init-environ", "read its variables", environ_init, false },
	{ "init-fds", "list its descriptors", fds_init, false },
	{ "init-maps", "read its map", maps_init, false },
	{ "init-getfd", "take a descriptor of it", getfd_init, false },
	{ "init-limit", "set its limits", limit_init, false },
	{ "init-nice", "set its priority", nice_init, false },
	{ "init-pin", "pin it to processors", pin_init, false },
	{ "init-compare", "compare kernel pointers with it", compare_init,
	    false },
};
FAMILY(processes_family, "processes", doors);
