/*
 * Every route over its wire: the contract's vectors (appendix A6), the
 * details behind them, and what reaches stored and the monitor.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/msg.h"
#include "coven-apid/json.h"
#include "tests/unit/routes_client.h"
#include "tests/unit/routes_vectors.h"

static struct daemon d;

static void
check(const char *name, const struct response *q, int status,
    const char *body, const char *const *has, size_t nhas)
{
	autojson struct json *v = NULL;
	const char *why = "";
	size_t i;

	if (q->status != status)
		fail_msg("%s: status %d, not %d: %s", name, q->status,
		    status, q->body);
	if (json_parse(q->body, q->body_n, &v, &why) != 0)
		fail_msg("%s: the body is not JSON: %s", name, why);
	if (body != NULL && strcmp(body, q->body) != 0)
		fail_msg("%s:\n  got    %s\n  wanted %s", name, q->body,
		    body);
	for (i = 0; i < nhas && has[i] != NULL; i++)
		if (strstr(q->body, has[i]) == NULL)
			fail_msg("%s: %.300s\n  lacks %s", name, q->body,
			    has[i]);
	assert_false(q->reset);
}

static void
contract_vectors(void **state)
{
	struct response q;
	char name[600];
	size_t i;

	(void)state;
	for (i = 0; i < vectors_count; i++) {
		const struct vector *v = &vectors[i];

		(void)snprintf(name, sizeof(name), "%s %s %s", v->method,
		    v->target, v->send != NULL ? v->send : "");
		client_request(&d, v->method, v->target, v->send, &q);
		check(name, &q, v->status, v->body, v->has, nitems(v->has));
		response_fini(&q);
	}
}

static void
call(const char *method, const char *target, const char *body, int status)
{
	struct response q;

	client_request(&d, method, target, body, &q);
	check(target, &q, status, NULL, NULL, 0);
	response_fini(&q);
}

static void
health_says_who_and_what(void **state)
{
	autojson struct json *v = NULL;
	const struct json *caps;
	struct response q;
	const char *why;

	(void)state;
	client_request(&d, "GET", "/health", NULL, &q);
	assert_int_equal(q.status, 200);
	assert_non_null(strstr(q.body, "\"daemon\":{\"pid\":4711,"
	    "\"startedAt\":\"" STARTED_AT "\",\"socket\":\"" SOCKET "\"}"));
	assert_int_equal(json_parse(q.body, q.body_n, &v, &why), 0);
	assert_string_equal(json_str(json_get(v, "apiVersion"), NULL),
	    "coven.daemon.v1");
	assert_string_equal(json_str(json_get(v, "covenVersion"), NULL),
	    PACKAGE_VERSION);
	caps = json_get(v, "capabilities");
	assert_true(json_is_true(json_get(caps, "structuredErrors")));
	assert_true(json_is_true(json_get(caps, "sessionExec")));
	assert_false(json_is_true(json_get(caps, "afs")));
	assert_string_equal(json_str(json_get(caps, "eventCursor"), NULL),
	    "sequence");
	assert_int_equal(json_kind(json_get(caps,
	    "requestAdoptionContracts")), JSON_ARRAY);
	response_fini(&q);
}

/* Ages are of the second they are asked in, not of when they were told. */
static void
health_tells_ages(void **state)
{
	int64_t age = 0, first;
	int i;

	(void)state;
	d.sh->swept = 1;
	for (first = -1, i = 0; i < 1000 && (first == -1 ||
	    age == first); i++) {
		autojson struct json *v = NULL;
		const struct json *st;
		struct response q;
		const char *why;

		client_request(&d, "GET", "/health", NULL, &q);
		assert_int_equal(json_parse(q.body, q.body_n, &v, &why), 0);
		response_fini(&q);
		st = json_get(v, "storage");
		if (json_int(json_get(st, "pruneAgeSeconds"), &age)) {
			assert_non_null(json_str(json_get(st, "lastPruneAt"),
			    NULL));
			assert_in_range(age, 60, 120);
			assert_int_equal(json_kind(json_get(st,
			    "checkpointAgeSeconds")), JSON_NULL);
			first = first == -1 ? age : first;
		}
		usleep(20000);
	}
	assert_true(age > first && first >= 60);
}

