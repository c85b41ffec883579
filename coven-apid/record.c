/* Rows of the store as clients see them. */
#include <string.h>

#include "coven-apid/request.h"

static void
str_or_null(struct jw *j, const char *name, const char *v)
{
	jw_kstr(j, name, *v != '\0' ? v : NULL);
}

/* Stored keeps labels as JSON text; only an array of strings goes on. */
static void
labels(struct jw *j, const char *text)
{
	const struct json *one;
	autojson struct json *v = NULL;
	const char *why;
	size_t i;

	jw_name(j, "labels");
	jw_array(j);
	if (*text != '\0' && strcmp(text, "[]") != 0 &&
	    json_parse(text, strlen(text), &v, &why) == 0) {
		for (i = 0; i < json_len(v); i++) {
			one = json_at(v, i);
			if (json_str(one, NULL) != NULL)
				jw_str(j, json_str(one, NULL));
		}
	}
	jw_array_end(j);
}

static void
members(struct jw *j, const struct msg_session_row *s)
{
	jw_kstr(j, "id", s->id);
	jw_kstr(j, "project_root", s->project_root);
	jw_kstr(j, "harness", s->harness);
	jw_kstr(j, "title", s->title);
	jw_kstr(j, "status", s->status);
	if (s->has_exit_code)
		jw_ki64(j, "exit_code", s->exit_code);
	else
		jw_knull(j, "exit_code");
	str_or_null(j, "archived_at", s->archived_at);
	jw_kstr(j, "created_at", s->created_at);
	jw_kstr(j, "updated_at", s->updated_at);
	str_or_null(j, "conversation_id", s->conversation_id);
	str_or_null(j, "familiar_id", s->familiar_id);
	jw_knull(j, "execution_binding");
	labels(j, s->labels);
	jw_kstr(j, "visibility", "private");
	jw_kbool(j, "external", s->external != 0);
	if (s->has_transcript)
		jw_kstr(j, "transcript_path", s->transcript_path);
	else
		jw_knull(j, "transcript_path");
	/* An extension: the bound of [limits] that ended it. */
	if (*s->limit != '\0')
		jw_kstr(j, "limit", s->limit);
}

void
record_session(struct jw *j, const struct msg_session_row *s)
{
	jw_object(j);
	members(j, s);
	jw_object_end(j);
}

void
record_event(struct jw *j, const char *session, const struct msg_event_row *e)
{
	jw_object(j);
	jw_ku64(j, "seq", e->seq);
	jw_kstr(j, "id", e->id);
	jw_kstr(j, "session_id", session);
	jw_kstr(j, "kind", e->kind);
	jw_name(j, "payload_json");
	jw_strn(j, e->payload.p, e->payload.len);
	jw_kstr(j, "created_at", e->created_at);
	jw_object_end(j);
}

void
answer_session(struct request *r, int status, struct rows *rows)
{
	autobuf struct buf body = { 0 };
	union msg_any row;
	struct jw j;

	if (!rows_next(rows, MSG_SESSION_ROW, &row)) {
		answer_error(r, API_INTERNAL, "The store sent no session.");
		return;
	}
	jw_init(&j, &body);
	record_session(&j, &row.session_row);
	answer(r, status, &body);
}

/* An extension: what it runs in, where that is not the contract's sandbox. */
void
answer_launched(struct request *r, struct rows *rows)
{
	autobuf struct buf body = { 0 };
	union msg_any row;
	struct jw j;

	if (!rows_next(rows, MSG_SESSION_ROW, &row)) {
		answer_error(r, API_INTERNAL, "The store sent no session.");
		return;
	}
	jw_init(&j, &body);
	jw_object(&j);
	members(&j, &row.session_row);
	if (r->apid->sandbox != SANDBOX_NAMESPACES)
		jw_kstr(&j, "sandbox", msg_sandbox_name(r->apid->sandbox));
	jw_object_end(&j);
	answer(r, 201, &body);
}

void
answer_record(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	if (reply->code == STORE_OK)
		answer_session(r, 200, rows);
	else
		answer_store_code(r, reply);
}
