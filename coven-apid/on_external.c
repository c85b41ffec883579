/* Sessions that run elsewhere and are only registered here. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-apid/request.h"

#define LABEL_MAX	64

static bool
label_is_sound(const char *s)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
	size_t n = strlen(s);

	return n >= 1 && n <= LABEL_MAX && strspn(s, set) == n;
}

/* As JSON text into out; what is wrong, or NULL. */
static const char *
read_labels(const struct json *v, struct buf *out)
{
	const char *s;
	struct jw j;
	size_t i, k;

	jw_init(&j, out);
	jw_array(&j);
	if (json_kind(v) != JSON_NULL && json_kind(v) != JSON_ARRAY)
		return "`labels` must be an array";
	if (json_len(v) > LIMIT_LABELS)
		return "`labels` holds too many";
	for (i = 0; i < json_len(v); i++) {
		s = json_str(json_at(v, i), NULL);
		if (s == NULL || !label_is_sound(s))
			return "a label is 1 to 64 of [A-Za-z0-9._:-]";
		for (k = 0; k < i; k++)
			if (strcmp(s, json_str(json_at(v, k), NULL)) == 0)
				return "`labels` holds one twice";
		jw_str(&j, s);
	}
	jw_array_end(&j);
	return NULL;
}

static void
on_registered(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	if (reply->code == STORE_CREATED)
		answer_session(r, 201, rows);
	else
		answer_record(r, reply, rows);
}

struct external {
	char		*id, *root, *harness;
	struct buf	 labels;
	const char	*title, *transcript;
};

/* A required string without the blanks around it; NULL after a 400. */
static char *
required(struct request *r, const struct json *v, const char *name)
{
	char *s = json_trimmed(json_get(v, name));

	if (s == NULL)
		answer_error(r, API_INVALID, "`%s` is required.", name);
	return s;
}

static void
send_external(struct request *r, const struct external *x)
{
	struct msg_external m = { .tag = r->tag,
	    .actor = request_actor(r) };
	struct msg_ext_spec spec = {
		.id = x->id,
		.harness = x->harness,
		.project_root = x->root,
		.title = x->title,
		.labels = buf_head(&x->labels),
		.has_transcript = x->transcript != NULL,
		.transcript_path = x->transcript,
	};

	r->spare = mem_strdup(x->id);
	r->id = r->spare;
	ask_with_record(r, MSG_EXTERNAL, &m, MSG_EXT_SPEC, &spec,
	    on_registered);
}

static void
external(struct request *r, const struct json *v, struct external *x)
{
	const char *wrong;

	x->id = required(r, v, "id");
	if (x->id == NULL)
		return;
	x->root = required(r, v, "projectRoot");
	if (x->root == NULL)
		return;
	x->harness = required(r, v, "harness");
	if (x->harness == NULL)
		return;
	wrong = read_labels(json_get(v, "labels"), &x->labels);
	if (wrong != NULL) {
		answer_error(r, API_INVALID, "%s", wrong);
		return;
	}
	x->title = json_str(json_get(v, "title"), NULL);
	if (x->title == NULL || x->title[strspn(x->title, " \t\r\n")] == '\0')
		x->title = "External session";
	x->transcript = json_str(json_get(v, "transcriptPath"), NULL);
	send_external(r, x);
}

void
on_external(struct request *r)
{
	autojson struct json *v = NULL;
	struct external x = { 0 };

	if (request_json(r, &v) != 0)
		return;
	if (json_has(v, "requestAdoption")) {
		answer_error_field(r, API_ADOPTION_INVALID, "requestAdoption",
		    "External sessions cannot be adopted.");
		return;
	}
	if (json_has(v, "executionBinding")) {
		answer_error_field(r, API_BINDING_INVALID, "executionBinding",
		    "External sessions cannot be bound.");
		return;
	}
	external(r, v, &x);
	free(x.id);
	free(x.root);
	free(x.harness);
	buf_fini(&x.labels);
}

/* A body that is not JSON counts as one without a code. */
void
on_complete(struct request *r)
{
	struct msg_complete m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r) };
	const struct buf *body = &r->http->body;
	autojson struct json *v = NULL;
	const char *why;
	int64_t code;

	if (json_parse(buf_head(body), buf_left(body), &v, &why) == 0 &&
	    json_int(json_get(v, "exitCode"), &code) &&
	    code >= INT32_MIN && code <= INT32_MAX) {
		m.has_code = 1;
		m.exit_code = (int32_t)code;
	}
	ask(r, MSG_COMPLETE, &m, -1, answer_record);
}
