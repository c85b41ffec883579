#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <sqlite3.h>

#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"
#include "coven-stored/sqlite.h"

struct db {
	sqlite3		*conn;
	bool		 sessions_changed;
	sqlite3_stmt	*stmts[SQL__COUNT];
	fts5_tokenizer	 words;
	Fts5Tokenizer	*splitter;	/* of words; NULL until prepared */
	int64_t		 deadline_ns;	/* of the read that is running */
	uint64_t	 checkpointed_ns;
};

#define CHECKPOINT_PAGES	1000	/* of the log, 4 KiB each */

static const struct {
	const char	*name, *text;
} statements[SQL__COUNT] = {
#define SQL(name, text)	[SQL_##name] = { #name, text },
#include "coven-stored/sql.def"
#undef SQL
};

/*
 * exclusive locking before WAL: the wal-index then lives in this process's
 * memory, there is no -shm file to map, and no lock is taken and given back
 * around each transaction.  One process owns the file anyway.
 */
static const char setup[] =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA journal_size_limit = 4194304;";

/* --- results --- */

static const struct {
	int	 primary, error;
} errors[] = {
	{ SQLITE_FULL, -ENOSPC },
	{ SQLITE_BUSY, -EBUSY },
	{ SQLITE_LOCKED, -EBUSY },
	{ SQLITE_CONSTRAINT, -EINVAL },
	{ SQLITE_MISMATCH, -EINVAL },
	{ SQLITE_TOOBIG, -EINVAL },
	{ SQLITE_CORRUPT, -EUCLEAN },
	{ SQLITE_NOTADB, -EUCLEAN },
	{ SQLITE_READONLY, -EROFS },
	{ SQLITE_CANTOPEN, -ENOENT },
	{ SQLITE_PERM, -EACCES },
	{ SQLITE_AUTH, -EACCES },
	{ SQLITE_INTERRUPT, -ETIME },
};

static int
db_result(struct db *db, int rc)
{
	int sys;
	size_t i;

	if (rc == SQLITE_OK || rc == SQLITE_DONE || rc == SQLITE_ROW)
		return 0;
	if ((rc & 0xff) == SQLITE_NOMEM)
		fatal("store: out of memory");
	if ((rc & 0xff) == SQLITE_CANTOPEN &&
	    sqlite3_extended_errcode(db->conn) == SQLITE_CANTOPEN_SYMLINK)
		return -ELOOP;
	if ((rc & 0xff) == SQLITE_IOERR) {
		sys = sqlite3_system_errno(db->conn);
		return sys == ENOSPC || sys == EDQUOT ? -ENOSPC : -EIO;
	}
	for (i = 0; i < nitems(errors); i++)
		if (errors[i].primary == (rc & 0xff))
			return errors[i].error;
	return -EIO;
}

static int
db_failed(struct db *db, int rc, const char *what, char *why, size_t whylen)
{
	int r = db_result(db, rc);

	(void)snprintf(why, whylen, "%s: %s", what, r == -ELOOP ?
	    "it is a link" : sqlite3_errmsg(db->conn));
	return r != 0 ? r : -EIO;
}

/* --- open and close --- */

/* What a prepared statement may do; attach, pragma, schema changes may not. */
static int
authorize(void *ctx, int action, const char *a, const char *b, const char *c,
    const char *d)
{
	static const int allowed[] = {
		SQLITE_SELECT, SQLITE_READ, SQLITE_INSERT, SQLITE_UPDATE,
		SQLITE_DELETE, SQLITE_TRANSACTION, SQLITE_FUNCTION,
	};
	size_t i;

	(void)ctx, (void)b, (void)c, (void)d;
	/* The one that the full-text index asks by itself. */
	if (action == SQLITE_PRAGMA && strcmp(a, "data_version") == 0)
		return SQLITE_OK;
	for (i = 0; i < nitems(allowed); i++)
		if (allowed[i] == action)
			return SQLITE_OK;
	return SQLITE_DENY;
}

