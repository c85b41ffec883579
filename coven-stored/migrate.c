#include <errno.h>
#include <stdio.h>

#include "common/buf.h"
#include "coven-stored/migrate.h"

/*
 * Why events lie in blocks and not in a row each: a page of a thousand small
 * events is then a dozen rows, where a thousand steps of a statement cost more
 * than sending them does; and what is large lies in a segment, where it is
 * written once and not twice (ADR 0008).  data comes last in its row, so
 * that walking by the other columns leaves it alone.
 *
 * What changes with every batch (last_n) is in runs, apart from sessions,
 * whose title may be megabytes.
 *
 * status repeats the names of enum session_status so that the file explains
 * and defends itself.
 */
static const char schema_1[] =
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;"

    "CREATE TABLE sessions ("
    " key INTEGER PRIMARY KEY AUTOINCREMENT,"
    " id TEXT NOT NULL UNIQUE,"
    " project_root TEXT NOT NULL,"
    " harness TEXT NOT NULL,"
    " title TEXT NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN ('created', 'running', 'idle',"
    "  'completed', 'failed', 'killed', 'orphaned')),"
    " exit_code INTEGER,"
    " archived_at TEXT,"
    " created_at TEXT NOT NULL,"
    " updated_at TEXT NOT NULL,"
    " conversation_id TEXT,"
    " familiar_id TEXT,"
    " labels TEXT NOT NULL,"
    " external INTEGER NOT NULL CHECK (external IN (0, 1)),"
    " transcript_path TEXT"
    ") STRICT;"
    "CREATE INDEX sessions_by_age ON sessions (created_at, id);"
    "CREATE INDEX sessions_open ON sessions (status)"
    " WHERE status IN ('created', 'running');"

    "CREATE TABLE runs ("
    " session INTEGER PRIMARY KEY REFERENCES sessions (key)"
    "  ON DELETE CASCADE,"
    " spec_digest BLOB NOT NULL,"
    " last_n INTEGER NOT NULL DEFAULT 0,"
    " killing INTEGER NOT NULL DEFAULT 0 CHECK (killing IN (0, 1)),"
    " held_exit TEXT,"
    " held_ns INTEGER"
    ") STRICT;"

    "CREATE TABLE blocks ("
    " session INTEGER NOT NULL REFERENCES sessions (key)"
    "  ON DELETE CASCADE,"
    " first INTEGER NOT NULL,"
    " last INTEGER NOT NULL CHECK (last >= first),"
    " oldest_ns INTEGER NOT NULL,"
    " newest_ns INTEGER NOT NULL,"
    " count INTEGER NOT NULL CHECK (count > 0),"
    " segment INTEGER,"
    " at INTEGER,"
    " size INTEGER,"
    " data BLOB CHECK ((data IS NULL) = (segment IS NOT NULL)),"
    " PRIMARY KEY (session, first)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX blocks_by_age ON blocks (oldest_ns);"
    "CREATE INDEX blocks_by_place ON blocks (segment, at, size)"
    " WHERE segment IS NOT NULL;"
    /* What no block names any more, until its space is given back. */
    "CREATE TABLE dead (segment INTEGER NOT NULL, at INTEGER NOT NULL,"
    " size INTEGER NOT NULL, PRIMARY KEY (segment, at))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER blocks_die AFTER DELETE ON blocks"
    " WHEN old.segment IS NOT NULL BEGIN"
    " INSERT INTO dead (segment, at, size)"
    "  VALUES (old.segment, old.at, old.size); END;"

    "CREATE TABLE audit ("
    " n INTEGER PRIMARY KEY AUTOINCREMENT,"
    " at_ns INTEGER NOT NULL,"
    " verb TEXT NOT NULL,"
    " session TEXT,"
    " detail TEXT NOT NULL"
    ") STRICT;"
    "CREATE TRIGGER audit_kept_u BEFORE UPDATE ON audit BEGIN"
    " SELECT raise(ABORT, 'audit is append-only'); END;"
    "CREATE TRIGGER audit_kept_d BEFORE DELETE ON audit BEGIN"
    " SELECT raise(ABORT, 'audit is append-only'); END;"

    "INSERT INTO meta (name, value) VALUES ('seq', 0);";

