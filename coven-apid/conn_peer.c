/* Who is at the other end of a connection. */
#include <sys/socket.h>

#include <errno.h>

#include "coven-apid/conn_impl.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77	/* Linux 6.5: uapi/asm-generic/socket.h */
#endif

int
conn_peer(const struct conn *c, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	if (getsockopt(c->source.fd, SOL_SOCKET, SO_PEERCRED, peer,
	    &len) == -1)
		return -errno;
	return 0;
}

/*
 * The owner and nobody else.  A uid that this user namespace does not map
 * reads as the overflow uid, whoever it is.
 */
bool
conn_peer_is_owner(const struct conn *c)
{
	const struct server_conf *conf = &c->server->conf;

	return c->uid == conf->owner_uid && c->uid != conf->overflow_uid;
}

const struct caller *
conn_caller(const struct conn *c)
{
	return &c->caller;
}

uint64_t
conn_accepted_ns(const struct conn *c)
{
	return c->accept_boot_ns;
}

int
conn_peer_pidfd(const struct conn *c)
{
	int fd = -1;
	socklen_t len = sizeof(fd);

	if (getsockopt(c->source.fd, SOL_SOCKET, SO_PEERPIDFD, &fd,
	    &len) == -1)
		return -errno;
	return fd;
}
