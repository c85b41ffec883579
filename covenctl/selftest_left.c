/*
 * selftest: what a session leaves.  A program in it detaches twice, turns
 * deaf and makes whatever others could find; then the session ends.  The same
 * program is run outside, where all of it must be found, or finding nothing
 * shows nothing.
 */
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/procs.h"
#include "covenctl/selftest.h"

#define GONE_MS		2000	/* for the kernel to end a session's tree */

/* What one run of it goes by. */
struct remains {
	char	mark[64];
	char	key[32];
	key_t	number;
	char	project[80];
};

static bool
listed(const char *path, const char *mark)
{
	FILE *f = fopen(path, "re");
	char line[1024];
	bool found = false;

	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL)
		found = strstr(line, mark) != NULL;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static bool
exists(const char *before, const struct remains *r, const char *after)
{
	char path[160];

	(void)snprintf(path, sizeof(path), "%s%s%s", before, r->mark, after);
	return access(path, F_OK) == 0;
}

static bool
process(const struct remains *r)
{
	return proc_with_mark(r->mark) != 0;
}

static bool
tmp_file(const struct remains *r)
{
	return exists("/tmp/", r, "");
}

static bool
fifo(const struct remains *r)
{
	return exists("/tmp/", r, ".fifo");
}

static bool
shm_file(const struct remains *r)
{
	return exists("/dev/shm/", r, "");
}

static bool
segment(const struct remains *r)
{
	return shmget(r->number, 0, 0) != -1;
}

static bool
queue(const struct remains *r)
{
	return msgget(r->number, 0) != -1;
}

static bool
semaphore(const struct remains *r)
{
	return semget(r->number, 0, 0) != -1;
}

static bool
posix_queue(const struct remains *r)
{
	char name[80];
	mqd_t q;

	(void)snprintf(name, sizeof(name), "/%s", r->mark);
	q = mq_open(name, O_RDONLY | O_CLOEXEC);
	if (q != (mqd_t)-1)
		(void)mq_close(q);
	return q != (mqd_t)-1;
}

static bool
abstract(const struct remains *r)
{
	return listed("/proc/net/unix", r->mark);
}

static bool
mount_point(const struct remains *r)
{
	return listed("/proc/self/mountinfo", r->project);
}

/* Held by a mount, it outlives its processes. */
static bool
namespace(const struct remains *r)
{
	(void)r;
	return listed("/proc/self/mountinfo", " - nsfs ");
}

static const struct {
	const char	*name, *what;
	bool		(*there)(const struct remains *);
	bool		 control;	/* the program makes one */
} looks[] = {
	{ "process", "a process that outlives its session", process, true },
	{ "tmp-file", "a file in the host's /tmp", tmp_file, true },
	{ "fifo", "a FIFO in the host's /tmp", fifo, true },
	{ "shm-file", "a file in the host's /dev/shm", shm_file, true },
	{ "segment", "a segment of shared memory", segment, true },
	{ "queue", "a message queue", queue, true },
	{ "semaphore", "a semaphore", semaphore, true },
	{ "posix-queue", "a message queue with a name", posix_queue, true },
	{ "abstract", "an abstract socket", abstract, true },
	{ "mount", "a mount", mount_point, false },
	{ "namespace", "a namespace that a mount holds", namespace, false },
};

static void
outlive_args(const struct world *w, const struct remains *r, struct args *a)
{
	selftest_arg(a, w->probe);
	selftest_arg(a, "outlive");
	selftest_arg(a, r->mark);
	selftest_arg(a, r->key);
}

static void
name_remains(struct remains *r, const struct world *w, const char *mark,
    int high)
{
	*r = (struct remains){ .number = (key_t)((int)getpid() | high) };
	(void)snprintf(r->mark, sizeof(r->mark), "coven-%s-%d", mark,
	    (int)getpid());
	(void)snprintf(r->key, sizeof(r->key), "%d", (int)r->number);
	(void)snprintf(r->project, sizeof(r->project), "%s", w->project);
}

static void
inside(struct selftest *s, struct world *w)
{
	autobuf struct buf b = { 0 };
	struct args a = { .n = 0 };
	struct remains r;

	name_remains(&r, w, "left", 0x44000000);
	selftest_session(s, w, &a);
	outlive_args(w, &r, &a);
	if (selftest_run(&a, w, &b, NULL, s) != 0)
		return;
	/* Ours names it as well, in its arguments: that one has ended. */
	for (int ms = 0; ms < GONE_MS && process(&r); ms += 10)
		(void)poll(NULL, 0, 10);
	for (size_t i = 0; i < nitems(looks); i++) {
		struct door_row *d = selftest_door(s, "leftovers",
		    looks[i].name);
		bool there = looks[i].there(&r);

		if (d == NULL)
			continue;
		d->inside = there ? RESULT_OPEN : RESULT_BLOCKED;
		(void)snprintf(d->how, sizeof(d->how), "%s", there ? "left" :
		    "gone");
		(void)snprintf(d->what, sizeof(d->what), "%s",
		    looks[i].what);
	}
}

/* What the program made outside goes again. */
static void
clear(const struct remains *r)
{
	pid_t pid = proc_with_mark(r->mark);
	char path[160];

	if (pid > 0) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	(void)snprintf(path, sizeof(path), "/tmp/%s", r->mark);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "/tmp/%s.fifo", r->mark);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "/dev/shm/%s", r->mark);
	(void)unlink(path);
	(void)snprintf(path, sizeof(path), "/%s", r->mark);
	(void)mq_unlink(path);
	(void)shmctl(shmget(r->number, 0, 0), IPC_RMID, NULL);
	(void)msgctl(msgget(r->number, 0), IPC_RMID, NULL);
	(void)semctl(semget(r->number, 0, 0), 0, IPC_RMID);
}

static void
outside(struct selftest *s, struct world *w)
{
	autobuf struct buf b = { 0 };
	struct args a = { .n = 0 };
	struct remains r;

	/* Then what it leaves is ours to end. */
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		return;
	name_remains(&r, w, "stay", 0x45000000);
	outlive_args(w, &r, &a);
	if (selftest_run(&a, w, &b, NULL, s) == 0)
		for (size_t i = 0; i < nitems(looks); i++) {
			struct door_row *d = looks[i].control ?
			    selftest_door(s, "leftovers", looks[i].name) :
			    NULL;

			if (d != NULL)
				d->outside = looks[i].there(&r) ?
				    RESULT_OPEN : RESULT_BLOCKED;
		}
	clear(&r);
}

void
selftest_leftovers(struct selftest *s, struct world *w)
{
	inside(s, w);
	outside(s, w);
}