/*
 * Records: archived, deleted, listed by what they are, searched, imported.
 *
 * A hidden session is one that clients do not see: it is being deleted (1) or
 * imported (2), and either takes many small transactions.
 *
 * What is searched has its words in search and its text in search_docs, whose
 * key is the session's times 1024, plus a number: so the session of a hit is
 * known without looking at a row.  0 is the title.  What goes is told to the
 * index first, by a statement and not by a trigger: with trusted_schema off a
 * trigger may not speak to a virtual table.  search_state says how far a
 * session's events have been read (store_search.c).
 *
 * old_events says of events of an earlier daemon what ours do not need: the
 * id that they were given then, a UUID, and a kind that is none of ours.
 */
static const char schema_2[] =
    "ALTER TABLE sessions ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0"
    " CHECK (hidden IN (0, 1, 2));"
    "DROP INDEX sessions_by_age;"
    "CREATE INDEX sessions_listed ON sessions"
    " (created_at, id, status, harness, archived_at) WHERE hidden = 0;"
    "CREATE INDEX sessions_hidden ON sessions (hidden, key)"
    " WHERE hidden > 0;"
    "ALTER TABLE runs ADD COLUMN output_bytes INTEGER NOT NULL DEFAULT 0;"

    "CREATE TABLE search_docs ("
    " doc INTEGER PRIMARY KEY,"
    " newest_ns INTEGER NOT NULL,"
    " body TEXT NOT NULL"
    ") STRICT;"
    "CREATE INDEX search_docs_by_age ON search_docs (newest_ns);"
    "CREATE TABLE search_state ("
    " session INTEGER PRIMARY KEY REFERENCES sessions (key)"
    "  ON DELETE CASCADE,"
    " seq INTEGER NOT NULL,"
    " phase INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX search_open ON search_state (session)"
    " WHERE phase < 3;"
    "CREATE VIRTUAL TABLE search USING fts5 (body, content='search_docs',"
    " content_rowid='doc', detail='none', columnsize=0,"
    " tokenize='unicode61 remove_diacritics 2');"

    "CREATE TABLE old_events ("
    " seq INTEGER PRIMARY KEY,"
    " session INTEGER NOT NULL REFERENCES sessions (key)"
    "  ON DELETE CASCADE,"
    " id BLOB UNIQUE,"
    " kind TEXT"
    ") STRICT;"
    "CREATE INDEX old_events_by_session ON old_events (session);";

/*
 * The audit becomes a chain.  Records that are there already are chained as
 * soon as the file is open (store_audit.c); only they may be touched, once.
 */
static const char schema_3[] =
    "ALTER TABLE audit ADD COLUMN actor TEXT;"
    "ALTER TABLE audit ADD COLUMN digest BLOB;"
    "DROP TRIGGER audit_kept_u;"
    "CREATE TRIGGER audit_kept_u BEFORE UPDATE ON audit"
    " WHEN OLD.digest IS NOT NULL BEGIN"
    " SELECT raise(ABORT, 'audit is append-only'); END;"
    "CREATE INDEX audit_config ON audit (n)"
    " WHERE verb IN ('config.read', 'config.change');"
    "INSERT INTO meta (name, value) VALUES ('audit_unchained', 1);";

/* Tokens that were paired: what they are known by, what they are for. */
static const char schema_4[] =
    "CREATE TABLE pairings ("
    " name TEXT PRIMARY KEY,"
    " digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),"
    " scopes TEXT NOT NULL,"
    " created_ns INTEGER NOT NULL,"
    " expires_ns INTEGER NOT NULL,"
    " used_ns INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;";

/* Which bound of [limits] ended a session; NULL: none did. */
static const char schema_5[] =
    "ALTER TABLE sessions ADD COLUMN limit_hit TEXT;";

/*
 * What sessions left, and what is to be done with it next (enum work_phase);
 * and the archives that were made of it.  Neither goes with its session's row.
 */
