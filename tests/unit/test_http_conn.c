/*
 * Connections as clients see them: every way to end a request, clients that
 * stall, clients that are refused, and that none of them costs another.
 */
#include <sys/resource.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "tests/unit/routes_client.h"

/* Generous: a sanitizer on a busy machine, or valgrind on one. */
#define PROMPT_MS	(getenv("COVEN_TEST_SLOW") != NULL ? 10000 : 1000)

static struct daemon d;

#define HALF	1		/* half-close behind the bytes */
#define SLOWLY	2		/* a byte a packet */

static const struct {
	const char	*name, *bytes;
	unsigned	 how;
	int		 status;	/* 0: closed without a word */
} rows[] = {
#define GET	"GET /health HTTP/1.1\r\nHost: coven\r\n\r\n"
	{ "plain", GET, 0, 200 },
	{ "half-closed", GET, HALF, 200 },
	{ "slowly", GET, SLOWLY, 200 },
	{ "HTTP/1.0", "GET /health HTTP/1.0\r\nHost: coven\r\n\r\n", 0, 200 },
	{ "no version", "GET /health\r\n\r\n", 0, 200 },
	{ "no version, slowly", "GET /health\r\n\r\n", SLOWLY | HALF, 200 },
	{ "LF only", "GET /health HTTP/1.1\nHost: coven\n\n", 0, 200 },
	{ "LF only, slowly", "GET /health HTTP/1.1\nHost: coven\n\n", SLOWLY,
	    200 },
	{ "body slowly", "POST /actions HTTP/1.1\r\nContent-Length: 29\r\n"
	    "\r\n{\"action\":\"coven.capabilitie\"}", SLOWLY | HALF, 400 },
	{ "nothing", "", 0, -1 },
	{ "nothing, half-closed", "", HALF, 0 },
	{ "cut in the request line", "GET /hea", HALF, 400 },
	{ "cut in the head", "GET /health HTTP/1.1\r\nHo", HALF, 400 },
	{ "cut in the body", "POST /sessions HTTP/1.1\r\n"
	    "Content-Length: 9\r\n\r\n{}", HALF, 400 },
	{ "malformed", "GET /health HTTP/1.1\r\nno colon\r\n\r\n", 0, 400 },
	{ "malformed, half-closed", "\1\2\3\n\n", HALF, 400 },
	{ "chunked", "POST /sessions HTTP/1.1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 0, 400 },
	{ "two lengths", "POST /sessions HTTP/1.1\r\nContent-Length: 2\r\n"
	    "Content-Length: 2\r\n\r\n{}", 0, 400 },
	{ "413 unsent", "POST /sessions HTTP/1.1\r\n"
	    "Content-Length: 4194305\r\n\r\n", 0, 413 },
	{ "413 half-closed", "POST /sessions HTTP/1.1\r\n"
	    "Content-Length: 4194305\r\n\r\n", HALF, 413 },
	/* what comes behind the request is nobody's */
	{ "garbage 1", GET GET, 0, 200 },
	{ "garbage 2", GET "x", HALF, 200 },
	{ "garbage 3", GET "\r\n\r\n\r\n", 0, 200 },
	{ "garbage 4", GET "POST /sessions HTTP/1.1\r\n\r\n", 0, 200 },
	{ "garbage 5", GET "\1\2\3\4", 0, 200 },
	{ "garbage 6", GET GET GET GET GET, HALF, 200 },
	{ "garbage 7", "GET /health\n\nGET /health\n\n", 0, 200 },
	{ "garbage 8", "POST /actions HTTP/1.1\r\nContent-Length: 2\r\n\r\n"
	    "{}{}", 0, 400 },
	{ "garbage 9", "GET /health HTTP/1.1\r\nContent-Length: 3\r\n\r\n"
	    "abcdef", HALF, 200 },
	{ "garbage 10", GET "Content-Length: 5\r\nTransfer-Encoding: x\r\n",
	    SLOWLY, 200 },
};

static void
send_row(int fd, const char *bytes, unsigned how)
{
	size_t n = strlen(bytes), i;

	if (!(how & SLOWLY)) {
		client_send(fd, bytes, n);
	} else {
		for (i = 0; i < n; i++) {
			client_send(fd, bytes + i, 1);
			if (i % 8 == 0)
				usleep(200);
		}
	}
	if (how & HALF)
		shutdown(fd, SHUT_WR);
}

static void
every_way_to_end_a_request(void **state)
{
	struct response q;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		fd = client_connect(&d);
		send_row(fd, rows[i].bytes, rows[i].how);
		if (rows[i].status < 0) {	/* the client leaves */
			close(fd);
			continue;
		}
		client_read(fd, &q);
		if (q.status != rows[i].status)
			fail_msg("%s: status %d, not %d", rows[i].name,
			    q.status, rows[i].status);
		/* garbage that arrives after the answer resets; its matter */
		if (q.reset && !(rows[i].how & SLOWLY))
			fail_msg("%s: reset", rows[i].name);
		response_fini(&q);
		close(fd);
	}
}

