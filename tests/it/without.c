/*
 * without NAME[,NAME ...] CMD ARG...: runs the command where these syscalls
 * are refused with EPERM, as a container's filter refuses them.
 */
#include <err.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	char *names, *name;

	if (argc < 3)
		errx(2, "usage: without NAME[,NAME ...] CMD ARG...");
	names = argv[1];
	while ((name = strsep(&names, ",")) != NULL) {
		int nr = seccomp_syscall_resolve_name(name);

		if (nr == __NR_SCMP_ERROR)
			errx(2, "%s: no such syscall", name);
		if (seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0) < 0)
			errx(2, "%s: cannot be refused", name);
	}
	if (seccomp_load(ctx) < 0)
		errx(2, "the filter cannot be loaded");
	seccomp_release(ctx);
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
