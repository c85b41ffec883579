/*
 * What an isolated session left: GET /sessions/ID/changes, POST .../apply,
 * DELETE /sessions/ID/changes.  An extension: capability sessionChanges.
 */
#include <string.h>

#include "common/base64.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "coven-apid/request.h"

#define PAGE_DEFAULT	500
#define PAGE_MAX	5000
#define LIST_MAX	65536

static const char *const kinds[] = {
	[CHANGE_FILE] = "file", [CHANGE_FOLDER] = "folder",
	[CHANGE_LINK] = "link", [CHANGE_SPECIAL] = "special",
};

static const char *const whats[] = {
	[CHANGE_ADDED] = "added", [CHANGE_MODIFIED] = "modified",
	[CHANGE_DELETED] = "deleted",
};

static const char *const results[] = {
	[RESULT_NONE] = NULL, [RESULT_APPLIED] = "applied",
	[RESULT_CONFLICT] = "conflict", [RESULT_REFUSED] = "refused",
	[RESULT_FAILED] = "failed",
};

static const struct {
	unsigned	 flag;
	const char	*name;
} reasons[] = {
	{ CHANGE_F_CONFLICT, "conflict" }, { CHANGE_F_PROTECTED, "protected" },
	{ CHANGE_F_OUTWARD, "outward" }, { CHANGE_F_SPECIAL, "special" },
};

/* Names are bytes; JSON has text: what is not also comes in base64. */
static void
put_bytes(struct jw *j, const char *name, const char *name64,
    struct msg_bin b, bool always)
{
	autobuf struct buf text = { 0 };

	if (!always || name != NULL) {
		jw_name(j, name);
		jw_strn(j, b.p, b.len);
	}
	if (!always && utf8_valid(b.p, b.len))
		return;
	if (base64_encode(BASE64_STANDARD, b.p, b.len, &text) == 0)
		jw_kstr(j, name64, buf_left(&text) != 0 ? buf_head(&text) :
		    "");
}

static void
put_row(struct jw *j, const struct msg_change_row *row)
{
	size_t i;

	jw_object(j);
	put_bytes(j, "path", "pathBase64", row->path, false);
	jw_kstr(j, "change", whats[row->what]);
	jw_kstr(j, "kind", kinds[row->kind]);
	if (results[row->result] != NULL)
		jw_kstr(j, "result", results[row->result]);
	jw_name(j, "reasons");
	jw_array(j);
	for (i = 0; i < nitems(reasons); i++)
		if (row->flags & reasons[i].flag)
			jw_str(j, reasons[i].name);
	jw_array_end(j);
	jw_ku64(j, "mode", row->mode);
	jw_ku64(j, "oldMode", row->old_mode);
	jw_ku64(j, "size", row->size);
	jw_ku64(j, "oldSize", row->old_size);
	if (row->target.len != 0)
		put_bytes(j, "target", "targetBase64", row->target, false);
	if (row->binary)
		jw_kbool(j, "binary", true);
	if (row->patch.len != 0)
		put_bytes(j, NULL, "patchBase64", row->patch, true);
	jw_object_end(j);
}

static bool
is_sound(const struct msg_change_row *row)
{
	return row->what < nitems(whats) && row->kind < nitems(kinds) &&
	    row->result < nitems(results);
}

static void
on_rows(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	autobuf struct buf body = { .max = REPLY_MAX };
	uint64_t tally[nitems(results)] = { 0 }, n = 0;
	union msg_any row;
	struct jw j;
	size_t i;

	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	jw_init(&j, &body);
	jw_object(&j);
	jw_kbool(&j, "ok", true);
	jw_kstr(&j, "sessionId", r->id);
	jw_name(&j, "changes");
	jw_array(&j);
	while (rows_next(rows, MSG_CHANGE_ROW, &row))
		if (is_sound(&row.change_row)) {
			put_row(&j, &row.change_row);
			tally[row.change_row.result]++;
			n++;
		}
	jw_array_end(&j);
	for (i = RESULT_APPLIED; tally[RESULT_NONE] == 0 &&
	    i < nitems(results); i++)
		jw_ku64(&j, results[i], tally[i]);
	if (reply->more)
		jw_ku64(&j, "next", r->after_seq + n);
	else
		jw_knull(&j, "next");
	if (reply->text[0] != '\0')
		jw_kstr(&j, "message", reply->text);
	jw_object_end(&j);
	if (jw_ok(&j))
		answer(r, 200, &body);
	else
		answer_error(r, API_INTERNAL, "The answer is too large.");
}

static void
send_changes(struct request *r, enum work_verb verb,
    const struct msg_changes_spec *spec, reply_fn *cb)
{
	struct msg_changes m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r), .verb = verb };

	ask_with_record(r, MSG_CHANGES, &m, MSG_CHANGES_SPEC, spec, cb);
}

void
on_changes(struct request *r)
{
	struct msg_changes_spec spec = { 0 };
	int64_t after = 0, limit = PAGE_DEFAULT, patch = 0;

	if (query_int(r->query, "after", &after) == QUERY_BAD || after < 0 ||
	    after > INT32_MAX ||
	    query_int(r->query, "limit", &limit) == QUERY_BAD || limit < 1 ||
	    limit > PAGE_MAX ||
	    query_int(r->query, "patch", &patch) == QUERY_BAD || patch < 0 ||
	    patch > 1) {
		answer_error(r, API_INVALID, "`after`, `limit` (1 to %d) and "
		    "`patch` (0 or 1) are numbers.", PAGE_MAX);
		return;
	}
	spec.after = (uint32_t)after;
	spec.limit = (uint32_t)limit;
	spec.patch = (uint32_t)patch;
	r->after_seq = (uint64_t)after;
	send_changes(r, WORK_LIST, &spec, on_rows);
}

/* A list of paths as "a\0b\0". */
static int
read_list(struct request *r, const struct json *v, const char *name,
    struct buf *out)
{
	const struct json *list = json_get(v, name);
	size_t i;

	buf_init(out, LIST_MAX);
	if (list == NULL)
		return 0;
	for (i = 0; json_kind(list) == JSON_ARRAY && i < json_len(list); i++) {
		const char *s = json_str(json_at(list, i), NULL);

		if (s == NULL || *s == '\0' || *s == '/' ||
		    buf_add(out, s, strlen(s) + 1) < 0)
			break;
	}
	if (json_kind(list) == JSON_ARRAY && i == json_len(list))
		return 0;
	answer_error(r, API_INVALID, "`%s` must be an array of paths in the "
	    "project.", name);
	return 1;
}

void
on_apply(struct request *r)
{
	struct msg_changes_spec spec = { .limit = PAGE_MAX * 4 };
	autobuf struct buf allow = { 0 }, force = { 0 };
	autojson struct json *v = NULL;

	if (request_json(r, &v) != 0 ||
	    read_list(r, v, "allow", &allow) != 0 ||
	    read_list(r, v, "force", &force) != 0)
		return;
	spec.allow = (struct msg_bin){ buf_head(&allow), buf_left(&allow) };
	spec.force = (struct msg_bin){ buf_head(&force), buf_left(&force) };
	send_changes(r, WORK_APPLY, &spec, on_rows);
}

static void
on_discarded(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	(void)rows;
	if (reply->code == STORE_OK)
		answer_done(r, "discarded");
	else
		answer_store_code(r, reply);
}

void
on_discard(struct request *r)
{
	struct msg_changes_spec spec = { 0 };

	send_changes(r, WORK_DISCARD, &spec, on_discarded);
}
