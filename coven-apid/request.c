#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "coven-apid/request.h"
#include "coven-apid/stream.h"

/* --- the query and the body --------------------------------------------- */

const char *
query_get(const char *query, const char *key, size_t *len)
{
	size_t keylen = strlen(key), n;

	for (; *query != '\0'; query += n + (query[n] == '&')) {
		n = strcspn(query, "&");
		if (n > keylen && query[keylen] == '=' &&
		    memcmp(query, key, keylen) == 0) {
			*len = n - keylen - 1;
			return query + keylen + 1;
		}
	}
	return NULL;
}

int
query_int(const char *query, const char *key, int64_t *v)
{
	char text[24], *end;
	const char *p;
	size_t n;
	long long got;

	p = query_get(query, key, &n);
	if (p == NULL)
		return QUERY_ABSENT;
	if (n == 0 || n >= sizeof(text))
		return QUERY_BAD;
	memcpy(text, p, n);
	text[n] = '\0';
	/* strtoll would skip white space; a query holds none. */
	errno = 0;
	got = strtoll(text, &end, 10);
	if (*end != '\0' || end == text || errno != 0)
		return QUERY_BAD;
	*v = got;
	return 0;
}

static int
hex(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at;

	if (c >= 'A' && c <= 'F')
		c = (char)(c - 'A' + 'a');
	at = c != '\0' ? strchr(digits, c) : NULL;
	return at != NULL ? (int)(at - digits) : -1;
}

