/*
 * What an earlier daemon of this home had on record, as rows of ours.
 *
 * Its sessions are hidden until the last event is there: whoever looks sees
 * all of it or nothing.  Its events keep their numbers, ids and kinds, which
 * clients may hold.
 */
#include <errno.h>
#include <string.h>

#include "common/mem.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

/* --- how far it is ------------------------------------------------------ */

static int
on_value(void *ctx, const struct db_row *row)
{
	*(int64_t *)ctx = db_int(row, 0);
	return 1;
}

#define PARTS	8

static const char *const names[PARTS] = { "import_state", "import_offset",
	"import_session", "import_event", "import_tries", "import_sessions",
	"import_events", "import_left_out" };

int
store_import_get(struct store *s, struct store_import *out)
{
	int64_t v[PARTS] = { 0 };
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < PARTS; i++)
		r = db_query(s->db, SQL_META_GET, on_value, &v[i], "s",
		    names[i]);
	if (r < 0)
		return r;
	*out = (struct store_import){ .state = (enum import_state)v[0],
	    .offset = (uint64_t)v[1], .session = v[2], .event = v[3],
	    .tries = (uint64_t)v[4], .sessions = (uint64_t)v[5],
	    .events = (uint64_t)v[6], .left_out = (uint64_t)v[7] };
	return 0;
}

int
store_import_put(struct store *s, const struct store_import *in)
{
	const int64_t v[PARTS] = { in->state, (int64_t)in->offset,
	    in->session, in->event, (int64_t)in->tries,
	    (int64_t)in->sessions, (int64_t)in->events,
	    (int64_t)in->left_out };
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < PARTS; i++)
		r = db_run(s->db, SQL_META_SET, "si", names[i], v[i]);
	return r;
}

/* --- numbers ------------------------------------------------------------ */

static const char first_name[] = "import_first", last_name[] = "import_last";

int
store_import_numbers(struct store *s, uint64_t last_row,
    struct store_import *in)
{
	int r;

	if (last_row >= STORE_SEQ_MAX - s->seq)
		return -EOVERFLOW;
	in->offset = s->seq;
	s->seq += last_row;
	r = db_run(s->db, SQL_META_SET, "si", first_name,
	    (int64_t)(in->offset + 1));
	if (r == 0)
		r = db_run(s->db, SQL_META_SET, "si", last_name,
		    (int64_t)s->seq);
	if (r == 0) {
		s->old_first = in->offset + 1;
		s->old_last = s->seq;
	}
	return r;
}

int
store_import_open(struct store *s)
{
	int64_t first = 0, last = 0;
	int r;

	r = db_query(s->db, SQL_META_GET, on_value, &first, "s", first_name);
	if (r == 0)
		r = db_query(s->db, SQL_META_GET, on_value, &last, "s",
		    last_name);
	s->old_first = (uint64_t)first;
	s->old_last = (uint64_t)last;
	return r;
}

/* --- sessions ----------------------------------------------------------- */

int
store_import_session(struct store *s, const struct msg_session_row *row)
{
	const char *transcript = row->has_transcript ? row->transcript_path :
	    NULL;
	int r;

	if (row->has_exit_code)
		r = db_run(s->db, SQL_OLD_SESSION_ADD, "sssssiesseesis",
		    row->id, row->project_root, row->harness, row->title,
		    row->status, (int64_t)row->exit_code, row->archived_at,
		    row->created_at, row->updated_at, row->conversation_id,
		    row->familiar_id, row->labels, (int64_t)row->external,
		    transcript);
	else
		r = db_run(s->db, SQL_OLD_SESSION_ADD, "sssssnesseesis",
		    row->id, row->project_root, row->harness, row->title,
		    row->status, row->archived_at, row->created_at,
		    row->updated_at, row->conversation_id, row->familiar_id,
		    row->labels, (int64_t)row->external, transcript);
	if (r < 0)
		return r;
	return db_changes(s->db) != 0 ? 0 : STORE_CONFLICT;
}

int
store_import_find(struct store *s, const char *id, int64_t *key)
{
	int64_t found = 0;
	int r = db_query(s->db, SQL_OLD_SESSION_KEY, on_value, &found, "s",
	    id);

	if (r < 0)
		return r;
	if (found == 0)
		return STORE_NOT_FOUND;
	*key = found;
	return 0;
}

