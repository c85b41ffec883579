/* doctor: the rules of the home, and who holds it. */
#include <sys/stat.h>
#include <sys/vfs.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/doctor.h"

/* The monitor's table: it refuses a home on any of these. */
static const struct {
	uint32_t	 magic;
	const char	*name;
} refused_fs[] = {
	{ 0x6969, "nfs" }, { 0x517b, "smb" }, { 0xff534d42, "cifs" },
	{ 0xfe534d42, "smb2" }, { 0x65735546, "fuse" }, { 0x00c36400, "ceph" },
	{ 0x01021997, "9p" }, { 0x5346414f, "afs" }, { 0x73757245, "coda" },
	{ 0x4d44, "vfat" }, { 0x2011bab0, "exfat" },
};

void
check_home(struct doctor *d)
{
	const struct home *h = &d->ctl->home;

	if (d->home == HOME_OK)
		found(d, "home", FINDING_PASS, NULL, "%s is yours alone",
		    h->path);
	else if (d->home == HOME_ABSENT)
		found(d, "home", FINDING_PASS, NULL,
		    "%s does not exist yet; covenctl start makes it",
		    h->path);
	else
		found(d, "home", FINDING_FAIL,
		    h->hint[0] != '\0' ? h->hint : NULL, "%s", h->why);
}

/* One folder above the home: may another user write there? */
static bool
check_ancestor(struct doctor *d, const char *path)
{
	char hint[PATH_MAX + 32];
	struct stat st;

	if (stat(path, &st) == -1)
		return true;
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		(void)snprintf(hint, sizeof(hint), "chown root '%s'", path);
		found(d, "home:ancestors", FINDING_FAIL, hint,
		    "%s, above the home, belongs to uid %u", path,
		    (unsigned)st.st_uid);
		return false;
	}
	if ((st.st_mode & 022) == 0 || (st.st_mode & S_ISVTX) != 0)
		return true;
	(void)snprintf(hint, sizeof(hint), "chmod go-w '%s'", path);
	found(d, "home:ancestors", FINDING_FAIL, hint,
	    "%s, above the home, can be written by others (mode %04o)", path,
	    (unsigned)st.st_mode & 07777);
	return false;
}

void
check_home_path(struct doctor *d)
{
	char at[PATH_MAX];
	char *slash;

	if (d->home != HOME_OK)
		return;
	memcpy(at, d->ctl->home.path, sizeof(at));
	while ((slash = strrchr(at, '/')) != NULL) {
		slash[slash == at ? 1 : 0] = '\0';
		if (!check_ancestor(d, at))
			return;
		if (slash == at)
			break;
	}
	found(d, "home:ancestors", FINDING_PASS, NULL,
	    "nobody else can replace it");
}

void
check_home_fs(struct doctor *d)
{
	struct statfs fs;

	if (d->home != HOME_OK || fstatfs(d->ctl->home.dir, &fs) == -1)
		return;
	for (size_t i = 0; i < nitems(refused_fs); i++)
		if ((uint32_t)fs.f_type == refused_fs[i].magic) {
			/* A daemon that serves it was allowed to. */
			found(d, "home:filesystem",
			    d->daemon.state == DAEMON_RUNNING ? FINDING_WARN :
			    FINDING_FAIL, "use a folder on a local disk with "
			    "--home, or name it in home.allow_fs",
			    "the home lies on %s", refused_fs[i].name);
			return;
		}
	found(d, "home:filesystem", FINDING_PASS, NULL, "a local file system");
}

void
check_home_socket(struct doctor *d)
{
	const struct home *h = &d->ctl->home;
	char hint[PATH_MAX + 32];
	struct stat st;

	if (d->home != HOME_OK)
		return;
	if (fstatat(h->dir, "coven.sock", &st, AT_SYMLINK_NOFOLLOW) == -1) {
		found(d, "home:socket", FINDING_PASS, NULL, "no socket yet");
		return;
	}
	(void)snprintf(hint, sizeof(hint), "rm '%s/coven.sock'", h->path);
	if (!S_ISSOCK(st.st_mode))
		found(d, "home:socket", FINDING_FAIL, hint,
		    "%s/coven.sock is %s, not a socket", h->path,
		    S_ISLNK(st.st_mode) ? "a symbolic link" :
		    "something else");
	else if (st.st_uid != geteuid())
		found(d, "home:socket", FINDING_FAIL, hint,
		    "%s/coven.sock belongs to uid %u", h->path,
		    (unsigned)st.st_uid);
	else if (d->untrusted)
		found(d, "home:socket", FINDING_FAIL, NULL, "%s",
		    d->ctl->client.why);
	else
		found(d, "home:socket", FINDING_PASS, NULL,
		    "a socket of your own");
}

void
check_daemon(struct doctor *d)
{
	const struct daemon *m = &d->daemon;
	char hint[128] = "";
	pid_t holder;

	if (m->state == DAEMON_RUNNING) {
		found(d, "daemon", FINDING_PASS, NULL,
		    "running (pid %" PRId64 ", version %s)", m->pid,
		    m->version);
		return;
	}
	if (d->home == HOME_OK && !d->untrusted &&
	    home_lock_held(&d->ctl->home)) {
		holder = home_lock_holder(&d->ctl->home);
		if (holder != 0)
			(void)snprintf(hint, sizeof(hint),
			    "kill %d, then covenctl start", (int)holder);
		found(d, "daemon", FINDING_FAIL, hint,
		    "an old daemon holds the home but does not answer%s",
		    holder == 0 ? "; its process is not visible here" : "");
		return;
	}
	if (m->state == DAEMON_STALE && m->pid != 0)
		(void)snprintf(hint, sizeof(hint),
		    "kill %" PRId64 ", then covenctl start", m->pid);
	if (d->untrusted)
		found(d, "daemon", FINDING_FAIL, NULL, "%s",
		    d->ctl->client.why);
	else if (m->state == DAEMON_STALE)
		found(d, "daemon", FINDING_FAIL, hint,
		    "a process is recorded or listens but does not answer");
	else
		found(d, "daemon", FINDING_WARN, "start it: covenctl start",
		    "not running");
}
