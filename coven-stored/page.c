#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/limits.h"
#include "common/plain.h"
#include "coven-stored/page.h"

/* Names, quotes, commas and short values of one object, rounded up. */
#define EVENT_OVERHEAD		200
#define SESSION_OVERHEAD	512
#define KIND_LEN		65	/* as EVENT_ROW has it */
#define RECORD_OVERHEAD		256

/* As common/jsonw.c writes them. */
size_t
json_escaped_len(const char *s, size_t n)
{
	size_t i, sum = n;

	for (i = plain_run(s, n); i < n; i += 1 + plain_run(s + i + 1,
	    n - i - 1)) {
		unsigned char c = (unsigned char)s[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		if (c == '"' || c == '\\' || (c >= 8 && c <= 13 && c != 11))
			sum += 1;
		else
			sum += 5;
	}
	return sum;
}

static size_t
weigh(const char *s)
{
	return s != NULL ? json_escaped_len(s, strlen(s)) : 0;
}

void
page_init(struct page *p, struct store *store)
{
	*p = (struct page){ .store = store };
}

void
page_fini(struct page *p)
{
	buf_fini(&p->out);
}

/* --- sessions --- */

static int
put_session(void *ctx, const struct msg_session_row *row)
{
	struct page *p = ctx;
	size_t bytes = SESSION_OVERHEAD + weigh(row->id) +
	    weigh(row->project_root) + weigh(row->harness) +
	    weigh(row->title) + weigh(row->conversation_id) +
	    weigh(row->familiar_id) + strlen(row->labels) +
	    weigh(row->transcript_path);
	int r;

	if (p->rows != 0 && (p->bytes + bytes > LIMIT_PAGE_SESSIONS_BYTES ||
	    p->rows == p->limit)) {
		p->more = true;
		return 1;
	}
	r = msg_encode(&p->out, MSG_SESSION_ROW, row);
	if (r < 0)
		return r;
	p->bytes += bytes;
	p->rows++;
	return 0;
}

int
page_sessions(struct page *p, const struct store_list *query)
{
	struct store_list q = *query;

	p->limit = q.limit;
	if (q.limit != 0 && q.limit != UINT32_MAX)
		q.limit++;	/* one further row says whether more exist */
	return store_list(p->store, &q, put_session, p);
}

int
page_session(struct page *p, const char *id)
{
	return store_get(p->store, id, put_session, p);
}

/* --- events --- */

static int
put_event(void *ctx, const struct store_event *e)
{
	struct page *p = ctx;
	char id[UUID_LEN], at[RFC3339_LEN], kind[KIND_LEN];
	struct msg_event_row row = { .seq = e->seq, .id = id, .kind = kind,
	    .payload = { e->payload, e->len }, .created_at = at };
	size_t bytes;
	int r;

	if (p->limit != 0 && p->rows == p->limit) {
		p->more = true;
		return 1;
	}
	store_event_id(p->store, e->seq, id);
	bytes = EVENT_OVERHEAD + weigh(p->session_id) +
	    json_escaped_len(e->payload, e->len);
	if (p->bytes + bytes > LIMIT_PAGE_EVENTS_BYTES) {
		p->more = p->rows != 0 && p->limit != 0;
		p->outcome = p->more ? 0 : STORE_TOO_LARGE;
		(void)snprintf(p->text, sizeof(p->text), "%" PRIu64 "\t%s",
		    e->seq, id);
		return 1;
	}
	store_event_kind(p->store, e, kind, sizeof(kind));
	clock_format(e->time_ns, at);
	r = msg_encode(&p->out, MSG_EVENT_ROW, &row);
	if (r < 0)
		return r;
	p->bytes += bytes;
	p->rows++;
	return 0;
}

int
page_events(struct page *p, int64_t key, const char *session_id,
    uint64_t after, uint32_t limit)
{
	int r;

	p->limit = limit < LIMIT_PAGE_EVENTS ? limit : LIMIT_PAGE_EVENTS;
	p->session_id = session_id;
	r = store_events(p->store, key, after, p->limit != 0 ?
	    p->limit + 1 : 0, put_event, p);
	return r < 0 ? r : p->outcome;
}

/* --- the audit ----------------------------------------------------------- */

static int
put_chain(struct page *p, const struct audit_head *last)
{
	char line[AUDIT_HEAD_LINE] = "";
	struct msg_audit_chain m = { .head = line };
	struct audit_head now;

	store_audit_head(p->store, &now);
	if (last->count != 0)
		audit_head_line(last, line);
	m.chain = (struct msg_bin){ now.chain, sizeof(now.chain) };
	m.count = now.count;
	return msg_encode(&p->out, MSG_AUDIT_CHAIN, &m);
}

static int
put_record(void *ctx, const struct audit_record *r, const uint8_t *digest)
{
	struct page *p = ctx;
	char at[RFC3339_LEN];
	struct msg_audit_row row = {
		.n = r->n, .at = at, .verb = r->verb,
		.has_session = r->session != NULL, .session = r->session,
		.has_actor = r->actor != NULL, .actor = r->actor,
		.detail = r->detail,
		.digest = { digest, digest != NULL ? DIGEST_LEN : 0 },
	};
	size_t bytes = RECORD_OVERHEAD + weigh(r->session) +
	    weigh(r->actor) + weigh(r->detail);
	int e;

	if (p->rows == p->limit ||
	    p->bytes + bytes > LIMIT_PAGE_EVENTS_BYTES) {
		p->more = true;
		return 1;
	}
	clock_format(r->at_ns, at);
	e = msg_encode(&p->out, MSG_AUDIT_ROW, &row);
	if (e < 0)
		return e;
	p->bytes += bytes;
	p->rows++;
	return 0;
}

int
page_audit(struct page *p, const struct audit_head *last, uint64_t after,
    uint32_t limit)
{
	int r;

	p->limit = limit != 0 && limit < LIMIT_PAGE_AUDIT ? limit :
	    LIMIT_PAGE_AUDIT;
	r = put_chain(p, last);
	if (r == 0)
		r = store_audit_page(p->store, after, p->limit + 1,
		    put_record, p);
	return r;
}
