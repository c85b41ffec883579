/* Objects of the owner's that are in no file system, and shares of others. */
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

static int
semaphore(const struct targets *t)
{
	long key;

	return !target_number(t->semaphore, &key) ? DOOR_UNTRIED :
	    door(semget((key_t)key, 0, 0));
}

static int
posix_queue(const struct targets *t)
{
	return t->mqueue == NULL ? DOOR_UNTRIED :
	    door((long)mq_open(t->mqueue, O_RDWR));
}

static int
shared_file(const struct targets *t)
{
	return door_path(t->shmfile, O_RDWR);
}

/* Does /proc tell of segments that are not ours? */
static int
list_segments(const struct targets *t)
{
	FILE *f = fopen("/proc/sysvipc/shm", "re");
	char line[512];
	int lines = 0;

	(void)t;
	if (f == NULL)
		return errno;
	while (fgets(line, sizeof(line), f) != NULL)
		lines++;
	(void)fclose(f);
	return lines > 1 ? DOOR_OPEN : ENODATA;
}

static int
huge_segment(const struct targets *t)
{
	int id = shmget(IPC_PRIVATE, 2u << 20, IPC_CREAT | SHM_HUGETLB |
	    0600);

	(void)t;
	if (id == -1)
		return errno;
	(void)shmctl(id, IPC_RMID, NULL);
	return DOOR_OPEN;
}

static int
pipe_size(const struct targets *t)
{
	int p[2];

	(void)t;
	if (pipe2(p, O_CLOEXEC) == -1)
		return DOOR_UNTRIED;
	return door(fcntl(p[1], F_SETPIPE_SZ, 1 << 24));
}

/* First at the disk. */
static int
disk_first(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_ioprio_set, 1, 0, 1 << 13));
}

struct deadline {
	uint32_t	size, policy;
	uint64_t	flags;
	int32_t		nice;
	uint32_t	priority;
	uint64_t	runtime, deadline, period;
};

static int
deadline(const struct targets *t)
{
	struct deadline d = { .size = sizeof(d), .policy = 6,
	    .runtime = 1000000, .deadline = 10000000, .period = 10000000 };

	(void)t;
	return door(syscall(SYS_sched_setattr, 0, &d, 0));
}

DOOR_PATH(file_max, "/proc/sys/fs/file-max", O_WRONLY)
DOOR_PATH(pid_max, "/proc/sys/kernel/pid_max", O_WRONLY)
DOOR_PATH(shm_max, "/proc/sys/kernel/shmmax", O_WRONLY)
DOOR_PATH(queue_max, "/proc/sys/fs/mqueue/msg_max", O_WRONLY)
DOOR_PATH(pipe_max, "/proc/sys/fs/pipe-max-size", O_WRONLY)
DOOR_PATH(pressure, "/proc/pressure/memory", O_RDWR)
DOOR_PATH(memory_max, "/sys/fs/cgroup/memory.max", O_WRONLY)

static const struct door doors[] = {
	{ "semaphore", "find a semaphore of the owner's", semaphore, OWNER },
	{ "posix-queue", "open a queue of the owner's", posix_queue, OWNER },
	{ "shared-file", "open a file in the host's /dev/shm", shared_file,
	    OWNER },
	{ "list-segments", "list segments of others", list_segments, OWNER },
	{ "huge-segment", "take memory of large pages", huge_segment, HOST },
	{ "pipe-size", "a pipe above the limit", pipe_size, HOST },
	{ "disk-first", "go before others at the disk", disk_first, ROOT },
	{ "deadline", "reserve a processor", deadline, HOST },
	{ "file-max", "set how many files there are", file_max, ROOT },
	{ "pid-max", "set how many processes there are", pid_max, ROOT },
	{ "shm-max", "set how much memory is shared", shm_max, ROOT },
	{ "queue-max", "set how long queues are", queue_max, HOST },
	{ "pipe-max", "set how large pipes are", pipe_max, ROOT },
	{ "pressure", "have the kernel watch its memory", pressure, HOST },
	{ "memory-max", "set a limit of memory", memory_max, HOST },
};
FAMILY(objects_family, RESOURCES, doors);
