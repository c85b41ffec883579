/*
 * What sessions left, the next step with it, and the archives of it.
 */
#include <errno.h>
#include <stdio.h>

#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

int
store_workspace_add(struct store *s, const char *id, uint32_t policy,
    bool task, uint64_t now_ns)
{
	return db_run(s->db, SQL_WORKSPACE_ADD, "siii", id, (int64_t)policy,
	    (int64_t)task, (int64_t)now_ns);
}

int
store_workspace_set(struct store *s, const char *id, uint32_t phase)
{
	return db_run(s->db, SQL_WORKSPACE_SET, "si", id, (int64_t)phase);
}

static int
on_phase_get(void *ctx, const struct db_row *row)
{
	struct store_phase *p = ctx;

	p->phase = (uint32_t)db_int(row, 0);
	p->tries = (uint32_t)db_int(row, 1);
	/* A workspace's own step comes before its archive's. */
	return p->phase != PHASE_KEPT;
}

int
store_phase_get(struct store *s, const char *id, struct store_phase *out)
{
	int r;

	*out = (struct store_phase){ .phase = PHASE__COUNT };
	r = db_query(s->db, SQL_WORKSPACE_GET, on_phase_get, out, "s", id);
	if (r < 0)
		return r;
	return out->phase == PHASE__COUNT ? STORE_NOT_FOUND : 0;
}

static int
on_due(void *ctx, const struct db_row *row)
{
	struct store_phase *p = ctx;

	(void)snprintf(p->id, sizeof(p->id), "%s", db_text(row, 0, NULL));
	p->phase = (uint32_t)db_int(row, 1);
	p->next_ns = (uint64_t)db_int(row, 2);
	return 1;
}

int
store_phase_due(struct store *s, struct store_phase *out)
{
	int r;

	*out = (struct store_phase){ .phase = PHASE_KEPT };
	r = db_query(s->db, SQL_WORKSPACE_DUE, on_due, out, "");
	return r < 0 ? r : 0;
}

int
store_phase_done(struct store *s, const char *id, uint32_t phase)
{
	if (phase == PHASE_FORGET)
		return db_run(s->db, SQL_ARCHIVE_DROP, "s", id);
	if (phase == PHASE_REMOVE)
		return db_run(s->db, SQL_WORKSPACE_DROP, "s", id);
	return db_run(s->db, SQL_WORKSPACE_PACKED, "s", id);
}

int
store_phase_failed(struct store *s, const char *id, uint32_t phase,
    uint64_t next_ns)
{
	return db_run(s->db, phase == PHASE_FORGET ? SQL_ARCHIVE_FAIL :
	    SQL_WORKSPACE_FAIL, "si", id, (int64_t)next_ns);
}

int
store_archive_add(struct store *s, uint64_t created_ns,
    const struct msg_phased *p)
{
	return db_run(s->db, SQL_ARCHIVE_ADD, "siiiiii", p->id,
	    (int64_t)created_ns, (int64_t)p->code, (int64_t)p->entries,
	    (int64_t)p->bytes, (int64_t)p->packed, (int64_t)p->left);
}

struct archive_walk {
	store_archive_cb	*cb;
	void			*ctx;
	bool			 found;
};

static int
on_archive(void *ctx, const struct db_row *row)
{
	struct archive_walk *w = ctx;
	struct msg_archive_row r = {
		.session = db_text(row, 0, NULL),
		.created_ns = (uint64_t)db_int(row, 1),
		.outcome = (uint32_t)db_int(row, 2),
		.entries = (uint64_t)db_int(row, 3),
		.bytes = (uint64_t)db_int(row, 4),
		.packed = (uint64_t)db_int(row, 5),
		.left = (uint64_t)db_int(row, 6),
	};

	w->found = true;
	return w->cb(w->ctx, &r);
}

int
store_archives(struct store *s, uint64_t before_ns, const char *before_id,
    uint32_t limit, store_archive_cb *cb, void *ctx)
{
	struct archive_walk w = { .cb = cb, .ctx = ctx };

	return db_query(s->db, SQL_ARCHIVE_PAGE, on_archive, &w, "isi",
	    (int64_t)(before_ns > INT64_MAX ? INT64_MAX : before_ns),
	    before_id, (int64_t)limit);
}

int
store_archive_get(struct store *s, const char *id, store_archive_cb *cb,
    void *ctx)
{
	struct archive_walk w = { .cb = cb, .ctx = ctx };
	int r = db_query(s->db, SQL_ARCHIVE_GET, on_archive, &w, "s", id);

	return r < 0 ? r : w.found ? 0 : STORE_NOT_FOUND;
}

int
store_archive_drop(struct store *s, const char *id)
{
	int r = db_run(s->db, SQL_ARCHIVE_DROPPING, "s", id);

	return r < 0 ? r : db_changes(s->db) != 0 ? 0 : STORE_NOT_FOUND;
}

int
store_archives_expire(struct store *s, uint64_t before_ns,
    uint64_t total_bytes, uint32_t count)
{
	return db_run(s->db, SQL_ARCHIVES_EXPIRE, "iii", (int64_t)before_ns,
	    (int64_t)total_bytes, (int64_t)count);
}

int
store_workspaces_expire(struct store *s, uint64_t before_ns)
{
	return db_run(s->db, SQL_WORKSPACES_EXPIRE, "i", (int64_t)before_ns);
}

/* --- how much there is ---------------------------------------------------- */

#define FAILED	"work_failed_ns"

static int
on_stats(void *ctx, const struct db_row *row)
{
	struct store_work_stats *st = ctx;

	st->archives = (uint64_t)db_int(row, 0);
	st->bytes = (uint64_t)db_int(row, 1);
	st->workspaces = (uint64_t)db_int(row, 2);
	st->failing = (uint64_t)(db_int(row, 3) + db_int(row, 4));
	return 1;
}

static int
on_failed(void *ctx, const struct db_row *row)
{
	((struct store_work_stats *)ctx)->failed_ns =
	    (uint64_t)db_int(row, 0);
	return 1;
}

int
store_work_stats(struct store *s, struct store_work_stats *out)
{
	struct store_work_stats st = { 0 };
	int r = db_query(s->db, SQL_WORKSPACES_STATS, on_stats, &st, "");

	if (r >= 0)
		r = db_query(s->db, SQL_META_GET, on_failed, &st, "s", FAILED);
	if (r < 0)
		return r;
	*out = st;
	return 0;
}

int
store_work_failed(struct store *s, uint64_t now_ns)
{
	return db_run(s->db, SQL_META_SET, "si", FAILED, (int64_t)now_ns);
}