static int
configure(struct db *db)
{
	static const struct {
		int	op, value;
	} flags[] = {
		{ SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },
		{ SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },
		{ SQLITE_DBCONFIG_DQS_DDL, 0 },
	};
	size_t i;
	int rc;

	for (i = 0; i < nitems(flags); i++) {
		rc = sqlite3_db_config(db->conn, flags[i].op, flags[i].value,
		    NULL);
		if (rc != SQLITE_OK)
			return rc;
	}
	(void)sqlite3_limit(db->conn, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(db->conn, SQLITE_LIMIT_WORKER_THREADS, 0);
	return sqlite3_busy_timeout(db->conn, 5000);
}

int
db_open(const char *name, struct db **out, char *why, size_t whylen)
{
	struct db *db = mem_zalloc(1, sizeof(*db));
	int rc, r;

	rc = sqlite3_open_v2(name, &db->conn, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW,
	    NULL);
	if (db->conn == NULL)
		fatal("open %s: out of memory", name);
	if (rc == SQLITE_OK)
		rc = configure(db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->conn, setup, NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		r = db_failed(db, rc, name, why, whylen);
		/* SQLite tries again without writing, and says only EIO. */
		if (r != -ELOOP && access(".", W_OK) == -1) {
			r = -errno;
			(void)snprintf(why, whylen, "%s: %s", name,
			    strerror(errno));
		}
		db_close(db);
		return r;
	}
	*out = db;
	return 0;
}

/* As migrate.c made the index. */
static const char *const folding[] = { "remove_diacritics", "2" };

/* fts5.html, "Extending FTS5": where its functions are. */
static int
load_words(struct db *db)
{
	fts5_api *api = NULL;
	sqlite3_stmt *st;
	void *ctx = NULL;
	int rc;

	rc = sqlite3_prepare_v2(db->conn, "SELECT fts5(?1)", -1, &st, NULL);
	if (rc != SQLITE_OK)
		return rc;
	(void)sqlite3_bind_pointer(st, 1, &api, "fts5_api_ptr", NULL);
	(void)sqlite3_step(st);
	rc = sqlite3_finalize(st);
	if (rc == SQLITE_OK && api == NULL)
		rc = SQLITE_ERROR;
	if (rc == SQLITE_OK)
		rc = api->xFindTokenizer(api, "unicode61", &ctx, &db->words);
	if (rc == SQLITE_OK)
		rc = db->words.xCreate(ctx, (const char **)(uintptr_t)folding,
		    (int)nitems(folding), &db->splitter);
	return rc;
}

void
db_leave(struct db *db)
{
	(void)sqlite3_db_config(db->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
	    NULL);
}

/* What wal_autocheckpoint does, which tells nobody when. */
static int
on_commit(void *ctx, sqlite3 *conn, const char *schema, int pages)
{
	struct db *db = ctx;

	if (pages >= CHECKPOINT_PAGES && sqlite3_wal_checkpoint_v2(conn,
	    schema, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK)
		db->checkpointed_ns = clock_wall_ns();
	return SQLITE_OK;
}

uint64_t
db_checkpointed_ns(const struct db *db)
{
	return db->checkpointed_ns;
}

/* Whoever changed it, and by which statement. */
static void
on_change(void *ctx, int what, const char *schema, const char *table,
    sqlite3_int64 rowid)
{
	struct db *db = ctx;

	(void)what, (void)schema, (void)rowid;
	if (strcmp(table, "sessions") == 0)
		db->sessions_changed = true;
}

bool
db_sessions_changed(struct db *db)
{
	bool changed = db->sessions_changed;

	db->sessions_changed = false;
	return changed;
}

int
db_prepare(struct db *db, char *why, size_t whylen)
{
	size_t i;
	int rc;

	(void)sqlite3_update_hook(db->conn, on_change, db);
	(void)sqlite3_wal_hook(db->conn, on_commit, db);
	rc = load_words(db);
	if (rc != SQLITE_OK)
		return db_failed(db, rc, "full-text search", why, whylen);
	(void)sqlite3_set_authorizer(db->conn, authorize, NULL);
	for (i = 0; i < nitems(statements); i++) {
		rc = sqlite3_prepare_v3(db->conn, statements[i].text, -1,
		    SQLITE_PREPARE_PERSISTENT, &db->stmts[i], NULL);
		if (rc != SQLITE_OK)
			return db_failed(db, rc, statements[i].name, why,
			    whylen);
	}
	return 0;
}

void
db_close(struct db *db)
{
	size_t i;

	if (db == NULL)
		return;
	for (i = 0; i < nitems(db->stmts); i++)
		(void)sqlite3_finalize(db->stmts[i]);
	if (db->splitter != NULL)
		db->words.xDelete(db->splitter);
	if (sqlite3_close(db->conn) != SQLITE_OK)
		log_error("close the store: %s", sqlite3_errmsg(db->conn));
	free(db);
}

int
db_script(struct db *db, const char *sql, char *why, size_t whylen)
{
	int rc = sqlite3_exec(db->conn, sql, NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		return 0;
	return db_failed(db, rc, "schema", why, whylen);
}

int
db_pragma(struct db *db, const char *sql, int64_t *value)
{
	sqlite3_stmt *st;
	int rc, r;

	rc = sqlite3_prepare_v2(db->conn, sql, -1, &st, NULL);
	if (rc != SQLITE_OK)
		return db_result(db, rc);
	rc = sqlite3_step(st);
	r = rc == SQLITE_ROW ? 0 : rc == SQLITE_DONE ? -EIO :
	    db_result(db, rc);
	if (r == 0)
		*value = sqlite3_column_int64(st, 0);
	(void)sqlite3_finalize(st);
	return r;
}

/* --- running statements --- */

static int
bind_text(sqlite3_stmt *st, int i, const char *s, size_t n)
{
	return sqlite3_bind_text64(st, i, s, n, SQLITE_STATIC, SQLITE_UTF8);
}

static int
bind_one(sqlite3_stmt *st, int i, char how, va_list *ap)
{
	const void *p;

	switch (how) {
	case 'i':
		return sqlite3_bind_int64(st, i, va_arg(*ap, int64_t));
	case 's':
	case 'e':
		p = va_arg(*ap, const char *);
		if (p == NULL || (how == 'e' && *(const char *)p == '\0'))
			return sqlite3_bind_null(st, i);
		return bind_text(st, i, p, strlen(p));
	case 't':
		p = va_arg(*ap, const char *);
		return bind_text(st, i, p, va_arg(*ap, size_t));
	case 'b':
		p = va_arg(*ap, const void *);
		return sqlite3_bind_blob64(st, i, p, va_arg(*ap, size_t),
		    SQLITE_STATIC);
	default:
		return sqlite3_bind_null(st, i);
	}
}

static int
run_statement(struct db *db, sqlite3_stmt *st, db_row_cb *cb, void *ctx,
    const char *fmt, va_list *ap)
{
	int i, rc = SQLITE_OK, r = 0;

	for (i = 0; fmt[i] != '\0' && rc == SQLITE_OK; i++)
		rc = bind_one(st, i + 1, fmt[i], ap);
	if (rc != SQLITE_OK)
		r = db_result(db, rc);
	while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW)
		r = cb != NULL ? cb(ctx, (const struct db_row *)st) : 0;
	if (r == 0)
		r = db_result(db, rc);
	(void)sqlite3_reset(st);
	(void)sqlite3_clear_bindings(st);
	return r > 0 ? 0 : r;
}

static int
db_vquery(struct db *db, enum db_sql which, db_row_cb *cb, void *ctx,
    const char *fmt, va_list *ap)
{
	return run_statement(db, db->stmts[which], cb, ctx, fmt, ap);
}

int
db_run(struct db *db, enum db_sql which, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = db_vquery(db, which, NULL, NULL, fmt, &ap);
	va_end(ap);
	return r;
}

int
db_query(struct db *db, enum db_sql which, db_row_cb *cb, void *ctx,
    const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = db_vquery(db, which, cb, ctx, fmt, &ap);
	va_end(ap);
	return r;
}

#define DEADLINE_OPS	1000	/* of its machine, between looks */

static int
too_late(void *ctx)
{
	const struct db *db = ctx;

	return loop_now_ns() >= db->deadline_ns;
}

int
db_query_within(struct db *db, int ms, enum db_sql which, db_row_cb *cb,
    void *ctx, const char *fmt, ...)
{
	va_list ap;
	int r;

	db->deadline_ns = loop_now_ns() + (int64_t)ms * 1000000;
	sqlite3_progress_handler(db->conn, DEADLINE_OPS, too_late, db);
	va_start(ap, fmt);
	r = db_vquery(db, which, cb, ctx, fmt, &ap);
	va_end(ap);
	sqlite3_progress_handler(db->conn, 0, NULL, NULL);
	return r;
}

struct splitting {
	db_word_cb	*cb;
	void		*ctx;
};

static int
on_word(void *ctx, int flags, const char *word, int n, int start, int end)
{
	struct splitting *s = ctx;

	(void)flags, (void)start, (void)end;
	return s->cb(s->ctx, word, (size_t)n) != 0 ? SQLITE_DONE : SQLITE_OK;
}

int
db_words(struct db *db, const char *text, size_t n, db_word_cb *cb, void *ctx)
{
	struct splitting s = { .cb = cb, .ctx = ctx };

	return db_result(db, db->words.xTokenize(db->splitter, &s,
	    FTS5_TOKENIZE_QUERY, text, (int)n, on_word));
}

static sqlite3_stmt *
row_stmt(const struct db_row *row)
{
	return (sqlite3_stmt *)(uintptr_t)row;
}

int64_t
db_int(const struct db_row *row, int column)
{
	return sqlite3_column_int64(row_stmt(row), column);
}

const char *
db_text(const struct db_row *row, int column, size_t *len)
{
	const char *s = (const char *)sqlite3_column_text(row_stmt(row),
	    column);

	if (s == NULL && !db_is_null(row, column))
		fatal("store: out of memory");
	if (len != NULL)
		*len = (size_t)sqlite3_column_bytes(row_stmt(row), column);
	return s != NULL ? s : "";
}

const void *
db_bytes(const struct db_row *row, int column, size_t *len)
{
	const void *p = sqlite3_column_blob(row_stmt(row), column);

	*len = (size_t)sqlite3_column_bytes(row_stmt(row), column);
	if (p == NULL && *len != 0)
		fatal("store: out of memory");
	return p;
}

const void *
db_blob(const struct db_row *row, int column, size_t len)
{
	const void *p = sqlite3_column_blob(row_stmt(row), column);

	return (size_t)sqlite3_column_bytes(row_stmt(row), column) == len ?
	    p : NULL;
}

int
db_is_null(const struct db_row *row, int column)
{
	return sqlite3_column_type(row_stmt(row), column) == SQLITE_NULL;
}

/* --- another program's file ----------------------------------------------- */

static int
authorize_foreign(void *ctx, int action, const char *a, const char *b,
    const char *c, const char *d)
{
	(void)ctx, (void)a, (void)b, (void)c, (void)d;
	return action == SQLITE_SELECT || action == SQLITE_READ ? SQLITE_OK :
	    SQLITE_DENY;
}

static const char setup_foreign[] =
    "PRAGMA locking_mode = EXCLUSIVE;"
    "PRAGMA trusted_schema = OFF;"
    "PRAGMA cell_size_check = ON;"
    "PRAGMA mmap_size = 0;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -4096;";

int
db_open_foreign(const char *name, struct db **out, char *why, size_t whylen)
{
	struct db *db = mem_zalloc(1, sizeof(*db));
	int rc, r;

	rc = sqlite3_open_v2(name, &db->conn, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (db->conn == NULL)
		fatal("open %s: out of memory", name);
	if (rc == SQLITE_OK)
		rc = configure(db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->conn, setup_foreign, NULL, NULL, NULL);
	/* The first look finds out whether it is a database at all. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db->conn, "SELECT count(*) FROM "
		    "sqlite_schema", NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		r = db_failed(db, rc, name, why, whylen);
		db_close(db);
		return r;
	}
	(void)sqlite3_limit(db->conn, SQLITE_LIMIT_LENGTH, LIMIT_BULK);
	*out = db;
	return 0;
}

struct columns {
	const char *const	*names;
	size_t			 n;
	bool			*present;
};

static int
on_column(void *ctx, const struct db_row *row)
{
	struct columns *c = ctx;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcasecmp(db_text(row, 1, NULL), c->names[i]) == 0)
			c->present[i] = true;
	return 0;
}

static int
on_table(void *ctx, const struct db_row *row)
{
	/* A view has no page of its own, a virtual table neither. */
	*(bool *)ctx = strcmp(db_text(row, 0, NULL), "table") == 0 &&
	    db_int(row, 1) != 0;
	return 1;
}

int
db_columns(struct db *db, const char *table, const char *const *names,
    size_t n, bool *present)
{
	struct columns c = { .names = names, .n = n, .present = present };
	bool found = false;
	char sql[128];
	int r;

	(void)sqlite3_set_authorizer(db->conn, NULL, NULL);
	r = db_query_foreign(db, "SELECT type, rootpage FROM sqlite_schema"
	    " WHERE name = ?1", on_table, &found, "s", table);
	(void)snprintf(sql, sizeof(sql), "PRAGMA table_info(%s)", table);
	if (r == 0 && found)
		r = db_query_foreign(db, sql, on_column, &c, "");
	(void)sqlite3_set_authorizer(db->conn, authorize_foreign, NULL);
	return r < 0 ? r : found ? 0 : 1;
}

int
db_query_foreign(struct db *db, const char *sql, db_row_cb *cb, void *ctx,
    const char *fmt, ...)
{
	sqlite3_stmt *st = NULL;
	va_list ap;
	int rc, r;

	rc = sqlite3_prepare_v2(db->conn, sql, -1, &st, NULL);
	/* The statement is sound: then the file's schema is not. */
	if (rc != SQLITE_OK)
		return rc == SQLITE_ERROR ? -EUCLEAN : db_result(db, rc);
	va_start(ap, fmt);
	r = run_statement(db, st, cb, ctx, fmt, &ap);
	va_end(ap);
	(void)sqlite3_finalize(st);
	return r;
}

const char *
db_message(const struct db *db)
{
	return sqlite3_errmsg(db->conn);
}

int64_t
db_changes(const struct db *db)
{
	return sqlite3_changes64(db->conn);
}

void
db_rollback(struct db *db)
{
	/* A full disk may have made SQLite roll back already. */
	if (!sqlite3_get_autocommit(db->conn))
		(void)db_run(db, SQL_ROLLBACK, "");
}
