/* Networks and sockets. */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coven-probe/probe.h"

static int
tcp(const char *address, const char *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	long n;
	int fd;

	if (!target_number(port, &n))
		return DOOR_UNTRIED;
	in.sin_port = htons((uint16_t)n);
	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		return DOOR_UNTRIED;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return errno;
	return door(connect(fd, (struct sockaddr *)&in, sizeof(in)));
}

static int
host_port(const struct targets *t)
{
	return tcp("127.0.0.1", t->port);
}

/* The start alone: a route is asked for, and no packet is waited for. */
static int
route(int family, const void *address, socklen_t len)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	return fd == -1 ? errno : door(connect(fd, address, len));
}

static int
out4(const struct targets *t)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(53) };

	(void)t;
	in.sin_addr.s_addr = htonl(0xc0000201);	/* 192.0.2.1: nobody's */
	return route(AF_INET, &in, sizeof(in));
}

static int
out6(const struct targets *t)
{
	struct sockaddr_in6 in = { .sin6_family = AF_INET6,
	    .sin6_port = htons(53) };

	(void)t;
	(void)inet_pton(AF_INET6, "2001:db8::1", &in.sin6_addr);
	return route(AF_INET6, &in, sizeof(in));
}

/* The metadata service of clouds. */
static int
metadata(const struct targets *t)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(80) };

	(void)t;
	in.sin_addr.s_addr = htonl(0xa9fea9fe);	/* 169.254.169.254 */
	return route(AF_INET, &in, sizeof(in));
}

static int
interfaces(const struct targets *t)
{
	struct if_nameindex *list = if_nameindex();
	int r = ENODEV;

	(void)t;
	if (list == NULL)
		return errno;
	for (size_t i = 0; list[i].if_index != 0; i++)
		if (strcmp(list[i].if_name, "lo") != 0)
			r = DOOR_OPEN;
	if_freenameindex(list);
	return r;
}

/* --- sockets with a name ------------------------------------------------ */

static int
unix_connect(const char *path, bool abstract)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t n = path != NULL ? strlen(path) : 0, skip = abstract ? 1 : 0;
	int r = DOOR_UNTRIED;

	if (n == 0 || n + skip >= sizeof(sun.sun_path))
		return r;
	memcpy(sun.sun_path + skip, path, n);
	for (size_t i = 0; i < nitems_of(types) && r != DOOR_OPEN; i++) {
		int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC |
		    SOCK_NONBLOCK, 0);

		if (fd == -1)
			return errno;
		r = door_behind(connect(fd, (struct sockaddr *)&sun,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + skip +
		    n + !abstract)), EAGAIN, EINPROGRESS);
		(void)close(fd);
	}
	return r;
}

static int
daemon_socket(const struct targets *t)
{
	return unix_connect(t->socket, false);
}

static int
socket_beside(const struct targets *t)
{
	return unix_connect(t->beside, false);
}

static int
socket_inside(const struct targets *t)
{
	return unix_connect(t->inside, false);
}

static int
abstract_socket(const struct targets *t)
{
	return unix_connect(t->abstract, true);
}

static int
fifo(const struct targets *t)
{
	return door_path(t->fifo, O_WRONLY);
}

/* Services that hand out what they may themselves. */
static int
services(const struct targets *t)
{
	static const char *const paths[] = { "/run/dbus/system_bus_socket",
	    "/var/run/docker.sock", "/run/docker.sock",
	    "/run/containerd/containerd.sock", "/run/systemd/private",
	    "/run/systemd/journal/socket", "/run/udev/control",
	    "/tmp/.X11-unix/X0", "/run/snapd.socket",
	    "/run/user/1000/bus" };
	int r = ENOENT;

	(void)t;
	for (size_t i = 0; i < nitems_of(paths) && r != DOOR_OPEN; i++)
		r = unix_connect(paths[i], false);
	return r;
}

/* --- kinds of sockets --------------------------------------------------- */

static int
make(int family, int type, int protocol)
{
	return door(socket(family, type | SOCK_CLOEXEC, protocol));
}

#define KIND(name, family, type, protocol)				\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return make(family, type, protocol);			\
	}

KIND(raw, AF_INET, SOCK_RAW, IPPROTO_ICMP)
KIND(packet, AF_PACKET, SOCK_RAW, 0)
KIND(vsock, AF_VSOCK, SOCK_STREAM, 0)
KIND(alg, AF_ALG, SOCK_SEQPACKET, 0)
KIND(key, AF_KEY, SOCK_RAW, 2)
KIND(bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)
KIND(xdp, AF_XDP, SOCK_RAW, 0)
KIND(can, AF_CAN, SOCK_RAW, 1)
KIND(tipc, AF_TIPC, SOCK_DGRAM, 0)
KIND(rds, AF_RDS, SOCK_SEQPACKET, 0)

static int
set_interface(const struct targets *t)
{
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)t;
	if (fd == -1)
		return errno;
	return door(ioctl(fd, SIOCSIFFLAGS, &up));
}

static const struct door doors[] = {
	{ "host-port", "connect to a port of the host", host_port, OWNER },
	{ "out-ipv4", "find a way to another host", out4, HOST },
	{ "out-ipv6", "the same, by IPv6", out6, HOST },
	{ "metadata", "find a way to a cloud's metadata", metadata, HOST },
	{ "interfaces", "see an interface of the host", interfaces, HOST },
	{ "set-interface", "change an interface", set_interface, ROOT },
	{ "daemon", "connect to coven.sock", daemon_socket, OWNER },
	{ "socket-beside", "connect to a socket beside the project",
	    socket_beside, OWNER },
	{ "socket-inside", "connect to a socket that was in the project",
	    socket_inside, OWNER },
	{ "abstract", "connect to an abstract socket", abstract_socket,
	    OWNER },
	{ "fifo", "write to a FIFO that was in the project", fifo, OWNER },
	{ "services", "connect to a service of the system", services, HOST },
	{ "raw", "make raw packets", raw, ROOT },
	{ "packet", "read packets of an interface", packet, ROOT },
	{ "vsock", "speak to the hypervisor", vsock, HOST },
	{ "alg", "use the kernel's ciphers", alg, HOST },
	{ "key", "manage IPsec keys", key, NEVER },
	{ "bluetooth", "speak Bluetooth", bluetooth, NEVER },
	{ "xdp", "go round the network stack", xdp, NEVER },
	{ "can", "speak to a CAN bus", can, NEVER },
	{ "tipc", "speak TIPC", tipc, NEVER },
	{ "rds", "speak RDS", rds, NEVER },
};
FAMILY(network_family, NETWORK, doors);
