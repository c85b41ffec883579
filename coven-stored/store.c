#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-stored/migrate.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

#define STORE_FILE	"coven.db"
#define KILL_PAYLOAD	"{\"status\":\"killed\"}"
#define FAILED_PAYLOAD	"{\"status\":\"failed\",\"exitCode\":null}"

static const char *const status_names[SESSION_STATUS__COUNT] = {
	[SESSION_CREATED] = "created",
	[SESSION_RUNNING] = "running",
	[SESSION_IDLE] = "idle",
	[SESSION_COMPLETED] = "completed",
	[SESSION_FAILED] = "failed",
	[SESSION_KILLED] = "killed",
	[SESSION_ORPHANED] = "orphaned",
};

const char *
session_status_name(enum session_status s)
{
	return status_names[s];
}

bool
session_has_ended(enum session_status s)
{
	return s != SESSION_CREATED && s != SESSION_RUNNING;
}

static int
status_of(const char *name, enum session_status *out)
{
	size_t i;

	for (i = 0; i < nitems(status_names); i++) {
		if (strcmp(name, status_names[i]) == 0) {
			*out = (enum session_status)i;
			return 0;
		}
	}
	return -EUCLEAN;
}

/* --- open, close, transactions --- */

struct number {
	int64_t	value;
	bool	found;
};

static int
on_number(void *ctx, const struct db_row *row)
{
	struct number *n = ctx;

	n->found = true;
	n->value = db_int(row, 0);
	return 1;
}

/*
 * The key of the event ids, made once.  SQLite's random() is no source for
 * it: it falls back to the clock where there is no /dev/urandom to open.
 */
static int
load_salt(struct store *s)
{
	static const char *const names[] = { "salt_0", "salt_1" };
	size_t i;
	int r;

	for (i = 0; i < nitems(names); i++) {
		struct number n = { 0 };

		r = db_query(s->db, SQL_META_GET, on_number, &n, "s",
		    names[i]);
		if (r < 0)
			return r;
		if (!n.found) {
			arc4random_buf(&n.value, sizeof(n.value));
			r = db_run(s->db, SQL_META_SET, "si", names[i],
			    n.value);
			if (r < 0)
				return r;
		}
		s->salt[i] = (uint64_t)n.value;
	}
	return 0;
}

/*
 * The counter is the larger of what was recorded and what is there, so that
 * neither a deleted newest row nor a lost counter makes a number come twice.
 */
static int
load_seq(struct store *s)
{
	struct number recorded = { 0 }, there = { 0 };
	int r;

	r = db_query(s->db, SQL_META_GET, on_number, &recorded, "s", "seq");
	if (r == 0)
		r = db_query(s->db, SQL_EVENT_LAST, on_number, &there, "");
	if (r < 0)
		return r;
	s->seq = (uint64_t)(recorded.value > there.value ? recorded.value :
	    there.value);
	s->durable_seq = s->seq;
	return 0;
}

int
store_open(struct store **out, char *why, size_t whylen)
{
	struct store *s = mem_zalloc(1, sizeof(*s));
	int r;

	tails_init(&s->tails);
	segments_init(&s->segments, &(struct place){ 0 });
	r = db_open(STORE_FILE, &s->db, why, whylen);
	if (r == 0)
		r = migrate(s->db, why, whylen);
	if (r == 0)
		r = db_prepare(s->db, why, whylen);
	if (r == 0 && ((r = load_salt(s)) < 0 || (r = load_seq(s)) < 0 ||
	    (r = store_audit_open(s)) < 0 || (r = blocks_open(s)) < 0 ||
	    (r = store_import_open(s)) < 0))
		(void)snprintf(why, whylen, "meta: %s", strerror(-r));
	if (r < 0) {
		store_close(s);
		return r;
	}
	s->version = clock_wall_ns();	/* that of no earlier life */
	*out = s;
	return 0;
}

void
store_close(struct store *s)
{
	if (s == NULL)
		return;
	tails_fini(&s->tails);
	segments_fini(&s->segments);
	buf_fini(&s->scratch);
	buf_fini(&s->plain);
	db_close(s->db);
	free(s);
}

