/*
 * What an earlier daemon of this home left is taken over once, in pieces.
 *
 * The monitor copies the database into our folder and says so (IMPORT).  A
 * small one is there before the first client is; a large one goes on while
 * clients are served, and appears as a whole.  A copy that is damaged, or no
 * such database, leaves nothing behind but a line in the log.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "coven-stored/clean.h"
#include "coven-stored/old.h"
#include "coven-stored/stored.h"
#include "redact/redact.h"

#define KIND_MAX	64	/* with its NUL */
#define CUT_SHORT "it was tried before, and each time cut short"

/* --- what a row must be to be taken over -------------------------------- */

static bool
fits(const struct old_text *t, size_t max)
{
	return t->len <= max && strlen(t->p) == t->len &&
	    utf8_valid(t->p, t->len);
}

/* Processes of that daemon do not outlive it; what runs elsewhere may. */
static const char *
status_of(const struct old_session *s)
{
	static const char *const known[] = { "idle", "completed", "failed",
	    "killed", "orphaned" };
	size_t i;

	for (i = 0; i < nitems(known); i++)
		if (strcmp(s->status.p, known[i]) == 0)
			return known[i];
	if (strcmp(s->status.p, "running") == 0)
		return s->external ? "running" : "orphaned";
	if (strcmp(s->status.p, "created") == 0 ||
	    strcmp(s->status.p, "cancelled") == 0)
		return "failed";
	return NULL;		/* rows that are no sessions */
}

/* In the one form that lists are sorted by; "" when it is no time. */
static bool
time_of(const struct old_text *t, char out[RFC3339_LEN])
{
	uint64_t ns;

	out[0] = '\0';
	if (strlen(t->p) != t->len || old_time(t->p, &ns) != 0)
		return false;
	clock_format(ns, out);
	return true;
}

struct taking {
	struct stored		*s;
	struct store_import	*at;
	size_t			 bytes;
	bool			 any;
	int64_t			 key;		/* of the session below */
	char			 session[64];
};

static bool
session_fits(const struct old_session *s)
{
	return s->id.len != 0 && fits(&s->id, 4096) &&
	    fits(&s->root, 65536) && fits(&s->harness, 4096) &&
	    fits(&s->title, 4194304) && fits(&s->conversation, 1024) &&
	    fits(&s->familiar, 1024) && fits(&s->labels, 4096) &&
	    fits(&s->transcript, 65536);
}

/* 0, STORE_CONFLICT for one that is left out, or -errno. */
static int
take_session(struct taking *t, const struct old_session *s)
{
	char created[RFC3339_LEN], updated[RFC3339_LEN];
	char archived[RFC3339_LEN];
	autofree char *title = NULL;
	struct msg_session_row row = { .id = s->id.p,
	    .project_root = s->root.p, .harness = s->harness.p,
	    .has_exit_code = s->has_exit, .exit_code = s->exit,
	    .archived_at = archived, .created_at = created,
	    .updated_at = updated, .conversation_id = s->conversation.p,
	    .familiar_id = s->familiar.p, .external = s->external,
	    .labels = s->labels.len != 0 ? s->labels.p : "[]",
	    .has_transcript = !s->transcript.null,
	    .transcript_path = s->transcript.p };

	if (!session_fits(s) || (row.status = status_of(s)) == NULL ||
	    !time_of(&s->created_at, created))
		return STORE_CONFLICT;
	if (!time_of(&s->updated_at, updated))
		memcpy(updated, created, sizeof(updated));
	/* That it was put away counts, whenever that was. */
	if (!time_of(&s->archived_at, archived) && s->archived_at.len != 0)
		memcpy(archived, updated, sizeof(archived));
	/* Titles were not redacted then. */
	title = stored_clean_text(t->s, s->title.p, 4194304);
	row.title = title;
	return store_import_session(t->s->store, &row);
}

static int
on_session(void *ctx, const struct old_session *s)
{
	struct taking *t = ctx;
	int r = take_session(t, s);

	if (r < 0)
		return r;
	t->any = true;
	t->at->session = s->row;
	if (r == 0)
		t->at->sessions++;
	else
		t->at->left_out++;
	t->bytes += s->title.len;
	return t->bytes > LIMIT_IMPORT_BYTES;
}

/* --- events ------------------------------------------------------------- */

/* Words as kinds have always been: they are written as they stand. */
static bool
is_kind(const struct old_text *t)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";

	return t->len != 0 && t->len < KIND_MAX && strlen(t->p) == t->len &&
	    strspn(t->p, set) == t->len;
}

