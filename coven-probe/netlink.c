/* Netlink but route, and other spellings of what is refused. */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <netinet/in.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/netlink.h>

#include "coven-probe/probe.h"

#define NETLINK(name, protocol)						\
	static int							\
	name(const struct targets *t)					\
	{								\
		(void)t;						\
		return door(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,	\
		    protocol));						\
	}

NETLINK(netfilter, NETLINK_NETFILTER)
NETLINK(uevent, NETLINK_KOBJECT_UEVENT)
NETLINK(generic, NETLINK_GENERIC)
NETLINK(audit, NETLINK_AUDIT)
NETLINK(xfrm, NETLINK_XFRM)
NETLINK(diag, NETLINK_SOCK_DIAG)
NETLINK(crypto, NETLINK_CRYPTO)
NETLINK(connector, NETLINK_CONNECTOR)

/* The kernel looks at 32 bits only. */
#define HIGH	(1ul << 32)

static int
vsock_high(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_socket, AF_VSOCK | HIGH, SOCK_STREAM, 0));
}

static int
netlink_high(const struct targets *t)
{
	(void)t;
	return door(syscall(SYS_socket, AF_NETLINK | HIGH, SOCK_RAW,
	    NETLINK_KOBJECT_UEVENT));
}

static int
packet_old(const struct targets *t)
{
	(void)t;
	return door(socket(AF_INET, SOCK_PACKET | SOCK_CLOEXEC, 0x300));
}

static int
raw6(const struct targets *t)
{
	(void)t;
	return door(socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC,
	    IPPROTO_ICMPV6));
}

static int
low_port(const struct targets *t)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons(1) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)t;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1)
		return errno;
	return door(bind(fd, (struct sockaddr *)&in, sizeof(in)));
}

/* The daemon's socket below another name of the root. */
static int
daemon_by_root(const struct targets *t)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd, n;

	if (t->socket == NULL)
		return DOOR_UNTRIED;
	n = snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/root%s",
	    t->socket);
	if (n >= (int)sizeof(sun.sun_path))
		return DOOR_UNTRIED;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return errno;
	return door(connect(fd, (struct sockaddr *)&sun, sizeof(sun)));
}

static const struct door doors[] = {
	{ "netlink-netfilter", "speak to the packet filter", netfilter,
	    HOST },
	{ "netlink-uevent", "hear of devices", uevent, OWNER },
	{ "netlink-generic", "speak to drivers", generic, OWNER },
	{ "netlink-audit", "speak to the kernel's audit", audit, HOST },
	{ "netlink-xfrm", "speak to IPsec", xfrm, HOST },
	{ "netlink-diag", "list the sockets of others", diag, HOST },
	{ "netlink-crypto", "set the kernel's ciphers", crypto, HOST },
	{ "netlink-connector", "hear of processes", connector, HOST },
	{ "netlink-high", "hear of devices, with bit 32 set", netlink_high,
	    OWNER },
	{ "vsock-high", "speak to the hypervisor, with bit 32 set",
	    vsock_high, HOST },
	{ "packet-old", "read packets by the old name", packet_old, HOST },
	{ "raw-ipv6", "make raw packets of IPv6", raw6, ROOT },
	{ "low-port", "take a port of the system's", low_port, ROOT },
	{ "daemon-by-root", "connect to coven.sock through /proc/self/root",
	    daemon_by_root, OWNER },
};
FAMILY(netlink_family, NETWORK, doors);