int
store_begin(struct store *s)
{
	return db_run(s->db, SQL_BEGIN, "");
}

int
store_commit(struct store *s)
{
	int r = blocks_before_commit(s);

	if (r < 0)
		return r;
	if (s->seq != s->durable_seq) {
		r = db_run(s->db, SQL_META_SET, "si", "seq", (int64_t)s->seq);
		if (r < 0)
			return r;
	}
	r = db_run(s->db, SQL_COMMIT, "");
	if (r < 0)
		return r;
	s->durable_seq = s->seq;
	s->durable_chain = s->chain;
	if (db_sessions_changed(s->db))
		s->version++;
	blocks_after_commit(s);
	return 0;
}

uint64_t
store_version(const struct store *s)
{
	return s->version;
}

void
store_rollback(struct store *s)
{
	db_rollback(s->db);
	blocks_rolled_back(s);
	s->seq = s->durable_seq;
	s->chain = s->durable_chain;
}

/* --- sessions --- */

struct finding {
	struct store_session	*out;
	bool			 found;
};

static int
on_find(void *ctx, const struct db_row *row)
{
	struct finding *f = ctx;
	struct store_session got = {
		.key = db_int(row, 0),
		.external = db_int(row, 2) != 0,
		.conversation = db_int(row, 3) != 0,
		.last_n = (uint64_t)db_int(row, 4),
		.killing = db_int(row, 5) != 0,
		.output_bytes = (uint64_t)db_int(row, 6),
	};
	int r = status_of(db_text(row, 1, NULL), &got.status);

	/* One that cannot be read has no age; it is only shown. */
	(void)clock_parse(db_text(row, 7, NULL), &got.created_ns);
	if (r < 0)
		return r;
	*f->out = got;
	f->found = true;
	return 1;
}

int
store_find(struct store *s, const char *id, struct store_session *out)
{
	struct finding f = { .out = out };
	int r = db_query(s->db, SQL_SESSION_FIND, on_find, &f, "s", id);

	if (r < 0)
		return r;
	return f.found ? 0 : STORE_NOT_FOUND;
}

static const char *
or_empty(const char *s)
{
	return s != NULL ? s : "";
}

int
store_add_session(struct store *s, const struct msg_session_row *row,
    const uint8_t *digest, int64_t *key)
{
	struct number n = { 0 };
	int r;

	r = db_query(s->db, SQL_SESSION_ADD, on_number, &n, "sssssssee"
	    "sis",
	    row->id, or_empty(row->project_root), or_empty(row->harness),
	    or_empty(row->title), row->status, row->created_at,
	    row->updated_at, row->conversation_id, row->familiar_id,
	    row->labels != NULL && *row->labels != '\0' ? row->labels : "[]",
	    (int64_t)(row->external != 0),
	    row->has_transcript ? or_empty(row->transcript_path) : NULL);
	if (r == 0 && digest != NULL)
		r = db_run(s->db, SQL_RUN_ADD, "ib", n.value, digest,
		    (size_t)MSG_DIGEST_LEN);
	if (r == 0)
		*key = n.value;
	return r;
}

static int
write_end(struct store *s, enum db_sql which, int64_t key,
    const struct store_end *end)
{
	char now[RFC3339_LEN];

	clock_format(end->time_ns, now);
	if (!end->has_code)
		return db_run(s->db, which, "isns", key,
		    status_names[end->status], now);
	return db_run(s->db, which, "isis", key, status_names[end->status],
	    (int64_t)end->code, now);
}

/* --- ends --- */

int
store_end(struct store *s, int64_t key, const struct store_end *end)
{
	int r = write_end(s, SQL_SESSION_END, key, end);

	if (r == 0 && end->limit != NULL && *end->limit != '\0')
		r = db_run(s->db, SQL_SESSION_LIMIT, "is", key, end->limit);
	return r;
}

int
store_complete(struct store *s, int64_t key, const struct store_end *end)
{
	return write_end(s, SQL_SESSION_COMPLETE, key, end);
}

int
store_mark_killing(struct store *s, int64_t key)
{
	return db_run(s->db, SQL_RUN_KILLING, "i", key);
}

