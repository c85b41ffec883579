/*
 * without NAME[,NAME ...] CMD ARG...: runs the command where these syscalls
 * are refused with EPERM, as a container's filter refuses them.  "peerpidfd"
 * is the socket option of that name, which no kernel before 6.5 has.
 */
#include <err.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77
#endif

static void
refuse(scmp_filter_ctx ctx, const char *name)
{
	int nr, r;

	if (strcmp(name, "peerpidfd") == 0) {
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOPROTOOPT),
		    SCMP_SYS(getsockopt), 2,
		    SCMP_A1(SCMP_CMP_EQ, SOL_SOCKET),
		    SCMP_A2(SCMP_CMP_EQ, SO_PEERPIDFD));
	} else {
		nr = seccomp_syscall_resolve_name(name);
		if (nr == __NR_SCMP_ERROR)
			errx(2, "%s: no such syscall", name);
		r = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EPERM), nr, 0);
	}
	if (r < 0)
		errx(2, "%s: cannot be refused", name);
}

int
main(int argc, char **argv)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	char *names, *name;

	if (argc < 3)
		errx(2, "usage: without NAME[,NAME ...] CMD ARG...");
	names = argv[1];
	while ((name = strsep(&names, ",")) != NULL)
		refuse(ctx, name);
	if (seccomp_load(ctx) < 0)
		errx(2, "the filter cannot be loaded");
	seccomp_release(ctx);
	execvp(argv[2], argv + 2);
	err(127, "%s", argv[2]);
}
