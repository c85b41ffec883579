/*
 * Archives of what sessions wrote: GET /archives, and one of them by its
 * session's id.  An extension: capability archives.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/mem.h"
#include "common/worker.h"
#include "coven-apid/request.h"

#define PAGE_DEFAULT	100

static const char *const outcomes[WORKER__COUNT] = {
	[WORKER_DONE] = "complete",
	[WORKER_LEFT] = "partial",
	[WORKER_LIMIT] = "limit",
	[WORKER_LATE] = "time",
};

static bool
is_sound(const struct msg_archive_row *row)
{
	return row->outcome < nitems(outcomes) &&
	    outcomes[row->outcome] != NULL;
}

static void
write_archive(struct jw *j, const struct msg_archive_row *row)
{
	char at[RFC3339_LEN];

	clock_format(row->created_ns, at);
	jw_object(j);
	jw_kstr(j, "sessionId", row->session);
	jw_kstr(j, "createdAt", at);
	jw_kstr(j, "outcome", outcomes[row->outcome]);
	jw_ku64(j, "entries", row->entries);
	jw_ku64(j, "bytes", row->bytes);
	jw_ku64(j, "packedBytes", row->packed);
	jw_ku64(j, "leftOut", row->left);
	jw_object_end(j);
}

/* --- the list ------------------------------------------------------------ */

#define CURSOR_MAX	96

/* "NANOSECONDS-ID", of the last one of the page before. */
static bool
read_cursor(const char *query, char text[CURSOR_MAX],
    struct msg_archive_list *m)
{
	const char *p;
	char *end;
	size_t n;

	p = query_get(query, "cursor", &n);
	if (p == NULL)
		return true;
	if (n == 0 || n >= CURSOR_MAX || *p < '0' || *p > '9')
		return false;
	memcpy(text, p, n);
	text[n] = '\0';
	m->before_ns = strtoull(text, &end, 10);
	if (*end != '-' || strlen(end + 1) != UUID_LEN - 1 ||
	    strspn(end + 1, "0123456789abcdef-") != UUID_LEN - 1)
		return false;
	m->before_id = end + 1;
	return true;
}

static int
write_list(struct jw *j, const struct msg_reply *reply, struct rows *rows)
{
	char cursor[CURSOR_MAX] = "";
	union msg_any row;
	uint32_t n;

	jw_object(j);
	jw_name(j, "archives");
	jw_array(j);
	for (n = 0; rows_next(rows, MSG_ARCHIVE_ROW, &row); n++) {
		if (!is_sound(&row.archive_row))
			return -1;
		write_archive(j, &row.archive_row);
		(void)snprintf(cursor, sizeof(cursor), "%" PRIu64 "-%s",
		    row.archive_row.created_ns, row.archive_row.session);
	}
	jw_array_end(j);
	jw_kstr(j, "nextCursor", reply->more ? cursor : NULL);
	jw_object_end(j);
	return n == reply->rows ? 0 : -1;
}

static void
on_list(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	struct jw j;

	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	buf_init(&r->body, REPLY_MAX);
	jw_init(&j, &r->body);
	if (write_list(&j, reply, rows) < 0 || !jw_ok(&j))
		answer_error(r, API_INTERNAL, "The store sent a bad page.");
	else
		answer(r, 200, &r->body);
}

void
on_archives(struct request *r)
{
	struct msg_archive_list m = { .tag = r->tag, .before_ns = INT64_MAX,
	    .before_id = "" };
	int64_t limit = PAGE_DEFAULT;
	char cursor[CURSOR_MAX];

	if (query_int(r->query, "limit", &limit) == QUERY_BAD || limit < 1 ||
	    limit > LIMIT_PAGE_ARCHIVES) {
		answer_error(r, API_INVALID,
		    "`limit` is a number from 1 to %u.",
		    (unsigned)LIMIT_PAGE_ARCHIVES);
		return;
	}
	if (!read_cursor(r->query, cursor, &m)) {
		answer_error(r, API_INVALID,
		    "`cursor` is what `nextCursor` said.");
		return;
	}
	m.limit = (uint32_t)limit;
	ask(r, MSG_ARCHIVE_LIST, &m, -1, on_list);
}

/* --- one ----------------------------------------------------------------- */

/* Both routes know one refusal of their own. */
static bool
is_refused(struct request *r, const struct msg_reply *reply)
{
	if (reply->code == STORE_OK)
		return false;
	if (reply->code == STORE_NOT_FOUND)
		answer_error(r, API_ARCHIVE_NOT_FOUND,
		    "There is no archive of this session.");
	else
		answer_store_code(r, reply);
	return true;
}

static void
on_one(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	autobuf struct buf body = { 0 };
	union msg_any row;
	struct jw j;

	if (is_refused(r, reply))
		return;
	jw_init(&j, &body);
	if (!rows_next(rows, MSG_ARCHIVE_ROW, &row) ||
	    !is_sound(&row.archive_row)) {
		answer_error(r, API_INTERNAL, "The store sent a bad row.");
		return;
	}
	write_archive(&j, &row.archive_row);
	answer(r, 200, &body);
}

void
on_archive_get(struct request *r)
{
	struct msg_archive_get m = { .tag = r->tag, .id = r->id };

	ask(r, MSG_ARCHIVE_GET, &m, -1, on_one);
}

static void
on_dropped(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	(void)rows;
	if (!is_refused(r, reply))
		answer_done(r, "deleted");
}

void
on_archive_delete(struct request *r)
{
	struct msg_archive_drop m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r) };

	ask(r, MSG_ARCHIVE_DROP, &m, -1, on_dropped);
}