/* Sends n bytes of a body over the limit, in full, before it reads. */
static void
send_large(const char *head, size_t n, int status)
{
	char *big = malloc(n);
	int fd = client_connect(&d);
	struct response q;

	assert_non_null(big);
	memset(big, 'a', n);
	client_send(fd, head, strlen(head));
	client_send(fd, big, n);
	client_read(fd, &q);
	assert_int_equal(q.status, status);
	assert_false(q.reset);
	if (status == 413)
		assert_string_equal(q.body, "{\"ok\":false,\"error\":{"
		    "\"code\":\"payload_too_large\",\"message\":"
		    "\"Request body exceeds 4194304-byte limit.\"}}");
	response_fini(&q);
	close(fd);
	free(big);
}

static void
refusals_are_not_lost(void **state)
{
	int64_t start = now_ms();

	(void)state;
	send_large("POST /sessions HTTP/1.1\r\nContent-Length: 4194305\r\n"
	    "\r\n", 4194305, 413);
	send_large("POST /sessions HTTP/1.1\r\nContent-Length: 20000000\r\n"
	    "\r\n", 20000000, 413);
	/* a declared body that ends is not waited for any longer */
	assert_true(now_ms() - start < 5000);
	/* exactly the limit is read; it is no JSON */
	send_large("POST /sessions HTTP/1.1\r\nContent-Length: 4194304\r\n"
	    "\r\n", 4194304, 400);
	send_large("GET /", 300000, 400);
}

static int64_t
time_health(void)
{
	int64_t start = now_ms();
	struct response q;

	client_request(&d, "GET", "/health", NULL, &q);
	assert_int_equal(q.status, 200);
	response_fini(&q);
	return now_ms() - start;
}

static void
stalled_clients_cost_nobody(void **state)
{
	static const char *const starts[] = { "", "GET /hea", "GET /health "
	    "HTTP/1.1\r\nHost: coven\r\n", "POST /sessions HTTP/1.1\r\n"
	    "Content-Length: 4000000\r\n\r\n{" };
	int fds[200], trickle = client_connect(&d), i;

	(void)state;
	for (i = 0; i < 200; i++) {
		fds[i] = client_connect(&d);
		client_send(fds[i], starts[i % 4], strlen(starts[i % 4]));
	}
	for (i = 0; i < 20; i++) {
		client_send(trickle, "G", 1);
		assert_true(time_health() < PROMPT_MS);
	}
	for (i = 0; i < 200; i++)
		close(fds[i]);
	close(trickle);
	assert_true(time_health() < PROMPT_MS);
}

/* It asks for 4 MiB and does not read. */
static void
slow_readers_cost_nobody(void **state)
{
	static const char ask[] =
	    "GET /sessions/big/events?limit=1000 HTTP/1.1\r\n\r\n";
	struct response q;
	int fds[20];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(fds); i++) {
		fds[i] = client_connect(&d);
		client_send(fds[i], ask, sizeof(ask) - 1);
		shutdown(fds[i], SHUT_WR);
	}
	assert_true(time_health() < 5 * PROMPT_MS);
	for (i = 0; i < nitems(fds); i++) {
		client_read(fds[i], &q);
		assert_int_equal(q.status, 200);
		assert_true(q.body_n > 4000000 && q.body_n < 4194304);
		response_fini(&q);
		close(fds[i]);
	}
}

/* Eight connections at most: the oldest idle one makes room. */
static void
oldest_idle_one_is_shed(void **state)
{
	const struct server_conf conf = { .owner_uid = geteuid(),
	    .overflow_uid = UINT32_MAX, .max_conns = 8 };
	struct response q;
	int fds[20], i;

	(void)state;
	daemon_start(&d, &conf);
	for (i = 0; i < 20; i++) {
		fds[i] = client_connect(&d);
		client_send(fds[i], "G", 1);
	}
	assert_true(time_health() < PROMPT_MS);
	for (i = 0; i < 12; i++) {
		client_read(fds[i], &q);
		assert_int_equal(q.status, 0);
		response_fini(&q);
	}
	/* the youngest is still served */
	client_send(fds[19], "ET /health\r\n\r\n", 14);
	client_read(fds[19], &q);
	assert_int_equal(q.status, 200);
	response_fini(&q);
	for (i = 0; i < 20; i++)
		close(fds[i]);
	daemon_stop(&d);
}