int
store_import_show(struct store *s)
{
	return db_run(s->db, SQL_OLD_SESSION_SHOW, "");
}

int
store_import_drop(struct store *s)
{
	return db_run(s->db, SQL_OLD_SESSION_DROP, "");
}

/* --- events ------------------------------------------------------------- */

#define UUID_BYTES	16

/* A UUID in its own form, or nothing: other ids are not kept. */
static bool
pack_uuid(const char *id, uint8_t out[UUID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	size_t i, n = 0;

	if (strlen(id) != UUID_LEN - 1)
		return false;
	memset(out, 0, UUID_BYTES);
	for (i = 0; i < UUID_LEN - 1; i++) {
		const char *at = strchr(digits, id[i]);

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (id[i] != '-')
				return false;
			continue;
		}
		if (at == NULL)
			return false;
		out[n / 2] = (uint8_t)(out[n / 2] << 4 | (at - digits));
		n++;
	}
	return true;
}

static void
unpack_uuid(const uint8_t *in, char out[UUID_LEN])
{
	static const char digits[] = "0123456789abcdef";
	size_t i, n = 0;

	for (i = 0; i < UUID_LEN - 1; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			out[i] = '-';
			continue;
		}
		out[i] = digits[n % 2 == 0 ? in[n / 2] >> 4 : in[n / 2] & 15];
		n++;
	}
	out[i] = '\0';
}

int
store_import_event(struct store *s, int64_t key, const struct store_event *e,
    const char *id, const char *kind)
{
	const char *name = e->kind == EVENT_OTHER ? kind : NULL;
	uint8_t uuid[UUID_BYTES];
	int r = blocks_add(s, key, e);

	if (r < 0)
		return r;
	if (id != NULL && pack_uuid(id, uuid))
		return db_run(s->db, SQL_OLD_EVENT_ADD, "iibs", (int64_t)e->seq,
		    key, uuid, sizeof(uuid), name);
	if (name == NULL)
		return 0;
	return db_run(s->db, SQL_OLD_EVENT_ADD, "iins", (int64_t)e->seq, key,
	    name);
}

/* --- what clients see of them ------------------------------------------- */

bool
store_is_old(const struct store *s, uint64_t seq)
{
	return s->old_last != 0 && seq >= s->old_first && seq <= s->old_last;
}

static int
on_old_id(void *ctx, const struct db_row *row)
{
	size_t n;
	const void *p = db_bytes(row, 0, &n);

	if (n == UUID_BYTES)
		unpack_uuid(p, ctx);
	return 1;
}

void
store_old_id(const struct store *s, uint64_t seq, char out[UUID_LEN])
{
	/* One that cannot be read has the id that any other would have. */
	(void)db_query(s->db, SQL_OLD_EVENT_GET, on_old_id, out, "i",
	    (int64_t)seq);
}

int
store_old_seq(const struct store *s, const char *id, uint64_t *seq)
{
	uint8_t uuid[UUID_BYTES];
	int64_t found = 0;

	if (s->old_last == 0 || !pack_uuid(id, uuid) ||
	    db_query(s->db, SQL_OLD_EVENT_SEQ, on_value, &found, "b", uuid,
	    sizeof(uuid)) < 0 || found == 0)
		return STORE_NOT_FOUND;
	*seq = (uint64_t)found;
	return 0;
}

struct kind {
	char	*out;
	size_t	 len;
};

static int
on_old_kind(void *ctx, const struct db_row *row)
{
	struct kind *k = ctx;

	(void)snprintf(k->out, k->len, "%s", db_text(row, 1, NULL));
	return 1;
}

void
store_event_kind(struct store *s, const struct store_event *e, char *out,
    size_t len)
{
	struct kind k = { out, len };

	(void)snprintf(out, len, "%s", event_kind_name(e->kind));
	if (e->kind == EVENT_OTHER)
		(void)db_query(s->db, SQL_OLD_EVENT_GET, on_old_kind, &k, "i",
		    (int64_t)e->seq);
}