static enum event_kind
kind_of(const struct old_text *kind)
{
	enum event_kind k;

	for (k = EVENT_OUTPUT; k < EVENT_OTHER; k++)
		if (strcmp(event_kind_name(k), kind->p) == 0)
			return k;
	return EVENT_OTHER;
}

/* The session of an event: most often that of the one before. */
static int
find_session(struct taking *t, const struct old_text *id)
{
	int r;

	if (!fits(id, 4096) || id->len == 0)
		return STORE_NOT_FOUND;
	if (t->key != 0 && strcmp(t->session, id->p) == 0)
		return 0;
	r = store_import_find(t->s->store, id->p, &t->key);
	if (r != 0)
		t->key = 0;
	(void)snprintf(t->session, sizeof(t->session), "%s", id->p);
	/* One with a longer id is looked up each time. */
	if (strlen(id->p) >= sizeof(t->session))
		t->session[0] = '\0';
	return r;
}

static int
take_event(struct taking *t, const struct old_event *o)
{
	autobuf struct buf clean = { .max = REDACT_ROOM(LIMIT_INPUT_EVENT) };
	struct store_event e = { .seq = t->at->offset + (uint64_t)o->row };
	int r = find_session(t, &o->session);

	if (r != 0)
		return r;
	if (o->row <= 0 || !is_kind(&o->kind) ||
	    !fits(&o->payload, LIMIT_INPUT_EVENT) ||
	    old_time(o->created_at.p, &e.time_ns) != 0)
		return STORE_NOT_FOUND;
	redact_text(t->s->redactor, REDACT_JSON | REDACT_MEMBERS,
	    o->payload.p, o->payload.len, &clean);
	e.kind = kind_of(&o->kind);
	e.payload = buf_head(&clean);
	e.len = buf_left(&clean);
	return store_import_event(t->s->store, t->key, &e,
	    o->id.null ? NULL : o->id.p, o->kind.p);
}

static int
on_event(void *ctx, const struct old_event *e)
{
	struct taking *t = ctx;
	int r = take_event(t, e);

	if (r < 0)
		return r;
	t->any = true;
	t->at->event = e->row;
	if (r == 0)
		t->at->events++;
	else
		t->at->left_out++;
	t->bytes += e->payload.len;
	return t->bytes > LIMIT_IMPORT_BYTES;
}

/* --- the whole of it ---------------------------------------------------- */

static void
close_old(struct stored *s)
{
	old_close(s->import.old);
	s->import.old = NULL;
}

/* The copy has been read, or is not worth reading. */
static void
remove_old(struct stored *s)
{
	close_old(s);
	old_remove();
}

static int
show(struct stored *s, struct store_import *at)
{
	char detail[128];
	struct audit_entry e = { .verb = AUDIT_IMPORT, .detail = detail };
	int r;

	(void)snprintf(detail, sizeof(detail), "%" PRIu64 " sessions, %"
	    PRIu64 " events; %" PRIu64 " rows left out", at->sessions,
	    at->events, at->left_out);
	at->state = IMPORT_DONE;
	r = store_import_show(s->store);
	if (r == 0)
		r = store_import_put(s->store, at);
	if (r == 0)
		r = store_audit(s->store, &e);
	if (r == 0)
		log_info("import: %s", detail);
	return r;
}

/* A failure is the copy's: -EUCLEAN and the like, or rows that make no end. */
static int
read_some(struct stored *s, struct store_import *at, bool *any)
{
	struct taking t = { .s = s, .at = at };
	int r;

	r = old_sessions(s->import.old, at->session, LIMIT_IMPORT_SESSIONS,
	    on_session, &t);
	if (r == 0 && !t.any)
		r = old_events(s->import.old, at->event, LIMIT_IMPORT_EVENTS,
		    on_event, &t);
	*any = t.any;
	return r;
}

int
import_piece(struct stored *s, bool *more)
{
	struct store_import at;
	bool any = false;
	int r;

	*more = false;
	if (s->import.old == NULL)
		return 0;
	r = store_import_get(s->store, &at);
	if (r == 0)
		r = read_some(s, &at, &any);
	at.tries = 0;		/* it gets on */
	if (r == 0)
		r = any ? store_import_put(s->store, &at) : show(s, &at);
	if (r == 0)
		s->import.failures = 0;
	*more = any;
	s->import.shown = r == 0 && !any;
	return r;
}

/* After the piece that showed it was committed. */
void
import_done(struct stored *s)
{
	if (!s->import.shown)
		return;
	s->import.shown = false;
	remove_old(s);
	search_rescan(s);
}

