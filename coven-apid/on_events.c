/* Pages of events, and the log view made of them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-apid/request.h"

#define TAIL_ROOM	((size_t)128)	/* for nextCursor and brackets */
#define EVENT_ID_MAX	256

/* --- events ------------------------------------------------------------- */

static void
too_large(struct request *r, uint64_t seq, const char *id)
{
	autobuf struct buf details = { 0 };
	struct jw j;

	jw_init(&j, &details);
	jw_object(&j);
	jw_kstr(&j, "eventId", id);
	jw_ku64(&j, "seq", seq);
	jw_object_end(&j);
	answer_error_details(r, API_EVENTS_TOO_LARGE, &details,
	    "The events do not fit into one answer; ask with a limit.");
}

/* The store says the same as "SEQ\tID". */
static void
too_large_there(struct request *r, const char *text)
{
	char *end;
	uint64_t seq = strtoull(text, &end, 10);

	too_large(r, seq, *end == '\t' ? end + 1 : "");
}

static void
page_refused(struct request *r, const struct msg_reply *reply)
{
	if (reply->code == STORE_TOO_LARGE)
		too_large_there(r, reply->text);
	else
		answer_store_code(r, reply);
}

/* Written by stored, for it has the events; passed on as it is. */
static void
on_page(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	const char *p;
	size_t n;

	if (reply->code != STORE_OK) {
		page_refused(r, reply);
		return;
	}
	p = rows_json(rows, &n);
	if (p == NULL)
		answer_error(r, API_INTERNAL, "The store sent a bad page.");
	else
		answer_bytes(r, 200, p, n);
}

/* 0, or 1 after answering 400.  Each value stays as it was when absent. */
static int
event_query(struct request *r, int64_t *after, int64_t *limit,
    int64_t *wait_ms, bool *has_after)
{
	const struct {
		const char	*key;
		int64_t		*v;
		bool		*has;
	} keys[] = {
		{ "afterSeq", after, has_after },
		{ "limit", limit, &r->limited },
		{ "waitMs", wait_ms, NULL },
	};
	size_t i;

	for (i = 0; i < nitems(keys); i++) {
		int q = query_int(r->query, keys[i].key, keys[i].v);

		if (q == QUERY_BAD) {
			answer_error(r, API_INVALID,
			    "`%s` must be an integer.", keys[i].key);
			return 1;
		}
		if (q == 0 && keys[i].has != NULL)
			*keys[i].has = true;
	}
	return 0;
}

