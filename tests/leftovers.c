/*
 * What does the suite leave behind?  One checker for every test.
 *
 *	leftovers snapshot FILE [--under DIR ...] [--tree PID]
 *	leftovers compare FILE [--under DIR ...] [--tree PID] [--wait MS]
 *	    [--ignore-pid PID ...] [--serving] [--common]
 *	leftovers guard CMD ARG ...
 *	leftovers tree PID NAME		pids of NAME that descend from PID
 *
 * A snapshot is a sorted list of lines: namespaces that some process is in or
 * holds, mounts, Unix sockets, cgroups, processes, what the suite's own
 * processes hold open, files.  compare prints what is there now and was not
 * then, and exits 1 if there is any; with --wait it looks again until nothing
 * is left or the time is up, since the kernel ends a tree after the process
 * that asked for it has gone on.
 *
 * With --serving the suite goes on, and what belongs to its spares, which are
 * no session's and come anew, is passed over.  --common adds what everybody on
 * the machine shares: public folders, objects of System V.
 *
 * On a machine where others work too, --under limits files and socket names
 * to these folders, and --tree processes and namespaces to the descendants of
 * PID.  guard makes that complete: it is a subreaper, so that whatever CMD
 * starts stays its descendant however often it forks; it runs CMD with
 * COVEN_GUARD set to its own id and at the end names and kills what is left
 * (exit 1 then, otherwise CMD's status).
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/net.h"

struct lines {
	char		**v;
	size_t		  n;
	size_t		  cap;
};

struct proc {
	pid_t		 pid;
	pid_t		 parent;
	char		 comm[64];
	char		 state;
};

#define NAMED_MAX	32

static struct {
	const char	*under[NAMED_MAX];
	size_t		 nunder;
	pid_t		 ignore[NAMED_MAX];
	size_t		 nignore;
	pid_t		 tree;
	int64_t		 wait_ms;
	int		 serving;
	int		 common;
} opt;

static struct lines found;
static struct proc *procs;
static size_t nprocs;

static void
add(struct lines *l, const char *kind, const char *value)
{
	char *line;

	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 1024 : l->cap * 2;
		l->v = reallocarray(l->v, l->cap, sizeof(*l->v));
		if (l->v == NULL)
			err(2, "reallocarray");
	}
	if (asprintf(&line, "%s\t%s", kind, value) == -1)
		err(2, "asprintf");
	l->v[l->n++] = line;
}

static int
by_text(const void *a, const void *b)
{
	return (strcmp(*(char *const *)a, *(char *const *)b));
}

static void
clear(struct lines *l)
{
	while (l->n > 0)
		free(l->v[--l->n]);
}

static int
below(const char *path)
{
	size_t i, len;

	for (i = 0; i < opt.nunder; i++) {
		len = strlen(opt.under[i]);
		if (strncmp(path, opt.under[i], len) == 0 &&
		    (path[len] == '/' || path[len] == '\0'))
			return (1);
	}
	return (opt.nunder == 0);
}

/* --- processes and their namespaces ------------------------------------ */

static int
read_proc(const char *name, struct proc *p)
{
	char path[288], line[512], *close_paren;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/stat", name);
	if ((f = fopen(path, "re")) == NULL)
		return (-1);
	if (fgets(line, sizeof(line), f) == NULL) {
		fclose(f);
		return (-1);
	}
	fclose(f);
	/* A name may hold spaces and parentheses: the last one ends it. */
	if ((close_paren = strrchr(line, ')')) == NULL)
		return (-1);
	*close_paren = '\0';
	p->pid = (pid_t)atol(line);
	snprintf(p->comm, sizeof(p->comm), "%s", strchr(line, '(') + 1);
	return (sscanf(close_paren + 1, " %c %d", &p->state, &p->parent) == 2 ?
	    0 : -1);
}

static void
read_procs(void)
{
	struct dirent *de;
	DIR *dir = opendir("/proc");

	if (dir == NULL)
		err(2, "/proc");
	nprocs = 0;
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] < '0' || de->d_name[0] > '9')
			continue;
		if (nprocs % 256 == 0) {
			procs = reallocarray(procs, nprocs + 256,
			    sizeof(*procs));
			if (procs == NULL)
				err(2, "reallocarray");
		}
		if (read_proc(de->d_name, &procs[nprocs]) == 0)
			nprocs++;
	}
	closedir(dir);
}

