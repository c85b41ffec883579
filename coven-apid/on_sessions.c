/* Listing and looking up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/mem.h"
#include "coven-apid/auth.h"
#include "coven-apid/request.h"

#define PAGE_DEFAULT	100
#define TAIL_ROOM	((size_t)8192)	/* for next_cursor and brackets */

/* --- cursors ------------------------------------------------------------ */

struct cursor {
	char	*created_at, *id;
};

static void
cursor_fini(struct cursor *c)
{
	free(c->created_at);
	free(c->id);
}

static bool
cursor_decode(const char *text, size_t n, struct cursor *c)
{
	autobuf struct buf b = { .max = 16384 };
	autojson struct json *v = NULL;
	const char *why, *at, *id;

	if (base64_decode(BASE64_URL, text, n, &b) != 0 ||
	    json_parse(buf_head(&b), buf_left(&b), &v, &why) != 0)
		return false;
	at = json_str(json_get(v, "created_at"), NULL);
	id = json_str(json_get(v, "id"), NULL);
	if (at == NULL || id == NULL || strlen(at) > 64 || strlen(id) > 4096)
		return false;
	c->created_at = mem_strdup(at);
	c->id = mem_strdup(id);
	return true;
}

/* base64url of {"created_at","id"}: opaque to clients. */
static void
cursor_write(struct jw *j, const char *created_at, const char *id)
{
	autobuf struct buf text = { 0 }, b64 = { 0 };
	struct jw in;

	jw_init(&in, &text);
	jw_object(&in);
	jw_kstr(&in, "created_at", created_at);
	jw_kstr(&in, "id", id);
	jw_object_end(&in);
	if (base64_encode(BASE64_URL, buf_head(&text), buf_left(&text),
	    &b64) != 0)
		jw_null(j);
	else
		jw_strn(j, buf_head(&b64), buf_left(&b64));
}

/* --- the list ----------------------------------------------------------- */

/* Rows until the answer is full; the last one that fitted in *last. */
struct filled {
	size_t			 rows;
	bool			 full;
	struct msg_session_row	 last;
};

static int
fill(struct request *r, const struct msg_reply *reply, struct rows *rows,
    struct filled *f)
{
	size_t mark, seen = 0;
	union msg_any row;
	struct jw j;

	memset(f, 0, sizeof(*f));
	while (!f->full && rows_next(rows, MSG_SESSION_ROW, &row)) {
		seen++;
		mark = r->body.len;
		jw_init(&j, &r->body);
		j.comma = r->written != 0;
		record_session(&j, &row.session_row);
		if (!jw_ok(&j) || r->body.len > REPLY_MAX - TAIL_ROOM) {
			r->body.len = mark;
			f->full = true;
			break;
		}
		r->written++;
		f->rows++;
		f->last = row.session_row;
	}
	if (!f->full && seen != reply->rows) {
		answer_error(r, API_INTERNAL, "The store sent a bad page.");
		return 1;
	}
	return 0;
}

/*
 * Words are indexed a little after they were printed: how many sessions have
 * some that could not be found yet.
 */
static void
search_write(struct jw *j, const char *behind)
{
	uint64_t n = strtoull(behind, NULL, 10);

	jw_name(j, "search");
	jw_object(j);
	jw_kbool(j, "complete", n == 0);
	jw_ku64(j, "pendingSessions", n);
	jw_object_end(j);
}

/* --- lists that are asked for again and again ---------------------------- */

static struct kept_list *
kept_find(struct request *r)
{
	struct apid *apid = r->apid;
	size_t i;

	for (i = 0; i < KEPT_LISTS; i++)
		if (apid->kept[i].target != NULL &&
		    strcmp(apid->kept[i].target, r->http->target) == 0)
			return &apid->kept[i];
	return NULL;
}

static void
kept_drop(struct kept_list *k)
{
	free(k->target);
	buf_fini(&k->body);
	*k = (struct kept_list){ 0 };
}

void
sessions_forget(struct apid *apid)
{
	size_t i;

	for (i = 0; i < KEPT_LISTS; i++)
		kept_drop(&apid->kept[i]);
}

