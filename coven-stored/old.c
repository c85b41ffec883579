#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/buf.h"
#include "common/mem.h"
#include "coven-stored/old.h"
#include "coven-stored/sqlite.h"

/* In the order of on_session; the first seven must be there. */
static const char *const session_columns[] = { "id", "project_root",
	"harness", "title", "status", "created_at", "updated_at",
	"exit_code", "archived_at", "conversation_id", "familiar_id",
	"labels", "external", "transcript_path" };
#define SESSION_NEEDED	7

/* In the order of on_event. */
static const char *const event_columns[] = { "id", "session_id", "kind",
	"payload_json", "created_at" };

struct old {
	struct db	*db;
	char		*sessions, *events;	/* statements; may be NULL */
};

static const char *const files[] = { OLD_FILE, OLD_FILE "-wal",
	OLD_FILE "-shm", OLD_FILE "-journal" };

bool
old_is_there(void)
{
	struct stat st;

	return lstat(OLD_FILE, &st) == 0 && S_ISREG(st.st_mode);
}

void
old_remove(void)
{
	size_t i;

	for (i = 0; i < nitems(files); i++)
		(void)unlink(files[i]);
}

/* --- what it looks like ------------------------------------------------- */

/*
 * Columns came one by one over the years: one that is not there reads as
 * null.  The names are ours, not the file's.
 */
static char *
select_from(const char *table, const char *const *names, size_t n,
    const bool *present)
{
	struct buf b = { 0 };
	size_t i;

	(void)buf_adds(&b, "SELECT rowid");
	for (i = 0; i < n; i++)
		(void)buf_addf(&b, ", %s", present[i] ? names[i] : "NULL");
	(void)buf_addf(&b, " FROM %s WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
	    table);
	return b.data;
}

static int
look(struct old *o, char *why, size_t len)
{
	bool s[nitems(session_columns)] = { false };
	bool e[nitems(event_columns)] = { false };
	size_t i;
	int r;

	r = db_columns(o->db, "sessions", session_columns, nitems(s), s);
	for (i = 0; r == 0 && i < SESSION_NEEDED; i++)
		if (!s[i])
			r = 1;
	if (r > 0) {
		(void)snprintf(why, len, "it has no sessions as they were "
		    "kept");
		return -EPROTO;
	}
	if (r == 0)
		o->sessions = select_from("sessions", session_columns,
		    nitems(s), s);
	if (r == 0)
		r = db_columns(o->db, "events", event_columns, nitems(e), e);
	if (r < 0) {
		(void)snprintf(why, len, "%s", db_message(o->db));
		return r;
	}
	for (i = 0; r == 0 && i < nitems(e); i++)
		if (!e[i])
			r = 1;
	if (r == 0)
		o->events = select_from("events", event_columns, nitems(e),
		    e);
	return 0;
}

int
old_open(struct old **out, char *why, size_t len)
{
	struct old *o = mem_zalloc(1, sizeof(*o));
	int r;

	r = db_open_foreign(OLD_FILE, &o->db, why, len);
	if (r == 0)
		r = look(o, why, len);
	if (r < 0) {
		old_close(o);
		return r;
	}
	*out = o;
	return 0;
}

void
old_close(struct old *o)
{
	if (o == NULL)
		return;
	db_close(o->db);
	free(o->sessions);
	free(o->events);
	free(o);
}

const char *
old_message(const struct old *o)
{
	return db_message(o->db);
}

/* --- rows --------------------------------------------------------------- */

static struct old_text
text(const struct db_row *row, int column)
{
	struct old_text t = { .null = db_is_null(row, column) != 0 };

	t.p = db_text(row, column, &t.len);
	return t;
}

struct walk {
	old_session_cb	*session;
	old_event_cb	*event;
	void		*ctx;
};

static int
on_session(void *ctx, const struct db_row *row)
{
	struct walk *w = ctx;
	struct old_session s = { .row = db_int(row, 0), .id = text(row, 1),
	    .root = text(row, 2), .harness = text(row, 3),
	    .title = text(row, 4), .status = text(row, 5),
	    .created_at = text(row, 6), .updated_at = text(row, 7),
	    .has_exit = !db_is_null(row, 8), .exit = (int32_t)db_int(row, 8),
	    .archived_at = text(row, 9), .conversation = text(row, 10),
	    .familiar = text(row, 11), .labels = text(row, 12),
	    .external = db_int(row, 13) != 0, .transcript = text(row, 14) };

	return w->session(w->ctx, &s);
}

static int
on_event(void *ctx, const struct db_row *row)
{
	struct walk *w = ctx;
	struct old_event e = { .row = db_int(row, 0), .id = text(row, 1),
	    .session = text(row, 2), .kind = text(row, 3),
	    .payload = text(row, 4), .created_at = text(row, 5) };

	return w->event(w->ctx, &e);
}

int
old_sessions(struct old *o, int64_t after, uint32_t limit,
    old_session_cb *cb, void *ctx)
{
	struct walk w = { .session = cb, .ctx = ctx };

	return db_query_foreign(o->db, o->sessions, on_session, &w, "ii",
	    after, (int64_t)limit);
}

int
old_events(struct old *o, int64_t after, uint32_t limit, old_event_cb *cb,
    void *ctx)
{
	struct walk w = { .event = cb, .ctx = ctx };

	if (o->events == NULL)
		return 0;
	return db_query_foreign(o->db, o->events, on_event, &w, "ii", after,
	    (int64_t)limit);
}

static int
on_number(void *ctx, const struct db_row *row)
{
	*(int64_t *)ctx = db_int(row, 0);
	return 1;
}

int
old_last_event(struct old *o, int64_t *row)
{
	*row = 0;
	if (o->events == NULL)
		return 0;
	return db_query_foreign(o->db, "SELECT rowid FROM events"
	    " ORDER BY rowid DESC LIMIT 1", on_number, row, "");
}
