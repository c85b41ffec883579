/* What one process of a user may do to another of the same. */
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

static int
limit(const struct targets *t)
{
	pid_t pid = victim(t);
	struct rlimit now;

	return pid == 0 ? DOOR_UNTRIED : door(syscall(SYS_prlimit64, pid,
	    RLIMIT_CORE, NULL, &now));
}

static int
nice_down(const struct targets *t)
{
	pid_t pid = victim(t);

	return pid == 0 ? DOOR_UNTRIED : door(setpriority(PRIO_PROCESS,
	    (id_t)pid, 0));
}

static int
pin(const struct targets *t)
{
	pid_t pid = victim(t);
	cpu_set_t cpus;

	memset(&cpus, 0xff, sizeof(cpus));
	return pid == 0 ? DOOR_UNTRIED : door(sched_setaffinity(pid,
	    sizeof(cpus), &cpus));
}

static int
take_descriptor(const struct targets *t)
{
	pid_t pid = victim(t);
	int fd = pid != 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	if (pid == 0)
		return DOOR_UNTRIED;
	return fd == -1 ? errno : door(syscall(SYS_pidfd_getfd, fd, 0, 0));
}

/* Where it works it asks for pages to be read ahead: of none. */
static int
advise(pid_t pid)
{
	int fd = pid != 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
	struct {
		void	*base;
		size_t	 len;
	} none = { NULL, 0 };

	if (pid == 0)
		return DOOR_UNTRIED;
	return fd == -1 ? errno : door(syscall(440 /* process_madvise */, fd,
	    &none, 1, 3 /* MADV_WILLNEED */, 0));
}

static int
advise_victim(const struct targets *t)
{
	return advise(victim(t));
}

static int
advise_init(const struct targets *t)
{
	return advise(first_process(t));
}

static int
mem(const struct targets *t)
{
	return door_proc(victim(t), "mem", O_RDWR);
}

static int
maps(const struct targets *t)
{
	return door_proc(victim(t), "maps", O_RDONLY);
}

static int
oom(const struct targets *t)
{
	return door_proc(victim(t), "oom_score_adj", O_WRONLY);
}

static int
descriptors(const struct targets *t)
{
	return door_proc(victim(t), "fd", O_RDONLY | O_DIRECTORY);
}

static int
namespace(const struct targets *t)
{
	return door_proc(victim(t), "ns/mnt", O_RDONLY);
}

static const struct door doors[] = {
	{ "limit", "see its limits", limit, OWNER },
	{ "nice", "set its priority", nice_down, OWNER },
	{ "pin", "pin it to processors", pin, OWNER },
	{ "getfd", "take a descriptor of it", take_descriptor, ROOT },
	{ "advise", "ask for its memory to be moved", advise_victim, HOST },
	{ "init-advise", "the same of the sandbox's init", advise_init,
	    HOST },
	{ "mem", "open its memory", mem, ROOT },
	{ "maps", "read its map", maps, OWNER },
	{ "oom", "have it killed for memory", oom, OWNER },
	{ "fds", "list its descriptors", descriptors, OWNER },
	{ "ns", "hold its mount namespace", namespace, OWNER },
};
FAMILY(victim_family, PROCESSES, doors);
