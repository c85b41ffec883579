/*
 * Sends the exact bytes of its standard input over a Unix socket and prints
 * the exact bytes that come back.  Nothing is added, so a test decides about
 * every byte.
 *
 *	rawhttp [-h] [-t ms] [-r bytes/s] SOCKET	one request
 *	rawhttp -p SOCKET				who listens: "pid uid"
 *	rawhttp -n N [-t ms] SOCKET			hold N connections
 *
 * -h half-closes after the request, as several clients do.  -r trickles it.
 * -n sends the input on each of N connections, says "held N" and keeps them
 * open until -t has passed or it is told to stop; it prints how many of them
 * the server had closed by then.
 *
 * Exit: 0 the server closed the connection, 1 it did not within -t, 2 usage,
 * 3 no connection.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/net.h"

static struct {
	char		*bytes;
	size_t		 len;
} request;

static volatile sig_atomic_t told;

static void
on_signal(int signo)
{
	(void)signo;
	told = 1;
}

static void
read_request(void)
{
	size_t cap = 0;
	ssize_t n;

	for (;;) {
		if (request.len == cap) {
			cap = cap == 0 ? 65536 : cap * 2;
			request.bytes = realloc(request.bytes, cap);
			if (request.bytes == NULL)
				err(2, "realloc");
		}
		n = read(0, request.bytes + request.len, cap - request.len);
		if (n == -1)
			err(2, "standard input");
		if (n == 0)
			return;
		request.len += (size_t)n;
	}
}

/* 1 printed something, 0 end of the reply, -1 nothing to read now. */
static int
print_reply(int fd)
{
	char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == -1)
		return (errno == EAGAIN || errno == EINTR ? -1 : 0);
	if (n > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return (n > 0);
}

/* How much may be sent by now, at so many bytes a second (0: everything). */
static size_t
allowed(long rate, int64_t since_ms)
{
	int64_t n;

	if (rate <= 0)
		return (request.len);
	n = (net_now_ms() - since_ms) * rate / 1000 + 1;
	return (n > (int64_t)request.len ? request.len : (size_t)n);
}

static int
exchange(int fd, int half_close, long rate, int64_t timeout_ms)
{
	int64_t start = net_now_ms();
	size_t sent = 0;
	int open = 1;

	while (net_now_ms() - start < timeout_ms) {
		struct pollfd pfd = { .fd = fd, .events = POLLIN };
		size_t may = allowed(rate, start);

		if (sent < may)
			pfd.events |= POLLOUT;
		if (poll(&pfd, 1, 20) == -1 && errno != EINTR)
			err(2, "poll");
		if (pfd.revents & (POLLIN | POLLHUP) && print_reply(fd) == 0)
			return (0);
		if (sent < may && pfd.revents & POLLOUT) {
			ssize_t n = send(fd, request.bytes + sent, may - sent,
			    MSG_DONTWAIT | MSG_NOSIGNAL);

			/* The server may answer without reading it all. */
			if (n == -1 && errno != EAGAIN)
				sent = may = request.len;
			else if (n > 0)
				sent += (size_t)n;
		}
		if (half_close && open && sent == request.len) {
			shutdown(fd, SHUT_WR);
			open = 0;
		}
	}
	return (1);
}

static int
hold(const char *path, int count, int64_t timeout_ms)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int64_t end = net_now_ms() + timeout_ms;
	int *fds = calloc((size_t)count, sizeof(*fds));
	int i, closed = 0;

	if (fds == NULL)
		err(2, "calloc");
	sigaction(SIGTERM, &sa, NULL);
	for (i = 0; i < count; i++) {
		if ((fds[i] = net_unix_connect(path, SOCK_STREAM)) == -1)
			err(3, "%s: connection %d", path, i);
		if (send(fds[i], request.bytes, request.len,
		    MSG_NOSIGNAL) == -1)
			warn("connection %d", i);
	}
	printf("held %d\n", count);
	fflush(stdout);
	while (!told && net_now_ms() < end)
		poll(NULL, 0, 20);
	for (i = 0; i < count; i++) {
		char c;
		ssize_t n;

		while ((n = recv(fds[i], &c, 1, MSG_DONTWAIT)) > 0)
			continue;
		closed += n == 0;
	}
	printf("closed %d\n", closed);
	return (0);
}

static int
print_peer(const char *path)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd = net_unix_connect(path, SOCK_STREAM);

	if (fd == -1)
		err(3, "%s", path);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		err(2, "SO_PEERCRED");
	printf("%d %u\n", (int)cred.pid, (unsigned)cred.uid);
	return (0);
}

int
main(int argc, char **argv)
{
	int c, half_close = 0, peer = 0, count = 0, fd;
	int64_t timeout_ms = 10000;
	long rate = 0;

	while ((c = getopt(argc, argv, "hpn:r:t:")) != -1) {
		switch (c) {
		case 'h':
			half_close = 1;
			break;
		case 'p':
			peer = 1;
			break;
		case 'n':
			count = atoi(optarg);
			break;
		case 'r':
			rate = atol(optarg);
			break;
		case 't':
			timeout_ms = atol(optarg);
			break;
		default:
			return (2);
		}
	}
	if (argc - optind != 1)
		errx(2, "usage: rawhttp [-hp] [-n count] [-r rate] [-t ms] "
		    "socket");
	if (peer)
		return (print_peer(argv[optind]));
	read_request();
	if (count > 0)
		return (hold(argv[optind], count, timeout_ms));
	if ((fd = net_unix_connect(argv[optind], SOCK_STREAM)) == -1)
		err(3, "%s", argv[optind]);
	return (exchange(fd, half_close, rate, timeout_ms));
}