static const struct proc *
find_proc(pid_t pid)
{
	size_t i;

	for (i = 0; i < nprocs; i++)
		if (procs[i].pid == pid)
			return (&procs[i]);
	return (NULL);
}

static int
descends(const struct proc *p, pid_t from)
{
	int depth;

	for (depth = 0; p != NULL && depth < 64; depth++) {
		if (p->parent == from)
			return (1);
		p = find_proc(p->parent);
	}
	return (0);
}

/* This program, what it runs under, and what the caller named. */
static int
ignored(const struct proc *p)
{
	size_t i;

	for (i = 0; i < opt.nignore; i++)
		if (p->pid == opt.ignore[i])
			return (1);
	return (p->pid == getpid());
}

static const char *const kinds[] = { "user", "mnt", "pid", "net", "ipc", "uts",
    "cgroup", "time" };

static int
is_namespace(const char *target)
{
	size_t i, len;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		len = strlen(kinds[i]);
		if (strncmp(target, kinds[i], len) == 0 &&
		    strncmp(target + len, ":[", 2) == 0)
			return (1);
	}
	return (0);
}

/* A pair that waits for a session says so in its arguments. */
static int
is_spare(pid_t pid)
{
	char path[64], line[PATH_MAX];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (0);
	n = read(fd, line, sizeof(line));
	close(fd);
	return (n > 0 && memmem(line, (size_t)n, "\0spare ", 7) != NULL);
}

static int
passed_over(pid_t pid)
{
	return (opt.serving && is_spare(pid));
}

/*
 * What a process has open.  A namespace lives as long as somebody holds it;
 * of the suite's own processes everything counts, by kind and number, since
 * numbers of sockets and pipes are never the same.
 */
static void
add_descriptors(const struct proc *p)
{
	char path[64], target[PATH_MAX], text[PATH_MAX + 128];
	int ours = strncmp(p->comm, "coven-", 6) == 0;
	struct dirent *de;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)p->pid);
	if ((dir = opendir(path)) == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		n = readlinkat(dirfd(dir), de->d_name, target,
		    sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		/* While it serves, the suite holds its spares'. */
		if (is_namespace(target) && !(ours && opt.serving))
			add(&found, "namespace", target);
		target[strcspn(target, "[")] = '\0';
		if (strncmp(target, "/proc/", 6) == 0)
			target[5] = '\0';
		snprintf(text, sizeof(text), "%d %s %s", (int)p->pid, p->comm,
		    target);
		if (ours)
			add(&found, "descriptor", text);
	}
	closedir(dir);
}

static void
add_namespaces(const struct proc *p)
{
	char path[64], target[64], text[256];
	size_t i;
	ssize_t n;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)p->pid,
		    kinds[i]);
		if ((n = readlink(path, target, sizeof(target) - 1)) <= 0)
			continue;
		target[n] = '\0';
		snprintf(text, sizeof(text), "%s", target);
		add(&found, "namespace", text);
	}
}

static void
add_processes(void)
{
	char text[128];
	size_t i;

	read_procs();
	for (i = 0; i < nprocs; i++) {
		const struct proc *p = &procs[i];
		int ours = strncmp(p->comm, "coven-", 6) == 0;

		if (ignored(p) || (opt.tree != 0 && !descends(p, opt.tree)))
			continue;
		if (passed_over(p->pid))
			continue;
		add_namespaces(p);
		add_descriptors(p);
		/*
		 * Within a tree everything counts: what stays is the caller's
		 * own, which is in its snapshot, or a leak.
		 */
		if (!ours && opt.tree == 0)
			continue;
		snprintf(text, sizeof(text), "%d %s%s", (int)p->pid, p->comm,
		    p->state == 'Z' ? " (zombie)" : "");
		add(&found, "process", text);
	}
}

/* --- mounts, sockets, cgroups, files ------------------------------------ */

