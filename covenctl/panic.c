/*
 * panic: end every session of a home when no daemon may be there to ask, or
 * one that is stopped or hangs.  The sessions' cgroup is killed as one where
 * there is one; whatever init is left, the monitor's children tell.
 */
#include <sys/stat.h>
#include <sys/syscall.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cgroup2.h"
#include "common/family.h"
#include "common/jsonw.h"
#include "common/loop.h"
#include "common/mem.h"
#include "covenctl/ctl.h"
#include "covenctl/procs.h"

#define PANIC_MS	5000	/* for everything to be gone */
#define INITS_MAX	4096	/* in one round; there may be several */
#define DEPTH_MAX	32
#define ENDING_MS	500	/* for one that ends already */

struct panic {
	pid_t		 monitor;	/* 0: there is none */
	unsigned	 killed;	/* sessions */
	unsigned	 waiting;	/* inits that had none yet */
	unsigned	 groups;	/* cgroups that were killed whole */
	unsigned	 refused;	/* that may not be killed, or stay */
	int64_t		 until_ns;
};

static bool
is_init(pid_t pid, pid_t monitor)
{
	struct proc p;

	return proc_read(pid, &p) && p.parent == monitor && proc_is_init(&p);
}

/*
 * A descriptor of the init with this number, or -1.  What was read about the
 * number is about the descriptor's process if that still lives afterwards.
 */
static int
open_init(pid_t pid, pid_t monitor)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd == -1)
		return -1;
	if (!is_init(pid, monitor) || poll(&p, 1, 0) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* --- by the monitor's children ------------------------------------------ */

struct an_init {
	int		 fd;
	bool		 session;	/* it has one */
};

struct found {
	struct panic	*panic;
	struct an_init	*inits;		/* NULL: they are only counted */
	size_t		 n;
};

static void
count(struct panic *p, bool session)
{
	if (session)
		p->killed++;
	else
		p->waiting++;
}

static int
left_ms(const struct panic *p)
{
	int64_t left = (p->until_ns - loop_now_ns()) / 1000000;

	return left > 0 ? (int)left : 0;
}

/*
 * Without a pid namespace an init's end ends nothing else, and a monitor that
 * hangs ends nothing that comes to it.  So what descends from one goes first.
 */
static void
kill_family(const struct panic *p, pid_t init)
{
	static pid_t pids[4096];
	size_t n, i;

	do {
		n = family_list(init, pids, nitems(pids));
		for (i = 0; i < n; i++)
			if (kill(pids[i], SIGKILL) == -1 && errno == EPERM)
				return;
		if (n != 0)
			(void)poll(NULL, 0, 2);
	} while (n != 0 && left_ms(p) != 0);
}

static void
take_init(void *ctx, const struct proc *p)
{
	struct found *f = ctx;
	int fd;

	if (!proc_is_init(p) || p->zombie || f->n == INITS_MAX)
		return;
	if (f->inits != NULL) {
		fd = open_init(p->pid, f->panic->monitor);
		if (fd == -1)
			return;
		f->inits[f->n] = (struct an_init){ fd, proc_has_session(p) };
		kill_family(f->panic, p->pid);
	} else {
		count(f->panic, proc_has_session(p));
	}
	f->n++;
}

/*
 * An init's end is the end of all that is in its namespace: the kernel kills
 * and waits for them first.  One that may not be killed may be ending already:
 * a cgroup is empty a moment before its last process is gone.
 */
static void
kill_inits(struct panic *p, const struct an_init *inits, size_t n)
{
	int refused = 0;

	for (size_t i = 0; i < n; i++)
		if (syscall(SYS_pidfd_send_signal, inits[i].fd, SIGKILL, NULL,
		    0) == 0)
			count(p, inits[i].session);
		else if (errno != ESRCH)
			refused = errno;
	for (size_t i = 0; i < n; i++) {
		struct pollfd pfd = { .fd = inits[i].fd, .events = POLLIN };
		int ms = left_ms(p);

		if (refused != 0 && ms > ENDING_MS)
			ms = ENDING_MS;
		if (poll(&pfd, 1, ms) != 1)
			p->refused++;
		(void)close(inits[i].fd);
	}
	if (refused != 0 && p->refused != 0)
		ctl_err("panic: kill an init: %s", strerror(refused));
}

static void
by_children(struct panic *p)
{
	struct found f = { .panic = p };

	/* A monitor that works may start another one meanwhile. */
	while (p->monitor != 0 && p->refused == 0 && left_ms(p) != 0) {
		f.n = 0;
		f.inits = mem_zalloc(INITS_MAX, sizeof(*f.inits));
		proc_children(p->monitor, take_init, &f);
		kill_inits(p, f.inits, f.n);
		free(f.inits);
		if (f.n == 0)
			break;
	}
}

/* --- by their cgroup ---------------------------------------------------- */

static struct {
	char	 name[CGROUP2_NAME_MAX];
	struct panic	*panic;
} searched;		/* nftw takes no context */

/* "populated 1" in cgroup.events, until it says 0. */
static bool
wait_empty(const struct panic *p, int dir)
{
	do {
		autoclose int fd = openat(dir, "cgroup.events",
		    O_RDONLY | O_CLOEXEC);
		char text[128] = "";

		if (fd == -1 || read(fd, text, sizeof(text) - 1) <= 0)
			return false;
		if (strstr(text, "populated 0") != NULL)
			return true;
		(void)poll(NULL, 0, 5);
	} while (left_ms(p) != 0);
	return false;
}

/* Does any session's cgroup hold a process? */
static bool
is_populated(int dir)
{
	autoclose int fd = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);
	char text[128] = "";

	return fd != -1 && read(fd, text, sizeof(text) - 1) > 0 &&
	    strstr(text, "populated 1") != NULL;
}