static int64_t
clamp(int64_t v, int64_t lo, int64_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

void
on_session_events(struct request *r)
{
	int64_t after = 0, limit = 0, wait_ms = 0;
	struct msg_events m = { .tag = r->tag, .id = r->id };
	char event[EVENT_ID_MAX + 1] = "";
	bool has_after = false;
	const char *p;
	size_t n;

	if (event_query(r, &after, &limit, &wait_ms, &has_after) != 0)
		return;
	m.has_after = has_after;
	m.after_seq = (uint64_t)clamp(after, 0, INT64_MAX);
	if (r->limited)
		m.limit = (uint32_t)clamp(limit, 1, LIMIT_PAGE_EVENTS);
	p = query_get(r->query, "afterEventId", &n);
	if (!has_after && p != NULL && n <= EVENT_ID_MAX) {
		memcpy(event, p, n);
		m.after_event = event;
	}
	m.wait_ms = request_wait(r, wait_ms);
	m.json = 1;
	ask(r, MSG_EVENTS, &m, -1, on_page);
}

void
on_events(struct request *r)
{
	const char *p;
	size_t n;

	p = query_get(r->query, "sessionId", &n);
	if (p == NULL || n == 0) {
		answer_error(r, API_INVALID, "`sessionId` is required.");
		return;
	}
	r->spare = mem_alloc(n + 1);
	memcpy(r->spare, p, n);
	r->spare[n] = '\0';
	r->id = r->spare;
	on_session_events(r);
}

/* --- the log ------------------------------------------------------------ */

static const struct {
	const char	*kind, *level, *prefix;
} levels[] = {
	{ "input", "info", "> " },
	{ "output", "info", "" },
	{ "tool_call", "tool", "" },
	{ "error", "error", "" },
};

/* At most LIMIT_LOG_PREVIEW code points of s, and dots when there were more. */
static void
add_preview(struct buf *out, const char *s, size_t n)
{
	size_t i, chars = 0;

	for (i = 0; i < n; i++) {
		if (((unsigned char)s[i] & 0xc0) == 0x80)
			continue;
		if (chars++ == LIMIT_LOG_PREVIEW)
			break;
	}
	(void)buf_add(out, s, i);
	if (i < n)
		(void)buf_adds(out, "...");
}

static void
add_payload(struct buf *out, const struct msg_event_row *e)
{
	static const char *const names[] = { "text", "message", "data" };
	autobuf struct buf copy = { 0 };
	autojson struct json *v = NULL;
	const char *s = NULL, *why;
	size_t i, n = 0;

	(void)buf_add(&copy, e->payload.p, e->payload.len);
	if (json_parse(buf_head(&copy), buf_left(&copy), &v, &why) == 0)
		for (i = 0; s == NULL && i < nitems(names); i++)
			s = json_str(json_get(v, names[i]), &n);
	if (s != NULL)
		add_preview(out, s, n);
	else
		add_preview(out, buf_head(&copy), buf_left(&copy));
}

static void
write_log_line(struct jw *j, const struct msg_event_row *e)
{
	autobuf struct buf text = { 0 };
	const char *level = "info";
	size_t i;

	for (i = 0; i < nitems(levels); i++)
		if (strcmp(levels[i].kind, e->kind) == 0)
			break;
	if (i < nitems(levels)) {
		level = levels[i].level;
		(void)buf_adds(&text, levels[i].prefix);
	} else {
		(void)buf_addf(&text, "%s: ", e->kind);
	}
	add_payload(&text, e);
	jw_object(j);
	jw_kstr(j, "ts", e->created_at);
	jw_kstr(j, "level", level);
	jw_name(j, "message");
	jw_strn(j, buf_head(&text), buf_left(&text));
	jw_object_end(j);
}

/*
 * Drop the oldest lines until the newest fit; marks hold their lengths.
 * Rarely, as each time moves what is left.
 */
static void
trim_log(struct request *r, size_t slack)
{
	uint32_t len;

	if (buf_left(&r->body) <= REPLY_MAX - TAIL_ROOM + slack)
		return;
	while (buf_left(&r->body) > REPLY_MAX - TAIL_ROOM) {
		memcpy(&len, buf_head(&r->marks), sizeof(len));
		buf_consume(&r->marks, sizeof(len));
		buf_consume(&r->body, len);
	}
}

static void
finish_log(struct request *r)
{
	autobuf struct buf out = { 0 };

	trim_log(r, 0);
	/* Each line was written with a comma behind it. */
	(void)buf_adds(&out, "[");
	if (buf_left(&r->body) != 0)
		(void)buf_add(&out, buf_head(&r->body),
		    buf_left(&r->body) - 1);
	(void)buf_adds(&out, "]");
	answer(r, 200, &out);
}

static void	on_log_page(struct request *, const struct msg_reply *,
		    struct rows *);

static void
ask_log_page(struct request *r)
{
	struct msg_events m = { .tag = r->tag, .id = r->id, .has_after = 1,
	    .after_seq = r->after_seq, .limit = LIMIT_PAGE_EVENTS };

	ask(r, MSG_EVENTS, &m, -1, on_log_page);
}

static void
on_log_page(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	union msg_any row;
	size_t before, n = 0;
	uint32_t len;
	struct jw j;

	if (reply->code != STORE_OK) {
		page_refused(r, reply);
		return;
	}
	while (rows_next(rows, MSG_EVENT_ROW, &row)) {
		n++;
		before = buf_left(&r->body);
		jw_init(&j, &r->body);
		write_log_line(&j, &row.event_row);
		(void)buf_adds(&r->body, ",");
		len = (uint32_t)(buf_left(&r->body) - before);
		(void)buf_add(&r->marks, &len, sizeof(len));
		r->after_seq = row.event_row.seq;
		trim_log(r, REPLY_MAX);
	}
	if (n != reply->rows)
		answer_error(r, API_INTERNAL, "The store sent a bad page.");
	else if (reply->more && n != 0)
		ask_log_page(r);
	else
		finish_log(r);
}

void
on_log(struct request *r)
{
	ask_log_page(r);
}
