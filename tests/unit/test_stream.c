/*
 * Streams of events as clients see them: replay, then what is committed, then
 * the end; many that share a question; one that does not read.
 */
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "tests/unit/routes_client.h"

#define HEAD	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" \
	"Cache-Control: no-store\r\nConnection: close\r\n\r\n"
#define DATA(n)	"data: {\"seq\":" n ",\"id\":\"e\",\"session_id\":" \
	"\"grow\",\"kind\":\"output\",\"payload_json\":" \
	"\"{\\\"data\\\":\\\"hi\\\\r\\\\n\\\"}\"," \
	"\"created_at\":\"2026-08-22T10:00:00.123456789Z\"}\n\n"
#define EVENT(n)	"id: " n "\nevent: output\n" DATA(n)
#define END(status)	"event: end\ndata: {\"status\":\"" status "\"}\n\n"

static struct daemon d;

static int
open_stream(const char *target, const char *field)
{
	autobuf struct buf b = { 0 };
	int fd = client_connect(&d);

	buf_addf(&b, "GET %s HTTP/1.1\r\nHost: coven\r\n%s\r\n", target,
	    field);
	client_send(fd, buf_head(&b), buf_left(&b));
	return fd;
}

/* Exactly these bytes come next. */
static void
expect(int fd, const char *want)
{
	size_t n = strlen(want), at = 0;
	char got[4096];
	ssize_t r;

	assert_true(n < sizeof(got));
	while (at < n) {
		r = recv(fd, got + at, n - at, 0);
		assert_true(r > 0);
		at += (size_t)r;
	}
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void
expect_eof(int fd)
{
	char one;

	assert_int_equal(recv(fd, &one, 1, 0), 0);
	close(fd);
}

static void
replays_then_follows_then_ends(void **state)
{
	int fd;

	(void)state;
	d.sh->grown = 2;
	fd = open_stream("/api/v1/sessions/grow/stream", "");
	expect(fd, HEAD EVENT("1") EVENT("2"));
	d.sh->grown = 3;
	expect(fd, EVENT("3"));
	/* half-closed is not gone */
	shutdown(fd, SHUT_WR);
	d.sh->grown = 5;
	expect(fd, EVENT("4") EVENT("5"));
	d.sh->grown_up = 1;
	expect(fd, END("completed"));
	expect_eof(fd);
}

static void
begins_at_a_cursor(void **state)
{
	static const struct {
		const char	*query, *field, *want;
	} rows[] = {
		{ "", "", EVENT("1") EVENT("2") EVENT("3") },
		{ "?afterSeq=2", "", EVENT("3") },
		{ "?afterSeq=-9", "", EVENT("1") EVENT("2") EVENT("3") },
		{ "", "Last-Event-ID: 1\r\n", EVENT("2") EVENT("3") },
		{ "?afterSeq=1", "LAST-EVENT-ID:2 \r\n", EVENT("3") },
		{ "?afterSeq=2", "Last-Event-ID:\r\n", EVENT("3") },
		{ "?afterSeq=3", "", "" },
		{ "", "Last-Event-ID: 99\r\n", "" },
	};
	char target[128], want[2048];
	size_t i;
	int fd;

	(void)state;
	d.sh->grown = 3;
	d.sh->grown_up = 1;
	for (i = 0; i < nitems(rows); i++) {
		(void)snprintf(target, sizeof(target),
		    "/sessions/grow/stream%s", rows[i].query);
		(void)snprintf(want, sizeof(want), HEAD "%s" END("completed"),
		    rows[i].want);
		fd = open_stream(target, rows[i].field);
		expect(fd, want);
		expect_eof(fd);
	}
}

static void
is_refused_before_it_begins(void **state)
{
	static const struct {
		const char	*target, *field;
		int		 status;
	} rows[] = {
		{ "/sessions/absent/stream", "", 404 },
		{ "/sessions/grow/stream?afterSeq=x", "", 400 },
		{ "/sessions/grow/stream", "Last-Event-ID: 1x\r\n", 400 },
		{ "/sessions/grow/stream",
		    "Last-Event-ID: 99999999999999999999\r\n", 400 },
		{ "/sessions/grow/stream", "Origin: null\r\n", 403 },
		{ "/sessions/grow/stream/", "", 404 },
	};
	struct response q;
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		fd = open_stream(rows[i].target, rows[i].field);
		client_read(fd, &q);
		assert_int_equal(q.status, rows[i].status);
		response_fini(&q);
		close(fd);
	}
}

#define MANY	100

