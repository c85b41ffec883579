#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/init.h"

#define ATTR_DEV	(MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)

/* The host's nodes: none can be made in a user namespace. */
static const struct {
	const char	*path, *name;
	unsigned	 major, minor;
} nodes[] = {
	{ "/dev/null", "null", 1, 3 },
	{ "/dev/zero", "zero", 1, 5 },
	{ "/dev/full", "full", 1, 7 },
	{ "/dev/random", "random", 1, 8 },
	{ "/dev/urandom", "urandom", 1, 9 },
	{ "/dev/tty", "tty", 5, 0 },
};

static const struct {
	const char	*name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
	{ "ptmx", "pts/ptmx" },
};

static const char *const dev_options[] = { "mode=0755", "size=64k", NULL };
static const char *const shm_options[] = { "mode=1777", "size=256m",
    "nr_inodes=65536", NULL };
static const char *const pts_options[] = { "newinstance", "ptmxmode=0666",
    "mode=0620", NULL };

/* What lies on /dev besides nodes and links. */
static const struct {
	const char		*path, *type;
	const char *const	*options;
	uint64_t		 attr;
} dev_mounts[] = {
	{ "/dev", "tmpfs", dev_options, MOUNT_ATTR_NOSUID |
	    MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV },
	{ "/dev/shm", "tmpfs", shm_options, MOUNT_ATTR_NOSUID |
	    MOUNT_ATTR_NODEV },
	{ "/dev/pts", "devpts", pts_options, ATTR_DEV },
};

static int
put_node(struct init *in, size_t i)
{
	autoclose int mnt = mount_clone(AT_FDCWD, nodes[i].path, 0);
	struct stat st;
	char path[32] = "/dev/";
	int r;

	if (mnt < 0)
		return mnt;
	if (fstat(mnt, &st) == -1)
		return -errno;
	if (!S_ISCHR(st.st_mode) || st.st_rdev !=
	    makedev(nodes[i].major, nodes[i].minor))
		return -ENXIO;
	r = mount_set(mnt, 0, ATTR_DEV);
	if (r < 0)
		return r;
	(void)strncat(path, nodes[i].name, sizeof(path) - 6);
	return init_put(in, mnt, path);
}

int
init_dev(struct init *in)
{
	autoclose int dev = -1;
	size_t i;
	int r;

	for (i = 0; i < nitems(dev_mounts); i++) {
		autoclose int mnt = mount_new(dev_mounts[i].type,
		    dev_mounts[i].options, dev_mounts[i].attr);

		r = mnt < 0 ? mnt : init_put(in, mnt, dev_mounts[i].path);
		/* Only /dev itself: mount points are made in no other. */
		if (r == 0 && i == 0)
			r = init_own(in, mnt);
		if (r < 0)
			return init_fail(in, r, "mount %s",
			    dev_mounts[i].path);
	}
	for (i = 0; i < nitems(nodes); i++) {
		r = put_node(in, i);
		if (r < 0)
			return init_fail(in, r, "mount %s", nodes[i].path);
	}
	dev = openat(in->root, "dev", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; dev != -1 && i < nitems(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) == -1)
			return init_fail(in, -errno, "link /dev/%s",
			    links[i].name);
	return dev == -1 ? init_fail(in, -errno, "open the new /dev") : 0;
}

/* --- /proc --- */

enum cover { COVER_FILE, COVER_FOLDER, COVER_READ_ONLY };

static const struct {
	const char	*name;
	enum cover	 how;
	const char	*why;
} covers[] = {
	{ "sys", COVER_READ_ONLY, "uid 0 writes some without a capability" },
	{ "fs", COVER_READ_ONLY, "settings of file systems" },
	{ "irq", COVER_READ_ONLY, "settings of interrupts" },
	{ "bus", COVER_READ_ONLY, "devices" },
	{ "kcore", COVER_FILE, "the kernel's memory" },
	{ "keys", COVER_FILE, "keys of other sessions" },
	{ "key-users", COVER_FILE, "keys of other users" },
	{ "kmsg", COVER_FILE, "the kernel's log" },
	{ "kallsyms", COVER_FILE, "the kernel's addresses" },
	{ "latency_stats", COVER_FILE, "timing of other processes" },
	{ "sched_debug", COVER_FILE, "processes of the host" },
	{ "sysrq-trigger", COVER_FILE, "ends the host" },
	{ "timer_list", COVER_FILE, "processes of the host" },
	{ "timer_stats", COVER_FILE, "processes of the host" },
	{ "acpi", COVER_FOLDER, "devices" },
	{ "scsi", COVER_FOLDER, "devices" },
	{ "pressure", COVER_READ_ONLY, "triggers cost the kernel work" },
};