/* Every line of a /proc file, handed on without its newline. */
static void
each_line(const char *path, void (*take)(char *line))
{
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	FILE *f = fopen(path, "re");

	if (f == NULL)
		return;
	while ((n = getline(&line, &cap, f)) > 0) {
		line[strcspn(line, "\n")] = '\0';
		take(line);
	}
	free(line);
	fclose(f);
}

static void
take_mount(char *line)
{
	char target[PATH_MAX];

	if (sscanf(line, "%*s %*s %*s %*s %4095s", target) == 1)
		add(&found, "mount", target);
}

static void
take_socket(char *line)
{
	char *name = strpbrk(line, "/@");

	if (name == NULL)
		return;
	/* An abstract one lives as long as a process: a tree has counted it. */
	if (name[0] == '/' ? below(name) : opt.tree == 0 &&
	    (opt.nunder == 0 || strstr(name, "coven") != NULL))
		add(&found, "socket", name);
}

/*
 * The folder of a home's sessions is named for the home's device and inode
 * (common/cgroup2.c); of others who test here, it is none of ours.
 */
static int
cgroup_below(const char *path)
{
	char name[64];
	struct stat st;
	size_t i;

	for (i = 0; i < opt.nunder; i++) {
		if (stat(opt.under[i], &st) == -1)
			continue;
		snprintf(name, sizeof(name), "/coven-%jx-%jx",
		    (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
		if (strstr(path, name) != NULL)
			return (1);
	}
	return (opt.nunder == 0);
}

static int
spares_cgroup(const char *path)
{
	char name[PATH_MAX];
	int pid = 0;
	FILE *f;

	if (!opt.serving || snprintf(name, sizeof(name), "%s/cgroup.procs",
	    path) >= (int)sizeof(name) || (f = fopen(name, "re")) == NULL)
		return (0);
	if (fscanf(f, "%d", &pid) != 1)
		pid = 0;
	fclose(f);
	return (pid != 0 && is_spare(pid));
}

static int
take_cgroup(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_D && cgroup_below(path) && !spares_cgroup(path))
		add(&found, "cgroup", path);
	return (0);
}

/* "key id perms ...": each object by its name and owner. */
static const char *ipc_kind;

static void
take_ipc(char *line)
{
	long key, id;
	char text[64];

	if (sscanf(line, "%ld %ld", &key, &id) != 2)
		return;
	snprintf(text, sizeof(text), "%s %ld %ld", ipc_kind, key, id);
	add(&found, "ipc", text);
}

static void
add_ipc(void)
{
	static const char *const names[] = { "shm", "msg", "sem" };
	char path[64];
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		ipc_kind = names[i];
		snprintf(path, sizeof(path), "/proc/sysvipc/%s", names[i]);
		each_line(path, take_ipc);
	}
}

/*
 * Where everybody writes, by who wrote: root's and the tester's are not a
 * session's, nor are the folders that tests work in.
 */
static void
add_public(const char *where)
{
	DIR *dir = opendir(where);
	struct dirent *de;
	struct stat st;
	char path[PATH_MAX];

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		if (strncmp(de->d_name, "coven-it.", 9) == 0 ||
		    strncmp(de->d_name, "coven-suite.", 12) == 0 ||
		    strncmp(de->d_name, "coven-selftest", 14) == 0 ||
		    strcmp(de->d_name, "..") == 0 ||
		    fstatat(dirfd(dir), de->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) == -1 || st.st_uid == 0 ||
		    (getuid() != 0 && st.st_uid == getuid() &&
		    strncmp(de->d_name, "coven-", 6) != 0))
			continue;
		snprintf(path, sizeof(path), "%s/%s", where, de->d_name);
		add(&found, "file", path);
	}
	closedir(dir);
}

/*
 * The record, the log and the harnesses' own state are what the suite is for,
 * and a lock file must stay where it is: removing one lets two holders in.
 * All else must go.
 */
static const char *const kept[] = { "store", "state", "keys",
    "audit.heads", "audit.key", "audit.pub", "daemon.log", "daemon.log.1",
    "daemon.lock", "daemon-serve.lock", "state.lock" };

