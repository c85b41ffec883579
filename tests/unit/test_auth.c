/*
 * Who may call: the refusal that is one for every cause, what a token is good
 * for on every route, deadlines and quotas of those who have shown none, and
 * what becomes of a caller whose token ends.
 */
#include <sys/socket.h>

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/token.h"
#include "tests/unit/routes_client.h"

static struct daemon d;

static const char UNAUTHORIZED[] = "HTTP/1.1 401 Unauthorized\r\n"
    "Content-Type: application/json\r\nContent-Length: 105\r\n"
    "Connection: close\r\n\r\n"
    "{\"ok\":false,\"error\":{\"code\":\"unauthorized\",\"message\":"
    "\"This daemon needs a token that is good for this.\"}}";

/* field: the whole line, or "". */
static void
call(const char *method, const char *target, const char *field,
    const char *body, struct response *q)
{
	autobuf struct buf b = { 0 };

	buf_addf(&b, "%s %s HTTP/1.1\r\nHost: coven\r\n%s"
	    "Content-Length: %zu\r\n\r\n%s", method, target, field,
	    strlen(body), body);
	client_call(&d, buf_head(&b), q);
}

static int
status_of(const char *method, const char *target, const char *token,
    const char *body)
{
	struct response q;
	char field[128] = "";
	int status;

	if (token != NULL)
		(void)snprintf(field, sizeof(field),
		    "Authorization: Bearer %s\r\n", token);
	call(method, target, field, body, &q);
	status = q.status;
	response_fini(&q);
	return status;
}

/* --- R22, R21: one refusal --- */

static const struct {
	const char	*name, *field;
} bad[] = {
	{ "none", "" },
	{ "another", "Authorization: Bearer coven_s_other\r\n" },
	{ "one byte more", "Authorization: Bearer " SESSION_1 "x\r\n" },
	{ "one byte less", "Authorization: Bearer coven_s_firs\r\n" },
	{ "empty", "Authorization: Bearer\r\n" },
	{ "nothing", "Authorization:\r\n" },
	{ "no scheme", "Authorization: " SESSION_1 "\r\n" },
	{ "basic", "Authorization: Basic Zm9vOmJhcg==\r\n" },
	{ "two words", "Authorization: Bearer " SESSION_1 " x\r\n" },
	{ "two of them, both good", "Authorization: Bearer " SESSION_1 "\r\n"
	    "Authorization: Bearer " SESSION_1 "\r\n" },
	{ "good, then bad", "Authorization: Bearer " SESSION_1 "\r\n"
	    "Authorization: Bearer x\r\n" },
	{ "its time is over", "Authorization: Bearer coven_p_ended\r\n" },
	{ "in the query", "X: y\r\n" },
	{ "a head that no parser likes", "no colon\r\n" },
	{ "two lengths", "Content-Length: 1\r\n" },
	{ "a body that is too long", "Transfer-Encoding: chunked\r\n" },
	{ "an Origin", "Origin: http://localhost\r\n" },
	{ "a strange Host", "X: y\r\nHost: evil.example\r\n" },
};

static void
R22_refusals_are_one(void **state)
{
	static const char *const targets[] = { "/health", "/nope",
	    "/api/v2/health", "/sessions?token=" SESSION_1,
	    "/sessions/live/kill" };
	struct response q;
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(bad); i++)
		for (k = 0; k < nitems(targets); k++) {
			call(k & 1 ? "POST" : "GET", targets[k],
			    bad[i].field, "", &q);
			if (q.n != sizeof(UNAUTHORIZED) - 1 ||
			    memcmp(q.bytes, UNAUTHORIZED, q.n) != 0)
				fail_msg("%s, %s: %.*s", bad[i].name,
				    targets[k], (int)q.n, q.bytes);
			response_fini(&q);
		}
	wait_for(&d.sh->notes, 1);
}

