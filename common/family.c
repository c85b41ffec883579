#include <sys/prctl.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/family.h"
#include "common/mem.h"

#define PASSES		64	/* of one family_end */
#define PAUSE_NS	200000	/* for those that are ending */
#define MINE		"/proc/thread-self/children"

/* Numbers of a children file, as many as fit; -errno. */
static ssize_t
read_children(int dir, const char *name, pid_t *out, size_t max)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	char text[4096], *p = text, *end;
	size_t n = 0;
	ssize_t got = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;

	if (got < 0)
		return -errno;
	text[got] = '\0';
	/* Each has a space behind it; a number that was cut has not. */
	for (; n < max && *p != '\0'; p = end + 1) {
		long v = strtol(p, &end, 10);

		if (end == p || *end != ' ')
			break;
		out[n++] = (pid_t)v;
	}
	return (ssize_t)n;
}

int
family_adopt(void)
{
	if (access(MINE, R_OK) == -1)
		return -errno;
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1 ? -errno : 0;
}

/* They are ours and not reaped yet, so the numbers are still theirs. */
static int
end_some(bool (*keep)(void *, pid_t), void *ctx)
{
	pid_t pids[512];
	ssize_t n = read_children(AT_FDCWD, MINE, pids, nitems(pids)), i;
	int left = 0;

	for (i = 0; i < n; i++) {
		if (keep != NULL && keep(ctx, pids[i]))
			continue;
		(void)kill(pids[i], SIGKILL);
		(void)waitpid(pids[i], NULL, WNOHANG | __WALL);
		left = 1;
	}
	return n < 0 ? (int)n : left;
}

int
family_end(bool (*keep)(void *, pid_t), void *ctx)
{
	const struct timespec pause = { .tv_nsec = PAUSE_NS };
	int i, r = 1;

	/* Faster than they fork: what was killed forks no more. */
	for (i = 0; r == 1 && i < PASSES; i++) {
		r = end_some(keep, ctx);
		if (r == 1 && i > PASSES / 2)
			(void)nanosleep(&pause, NULL);
	}
	return r;
}

/* Every thread has children of its own. */
static size_t
add_children(pid_t pid, pid_t *out, size_t max)
{
	char path[64], name[300];
	struct dirent *e;
	size_t n = 0;
	ssize_t got;
	DIR *d;

	(void)snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/children", e->d_name);
		got = read_children(dirfd(d), name, out + n, max - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (d != NULL)
		(void)closedir(d);
	return n;
}

size_t
family_list(pid_t pid, pid_t *out, size_t max)
{
	size_t n = add_children(pid, out, max), i;

	for (i = 0; i < n; i++)
		n += add_children(out[i], out + n, max - n);
	return n;
}