int
store_hold_exit(struct store *s, int64_t key, const char *payload,
    uint64_t time_ns)
{
	return db_run(s->db, SQL_RUN_HOLD, "isi", key, payload,
	    (int64_t)time_ns);
}

struct held {
	char		*payload;
	uint64_t	 time_ns;
};

static int
on_held(void *ctx, const struct db_row *row)
{
	struct held *h = ctx;

	h->payload = mem_strdup(db_text(row, 0, NULL));
	h->time_ns = (uint64_t)db_int(row, 1);
	return 1;
}

int
store_release_exit(struct store *s, int64_t key)
{
	struct held h = { 0 };
	struct store_event e;
	int r;

	r = db_query(s->db, SQL_RUN_HELD, on_held, &h, "i", key);
	if (r < 0 || h.payload == NULL)
		return r < 0 ? r : STORE_NOT_FOUND;
	e = (struct store_event){ .kind = EVENT_EXIT, .payload = h.payload,
	    .len = strlen(h.payload), .time_ns = h.time_ns };
	r = store_add_event(s, key, &e);
	if (r == 0)
		r = db_run(s->db, SQL_RUN_HOLD, "inn", key);
	free(h.payload);
	return r;
}

static int
audit_end(struct store *s, const char *id, enum session_status status,
    const char *cause)
{
	char detail[AUDIT_DETAIL_MAX];
	struct audit_entry e = { .verb = AUDIT_END, .session = id,
	    .detail = detail };

	(void)snprintf(detail, sizeof(detail), "%s%s%s", status_names[status],
	    *cause != '\0' ? ": " : "", cause);
	return store_audit(s, &e);
}

int
store_settle(struct store *s, int64_t key, const char *id,
    enum session_status status, const char *cause)
{
	struct store_end end = { .status = status,
	    .time_ns = clock_wall_ns() };
	struct store_event kill = { .kind = EVENT_KILL,
	    .payload = KILL_PAYLOAD, .len = strlen(KILL_PAYLOAD),
	    .time_ns = end.time_ns };
	struct store_event exit_ = { .kind = EVENT_EXIT,
	    .payload = FAILED_PAYLOAD, .len = strlen(FAILED_PAYLOAD),
	    .time_ns = end.time_ns };
	bool killed = status == SESSION_KILLED;
	int r = 0;

	if (killed)
		r = store_add_event(s, key, &kill);
	if (r == 0)
		r = store_release_exit(s, key);
	if (r == STORE_NOT_FOUND)
		r = store_add_event(s, key, &exit_);
	if (r == 0)
		r = store_end(s, key, &end);
	if (r == 0)
		r = audit_end(s, id, status, killed ? "" : cause);
	return r;
}

/* --- reading sessions --- */

struct session_walk {
	store_session_cb	*cb;
	void			*ctx;
	bool			 any;
};

static int
on_session(void *ctx, const struct db_row *row)
{
	struct session_walk *w = ctx;
	struct msg_session_row out = {
		.id = db_text(row, 0, NULL),
		.project_root = db_text(row, 1, NULL),
		.harness = db_text(row, 2, NULL),
		.title = db_text(row, 3, NULL),
		.status = db_text(row, 4, NULL),
		.has_exit_code = !db_is_null(row, 5),
		.exit_code = (int32_t)db_int(row, 5),
		.archived_at = db_text(row, 6, NULL),
		.created_at = db_text(row, 7, NULL),
		.updated_at = db_text(row, 8, NULL),
		.conversation_id = db_text(row, 9, NULL),
		.familiar_id = db_text(row, 10, NULL),
		.labels = db_text(row, 11, NULL),
		.external = db_int(row, 12) != 0,
		.has_transcript = !db_is_null(row, 13),
		.transcript_path = db_text(row, 13, NULL),
		.limit = db_text(row, 14, NULL),
	};

	w->any = true;
	return w->cb(w->ctx, &out);
}

