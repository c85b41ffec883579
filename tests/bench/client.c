/*
 * The bench's client: monotonic clocks, medians, one figure a line as
 * "name value".
 *
 *	client oneshot SOCKET N		  connect, GET /health, read to EOF
 *	client get SOCKET TARGET N	  the same for any page
 *	client load SOCKET CLIENTS MS	  health by CLIENTS at once: per second
 *	client stalled SOCKET COUNT N	  with COUNT stalled in mid-request
 *	client idle SOCKET COUNT N	  with COUNT that say nothing
 *	client launch SOCKET PROJECT N	  /bin/true: until 201, until its exit
 *	client stream SOCKET PROJECT FILE cat FILE as a session, then read back
 *	client pages SOCKET ID COUNT	  all COUNT events, in pages of 1000
 *	client inputs SOCKET PROJECT N	  a session with N input events: its id
 *	client live SOCKET PROJECT N	  N sessions that answer; holds them
 *	client commits SOCKET WRITERS MS  durable changes, acknowledged a second
 *	client syncs FILE MS		  write and fsync, a second
 *	client spawn N CMD ARG ...	  fork, exec, wait
 *	client copy FROM TO		  write and fsync
 */
#include <sys/types.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/net.h"

#define CHUNK		65536

char	reply[REPLY_MAX + 1];
size_t	reply_len;

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return ((x > y) - (x < y));
}

void
print_percentiles(const char *name, int64_t *ns, size_t n)
{
	qsort(ns, n, sizeof(*ns), by_size);
	printf("%s_p50_us %.1f\n", name, (double)ns[n / 2] / 1e3);
	printf("%s_p99_us %.1f\n", name, (double)ns[n * 99 / 100] / 1e3);
}

size_t
count_arg(const char *s)
{
	long n = strtol(s, NULL, 10);

	if (n <= 0 || n > 100000000)
		errx(2, "not a count: %s", s);
	return ((size_t)n);
}

int64_t *
samples(size_t n)
{
	int64_t *ns = calloc(n, sizeof(*ns));

	if (ns == NULL)
		err(1, "calloc");
	return (ns);
}

/* --- requests ------------------------------------------------------------ */

static void
send_all(int fd, const char *p, size_t len)
{
	ssize_t n;

	while (len > 0) {
		if ((n = send(fd, p, len, MSG_NOSIGNAL)) == -1)
			err(1, "send");
		p += n;
		len -= (size_t)n;
	}
}

/* The field for a daemon in token mode, read once; "" for any other. */
static const char *
authorization(const char *path)
{
	static char field[128] = "Authorization: Bearer ";
	static int looked;
	const char *slash = strrchr(path, '/');
	size_t at = strlen("Authorization: Bearer ");
	char name[256];
	ssize_t n = 0;
	int fd;

	if (looked++)
		return (field);
	snprintf(name, sizeof(name), "%.*s/session-token", slash != NULL ?
	    (int)(slash - path) : 1, slash != NULL ? path : ".");
	fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, field + at, sizeof(field) - at - 3);
		close(fd);
	}
	/* The file ends in a line feed, the field in two bytes. */
	if (n > 1)
		memcpy(field + at + n - 1, "\r\n", 3);
	else
		field[0] = '\0';
	return (field);
}

char *
exchange(const char *path, const char *request, size_t len)
{
	const char *field = authorization(path), *end;
	int fd = net_unix_connect(path, SOCK_STREAM);
	char *body;
	ssize_t n;

	if (fd == -1)
		err(1, "%s", path);
	if (*field != '\0' && (end = memmem(request, len, "\r\n\r\n",
	    4)) != NULL) {
		end += 2;
		send_all(fd, request, (size_t)(end - request));
		send_all(fd, field, strlen(field));
		len -= (size_t)(end - request);
		request = end;
	}
	send_all(fd, request, len);
	shutdown(fd, SHUT_WR);
	for (reply_len = 0; (n = recv(fd, reply + reply_len,
	    REPLY_MAX - reply_len, 0)) > 0; reply_len += (size_t)n)
		;
	if (n == -1)
		err(1, "recv");
	close(fd);
	reply[reply_len] = '\0';
	if (strncmp(reply, "HTTP/1.1 2", 10) != 0 ||
	    (body = strstr(reply, "\r\n\r\n")) == NULL)
		errx(1, "not a success: %.200s", reply);
	return (body + 4);
}

static size_t
get_request(char *to, size_t size, const char *target)
{
	return ((size_t)snprintf(to, size, "GET %s HTTP/1.1\r\nHost: coven\r\n"
	    "Content-Type: application/json\r\nContent-Length: 0\r\n\r\n",
	    target));
}

char *
get(const char *path, const char *target)
{
	char request[1024];

	return (exchange(path, request, get_request(request, sizeof(request),
	    target)));
}

char *
post(const char *path, const char *target, const char *body)
{
	char *request, *answer;
	int len;

	len = asprintf(&request, "POST %s HTTP/1.1\r\nHost: coven\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
	    target, strlen(body), body);
	if (len == -1)
		err(1, "asprintf");
	answer = exchange(path, request, (size_t)len);
	free(request);
	return (answer);
}

static void
time_get(const char *name, const char *path, const char *target, size_t n)
{
	int64_t *ns = samples(n), start;
	char request[1024];
	size_t i, len = get_request(request, sizeof(request), target);

	for (i = 0; i < n / 10 + 1; i++)		/* warm */
		exchange(path, request, len);
	for (i = 0; i < n; i++) {
		start = net_now_ns();
		exchange(path, request, len);
		ns[i] = net_now_ns() - start;
	}
	print_percentiles(name, ns, n);
	free(ns);
}

