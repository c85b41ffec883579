/*
 * The dispatcher: one case a refusal.  Whatever is sent, only the peer's
 * channel ends, and no handler has run.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/chan.h"
#include "common/mem.h"
#include "common/memfd.h"

static struct loop *loop;
static struct chan chan;
static int peer;		/* the liar's end */
static int handled, ended;

static int
on_any(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)c;
	(void)msg;
	(void)fd;
	handled++;
	return 0;
}

static void
on_end(struct chan *c, int why)
{
	ended = why;
	chan_close(c);
}

/* As the monitor hears a stored that serves. */
static chan_handler *const handlers[MSG__COUNT] = {
	[MSG_HELLO] = on_any,
	[MSG_RECOVERED] = on_any,
	[MSG_RUN_PREPARE] = on_any,
	[MSG_RUN_START] = on_any,
};

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	loop = loop_new();
	assert_int_equal(chan_pair(fds), 0);
	peer = fds[1];
	handled = ended = 0;
	assert_int_equal(chan_open(&chan, loop, &fds[0], ROLE_MONITOR,
	    ROLE_STORED, CS_SERVING, handlers, NULL, on_end), 0);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	chan_close(&chan);
	loop_free(loop);
	mem_close(&peer);
	return 0;
}

static void
send_raw(const void *p, size_t n, const int *fds, size_t nfds)
{
	union {
		struct cmsghdr	align;
		char		space[CMSG_SPACE(4 * sizeof(int))];
	} ctl = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)p, .iov_len = n };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nfds != 0) {
		struct cmsghdr *c;

		mh.msg_control = ctl.space;
		mh.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&mh);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	assert_int_equal(sendmsg(peer, &mh, MSG_NOSIGNAL), (ssize_t)n);
}

static void
send_msg(enum msg_type type, const void *msg, const int *fds, size_t nfds)
{
	autobuf struct buf b = { 0 };

	assert_int_equal(msg_encode(&b, type, msg), 0);
	send_raw(buf_head(&b), buf_left(&b), fds, nfds);
}

static void
expect_refused(const char *says)
{
	loop_once(loop, 1000);
	assert_int_equal(ended, CHAN_BAD);
	assert_int_equal(handled, 0);
	assert_non_null(strstr(chan.blame, says));
}

static void
a_good_message_is_handled(void **state)
{
	struct msg_run_start m = { .id = "x" };

	(void)state;
	send_msg(MSG_RUN_START, &m, NULL, 0);
	loop_once(loop, 1000);
	assert_int_equal(handled, 1);
	assert_int_equal(ended, 0);
}

static void
garbage(void **state)
{
	(void)state;
	send_raw("hello", 5, NULL, 0);
	expect_refused("malformed");
}

static void
an_unknown_type(void **state)
{
	uint32_t h[2] = { MSG__COUNT + 7, 0 };

	(void)state;
	send_raw(h, sizeof(h), NULL, 0);
	expect_refused("malformed");
}

static void
a_short_message(void **state)
{
	uint32_t h[2] = { MSG_RUN_START, 400 };

	(void)state;
	send_raw(h, sizeof(h), NULL, 0);
	expect_refused("malformed");
}

static void
trailing_bytes(void **state)
{
	struct msg_run_start m = { .id = "x" };
	autobuf struct buf b = { 0 };

	(void)state;
	assert_int_equal(msg_encode(&b, MSG_RUN_START, &m), 0);
	assert_int_equal(buf_add(&b, "!", 1), 0);
	send_raw(buf_head(&b), buf_left(&b), NULL, 0);
	expect_refused("malformed");
}

static void
another_roles_message(void **state)
{
	struct msg_stop m = { .pid = 1 };

	(void)state;
	send_msg(MSG_STOP, &m, NULL, 0);
	expect_refused("not its to send");
}

static void
our_own_message_back(void **state)
{
	struct msg_run_started m = { .id = "x" };

	(void)state;
	send_msg(MSG_RUN_STARTED, &m, NULL, 0);
	expect_refused("not its to send");
}

static void
a_record_sent_alone(void **state)
{
	struct msg_run_spec m = { 0 };

	(void)state;
	send_msg(MSG_RUN_SPEC, &m, NULL, 0);
	expect_refused("not its to send");
}

static void
out_of_state(void **state)
{
	struct msg_hello m = { .digest = { "", 0 } };

	(void)state;
	send_msg(MSG_HELLO, &m, NULL, 0);
	expect_refused("in state");
}

static void
a_second_time(void **state)
{
	struct msg_recovered m = { 0 };

	(void)state;
	send_msg(MSG_RECOVERED, &m, NULL, 0);
	loop_once(loop, 1000);
	assert_int_equal(handled, 1);
	handled = 0;
	send_msg(MSG_RECOVERED, &m, NULL, 0);
	expect_refused("a second time");
}

static void
an_unexpected_descriptor(void **state)
{
	struct msg_run_start m = { .id = "x" };
	int null = open("/dev/null", O_RDONLY);

	(void)state;
	send_msg(MSG_RUN_START, &m, &null, 1);
	expect_refused("wrong descriptor");
	mem_close(&null);
}

