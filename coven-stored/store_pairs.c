/*
 * Paired tokens, by name.  Their texts are nowhere: a digest verifies one.
 */
#include <errno.h>

#include "common/limits.h"
#include "common/token.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

#define USED_NS		(UINT64_C(1000000) * LIMIT_AUTH_NOTE_MS)

struct count {
	int64_t	all, same;
};

static int
on_count(void *ctx, const struct db_row *row)
{
	struct count *n = ctx;

	n->all = db_int(row, 0);
	n->same = db_int(row, 1);
	return 1;
}

int
store_pair(struct store *s, const struct msg_pair_row *p)
{
	struct count n = { 0 };
	int r;

	r = db_run(s->db, SQL_PAIR_DROP_ENDED, "i", (int64_t)p->created_ns);
	if (r == 0)
		r = db_query(s->db, SQL_PAIR_COUNT, on_count, &n, "s",
		    p->name);
	if (r < 0)
		return r;
	if (n.same != 0)
		return STORE_CONFLICT;
	if (n.all >= LIMIT_PAIRINGS)
		return STORE_UNAVAILABLE;
	return db_run(s->db, SQL_PAIR_ADD, "sbsii", p->name, p->digest.p,
	    p->digest.len, p->scopes, (int64_t)p->created_ns,
	    (int64_t)p->expires_ns);
}

int
store_unpair(struct store *s, const char *name)
{
	int r = db_run(s->db, SQL_PAIR_DROP, "s", name);

	return r == 0 && db_changes(s->db) == 0 ? STORE_NOT_FOUND : r;
}

int
store_pair_used(struct store *s, const char *name, uint64_t time_ns)
{
	return db_run(s->db, SQL_PAIR_USED, "sii", name, (int64_t)time_ns,
	    (int64_t)(time_ns - (time_ns < USED_NS ? time_ns : USED_NS)));
}

struct walk {
	store_pair_cb	*cb;
	void		*ctx;
};

static int
on_pair(void *ctx, const struct db_row *row)
{
	const struct walk *w = ctx;
	const void *d = db_blob(row, 1, DIGEST_LEN);
	struct msg_pair_row p = {
		.name = db_text(row, 0, NULL),
		.digest = { d, DIGEST_LEN },
		.scopes = db_text(row, 2, NULL),
		.created_ns = (uint64_t)db_int(row, 3),
		.expires_ns = (uint64_t)db_int(row, 4),
		.used_ns = (uint64_t)db_int(row, 5),
	};

	return d != NULL ? w->cb(w->ctx, &p) : -EUCLEAN;
}

int
store_pairs(struct store *s, store_pair_cb *cb, void *ctx)
{
	struct walk w = { cb, ctx };

	return db_query(s->db, SQL_PAIR_LIST, on_pair, &w, "");
}
