/* doctor: what a sandbox needs of the kernel, tried in a child. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/doctor.h"

#define LANDLOCK_WANTED	6	/* scopes: abstract sockets and signals */
#define WITHOUT_LANDLOCK						\
	"a sandbox is its root, its namespaces and its filter alone, "	\
	"and agents reach the host's abstract sockets"

/* landlock.h of Debian 12 has this one too, but not under every libc. */
#define RULESET_VERSION	1u

enum step {
	STEP_NONE, STEP_USER, STEP_MAP, STEP_MOUNT, STEP_PID, STEP_NET,
	STEP_IPC, STEP_UTS, STEP_CGROUP, STEP_PRIVATE, STEP_PROC, STEP_FORK,
};

static const char *const step_names[] = {
	[STEP_NONE] = "nothing",
	[STEP_USER] = "a user namespace",
	[STEP_MAP] = "a user namespace's id maps",
	[STEP_MOUNT] = "a mount namespace",
	[STEP_PID] = "a pid namespace",
	[STEP_NET] = "a network namespace",
	[STEP_IPC] = "an ipc namespace",
	[STEP_UTS] = "a uts namespace",
	[STEP_CGROUP] = "a cgroup namespace",
	[STEP_PRIVATE] = "mounting inside the namespaces",
	[STEP_PROC] = "a fresh /proc",
	[STEP_FORK] = "a process",
};

static const struct {
	int		flag;
	enum step	step;
} kinds[] = {
	{ CLONE_NEWNS, STEP_MOUNT }, { CLONE_NEWPID, STEP_PID },
	{ CLONE_NEWNET, STEP_NET }, { CLONE_NEWIPC, STEP_IPC },
	{ CLONE_NEWUTS, STEP_UTS }, { CLONE_NEWCGROUP, STEP_CGROUP },
};

/* Settings that refuse user namespaces, and the command that lifts each. */
static const struct {
	const char	*path, *refuses, *what, *hint;
} settings[] = {
	{ "/proc/sys/user/max_user_namespaces", "0",
	    "user.max_user_namespaces is 0",
	    "sudo sysctl -w user.max_user_namespaces=15000" },
	{ "/proc/sys/kernel/unprivileged_userns_clone", "0",
	    "kernel.unprivileged_userns_clone is 0",
	    "sudo sysctl -w kernel.unprivileged_userns_clone=1" },
	{ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1",
	    "AppArmor restricts unprivileged user namespaces",
	    "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0" },
};

#define IN_CONTAINER \
	"in a container: allow unshare and mount in its seccomp and " \
	"AppArmor profiles (and do not run in a chroot)"

static int
write_file(const char *path, const char *text)
{
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);

	return fd >= 0 && write(fd, text, n) == (ssize_t)n ? 0 : -1;
}

static struct trial
failed(enum step step)
{
	return (struct trial){ .step = (int)step, .error = errno };
}

/* A user namespace in which this process is who it was. */
static struct trial
enter_user(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char map[48];

	if (unshare(CLONE_NEWUSER) == -1)
		return failed(STEP_USER);
	(void)write_file("/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "%u %u 1\n", uid, uid);
	if (write_file("/proc/self/uid_map", map) == -1)
		return failed(STEP_MAP);
	(void)snprintf(map, sizeof(map), "%u %u 1\n", gid, gid);
	if (write_file("/proc/self/gid_map", map) == -1)
		return failed(STEP_MAP);
	return (struct trial){ 0 };
}

static struct trial
try_namespaces(void *ctx)
{
	struct trial t = enter_user();

	(void)ctx;
	for (size_t i = 0; t.step == 0 && i < nitems(kinds); i++)
		if (unshare(kinds[i].flag) == -1)
			t = failed(kinds[i].step);
	/* AppArmor lets the namespace be made and then takes its powers. */
	if (t.step == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE,
	    NULL) == -1)
		t = failed(STEP_PRIVATE);
	return t;
}

