#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"
#include "sandbox/steps.h"

#define EVERY_NS	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | \
			    CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/* Those that have the host's network. */
#define ON_NETWORK	(EVERY_NS & ~CLONE_NEWNET)

#define NOTHING	"0000000000000000"

/* Of memory: a compressor's or a decompressor's windows, and room. */
#ifdef COVEN_SANITIZE
#define WORKER_DATA	RLIM_INFINITY
#else
#define WORKER_DATA	(512 << 20)
#endif

/*
 * Not CapBnd: without a user namespace and without CAP_SETPCAP nobody can
 * empty it, and with no_new_privs there is nothing left that it bounds.
 */
static const struct profile_check confined[] = {
	{ "CapInh", NOTHING },
	{ "CapPrm", NOTHING },
	{ "CapEff", NOTHING },
	{ "CapAmb", NOTHING },
	{ "NoNewPrivs", "1" },
	{ "Seccomp", "2" },
};
#define CONFINED	.checks = confined, .nchecks = nitems(confined)

/* A pid namespace is in no row: apid must see its clients' pids. */
static const struct profile profiles[ROLE__COUNT] = {
	[ROLE_APID] = {
		.namespaces = EVERY_NS,
		.root = ROOT_EMPTY,
		.last_fd = ROLE_FD_CONTROL,
		.sees_clients = true,
		/* server.max_connections' maximum, and a few */
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 65600 } },
		.nlimits = 2,
		.filter = FILTER_APID,
		CONFINED,
	},
	[ROLE_STORED] = {
		.namespaces = EVERY_NS,
		.root = ROOT_FOLDER,
		.last_fd = ROLE_FD_FOLDER,
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 4096 } },
		.nlimits = 2,
		.rules = { { ROLE_FD_FOLDER, NULL, LANDLOCK_WRITE } },
		.nrules = 1,
		.filter = FILTER_STORED,
		CONFINED,
	},
	[ROLE_RUNNER] = {
		.namespaces = EVERY_NS,
		.root = ROOT_EMPTY,
		.last_fd = ROLE_FD_CONTROL,
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 256 } },
		.nlimits = 2,
		.filter = FILTER_RUNNER,
		CONFINED,
	},
	[ROLE_CONFREAD] = {
		.namespaces = EVERY_NS,
		.root = ROOT_EMPTY,
		.last_fd = ROLE_FD_CONTROL,
		/*
		 * It opens nothing; but a descriptor is sent only while all
		 * that its user has on the way are fewer than this: unix(7),
		 * ETOOMANYREFS.
		 */
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 4096 } },
		.nlimits = 2,
		.filter = FILTER_CONFREAD,
		CONFINED,
	},
	[ROLE_GATEWAY] = {
		.namespaces = ON_NETWORK,
		.root = ROOT_EMPTY,
		.net = NET_HOST,
		.last_fd = ROLE_FD_CONTROL,
		/* network.max_connections' maximum, two sockets each */
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 8256 } },
		.nlimits = 2,
		.filter = FILTER_GATEWAY,
		CONFINED,
	},
	[ROLE_RESOLVER] = {
		.namespaces = ON_NETWORK,
		.root = ROOT_FILES,
		.net = NET_DNS,
		.last_fd = ROLE_FD_CONTROL,
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 256 } },
		.nlimits = 2,
		.rules = {
			{ -1, "/etc/hosts", LANDLOCK_READ },
			{ -1, "/etc/resolv.conf", LANDLOCK_READ },
			{ -1, "/etc/host.conf", LANDLOCK_READ },
			{ -1, "/etc/gai.conf", LANDLOCK_READ },
		},
		.nrules = 4,
		.filter = FILTER_RESOLVER,
		CONFINED,
	},
	[ROLE_APPLIER] = {
		.namespaces = EVERY_NS,
		.root = ROOT_FOLDERS,
		.last_fd = ROLE_FD_FOLDER2,
		/* two descriptors a folder deep */
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 4096 } },
		.nlimits = 2,
		.rules = { { ROLE_FD_FOLDER, NULL, LANDLOCK_WRITE },
		    { ROLE_FD_FOLDER2, NULL, LANDLOCK_WRITE } },
		.nrules = 2,
		.filter = FILTER_APPLIER,
		CONFINED,
	},
	[ROLE_ARCHIVER] = {
		.namespaces = EVERY_NS,
		.root = ROOT_FOLDER,
		.last_fd = ROLE_FD_FOLDER,
		/* a descriptor a level; what libarchive allocates */
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 4096 },
		    { RLIMIT_DATA, WORKER_DATA } },
		.nlimits = 3,
		.rules = { { ROLE_FD_FOLDER, NULL, LANDLOCK_READ } },
		.nrules = 1,
		.filter = FILTER_ARCHIVER,
		CONFINED,
	},
	[ROLE_EXTRACTOR] = {
		.namespaces = EVERY_NS,
		.root = ROOT_FOLDER,
		.last_fd = ROLE_FD_FOLDER,
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 4096 },
		    { RLIMIT_DATA, WORKER_DATA } },
		.nlimits = 3,
		.rules = { { ROLE_FD_FOLDER, NULL, LANDLOCK_FILL } },
		.nrules = 1,
		.filter = FILTER_EXTRACTOR,
		CONFINED,
	},
	[ROLE_REMOVER] = {
		.namespaces = EVERY_NS,
		.root = ROOT_FOLDER,
		.last_fd = ROLE_FD_FOLDER,
		.limits = { { RLIMIT_CORE, 0 }, { RLIMIT_NOFILE, 4096 },
		    { RLIMIT_DATA, WORKER_DATA } },
		.nlimits = 3,
		.rules = { { ROLE_FD_FOLDER, NULL, LANDLOCK_REMOVE } },
		.nrules = 1,
		.filter = FILTER_REMOVER,
		CONFINED,
	},
};