#define HEALTH	"/api/v1/health"

int
verb_oneshot(int argc, char **argv)
{
	if (argc != 2)
		return (2);
	time_get("oneshot", argv[0], HEALTH, count_arg(argv[1]));
	return (0);
}

int
verb_get(int argc, char **argv)
{
	if (argc != 3)
		return (2);
	time_get("get", argv[0], argv[1], count_arg(argv[2]));
	printf("get_bytes %zu\n", reply_len);
	return (0);
}

static void
one_health(const void *ctx, size_t client, uint64_t n)
{
	(void)client;
	(void)n;
	get(ctx, HEALTH);
}

/* Each client a process: one after another until the time is over. */
static void
hammer(size_t client, int64_t end_ns, one_request *one, const void *ctx,
    uint64_t *count)
{
	while (net_now_ns() < end_ns)
		one(ctx, client, (*count)++);
	_exit(0);
}

double
by_many(size_t clients, int64_t ms, one_request *one, const void *ctx)
{
	uint64_t *counts, sum = 0;
	int64_t start, end;
	size_t i;
	int status;

	/* A line of cache each. */
	counts = mmap(NULL, clients * 64, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counts == MAP_FAILED)
		err(1, "mmap");
	start = net_now_ns() + 20000000;
	end = start + ms * 1000000;
	for (i = 0; i < clients; i++) {
		switch (fork()) {
		case -1:
			err(1, "fork");
		case 0:
			while (net_now_ns() < start)
				usleep(1000);
			hammer(i, end, one, ctx, &counts[i * 8]);
		}
	}
	while (wait(&status) > 0)
		if (status != 0)
			errx(1, "a client failed");
	for (i = 0; i < clients; i++)
		sum += counts[i * 8];
	return ((double)sum * 1e3 / (double)ms);
}

int
verb_load(int argc, char **argv)
{
	if (argc != 3)
		return (2);
	printf("load_per_s %.0f\n", by_many(count_arg(argv[1]),
	    (int64_t)count_arg(argv[2]), one_health, argv[0]));
	return (0);
}

int
verb_stalled(int argc, char **argv)
{
	static const char half[] = "GET " HEALTH " HTTP/1.1\r\nHo";
	size_t i, count;

	if (argc != 3)
		return (2);
	count = count_arg(argv[1]);
	for (i = 0; i < count; i++) {
		int fd = net_unix_connect(argv[0], SOCK_STREAM);

		if (fd == -1)
			err(1, "%s", argv[0]);
		/* Left open on purpose, in the middle of a header. */
		if (send(fd, half, sizeof(half) - 1, MSG_NOSIGNAL) == -1)
			err(1, "send");
	}
	time_get("stalled", argv[0], HEALTH, count_arg(argv[2]));
	return (0);
}

void
rest(void)
{
	const char *ms = getenv("BENCH_PAUSE_MS");

	if (ms != NULL)
		usleep((useconds_t)count_arg(ms) * 1000);
}

/* --- peers ---------------------------------------------------------------- */

int
verb_spawn(int argc, char **argv)
{
	int64_t *ns, start;
	size_t i, n;
	int status;
	pid_t pid;

	if (argc < 2)
		return (2);
	n = count_arg(argv[0]);
	ns = samples(n);
	for (i = 0; i < n; i++) {
		start = net_now_ns();
		if ((pid = fork()) == -1)
			err(1, "fork");
		if (pid == 0) {
			execvp(argv[1], argv + 1);
			_exit(127);
		}
		if (waitpid(pid, &status, 0) != pid || status != 0)
			errx(1, "%s: status %d", argv[1], status);
		ns[i] = net_now_ns() - start;
		rest();
	}
	print_percentiles("spawn", ns, n);
	free(ns);
	return (0);
}

int
verb_copy(int argc, char **argv)
{
	static char chunk[CHUNK];
	int64_t start = net_now_ns();
	uint64_t bytes = 0;
	int from, to;
	ssize_t n;

	if (argc != 2)
		return (2);
	from = open(argv[0], O_RDONLY | O_CLOEXEC);
	to = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (from == -1 || to == -1)
		err(1, "open");
	while ((n = read(from, chunk, sizeof(chunk))) > 0) {
		if (write(to, chunk, (size_t)n) != n)
			err(1, "%s", argv[1]);
		bytes += (uint64_t)n;
	}
	if (fsync(to) == -1)
		err(1, "fsync");
	printf("copy_s %.3f\n", (double)(net_now_ns() - start) / 1e9);
	printf("copy_mb_s %.1f\n", (double)bytes * 1e3 /
	    (double)(net_now_ns() - start));
	return (0);
}

static const struct {
	const char	*name;
	int		(*run)(int, char **);
} verbs[] = {
	{ "oneshot", verb_oneshot }, { "get", verb_get },
	{ "load", verb_load }, { "stalled", verb_stalled },
	{ "idle", verb_idle }, { "launch", verb_launch },
	{ "stream", verb_stream }, { "pages", verb_pages },
	{ "inputs", verb_inputs }, { "live", verb_live },
	{ "commits", verb_commits }, { "syncs", verb_syncs },
	{ "spawn", verb_spawn }, { "copy", verb_copy },
};

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0 &&
		    verbs[i].run(argc - 2, argv + 2) == 0)
			return (0);
	errx(2, "usage: client oneshot|get|load|stalled|idle|launch|stream|"
	    "pages|inputs|live|commits|syncs|spawn|copy ...");
}
