/* Resources, and objects that live outside file systems. */
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/statvfs.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "coven-probe/probe.h"

static int
segment(const struct targets *t)
{
	long key;

	return !target_number(t->shm, &key) ? DOOR_UNTRIED :
	    door(shmget((key_t)key, 0, 0));
}

static int
queue(const struct targets *t)
{
	long key;

	return !target_number(t->queue, &key) ? DOOR_UNTRIED :
	    door(msgget((key_t)key, 0));
}

/* A limit that is none: every process or file of the host. */
static int
unlimited(int what)
{
	struct rlimit r;

	if (getrlimit(what, &r) == -1)
		return DOOR_UNTRIED;
	return r.rlim_max == RLIM_INFINITY ? DOOR_OPEN : EDQUOT;
}

static int
processes(const struct targets *t)
{
	(void)t;
	return unlimited(RLIMIT_NPROC);
}

static int
core_files(const struct targets *t)
{
	struct rlimit r;

	(void)t;
	if (getrlimit(RLIMIT_CORE, &r) == -1)
		return DOOR_UNTRIED;
	return r.rlim_max != 0 ? DOOR_OPEN : EDQUOT;
}

/* A private /tmp that is as large as memory fills it. */
static int
tmp(const struct targets *t)
{
	struct statvfs s;

	(void)t;
	if (statvfs("/tmp", &s) == -1)
		return DOOR_UNTRIED;
	return s.f_blocks == 0 ? DOOR_OPEN : EDQUOT;
}

static int
raise_limit(const struct targets *t)
{
	struct rlimit r;

	(void)t;
	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return DOOR_UNTRIED;
	/* Lowered first, or the kernel's own bound would answer. */
	r.rlim_cur = r.rlim_max = r.rlim_cur / 2;
	if (setrlimit(RLIMIT_NOFILE, &r) == -1)
		return DOOR_UNTRIED;
	r.rlim_max++;
	return door(setrlimit(RLIMIT_NOFILE, &r));
}

static int
priority(const struct targets *t)
{
	(void)t;
	return door(setpriority(PRIO_PROCESS, 0, -5));
}

static int
real_time(const struct targets *t)
{
	struct sched_param param = { .sched_priority = 1 };

	(void)t;
	return door(sched_setscheduler(0, SCHED_FIFO, &param));
}

static int
killer(const struct targets *t)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "we");
	int r;

	(void)t;
	if (f == NULL)
		return errno;
	r = fputs("-1000", f) == EOF || fflush(f) == EOF ? errno : DOOR_OPEN;
	(void)fclose(f);
	return r;
}

static const struct door doors[] = {
	{ "shared-memory", "find a segment of the owner's", segment, OWNER },
	{ "message-queue", "find a message queue of the owner's", queue,
	    OWNER },
	{ "processes", "processes without number", processes, HOST },
	{ "core-files", "core files", core_files, HOST },
	{ "tmp", "a /tmp without size", tmp, HOST },
	{ "raise-limit", "raise a limit", raise_limit, HOST },
	{ "priority", "go before others", priority, ROOT },
	{ "real-time", "go before everything", real_time, ROOT },
	{ "never-killed", "not be killed for memory", killer, HOST },
};
FAMILY(resources_family, RESOURCES, doors);
