/* What a package sets up on a host: users of the roles, an AppArmor profile. */
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/ctl.h"
#include "covenctl/doctor.h"

/* Up to len - 1 bytes of a small file and a NUL; false: there is none. */
static bool
read_text(const char *path, char *text, size_t len)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd != -1 ? read(fd, text, len - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

/* --- users ---------------------------------------------------------------- */

/* Those that coven-monitor/uids.c looks for. */
static const char *const users[] = {
	"coven-apid", "coven-stored", "coven-confread", "coven-gateway",
	"coven-resolver",
};

/* Is the daemon root's?  Its status says so even where its files do not. */
static bool
serves_as_root(const struct doctor *d)
{
	char path[64], text[4096], *at;

	if (d->daemon.pid <= 0)
		return geteuid() == 0;
	(void)snprintf(path, sizeof(path), "/proc/%lld/status",
	    (long long)d->daemon.pid);
	if (!read_text(path, text, sizeof(text)))
		return false;
	at = strstr(text, "\nUid:\t");
	return at != NULL && strtoul(at + 6, NULL, 10) == 0;
}

void
check_users(struct doctor *d)
{
	const char *missing = NULL;
	size_t i;

	if (!serves_as_root(d))
		return;
	for (i = 0; i < nitems(users); i++)
		if (getpwnam(users[i]) == NULL)
			missing = users[i];
	if (missing == NULL)
		found(d, "users", FINDING_PASS, NULL, "roles have users of "
		    "their own, payloads ids of a range where the file "
		    "system can be id-mapped");
	else
		found(d, "users", FINDING_WARN, "install sysusers.d/coven.conf "
		    "and run systemd-sysusers", "there is no user %s: roles "
		    "have ids of a claimed range, and an ordinary owner's "
		    "payloads his own", missing);
}

/* --- AppArmor ------------------------------------------------------------- */

#define RESTRICTS "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"
#define OURS	"/etc/apparmor.d/coven"

/*
 * Ubuntu lets only programs with a profile make user namespaces.  Which
 * profiles are loaded is for root to read; that ours was installed, and that
 * one confines the daemon, anybody can see.
 */
void
check_apparmor(struct doctor *d)
{
	char text[64], path[64];

	if (geteuid() == 0 || !read_text(RESTRICTS, text, sizeof(text)) ||
	    text[0] != '1')
		return;
	if (access(OURS, F_OK) == -1) {
		found(d, "apparmor", FINDING_FAIL, "install packaging/apparmor/"
		    "coven as " OURS " and run apparmor_parser -r " OURS,
		    "this host lets no program without a profile make user "
		    "namespaces, and coven's is not installed");
		return;
	}
	(void)snprintf(path, sizeof(path), "/proc/%lld/attr/current",
	    (long long)d->daemon.pid);
	if (d->daemon.pid > 0 && read_text(path, text, sizeof(text)) &&
	    strncmp(text, "coven", 5) != 0)
		found(d, "apparmor", FINDING_FAIL, "run apparmor_parser -r "
		    OURS " as root, then covenctl restart", "the daemon runs "
		    "without its profile, which lets it make user namespaces");
	else
		found(d, "apparmor", FINDING_PASS, NULL,
		    "the profile that allows user namespaces is installed");
}
