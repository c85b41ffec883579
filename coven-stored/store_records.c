/*
 * What becomes of a session after its end: archived, summoned, deleted.
 */
#include "common/limits.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

int
store_archive(struct store *s, int64_t key, bool archive, uint64_t time_ns)
{
	char now[RFC3339_LEN];

	clock_format(time_ns, now);
	return db_run(s->db, archive ? SQL_SESSION_ARCHIVE :
	    SQL_SESSION_SUMMON, "is", key, now);
}

int
store_hide(struct store *s, int64_t key)
{
	return db_run(s->db, SQL_SESSION_HIDE, "i", key);
}

static int
on_key(void *ctx, const struct db_row *row)
{
	*(int64_t *)ctx = db_int(row, 0);
	return 1;
}

/*
 * Words and events first, in pieces; the row last, so that whatever happens
 * in between, what is left is found by it.
 */
int
store_purge(struct store *s, bool *more)
{
	int64_t key = 0, first;
	bool left = false;
	int r;

	*more = false;
	r = db_query(s->db, SQL_SESSION_HIDDEN, on_key, &key, "");
	if (r < 0 || key == 0)
		return r;
	*more = true;
	first = key * STORE_DOCS;
	r = db_run(s->db, SQL_WORDS_PURGE, "iii", first,
	    first + STORE_DOCS - 1, (int64_t)LIMIT_PURGE_DOCS);
	if (r == 0)
		r = db_run(s->db, SQL_DOCS_PURGE, "iii", first,
		    first + STORE_DOCS - 1, (int64_t)LIMIT_PURGE_DOCS);
	if (r < 0 || db_changes(s->db) != 0)
		return r;
	r = store_drop_some(s, key, LIMIT_PURGE_BLOCKS, &left);
	if (r == 0 && !left)
		r = db_run(s->db, SQL_SESSION_DELETE, "i", key);
	return r;
}
