/* What the monitor says, and the life of the server. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/shelf.h"
#include "coven-apid/apid.h"
#include "coven-apid/json.h"
#include "coven-apid/stream.h"

enum { STOP_POLL_MS = 10 };

static int
on_listener(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;
	const struct msg_listener *m = &msg->listener;
	const struct server_conf conf = {
		.owner_uid = m->owner_uid,
		.overflow_uid = m->overflow_uid,
		.max_conns = m->max_conns,
		.request_ms = m->request_ms,
		.token = m->token_mode != 0,
	};

	apid->identity = (struct identity){ .pid = m->pid,
	    .started_at = mem_strdup(m->started_at),
	    .socket = mem_strdup(m->socket) };
	apid->bypass = m->bypass != 0;
	apid->sandbox = (enum sandbox_mode)m->sandbox;
	apid->auth.token_mode = m->token_mode != 0;
	apid->auth.pair_max_days = m->pair_max_days;
	health_build(apid);
	apid->server = server_new(apid->loop, &conf, &routes_ops, apid);
	auth_listen(apid, fd);
	return 0;
}

/* A fresh channel to stored; requests of the old one are lost with it. */
static int
on_peer(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;
	int r;

	if (msg->peer.role != ROLE_STORED)
		return chan_blame(c, "a peer of role %u", msg->peer.role);
	timer_stop(apid->loop, &apid->lost);
	chan_close(&apid->stored);
	ask_fail_all(apid);
	streams_lost(apid->streams);
	r = chan_open(&apid->stored, apid->loop, fd, ROLE_APID, ROLE_STORED,
	    CS_SERVING, ask_handlers, apid, ask_on_end);
	if (r < 0)
		fatal("watch stored: %s", strerror(-r));
	apid->store_opens++;
	pairings_ask(apid);
	streams_resume(apid->streams);
	return 0;
}

/* Answers under way get a moment; the monitor does not wait for more. */
static void
on_stop_timer(struct timer *t)
{
	struct apid *apid = t->ctx;

	if (apid->server == NULL || server_conns(apid->server) == 0 ||
	    loop_now_ns() >= apid->stop_end_ns)
		loop_quit(apid->loop, 0);
	else
		timer_start(apid->loop, &apid->stop, STOP_POLL_MS);
}

static int
on_shutdown(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;

	(void)msg;
	(void)fd;
	apid->stopping = true;
	streams_stop(apid->streams);
	if (apid->server != NULL)
		server_stop(apid->server);
	apid->stop_end_ns = loop_now_ns() +
	    (int64_t)LIMIT_APID_STOP_MS * 1000000;
	apid->stop = (struct timer){ .cb = on_stop_timer, .ctx = apid };
	timer_start(apid->loop, &apid->stop, 0);
	return 0;
}

chan_handler *const apid_handlers[MSG__COUNT] = {
	[MSG_HARNESS] = harness_on_row,
	[MSG_FAMILIARS] = familiars_on_roster,
	[MSG_LISTENER] = on_listener,
	[MSG_PEER] = on_peer,
	[MSG_TOKEN] = auth_on_token,
	[MSG_TOKEN_NEW] = auth_on_token_new,
	[MSG_TOKEN_END] = auth_on_token_end,
	[MSG_TOKEN_ROTATED] = auth_on_rotated,
	[MSG_WHO_REPLY] = routes_on_who_reply,
	[MSG_SHUTDOWN] = on_shutdown,
};

void
apid_init(struct apid *apid, struct loop *loop)
{
	char utc[RFC3339_LEN];

	memset(apid, 0, sizeof(*apid));
	apid->loop = loop;
	apid->stored.source.fd = -1;
	auth_init(apid);
	apid->streams = streams_new(apid);
	json_warm();
	/* libc looks for /etc/localtime the first time, also for UTC. */
	clock_format(0, utc);
	familiars_init(apid);
}

void
apid_fini(struct apid *apid)
{
	size_t i;

	timer_stop(apid->loop, &apid->lost);
	notes_fini(apid);
	server_free(apid->server);
	auth_fini(apid);
	streams_free(apid->streams);
	chan_close(&apid->stored);
	ask_fini();
	sessions_forget(apid);
	shelf_unmap(apid->shelf);
	buf_fini(&apid->health);
	free(apid->identity.started_at);
	free(apid->identity.socket);
	for (i = 0; i < apid->nharnesses; i++)
		free(apid->harnesses[i].bytes);
	familiars_fini(apid);
}
