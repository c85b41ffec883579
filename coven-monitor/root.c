#include <sys/stat.h>
#include <sys/syscall.h>

#include <linux/openat2.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/harness_host.h"
#include "common/mem.h"
#include "coven-monitor/root.h"

/* Folders that are the system's, not a project. */
static const struct {
	const char	*path;
	bool		 inside;	/* and everything beneath */
} system_folders[] = {
	{ "/bin", true }, { "/boot", true }, { "/dev", true },
	{ "/etc", true }, { "/lib", true }, { "/lib32", true },
	{ "/lib64", true }, { "/libx32", true }, { "/proc", true },
	{ "/sbin", true }, { "/sys", true }, { "/usr", true },
	{ "/home", false }, { "/media", false }, { "/mnt", false },
	{ "/opt", false }, { "/root", false }, { "/run", false },
	{ "/srv", false }, { "/tmp", false }, { "/var", false },
	{ "/var/lib", false }, { "/var/log", false }, { "/var/run", false },
	{ "/var/tmp", false }, { "/run/user", false },
};

bool
path_within(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	while (n != 0 && folder[n - 1] == '/')
		n--;
	return strncmp(path, folder, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

bool
path_is_system(const char *path)
{
	size_t i;

	for (i = 0; i < nitems(system_folders); i++)
		if (strcmp(path, system_folders[i].path) == 0 ||
		    (system_folders[i].inside &&
		    path_within(path, system_folders[i].path)))
			return true;
	return strcmp(path, "/") == 0;
}

char *
path_of_fd(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || n == (ssize_t)sizeof(path) - 1 || path[0] != '/')
		return NULL;
	path[n] = '\0';
	return mem_strdup(path);
}

static int
same_inode(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	    sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

/*
 * Follow the client's name wherever it leads, learn the canonical path, and
 * open that one again following nothing: both must be the same folder.
 */
static int
open_folder(const char *name, int *fd, char **path)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	autoclose int first = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	autoclose int again = -1;
	autofree char *found = NULL;

	if (first == -1)
		return -errno;
	found = path_of_fd(first);
	if (found == NULL)
		return -ENOENT;
	again = (int)syscall(SYS_openat2, AT_FDCWD, found, &how, sizeof(how));
	if (again == -1)
		return -errno;
	if (!same_inode(first, again))
		return -ESTALE;
	*fd = mem_steal_fd(&again);
	*path = steal(&found);
	return 0;
}

/*
 * A tool's settings are never writable from inside, not even as a project.
 */
static bool
holds_state(const char *path, const char *home)
{
	const struct harness_host *hosts;
	size_t n, i, k;

	hosts = harness_hosts(&n);
	for (i = 0; i < n; i++) {
		for (k = 0; k < hosts[i].nstate; k++) {
			const struct harness_state *row = &hosts[i].state[k];
			autobuf struct buf at = { 0 };

			if (row->mode != STATE_PRIVATE)
				continue;
			(void)buf_addf(&at, "%s/%s", home, row->path);
			if (path_within(path, buf_head(&at)) ||
			    path_within(buf_head(&at), path))
				return true;
		}
	}
	return false;
}

static const char *
refused_by(const char *path, const struct home *h, const struct owner *o,
    const struct conf *c)
{
	size_t i;

	if (path_within(path, h->path) || path_within(h->path, path))
		return "it is, contains or lies in COVEN_HOME";
	for (i = 0; i < c->roots_allow.n; i++)
		if (strcmp(path, c->roots_allow.v[i]) == 0)
			return NULL;
	if (strcmp(path, "/") == 0)
		return "it is the root of the file system";
	if (path_within(o->dir, path) || path_within(o->home, path))
		return "it is or contains your home folder";
	if (holds_state(path, o->home))
		return "it is, contains or lies in a harness's own folder";
	if (path_is_system(path))
		return "it is a system folder";
	for (i = 0; i < c->roots_deny.n; i++)
		if (path_within(path, c->roots_deny.v[i]) ||
		    path_within(c->roots_deny.v[i], path))
			return "it is on roots.deny";
	return NULL;
}

static enum run_code
open_cwd(struct root *r, const char *cwd, char *why, size_t len)
{
	autobuf struct buf name = { 0 };
	autofree char *path = NULL;
	autoclose int fd = -1;
	const char *rel;
	struct stat st;
	int e;

	if (cwd[0] == '/')
		(void)buf_adds(&name, cwd);
	else
		(void)buf_addf(&name, "%s/%s", r->path, cwd);
	e = open_folder(buf_head(&name), &fd, &path);
	if (e == 0 && fstat(fd, &st) == -1)
		e = -errno;
	if (e != 0 || path == NULL) {
		(void)snprintf(why, len, "failed to resolve cwd %s: %s",
		    buf_head(&name), strerror(-e));
		return RUN_BAD_CWD;
	}
	if (!path_within(path, r->path)) {
		(void)snprintf(why, len,
		    "cwd is outside the Coven project root");
		return RUN_CWD_OUTSIDE;
	}
	rel = path + strlen(r->path);
	r->cwd = mem_strdup(*rel == '/' ? rel + 1 : rel);
	r->cwd_dev = st.st_dev;
	r->cwd_ino = st.st_ino;
	return RUN_OK;
}

enum run_code
root_open_folder(struct root *r, const char *what, const char *name,
    const struct judge *j, char *why, size_t len)
{
	const char *rule;
	int e;

	*r = (struct root){ .fd = -1 };
	if (name[0] != '/') {
		(void)snprintf(why, len, "failed to resolve %s %s: "
		    "it must be an absolute path", what, name);
		return RUN_BAD_ROOT;
	}
	e = open_folder(name, &r->fd, &r->path);
	if (e < 0) {
		(void)snprintf(why, len, "failed to resolve %s %s: %s", what,
		    name, strerror(-e));
		return RUN_BAD_ROOT;
	}
	rule = refused_by(r->path, j->home, j->owner, j->conf);
	if (rule != NULL) {
		(void)snprintf(why, len, "%s %s is refused: %s", what,
		    r->path, rule);
		root_close(r);
		return RUN_ROOT_REFUSED;
	}
	return RUN_OK;
}

enum run_code
root_open(struct root *r, const char *name, const char *cwd,
    const struct judge *j, char *why, size_t len)
{
	enum run_code code = root_open_folder(r, "projectRoot", name, j, why,
	    len);

	if (code != RUN_OK)
		return code;
	code = open_cwd(r, cwd, why, len);
	if (code != RUN_OK)
		root_close(r);
	return code;
}

void
root_close(struct root *r)
{
	mem_close(&r->fd);
	free(r->path);
	free(r->cwd);
	*r = (struct root){ .fd = -1 };
}
