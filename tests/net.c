#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/net.h"

socklen_t
net_unix_addr(struct sockaddr_un *addr, const char *name)
{
	size_t len = strlen(name);

	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	if (len == 0 || len >= sizeof(addr->sun_path))
		return (0);
	memcpy(addr->sun_path, name, len);
	if (name[0] != '@')
		return (sizeof(*addr));
	addr->sun_path[0] = '\0';
	return ((socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

int
net_unix_connect(const char *name, int type)
{
	struct sockaddr_un addr;
	socklen_t len = net_unix_addr(&addr, name);
	int fd;

	if (len == 0)
		return (-1);
	if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	if (connect(fd, (struct sockaddr *)&addr, len) == -1) {
		close(fd);
		return (-1);
	}
	return (fd);
}

int
net_unix_listen(const char *name, int type, int backlog)
{
	struct sockaddr_un addr;
	socklen_t len = net_unix_addr(&addr, name);
	int fd;

	if (len == 0)
		return (-1);
	if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0)) == -1)
		return (-1);
	if (bind(fd, (struct sockaddr *)&addr, len) == -1 ||
	    (type == SOCK_STREAM && listen(fd, backlog) == -1)) {
		close(fd);
		return (-1);
	}
	return (fd);
}

int64_t
net_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ((int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

int64_t
net_now_ms(void)
{
	return (net_now_ns() / 1000000);
}
