/* The stand-in for the monitor; it also brings the one for stored. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/log.h"
#include "common/mem.h"
#include "tests/unit/routes_impl.h"

static struct shared *sh;
static struct loop *loop;
static struct chan control, stored;
static struct timer poll_timer;
static int held = -1;		/* the connection of STOP */
static uint64_t rotate_tag;

static int
on_who(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_who_reply m = { .tag = msg->who.tag,
	    .inside = (uint32_t)sh->inside };

	(void)fd;
	sh->whos++;
	(void)chan_send(c, MSG_WHO_REPLY, &m, -1);
	return 0;
}

static int
on_who_pid(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_who_reply m = { .tag = msg->who_pid.tag,
	    .inside = (uint32_t)sh->inside };

	(void)fd;
	sh->whos++;
	(void)chan_send(c, MSG_WHO_REPLY, &m, -1);
	return 0;
}

static int
on_stop(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)c;
	(void)msg;
	mem_close(&held);
	held = mem_steal_fd(fd);
	sh->stops++;
	return 0;
}

static int
on_peer_end_of_apid(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)c;
	(void)fd;
	sh->lost += msg->peer_end.role == ROLE_STORED;
	return 0;
}

/* A rotation, played as the monitor does it: the new token is SESSION_2. */
static int
on_token_rotate(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_token_new m = { .serial = 2 };
	uint8_t d[DIGEST_LEN];

	(void)fd;
	digest(SESSION_2, strlen(SESSION_2), d);
	m.digest = (struct msg_bin){ d, sizeof(d) };
	rotate_tag = msg->token_rotate.tag;
	if (sh->rotate_fails) {
		struct msg_token_rotated no = { .tag = rotate_tag,
		    .code = TOKEN_FAILED };

		(void)chan_send(c, MSG_TOKEN_ROTATED, &no, -1);
		return 0;
	}
	(void)chan_send(c, MSG_TOKEN_NEW, &m, -1);
	return 0;
}

static int
on_token_seen(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_token_end end = { .serial = 1, .left_ms = sh->overlap_ms };
	struct msg_token_rotated done = { .tag = rotate_tag };

	(void)fd;
	if (msg->token_seen.serial != 2)
		fatal("another token was seen");
	(void)chan_send(c, MSG_TOKEN_END, &end, -1);
	(void)chan_send(c, MSG_TOKEN_ROTATED, &done, -1);
	return 0;
}

static chan_handler *const monitor_handlers[MSG__COUNT] = {
	[MSG_TOKEN_ROTATE] = on_token_rotate,
	[MSG_TOKEN_SEEN] = on_token_seen,
	[MSG_PEER_END] = on_peer_end_of_apid,
	[MSG_WHO] = on_who,
	[MSG_WHO_PID] = on_who_pid,
	[MSG_STOP] = on_stop,
};

static void
on_end(struct chan *c, int why)
{
	if (c == &control) {
		if (why != CHAN_EOF)
			fatal("apid lied: %s", c->blame);
		exit(0);
	}
	if (why != CHAN_EOF)
		fatal("apid lied to stored: %s", c->blame);
	chan_close(c);
}

static void
give_stored(void)
{
	struct msg_peer peer = { .role = ROLE_STORED };
	int fds[2];

	chan_close(&stored);
	stored_begin(sh);
	if (chan_pair(fds) < 0)
		fatal("no pair");
	if (chan_open(&stored, loop, &fds[0], ROLE_STORED, ROLE_APID,
	    CS_SERVING, stored_handlers, NULL, on_end) < 0 ||
	    chan_send(&control, MSG_PEER, &peer, fds[1]) < 0)
		fatal("no stored");
	mem_close(&fds[1]);
}

/* Swept a minute ago, and nothing of the log was ever written back. */
static void
tell_stats(void)
{
	struct msg_store_stats m = { .oldest_at = "", .database_bytes = 1,
	    .pruned_ns = clock_wall_ns() - UINT64_C(60) * 1000000000 };

	if (chan_send(&stored, MSG_STORE_STATS, &m, -1) < 0)
		fatal("no numbers");
}

static void
on_poll(struct timer *t)
{
	struct msg_shutdown bye = { 0 };

	if (sh->die) {
		chan_close(&stored);
		sh->die = 0;
	}
	if (sh->restart) {
		give_stored();
		sh->restart = 0;
	}
	if (chan_is_open(&stored))
		stored_grow(&stored);
	if (sh->swept) {
		tell_stats();
		sh->swept = 0;
	}
	if (sh->release) {
		mem_close(&held);
		sh->release = 0;
	}
	if (sh->shutdown == 1) {
		(void)chan_send(&control, MSG_SHUTDOWN, &bye, -1);
		sh->shutdown = 2;
	}
	timer_start(loop, t, 2);
}

/* A row as the monitor sends it for an adapter of a manifest. */
static void
give_harness(void)
{
	struct msg_harness_row row = { .id = "mine", .label = "Mine",
	    .exe = "mine", .prompt_flag = "--ask", .available = 1 };
	struct msg_harness m;
	autobuf struct buf b = { 0 };

	if (msg_encode(&b, MSG_HARNESS_ROW, &row) < 0)
		fatal("encode a harness");
	m.harness = (struct msg_bin){ buf_head(&b), buf_left(&b) };
	(void)chan_send(&control, MSG_HARNESS, &m, -1);
}

static void
give_token(void)
{
	uint8_t d[DIGEST_LEN];
	struct msg_token m = { .serial = 1, .digest = { d, sizeof(d) } };

	digest(SESSION_1, strlen(SESSION_1), d);
	if (chan_send(&control, MSG_TOKEN, &m, -1) < 0)
		fatal("no token");
}

void
store_serve(struct shared *shared, int fd, int listener,
    const struct server_conf *conf, const struct identity_of *id)
{
	struct msg_listener m = { .owner_uid = conf->owner_uid,
	    .overflow_uid = conf->overflow_uid, .pid = id->pid,
	    .started_at = id->started_at, .socket = id->socket,
	    .max_conns = conf->max_conns, .token_mode = conf->token,
	    .pair_max_days = 90 };

	sh = shared;
	loop = loop_new();
	stored.source.fd = -1;
	if (chan_open(&control, loop, &fd, ROLE_MONITOR, ROLE_APID, CS_READY,
	    monitor_handlers, NULL, on_end) < 0)
		fatal("no control");
	give_harness();
	give_stored();
	if (conf->token)
		give_token();
	if (chan_send(&control, MSG_LISTENER, &m, listener) < 0)
		fatal("no listener");
	close(listener);
	poll_timer.cb = on_poll;
	timer_start(loop, &poll_timer, 2);
	exit(loop_run(loop));
}