static void
R21_one_token_answers_one_request(void **state)
{
	(void)state;
	assert_int_equal(status_of("GET", "/health", SESSION_1, ""), 200);
	assert_int_equal(status_of("GET", "/health", SESSION_1, ""), 200);
	assert_int_equal(status_of("GET", "/health", SESSION_2, ""), 401);
}

/* A scheme is a word of any case; blanks around a token are none of it. */
static void
spellings_of_a_token(void **state)
{
	static const char *const good[] = {
		"Authorization: Bearer " SESSION_1 "\r\n",
		"authorization:bearer " SESSION_1 "\r\n",
		"AUTHORIZATION: \t BEARER \t " SESSION_1 " \t\r\n",
	};
	struct response q;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(good); i++) {
		call("GET", "/health", good[i], "", &q);
		if (q.status != 200)
			fail_msg("%s: %d", good[i], q.status);
		response_fini(&q);
	}
}

/* --- R4: later bytes are nobody's --- */

static void
R4_the_first_failure_ends_it(void **state)
{
	autobuf struct buf b = { 0 };
	struct response q;
	int i;

	(void)state;
	for (i = 0; i < 50; i++)
		buf_adds(&b, "GET /health HTTP/1.1\r\n"
		    "Authorization: Bearer wrong\r\n\r\n");
	buf_adds(&b, "POST /sessions/live/kill HTTP/1.1\r\n"
	    "Authorization: Bearer " SESSION_1 "\r\n\r\n");
	client_call(&d, buf_head(&b), &q);
	assert_int_equal(q.n, sizeof(UNAUTHORIZED) - 1);
	assert_memory_equal(q.bytes, UNAUTHORIZED, q.n);
	response_fini(&q);
	/* it is told, once */
	wait_for(&d.sh->notes, 1);
	assert_int_equal(status_of("GET", "/health", SESSION_1, ""), 200);
	wait_for(&d.sh->notes, 2);	/* and that the token was used */
	assert_int_equal(status_of("GET", "/sessions/live", SESSION_1, ""),
	    200);
	assert_int_equal(d.sh->notes, 2);
}

/* --- R1, R2, R3, R6: before --- */

/* What arrives within ms, until the end; -1: it is still open. */
static ssize_t
read_within(int fd, char *to, size_t n, int ms)
{
	int64_t end = now_ms() + ms;
	size_t got = 0;
	ssize_t r;

	while (now_ms() < end) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (poll(&p, 1, (int)(end - now_ms())) <= 0)
			continue;
		r = recv(fd, to + got, n - got, 0);
		if (r <= 0)
			return (ssize_t)got;
		got += (size_t)r;
	}
	return -1;
}

static void
R1_nothing_is_said_before(void **state)
{
	static const char *const starts[] = { "", "G", "GET /health HTTP/1.1"
	    "\r\nAuthorization: Bearer " SESSION_1 "\r\n" };
	char buf[512];
	size_t i;
	int fds[3];

	(void)state;
	for (i = 0; i < nitems(starts); i++) {
		fds[i] = client_connect(&d);
		client_send(fds[i], starts[i], strlen(starts[i]));
	}
	for (i = 0; i < nitems(starts); i++) {
		assert_int_equal(read_within(fds[i], buf, sizeof(buf), 100),
		    -1);
		close(fds[i]);
	}
}

