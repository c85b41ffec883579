/*
 * Sends the exact bytes of its standard input over a Unix socket and prints
 * the exact bytes that come back.  Nothing is added, so a test decides about
 * every byte.
 *
 *	rawhttp [-h] [-t ms] [-r bytes/s] [-w FILE] SOCKET	one request
 *	rawhttp -p SOCKET				who listens: "pid uid"
 *	rawhttp -n N [-t ms] SOCKET			hold N connections
 *
 * -h half-closes after the request, as several clients do.  -r trickles it.
 * -n sends the input on each of N connections, says "held N" and keeps them
 * open until -t has passed or it is told to stop; it prints how many of them
 * the server had closed by then.
 *
 * -w appends what was sent and what came back to a file that is there, for
 * tests/openapi.py: a line "EXCHANGE sent received cut", their bytes, a line's
 * end.  cut is 1 and both are empty where they are too long to be kept.
 *
 * Exit: 0 the server closed the connection, 1 it did not within -t, 2 usage,
 * 3 no connection.
 */
#include <sys/file.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/net.h"

#define KEEP_ONE	((size_t)8 << 20)	/* bytes of one exchange */
#define KEEP_ALL	((off_t)48 << 20)	/* of a file */

struct bytes {
	char		*bytes;
	size_t		 len, cap;
};

static struct bytes request, reply;
static const char *record_path;

static volatile sig_atomic_t told;

static void
on_signal(int signo)
{
	(void)signo;
	told = 1;
}

static void
grow(struct bytes *b, size_t n)
{
	if (b->cap - b->len >= n)
		return;
	b->cap = b->cap * 2 + n;
	b->bytes = realloc(b->bytes, b->cap);
	if (b->bytes == NULL)
		err(2, "realloc");
}

static void
read_request(void)
{
	ssize_t n;

	for (;;) {
		grow(&request, 65536);
		n = read(0, request.bytes + request.len, 65536);
		if (n == -1)
			err(2, "standard input");
		if (n == 0)
			return;
		request.len += (size_t)n;
	}
}

static void
keep(const char *p, size_t n)
{
	if (record_path == NULL || reply.len > KEEP_ONE)
		return;
	grow(&reply, n);
	memcpy(reply.bytes + reply.len, p, n);
	reply.len += n;
}

/* Several of us append to one file: one at a time. */
static void
record(void)
{
	int fd = open(record_path, O_WRONLY | O_APPEND | O_CLOEXEC), cut;
	FILE *f;

	if (fd == -1 || flock(fd, LOCK_EX) == -1 ||
	    (f = fdopen(fd, "a")) == NULL)
		err(2, "%s", record_path);
	cut = request.len + reply.len > KEEP_ONE ||
	    lseek(fd, 0, SEEK_END) > KEEP_ALL;
	if (cut)
		request.len = reply.len = 0;
	fprintf(f, "EXCHANGE %zu %zu %d\n", request.len, reply.len, cut);
	fwrite(request.bytes, 1, request.len, f);
	fwrite(reply.bytes, 1, reply.len, f);
	fputc('\n', f);
	if (fclose(f) == EOF)
		err(2, "%s", record_path);
}

/* 1 printed something, 0 end of the reply, -1 nothing to read now. */
static int
print_reply(int fd)
{
	char buf[65536];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == -1)
		return (errno == EAGAIN || errno == EINTR ? -1 : 0);
	if (n > 0) {
		keep(buf, (size_t)n);
		fwrite(buf, 1, (size_t)n, stdout);
		fflush(stdout);
	}
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
		char buf[65536];
		ssize_t n;

		while ((n = recv(fds[i], buf, sizeof(buf), MSG_DONTWAIT)) > 0)
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
	int c, half_close = 0, peer = 0, count = 0, fd, status;
	int64_t timeout_ms = 10000;
	long rate = 0;

	while ((c = getopt(argc, argv, "hpn:r:t:w:")) != -1) {
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
		case 'w':
			record_path = optarg;
			break;
		default:
			return (2);
		}
	}
	if (argc - optind != 1)
		errx(2, "usage: rawhttp [-hp] [-n count] [-r rate] [-t ms] "
		    "[-w file] socket");
	if (peer)
		return (print_peer(argv[optind]));
	read_request();
	if (count > 0)
		return (hold(argv[optind], count, timeout_ms));
	if ((fd = net_unix_connect(argv[optind], SOCK_STREAM)) == -1)
		err(3, "%s", argv[optind]);
	status = exchange(fd, half_close, rate, timeout_ms);
	if (record_path != NULL)
		record();
	return (status);
}