/* When a step runs; those of others are left out, and that is logged. */
enum needs {
	ALWAYS,
	USERNS,			/* a user namespace was entered */
	MOUNTS,			/* a mount namespace was entered */
	FOLDER,			/* the profile has a folder */
};

/*
 * The order is the kernel's.  Descriptors first, while /proc lists them.
 * Maps need /proc and a dumpable process, so before the root.  The new root
 * needs capabilities over the namespace; Landlock forbids mounting.  The
 * death signal is cleared by a change of credentials, of which the
 * namespaces are the last.  Securebits and the bounding set take
 * CAP_SETPCAP, so before the capabilities themselves.  no_new_privs is what
 * Landlock and the filter demand, and the filter would refuse all of this.
 */
static const struct {
	const char	*name;
	int		(*fn)(struct entry *);
	enum needs	 needs;
} steps[] = {
	{ "descriptors",	step_descriptors,	ALWAYS },
	{ "namespaces",		step_namespaces,	ALWAYS },
	{ "maps",		step_maps,		USERNS },
	{ "root",		step_root,		MOUNTS },
	{ "folder",		step_folder,		FOLDER },
	{ "death-signal",	step_death_signal,	ALWAYS },
	{ "limits",		step_limits,		ALWAYS },
	{ "securebits",		step_securebits,	ALWAYS },
	{ "bounding-set",	step_bounding,		ALWAYS },
	{ "capabilities",	step_capabilities,	ALWAYS },
	{ "no-new-privs",	step_no_new_privs,	ALWAYS },
	{ "no-exec-gain",	step_no_exec_gain,	ALWAYS },
	{ "landlock",		step_landlock,		ALWAYS },
	{ "trap",		step_trap,		ALWAYS },
	{ "filter",		step_filter,		ALWAYS },
};

const struct profile *
profile_of(enum role role)
{
	return profiles[role].namespaces != 0 ? &profiles[role] : NULL;
}

static bool
is_needed(enum needs needs, const struct entry *e)
{
	switch (needs) {
	case ALWAYS:
		return true;
	case USERNS:
		return e->userns;
	case MOUNTS:
		return e->mounts;
	case FOLDER:
		return e->profile->root == ROOT_FOLDER ||
		    e->profile->root == ROOT_FOLDERS;
	}
	return true;
}