/* A byte now and then does not move the end of five seconds. */
static void
R2_the_deadline_is_from_accept(void **state)
{
	int fd, idle, i;
	int64_t start;
	char buf[512];

	(void)state;
	start = now_ms();
	fd = client_connect(&d);
	idle = client_connect(&d);
	for (i = 0; i < 45; i++) {
		client_send(fd, &"GET /health HTTP/1.1\r\nX: "
		    "aaaaaaaaaaaaaaaaaaaaaaaaaa"[i], 1);
		usleep(100000);
	}
	assert_int_equal(read_within(fd, buf, sizeof(buf), 10000), 0);
	assert_true(now_ms() - start >= 4900);
	assert_true(now_ms() - start < 15000);
	assert_int_equal(read_within(idle, buf, sizeof(buf), 10000), 0);
	close(fd);
	close(idle);
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

/* 16 KiB without an end of the head, a thousand times, kept open. */
static void
R3_input_before_is_bounded(void **state)
{
	static char junk[16384];
	static int fds[1000];
	struct response q;
	long before;
	size_t i;

	(void)state;
	(void)status_of("GET", "/health", SESSION_1, "");
	memset(junk, 'a', sizeof(junk));
	memcpy(junk, "GET /", 5);
	before = rss_kib(d.apid);
	for (i = 0; i < nitems(fds); i++) {
		fds[i] = client_connect(&d);
		client_send(fds[i], junk, sizeof(junk) - 1);
	}
	assert_int_equal(status_of("GET", "/health", SESSION_1, ""), 200);
#ifndef COVEN_SANITIZE
	assert_true(rss_kib(d.apid) - before < 8192);
#else
	(void)before;
#endif
	/* the last byte of the last one: closed at once, with the refusal */
	client_send(fds[nitems(fds) - 1], "a", 1);
	client_read(fds[nitems(fds) - 1], &q);
	assert_int_equal(q.status, 401);
	response_fini(&q);
	for (i = 0; i < nitems(fds); i++)
		close(fds[i]);
}

/* The body of somebody unknown is read by nobody and kept nowhere. */
static void
R3_a_body_before_is_not_kept(void **state)
{
	size_t n = 4u << 20;
	char *big = malloc(n);
	struct response q;
	long before;
	int fd;

	(void)state;
	assert_non_null(big);
	memset(big, 'x', n);
	(void)status_of("GET", "/health", SESSION_1, "");
	before = rss_kib(d.apid);
	fd = client_connect(&d);
	client_send(fd, "POST /sessions HTTP/1.1\r\n"
	    "Content-Length: 4194304\r\n\r\n", 52);
	client_send(fd, big, n);
	client_read(fd, &q);
	assert_int_equal(q.status, 401);
	assert_false(q.reset);
#ifndef COVEN_SANITIZE
	assert_true(rss_kib(d.apid) - before < 2048);
#else
	(void)before;
#endif
	response_fini(&q);
	close(fd);
	free(big);
}

/* Two hundred of the same uid that say nothing: the next one is served. */
static void
R6_those_before_are_few(void **state)
{
	int fds[200], i, closed = 0;
	char buf[512];

	(void)state;
	for (i = 0; i < 200; i++)
		fds[i] = client_connect(&d);
	assert_int_equal(status_of("GET", "/health", SESSION_1, ""), 200);
	for (i = 0; i < 200; i++) {
		closed += read_within(fds[i], buf, sizeof(buf), 1) == 0;
		close(fds[i]);
	}
	assert_true(closed >= 200 - 64);
}

/* --- scopes --- */

#define LAUNCH(h)	"{\"projectRoot\":\"/p\",\"harness\":\"" h	\
			"\",\"prompt\":\"x\",\"argv\":[\"true\"]}"

/* What reader, typist and launcher get; 0: the owner alone may. */
static const struct {
	const char	*method, *target, *body;
	int		 owner, reader, typist, launcher;
} grants[] = {
	{ "GET", "/health", "", 200, 200, 200, 200 },
	{ "GET", "/api/v1/api-version", "", 200, 200, 200, 200 },
	{ "GET", "/nope", "", 404, 404, 404, 404 },
	{ "GET", "/sessions", "", 200, 200, 403, 403 },
	{ "GET", "/sessions/live", "", 200, 200, 403, 403 },
	{ "GET", "/sessions/evs/events", "", 200, 200, 403, 403 },
	{ "GET", "/events?sessionId=evs", "", 200, 200, 403, 403 },
	{ "GET", "/sessions/evs/log", "", 200, 200, 403, 403 },
	{ "POST", "/sessions/live/input", "{\"data\":\"x\"}", 202, 403, 202,
	    403 },
	{ "POST", "/sessions/ended/kill", "", 409, 403, 409, 403 },
	{ "POST", "/sessions/live/signal", "{\"signal\":\"INT\"}", 202, 403,
	    202, 403 },
	{ "POST", "/sessions", LAUNCH("codex"), 201, 403, 403, 201 },
	{ "POST", "/sessions", LAUNCH("claude"), 201, 403, 403, 403 },
	{ "POST", "/sessions", LAUNCH("exec"), 201, 403, 403, 403 },
	{ "POST", "/actions", "{}", 400, 403, 403, 403 },
	{ "POST", "/sessions/external", "{}", 400, 403, 403, 403 },
	{ "POST", "/sessions/ext/complete", "{}", 200, 403, 403, 403 },
	{ "POST", "/sessions/ended/archive", "{}", 200, 403, 403, 403 },
	{ "POST", "/sessions/ended/summon", "{}", 200, 403, 403, 403 },
	{ "DELETE", "/sessions/ended", "", 200, 403, 403, 403 },
	{ "GET", "/pairings", "", 200, 403, 403, 403 },
	{ "POST", "/pairings", "{}", 400, 403, 403, 403 },
	{ "DELETE", "/pairings/nobody", "", 404, 403, 403, 403 },
	{ "POST", "/token/rotate", "", 0, 403, 403, 403 },
	{ "POST", "/api/v1/internal/lifecycle/shutdown", "{}", 400, 403, 403,
	    403 },
};

static void
expect(const char *method, const char *target, const char *token,
    const char *body, int want)
{
	int got = want != 0 ? status_of(method, target, token, body) : 0;

	if (got != want)
		fail_msg("%s %s with %s: %d, not %d", method, target,
		    token != NULL ? token : "none", got, want);
}

static void
scopes_say_what_a_token_may(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(grants); i++) {
		expect(grants[i].method, grants[i].target, SESSION_1,
		    grants[i].body, grants[i].owner);
		expect(grants[i].method, grants[i].target, "coven_p_reader",
		    grants[i].body, grants[i].reader);
		expect(grants[i].method, grants[i].target, "coven_p_typist",
		    grants[i].body, grants[i].typist);
		expect(grants[i].method, grants[i].target, "coven_p_launcher",
		    grants[i].body, grants[i].launcher);
	}
}

