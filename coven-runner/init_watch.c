/*
 * The watchdog of one session, where no cgroup counts for it: what its
 * processes hold, how many there are, and what its project's disk has left.
 *
 * It lives in PID 1, which sees exactly its own session's processes, has the
 * right to ask about them, and cannot be stopped, traced or killed by them.
 * It reads numbers of the kernel's, and of a payload's only the name in the
 * first line of a status file, which it passes over.
 */
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bounds.h"
#include "common/family.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"
#include "coven-runner/init_watch.h"

#define KIB	UINT64_C(1024)

/* --- numbers of files of /proc ------------------------------------------ */

static bool
read_small(int dir, const char *name, char *text, size_t size)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, size - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* "KEY:   number", at the start of a line that is not the first. */
uint64_t
watch_number(const char *text, const char *key)
{
	size_t n = strlen(key);
	const char *p;

	for (p = strchr(text, '\n'); p != NULL; p = strchr(p + 1, '\n'))
		if (strncmp(p + 1, key, n) == 0 && p[n + 1] == ':')
			return strtoull(p + n + 2, NULL, 10);
	return 0;
}

/*
 * At the least and at the most: what is shared is not known to be.  Page
 * tables are memory too: a page of them for 2 MiB of which one byte was read.
 */
static void
add_status(struct watch_seen *s, const char *text)
{
	s->threads += watch_number(text, "Threads");
	s->private_bytes += (watch_number(text, "RssAnon") +
	    watch_number(text, "VmSwap") + watch_number(text, "VmPTE")) * KIB;
	s->mapped += watch_number(text, "RssShmem") * KIB;
}

/* Each page once, divided among those that have it: slower to learn. */
static void
add_rollup(struct watch_seen *s, int proc, const char *pid)
{
	char path[300], text[4096], rollup[2048];

	(void)snprintf(path, sizeof(path), "%s/status", pid);
	(void)read_small(proc, path, text, sizeof(text));
	(void)snprintf(path, sizeof(path), "%s/smaps_rollup", pid);
	if (read_small(proc, path, rollup, sizeof(rollup))) {
		s->private_bytes += (watch_number(rollup, "Pss_Anon") +
		    watch_number(rollup, "SwapPss") +
		    watch_number(text, "VmPTE")) * KIB;
		s->mapped += watch_number(rollup, "Pss_Shmem") * KIB;
		return;
	}
	/* One that does not let itself be looked at counts in full. */
	add_status(s, text);
}

/* --- memory that is in no process --------------------------------------- */

struct memfds {
	struct { dev_t dev; ino_t ino; } v[LIMIT_WATCH_MEMFDS];
	size_t	 n;
	uint64_t bytes;
};

static void
add_memfd(struct memfds *m, const struct stat *st)
{
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->v[i].ino == st->st_ino && m->v[i].dev == st->st_dev)
			return;
	if (m->n < nitems(m->v)) {
		m->v[m->n].dev = st->st_dev;
		m->v[m->n++].ino = st->st_ino;
	}
	m->bytes += (uint64_t)st->st_blocks * 512;
}

static void
add_memfds(struct memfds *m, int proc, const char *pid)
{
	static const char is_memfd[] = "/memfd:";
	char path[300], link[sizeof(is_memfd)];
	struct dirent *e;
	struct stat st;
	int fd;
	DIR *d;

	(void)snprintf(path, sizeof(path), "%s/fd", pid);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd != -1 ? fdopendir(fd) : NULL;
	if (d == NULL)
		mem_close(&fd);
	while (d != NULL && (e = readdir(d)) != NULL)
		if (readlinkat(fd, e->d_name, link, sizeof(link) - 1) ==
		    (ssize_t)sizeof(link) - 1 &&
		    memcmp(link, is_memfd, sizeof(link) - 1) == 0 &&
		    fstatat(fd, e->d_name, &st, 0) == 0)
			add_memfd(m, &st);
	if (d != NULL)
		(void)closedir(d);
}

static uint64_t
tmpfs_used(const struct init *in)
{
	uint64_t bytes = 0;
	struct statfs fs;
	size_t i;

	for (i = 0; i < in->nmounts; i++)
		if (in->mounts[i].op == MOUNT_TMPFS &&
		    statfs(in->mounts[i].target, &fs) == 0)
			bytes += (fs.f_blocks - fs.f_bfree) *
			    (uint64_t)fs.f_bsize;
	if (statfs("/dev/shm", &fs) == 0)
		bytes += (fs.f_blocks - fs.f_bfree) * (uint64_t)fs.f_bsize;
	return bytes;
}

/* "key shmid perms size cpid lpid nattch uid gid cuid cgid a d c rss swap" */
uint64_t
watch_segments(const char *text)
{
	const char *line = strchr(text, '\n');
	uint64_t bytes = 0;
	char *end;
	int i;

	for (; line != NULL && line[1] != '\0'; line = strchr(line, '\n')) {
		unsigned long long v = 0, rss = 0;

		for (line++, i = 0; i < 16; i++, line = end) {
			v = strtoull(line, &end, 10);
			if (end == line)
				return bytes;
			if (i == 14)
				rss = v;
		}
		bytes += rss + v;
	}
	return bytes;
}