/* Answer, and keep the answer until the store's version is another one. */
static void
answer_and_keep(struct request *r, uint64_t version)
{
	struct apid *apid = r->apid;
	struct kept_list *k = kept_find(r);

	if (k == NULL) {
		k = &apid->kept[apid->next_kept];
		apid->next_kept = (apid->next_kept + 1) % KEPT_LISTS;
	}
	kept_drop(k);
	if (buf_left(&r->body) <= LIMIT_KEPT_LIST) {
		k->target = mem_strdup(r->http->target);
		k->version = version;
		(void)buf_add(&k->body, buf_head(&r->body),
		    buf_left(&r->body));
	}
	answer(r, 200, &r->body);
}

/* Is what was kept the answer?  It may be given up while stored is asked. */
static bool
answer_kept(struct request *r, const struct msg_reply *reply)
{
	struct kept_list *k = kept_find(r);

	if (reply->code != STORE_SAME)
		return false;
	if (k != NULL && k->version == reply->version) {
		answer(r, 200, &k->body);
	} else {
		sessions_forget(r->apid);
		on_sessions(r);
	}
	return true;
}

static uint64_t
kept_version(struct request *r)
{
	const struct kept_list *k = kept_find(r);

	return k != NULL ? k->version : 0;
}

static void
on_page(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	struct filled f;
	struct jw j;

	if (answer_kept(r, reply))
		return;
	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	if (fill(r, reply, rows, &f) != 0)
		return;
	if (f.full && f.rows == 0) {
		answer_error(r, API_INTERNAL,
		    "The next session is too large for an answer.");
		return;
	}
	(void)buf_adds(&r->body, "],\"next_cursor\":");
	jw_init(&j, &r->body);
	if ((reply->more || f.full) && f.rows != 0)
		cursor_write(&j, f.last.created_at, f.last.id);
	else
		jw_null(&j);
	if (*reply->text != '\0')
		search_write(&j, reply->text);
	(void)buf_adds(&r->body, "}");
	if (*reply->text != '\0')
		answer(r, 200, &r->body);
	else
		answer_and_keep(r, reply->version);
}

/*
 * The bare array has no cursor, so it is gathered here, page by page, and
 * ends (oldest sessions missing) where clients would stop reading.
 */
static void
on_all(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	struct msg_session_list ask_more = { .tag = r->tag,
	    .limit = LIMIT_PAGE_SESSIONS };
	struct filled f;

	if (answer_kept(r, reply))
		return;
	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	if (r->version == 0)
		r->version = reply->version;
	if (fill(r, reply, rows, &f) != 0)
		return;
	if (reply->more && !f.full && f.rows != 0) {
		ask_more.after_created = f.last.created_at;
		ask_more.after_id = f.last.id;
		ask(r, MSG_SESSION_LIST, &ask_more, -1, on_all);
		return;
	}
	(void)buf_adds(&r->body, "]");
	/* Of the version that the first page was of, or of none. */
	answer_and_keep(r, r->version);
}

static void
bad_value(struct request *r, const char *name)
{
	autobuf struct buf value = { 0 };
	const char *p;
	size_t n = 0;

	p = query_get(r->query, name, &n);
	(void)buf_add(&value, p != NULL ? p : "", n);
	answer_error_with(r, API_INVALID, name, buf_head(&value),
	    "Invalid value for `%s`.", name);
}

struct page_query {
	struct msg_session_list	 m;
	struct cursor		 cursor;
	struct buf		 status, harness, query;
};

/* What is not decoded; 0, or 1 after answering 400. */
static int
plain_value(struct request *r, const char *name, struct buf *to,
    const char **out)
{
	const char *p;
	size_t n = 0;

	p = query_get(r->query, name, &n);
	if (p == NULL)
		return 0;
	if (n == 0 || buf_add(to, p, n) < 0) {
		bad_value(r, name);
		return 1;
	}
	*out = buf_head(to);
	return 0;
}