static int
make_read_only(int dir, const char *name)
{
	autoclose int mnt = mount_clone(dir, name, AT_RECURSIVE);
	int r;

	if (mnt < 0)
		return mnt;
	r = mount_set(mnt, AT_RECURSIVE, MOUNT_ATTR_RDONLY |
	    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	return r < 0 ? r : mount_attach(mnt, dir, name);
}

int
init_proc(struct init *in)
{
	size_t i;
	int r;

	/*
	 * Refused where every proc in sight is masked, as in a container.
	 * The one that is there shows the host's processes: never that one.
	 */
	in->proc = mount_new("proc", NULL, MOUNT_ATTR_NOSUID |
	    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (in->proc == -EPERM)
		return init_fail(in, in->proc, "make a fresh proc (the one "
		    "here is masked: give the container an unmasked one, "
		    "--security-opt systempaths=unconfined)");
	if (in->proc < 0)
		return init_fail(in, in->proc, "make a fresh proc");
	r = init_put(in, in->proc, "/proc");
	if (r < 0)
		return init_fail(in, r, "mount /proc");
	for (i = 0; i < nitems(covers); i++) {
		if (faccessat(in->proc, covers[i].name, F_OK,
		    AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT)
			continue;
		r = covers[i].how == COVER_READ_ONLY ?
		    make_read_only(in->proc, covers[i].name) :
		    init_cover(in, in->proc, covers[i].name,
		    covers[i].how == COVER_FOLDER);
		if (r < 0)
			return init_fail(in, r, "cover /proc/%s",
			    covers[i].name);
	}
	return 0;
}

/* --- network, name, terminal --- */

/* The only way out: made in here, served out there by coven-gateway. */
static int
hand_over_listener(struct init *in)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
	    .sin_port = htons(INIT_GATEWAY_PORT),
	    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct msg_init_listener msg = { 0 };
	autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	int r;

	if (fd == -1 || bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 ||
	    listen(fd, LIMIT_GATEWAY_BACKLOG) == -1)
		return init_fail(in, -errno, "make the gateway's listener");
	r = chan_send(&in->control, MSG_INIT_LISTENER, &msg, fd);
	return r < 0 && r != -EPIPE ? init_fail(in, r,
	    "hand over the gateway's listener") : 0;
}

int
init_loopback(struct init *in)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	autoclose int fd = -1;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return init_fail(in, -errno, "make a socket for lo");
	ifr.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr) == -1)
		return init_fail(in, -errno, "bring lo up");
	return in->network != 0 ? hand_over_listener(in) : 0;
}

int
init_hostname(struct init *in)
{
	if (*in->hostname == '\0')
		return 0;
	if (sethostname(in->hostname, strlen(in->hostname)) == -1)
		return init_fail(in, -errno, "set the host name %s",
		    in->hostname);
	return 0;
}

int
init_terminal(struct init *in)
{
	struct winsize ws = { .ws_row = (unsigned short)in->rows,
	    .ws_col = (unsigned short)in->cols };
	struct msg_init_tty msg = { 0 };
	const char *path = in->alone ? "/dev/ptmx" : "/dev/pts/ptmx";
	autoclose int master = -1;
	int unlock = 0, r;

	if (in->transport != TRANSPORT_PTY)
		return 0;
	master = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master == -1)
		return init_fail(in, -errno, "open %s", path);
	if (ws.ws_row != 0 && ws.ws_col != 0 &&
	    ioctl(master, TIOCSWINSZ, &ws) == -1)
		return init_fail(in, -errno, "set the terminal's size");
	if (ioctl(master, TIOCSPTLCK, &unlock) == -1)
		return init_fail(in, -errno, "unlock the terminal");
	in->tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (in->tty == -1)
		return init_fail(in, -errno, "open the terminal");
	/* Whoever holds the master reads and types as the user. */
	r = chan_send(&in->runner, MSG_INIT_TTY, &msg, master);
	if (r < 0)
		return init_fail(in, r, "hand over the terminal");
	return 0;
}