static void
lists_page_by_page(void **state)
{
	autojson struct json *v = NULL;
	char target[256];
	struct response q;
	const char *why;

	(void)state;
	d.sh->sessions = 5;
	/* the bare array is gathered from pages of two */
	client_request(&d, "GET", "/sessions", NULL, &q);
	assert_int_equal(json_parse(q.body, q.body_n, &v, &why), 0);
	assert_int_equal(json_len(v), 5);
	assert_string_equal(json_str(json_get(json_at(v, 4), "id"), NULL),
	    "s1");
	json_free(steal(&v));
	response_fini(&q);
	client_request(&d, "GET", "/sessions?limit=2", NULL, &q);
	assert_int_equal(json_parse(q.body, q.body_n, &v, &why), 0);
	assert_int_equal(json_len(json_get(v, "sessions")), 2);
	(void)snprintf(target, sizeof(target), "/sessions?limit=9&cursor=%s",
	    json_str(json_get(v, "next_cursor"), NULL));
	response_fini(&q);
	client_request(&d, "GET", target, NULL, &q);
	assert_non_null(strstr(q.body, "\"id\":\"s3\""));
	assert_null(strstr(q.body, "\"id\":\"s4\""));
	response_fini(&q);
	d.sh->sessions = 0;
}

/* --- what reaches stored ------------------------------------------------ */

/* got holds n bytes of NUL-separated words; want shows the NULs as '|'. */
static void
words_are(const char *got, unsigned n, const char *want)
{
	char shown[SEEN_MAX];
	unsigned i;

	assert_true(n < sizeof(shown));
	for (i = 0; i < n; i++)
		shown[i] = got[i] != '\0' ? got[i] : '|';
	shown[n] = '\0';
	assert_string_equal(shown, want);
}

static void
exec_spec_is_whole(void **state)
{
	(void)state;
	call("POST", "/sessions", "{" LAUNCH "\"exec\",\"argv\":[\"ls\","
	    "\"-l\",\"\"],\"env\":{\"A\":\"b c\",\"_X\":\"\"},"
	    "\"cwd\":\"sub/dir\",\"conversationId\":\"c1\"}", 201);
	words_are(d.sh->args, d.sh->args_len, "ls|-l||");
	words_are(d.sh->env, d.sh->env_len, "A=b c|_X=|");
	assert_string_equal(d.sh->cwd, "/p/sub/dir");
	assert_string_equal(d.sh->title, "ls -l ");
	assert_string_equal(d.sh->conversation, "c1");
	assert_int_equal(d.sh->transport, TRANSPORT_PIPES);
	assert_int_equal(d.sh->stdin_eof, 1);
	call("POST", "/sessions", "{" EXEC ",\"stdin\":true,\"cwd\":\"/q\"}",
	    201);
	assert_int_equal(d.sh->stdin_eof, 0);
	assert_string_equal(d.sh->cwd, "/q");
	call("POST", "/sessions", "{" EXEC ",\"tty\":true,\"rows\":50,"
	    "\"cols\":132,\"title\":\"T\",\"cwd\":5}", 201);
	assert_int_equal(d.sh->transport, TRANSPORT_PTY);
	assert_int_equal(d.sh->rows, 50);
	assert_int_equal(d.sh->cols, 132);
	assert_string_equal(d.sh->title, "T");
	assert_string_equal(d.sh->cwd, "");
}

static void
harness_spec_is_whole(void **state)
{
	(void)state;
	call("POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\" hi \","
	    "\"model\":\"openai/m\"}", 201);
	words_are(d.sh->args, d.sh->args_len, "--model|m|--|hi|");
	assert_int_equal(d.sh->transport, TRANSPORT_PTY);
	assert_string_equal(d.sh->title, "hi");
	call("POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"hi\","
	    "\"launchMode\":\"nonInteractive\",\"launchPolicy\":{"
	    "\"approval\":\"never\",\"sandbox\":\"workspace-write\","
	    "\"addDirs\":[\"/a\",\"/b\",\"/a\"]}}", 201);
	words_are(d.sh->args, d.sh->args_len, "--ask-for-approval|never|-c|"
	    "approval_policy=\"never\"|--sandbox|workspace-write|--add-dir|"
	    "/a|--add-dir|/b|exec|--skip-git-repo-check|--color|never|--|-|");
	assert_string_equal(d.sh->stdin_data, "hi");
	assert_int_equal(d.sh->stdin_eof, 1);
	assert_int_equal(d.sh->transport, TRANSPORT_PIPES);
	call("POST", "/sessions", "{" LAUNCH "\"claude\",\"prompt\":\"hi\","
	    "\"launchMode\":\"stream\",\"conversation\":{\"mode\":\"init\","
	    "\"id\":\"abc\"}}", 201);
	assert_int_equal(d.sh->transport, TRANSPORT_STREAM);
	assert_non_null(strstr(d.sh->stdin_data, "\"text\":\"hi\""));
	/* an adapter of a manifest */
	call("POST", "/sessions", "{" LAUNCH "\"mine\",\"prompt\":\"hi\"}",
	    201);
	words_are(d.sh->args, d.sh->args_len, "--ask=hi|");
}