static int
take_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *name = path + ftw->base;
	size_t i;

	(void)st;
	if (strstr(path, "/store/") != NULL ||
	    strstr(path, "/state/") != NULL ||
	    strncmp(path, "/run/coven/uids.", 16) == 0 ||
	    strcmp(path, "/run/coven") == 0)
		return (0);
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strcmp(name, kept[i]) == 0)
			return (0);
	if (type != FTW_D || ftw->level > 0)
		add(&found, "file", path);
	return (0);
}

static void
add_files(void)
{
	static const char *const patterns[] = { "/run/coven*",
	    "/run/user/*/coven*", "/tmp/coven*", "/dev/shm/coven*" };
	static const char *const commons[] = { "/tmp", "/var/tmp", "/dev/shm",
	    "/dev/mqueue" };
	size_t i, k;
	glob_t g;

	for (i = 0; i < opt.nunder; i++)
		nftw(opt.under[i], take_file, 32, FTW_PHYS);
	for (i = 0; opt.common && i < sizeof(commons) / sizeof(commons[0]);
	    i++)
		add_public(commons[i]);
	/* The last two are shared with whoever else tests on this machine. */
	for (i = 0; i < (opt.nunder > 0 ? 2u : 4u); i++) {
		if (glob(patterns[i], 0, NULL, &g) != 0)
			continue;
		for (k = 0; k < g.gl_pathc; k++)
			nftw(g.gl_pathv[k], take_file, 32, FTW_PHYS);
		globfree(&g);
	}
}

/* Sorted, equal ones follow each other: "... socket 1", "... socket 2". */
static void
number_descriptors(void)
{
	char *last = NULL, *line;
	size_t i;
	int n = 0;

	for (i = 0; i < found.n; i++) {
		if (strncmp(found.v[i], "descriptor\t", 11) != 0)
			continue;
		n = last != NULL && strcmp(last, found.v[i]) == 0 ? n + 1 : 1;
		free(last);
		last = found.v[i];
		if (asprintf(&line, "%s %d", last, n) == -1)
			err(2, "asprintf");
		found.v[i] = line;
	}
	free(last);
}

static void
look(void)
{
	size_t i, k;

	clear(&found);
	add_processes();
	each_line("/proc/self/mountinfo", take_mount);
	each_line("/proc/self/net/unix", take_socket);
	nftw("/sys/fs/cgroup", take_cgroup, 32, FTW_PHYS);
	if (opt.common)
		add_ipc();
	add_files();
	qsort(found.v, found.n, sizeof(*found.v), by_text);
	number_descriptors();
	qsort(found.v, found.n, sizeof(*found.v), by_text);
	for (i = k = 0; i < found.n; i++)
		if (k == 0 || strcmp(found.v[k - 1], found.v[i]) != 0)
			found.v[k++] = found.v[i];
		else
			free(found.v[i]);
	found.n = k;
}

/* --- verbs ---------------------------------------------------------------- */

static int
snapshot(const char *file)
{
	FILE *f = fopen(file, "we");
	size_t i;

	if (f == NULL)
		err(2, "%s", file);
	look();
	for (i = 0; i < found.n; i++)
		fprintf(f, "%s\n", found.v[i]);
	return (fclose(f) == 0 ? 0 : 2);
}

static struct lines before;

static void
take_before(char *line)
{
	char *tab = strchr(line, '\t');

	if (tab == NULL)
		return;
	*tab = '\0';
	add(&before, line, tab + 1);
}

static int
compare(const char *file)
{
	int64_t end = net_now_ms() + opt.wait_ms;
	size_t i, left;

	if (access(file, R_OK) == -1)
		err(2, "%s", file);
	each_line(file, take_before);
	qsort(before.v, before.n, sizeof(*before.v), by_text);
	for (;;) {
		look();
		for (i = left = 0; i < found.n; i++)
			if (bsearch(&found.v[i], before.v, before.n,
			    sizeof(*before.v), by_text) == NULL)
				found.v[left++] = found.v[i];
			else
				free(found.v[i]);
		found.n = left;
		if (left == 0)
			return (0);
		if (net_now_ms() >= end)
			break;
		usleep(50000);
	}
	for (i = 0; i < found.n; i++)
		printf("left\t%s\n", found.v[i]);
	return (1);
}