/* Its holder chooses the harness, not how it is confined. */
static void
a_policy_is_the_owners(void **state)
{
	static const char with[] = "{\"projectRoot\":\"/p\","
	    "\"harness\":\"codex\",\"prompt\":\"x\","
	    "\"launchMode\":\"nonInteractive\",\"launchPolicy\":{"
	    "\"approval\":\"never\",\"sandbox\":\"workspace-write\"}}";

	(void)state;
	expect("POST", "/sessions", "coven_p_launcher", with, 403);
	expect("POST", "/sessions", SESSION_1, with, 201);
}

/* In peer mode nobody needs a token; one that is shown is looked at. */
static void
a_token_restricts_in_peer_mode_too(void **state)
{
	(void)state;
	daemon_start(&d, NULL);
	expect("GET", "/pairings", NULL, "", 200);
	expect("GET", "/sessions", "coven_p_reader", "", 200);
	expect("GET", "/pairings", "coven_p_reader", "", 403);
	expect("POST", "/sessions", "coven_p_reader", LAUNCH("exec"), 403);
	expect("GET", "/health", "coven_p_ended", "", 401);
	expect("GET", "/health", SESSION_1, "", 401);
	expect("POST", "/token/rotate", NULL, "", 409);
	daemon_stop(&d);
}

/* --- the kernel cannot say --- */

