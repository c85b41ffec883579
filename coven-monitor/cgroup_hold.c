/* The controllers of cgroups(7), version 2: turning them on, using them. */
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-monitor/cgroup.h"

#define NEEDED		(unsigned)(CGROUP_MEMORY | CGROUP_PIDS)
#define TRIES		64	/* one with a session */
#define PERIOD_US	UINT64_C(100000)

static const struct {
	const char	*name;
	unsigned	 bit;
} controllers[] = {
	{ "memory", CGROUP_MEMORY },
	{ "pids", CGROUP_PIDS },
	{ "cpu", CGROUP_CPU },
	{ "io", CGROUP_IO },
};

static bool
read_at(int dir, const char *name, char *text, size_t size)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, size - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* --- turning them on ---------------------------------------------------- */

/* "cpu io memory pids": words that we know, as bits. */
static unsigned
read_words(int dir, const char *name)
{
	char text[1024], *save = NULL, *word;
	unsigned bits = 0;
	size_t i;

	if (!read_at(dir, name, text, sizeof(text)))
		return 0;
	for (word = strtok_r(text, " \n", &save); word != NULL;
	    word = strtok_r(NULL, " \n", &save))
		for (i = 0; i < nitems(controllers); i++)
			if (strcmp(word, controllers[i].name) == 0)
				bits |= controllers[i].bit;
	return bits;
}

/*
 * One by one, so that one that is refused does not cost the others.  Those
 * that were not.
 */
static unsigned
turn(int dir, char sign, unsigned bits)
{
	unsigned done = 0;
	char word[32];
	size_t i;
	int r;

	for (i = 0; i < nitems(controllers); i++) {
		if ((bits & controllers[i].bit) == 0)
			continue;
		(void)snprintf(word, sizeof(word), "%c%s", sign,
		    controllers[i].name);
		r = cgroup_write(dir, "cgroup.subtree_control", word);
		if (r == 0)
			done |= controllers[i].bit;
		else
			log_debug("cgroup: %s: %s", word, strerror(-r));
	}
	return done;
}

static int
move_to(int dir)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	return cgroup_write(dir, "cgroup.procs", text);
}

static void
leaf_name(const struct cgroup *g, char out[CGROUP2_NAME_MAX + 8])
{
	(void)snprintf(out, CGROUP2_NAME_MAX + 8, "%s-roles", g->name);
}

static int
enter_leaf(struct cgroup *g)
{
	char name[CGROUP2_NAME_MAX + 8];
	autoclose int leaf = -1;
	int r;

	if (g->leaf)
		return 0;
	leaf_name(g, name);
	if (mkdirat(g->parent, name, 0755) == -1 && errno != EEXIST)
		return -errno;
	leaf = openat(g->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	if (leaf == -1)
		return -errno;
	r = move_to(leaf);
	if (r < 0)
		(void)unlinkat(g->parent, name, AT_REMOVEDIR);
	else
		g->leaf = true;
	return r;
}

void
cgroup_delegate(struct cgroup *g)
{
	unsigned offered;
	int r;

	if (g->dir == -1 || g->controllers != 0 || g->tries == TRIES)
		return;
	offered = read_words(g->parent, "cgroup.controllers");
	if ((offered & NEEDED) != NEEDED) {
		g->tries = TRIES;
		return;
	}
	g->tries++;
	r = enter_leaf(g);
	if (r < 0) {
		log_debug("cgroup %s: move into a leaf: %s", g->name,
		    strerror(-r));
		return;
	}
	offered = turn(g->parent, '+', offered);
	if ((offered & NEEDED) == NEEDED)
		offered = turn(g->dir, '+', offered);
	if ((offered & NEEDED) == NEEDED) {
		g->controllers = offered;
		log_info("cgroup %s: sessions are held to their limits by "
		    "cgroups", g->name);
	}
}

/* As it was before; the folder of the sessions is gone already. */
void
cgroup_undelegate(struct cgroup *g)
{
	char name[CGROUP2_NAME_MAX + 8];
	int r;

	if (!g->leaf)
		return;
	(void)turn(g->parent, '-', g->controllers);
	g->controllers = 0;
	g->leaf = false;
	r = move_to(g->parent);
	leaf_name(g, name);
	if (r == 0 && unlinkat(g->parent, name, AT_REMOVEDIR) == -1)
		r = -errno;
	if (r < 0)
		log_warn("cgroup %s: remove it: %s", name, strerror(-r));
}

/* --- one session -------------------------------------------------------- */

/* io.max speaks of whole disks: the one that a partition is of. */
static bool
disk_of(dev_t dev, unsigned *major_, unsigned *minor_)
{
	char path[96], text[64], *end;
	unsigned long number;

	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/partition",
	    major(dev), minor(dev));
	(void)snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%sdev",
	    major(dev), minor(dev), access(path, F_OK) == 0 ? "../" : "");
	if (!read_at(AT_FDCWD, path, text, sizeof(text)))
		return false;
	number = strtoul(text, &end, 10);
	if (*end != ':')
		return false;
	*major_ = (unsigned)number;
	*minor_ = (unsigned)strtoul(end + 1, NULL, 10);
	return true;
}

