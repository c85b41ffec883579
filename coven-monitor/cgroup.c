#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/cgroup.h"

#define KILL_TRIES	50	/* of 10 ms, until what was killed is gone */

int
cgroup_write(int dir, const char *name, const char *text)
{
	autoclose int fd = openat(dir, name, O_WRONLY | O_CLOEXEC);
	ssize_t n = (ssize_t)strlen(text);

	if (fd == -1)
		return -errno;
	return write(fd, text, (size_t)n) == n ? 0 : -errno;
}

/* Every session's, those of an earlier life too. */
static unsigned
sweep(struct cgroup *g)
{
	autoclose int fd = openat(g->dir, ".", O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *e;
	unsigned left = 0;

	if (d == NULL)
		return 0;
	(void)mem_steal_fd(&fd);
	while ((e = readdir(d)) != NULL)
		if (e->d_type == DT_DIR && e->d_name[0] == 's' &&
		    unlinkat(g->dir, e->d_name, AT_REMOVEDIR) == -1)
			left++;
	(void)closedir(d);
	return left;
}

/* Nothing in it is to live on: an earlier life's, or our own at the end. */
static void
clear(struct cgroup *g)
{
	int r = cgroup_write(g->dir, "cgroup.kill", "1");

	if (r < 0 && r != -ENOENT)	/* before Linux 5.14 there is none */
		log_warn("cgroup %s: kill what is left: %s", g->name,
		    strerror(-r));
	for (int i = 0; i < KILL_TRIES && sweep(g) != 0; i++)
		(void)poll(NULL, 0, 10);
}

/*
 * The tree's own root is read-only by mode: root may make a folder there but,
 * having given up its rights, not remove it.  Nobody is given the root.
 */
static int
open_own(char own[PATH_MAX])
{
	autoclose int fd = -1;
	struct stat st;
	int r = cgroup2_own(own);

	if (r < 0)
		return r;
	fd = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1)
		return -errno;
	return (st.st_mode & S_IWUSR) != 0 ? mem_steal_fd(&fd) : -EROFS;
}

void
cgroup_open(struct cgroup *g, const struct stat *home, uid_t owner)
{
	char own[PATH_MAX];
	bool fresh;

	g->dir = -1;
	cgroup2_name(home, g->name);
	g->parent = open_own(own);
	if (g->parent < 0)
		return;
	fresh = mkdirat(g->parent, g->name, 0755) == 0;
	if (fresh || errno == EEXIST)
		g->dir = openat(g->parent, g->name, O_RDONLY | O_DIRECTORY |
		    O_NOFOLLOW | O_CLOEXEC);
	if (g->dir == -1) {
		log_debug("cgroup %s: %s: sessions get none", own,
		    strerror(errno));
		mem_close(&g->parent);
		return;
	}
	/*
	 * Our umask is not the tree's; the owner must get to cgroup.kill, and
	 * so must we, by root's group, when no right overrides a mode.
	 */
	if (fchmod(g->dir, 0755) == -1 || (owner != geteuid() &&
	    (fchmodat(g->dir, "cgroup.kill", 0220, 0) == -1 ||
	    fchownat(g->dir, "cgroup.kill", owner, 0, 0) == -1)))
		log_warn("cgroup %s: its owner cannot end it: %s", g->name,
		    strerror(errno));
	if (!fresh)
		clear(g);
	cgroup_delegate(g);
}

unsigned
cgroup_add(struct cgroup *g, pid_t pid)
{
	char name[32], procs[64], text[32];
	int r = 0;

	if (g->dir == -1)
		return 0;
	cgroup_delegate(g);
	(void)snprintf(name, sizeof(name), "s%u", ++g->last);
	(void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", name);
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	if (mkdirat(g->dir, name, 0755) == -1 ||
	    fchmodat(g->dir, name, 0755, 0) == -1)
		r = -errno;
	if (r == 0)
		r = cgroup_write(g->dir, procs, text);
	if (r == 0)
		return g->last;
	(void)unlinkat(g->dir, name, AT_REMOVEDIR);
	log_warn("cgroup %s: a session gets none: %s", g->name,
	    strerror(-r));
	return 0;
}

void
cgroup_remove(struct cgroup *g, unsigned number)
{
	char name[32];

	if (number == 0 || g->dir == -1)
		return;
	(void)snprintf(name, sizeof(name), "s%u", number);
	/* Not empty for a moment longer: with the next, or at the end. */
	if (unlinkat(g->dir, name, AT_REMOVEDIR) == -1 && errno == EBUSY)
		g->left++;
	else if (g->left != 0)
		g->left = sweep(g);
}

void
cgroup_close(struct cgroup *g)
{
	if (g->dir == -1)
		return;
	clear(g);
	if (unlinkat(g->parent, g->name, AT_REMOVEDIR) == -1)
		log_warn("cgroup %s: remove it: %s", g->name,
		    strerror(errno));
	cgroup_undelegate(g);
	mem_close(&g->dir);
	mem_close(&g->parent);
}