static struct trial
try_proc(void *ctx)
{
	struct trial t = enter_user();
	int status;
	pid_t pid;

	(void)ctx;
	if (t.step != 0)
		return t;
	if (unshare(CLONE_NEWNS | CLONE_NEWPID) == -1)
		return failed(STEP_PID);
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		return failed(STEP_PRIVATE);
	pid = fork();
	if (pid == 0)
		_exit(mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV |
		    MS_NOEXEC, NULL) == -1 ? errno : 0);
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return failed(STEP_FORK);
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return errno != 0 ? failed(STEP_PROC) : t;
}

static bool
setting_is(const char *path, const char *value)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32];
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, value) == 0;
}

#define OR_WITHOUT							\
	"; or sandbox.minimum = \"landlock\" in coven.toml: see "	\
	"coven.toml(5) for what that leaves open"

/* A daemon that does without them has been told to. */
static enum finding_status
gravity(const struct doctor *d)
{
	return strcmp(d->daemon.sandbox, "landlock") == 0 ? FINDING_WARN :
	    FINDING_FAIL;
}

void
check_sandbox(struct doctor *d)
{
	if (strcmp(d->daemon.sandbox, "landlock") == 0)
		found(d, "sandbox", FINDING_WARN, "allow namespaces, if you "
		    "can", "mode landlock is in force, without namespaces: "
		    "sessions see the host's paths, its file names and their "
		    "dates, their protected paths are writable, and they have "
		    "no network");
	else if (d->daemon.sandbox[0] != '\0')
		found(d, "sandbox", FINDING_PASS, NULL, "mode %s is in force",
		    d->daemon.sandbox);
	else
		found(d, "sandbox", FINDING_PASS, NULL, "mode namespaces, "
		    "where nothing below fails; a daemon that runs says which "
		    "is in force");
}

/* Why were user namespaces refused?  Name the setting that says so. */
static void
explain(struct doctor *d, const char *id, const struct trial *t)
{
	char hint[512];

	for (size_t i = 0; i < nitems(settings); i++)
		if (setting_is(settings[i].path, settings[i].refuses)) {
			(void)snprintf(hint, sizeof(hint), "%s" OR_WITHOUT,
			    settings[i].hint);
			found(d, id, gravity(d), hint,
			    "%s is refused (%s): %s", step_names[t->step],
			    strerror(t->error), settings[i].what);
			return;
		}
	(void)snprintf(hint, sizeof(hint), "%s" OR_WITHOUT,
	    t->error == ENOSPC ?
	    "sudo sysctl -w user.max_user_namespaces=15000" : IN_CONTAINER);
	found(d, id, gravity(d), hint, "%s is refused: %s",
	    step_names[t->step], strerror(t->error));
}

void
check_namespaces(struct doctor *d)
{
	struct trial t;
	int rc = doctor_try(try_namespaces, NULL, &t);

	if (rc < 0)
		found(d, "namespaces", FINDING_FAIL, NULL,
		    "could not be tried: %s", strerror(-rc));
	else if (t.step != 0)
		explain(d, "namespaces", &t);
	else
		found(d, "namespaces", FINDING_PASS, NULL,
		    "user, mount, pid, net, ipc, uts and cgroup");
}

void
check_proc(struct doctor *d)
{
	struct trial t;
	int rc = doctor_try(try_proc, NULL, &t);

	if (rc < 0)
		found(d, "proc", FINDING_FAIL, NULL, "could not be tried: %s",
		    strerror(-rc));
	else if (t.step == STEP_PROC)
		found(d, "proc", gravity(d),
		    "in a container: give it an unmasked /proc "
		    "(--security-opt systempaths=unconfined)" OR_WITHOUT,
		    "a fresh /proc is refused: %s; this one is masked",
		    strerror(t.error));
	else if (t.step != 0)
		explain(d, "proc", &t);
	else
		found(d, "proc", FINDING_PASS, NULL,
		    "a fresh one can be mounted");
}

