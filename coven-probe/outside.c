/*
 * The control's place.  Outside there is no folder among the descriptors and
 * no mount on /usr: what an attempt would find if a sandbox were careless is
 * put there, for this one process, so that the attempt is seen to succeed.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "coven-probe/probe.h"

#define EXTRA	9	/* a descriptor that nobody asked for */

/* What is mounted and unmounted below is so for this process alone. */
static void
own_mounts(void)
{
	if (unshare(CLONE_NEWNS) == -1 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1)
		_exit(1);
	(void)mount("/usr", "/usr", NULL, MS_BIND, NULL);
	(void)mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL);
}

static void
pass_on_capabilities(void)
{
	struct __user_cap_header_struct head = {
	    .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) == -1)
		return;
	data[0].inheritable = data[0].permitted;
	(void)syscall(SYS_capset, &head, data);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0);
}

void
outside_prepare(void)
{
	int fd;

	(void)signal(SIGHUP, SIG_IGN);
	if (geteuid() == 0) {
		own_mounts();
		pass_on_capabilities();
	}
	fd = own_terminal();
	if (fd != -1)
		(void)dup2(fd, STDIN_FILENO);
	fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)dup2(fd, STDERR_FILENO);
	(void)dup2(fd, EXTRA);
	(void)setenv("SSH_AUTH_SOCK", "/nonexistent", 1);
}