static void
a_token_stands_for_what_nobody_can_say(void **state)
{
	const struct server_conf conf = { .owner_uid = geteuid(),
	    .overflow_uid = UINT32_MAX, .max_conns = 300, .token = true };

	(void)state;
	daemon_start(&d, NULL);
	d.sh->inside = 2;
	expect("POST", "/sessions/live/kill", NULL, "", 403);
	expect("GET", "/sessions", NULL, "", 200);
	daemon_stop(&d);
	daemon_start(&d, &conf);
	d.sh->inside = 2;
	expect("POST", "/sessions/live/kill", SESSION_1, "", 202);
	/* what is known to be inside stays outside */
	d.sh->inside = 1;
	expect("POST", "/sessions/live/kill", SESSION_1, "", 403);
	daemon_stop(&d);
}

/* --- ends --- */

static int
begin_wait(const char *token)
{
	autobuf struct buf b = { 0 };
	int fd = client_connect(&d);

	buf_addf(&b, "GET /sessions/stuck HTTP/1.1\r\n"
	    "Authorization: Bearer %s\r\n\r\n", token);
	client_send(fd, buf_head(&b), buf_left(&b));
	return fd;
}

static void
a_revoked_token_takes_its_callers_along(void **state)
{
	char buf[512];
	int reader, typist, owner;

	(void)state;
	reader = begin_wait("coven_p_reader");
	typist = begin_wait("coven_p_typist");	/* 403 */
	owner = begin_wait(SESSION_1);
	wait_for(&d.sh->stuck, 2);
	assert_true(read_within(typist, buf, sizeof(buf), 5000) > 0);
	expect("DELETE", "/pairings/reader", SESSION_1, "", 200);
	assert_int_equal(read_within(reader, buf, sizeof(buf), 5000), 0);
	assert_int_equal(read_within(owner, buf, sizeof(buf), 50), -1);
	expect("GET", "/sessions", "coven_p_reader", "", 401);
	close(reader);
	close(typist);
	close(owner);
}

/* One that is made verifies at once, and is shown once. */
static void
a_token_is_made(void **state)
{
	static const struct {
		const char	*body;
		int		 status;
	} rows[] = {
		{ "{\"name\":\"x\",\"scopes\":[\"list\"]}", 201 },
		{ "{\"name\":\"y\",\"scopes\":[\"list\",\"launch:codex\"],"
		    "\"expiresInSeconds\":60}", 201 },
		{ "{\"name\":\"taken\",\"scopes\":[\"list\"]}", 409 },
		{ "{\"name\":\"full\",\"scopes\":[\"list\"]}", 409 },
		{ "{\"name\":\"\",\"scopes\":[\"list\"]}", 400 },
		{ "{\"name\":\"a/b\",\"scopes\":[\"list\"]}", 400 },
		{ "{\"name\":\"x\"}", 400 },
		{ "{\"name\":\"x\",\"scopes\":\"list\"}", 400 },
		{ "{\"name\":\"x\",\"scopes\":[]}", 400 },
		{ "{\"name\":\"x\",\"scopes\":[\"list,read\"]}", 400 },
		{ "{\"name\":\"x\",\"scopes\":[\"launch:exec\"]}", 400 },
		{ "{\"name\":\"x\",\"scopes\":[\"owner\"]}", 400 },
		{ "{\"name\":\"x\",\"scopes\":[\"list\"],"
		    "\"expiresInSeconds\":0}", 400 },
		{ "{\"name\":\"x\",\"scopes\":[\"list\"],"
		    "\"expiresInSeconds\":7776001}", 400 },
		{ "{\"name\":\"x\",\"scopes\":[\"list\"],"
		    "\"expiresInSeconds\":\"1\"}", 400 },
	};
	char token[TOKEN_LEN + 1] = "", *at;
	struct response q;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		call("POST", "/pairings", "Authorization: Bearer " SESSION_1
		    "\r\n", rows[i].body, &q);
		if (q.status != rows[i].status)
			fail_msg("%s: %d, not %d", rows[i].body, q.status,
			    rows[i].status);
		at = strstr(q.bytes, TOKEN_PAIRED);
		assert_int_equal(at != NULL, q.status == 201);
		if (i == 0)
			memcpy(token, at, TOKEN_LEN);
		response_fini(&q);
	}
	expect("GET", "/sessions", token, "", 200);
	expect("GET", "/events?sessionId=evs", token, "", 403);
	call("GET", "/pairings", "Authorization: Bearer " SESSION_1 "\r\n",
	    "", &q);
	assert_non_null(strstr(q.body, "\"name\":\"x\""));
	assert_null(strstr(q.body, token));
	response_fini(&q);
	/* its use is on record, once in a while */
	wait_for(&d.sh->uses, 1);
	assert_int_equal(d.sh->uses, 1);
}

