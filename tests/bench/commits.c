/* The client's verbs about what is durable when it is acknowledged. */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/net.h"

/* One writer: requests that change the store, each under its own name. */
static void
one_commit(const void *ctx, size_t client, uint64_t n)
{
	char body[256];

	snprintf(body, sizeof(body), "{\"id\":\"w-%d-%zu-%" PRIu64 "\","
	    "\"projectRoot\":\"/p\",\"harness\":\"coven-code\"}",
	    (int)getpid(), client, n);
	post(ctx, "/api/v1/sessions/external", body);
}

int
verb_commits(int argc, char **argv)
{
	if (argc != 3)
		return (2);
	printf("commits_per_s %.0f\n", by_many(count_arg(argv[1]),
	    (int64_t)count_arg(argv[2]), one_commit, argv[0]));
	return (0);
}

/* The floor under one: as many bytes as a small commit writes, then fsync. */
int
verb_syncs(int argc, char **argv)
{
	static const char page[4096];
	int64_t start, end;
	uint64_t n = 0;
	int fd;

	if (argc != 2)
		return (2);
	fd = open(argv[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd == -1)
		err(1, "%s", argv[0]);
	start = net_now_ns();
	end = start + (int64_t)count_arg(argv[1]) * 1000000;
	while (net_now_ns() < end) {
		if (write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) ||
		    fsync(fd) == -1)
			err(1, "%s", argv[0]);
		n++;
	}
	printf("syncs_per_s %.0f\n", (double)n * 1e9 /
	    (double)(net_now_ns() - start));
	close(fd);
	return (0);
}
