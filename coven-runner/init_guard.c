/*
 * A git folder that has a file commondir takes hooks and configuration from
 * where that says.  Only the folder of a worktree has one, from its beginning;
 * any other could be given one, past everything that is protected in it, and a
 * name that is not there cannot be mounted over.  So folders without one are
 * watched: a session that makes one ends, and what it made is removed.
 *
 * Nobody else makes one in a folder that has none, the owner's git included.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

#define PATHS_MAX	((size_t)16 << 20)

int
init_guard_add(struct init *in, const char *path)
{
	struct buf *b = &in->guard.paths;

	if (in->isolated)	/* it lands in the overlay */
		return 0;
	b->max = PATHS_MAX;
	if (buf_add(b, path, strlen(path) + 1) < 0)
		return init_fail(in, -E2BIG, "%s: the names of its git "
		    "folders", in->project.target);
	return 0;
}

/* --- while it runs --- */

static void
caught(struct init *in)
{
	if (in->limit != BOUND_NONE)
		return;
	log_info("end the session: it made a file %s in a git folder",
	    GUARDED);
	in->limit = BOUND_PROTECTED;
	/* Its own end follows, and with that what it made is removed. */
	init_kill_all(in);
}

static bool
is_there(int folder)
{
	struct stat st;

	return fstatat(folder, GUARDED, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void
init_guard_look(struct init *in)
{
	size_t i;

	for (i = 0; i < in->guard.nfolders; i++)
		if (is_there(in->guard.folders[i])) {
			caught(in);
			return;
		}
}

static void
on_again(struct timer *t)
{
	struct init *in = t->ctx;

	init_guard_look(in);
	timer_start(in->loop, t, LIMIT_WATCH_NEAR_MS);
}

/* --- the beginning --- */

/* No link on the way: none was when it was found. */
static int
open_folder(struct init *in, const char *path)
{
	struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	const struct init_mount *m = init_mount_of(in, &path);
	autobuf struct buf b = { 0 };
	long fd;

	(void)buf_addf(&b, "%s/%s", m->target, path);
	fd = syscall(SYS_openat2, AT_FDCWD, buf_head(&b), &how, sizeof(how));
	return fd == -1 ? -errno : (int)fd;
}

static int
hold(struct init *in, const char *path)
{
	struct init_guard *g = &in->guard;
	int fd = open_folder(in, path);

	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -EACCES)
		return 0;
	if (fd < 0)
		return init_fail(in, fd, "guard %s", path);
	g->folders = mem_realloc(g->folders, g->nfolders + 1,
	    sizeof(*g->folders));
	g->folders[g->nfolders++] = fd;
	return 0;
}

/*
 * By the oldest of the kernel's ways: it tells no names, but of inotify's
 * instances an owner has few, and they are wanted outside as well.
 */
static int
watch(const struct init_guard *g)
{
	size_t i;

	for (i = 0; i < g->nfolders; i++)
		if (fcntl(g->folders[i], F_NOTIFY, DN_CREATE | DN_RENAME |
		    DN_MULTISHOT) == -1)
			return -errno;
	return 0;
}

int
init_guard(struct init *in)
{
	struct init_guard *g = &in->guard;
	int r = 0;

	while (r == 0 && buf_left(&g->paths) != 0) {
		const char *path = buf_head(&g->paths);

		r = hold(in, path);
		buf_consume(&g->paths, strlen(path) + 1);
	}
	if (r < 0 || g->nfolders == 0)
		return r;
	r = watch(g);
	if (r < 0) {
		log_debug("watch git folders: %s: they are looked at",
		    strerror(-r));
		g->again = (struct timer){ .cb = on_again, .ctx = in };
		timer_start(in->loop, &g->again, LIMIT_WATCH_NEAR_MS);
	}
	return 0;
}

/* --- the end --- */

bool
init_guard_sweep(struct init *in)
{
	bool made = false;
	size_t i;

	for (i = 0; i < in->guard.nfolders; i++) {
		int folder = in->guard.folders[i];

		if (!is_there(folder))
			continue;
		made = true;
		/* As a folder it is believed by nobody. */
		if (unlinkat(folder, GUARDED, 0) == -1 && unlinkat(folder,
		    GUARDED, AT_REMOVEDIR) == -1)
			log_error("remove a file %s that the session made: %s",
			    GUARDED, strerror(errno));
	}
	return made;
}
