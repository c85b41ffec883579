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

pid_t
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

	/* No list at all is what a sandbox may also have. */
	if (d == NULL)
		return errno;
	if (t->mark[0] == NULL || t->mark[1] == NULL) {
		(void)closedir(d);
		return DOOR_UNTRIED;
	}
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

int
door_proc(pid_t pid, const char *name, int flags)
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
	return door_proc(victim(t), "environ", O_RDONLY);
}

static int
root_victim(const struct targets *t)
{
	return door_proc(victim(t), "root/.", O_RDONLY);
}

/* --- the first process of the sandbox ----------------------------------- */

pid_t
first_process(const struct targets *t)
{
	long pid;

	return target_number(t->first, &pid) ? (pid_t)pid : 1;
}

static int
trace_init(const struct targets *t)
{
	return trace(first_process(t));
}

static int
memory_init(const struct targets *t)
{
	return read_memory(first_process(t));
}

static int
mem_init(const struct targets *t)
{
	return door_proc(first_process(t), "mem", O_RDWR);
}

static int
root_init(const struct targets *t)
{
	return door_proc(first_process(t), "root/.", O_RDONLY);
}

static int
environ_init(const struct targets *t)
{
	return door_proc(first_process(t), "environ", O_RDONLY);
}

static int
fds_init(const struct targets *t)
{
	return door_proc(first_process(t), "fd", O_RDONLY | O_DIRECTORY);
}

static int
maps_init(const struct targets *t)
{
	return door_proc(first_process(t), "maps", O_RDONLY);
}

static int
getfd_init(const struct targets *t)
{
	int fd = pidfd_of(first_process(t));

	return fd == -1 ? errno : door(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

static int
limit_init(const struct targets *t)
{
	struct rlimit same;

	/* What it has already, so that nothing changes where it works. */
	if (getrlimit(RLIMIT_CPU, &same) == -1)
		return DOOR_UNTRIED;
	return door(syscall(SYS_prlimit64, first_process(t), RLIMIT_CPU,
	    &same, NULL));
}

static int
nice_init(const struct targets *t)
{
	return door(setpriority(PRIO_PROCESS, (id_t)first_process(t),
	    0));
}

static int
pin_init(const struct targets *t)
{
	cpu_set_t cpus;

	memset(&cpus, 0xff, sizeof(cpus));
	return door(sched_setaffinity(first_process(t), sizeof(cpus), &cpus));
}

static int
compare_init(const struct targets *t)
{
	return door(syscall(SYS_kcmp, getpid(), first_process(t), 1,
	    0, 0));
}

static int
exe_init(const struct targets *t)
{
	return door_proc(first_process(t), "exe", O_RDONLY);
}

static int
cwd_init(const struct targets *t)
{
	return door_proc(first_process(t), "cwd/.", O_RDONLY);
}

static int
auxv_init(const struct targets *t)
{
	return door_proc(first_process(t), "auxv", O_RDONLY);
}

static int
task_mem_init(const struct targets *t)
{
	char name[48];
	pid_t pid = first_process(t);

	(void)snprintf(name, sizeof(name), "task/%d/mem", (int)pid);
	return door_proc(pid, name, O_RDWR);
}

static int
ns_init(const struct targets *t)
{
	return door_proc(first_process(t), "ns/mnt", O_RDONLY);
}

static int
std_init(const struct targets *t)
{
	return door_proc(first_process(t), "fd/0", O_RDWR);
}

static int
oom_init(const struct targets *t)
{
	return door_proc(first_process(t), "oom_score_adj", O_WRONLY);
}

static const struct door doors[] = {
	{ "see", "see a process of the owner's", see, OWNER },
	{ "signal", "signal it", signal_victim, OWNER },
	{ "signal-group", "signal its group", group_victim, OWNER },
	{ "pidfd", "hold it by a descriptor", pidfd_victim, OWNER },
	{ "trace", "trace it", trace_victim, ROOT },
	{ "memory", "read its memory", memory_victim, ROOT },
	{ "environ", "read its variables", environ_victim, OWNER },
	{ "root", "enter its root", root_victim, OWNER },
	{ "init-trace", "trace the sandbox's init", trace_init, ROOT },
	{ "init-memory", "read its memory", memory_init, ROOT },
	{ "init-mem", "open its memory", mem_init, ROOT },
	{ "init-root", "enter its root", root_init, OWNER },
	{ "init-environ", "read its variables", environ_init, OWNER },
	{ "init-fds", "list its descriptors", fds_init, OWNER },
	{ "init-maps", "read its map", maps_init, OWNER },
	{ "init-getfd", "take a descriptor of it", getfd_init, ROOT },
	{ "init-limit", "set its limits", limit_init, OWNER },
	{ "init-nice", "set its priority", nice_init, OWNER },
	{ "init-pin", "pin it to processors", pin_init, OWNER },
	{ "init-compare", "compare kernel pointers with it", compare_init,
	    HOST },
	{ "init-exe", "open its program", exe_init, OWNER },
	{ "init-cwd", "enter its working folder", cwd_init, OWNER },
	{ "init-auxv", "read where it lies", auxv_init, OWNER },
	{ "init-task-mem", "open its memory by its thread",
	    task_mem_init, OWNER },
	{ "init-ns", "hold its mount namespace", ns_init, OWNER },
	{ "init-std", "open its standard input", std_init, OWNER },
	{ "init-oom", "have it killed for memory", oom_init, OWNER },
};
FAMILY(processes_family, PROCESSES, doors);