/* --- R10: rotation --- */

static void
R10_both_verify_for_a_while(void **state)
{
	int64_t end;

	(void)state;
	d.sh->rotate_fails = 1;
	expect("POST", "/token/rotate", SESSION_1, "", 500);
	expect("GET", "/health", SESSION_1, "", 200);
	d.sh->rotate_fails = 0;
	d.sh->overlap_ms = 1500;
	expect("POST", "/token/rotate", SESSION_1, "", 200);
	end = now_ms() + 1500;
	expect("GET", "/health", SESSION_2, "", 200);
	if (now_ms() < end - 500)
		expect("GET", "/health", SESSION_1, "", 200);
	while (now_ms() <= end)
		usleep(20000);
	expect("GET", "/health", SESSION_1, "", 401);
	expect("GET", "/health", SESSION_2, "", 200);
}

/* --- Host --- */

static void
a_page_of_another_name_is_refused(void **state)
{
	static const struct {
		const char	*host;
		int		 status;
	} hosts[] = {
		{ "Host: coven\r\n", 200 }, { "Host: localhost\r\n", 200 },
		{ "Host: LOCALHOST:8080\r\n", 200 }, { "Host:\r\n", 200 },
		{ "Host: 127.0.0.1:1\r\n", 200 }, { "", 200 },
		{ "Host: [::1]:80\r\n", 200 }, { "Host: coven:\r\n", 200 },
		{ "Host: evil.example\r\n", 421 },
		{ "Host: localhost.evil.example\r\n", 421 },
		{ "Host: covens\r\n", 421 }, { "Host: coven:80a\r\n", 421 },
		{ "Host: 127.0.0.2\r\n", 421 },
		{ "Host: localhost:1:2\r\n", 421 },
	};
	autobuf struct buf b = { 0 };
	struct response q;
	size_t i;

	(void)state;
	daemon_start(&d, NULL);
	for (i = 0; i < nitems(hosts); i++) {
		buf_clear(&b);
		buf_addf(&b, "GET /health HTTP/1.1\r\n%s\r\n", hosts[i].host);
		client_call(&d, buf_head(&b), &q);
		if (q.status != hosts[i].status)
			fail_msg("%s: %d", hosts[i].host, q.status);
		response_fini(&q);
	}
	daemon_stop(&d);
}

static int
start(void **state)
{
	const struct server_conf conf = { .owner_uid = geteuid(),
	    .overflow_uid = UINT32_MAX, .max_conns = 1100, .token = true };

	(void)state;
	daemon_start(&d, &conf);
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
		FRESH(R1_nothing_is_said_before),
		FRESH(R2_the_deadline_is_from_accept),
		FRESH(R3_input_before_is_bounded),
		FRESH(R3_a_body_before_is_not_kept),
		FRESH(R4_the_first_failure_ends_it),
		FRESH(R6_those_before_are_few),
		FRESH(R10_both_verify_for_a_while),
		FRESH(R21_one_token_answers_one_request),
		FRESH(R22_refusals_are_one),
		FRESH(spellings_of_a_token),
		FRESH(scopes_say_what_a_token_may),
		FRESH(a_policy_is_the_owners),
		FRESH(a_revoked_token_takes_its_callers_along),
		FRESH(a_token_is_made),
		cmocka_unit_test(a_token_restricts_in_peer_mode_too),
		cmocka_unit_test(a_token_stands_for_what_nobody_can_say),
		cmocka_unit_test(a_page_of_another_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