static void
a_missing_descriptor(void **state)
{
	struct msg_run_prepare m = { .id = "x" };

	(void)state;
	send_msg(MSG_RUN_PREPARE, &m, NULL, 0);
	expect_refused("wrong descriptor");
}

static void
a_descriptor_of_another_kind(void **state)
{
	struct msg_run_prepare m = { .id = "x" };
	int null = open("/dev/null", O_RDONLY);

	(void)state;
	send_msg(MSG_RUN_PREPARE, &m, &null, 1);
	expect_refused("wrong descriptor");
	mem_close(&null);
}

static void
a_memfd_that_is_not_sealed(void **state)
{
	struct msg_run_prepare m = { .id = "x" };
	int fd = memfd_create("x", MFD_ALLOW_SEALING);

	(void)state;
	send_msg(MSG_RUN_PREPARE, &m, &fd, 1);
	expect_refused("wrong descriptor");
	mem_close(&fd);
}

static void
two_descriptors(void **state)
{
	struct msg_run_prepare m = { .id = "x" };
	int fds[2] = { memfd_make("a", "a", 1), memfd_make("b", "b", 1) };

	(void)state;
	send_msg(MSG_RUN_PREPARE, &m, fds, 2);
	expect_refused("2 descriptors");
	mem_close(&fds[0]);
	mem_close(&fds[1]);
}

/*
 * No row of an init brings the monitor one: it is not received at all, since
 * closing what an init serves could take for ever.
 */
static void
a_descriptor_that_no_row_brings(void **state)
{
	struct msg_gateway_used m = { 0 };
	int fds[2];

	(void)state;
	chan_close(&chan);
	mem_close(&peer);
	assert_int_equal(chan_pair(fds), 0);
	peer = fds[1];
	assert_int_equal(chan_open(&chan, loop, &fds[0], ROLE_MONITOR,
	    ROLE_GATEWAY, CS_SERVING, handlers, NULL, on_end), 0);
	assert_int_equal(pipe(fds), 0);
	send_msg(MSG_GATEWAY_USED, &m, &fds[1], 1);
	mem_close(&fds[1]);
	expect_refused("descriptors that no message brings");
	/* The last writer is gone: nobody here holds the other end. */
	assert_int_equal(read(fds[0], &m, 1), 0);
	mem_close(&fds[0]);
}

static void
no_handler(void **state)
{
	struct msg_run_kill m = { .id = "x" };

	(void)state;
	send_msg(MSG_RUN_KILL, &m, NULL, 0);
	expect_refused("not handled here");
}

static void
an_empty_packet(void **state)
{
	(void)state;
	send_raw("", 0, NULL, 0);
	expect_refused("an empty packet");
}

static void
hanging_up_is_no_lie(void **state)
{
	(void)state;
	mem_close(&peer);
	loop_once(loop, 1000);
	assert_int_equal(ended, CHAN_EOF);
}

static void
last_words_of_one_that_did_not_listen(void **state)
{
	struct msg_run_started unheard = { .id = "y" };
	struct msg_run_start m = { .id = "x" };

	(void)state;
	assert_int_equal(chan_send(&chan, MSG_RUN_STARTED, &unheard, -1), 0);
	send_msg(MSG_RUN_START, &m, NULL, 0);
	mem_close(&peer);
	loop_once(loop, 1000);
	assert_int_equal(handled, 1);
	assert_int_equal(ended, CHAN_EOF);
}

static void
what_a_slow_peer_missed_arrives_in_order(void **state)
{
	struct msg_run_started m = { .id = "0" };
	char data[256], id[16];
	uint64_t i, got = 0;
	union msg_any out;
	ssize_t n;

	(void)state;
	for (i = 0; i < 2000; i++) {
		(void)snprintf(id, sizeof(id), "%u", (unsigned)i);
		m.id = id;
		assert_int_equal(chan_send(&chan, MSG_RUN_STARTED, &m, -1), 0);
	}
	assert_true(chan_queued(&chan) > 0);
	while (got < i) {
		n = recv(peer, data, sizeof(data), MSG_DONTWAIT);
		if (n <= 0) {
			loop_once(loop, 1000);
			continue;
		}
		assert_int_equal(msg_decode_exact(data, (size_t)n,
		    MSG_RUN_STARTED, &out), 0);
		(void)snprintf(id, sizeof(id), "%u", (unsigned)got++);
		assert_string_equal(out.run_started.id, id);
	}
	loop_once(loop, 0);
	assert_int_equal(chan_queued(&chan), 0);
}

#define T(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_good_message_is_handled),
		T(last_words_of_one_that_did_not_listen),
		T(garbage),
		T(an_unknown_type),
		T(a_short_message),
		T(trailing_bytes),
		T(another_roles_message),
		T(our_own_message_back),
		T(a_record_sent_alone),
		T(out_of_state),
		T(a_second_time),
		T(an_unexpected_descriptor),
		T(a_missing_descriptor),
		T(a_descriptor_of_another_kind),
		T(a_memfd_that_is_not_sealed),
		T(two_descriptors),
		T(a_descriptor_that_no_row_brings),
		T(no_handler),
		T(an_empty_packet),
		T(hanging_up_is_no_lie),
		T(what_a_slow_peer_missed_arrives_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