static void
many_share_one_question(void **state)
{
	int fds[MANY], i;
	unsigned asks, cancels;
	char one;

	(void)state;
	for (i = 0; i < MANY; i++) {
		fds[i] = open_stream("/sessions/grow/stream", "");
		expect(fds[i], HEAD);
	}
	asks = d.sh->asks;
	d.sh->grown = 1;
	for (i = 0; i < MANY; i++)
		expect(fds[i], EVENT("1"));
	d.sh->grown = 2;
	for (i = 0; i < MANY; i++)
		expect(fds[i], EVENT("2"));
	assert_true(d.sh->asks - asks <= 4);
	/* nobody but the last one takes the question back */
	cancels = d.sh->cancels;
	for (i = 0; i < MANY - 1; i++)
		close(fds[i]);
	d.sh->grown = 3;
	expect(fds[i], EVENT("3"));
	assert_int_equal(d.sh->cancels, cancels);
	assert_int_equal(recv(fds[i], &one, 1, MSG_DONTWAIT), -1);
	close(fds[i]);
	wait_for(&d.sh->cancels, cancels + 1);
}

/* Pages of "big" are larger than a socket's buffer. */
static void
is_not_asked_for_more_than_is_read(void **state)
{
	unsigned asks;
	struct response q;
	char got[65536];
	size_t sum = 0;
	ssize_t n;
	int slow, i;

	(void)state;
	slow = open_stream("/sessions/big/stream", "");
	assert_int_equal(recv(slow, got, 1, 0), 1);
	asks = d.sh->asks;
	for (i = 0; i < 20; i++) {
		client_request(&d, "GET", "/sessions/live", NULL, &q);
		assert_int_equal(q.status, 200);
		response_fini(&q);
	}
	assert_int_equal(d.sh->asks, asks);
	/* 100 events of 60,000 bytes each, and then it waits */
	while (sum < 100 * 60000) {
		n = recv(slow, got, sizeof(got), 0);
		assert_true(n > 0);
		sum += (size_t)n;
	}
	wait_for(&d.sh->asks, asks + 1);
	close(slow);
}

static void
goes_on_when_stored_is_back(void **state)
{
	int fd, other;

	(void)state;
	d.sh->grown = 1;
	fd = open_stream("/sessions/grow/stream", "");
	other = open_stream("/sessions/grow/stream?afterSeq=1", "");
	expect(fd, HEAD EVENT("1"));
	expect(other, HEAD);
	d.sh->restart = 1;
	while (d.sh->restart)
		usleep(1000);
	d.sh->grown = 2;
	expect(fd, EVENT("2"));
	expect(other, EVENT("2"));
	d.sh->die = 1;
	while (d.sh->die)
		usleep(1000);
	d.sh->grown = 3;
	d.sh->restart = 1;
	expect(fd, EVENT("3"));
	expect(other, EVENT("3"));
	close(fd);
	close(other);
}

static void
ends_with_a_deleted_session(void **state)
{
	int fd;

	(void)state;
	fd = open_stream("/sessions/grow/stream", "");
	expect(fd, HEAD);
	d.sh->gone = 1;
	expect(fd, END("deleted"));
	expect_eof(fd);
}

/* Half of the connections are left for requests. */
static void
leaves_room_for_others(void **state)
{
	int fds[150], i, fd;
	struct response q;
	char line[12];

	(void)state;
	for (i = 0; i < (int)nitems(fds); i++) {
		fds[i] = open_stream("/sessions/grow/stream", "");
		expect(fds[i], HEAD);
	}
	fd = open_stream("/sessions/grow/stream", "");
	client_read(fd, &q);
	assert_int_equal(q.status, 503);
	response_fini(&q);
	close(fd);
	client_request(&d, "GET", "/health", NULL, &q);
	assert_int_equal(q.status, 200);
	response_fini(&q);
	close(fds[0]);
	/* its end is noticed by and by */
	for (i = 0; i < 1000; i++) {
		fd = open_stream("/sessions/grow/stream", "");
		assert_int_equal(recv(fd, line, sizeof(line), 0),
		    sizeof(line));
		if (memcmp(line, "HTTP/1.1 200", sizeof(line)) == 0)
			break;
		close(fd);
		usleep(1000);
	}
	assert_int_not_equal(i, 1000);
	close(fd);
	for (i = 1; i < (int)nitems(fds); i++)
		close(fds[i]);
}

static void
ends_when_the_daemon_stops(void **state)
{
	int fd, i;

	(void)state;
	fd = open_stream("/sessions/grow/stream", "");
	expect(fd, HEAD);
	d.sh->shutdown = 1;
	expect_eof(fd);
	for (i = 0; d.sh->shutdown != 2 && i < 5000; i++)
		usleep(1000);
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
		FRESH(replays_then_follows_then_ends),
		FRESH(begins_at_a_cursor),
		FRESH(is_refused_before_it_begins),
		FRESH(many_share_one_question),
		FRESH(is_not_asked_for_more_than_is_read),
		FRESH(goes_on_when_stored_is_back),
		FRESH(ends_with_a_deleted_session),
		FRESH(leaves_room_for_others),
		FRESH(ends_when_the_daemon_stops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