int
profile_enter(enum role role, bool userns, const char **step)
{
	struct entry e = { .profile = profile_of(role), .role = role,
	    .userns = userns };
	size_t i;
	int r;

	if (e.profile == NULL)
		fatal("enter the profile of %s: it has none",
		    msg_role_name(role));
	for (i = 0; i < nitems(steps); i++) {
		if (!is_needed(steps[i].needs, &e)) {
			log_debug("confine: %s: left out", steps[i].name);
			continue;
		}
		r = steps[i].fn(&e);
		if (r < 0) {
			*step = steps[i].name;
			return r;
		}
		log_debug("confine: %s: done", steps[i].name);
	}
	return 0;
}

/* --- what the monitor looks at ------------------------------------------- */

/* The value of a "Key:\tvalue\n" line: its start and length, or NULL. */
static const char *
status_value(const char *text, const char *key, size_t *len)
{
	size_t klen = strlen(key);
	const char *line = text;

	while (line != NULL && *line != '\0') {
		if (strncmp(line, key, klen) == 0 && line[klen] == ':') {
			line += klen + 1;
			line += strspn(line, " \t");
			*len = strcspn(line, "\n");
			return line;
		}
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	return NULL;
}

static int
verify(const struct profile_check *checks, size_t n, const char *status_text,
    char *why, size_t whylen)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const struct profile_check *c = &checks[i];
		size_t len = 0;
		const char *v = status_value(status_text, c->key, &len);

		if (v != NULL && len == strlen(c->value) &&
		    memcmp(v, c->value, len) == 0)
			continue;
		(void)snprintf(why, whylen, "%s is %.*s, not %s", c->key,
		    v != NULL ? (int)len : 7, v != NULL ? v : "missing",
		    c->value);
		return PROFILE_UNLIKE;
	}
	return 0;
}

int
profile_verify(enum role role, const char *status_text, char *why,
    size_t whylen)
{
	const struct profile *p = profile_of(role);

	return p == NULL ? 0 : verify(p->checks, p->nchecks, status_text, why,
	    whylen);
}

int
profile_verify_alone(const char *status_text, char *why, size_t whylen)
{
	static const struct profile_check alone[] = {
		{ "CapInh", NOTHING },
		{ "CapPrm", NOTHING },
		{ "CapEff", NOTHING },
		{ "CapAmb", NOTHING },
		{ "NoNewPrivs", "1" },
	};

	return verify(alone, nitems(alone), status_text, why, whylen);
}

unsigned
profile_owner_inside(unsigned owner)
{
	return owner == PROFILE_OVERFLOW_UID ? 1000 : owner;
}

/* --- the probe ----------------------------------------------------------- */

static int
try_userns(void)
{
	struct entry e = { .profile = profile_of(ROLE_CONFREAD),
	    .role = ROLE_CONFREAD, .userns = true };
	int r;

	r = step_namespaces(&e);
	if (r == 0 && !e.userns)
		return -EPERM;
	if (r == 0)
		r = step_maps(&e);
	if (r == 0)
		r = step_root(&e);
	return r;
}

/* What fn says in a child of its own. */
static int
try_apart(int (*fn)(void))
{
	int status = 0;
	pid_t pid, got;

	pid = fork();
	if (pid == -1)
		return -errno;
	if (pid == 0)
		_exit(-fn() & 0xff);
	do {
		got = waitpid(pid, &status, 0);
	} while (got == -1 && errno == EINTR);
	if (got == -1)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int
profile_probe_userns(void)
{
	return try_apart(try_userns);
}

/* Refused where every proc in sight is partly covered. */
static int
try_proc(void)
{
	int fs = fsopen("proc", FSOPEN_CLOEXEC), mnt;

	if (fs == -1 || fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
		return -errno;
	mnt = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID |
	    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return mnt == -1 ? -errno : 0;
}

static int
try_session(void)
{
	struct entry e = { .profile = profile_of(ROLE_CONFREAD),
	    .role = ROLE_CONFREAD, .userns = true };
	int r;

	/* A process that has lowered itself cannot write its own maps. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1)
		return -errno;
	r = step_namespaces(&e);
	if (r == 0 && !e.userns)
		return -EPERM;
	if (r == 0)
		r = step_maps(&e);
	if (r == 0 && unshare(CLONE_NEWPID) == -1)
		r = -errno;
	return r == 0 ? try_apart(try_proc) : r;
}

int
profile_probe_session(void)
{
	return try_apart(try_session);
}
