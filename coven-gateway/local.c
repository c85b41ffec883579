/* Which addresses are this machine's own: the kernel's routes know. */
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-gateway/gateway.h"

int
local_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd == -1 ? -errno : fd;
}

/* "How would you get there?", for one address. */
static int
ask(int route, const struct net_addr *a)
{
	struct {
		struct nlmsghdr	h;
		struct rtmsg	r;
		struct rtattr	attr;
		uint8_t		addr[16];
	} q = { 0 };

	q.h.nlmsg_type = RTM_GETROUTE;
	q.h.nlmsg_flags = NLM_F_REQUEST;
	q.r.rtm_family = a->len == 4 ? AF_INET : AF_INET6;
	q.r.rtm_dst_len = (uint8_t)(a->len * 8);
	q.attr.rta_type = RTA_DST;
	q.attr.rta_len = (unsigned short)RTA_LENGTH(a->len);
	memcpy(q.addr, a->b, a->len);
	q.h.nlmsg_len = (uint32_t)(offsetof(__typeof__(q), addr) + a->len);
	return send(route, &q, q.h.nlmsg_len, 0) == -1 ? -errno : 0;
}

/*
 * Taken when it is connected to, not when the session began.  Where the
 * kernel has no way there, connecting says so; where it does not answer, the
 * address is taken for its own.
 */
bool
local_is(int route, const struct net_addr *a)
{
	union {
		struct nlmsghdr	h;
		char		space[4096];
	} reply;
	const struct rtmsg *r;
	ssize_t n;

	if (ask(route, a) < 0)
		return true;
	n = recv(route, &reply, sizeof(reply), 0);
	if (n < (ssize_t)NLMSG_LENGTH(0))
		return true;
	if (reply.h.nlmsg_type == NLMSG_ERROR)
		return false;
	if (reply.h.nlmsg_type != RTM_NEWROUTE ||
	    n < (ssize_t)NLMSG_LENGTH(sizeof(*r)))
		return true;
	r = NLMSG_DATA(&reply.h);
	return r->rtm_type != RTN_UNICAST;
}
