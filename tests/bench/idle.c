/* The client's verb about connections that say nothing. */
#include <sys/resource.h>

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/net.h"

/* How many of them the server has not hung up on. */
static size_t
still_open(const int *fds, size_t n)
{
	size_t i, open = 0;

	for (i = 0; i < n; i++) {
		struct pollfd p = { .fd = fds[i], .events = POLLIN };

		if (poll(&p, 1, 0) == 0)
			open++;
	}
	return (open);
}

int
verb_idle(int argc, char **argv)
{
	static const char health[] = "/api/v1/health";
	int64_t *ns, start;
	struct rlimit rl;
	size_t i, count, n;
	int *fds;

	if (argc != 3)
		return (2);
	count = count_arg(argv[1]);
	n = count_arg(argv[2]);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	fds = calloc(count, sizeof(*fds));
	if (fds == NULL)
		err(1, "calloc");
	for (i = 0; i < count; i++)
		if ((fds[i] = net_unix_connect(argv[0], SOCK_STREAM)) == -1)
			err(1, "connection %zu", i);
	ns = samples(n);
	for (i = 0; i < n; i++) {
		start = net_now_ns();
		get(argv[0], health);
		ns[i] = net_now_ns() - start;
	}
	print_percentiles("idle", ns, n);
	printf("idle_open %zu\n", still_open(fds, count));
	free(ns);
	free(fds);
	return (0);
}
