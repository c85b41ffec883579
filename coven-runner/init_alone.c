/*
 * A session without namespaces (doc/adr/0025): this process is no PID 1, and
 * the payload sees the paths of the host's own tree.  What is kept apart is
 * kept apart by Landlock, which is told the rows of the same plan, by two
 * filters, and by limits.
 *
 * No kernel ends what is left with this process, so it adopts what the
 * payload leaves behind and ends that itself; should this one be killed, the
 * monitor is next to adopt (coven-monitor/orphans.c).
 */
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/family.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"
#include "sandbox/filter.h"

#define KEEP_TRYING	100000	/* family_ends: minutes */

/* --- identity ------------------------------------------------------------ */

void
init_alone_identity(const struct init_ids *ids)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { { 0 } };
	int r;

	if (getuid() != ids->uid_out || geteuid() != ids->uid_out ||
	    getgid() != ids->gid_out || ids->uid_out == 0 ||
	    ids->uid_in != ids->uid_out || ids->gid_in != ids->gid_out)
		fatal("identity: uid %u and gid %u, to be %u and %u", getuid(),
		    getgid(), ids->uid_out, ids->gid_out);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 ||
	    syscall(SYS_capset, &head, none) == -1)
		fatal("identity: drop the capabilities: %s", strerror(errno));
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		fatal("identity: set no_new_privs: %s", strerror(errno));
	r = family_adopt();
	if (r < 0)
		fatal("identity: adopt what a payload leaves: %s",
		    strerror(-r));
}

/* --- the end ------------------------------------------------------------- */

void
init_alone_kill(void)
{
	int i, r = 1;

	for (i = 0; r == 1 && i < KEEP_TRYING; i++)
		r = family_end(NULL, NULL);
	if (r != 0)
		log_error("end everything: %s", r < 0 ? strerror(-r) :
		    "something is left");
}

void
init_alone_end(struct chan *c, int why)
{
	log_error("end the session: the monitor %s", why == CHAN_EOF ?
	    "is gone" : "broke the protocol");
	chan_close(c);
	init_alone_kill();
	_exit(1);
}

/* The payload's group, and everything that descends from it. */
void
init_alone_signal(struct init *in, int sig)
{
	static pid_t pids[4096];
	size_t n = family_list(getpid(), pids, nitems(pids)), i;

	(void)kill(-in->payload, sig);
	for (i = 0; i < n; i++)
		if (getpgid(pids[i]) != in->payload)
			(void)kill(pids[i], sig);
}

/* --- the steps ----------------------------------------------------------- */

static int
open_row(struct init *in, struct init_mount *m)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
	    .resolve = RESOLVE_NO_MAGICLINKS |
	    (m->flags & MOUNT_F_COMPARE ? RESOLVE_NO_SYMLINKS : 0) };
	struct stat st;

	if (strcmp(m->source, m->target) != 0 || m->fd >= 0)
		return init_fail(in, -EINVAL, "show %s at another path",
		    m->source);
	m->fd = (int)syscall(SYS_openat2, AT_FDCWD, m->source, &how,
	    sizeof(how));
	if (m->fd == -1 && (m->flags & MOUNT_F_OPTIONAL) &&
	    (errno == ENOENT || errno == ENOTDIR || errno == EACCES)) {
		m->skipped = true;
		return 0;
	}
	if (m->fd == -1 || fstat(m->fd, &st) == -1)
		return init_fail(in, -errno, "open %s", m->source);
	if ((m->flags & MOUNT_F_COMPARE) &&
	    (st.st_dev != m->dev || st.st_ino != m->ino))
		return init_fail(in, -ESTALE,
		    "%s is not what was checked any more", m->source);
	return 0;
}

static int
open_rows(struct init *in)
{
	size_t i;
	int r = 0;

	if (in->isolated || in->detached || in->network != 0)
		return init_fail(in, -EINVAL, "do without namespaces");
	for (i = 0; r == 0 && i < in->nmounts; i++)
		if (in->mounts[i].op == MOUNT_BIND)
			r = open_row(in, &in->mounts[i]);
	return r;
}

static int
enter_cwd(struct init *in)
{
	struct stat st;

	in->cwd_fd = init_open_beneath(in->project.fd, in->cwd);
	if (in->cwd_fd < 0)
		return init_fail(in, in->cwd_fd, "open %s in %s", in->cwd,
		    in->project.target);
	if (fstat(in->cwd_fd, &st) == -1)
		return init_fail(in, -errno, "look at %s", in->cwd);
	if (st.st_dev != in->cwd_dev || st.st_ino != in->cwd_ino)
		return init_fail(in, -ESTALE,
		    "%s in %s is not what was checked any more", in->cwd,
		    in->project.target);
	return 0;
}

/* As init_drop: the kernel never answers EPERM here, a filter does. */
static int
leave_keyring(struct init *in)
{
	if (syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL)
	    == -1 && errno != ENOSYS && errno != EPERM)
		return init_fail(in, -errno, "make a session keyring");
	if (prctl(PR_SET_DUMPABLE, 0) == -1)
		return init_fail(in, -errno, "set dumpable 0");
	return 0;
}

static const struct {
	const char	*name;
	int		(*run)(struct init *);
} steps[] = {
	{ "sources", open_rows },
	{ "compile", init_compile },
	{ "cwd", enter_cwd },
	{ "terminal", init_terminal },
	{ "drop", leave_keyring },
	{ "filter", init_filter },
};

int
init_alone_build(struct init *in)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < nitems(steps); i++) {
		in->step = steps[i].name;
		r = steps[i].run(in);
	}
	return r;
}

/* --- what the payload enters --------------------------------------------- */

/* Of the host's /dev; a terminal is the session's own by its descriptor. */
static const char *const nodes[] = {
	"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
	"/dev/tty",
};

/* Made for it elsewhere: here the host's own, names that anybody may read. */
static const char *const names[] = {
	"/etc/passwd", "/etc/group", "/etc/hosts", "/etc/gitconfig",
};

/*
 * /proc is in no row: the one that is there shows the host's processes.  A
 * rule holds for all that lies beneath, so nothing in the project can be
 * taken out of it again: protected paths are not protected here.
 */
size_t
init_alone_rules(struct init *in, struct landlock_rule **out)
{
	struct landlock_rule *r = mem_zalloc(in->nmounts + nitems(nodes) +
	    nitems(names) + 2, sizeof(*r));
	size_t n = 0, i;

	r[n++] = (struct landlock_rule){ in->project.fd, NULL, LANDLOCK_FULL };
	if (in->tty >= 0)
		r[n++] = (struct landlock_rule){ in->tty, NULL,
		    LANDLOCK_WRITE };
	for (i = 0; i < nitems(nodes); i++)
		r[n++] = (struct landlock_rule){ -1, nodes[i],
		    LANDLOCK_WRITE };
	for (i = 0; i < nitems(names); i++)
		r[n++] = (struct landlock_rule){ -1, names[i], LANDLOCK_READ };
	for (i = 0; i < in->nmounts; i++) {
		const struct init_mount *m = &in->mounts[i];

		if (m->op == MOUNT_BIND && !m->skipped)
			r[n++] = (struct landlock_rule){ m->fd, NULL,
			    m->flags & MOUNT_F_RO ? LANDLOCK_READ_EXEC :
			    LANDLOCK_FULL };
	}
	*out = r;
	return n;
}

int
init_alone_filter(void)
{
	int r = 0;

	if (landlock_abi() < LANDLOCK_ABI_SCOPES)
		r = filter_load(FILTER_UNSCOPED);
	return r == 0 ? filter_load(FILTER_ALONE) : r;
}
