/*
 * The floor under every request: a server that accepts, reads once, writes
 * the same bytes to everyone and closes.  Nothing that
 * answers a request over this socket can be faster.
 *
 *	floor SOCKET FILE	answers with FILE's bytes
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/net.h"

int
main(int argc, char **argv)
{
	static char reply[8 << 20], request[65536];
	ssize_t len;
	int listener, fd;

	if (argc != 3)
		errx(2, "usage: floor socket file");
	if ((fd = open(argv[2], O_RDONLY | O_CLOEXEC)) == -1)
		err(1, "%s", argv[2]);
	if ((len = read(fd, reply, sizeof(reply))) <= 0)
		err(1, "%s", argv[2]);
	close(fd);
	umask(077);
	listener = net_unix_listen(argv[1], SOCK_STREAM, 512);
	if (listener == -1)
		err(1, "%s", argv[1]);
	printf("listening\n");
	fflush(stdout);
	for (;;) {
		if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) == -1)
			continue;
		/* One read: the bench's request is one small packet. */
		if (recv(fd, request, sizeof(request), 0) > 0)
			(void)!send(fd, reply, (size_t)len, MSG_NOSIGNAL);
		close(fd);
	}
}
