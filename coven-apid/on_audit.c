/* Pages of the audit, and where its chain has got to. */
#include <string.h>

#include "common/mem.h"
#include "coven-apid/request.h"

static void
hex_member(struct jw *j, const char *name, const struct msg_bin *v)
{
	char text[2 * AUDIT_SIGNATURE_LEN + 1] = "";

	if (v->len <= AUDIT_SIGNATURE_LEN)
		audit_hex(v->p, v->len, text);
	jw_kstr(j, name, text);
}

/* The line as it stands in audit.heads, which is what the signature is of. */
static void
write_chain(struct jw *j, const struct msg_audit_chain *c)
{
	jw_name(j, "chain");
	jw_object(j);
	hex_member(j, "id", &c->chain);
	jw_ku64(j, "count", c->count);
	jw_kstr(j, "head", *c->head != '\0' ? c->head : NULL);
	jw_object_end(j);
}

static void
write_record(struct jw *j, const struct msg_audit_row *r)
{
	jw_object(j);
	jw_ku64(j, "n", r->n);
	jw_kstr(j, "at", r->at);
	jw_kstr(j, "verb", r->verb);
	jw_kstr(j, "sessionId", r->has_session ? r->session : NULL);
	jw_kstr(j, "actor", r->has_actor ? r->actor : NULL);
	jw_kstr(j, "detail", r->detail);
	hex_member(j, "digest", &r->digest);
	jw_object_end(j);
}

/* 0, or -1 when it is not one chain and as many records as it says. */
static int
write_page(struct jw *j, const struct msg_reply *reply, struct rows *rows)
{
	union msg_any row;
	uint64_t last = 0;
	uint32_t n;

	jw_object(j);
	if (!rows_next(rows, MSG_AUDIT_CHAIN, &row))
		return -1;
	write_chain(j, &row.audit_chain);
	jw_name(j, "records");
	jw_array(j);
	for (n = 0; rows_next(rows, MSG_AUDIT_ROW, &row); n++) {
		write_record(j, &row.audit_row);
		last = row.audit_row.n;
	}
	jw_array_end(j);
	jw_name(j, "nextCursor");
	if (n == 0) {
		jw_null(j);
	} else {
		jw_object(j);
		jw_ku64(j, "after", last);
		jw_object_end(j);
	}
	jw_kbool(j, "hasMore", reply->more != 0);
	jw_object_end(j);
	return n == reply->rows ? 0 : -1;
}

static void
on_page(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	struct jw j;

	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	buf_init(&r->body, 2 * REPLY_MAX);
	jw_init(&j, &r->body);
	if (write_page(&j, reply, rows) < 0 || !jw_ok(&j))
		answer_error(r, API_INTERNAL, "The store sent a bad page.");
	else
		answer(r, 200, &r->body);
}

static int64_t
at_least(int64_t v, int64_t min)
{
	return v < min ? min : v;
}

void
on_audit(struct request *r)
{
	int64_t after = 0, limit = LIMIT_PAGE_AUDIT, wait_ms = 0;
	struct msg_audit m = { .tag = r->tag };
	const struct {
		const char	*key;
		int64_t		*v;
	} keys[] = {
		{ "after", &after }, { "limit", &limit },
		{ "waitMs", &wait_ms },
	};
	size_t i;

	for (i = 0; i < nitems(keys); i++) {
		if (query_int(r->query, keys[i].key, keys[i].v) != QUERY_BAD)
			continue;
		answer_error(r, API_INVALID, "`%s` must be an integer.",
		    keys[i].key);
		return;
	}
	m.after = (uint64_t)at_least(after, 0);
	m.limit = (uint32_t)at_least(limit < LIMIT_PAGE_AUDIT ? limit :
	    LIMIT_PAGE_AUDIT, 1);
	m.wait_ms = request_wait(r, wait_ms);
	ask(r, MSG_AUDIT, &m, -1, on_page);
}