/* Kill and reap until this process has no descendant. */
static int
end_descendants(void)
{
	int named = 0, rounds;
	size_t i;

	for (rounds = 0; rounds < 200; rounds++) {
		int alive = 0;

		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		read_procs();
		for (i = 0; i < nprocs; i++) {
			if (!descends(&procs[i], getpid()))
				continue;
			alive++;
			/* One more look: it may be on its way out. */
			if (rounds < 40)
				continue;
			if (rounds == 40 && procs[i].state != 'Z') {
				fprintf(stderr, "left\tprocess\t%d %s\n",
				    (int)procs[i].pid, procs[i].comm);
				named++;
			}
			kill(procs[i].pid, SIGKILL);
		}
		if (alive == 0)
			break;
		usleep(50000);
	}
	return (named);
}

static int
guard(char **argv)
{
	char id[16];
	pid_t child, pid;
	int status;

	if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
		err(2, "PR_SET_CHILD_SUBREAPER");
	snprintf(id, sizeof(id), "%d", (int)getpid());
	setenv("COVEN_GUARD", id, 1);
	signal(SIGINT, SIG_IGN);
	if ((child = fork()) == -1)
		err(2, "fork");
	if (child == 0) {
		signal(SIGINT, SIG_DFL);
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	while ((pid = waitpid(-1, &status, 0)) != child)
		if (pid == -1 && errno != EINTR)
			err(2, "wait");
	if (end_descendants() > 0)
		return (1);
	return (WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status));
}

/*
 * Before Linux 6.14 a program executed by descriptor is called by the
 * descriptor's number; its first argument still has the name.
 */
static int
is_named(const struct proc *p, const char *name)
{
	char path[64], line[PATH_MAX], *slash;
	ssize_t n;
	int fd;

	if (strcmp(p->comm, name) == 0)
		return (1);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)p->pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return (0);
	n = read(fd, line, sizeof(line) - 1);
	close(fd);
	line[n > 0 ? n : 0] = '\0';
	slash = strrchr(line, '/');
	return (strcmp(slash == NULL ? line : slash + 1, name) == 0);
}

static int
tree(pid_t from, const char *name)
{
	size_t i, n = 0;

	read_procs();
	for (i = 0; i < nprocs; i++)
		if (procs[i].state != 'Z' && is_named(&procs[i], name) &&
		    descends(&procs[i], from)) {
			printf("%d\n", (int)procs[i].pid);
			n++;
		}
	return (n == 0);
}

static const char *
value(char **argv, int *i)
{
	if (argv[*i + 1] == NULL)
		errx(2, "%s needs a value", argv[*i]);
	return (argv[++*i]);
}

static void
options(char **argv)
{
	int i;

	for (i = 0; argv[i] != NULL; i++) {
		if (opt.nunder == NAMED_MAX || opt.nignore == NAMED_MAX)
			errx(2, "too many options");
		if (strcmp(argv[i], "--under") == 0)
			opt.under[opt.nunder++] = value(argv, &i);
		else if (strcmp(argv[i], "--serving") == 0)
			opt.serving = 1;
		else if (strcmp(argv[i], "--common") == 0)
			opt.common = 1;
		else if (strcmp(argv[i], "--tree") == 0)
			opt.tree = (pid_t)atol(value(argv, &i));
		else if (strcmp(argv[i], "--wait") == 0)
			opt.wait_ms = atol(value(argv, &i));
		else if (strcmp(argv[i], "--ignore-pid") == 0)
			opt.ignore[opt.nignore++] =
			    (pid_t)atol(value(argv, &i));
		else
			errx(2, "unknown option %s", argv[i]);
	}
}

int
main(int argc, char **argv)
{
	if (argc < 3)
		errx(2, "usage: leftovers snapshot|compare file [option ...]\n"
		    "       leftovers guard command [argument ...]");
	if (strcmp(argv[1], "guard") == 0)
		return (guard(argv + 2));
	if (strcmp(argv[1], "tree") == 0 && argc == 4)
		return (tree((pid_t)atol(argv[2]), argv[3]));
	options(argv + 3);
	if (strcmp(argv[1], "snapshot") == 0)
		return (snapshot(argv[2]));
	if (strcmp(argv[1], "compare") == 0)
		return (compare(argv[2]));
	errx(2, "snapshot or compare, not %s", argv[1]);
}
