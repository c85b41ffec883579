/* The kernel's less known calls, other architectures', and files of its. */
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/syscall.h>
#include <sys/timex.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "coven-probe/probe.h"

/* How addresses are laid out, of this process alone. */
static int
layout(const struct targets *t)
{
	(void)t;
	return door(personality(ADDR_NO_RANDOMIZE));
}

/* No row can look at what lies in memory. */
static int
open_by_struct(const struct targets *t)
{
	uint64_t how[3] = { O_RDONLY | O_CLOEXEC, 0, 0 };

	(void)t;
	return door(syscall(437 /* openat2 */, AT_FDCWD, "/", how,
	    sizeof(how)));
}

static int
quotas(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_quotactl, Q_SYNC << 8, NULL, 0, NULL));
}

/* To what it is already. */
static int
adjust_clock(const struct targets *t)
{
	struct timex now = { .modes = 0 };

	(void)t;
	if (adjtimex(&now) == -1)
		return errno;
	now.modes = ADJ_STATUS;
	return door(adjtimex(&now));
}

static int
wake_machine(const struct targets *t)
{
	timer_t timer;

	(void)t;
	return door(timer_create(CLOCK_REALTIME_ALARM, NULL, &timer));
}

static int
list_mounts(const struct targets *t)
{
	uint64_t ask[3] = { 24, UINT64_MAX, 0 }, ids[1];

	(void)t;
	return door(syscall(458 /* listmount */, ask, ids, 1, 0));
}

static int
cookie(const struct targets *t)
{
	char path[64];

	(void)t;
#ifdef SYS_lookup_dcookie
	return door_behind(syscall(SYS_lookup_dcookie, 0ul, path,
	    sizeof(path)), EINVAL, EINVAL);
#else
	(void)path;
	return ENOSYS;
#endif
}

#ifdef __x86_64__
/* A filter that looks at numbers alone takes this for another call. */
static int
foreign(const struct targets *t)
{
	long r = 20;			/* getpid of i386 */

	(void)t;
	__asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9",
	    "r10", "r11");
	return r > 0 ? DOOR_OPEN : ENOSYS;
}

static int
x32(const struct targets *t)
{
	(void)t;
	return door(syscall(0x40000000 | SYS_getpid));
}
#else
static int
foreign(const struct targets *t)
{
	(void)t;
	return ENOSYS;
}
#define x32	foreign
#endif

static int
memory_layout(const struct targets *t)
{
	(void)t;
	return door_behind(prctl(PR_SET_MM, PR_SET_MM_BRK, 0, 0, 0), EINVAL,
	    EINVAL);
}

/* Zeroes only, where addresses are hidden. */
static int
addresses(const struct targets *t)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[256] = "";
	int r = errno;

	(void)t;
	if (f == NULL)
		return r;
	if (fgets(line, sizeof(line), f) == NULL)
		line[0] = '\0';
	(void)fclose(f);
	return strtoul(line, NULL, 16) != 0 ? DOOR_OPEN : ENODATA;
}

/* Executed for whoever empties a cgroup of the first version. */
static int
release_agent(const struct targets *t)
{
	glob_t g;
	int r = ENOENT;

	(void)t;
	if (glob("/sys/fs/cgroup/*/release_agent", 0, NULL, &g) != 0)
		return r;
	r = door_path(g.gl_pathv[0], O_WRONLY);
	globfree(&g);
	return r;
}

/* It is there empty, covered: to wait for a message is to be let in. */
static int
kernel_messages(const struct targets *t)
{
	int fd = open("/proc/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[64];
	ssize_t n = fd != -1 ? read(fd, text, sizeof(text)) : -1;

	(void)t;
	return n == 0 ? ENODATA : door_behind(n, EAGAIN, EPIPE);
}

DOOR_PATH(cgroup_join, "/sys/fs/cgroup/cgroup.procs", O_WRONLY)
DOOR_PATH(cgroup_kill, "/sys/fs/cgroup/cgroup.subtree_control", O_WRONLY)
DOOR_PATH(page_counts, "/proc/kpagecount", O_RDONLY)
DOOR_PATH(debug_files, "/sys/kernel/debug", O_RDONLY | O_DIRECTORY)
DOOR_PATH(power, "/sys/power/state", O_WRONLY)
DOOR_PATH(huge, "/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY)
DOOR_PATH(pattern_by_self, "/proc/self/root/proc/sys/kernel/core_pattern",
    O_WRONLY)
DOOR_PATH(overcommit, "/proc/sys/vm/overcommit_memory", O_WRONLY)
DOOR_PATH(dmesg_rule, "/proc/sys/kernel/dmesg_restrict", O_WRONLY)
DOOR_PATH(network_rule, "/proc/sys/net/core/bpf_jit_enable", O_WRONLY)

static const struct door doors[] = {
	{ "personality", "lay out addresses as it likes", layout, OWNER },
	{ "openat2", "open by what no filter sees", open_by_struct, OWNER },
	{ "quota", "speak to quotas", quotas, HOST },
	{ "adjust-clock", "adjust the clock", adjust_clock, ROOT },
	{ "wake", "wake the machine", wake_machine, HOST },
	{ "list-mounts", "a call that is too new", list_mounts, HOST },
	{ "cookie", "paths by number", cookie, HOST },
	{ "foreign-call", "a call of another architecture", foreign, HOST },
	{ "x32-call", "a call of x32", x32, HOST },
	{ "memory-layout", "move its own memory's bounds", memory_layout,
	    HOST },
	{ "addresses", "see the kernel's addresses", addresses, HOST },
	{ "release-agent", "have a program run by cgroups", release_agent,
	    HOST },
	{ "cgroup-join", "leave its cgroup", cgroup_join, HOST },
	{ "cgroup-control", "change cgroups", cgroup_kill, HOST },
	{ "page-counts", "see who shares memory", page_counts, HOST },
	{ "kmsg", "take the kernel's messages", kernel_messages, HOST },
	{ "debugfs", "see its debug files", debug_files, HOST },
	{ "power", "put the machine to sleep", power, HOST },
	{ "huge-pages-rule", "set its memory management", huge, HOST },
	{ "core-pattern-by-root", "choose who takes core files, through a "
	    "link", pattern_by_self, ROOT },
	{ "overcommit", "let memory be promised twice", overcommit, ROOT },
	{ "log-rule", "let everybody read its log", dmesg_rule, ROOT },
	{ "jit-rule", "set how programs in it run", network_rule, HOST },
};
FAMILY(calls_family, KERNEL, doors);