static void
input_is_passed_on(void **state)
{
	(void)state;
	call("POST", "/sessions/live/input", "{\"data\":\"a\\u0000\\u00e9\","
	    "\"executionBinding\":{\"x\":1},\"more\":[1.50]}", 202);
	assert_int_equal(d.sh->data_len, 4);
	assert_memory_equal(d.sh->data, "a\0\xc3\xa9", 4);
	assert_string_equal(d.sh->payload,
	    "{\"data\":\"a\\u0000\xc3\xa9\",\"more\":[1.50]}");
	assert_int_equal(d.sh->eof, 0);
	call("POST", "/sessions/live/input", "{\"b64\":\"AP/+\",\"eof\":true}",
	    202);
	assert_int_equal(d.sh->data_len, 3);
	assert_memory_equal(d.sh->data, "\0\xff\xfe", 3);
	assert_int_equal(d.sh->eof, 1);
	call("POST", "/sessions/live/input", "{\"eof\":true}", 202);
	assert_int_equal(d.sh->data_len, 0);
}

static void
oversized_input_is_413(void **state)
{
	autobuf struct buf b = { 0 };
	struct response q;

	(void)state;
	buf_adds(&b, "{\"data\":\"");
	while (buf_left(&b) < (2u << 20))
		buf_adds(&b, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	buf_adds(&b, "\"}");
	client_request(&d, "POST", "/sessions/live/input", buf_head(&b), &q);
	assert_int_equal(q.status, 413);
	assert_non_null(strstr(q.body, ERR("input_too_large")));
	response_fini(&q);
}

static void
others_reach_stored(void **state)
{
	struct response q;
	char id[5000];

	(void)state;
	call("POST", "/sessions/live/signal", "{\"signal\":\"WINCH\"}", 202);
	assert_int_equal(d.sh->signo, SIGWINCH);
	call("GET", "/sessions?query=caf%C3%A9%20%22x&status=live", NULL, 200);
	assert_string_equal(d.sh->query, "caf\xc3\xa9 \"x");
	assert_string_equal(d.sh->filter, "live");
	call("POST", "/sessions/external", "{\"id\":\" z \",\"projectRoot\":"
	    "\"/p\",\"harness\":\"h\",\"title\":\"\","
	    "\"labels\":[\"a:1\",\"b\"]}", 201);
	assert_string_equal(d.sh->labels, "[\"a:1\",\"b\"]");
	assert_string_equal(d.sh->title, "External session");
	call("GET", "/events?afterSeq=7&sessionId=evs&limit=5000&waitMs=x",
	    NULL, 400);
	call("GET", "/events?afterSeq=7&sessionId=evs&limit=5000&waitMs=9",
	    NULL, 200);
	assert_int_equal(d.sh->after_seq, 7);
	assert_int_equal(d.sh->limit, 1000);
	assert_int_equal(d.sh->wait_ms, 9);
	/* an id that no message can carry does not exist */
	memset(id, 'x', sizeof(id));
	memcpy(id, "/sessions/", 10);
	id[sizeof(id) - 1] = '\0';
	client_request(&d, "GET", id, NULL, &q);
	assert_int_equal(q.status, 404);
	response_fini(&q);
}

/* --- who asks, and neighbours that go away ------------------------------ */

static void
sessions_may_not_change(void **state)
{
	unsigned launches = d.sh->launches, whos = d.sh->whos;

	(void)state;
	d.sh->inside = 1;
	call("POST", "/sessions", "{" EXEC "}", 403);
	call("POST", "/sessions/ext/kill", NULL, 403);
	call("POST", STOP, "{}", 403);
	assert_int_equal(d.sh->launches, launches);
	assert_int_equal(d.sh->whos, whos + 3);
	call("GET", "/sessions", NULL, 200);
	assert_int_equal(d.sh->whos, whos + 3);
	d.sh->inside = 0;
}

static void
origin_is_refused(void **state)
{
	struct response q;

	(void)state;
	client_call(&d, "GET /health HTTP/1.1\r\nHost: coven\r\n"
	    "Origin: http://localhost\r\n\r\n", &q);
	assert_int_equal(q.status, 403);
	assert_int_equal(strncmp(q.body, "{\"ok\":false,\"error\":{"
	    "\"code\":\"forbidden\"", 39), 0);
	response_fini(&q);
}

/* The rest is a number, ten seconds later: nobody fills the record. */
static void
a_flood_of_refusals_is_five_notes(void **state)
{
	struct response q;
	int i;

	(void)state;
	for (i = 0; i < 12; i++) {
		client_call(&d, "GET /health HTTP/1.1\r\nHost: x\r\n"
		    "Origin: null\r\n\r\n", &q);
		assert_int_equal(q.status, 403);
		response_fini(&q);
	}
	/* Whatever was said before it has been heard: stored answers it. */
	call("GET", "/sessions/live", NULL, 200);
	assert_int_equal(d.sh->notes, 5);
}

static void
waiting_requests_get_503(volatile int *order)
{
	int fd = client_connect(&d), i;
	struct response q;

	client_send(fd, "GET /sessions/stuck HTTP/1.1\r\n\r\n", 32);
	/* another request behind it has been answered: it is with stored */
	call("GET", "/sessions/live", NULL, 200);
	*order = 1;
	client_read(fd, &q);
	assert_int_equal(q.status, 503);
	assert_non_null(strstr(q.body, ERR("unavailable")));
	response_fini(&q);
	close(fd);
	for (i = 0; *order != 0 && i < 5000; i++)
		usleep(1000);
}

static void
stored_restarts(void **state)
{
	(void)state;
	waiting_requests_get_503(&d.sh->restart);
	call("GET", "/sessions/live", NULL, 200);
	waiting_requests_get_503(&d.sh->die);
	call("GET", "/sessions/live", NULL, 503);
	call("GET", "/health", NULL, 200);
	assert_int_equal(d.sh->lost, 0);
	wait_for(&d.sh->lost, 1);	/* it asks for another channel */
	d.sh->restart = 1;
	while (d.sh->restart)
		usleep(1000);
	call("GET", "/sessions/live", NULL, 200);
}

static void
a_wait_ends_with_its_client(void **state)
{
	unsigned cancels = d.sh->cancels;
	int fd = client_connect(&d);

	(void)state;
	client_send(fd, "GET /events?sessionId=live&waitMs=30000 HTTP/1.1\r\n"
	    "\r\n", 52);
	/* half-closed is not gone */
	shutdown(fd, SHUT_WR);
	call("GET", "/sessions/live", NULL, 200);
	assert_int_equal(d.sh->wait_ms, 30000);
	assert_int_equal(d.sh->cancels, cancels);
	close(fd);
	wait_for(&d.sh->cancels, cancels + 1);
}

static void
stop_hands_the_connection_over(void **state)
{
	static const char body[] = "{\"apiVersion\":\"coven.daemon.v1\","
	    "\"daemon\":{\"pid\":4711,\"startedAt\":\"" STARTED_AT "\","
	    "\"socket\":\"" SOCKET "\"}}";
	autobuf struct buf b = { 0 };
	struct response q;
	char one;
	int fd = client_connect(&d);

	(void)state;
	buf_addf(&b, "POST " STOP " HTTP/1.1\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
	client_send(fd, buf_head(&b), buf_left(&b));
	shutdown(fd, SHUT_WR);
	wait_for(&d.sh->stops, 1);
	/* nothing has been lost and it has not been closed */
	assert_int_equal(recv(fd, &one, 1, MSG_PEEK), 1);
	call("GET", "/health", NULL, 200);
	d.sh->release = 1;
	client_read(fd, &q);
	assert_int_equal(q.status, 202);
	assert_false(q.reset);
	assert_string_equal(q.body, "{\"ok\":true,"
	    "\"apiVersion\":\"coven.daemon.v1\","
	    "\"capabilities\":{\"structuredErrors\":true},"
	    "\"daemon\":{\"pid\":4711,\"startedAt\":\"" STARTED_AT "\","
	    "\"socket\":\"" SOCKET "\"}}");
	response_fini(&q);
	close(fd);
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
		FRESH(contract_vectors),
		FRESH(health_says_who_and_what),
		FRESH(health_tells_ages),
		FRESH(lists_page_by_page),
		FRESH(exec_spec_is_whole),
		FRESH(harness_spec_is_whole),
		FRESH(input_is_passed_on),
		FRESH(oversized_input_is_413),
		FRESH(others_reach_stored),
		FRESH(sessions_may_not_change),
		FRESH(origin_is_refused),
		FRESH(a_flood_of_refusals_is_five_notes),
		FRESH(stored_restarts),
		FRESH(a_wait_ends_with_its_client),
		FRESH(stop_hands_the_connection_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
