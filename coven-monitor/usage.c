#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-monitor/session.h"
#include "coven-monitor/usage.h"

/* Up to size - 1 bytes of a small file and a NUL; -1 when there is none. */
static ssize_t
read_small(int dir, const char *name, char *text, size_t size)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, size - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	return n;
}

/* --- one process -------------------------------------------------------- */

/* Fields of proc_pid_stat(5), by their number there. */
enum { PARENT = 4, USER = 14, SYSTEM = 15, GONE_USER = 16, GONE_SYSTEM = 17,
    START = 22, RSS = 24 };

/* The name is in parentheses and may hold any byte. */
int
usage_parse_stat(const char *text, struct proc_stat *out)
{
	const char *p = strrchr(text, ')');
	long long v[RSS + 1];
	char *end;
	int i;

	if (p == NULL || p[1] != ' ' || p[2] == '\0')
		return -EPROTO;
	p += 3;			/* behind the state, field 3 */
	for (i = PARENT; i <= RSS; i++, p = end) {
		v[i] = strtoll(p, &end, 10);
		if (end == p)
			return -EPROTO;
	}
	*out = (struct proc_stat){ .parent = (int)v[PARENT],
	    .start_ticks = (uint64_t)v[START],
	    .rss_pages = (uint64_t)v[RSS],
	    .ticks = (uint64_t)v[USER] + (uint64_t)v[SYSTEM] +
	    (v[GONE_USER] > 0 ? (uint64_t)v[GONE_USER] : 0) +
	    (v[GONE_SYSTEM] > 0 ? (uint64_t)v[GONE_SYSTEM] : 0) };
	return 0;
}

struct walk {
	pid_t		 pids[LIMIT_USAGE_PROCESSES];
	pid_t		 parents[LIMIT_USAGE_PROCESSES];
	size_t		 n;
	unsigned	 tasks;		/* looked at */
	bool		 capped;
};

static void
add_children(struct walk *w, pid_t parent, char *text)
{
	char *save = NULL, *word;

	for (word = strtok_r(text, " \n", &save); word != NULL;
	    word = strtok_r(NULL, " \n", &save)) {
		if (w->n == nitems(w->pids)) {
			w->capped = true;
			return;
		}
		w->parents[w->n] = parent;
		w->pids[w->n++] = (pid_t)strtol(word, NULL, 10);
	}
}

/* Each thread has children of its own; proc_tid_children(5). */
static void
find_children(struct walk *w, pid_t pid)
{
	char path[64], name[300], text[4096];
	struct dirent *e;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (w->tasks++ == LIMIT_USAGE_TASKS) {
			w->capped = true;
			break;
		}
		(void)snprintf(name, sizeof(name), "%s/children", e->d_name);
		if (read_small(dirfd(d), name, text, sizeof(text)) > 0)
			add_children(w, pid, text);
	}
	if (d != NULL)
		(void)closedir(d);
}

/* A number that was given to another in the meantime has another parent. */
static bool
add_process(struct usage *u, pid_t pid, pid_t parent)
{
	char path[64], text[1024];
	struct proc_stat ps;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	if (read_small(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    usage_parse_stat(text, &ps) != 0 ||
	    (parent != 0 && ps.parent != parent))
		return false;
	u->cpu_us += ps.ticks * 1000000 / (uint64_t)sysconf(_SC_CLK_TCK);
	u->memory += ps.rss_pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

static void
read_processes(pid_t init, struct usage *u)
{
	struct walk w = { .n = 0 };
	struct usage of_init = { 0 };
	size_t i;

	/* What it waited for is the payload's; what it is itself, is not. */
	if (add_process(&of_init, init, 0))
		u->cpu_us += of_init.cpu_us;
	find_children(&w, init);
	for (i = 0; i < w.n; i++) {
		if (!add_process(u, w.pids[i], w.parents[i]))
			continue;
		u->processes++;
		find_children(&w, w.pids[i]);
	}
	u->capped = w.capped;
	u->shared = true;
}

/* --- a cgroup ----------------------------------------------------------- */

static bool
read_number(int dir, const char *name, uint64_t *out)
{
	char text[64], *end;
	unsigned long long v;

	if (read_small(dir, name, text, sizeof(text)) <= 0)
		return false;
	v = strtoull(text, &end, 10);
	if (end == text)
		return false;
	*out = v;
	return true;
}

static bool
read_cpu(int dir, const char *name, uint64_t *out)
{
	char text[1024], *at;

	if (read_small(dir, name, text, sizeof(text)) <= 0 ||
	    (at = strstr(text, "usage_usec ")) == NULL)
		return false;
	*out = strtoull(at + strlen("usage_usec "), NULL, 10);
	return true;
}

/* The parts that its controllers keep replace what processes add up to. */
static void
read_cgroup(const struct cgroup *g, unsigned number, struct usage *u)
{
	char name[64];

	if (g->dir == -1 || number == 0)
		return;
	(void)snprintf(name, sizeof(name), "s%u/cpu.stat", number);
	(void)read_cpu(g->dir, name, &u->cpu_us);
	(void)snprintf(name, sizeof(name), "s%u/memory.current", number);
	if (read_number(g->dir, name, &u->memory))
		u->shared = false;
}

bool
usage_read(const struct session *s, struct usage *u)
{
	*u = (struct usage){ 0 };
	if (s->state != SESSION_RUNNING || s->pair->init.pid <= 0)
		return false;
	read_processes(s->pair->init.pid, u);
	read_cgroup(&s->monitor->cgroup, s->pair->init.cgroup, u);
	return true;
}