static void
kill_group(struct panic *p, const char *path)
{
	autoclose int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	autoclose int fd = -1;
	struct found f = { .panic = p };

	if (dir == -1 || !is_populated(dir))
		return;
	fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	/* Not to be written: their inits are looked for one by one. */
	if (fd == -1)
		return;
	if (p->monitor != 0)
		proc_children(p->monitor, take_init, &f);
	if (write(fd, "1", 1) != 1)
		return;
	p->groups++;
	if (!wait_empty(p, dir))
		p->refused++;
}

static int
take_folder(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	if (type == FTW_D && ftw->level < DEPTH_MAX &&
	    strcmp(path + ftw->base, searched.name) == 0)
		kill_group(searched.panic, path);
	return 0;
}

/* Wherever the monitor was started: the name is the home's. */
static void
by_cgroup(struct panic *p, const struct home *home)
{
	char mount[PATH_MAX];
	struct stat st;

	if (fstat(home->dir, &st) == -1 || cgroup2_mount(mount) < 0)
		return;
	cgroup2_name(&st, searched.name);
	searched.panic = p;
	(void)nftw(mount, take_folder, 32, FTW_PHYS | FTW_MOUNT);
}

/* --- the verb ----------------------------------------------------------- */

static int
report(struct ctl *ctl, const struct panic *p)
{
	autobuf struct buf b = { 0 };
	struct jw j;

	if (p->refused != 0)
		ctl_err("panic: not everything is gone: as root, covenctl "
		    "--home %s panic", ctl->home.path);
	if (ctl->opt[OPT_JSON] != NULL) {
		jw_init(&j, &b);
		jw_object(&j);
		jw_kbool(&j, "ok", p->refused == 0);
		jw_ku64(&j, "killed", p->killed);
		jw_ku64(&j, "prepared", p->waiting);
		jw_kstr(&j, "by", p->groups != 0 ? "cgroup" : "init");
		jw_object_end(&j);
		(void)buf_adds(&b, "\n");
	} else
		(void)buf_addf(&b, "%u session%s killed%s\n", p->killed,
		    p->killed == 1 ? "" : "s",
		    p->groups != 0 ? " by their cgroup" : "");
	if (ctl_print(&b) != CTL_OK || p->refused != 0)
		return CTL_FAILED;
	return CTL_OK;
}

int
verb_panic(struct ctl *ctl)
{
	struct panic p = { .until_ns = loop_now_ns() +
	    (int64_t)PANIC_MS * 1000000 };
	struct proc holder;

	p.monitor = home_lock_holder(&ctl->home);
	if (p.monitor != 0 && (!proc_read(p.monitor, &holder) ||
	    strcmp(holder.name, "coven-monitor") != 0)) {
		ctl_err("panic: process %d holds the home's lock but is no "
		    "coven-monitor: its children are left alone",
		    (int)p.monitor);
		p.monitor = 0;
	} else if (p.monitor == 0 && home_lock_held(&ctl->home)) {
		ctl_err("panic: whoever holds the home's lock is not visible "
		    "from here");
		p.refused++;
	}
	by_cgroup(&p, &ctl->home);
	by_children(&p);
	return report(ctl, &p);
}
