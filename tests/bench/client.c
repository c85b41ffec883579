/*
 * The bench's client: monotonic clocks, medians, one figure a line as
 * "name value".
 *
 *	client oneshot SOCKET N		  connect, GET /health, read to EOF
 *	client stalled SOCKET COUNT N	  the same with COUNT stalled beside it
 *	client launch SOCKET PROJECT N	  /bin/true: until 201, until its exit
 *	client stream SOCKET PROJECT FILE cat FILE as a session, then read back
 *	client spawn N CMD ARG ...	  fork, exec, wait
 *	client copy FROM TO		  write and fsync
 */
#include <sys/types.h>
#include <sys/wait.h>

#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/net.h"

#define REPLY_MAX	(8u << 20)
#define CHUNK		65536

static const char HEALTH[] = "GET /api/v1/health HTTP/1.1\r\n"
    "Host: coven\r\nContent-Type: application/json\r\n"
    "Content-Length: 0\r\n\r\n";

static char reply[REPLY_MAX + 1];

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return ((x > y) - (x < y));
}

static void
print_percentiles(const char *name, int64_t *ns, size_t n)
{
	qsort(ns, n, sizeof(*ns), by_size);
	printf("%s_p50_us %.1f\n", name, (double)ns[n / 2] / 1e3);
	printf("%s_p99_us %.1f\n", name, (double)ns[n * 99 / 100] / 1e3);
}

static size_t
count_arg(const char *s)
{
	long n = strtol(s, NULL, 10);

	if (n <= 0 || n > 1000000)
		errx(2, "not a count: %s", s);
	return ((size_t)n);
}

static int64_t *
samples(size_t n)
{
	int64_t *ns = calloc(n, sizeof(*ns));

	if (ns == NULL)
		err(1, "calloc");
	return (ns);
}

/* One request as existing clients make it; the reply's body, or an error. */
static char *
exchange(const char *path, const char *request, size_t len)
{
	int fd = net_unix_connect(path, SOCK_STREAM);
	size_t got = 0;
	ssize_t n;
	char *body;

	if (fd == -1)
		err(1, "%s", path);
	while (len > 0) {
		if ((n = send(fd, request, len, MSG_NOSIGNAL)) == -1)
			err(1, "send");
		request += n;
		len -= (size_t)n;
	}
	shutdown(fd, SHUT_WR);
	while ((n = recv(fd, reply + got, REPLY_MAX - got, 0)) > 0)
		got += (size_t)n;
	if (n == -1)
		err(1, "recv");
	close(fd);
	reply[got] = '\0';
	if (strncmp(reply, "HTTP/1.1 2", 10) != 0 ||
	    (body = strstr(reply, "\r\n\r\n")) == NULL)
		errx(1, "not a success: %.200s", reply);
	return (body + 4);
}

static void
time_health(const char *name, const char *path, size_t n)
{
	int64_t *ns = samples(n), start;
	size_t i;

	for (i = 0; i < n / 10; i++)		/* warm */
		exchange(path, HEALTH, sizeof(HEALTH) - 1);
	for (i = 0; i < n; i++) {
		start = net_now_ns();
		exchange(path, HEALTH, sizeof(HEALTH) - 1);
		ns[i] = net_now_ns() - start;
	}
	print_percentiles(name, ns, n);
	free(ns);
}

static int
oneshot(int argc, char **argv)
{
	if (argc != 2)
		return (2);
	time_health("oneshot", argv[0], count_arg(argv[1]));
	return (0);
}

static int
stalled(int argc, char **argv)
{
	size_t i, count;

	if (argc != 3)
		return (2);
	count = count_arg(argv[1]);
	for (i = 0; i < count; i++) {
		int fd = net_unix_connect(argv[0], SOCK_STREAM);

		if (fd == -1)
			err(1, "%s", argv[0]);
		/* Left open on purpose, in the middle of a header. */
		if (send(fd, HEALTH, sizeof(HEALTH) - 10, MSG_NOSIGNAL) == -1)
			err(1, "send");
	}
	time_health("stalled", argv[0], count_arg(argv[2]));
	return (0);
}

/* --- sessions ------------------------------------------------------------ */

