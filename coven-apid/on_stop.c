/*
 * The shutdown of this very daemon: the caller says which one it means, and
 * its connection closes when the monitor, which then holds it, exits.
 */
#include <string.h>

#include "common/log.h"
#include "coven-apid/request.h"

#define STOP_BODY_MAX	((size_t)LIMIT_HTTP_STOP_BODY)

static bool
is_known(void *ctx, const char *name, const struct json *v)
{
	(void)ctx;
	(void)v;
	return strcmp(name, "apiVersion") == 0 || strcmp(name, "daemon") == 0;
}

static bool
str_is(const struct json *v, const char *want)
{
	const char *s = json_str(v, NULL);

	return s != NULL && strcmp(s, want) == 0;
}

static bool
is_us(const struct apid *apid, const struct json *v)
{
	const struct json *daemon = json_get(v, "daemon");
	int64_t pid;

	return str_is(json_get(v, "apiVersion"), "coven.daemon.v1") &&
	    json_int(json_get(daemon, "pid"), &pid) &&
	    pid == (int64_t)apid->identity.pid &&
	    str_is(json_get(daemon, "startedAt"), apid->identity.started_at) &&
	    str_is(json_get(daemon, "socket"), apid->identity.socket);
}

static void
write_identity(struct jw *j, const struct apid *apid)
{
	jw_object(j);
	jw_kbool(j, "ok", true);
	jw_kstr(j, "apiVersion", "coven.daemon.v1");
	jw_name(j, "capabilities");
	jw_object(j);
	jw_kbool(j, "structuredErrors", true);
	jw_object_end(j);
	jw_name(j, "daemon");
	jw_object(j);
	jw_ku64(j, "pid", apid->identity.pid);
	jw_kstr(j, "startedAt", apid->identity.started_at);
	jw_kstr(j, "socket", apid->identity.socket);
	jw_object_end(j);
	jw_object_end(j);
}

static void
stop(struct request *r)
{
	const struct identity *id = &r->apid->identity;
	struct msg_stop m = { .pid = id->pid, .started_at = id->started_at,
	    .socket = id->socket };
	autobuf struct buf body = { 0 };
	struct conn *conn = r->conn;
	struct jw j;

	jw_init(&j, &body);
	write_identity(&j, r->apid);
	/* Taken or not, the stop was asked for. */
	if (!conn_reply_keep(conn, 202, buf_head(&body), buf_left(&body)))
		log_info("stop: the client did not take its answer");
	(void)chan_send(&r->apid->control, MSG_STOP, &m, conn_fd(conn));
	conn_set_user(conn, NULL);
	request_free(r);
	conn_close(conn);
}

void
on_stop(struct request *r)
{
	autojson struct json *v = NULL;

	if (buf_left(&r->http->body) > STOP_BODY_MAX) {
		answer_error(r, API_PAYLOAD_TOO_LARGE,
		    "Request body exceeds %zu-byte limit.", STOP_BODY_MAX);
		return;
	}
	if (request_json(r, &v) != 0)
		return;
	if (json_kind(v) != JSON_OBJECT || json_len(v) == 0 ||
	    !json_each(v, is_known, NULL)) {
		answer_error(r, API_INVALID,
		    "The body must hold `apiVersion` and `daemon` alone.");
		return;
	}
	if (!is_us(r->apid, v)) {
		answer_error(r, API_IDENTITY_MISMATCH,
		    "This is not the daemon that was named.");
		return;
	}
	stop(r);
}
