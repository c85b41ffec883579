/* Bytes both ways: order, ends, and what may not go. */
#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-gateway/through.h"

#define BIG	(4u << 20)

static struct gateway gw;
static struct conn *conn;
static int client, server;	/* the far ends */
static unsigned idle;

void
gateway_idle(struct gateway *g)
{
	(void)g;
	idle++;
}

static void
on_batch(void *ctx)
{
	conn_reap(ctx);
}

static void
on_side(struct source *s, uint32_t events)
{
	struct conn *c = s->ctx;

	if (s == &c->in.s)
		through_ready(c, &c->in, &c->up, events);
	else
		through_ready(c, &c->up, &c->in, events);
}

static void
pair(int *far, struct side *s)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
	*far = fd[0];
	s->s = (struct source){ .fd = fd[1], .cb = on_side, .ctx = conn };
}

/* A connection that has come this far, as conn.c leaves it. */
static void
begin(bool tunnel, uint64_t body, uint64_t left)
{
	gw.left = left;
	gw.nconns = 1;
	idle = 0;
	conn = mem_zalloc(1, sizeof(*conn));
	conn->gw = &gw;
	conn->state = CONN_THROUGH;
	conn->tunnel = tunnel;
	conn->body = body;
	buf_init(&conn->read, BIG);
	buf_init(&conn->first, BIG);
	hello_init(&conn->hello);
	conn->at = &gw.conns;
	gw.conns = conn;
	pair(&client, &conn->in);
	pair(&server, &conn->up);
}

static void
turns(void)
{
	int i;

	for (i = 0; i < 20; i++)
		loop_once(gw.loop, 0);
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
	    strlen(text));
	turns();
}

/* "": nothing came; NULL: the end did. */
static void
hears(int fd, const char *want)
{
	char got[256];
	ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

	if (want == NULL) {
		assert_int_equal(n, 0);
		return;
	}
	got[n > 0 ? n : 0] = '\0';
	assert_string_equal(got, want);
	assert_int_not_equal(n, 0);
}

static void
finish(void)
{
	close(client);
	close(server);
	turns();
	assert_null(gw.conns);
	assert_int_equal(idle, 1);
}

static void
test_both_ways(void **state)
{
	(void)state;
	begin(true, 0, UINT64_MAX);
	(void)buf_adds(&conn->first, "greeting");
	through_begin(conn);
	hears(server, "greeting");
	say(client, "a");
	hears(server, "a");
	say(server, "b");
	hears(client, "b");
	finish();
}

/* Who has said everything hears the rest. */
static void
test_half(void **state)
{
	(void)state;
	begin(true, 0, UINT64_MAX);
	through_begin(conn);
	say(client, "a");
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	turns();
	hears(server, "a");
	hears(server, NULL);
	say(server, "b");
	hears(client, "b");
	assert_non_null(gw.conns);
	assert_int_equal(shutdown(server, SHUT_WR), 0);
	turns();
	hears(client, NULL);
	assert_null(gw.conns);
	finish();
}

/* After a plain request's body nothing more is heard of its client. */
static void
test_body_ends(void **state)
{
	(void)state;
	begin(false, 6, UINT64_MAX);
	(void)buf_adds(&conn->first, "head;");
	(void)buf_adds(&conn->read, "body");
	through_begin(conn);
	hears(server, "head;body");
	say(client, "12GET /another");
	hears(server, "12");
	say(client, "more");
	hears(server, "");
	say(server, "answer");
	hears(client, "answer");
	finish();
}

static void
test_nothing_behind_a_body(void **state)
{
	(void)state;
	begin(false, 2, UINT64_MAX);
	(void)buf_adds(&conn->read, "okGET /another");
	through_begin(conn);
	hears(server, "ok");
	finish();
}

/* The last of the budget is the last of the connection. */
static void
test_budget(void **state)
{
	(void)state;
	begin(true, 0, 10);
	through_begin(conn);
	say(client, "12345");
	hears(server, "12345");
	assert_int_equal(gw.left, 5);
	say(server, "123456");
	assert_null(gw.conns);
	assert_int_equal(gw.left, 0);
	finish();
}

/* One that does not read is waited for, and misses nothing. */
static void
test_slow(void **state)
{
	static char block[65536];
	size_t sent = 0, got = 0, held;
	ssize_t n;
	int i;

	(void)state;
	begin(true, 0, UINT64_MAX);
	through_begin(conn);
	for (i = 0; i < 200; i++) {
		memset(block, 'a' + (int)(sent / sizeof(block)) % 26,
		    sizeof(block));
		n = send(server, block, sizeof(block), MSG_NOSIGNAL);
		sent += n > 0 ? (size_t)n : 0;
		turns();
	}
	held = buf_left(&conn->in.out);
	assert_in_range(held, 1, LIMIT_GATEWAY_CHUNK);
	assert_int_equal(n, -1);		/* it is not read either */
	while ((n = recv(client, block, sizeof(block), 0)) > 0) {
		got += (size_t)n;
		turns();
	}
	assert_int_equal(got, sent);
	finish();
}

static int
setup(void **state)
{
	(void)state;
	gw.loop = loop_new();
	gw.control.source.fd = gw.resolver.source.fd = -1;
	loop_on_batch(gw.loop, on_batch, &gw);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_ways),
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_body_ends),
		cmocka_unit_test(test_nothing_behind_a_body),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_slow),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
