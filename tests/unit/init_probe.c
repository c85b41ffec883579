/*
 * What a payload can reach, one verb a try.  Prints "ok" or the error's name;
 * run inside the sandbox by tests/unit/test_init.c.
 */
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
probe_connect(char **a)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", a[0]);
	return connect(fd, (struct sockaddr *)&sun, sizeof(sun));
}

static int
probe_abstract(char **a)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	memcpy(sun.sun_path + 1, a[0], strlen(a[0]));
	return connect(fd, (struct sockaddr *)&sun,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
	    strlen(a[0])));
}

static int
probe_inet(char **a)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_port = htons((uint16_t)atoi(a[1]));
	(void)inet_pton(AF_INET, a[0], &sin.sin_addr);
	return connect(fd, (struct sockaddr *)&sin, sizeof(sin));
}

static int
probe_read(char **a)
{
	return open(a[0], O_RDONLY | O_NONBLOCK);
}

static int
probe_write(char **a)
{
	return open(a[0], O_WRONLY | O_NONBLOCK);
}

static int
probe_create(char **a)
{
	return open(a[0], O_WRONLY | O_CREAT | O_EXCL, 0644);
}

static int
probe_mount(char **a)
{
	(void)a;
	return mount("tmpfs", "/tmp", "tmpfs", 0, NULL);
}

static int
probe_umount(char **a)
{
	return umount2(a[0], MNT_DETACH);
}

static int
probe_remount(char **a)
{
	return mount(NULL, a[0], NULL, MS_REMOUNT | MS_BIND | MS_NOSUID |
	    MS_NODEV, NULL);
}

static int
probe_userns(char **a)
{
	(void)a;
	return unshare(CLONE_NEWUSER);
}

static int
probe_mknod(char **a)
{
	return mknod(a[0], S_IFCHR | 0666, makedev(1, 3));
}

static int
probe_tiocsti(char **a)
{
	(void)a;
	return ioctl(0, TIOCSTI, "x");
}

static int
probe_trace(char **a)
{
	return (int)ptrace(PTRACE_SEIZE, atoi(a[0]), NULL, NULL);
}

static int
probe_kill(char **a)
{
	return kill(atoi(a[0]), SIGKILL);
}

static int
probe_sethostname(char **a)
{
	return sethostname(a[0], strlen(a[0]));
}

static int
probe_uid0(char **a)
{
	(void)a;
	return setuid(0);
}

/* Prints what is open besides the folder it reads them from. */
static int
probe_fds(char **a)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	(void)a;
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.' && atoi(e->d_name) != dirfd(d))
			printf("%s ", e->d_name);
	return d == NULL ? -1 : 0;
}

static const struct {
	const char	*verb;
	int		(*run)(char **);
	int		 nargs;
} verbs[] = {
	{ "connect", probe_connect, 1 },
	{ "abstract", probe_abstract, 1 },
	{ "inet", probe_inet, 2 },
	{ "read", probe_read, 1 },
	{ "write", probe_write, 1 },
	{ "create", probe_create, 1 },
	{ "mount", probe_mount, 0 },
	{ "umount", probe_umount, 1 },
	{ "remount", probe_remount, 1 },
	{ "userns", probe_userns, 0 },
	{ "mknod", probe_mknod, 1 },
	{ "tiocsti", probe_tiocsti, 0 },
	{ "trace", probe_trace, 1 },
	{ "kill", probe_kill, 1 },
	{ "sethostname", probe_sethostname, 1 },
	{ "uid0", probe_uid0, 0 },
	{ "fds", probe_fds, 0 },
};

int
main(int argc, char **argv)
{
	size_t i;
	int r;

	for (i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].verb) != 0 ||
		    argc != 2 + verbs[i].nargs)
			continue;
		r = verbs[i].run(argv + 2);
		printf("%s\n", r < 0 ? strerrorname_np(errno) : "ok");
		fflush(stdout);
		_exit(0);
	}
	fprintf(stderr, "init_probe: no such verb\n");
	return 64;
}