static uint64_t
segments(void)
{
	static char text[LIMIT_WATCH_SEGMENTS];
	autoclose int fd = open("/proc/sysvipc/shm", O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t n = 0;

	/* A page a read, whatever the room. */
	while (fd != -1 && have < sizeof(text) - 1 && (n = read(fd,
	    text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	text[have] = '\0';
	return watch_segments(text);
}

static uint64_t
shared_of_the_host(void)
{
	struct sysinfo si;

	return sysinfo(&si) == 0 ? (uint64_t)si.sharedram * si.mem_unit : 0;
}

/* --- looking ------------------------------------------------------------ */

static bool
is_pid(const char *name)
{
	return *name >= '1' && *name <= '9' &&
	    name[strspn(name, "0123456789")] == '\0';
}

/* memfds is NULL for a quick look. */
static void
look_at(struct watch_seen *s, int proc, const char *pid,
    struct memfds *memfds)
{
	char path[300], text[4096];

	if (memfds != NULL) {
		add_rollup(s, proc, pid);
		add_memfds(memfds, proc, pid);
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/status", pid);
	if (read_small(proc, path, text, sizeof(text)))
		add_status(s, text);
}

/* Without a pid namespace /proc has the host's as well. */
static void
look_alone(struct watch_seen *s, int proc, struct memfds *memfds)
{
	static pid_t pids[LIMIT_USAGE_PROCESSES];
	size_t n = family_list(getpid(), pids, nitems(pids)), i;
	char name[16];

	for (i = 0; i < n; i++) {
		(void)snprintf(name, sizeof(name), "%d", (int)pids[i]);
		look_at(s, proc, name, memfds);
	}
}

static void
look(const struct init *in, struct watch_seen *s, struct memfds *memfds)
{
	struct dirent *e;
	DIR *d = opendir("/proc");

	*s = (struct watch_seen){ 0 };
	if (d != NULL && in->alone)
		look_alone(s, dirfd(d), memfds);
	while (d != NULL && !in->alone && (e = readdir(d)) != NULL)
		if (is_pid(e->d_name))
			look_at(s, dirfd(d), e->d_name, memfds);
	if (d != NULL)
		(void)closedir(d);
}

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/*
 * A tmpfs that is mapped is in both sums, so the larger of them counts.  The
 * quick look is never too low: what the whole host shares has grown by no
 * less than what this session does.
 */
static bool
too_much_memory(struct init *in, const struct watch_seen *quick)
{
	static struct memfds memfds;
	struct init_watch *w = &in->watch;
	/* Alone it has no tmpfs and no segment. */
	uint64_t outside = in->alone ? 0 : tmpfs_used(in) + segments();
	uint64_t host = shared_of_the_host(), grown;
	struct watch_seen s;

	grown = host > w->shared ? host - w->shared : 0;
	w->memory_seen = quick->private_bytes + most(most(quick->mapped,
	    outside), grown);
	if (w->memory == 0 || w->memory_seen < w->memory)
		return false;
	memfds.n = 0;
	memfds.bytes = 0;
	look(in, &s, &memfds);
	w->memory_seen = s.private_bytes + most(s.mapped, outside +
	    memfds.bytes);
	return w->memory_seen >= w->memory;
}

static uint64_t
disk_free(const struct init *in)
{
	struct statfs fs;

	return statfs(in->project.target, &fs) == 0 ?
	    (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize : UINT64_MAX;
}

static enum bound
reached(struct init *in)
{
	struct init_watch *w = &in->watch;
	struct watch_seen s;

	if (w->disk_free != 0 && disk_free(in) < w->disk_free)
		return BOUND_DISK;
	if (w->memory == 0 && w->processes == 0)
		return BOUND_NONE;
	look(in, &s, NULL);
	w->threads_seen = s.threads;
	if (w->processes != 0 && s.threads >= w->processes)
		return BOUND_PROCESSES;
	return too_much_memory(in, &s) ? BOUND_MEMORY : BOUND_NONE;
}

/* The nearer it is, the sooner it is looked at again. */
static int64_t
pause_ms(const struct init_watch *w)
{
	if (w->memory_seen > w->memory / 4 ||
	    w->threads_seen > w->processes / 4)
		return LIMIT_WATCH_NEAR_MS;
	return LIMIT_WATCH_MS;
}

static void
on_watch(struct timer *t)
{
	struct init *in = t->ctx;
	enum bound limit = reached(in);

	if (limit == BOUND_NONE) {
		timer_start(in->loop, t, pause_ms(&in->watch));
		return;
	}
	log_info("end the session: its %s limit", bound_name(limit));
	in->limit = limit;
	/* Its own end follows, is waited for and says the reason. */
	init_kill_all(in);
}

void
init_watch_start(struct init *in)
{
	struct init_watch *w = &in->watch;

	w->shared = shared_of_the_host();
	/* What was short before is not this session's doing. */
	if (w->disk_free != 0 && disk_free(in) < w->disk_free)
		w->disk_free = 0;
	if (w->memory == 0 && w->processes == 0 && w->disk_free == 0)
		return;
	w->timer = (struct timer){ .cb = on_watch, .ctx = in };
	timer_start(in->loop, &w->timer, LIMIT_WATCH_NEAR_MS);
}

/*
 * Of a payload that has ended, by its own hand or the kernel's.  ru_maxrss is
 * in KiB and the largest of any process that it waited for.
 */
enum bound
init_watch_ended(const struct init *in, int status, uint64_t maxrss_kib)
{
	if (in->limit != BOUND_NONE)
		return in->limit;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)
		return BOUND_CPU;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ)
		return BOUND_FILE;
	if (in->data != 0 && in->watch.memory != 0 && status != 0 &&
	    maxrss_kib * KIB >= in->watch.memory)
		return BOUND_MEMORY;
	return BOUND_NONE;
}