int
query_text(const char *query, const char *key, struct buf *out)
{
	size_t n, i, start = buf_left(out);
	const char *p = query_get(query, key, &n);

	if (p == NULL)
		return QUERY_ABSENT;
	for (i = 0; i < n; i++) {
		char c = p[i];

		if (c == '%') {
			int high = n - i < 3 ? -1 : hex(p[i + 1]);
			int low = n - i < 3 ? -1 : hex(p[i + 2]);

			if (high < 0 || low < 0)
				return QUERY_BAD;
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (c == '\0' || buf_add(out, &c, 1) < 0)
			return QUERY_BAD;
	}
	if (!utf8_valid(buf_head(out) + start, buf_left(out) - start))
		return QUERY_BAD;
	return 0;
}

int
request_json(struct request *r, struct json **v)
{
	const struct buf *body = &r->http->body;
	const char *p = buf_head(body), *why = "";
	size_t n = buf_left(body);

	if (strspn(p, " \t\r\n") == n) {
		p = "{}";
		n = 2;
	}
	if (json_parse(p, n, v, &why) == 0)
		return 0;
	answer_error(r, API_INVALID, "failed to parse request body: %s", why);
	return JSON_BAD;
}

/* --- answering ---------------------------------------------------------- */

static const struct {
	int		 status;
	bool		 ok;		/* says "ok":false at the top as well */
	const char	*code;
} errors[API__COUNT] = {
	[API_NOT_FOUND] = { 404, false, "not_found" },
	[API_VERSION] = { 404, false, "invalid_request" },
	[API_INVALID] = { 400, false, "invalid_request" },
	[API_QUERY_TOO_BROAD] = { 422, false, "query_too_broad" },
	[API_FORBIDDEN] = { 403, true, "forbidden" },
	[API_SCOPE] = { 403, true, "forbidden" },
	[API_MISDIRECTED] = { 421, true, "misdirected_request" },
	[API_PAIRING_EXISTS] = { 409, false, "pairing_exists" },
	[API_PAIRING_NOT_FOUND] = { 404, false, "pairing_not_found" },
	[API_PAIRINGS_FULL] = { 409, false, "pairings_full" },
	[API_NO_TOKEN_MODE] = { 409, false, "token_mode_required" },
	[API_SESSION_NOT_FOUND] = { 404, false, "session_not_found" },
	[API_SESSION_NOT_LIVE] = { 409, false, "session_not_live" },
	[API_SESSION_LIVE] = { 409, false, "session_live" },
	[API_SESSION_NO_TERMINAL] = { 422, false, "session_no_terminal" },
	[API_ARCHIVE_NOT_FOUND] = { 404, false, "archive_not_found" },
	[API_NO_CHANGES] = { 404, false, "no_changes" },
	[API_CHANGES_BUSY] = { 409, false, "changes_busy" },
	[API_CHANGES_FAILED] = { 500, false, "changes_failed" },
	[API_INPUT_TOO_LARGE] = { 413, false, "input_too_large" },
	[API_EVENTS_TOO_LARGE] = { 413, false, "event_response_too_large" },
	[API_PAYLOAD_TOO_LARGE] = { 413, true, "payload_too_large" },
	[API_UNKNOWN_FAMILIAR] = { 400, false, "unknown_familiar" },
	[API_FAMILIAR_LOOKUP] = { 500, false, "familiar_lookup_failed" },
	[API_LAUNCH_FAILED] = { 500, false, "launch_failed" },
	[API_SEND_INPUT_FAILED] = { 500, false, "send_input_failed" },
	[API_KILL_FAILED] = { 500, false, "kill_failed" },
	[API_ID_CONFLICT] = { 409, false, "session_id_conflict" },
	[API_NOT_EXTERNAL] = { 422, false, "not_external_session" },
	[API_EXTERNAL_NOT_KILLABLE] =
	    { 422, false, "external_session_not_killable" },
	[API_IDENTITY_MISMATCH] = { 409, false, "daemon_identity_mismatch" },
	[API_BINDING_INVALID] = { 400, false, "execution_binding_invalid" },
	[API_BINDING_UNSUPPORTED] =
	    { 400, false, "execution_binding_unsupported" },
	[API_ADOPTION_INVALID] = { 400, false, "request_adoption_invalid" },
	[API_UNAVAILABLE] = { 503, false, "unavailable" },
	[API_INTERNAL] = { 500, true, "internal_error" },
};

const char *
request_actor(struct request *r)
{
	const struct pairing *p = auth_pairing(r);
	struct ucred peer;
	size_t n;

	if (r->actor[0] == '\0' && conn_peer(r->conn, &peer) == 0) {
		actor_format(&peer, r->actor);
		n = strlen(r->actor);
		if (p != NULL)
			(void)snprintf(r->actor + n, sizeof(r->actor) - n,
			    " token %s", p->name);
	}
	return r->actor;
}

void
request_note(struct request *r, enum audit_verb verb, const char *what)
{
	struct ucred peer = { 0 };

	(void)conn_peer(r->conn, &peer);
	note(r->apid, verb, &peer, "%s", what);
}

uint32_t
request_wait(struct request *r, int64_t wait_ms)
{
	struct apid *apid = r->apid;

	if (wait_ms <= 0 || apid->waiters >= server_max_conns(apid->server) / 2)
		return 0;
	r->waiting = true;
	apid->waiters++;
	conn_watch(r->conn);
	return (uint32_t)(wait_ms < LIMIT_EVENTS_WAIT_MS ? wait_ms :
	    LIMIT_EVENTS_WAIT_MS);
}

void
request_free(struct request *r)
{
	if (r->waiting)
		r->apid->waiters--;
	stream_free(r->stream);
	free(r->path);
	free(r->spare);
	if (r->pairing != NULL)
		pairing_fini(r->pairing);
	free(r->pairing);
	buf_fini(&r->body);
	buf_fini(&r->marks);
	free(r);
}

void
answer(struct request *r, int status, const struct buf *body)
{
	conn_reply(r->conn, status, buf_head(body), buf_left(body));
	request_free(r);
}

void
answer_bytes(struct request *r, int status, const char *p, size_t n)
{
	conn_reply(r->conn, status, p, n);
	request_free(r);
}

void
answer_whole(struct request *r, const struct buf *reply)
{
	conn_reply_whole(r->conn, buf_head(reply), buf_left(reply));
	request_free(r);
}

static void
answer_error_v(struct request *r, enum api_error e,
    const struct buf *details, const char *fmt, va_list ap)
{
	autobuf struct buf body = { 0 };
	char text[4096];
	struct jw j;

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	jw_init(&j, &body);
	jw_object(&j);
	if (errors[e].ok)
		jw_kbool(&j, "ok", false);
	jw_name(&j, "error");
	jw_object(&j);
	jw_kstr(&j, "code", errors[e].code);
	jw_kstr(&j, "message", text);
	if (details != NULL) {
		jw_name(&j, "details");
		jw_raw(&j, buf_head(details), buf_left(details));
	}
	jw_object_end(&j);
	jw_object_end(&j);
	answer(r, errors[e].status, &body);
}

void
answer_error(struct request *r, enum api_error e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	answer_error_v(r, e, NULL, fmt, ap);
	va_end(ap);
}

void
answer_error_details(struct request *r, enum api_error e,
    const struct buf *details, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	answer_error_v(r, e, details, fmt, ap);
	va_end(ap);
}

void
answer_error_with(struct request *r, enum api_error e, const char *name,
    const char *value, const char *fmt, ...)
{
	autobuf struct buf details = { 0 };
	struct jw j;
	va_list ap;

	jw_init(&j, &details);
	jw_object(&j);
	jw_kstr(&j, name, value);
	jw_object_end(&j);
	va_start(ap, fmt);
	answer_error_v(r, e, &details, fmt, ap);
	va_end(ap);
}

void
answer_error_field(struct request *r, enum api_error e, const char *field,
    const char *fmt, ...)
{
	autobuf struct buf details = { 0 };
	struct jw j;
	va_list ap;

	jw_init(&j, &details);
	jw_object(&j);
	jw_name(&j, "fields");
	jw_array(&j);
	jw_str(&j, field);
	jw_array_end(&j);
	jw_object_end(&j);
	va_start(ap, fmt);
	answer_error_v(r, e, &details, fmt, ap);
	va_end(ap);
}

void
answer_accepted(struct request *r)
{
	static const char text[] = "{\"accepted\":true,\"ok\":true}";

	conn_reply(r->conn, 202, text, sizeof(text) - 1);
	request_free(r);
}

void
answer_done(struct request *r, const char *what)
{
	autobuf struct buf body = { 0 };
	struct jw j;

	jw_init(&j, &body);
	jw_object(&j);
	jw_kbool(&j, "ok", true);
	jw_kbool(&j, what, true);
	jw_kstr(&j, "id", r->id);
	jw_object_end(&j);
	answer(r, 200, &body);
}

/* Nothing was taken: the same bytes may be sent again. */
static void
answer_input_full(struct request *r, const char *id)
{
	autobuf struct buf details = { 0 };
	struct jw j;

	jw_init(&j, &details);
	jw_object(&j);
	jw_kstr(&j, "sessionId", id);
	jw_kbool(&j, "retryable", true);
	jw_object_end(&j);
	answer_error_details(r, API_SEND_INPUT_FAILED, &details,
	    "The session does not read its input.");
}

void
answer_store_code(struct request *r, const struct msg_reply *reply)
{
	const char *id = r->id != NULL ? r->id : "";

	switch (reply->code) {
	case STORE_NOT_FOUND:
		answer_error_with(r, API_SESSION_NOT_FOUND, "sessionId", id,
		    "Session not found.");
		break;
	case STORE_NOT_LIVE:
		answer_error_with(r, API_SESSION_NOT_LIVE, "sessionId", id,
		    "Session is not live.");
		break;
	case STORE_LIVE:
		answer_error_with(r, API_SESSION_LIVE, "sessionId", id,
		    "Session has not ended.");
		break;
	case STORE_NO_TERMINAL:
		answer_error_with(r, API_SESSION_NO_TERMINAL, "sessionId", id,
		    "Session has no terminal.");
		break;
	case STORE_NO_CHANGES:
		answer_error_with(r, API_NO_CHANGES, "sessionId", id,
		    "The session was not isolated, or left nothing.");
		break;
	case STORE_CHANGES_BUSY:
		answer_error_with(r, API_CHANGES_BUSY, "sessionId", id,
		    "Not now: %s.", reply->text);
		break;
	case STORE_CHANGES_FAILED:
		answer_error_with(r, API_CHANGES_FAILED, "sessionId", id,
		    "What the session did: %s.", reply->text);
		break;
	case STORE_CONFLICT:
		answer_error_with(r, API_ID_CONFLICT, "sessionId", id,
		    "The id belongs to a session that is not external.");
		break;
	case STORE_NOT_EXTERNAL:
		answer_error_with(r, API_NOT_EXTERNAL, "sessionId", id,
		    "Session is not external.");
		break;
	case STORE_EXTERNAL_UNKILLABLE:
		answer_error_with(r, API_EXTERNAL_NOT_KILLABLE, "sessionId",
		    id, "External sessions cannot be killed.");
		break;
	case STORE_BAD_ROOT:
	case STORE_BAD_CWD:
		answer_error(r, API_INVALID, "%s", reply->text);
		break;
	case STORE_TOO_WIDE:
		answer_error(r, API_QUERY_TOO_BROAD,
		    "That takes too long to find; ask for less.");
		break;
	case STORE_BAD_QUERY:
		answer_error(r, API_INVALID, "Invalid value for `query`: %s.",
		    reply->text);
		break;
	case STORE_INPUT_FULL:
		answer_input_full(r, id);
		break;
	case STORE_KILL_FAILED:
		answer_error_with(r, API_KILL_FAILED, "sessionId", id,
		    "Session could not be killed: %s", reply->text);
		break;
	case STORE_TOO_LARGE:
		answer_error(r, API_PAYLOAD_TOO_LARGE,
		    "Request body is too large to be stored.");
		break;
	case STORE_UNAVAILABLE:
		answer_error(r, API_UNAVAILABLE, "%s", *reply->text != '\0' ?
		    reply->text : "The daemon cannot do this now.");
		break;
	default:
		answer_error(r, API_INTERNAL, "%s", *reply->text != '\0' ?
		    reply->text : "The store failed.");
		break;
	}
}