struct hold {
	const struct bounds	*bounds;
	dev_t			 disk;
};

static int
say_memory(int dir, const struct hold *h)
{
	char text[32];
	int r;

	(void)snprintf(text, sizeof(text), "%ju",
	    (uintmax_t)h->bounds->memory_mib << 20);
	r = cgroup_write(dir, "memory.max", text);
	if (r < 0)
		return r;
	/* Where there is no swap there is no such file. */
	r = cgroup_write(dir, "memory.swap.max", "0");
	if (r < 0 && r != -ENOENT)
		return r;
	/* All of it or none: half a session would be no better off. */
	return cgroup_write(dir, "memory.oom.group", "1");
}

static int
say_pids(int dir, const struct hold *h)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%u", h->bounds->processes);
	return cgroup_write(dir, "pids.max", text);
}

static int
say_cpu(int dir, const struct hold *h)
{
	char text[64];

	if (h->bounds->cpu_percent == 0)
		return 0;
	(void)snprintf(text, sizeof(text), "%ju %ju",
	    (uintmax_t)(h->bounds->cpu_percent * PERIOD_US / 100),
	    (uintmax_t)PERIOD_US);
	return cgroup_write(dir, "cpu.max", text);
}

static int
say_io(int dir, const struct hold *h)
{
	uintmax_t bytes = (uintmax_t)h->bounds->io_mib_s << 20;
	unsigned disk_major, disk_minor;
	char text[128];

	if (bytes == 0)
		return 0;
	if (!disk_of(h->disk, &disk_major, &disk_minor))
		return -ENODEV;
	(void)snprintf(text, sizeof(text), "%u:%u rbps=%ju wbps=%ju",
	    disk_major, disk_minor, bytes, bytes);
	return cgroup_write(dir, "io.max", text);
}

static const struct {
	unsigned	 bit;
	int		(*say)(int, const struct hold *);
	const char	*what;
} holds[] = {
	{ CGROUP_MEMORY, say_memory, "memory" },
	{ CGROUP_PIDS, say_pids, "processes" },
	{ CGROUP_CPU, say_cpu, "processor time" },
	{ CGROUP_IO, say_io, "reads and writes" },
};

static int
open_one(const struct cgroup *g, unsigned number)
{
	char name[32];

	if (g->dir == -1 || number == 0)
		return -1;
	(void)snprintf(name, sizeof(name), "s%u", number);
	return openat(g->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
}

unsigned
cgroup_hold(const struct cgroup *g, unsigned number, const struct bounds *b,
    dev_t disk)
{
	struct hold h = { b, disk };
	autoclose int dir = -1;
	unsigned held = 0;
	size_t i;
	int r;

	if (g->controllers == 0 || (dir = open_one(g, number)) == -1)
		return 0;
	for (i = 0; i < nitems(holds); i++) {
		if ((g->controllers & holds[i].bit) == 0)
			continue;
		r = holds[i].say(dir, &h);
		if (r == 0)
			held |= holds[i].bit;
		else
			log_warn("cgroup %s: %s of a session: %s", g->name,
			    holds[i].what, strerror(-r));
	}
	return held;
}

bool
cgroup_oom(const struct cgroup *g, unsigned number)
{
	autoclose int dir = open_one(g, number);
	char text[512], *at;

	if (dir == -1 || !read_at(dir, "memory.events", text, sizeof(text)))
		return false;
	at = strstr(text, "oom_kill ");
	return at != NULL && strtoul(at + strlen("oom_kill "), NULL, 10) != 0;
}