void
check_landlock(struct doctor *d)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    RULESET_VERSION);

	if (abi <= 0 && errno == EPERM)
		found(d, "landlock", FINDING_WARN, "in a container: let its "
		    "syscall filter pass the three landlock_* calls",
		    "refused here: " WITHOUT_LANDLOCK);
	else if (abi <= 0)
		found(d, "landlock", FINDING_WARN, "boot with landlock in "
		    "lsm= (see /sys/kernel/security/lsm), or a kernel with "
		    "CONFIG_SECURITY_LANDLOCK",
		    "not in this kernel: " WITHOUT_LANDLOCK);
	else if (abi < LANDLOCK_WANTED)
		found(d, "landlock", FINDING_WARN, NULL,
		    "ABI %ld; agents reach the host's abstract sockets: that "
		    "scope needs ABI %d", abi, LANDLOCK_WANTED);
	else
		found(d, "landlock", FINDING_PASS, NULL, "ABI %ld", abi);
}

void
check_seccomp(struct doctor *d)
{
	static const struct {
		uint32_t	 action;
		const char	*name;
	} actions[] = {
		{ SECCOMP_RET_KILL_PROCESS, "KILL_PROCESS" },
		{ SECCOMP_RET_TRAP, "TRAP" }, { SECCOMP_RET_ERRNO, "ERRNO" },
	};

	for (size_t i = 0; i < nitems(actions); i++)
		if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0,
		    &actions[i].action) == -1) {
			found(d, "seccomp", FINDING_FAIL,
			    "use a kernel with CONFIG_SECCOMP_FILTER",
			    "%s is not available: %s", actions[i].name,
			    strerror(errno));
			return;
		}
	found(d, "seccomp", FINDING_PASS, NULL, "filters and their actions");
}

enum { IDMAP_CHILD = 1, IDMAP_NS, IDMAP_TREE, IDMAP_SET };

/* A child in a user namespace whose maps its parent has written. */
static struct trial
idmap_with(pid_t pid)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	autoclose int ns = -1, tree = -1;
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	if (write_file(path, "0 100000 1000\n") == -1)
		return failed((enum step)IDMAP_NS);
	(void)snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	if (write_file(path, "0 100000 1000\n") == -1)
		return failed((enum step)IDMAP_NS);
	(void)snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns == -1)
		return failed((enum step)IDMAP_NS);
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, ".",
	    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree == -1)
		return failed((enum step)IDMAP_TREE);
	attr.userns_fd = (uint64_t)ns;
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr,
	    sizeof(attr)) == -1)
		return failed((enum step)IDMAP_SET);
	return (struct trial){ 0 };
}

static struct trial
try_idmap(void *ctx)
{
	int up[2], down[2];
	struct trial t;
	char byte = 0;
	pid_t pid;

	(void)ctx;
	if (unshare(CLONE_NEWNS) == -1 || pipe(up) == -1 || pipe(down) == -1)
		return failed((enum step)IDMAP_CHILD);
	pid = fork();
	if (pid == 0) {
		(void)close(down[1]);
		if (unshare(CLONE_NEWUSER) == 0 && write(up[1], "", 1) == 1)
			(void)!read(down[0], &byte, 1);
		_exit(0);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	if (pid == -1 || read(up[0], &byte, 1) != 1)
		t = failed((enum step)IDMAP_CHILD);
	else
		t = idmap_with(pid);
	(void)close(down[1]);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
	return t;
}

/* Root gives a payload a uid of its own where the file system allows it. */
void
check_idmap(struct doctor *d)
{
	struct trial t;
	int rc;

	if (geteuid() != 0)
		return;
	rc = doctor_try(try_idmap, NULL, &t);
	if (rc < 0 || t.step != 0)
		found(d, "idmap", FINDING_WARN, NULL, "no id-mapped mounts of "
		    "the working directory's file system: %s",
		    strerror(rc < 0 ? -rc : t.error));
	else
		found(d, "idmap", FINDING_PASS, NULL,
		    "id-mapped mounts work here");
}