/* In a transaction of its own: what was taken over goes again. */
static int
undo(struct stored *s, uint64_t tries)
{
	struct store_import none = { .state = IMPORT_NEVER, .tries = tries };
	int r = store_begin(s->store);

	if (r == 0)
		r = store_import_drop(s->store);
	if (r == 0)
		r = store_import_put(s->store, &none);
	if (r == 0)
		r = store_commit(s->store);
	if (r < 0)
		store_rollback(s->store);
	return r;
}

/*
 * One that is damaged is looked at again by the next start: it may have been
 * repaired.  One that ended our lives is not.
 */
static void
give_up(struct stored *s, const char *why, uint64_t tries)
{
	log_error("import: coven.sqlite3 of an earlier daemon: %s: none of "
	    "its sessions are listed; it is left as it is", why);
	remove_old(s);
	if (undo(s, tries) < 0)
		log_error("import: what was taken over cannot be removed now");
	upkeep_wake(s, UPKEEP_PURGE);
	search_rescan(s);
}

/* The copy's own fault, in its own words; ours otherwise. */
static void
explain(const struct stored *s, int error, char *why, size_t len)
{
	(void)snprintf(why, len, "%s", s->import.old != NULL &&
	    (error == -EUCLEAN || error == -EACCES) ?
	    old_message(s->import.old) : strerror(-error));
}

void
import_failed(struct stored *s, int error)
{
	char why[256];

	if (s->import.old == NULL)
		return;
	/* Our own disk, perhaps: it is tried again, but not for ever. */
	if ((error == -ENOSPC || error == -EIO || error == -EROFS) &&
	    s->import.failures++ < LIMIT_IMPORT_FAILURES)
		return;
	explain(s, error, why, sizeof(why));
	s->upkeep.due[UPKEEP_IMPORT] = false;
	give_up(s, why, 0);
}

/* --- the beginning ------------------------------------------------------ */

/* Note that it is tried, before anything of the file is looked at. */
static int
count_try(struct stored *s, struct store_import *at)
{
	int r = store_begin(s->store);

	at->tries++;
	if (r == 0)
		r = store_import_put(s->store, at);
	if (r == 0)
		r = store_commit(s->store);
	if (r < 0)
		store_rollback(s->store);
	return r;
}

static int
begin(struct stored *s, struct store_import *at)
{
	int64_t last = 0;
	int r = old_last_event(s->import.old, &last);

	if (r == 0)
		r = store_begin(s->store);
	if (r < 0)
		return r;
	r = store_import_numbers(s->store, last > 0 ? (uint64_t)last : 0, at);
	at->state = IMPORT_RUNNING;
	at->session = at->event = INT64_MIN;
	if (r == 0)
		r = store_import_put(s->store, at);
	if (r == 0)
		r = store_commit(s->store);
	if (r < 0)
		store_rollback(s->store);
	return r;
}

void
import_start(struct stored *s)
{
	struct store_import at;
	char why[256] = "";
	int r;

	if (s->import.old != NULL || !old_is_there() ||
	    store_import_get(s->store, &at) < 0)
		return;
	if (at.state == IMPORT_DONE) {
		old_remove();
		return;
	}
	if (at.tries >= LIMIT_IMPORT_TRIES) {
		give_up(s, CUT_SHORT, at.tries);
		return;
	}
	r = count_try(s, &at);
	if (r == 0)
		r = old_open(&s->import.old, why, sizeof(why));
	if (r == 0 && at.state == IMPORT_NEVER)
		r = begin(s, &at);
	if (r < 0) {
		if (*why == '\0')
			explain(s, r, why, sizeof(why));
		give_up(s, why, 0);
		return;
	}
	upkeep_wake(s, UPKEEP_IMPORT);
	upkeep_now(s, UPKEEP_IMPORT, LIMIT_IMPORT_FIRST_MS);
	if (s->upkeep.due[UPKEEP_IMPORT])
		log_info("import: goes on while clients are served");
}

bool
import_wanted(struct stored *s)
{
	struct store_import at;

	if (store_import_get(s->store, &at) < 0 || at.state == IMPORT_DONE ||
	    old_is_there())
		return false;
	/* Half of it, of a copy that somebody has taken away. */
	if (at.state == IMPORT_RUNNING && undo(s, at.tries) < 0)
		return false;
	if (at.tries >= LIMIT_IMPORT_TRIES)
		log_error("import: coven.sqlite3 of an earlier daemon: %s",
		    CUT_SHORT);
	return at.tries < LIMIT_IMPORT_TRIES;
}

int
on_import(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)msg, (void)fd;
	import_start(c->ctx);
	return 0;
}

void
import_fini(struct stored *s)
{
	close_old(s);
}
