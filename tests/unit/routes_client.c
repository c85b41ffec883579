#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-apid/apid.h"
#include "tests/unit/routes_client.h"

int64_t
now_ms(void)
{
	return loop_now_ns() / 1000000;
}

void
wait_for(const volatile unsigned *v, unsigned n)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	int64_t end = now_ms() + 10000;

	while (*v < n && now_ms() < end)
		nanosleep(&ms, NULL);
	assert_true(*v >= n);
}

/* --- the daemon --------------------------------------------------------- */

static int
make_listener(struct daemon *d)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	(void)snprintf(d->dir, sizeof(d->dir), "/tmp/coven-apid.XXXXXX");
	assert_non_null(mkdtemp(d->dir));
	(void)snprintf(d->path, sizeof(d->path), "%s/coven.sock", d->dir);
	memcpy(sa.sun_path, d->path, strlen(d->path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

static void
on_control_end(struct chan *c, int why)
{
	if (why != CHAN_EOF)
		fatal("the monitor lied: %s", c->blame);
	exit(3);
}

static void
run_apid(int control)
{
	static struct apid apid;
	struct loop *loop = loop_new();
	int status;

	log_init("apid", LOG_LEVEL_ERROR);
	apid_init(&apid, loop);
	if (chan_open(&apid.control, loop, &control, ROLE_APID, ROLE_MONITOR,
	    CS_READY, apid_handlers, &apid, on_control_end) < 0)
		_exit(4);
	status = loop_run(loop);
	apid_fini(&apid);
	chan_close(&apid.control);
	loop_free(loop);
	exit(status);
}

void
daemon_start(struct daemon *d, const struct server_conf *conf)
{
	const struct server_conf mine = { .owner_uid = geteuid(),
	    .overflow_uid = UINT32_MAX, .max_conns = 300 };
	const struct identity_of id = { 4711, STARTED_AT, SOCKET };
	int fds[2], listener = make_listener(d);

	d->sh = mmap(NULL, sizeof(*d->sh), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(d->sh != MAP_FAILED);
	assert_int_equal(chan_pair(fds), 0);
	(void)fflush(NULL);
	d->apid = fork();
	assert_true(d->apid >= 0);
	if (d->apid == 0) {
		close(fds[0]);
		close(listener);
		run_apid(fds[1]);
	}
	d->store = fork();
	assert_true(d->store >= 0);
	if (d->store == 0) {
		close(fds[1]);
		log_init("store", LOG_LEVEL_ERROR);
		store_serve(d->sh, fds[0], listener,
		    conf != NULL ? conf : &mine, &id);
	}
	close(fds[0]);
	close(fds[1]);
	close(listener);
}

void
daemon_stop(struct daemon *d)
{
	int status = -1;

	if (d->sh->shutdown == 0)
		d->sh->shutdown = 1;
	assert_int_equal(waitpid(d->apid, &status, 0), d->apid);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(d->store, &status, 0), d->store);
	assert_int_equal(status, 0);
	munmap(d->sh, sizeof(*d->sh));
	unlink(d->path);
	rmdir(d->dir);
}

/* --- the client --------------------------------------------------------- */

int
client_connect(const struct daemon *d)
{
	const struct timeval limit = { .tv_sec = 10 };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(sa.sun_path, d->path, strlen(d->path) + 1);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	return fd;
}

void
client_send(int fd, const char *p, size_t n)
{
	ssize_t sent;

	while (n != 0) {
		sent = send(fd, p, n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return;		/* refused: the reply says why */
		p += sent;
		n -= (size_t)sent;
	}
}

static void
check_frame(struct response *q)
{
	char expect[256], *end;
	const char *reason;

	end = strstr(q->bytes, "\r\n\r\n");
	assert_non_null(end);
	q->body = end + 4;
	q->body_n = q->n - (size_t)(q->body - q->bytes);
	assert_int_equal(strncmp(q->bytes, "HTTP/1.1 ", 9), 0);
	q->status = atoi(q->bytes + 9);
	reason = q->bytes + 13;
	(void)snprintf(expect, sizeof(expect), "HTTP/1.1 %d %.*s\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n"
	    "Connection: close\r\n\r\n", q->status,
	    (int)strcspn(reason, "\r"), reason, q->body_n);
	assert_int_equal(strlen(expect), q->body - q->bytes);
	assert_memory_equal(q->bytes, expect, strlen(expect));
}

void
client_read(int fd, struct response *q)
{
	struct buf b = { 0 };
	char *to;
	ssize_t n;

	memset(q, 0, sizeof(*q));
	do {
		to = buf_reserve(&b, 65536);
		assert_non_null(to);
		n = recv(fd, to, 65536, 0);
		if (n > 0)
			buf_commit(&b, (size_t)n);
		/* A call with a deadline is not begun again after a stop. */
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0) {
		assert_int_equal(errno, ECONNRESET);
		q->reset = 1;
	}
	q->n = buf_left(&b);
	q->bytes = b.data;
	if (q->n != 0)
		check_frame(q);
}

void
client_call(const struct daemon *d, const char *bytes, struct response *q)
{
	int fd = client_connect(d);

	client_send(fd, bytes, strlen(bytes));
	client_read(fd, q);
	close(fd);
}

void
client_request(const struct daemon *d, const char *method,
    const char *target, const char *body, struct response *q)
{
	autobuf struct buf b = { 0 };

	if (body == NULL)
		body = "";
	buf_addf(&b, "%s %s HTTP/1.1\r\nHost: coven\r\n"
	    "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
	    method, target, strlen(body));
	buf_adds(&b, body);
	client_call(d, buf_head(&b), q);
}

void
response_fini(struct response *q)
{
	free(q->bytes);
	memset(q, 0, sizeof(*q));
}