/* Eight that wait for stored are not shed: others queue until one ends. */
static void
waiting_requests_are_kept(void **state)
{
	const struct server_conf conf = { .owner_uid = geteuid(),
	    .overflow_uid = UINT32_MAX, .max_conns = 8 };
	static const char ask[] = "GET /sessions/stuck HTTP/1.1\r\n\r\n";
	struct response q;
	int fds[8], late, i;

	(void)state;
	daemon_start(&d, &conf);
	for (i = 0; i < 8; i++) {
		fds[i] = client_connect(&d);
		client_send(fds[i], ask, sizeof(ask) - 1);
	}
	late = client_connect(&d);
	client_send(late, GET, strlen(GET));
	wait_for(&d.sh->stuck, 8);
	d.sh->restart = 1;		/* the eight get 503 */
	client_read(late, &q);
	assert_int_equal(q.status, 200);
	response_fini(&q);
	for (i = 0; i < 8; i++) {
		client_read(fds[i], &q);
		assert_int_equal(q.status, 503);
		response_fini(&q);
		close(fds[i]);
	}
	close(late);
	daemon_stop(&d);
}

static void
with_nofile(rlim_t soft, const struct server_conf *conf)
{
	struct rlimit old, low;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = old;
	low.rlim_cur = soft;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	daemon_start(&d, conf);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

/* More clients than descriptors. */
static void
descriptors_run_out(void **state)
{
	int fds[80], i;

	(void)state;
	with_nofile(40, NULL);
	for (i = 0; i < 80; i++)
		fds[i] = client_connect(&d);
	assert_true(time_health() < PROMPT_MS);
	for (i = 0; i < 80; i++)
		close(fds[i]);
	assert_true(time_health() < PROMPT_MS);
	daemon_stop(&d);
}

static long
rss_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = -1;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	fclose(f);
	return kib;
}

#define CROWD	10000

static void
ten_thousand_idle(void **state)
{
	const struct server_conf conf = { .owner_uid = geteuid(),
	    .overflow_uid = UINT32_MAX, .max_conns = CROWD + 10 };
	struct rlimit lim;
	int *fds = mem_zalloc(CROWD, sizeof(int)), i;
	long before;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &lim), 0);
	if (lim.rlim_max < CROWD + 100) {
		free(fds);
		skip();
	}
	lim.rlim_cur = lim.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &lim), 0);
	with_nofile(lim.rlim_max, &conf);
	(void)time_health();
	before = rss_kib(d.apid);
	for (i = 0; i < CROWD; i++)
		fds[i] = client_connect(&d);
	assert_true(time_health() < PROMPT_MS);
#ifndef COVEN_SANITIZE
	/* under 600 bytes each */
	assert_true(rss_kib(d.apid) - before < 6000);
#else
	(void)before;
#endif
	for (i = 0; i < CROWD; i++)
		close(fds[i]);
	assert_true(time_health() < 2 * PROMPT_MS);
	free(fds);
	daemon_stop(&d);
}

static void
refused(const struct server_conf *conf)
{
	struct response q;

	daemon_start(&d, conf);
	client_request(&d, "GET", "/health", NULL, &q);
	assert_int_equal(q.status, 403);
	assert_string_equal(q.body, "{\"ok\":false,\"error\":{"
	    "\"code\":\"forbidden\","
	    "\"message\":\"only the owner may connect\"}}");
	response_fini(&q);
	daemon_stop(&d);
}

static void
strangers_are_refused(void **state)
{
	const struct server_conf other = { .owner_uid = geteuid() + 1,
	    .overflow_uid = UINT32_MAX, .max_conns = 8 };
	/* an unmapped uid reads as the overflow uid, whoever it is */
	const struct server_conf overflow = { .owner_uid = geteuid(),
	    .overflow_uid = geteuid(), .max_conns = 8 };

	(void)state;
	refused(&other);
	refused(&overflow);
}

static void
requests_have_a_deadline(void **state)
{
	struct response q;
	int idle, slow, i;
	int64_t start;

	(void)state;
	if (getenv("COVEN_TEST_LONG") == NULL)
		skip();		/* takes LIMIT_HTTP_REQUEST_MS */
	start = now_ms();
	idle = client_connect(&d);
	slow = client_connect(&d);
	for (i = 0; i < 9; i++) {
		client_send(slow, "G", 1);
		usleep(1000000);
	}
	client_read(slow, &q);
	assert_int_equal(q.status, 400);
	response_fini(&q);
	assert_in_range((uintmax_t)(now_ms() - start), 9000, 11000);
	client_read(idle, &q);
	assert_int_equal(q.status, 0);
	response_fini(&q);
	close(idle);
	close(slow);
}

static int
start(void **state)
{
	(void)state;
	daemon_start(&d, NULL);
	return 0;
}

static int
stop(void **state)
{
	(void)state;
	daemon_stop(&d);
	return 0;
}

#define FRESH(f)	cmocka_unit_test_setup_teardown(f, start, stop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(every_way_to_end_a_request),
		FRESH(refusals_are_not_lost),
		FRESH(stalled_clients_cost_nobody),
		FRESH(slow_readers_cost_nobody),
		cmocka_unit_test(oldest_idle_one_is_shed),
		cmocka_unit_test(waiting_requests_are_kept),
		cmocka_unit_test(descriptors_run_out),
		cmocka_unit_test(ten_thousand_idle),
		cmocka_unit_test(strangers_are_refused),
		FRESH(requests_have_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
