/* Sockets for the test programs: each call answers a descriptor or -1. */
#ifndef COVEN_TESTS_NET_H
#define COVEN_TESTS_NET_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * Fill addr for a path, or for an abstract name written "@name".  Answers the
 * length to give to bind or connect, 0 when the name does not fit.
 */
socklen_t	net_unix_addr(struct sockaddr_un *addr, const char *name);

int	net_unix_connect(const char *name, int type);
int	net_unix_listen(const char *name, int type, int backlog);

/* Milliseconds and nanoseconds of the monotonic clock. */
int64_t	net_now_ms(void);
int64_t	net_now_ns(void);

#endif
