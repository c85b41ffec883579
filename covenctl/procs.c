#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/procs.h"

static void
take_line(struct proc *p, const char *name, const char *value)
{
	const char *ns;

	if (strcmp(name, "Name") == 0)
		(void)snprintf(p->name, sizeof(p->name), "%.31s", value);
	else if (strcmp(name, "PPid") == 0)
		p->parent = (pid_t)strtol(value, NULL, 10);
	else if (strcmp(name, "NSpid") == 0 &&
	    (ns = strrchr(value, '\t')) != NULL)
		p->first = strcmp(ns, "\t1") == 0;
	else if (strcmp(name, "Uid") == 0)
		p->uid = (uid_t)strtoul(value, NULL, 10);
	else if (strcmp(name, "State") == 0)
		p->zombie = value[0] == 'Z';
	else if (strcmp(name, "NoNewPrivs") == 0)
		p->no_new_privs = strcmp(value, "1") == 0;
	else if (strcmp(name, "Seccomp") == 0)
		p->seccomp = (unsigned)strtoul(value, NULL, 10);
	else if (strcmp(name, "CapPrm") == 0)
		p->permitted = strtoull(value, NULL, 16);
	else if (strcmp(name, "CapEff") == 0)
		p->effective = strtoull(value, NULL, 16);
	else if (strcmp(name, "CapAmb") == 0)
		p->ambient = strtoull(value, NULL, 16);
}

bool
proc_read(pid_t pid, struct proc *p)
{
	char path[64], line[512], *colon;
	FILE *f;

	*p = (struct proc){ .pid = pid, .parent = -1 };
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		colon = strchr(line, ':');
		if (colon == NULL || colon[1] != '\t')
			continue;
		*colon = '\0';
		take_line(p, line, colon + 2);
	}
	(void)fclose(f);
	return p->parent != -1;
}

/* Calls take with every number in /proc until it says so. */
static void
each_pid(bool (*take)(void *, pid_t), void *to)
{
	DIR *d = opendir("/proc");
	struct dirent *e;
	long pid;

	while (d != NULL && (e = readdir(d)) != NULL) {
		pid = strtol(e->d_name, NULL, 10);
		if (pid > 0 && !take(to, (pid_t)pid))
			break;
	}
	if (d != NULL)
		(void)closedir(d);
}

struct children {
	pid_t	parent;
	void	(*take)(void *, const struct proc *);
	void	*to;
};

static bool
take_child(void *ctx, pid_t pid)
{
	struct children *c = ctx;
	struct proc p;

	if (proc_read(pid, &p) && p.parent == c->parent)
		c->take(c->to, &p);
	return true;
}

void
proc_children(pid_t parent, void (*take)(void *, const struct proc *),
    void *to)
{
	struct children c = { parent, take, to };

	each_pid(take_child, &c);
}

bool
proc_own_userns(pid_t pid)
{
	char path[64], text[128] = "", *at;
	unsigned inside, outside, count;
	autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return false;
	/* "0 0 4294967295" is the host's; any other maps less. */
	inside = (unsigned)strtoul(text, &at, 10);
	outside = (unsigned)strtoul(at, &at, 10);
	count = (unsigned)strtoul(at, NULL, 10);
	return inside != 0 || outside != 0 || count != ~0u;
}

bool
proc_is_init(const struct proc *p)
{
	/* Without namespaces it is no PID 1; it holds nothing then. */
	return (p->first || p->no_new_privs) &&
	    strcmp(p->name, "coven-init") == 0;
}

/* The last thing an init does for a session is to give its powers up. */
bool
proc_has_session(const struct proc *p)
{
	return proc_is_init(p) && p->effective == 0;
}

struct marked {
	const char	*mark;
	pid_t		 found;
};

static bool
take_marked(void *ctx, pid_t pid)
{
	struct marked *m = ctx;
	char path[64], line[4096];
	autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd != -1 ? read(fd, line, sizeof(line)) : -1;
	if (n <= 0 || memmem(line, (size_t)n, m->mark,
	    strlen(m->mark)) == NULL)
		return true;
	m->found = pid;
	return false;
}

pid_t
proc_with_mark(const char *mark)
{
	struct marked m = { mark, 0 };

	each_pid(take_marked, &m);
	return m.found;
}