/* Launch argv (already JSON) in project; the id is written to id. */
static void
launch(const char *path, const char *project, const char *argv_json,
    char id[64])
{
	struct json_object *root, *value;
	char *body, *request;
	int len;

	if (asprintf(&body, "{\"harness\":\"exec\",\"projectRoot\":\"%s\","
	    "\"argv\":%s}", project, argv_json) == -1)
		err(1, "asprintf");
	len = asprintf(&request, "POST /api/v1/sessions HTTP/1.1\r\n"
	    "Host: coven\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
	if (len == -1)
		err(1, "asprintf");
	root = json_tokener_parse(exchange(path, request, (size_t)len));
	if (root == NULL || !json_object_object_get_ex(root, "id", &value))
		errx(1, "no id in %.200s", reply);
	snprintf(id, 64, "%s", json_object_get_string(value));
	json_object_put(root);
	free(request);
	free(body);
}

struct page {
	uint64_t	 after;
	int		 exited;	/* the exit event was in it */
	int		 empty;
	SHA2_CTX	*sum;		/* or NULL */
	uint64_t	 bytes;
};

static void
take_event(struct page *page, struct json_object *event)
{
	struct json_object *kind, *seq, *payload, *inner, *data;

	json_object_object_get_ex(event, "kind", &kind);
	json_object_object_get_ex(event, "seq", &seq);
	json_object_object_get_ex(event, "payload_json", &payload);
	page->after = json_object_get_uint64(seq);
	page->exited |= strcmp(json_object_get_string(kind), "exit") == 0;
	if (page->sum == NULL ||
	    strcmp(json_object_get_string(kind), "output") != 0)
		return;
	inner = json_tokener_parse(json_object_get_string(payload));
	if (inner == NULL || !json_object_object_get_ex(inner, "data", &data))
		errx(1, "an output event without data");
	SHA256Update(page->sum, (const uint8_t *)json_object_get_string(data),
	    (size_t)json_object_get_string_len(data));
	page->bytes += (uint64_t)json_object_get_string_len(data);
	json_object_put(inner);
}

/* One page after page->after; held back by the daemon until there is one. */
static void
next_page(const char *path, const char *id, struct page *page)
{
	struct json_object *root, *events;
	char request[512];
	size_t i, n;
	int len;

	len = snprintf(request, sizeof(request), "GET /api/v1/events?"
	    "sessionId=%s&afterSeq=%" PRIu64 "&limit=1000&waitMs=5000 "
	    "HTTP/1.1\r\nHost: coven\r\n\r\n", id, page->after);
	root = json_tokener_parse(exchange(path, request, (size_t)len));
	if (root == NULL || !json_object_object_get_ex(root, "events", &events))
		errx(1, "no events in %.200s", reply);
	n = json_object_array_length(events);
	page->empty = n == 0;
	for (i = 0; i < n; i++)
		take_event(page, json_object_array_get_idx(events, i));
	json_object_put(root);
}

static void
wait_exit(const char *path, const char *id, struct page *page)
{
	while (!page->exited) {
		next_page(path, id, page);
		if (page->empty)
			usleep(500);
	}
}

static int
time_launch(int argc, char **argv)
{
	int64_t *created, *exited, start;
	size_t i, n;
	char id[64];

	if (argc != 3)
		return (2);
	n = count_arg(argv[2]);
	created = samples(n);
	exited = samples(n);
	for (i = 0; i < n; i++) {
		struct page page = { 0 };

		start = net_now_ns();
		launch(argv[0], argv[1], "[\"/bin/true\"]", id);
		created[i] = net_now_ns() - start;
		wait_exit(argv[0], id, &page);
		exited[i] = net_now_ns() - start;
	}
	print_percentiles("launch_201", created, n);
	print_percentiles("launch_exit", exited, n);
	free(created);
	free(exited);
	return (0);
}

static void
hash_file(const char *path, char hex[SHA256_DIGEST_STRING_LENGTH])
{
	if (SHA256File(path, hex) == NULL)
		err(1, "%s", path);
}

static int
stream(int argc, char **argv)
{
	char id[64], argv_json[4200], wanted[SHA256_DIGEST_STRING_LENGTH],
	    got[SHA256_DIGEST_STRING_LENGTH];
	struct page page = { 0 };
	int64_t start, durable, read_back;
	SHA2_CTX sum;

	if (argc != 3)
		return (2);
	hash_file(argv[2], wanted);
	snprintf(argv_json, sizeof(argv_json), "[\"cat\",\"%s\"]", argv[2]);
	start = net_now_ns();
	launch(argv[0], argv[1], argv_json, id);
	/*
	 * The end is on record when the session's row says so; asking for it
	 * does not compete with the stream as reading events would.
	 */
	for (;;) {
		char request[256];
		int len = snprintf(request, sizeof(request),
		    "GET /api/v1/sessions/%s HTTP/1.1\r\nHost: coven\r\n\r\n",
		    id);

		if (strstr(exchange(argv[0], request, (size_t)len),
		    "\"status\":\"running\"") == NULL)
			break;
		usleep(2000);
	}
	durable = net_now_ns();
	SHA256Init(&sum);
	page.sum = &sum;
	wait_exit(argv[0], id, &page);
	read_back = net_now_ns();
	SHA256End(&sum, got);
	printf("stream_mb_s %.1f\n", (double)page.bytes * 1e3 /
	    (double)(durable - start));
	printf("readback_mb_s %.1f\n", (double)page.bytes * 1e3 /
	    (double)(read_back - durable));
	printf("stream_bytes %" PRIu64 "\n", page.bytes);
	printf("stream_equal %d\n", strcmp(wanted, got) == 0);
	return (strcmp(wanted, got) != 0);
}

/* --- peers -------------------------------------------------------------- */

static int
spawn(int argc, char **argv)
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
	}
	print_percentiles("spawn", ns, n);
	free(ns);
	return (0);
}

static int
copy(int argc, char **argv)
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
	printf("copy_mb_s %.1f\n", (double)bytes * 1e3 /
	    (double)(net_now_ns() - start));
	return (0);
}

static const struct {
	const char	*name;
	int		(*run)(int, char **);
} verbs[] = {
	{ "oneshot", oneshot }, { "stalled", stalled },
	{ "launch", time_launch }, { "stream", stream },
	{ "spawn", spawn }, { "copy", copy },
};

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return (verbs[i].run(argc - 2, argv + 2));
	errx(2, "usage: client oneshot|stalled|launch|stream|spawn|copy ...");
}