static const char schema_6[] =
    "CREATE TABLE workspaces ("
    " session TEXT PRIMARY KEY,"
    " phase INTEGER NOT NULL CHECK (phase BETWEEN 0 AND 2),"
    " tries INTEGER NOT NULL DEFAULT 0,"
    " next_ns INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX workspaces_due ON workspaces (next_ns, session)"
    " WHERE phase > 0;"
    "CREATE TABLE archives ("
    " session TEXT PRIMARY KEY,"
    " created_ns INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL,"
    " entries INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " packed INTEGER NOT NULL,"
    " left_out INTEGER NOT NULL,"
    " dropping INTEGER NOT NULL DEFAULT 0 CHECK (dropping IN (0, 1)),"
    " tries INTEGER NOT NULL DEFAULT 0,"
    " next_ns INTEGER NOT NULL DEFAULT 0"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX archives_by_age ON archives (created_ns, session);";

/*
 * Whether a workspace was made for its session alone (then it goes at the
 * end), and when that was.
 */
static const char schema_7[] =
    "ALTER TABLE workspaces ADD COLUMN task INTEGER NOT NULL DEFAULT 0"
    " CHECK (task IN (0, 1));"
    "ALTER TABLE workspaces ADD COLUMN left_ns INTEGER NOT NULL DEFAULT 0;";

/* Step i brings version i to i + 1. */
static const char *const steps[STORE_SCHEMA] = { schema_1,
    schema_2, schema_3, schema_4, schema_5, schema_6, schema_7 };

static int
run_step(struct db *db, int64_t from, char *why, size_t whylen)
{
	autobuf struct buf script = { 0 };

	(void)buf_addf(&script, "BEGIN EXCLUSIVE; %s"
	    " PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT;",
	    steps[from], STORE_APPLICATION_ID, (int)from + 1);
	return db_script(db, buf_head(&script), why, whylen);
}

/* What is refused is left as it is: 0, -EPROTO, or what reading it brought. */
static int
check(struct db *db, int64_t *now, char *why, size_t whylen)
{
	int64_t id, version, objects, blocks;
	int r;

	if ((r = db_pragma(db, "PRAGMA application_id", &id)) < 0 ||
	    (r = db_pragma(db, "PRAGMA user_version", &version)) < 0 ||
	    (r = db_pragma(db, "SELECT count(*) FROM sqlite_schema",
	    &objects)) < 0 ||
	    (r = db_pragma(db, "SELECT count(*) FROM sqlite_schema "
	    "WHERE type = 'table' AND name = 'blocks'", &blocks)) < 0) {
		(void)snprintf(why, whylen, "the schema cannot be read");
		return r;
	}
	if (id != STORE_APPLICATION_ID && (objects != 0 || id != 0)) {
		(void)snprintf(why, whylen,
		    "the file is another program's (application id %lld)",
		    (long long)id);
		return -EPROTO;
	}
	if (version < 0 || version > STORE_SCHEMA) {
		(void)snprintf(why, whylen, "schema %lld is newer than schema "
		    "%d, the newest of this build: use the build that wrote "
		    "it, or move COVEN_HOME/store aside to begin anew",
		    (long long)version, STORE_SCHEMA);
		return -EPROTO;
	}
	/* The first builds had an events table under the same number. */
	if (version != 0 && blocks == 0) {
		(void)snprintf(why, whylen, "schema %lld is that of an earlier "
		    "build, which kept events in another form; nothing was "
		    "changed: move COVEN_HOME/store aside to begin anew, or "
		    "use that build", (long long)version);
		return -EPROTO;
	}
	*now = version;
	return 0;
}

int
migrate(struct db *db, char *why, size_t whylen)
{
	int64_t version;
	int r = check(db, &version, why, whylen);

	if (r < 0) {
		db_leave(db);
		return r;
	}
	for (; version < STORE_SCHEMA; version++)
		if ((r = run_step(db, version, why, whylen)) < 0)
			return r;	/* closing the file rolls back */
	return 0;
}