/*
 * Which sessions: by status, harness, words.  Words are in what was printed:
 * who may list may not for that alone search.
 */
static int
filter_query(struct request *r, struct page_query *q)
{
	static const char *const known[] = { "created", "running", "idle",
	    "completed", "failed", "killed", "orphaned", "live" };
	size_t i, n;
	int e;

	buf_init(&q->status, sizeof("completed"));
	buf_init(&q->harness, 4096);
	buf_init(&q->query, LIMIT_SEARCH_QUERY);
	if (plain_value(r, "status", &q->status, &q->m.status) != 0 ||
	    plain_value(r, "harness", &q->harness, &q->m.harness) != 0)
		return 1;
	for (i = 0; q->m.status != NULL && i < nitems(known); i++)
		if (strcmp(known[i], q->m.status) == 0)
			break;
	if (i == nitems(known)) {
		bad_value(r, "status");
		return 1;
	}
	if (query_get(r->query, "query", &n) != NULL &&
	    !auth_allows(r, SCOPE_READ)) {
		answer_error_with(r, API_SCOPE, "scope", scope_name(SCOPE_READ),
		    "This token is not paired for this.");
		return 1;
	}
	e = query_text(r->query, "query", &q->query);
	if (e == QUERY_BAD || (e == 0 && buf_left(&q->query) == 0)) {
		bad_value(r, "query");
		return 1;
	}
	q->m.query = buf_head(&q->query);
	return 0;
}

/* 0, or 1 after answering 400. */
static int
page_query(struct request *r, struct page_query *q)
{
	int64_t limit = PAGE_DEFAULT;
	const char *p;
	size_t n = 0;

	if (query_int(r->query, "limit", &limit) == QUERY_BAD || limit < 1 ||
	    limit > LIMIT_PAGE_SESSIONS) {
		bad_value(r, "limit");
		return 1;
	}
	q->m.limit = (uint32_t)limit;
	p = query_get(r->query, "includeArchived", &n);
	if (p != NULL) {
		q->m.include_archived = n == 4 && memcmp(p, "true", 4) == 0;
		if (!q->m.include_archived &&
		    !(n == 5 && memcmp(p, "false", 5) == 0)) {
			bad_value(r, "includeArchived");
			return 1;
		}
	}
	p = query_get(r->query, "cursor", &n);
	if (p == NULL)
		return filter_query(r, q);
	if (!cursor_decode(p, n, &q->cursor)) {
		bad_value(r, "cursor");
		return 1;
	}
	q->m.after_created = q->cursor.created_at;
	q->m.after_id = q->cursor.id;
	return filter_query(r, q);
}

/* Any of these, and the answer is a page. */
static bool
wants_page(const struct request *r)
{
	static const char *const keys[] = { "limit", "cursor",
	    "includeArchived", "query", "status", "harness" };
	size_t i, n;

	for (i = 0; i < nitems(keys); i++)
		if (query_get(r->query, keys[i], &n) != NULL)
			return true;
	return false;
}

void
on_sessions(struct request *r)
{
	struct page_query q = { .m = { .tag = r->tag,
	    .limit = LIMIT_PAGE_SESSIONS, .have = kept_version(r) } };

	buf_fini(&r->body);
	buf_init(&r->body, 2 * REPLY_MAX);
	if (!wants_page(r)) {
		(void)buf_adds(&r->body, "[");
		ask(r, MSG_SESSION_LIST, &q.m, -1, on_all);
		return;
	}
	(void)buf_adds(&r->body, "{\"sessions\":[");
	if (page_query(r, &q) == 0)
		ask(r, MSG_SESSION_LIST, &q.m, -1, on_page);
	cursor_fini(&q.cursor);
	buf_fini(&q.status);
	buf_fini(&q.harness);
	buf_fini(&q.query);
}

/* --- one session -------------------------------------------------------- */

void
on_session(struct request *r)
{
	struct msg_session_get m = { .tag = r->tag, .id = r->id };

	ask(r, MSG_SESSION_GET, &m, -1, answer_record);
}