int
store_get(struct store *s, const char *id, store_session_cb *cb, void *ctx)
{
	struct session_walk w = { .cb = cb, .ctx = ctx };
	int r = db_query(s->db, SQL_SESSION_GET, on_session, &w, "s", id);

	if (r < 0)
		return r;
	return w.any ? 0 : STORE_NOT_FOUND;
}

int
store_list(struct store *s, const struct store_list *q,
    store_session_cb *cb, void *ctx)
{
	struct session_walk w = { .cb = cb, .ctx = ctx };
	bool first = q->after_created == NULL || *q->after_created == '\0';
	/* '~' sorts after every digit: before it comes every time. */
	const char *at = first ? "~" : q->after_created;
	const char *id = first ? "" : or_empty(q->after_id);
	const char *status = or_empty(q->status), *other = status;
	const char *word[LIMIT_SEARCH_WORDS] = { NULL };
	int64_t limit = q->limit != 0 ? (int64_t)q->limit : -1;
	unsigned i;

	if (strcmp(status, "live") == 0) {
		status = status_names[SESSION_RUNNING];
		other = status_names[SESSION_CREATED];
	}
	if (q->words == NULL)
		return db_query_within(s->db, LIMIT_SEARCH_MS,
		    SQL_SESSION_PAGE, on_session, &w, "ssieeei", at, id,
		    (int64_t)q->archived, status, other, q->harness, limit);
	for (i = 0; i < q->words->n; i++)
		word[i] = q->words->match[i];
	return db_query_within(s->db, LIMIT_SEARCH_MS, SQL_SESSION_SEARCH,
	    on_session, &w, "ssieeeissssssss", at, id, (int64_t)q->archived,
	    status, other, q->harness, limit, word[0], word[1], word[2],
	    word[3], word[4], word[5], word[6], word[7]);
}

/* --- recovery --- */

struct open_row {
	int64_t	 key;
	char	*id;
	bool	 running, old, killing;
};

struct open_rows {
	struct open_row	*rows;
	size_t		 n, cap;
	char		 cutoff[RFC3339_LEN];
};

static int
on_open(void *ctx, const struct db_row *row)
{
	struct open_rows *all = ctx;

	if (all->n == all->cap) {
		all->cap = all->cap != 0 ? all->cap * 2 : 16;
		all->rows = mem_realloc(all->rows, all->cap,
		    sizeof(*all->rows));
	}
	all->rows[all->n++] = (struct open_row){
		.key = db_int(row, 0),
		.id = mem_strdup(db_text(row, 1, NULL)),
		.running = strcmp(db_text(row, 2, NULL), "running") == 0,
		.old = strcmp(db_text(row, 3, NULL), all->cutoff) < 0,
		.killing = db_int(row, 4) != 0,
	};
	return 0;
}

static bool
is_live(const struct store_recovery *rec, int64_t key)
{
	size_t i;

	for (i = 0; i < rec->nlive; i++)
		if (rec->live[i] == key)
			return true;
	return false;
}

static int
recover_one(struct store *s, struct store_recovery *rec,
    const struct open_row *o)
{
	struct store_end end = { .time_ns = clock_wall_ns() };
	int r;

	if (is_live(rec, o->key) || (!o->running && !o->old))
		return 0;
	if (o->running)
		rec->orphaned++;
	else
		rec->expired++;
	if (o->killing)
		return store_settle(s, o->key, o->id, SESSION_KILLED, "");
	end.status = o->running ? SESSION_ORPHANED : SESSION_FAILED;
	r = store_end(s, o->key, &end);
	if (r == 0)
		r = audit_end(s, o->id, end.status, o->running ?
		    "not handed over at start" : "created and never started");
	return r;
}

int
store_recover(struct store *s, struct store_recovery *rec)
{
	struct open_rows all = { 0 };
	size_t i;
	int r;

	rec->orphaned = rec->expired = 0;
	clock_format(rec->cutoff_ns, all.cutoff);
	r = db_query(s->db, SQL_SESSION_OPEN, on_open, &all, "");
	for (i = 0; i < all.n && r == 0; i++)
		r = recover_one(s, rec, &all.rows[i]);
	for (i = 0; i < all.n; i++)
		free(all.rows[i].id);
	free(all.rows);
	return r;
}
