"""A database as an earlier Coven daemon left it (contract, section 3.8).

    old_store.py FILE WHAT [NUMBER]

WHAT: small    some sessions of every kind, the last rows in the -wal alone
      big      NUMBER megabytes of output
      damaged  like small, but the pages of its events are overwritten
      empty    the tables and no row
      older    tables of an older daemon: columns and events are missing
      foreign  another program's tables
      view     sessions is a view, and asks for a function
"""
import json
import os
import sqlite3
import sys
import uuid

SESSIONS = """CREATE TABLE sessions (id TEXT PRIMARY KEY,
 project_root TEXT NOT NULL, harness TEXT NOT NULL, title TEXT NOT NULL,
 status TEXT NOT NULL, exit_code INTEGER, archived_at TEXT,
 created_at TEXT NOT NULL, updated_at TEXT NOT NULL, conversation_id TEXT,
 labels TEXT NOT NULL DEFAULT '[]',
 visibility TEXT NOT NULL DEFAULT 'private', familiar_id TEXT,
 execution_binding_json TEXT, external INTEGER NOT NULL DEFAULT 0,
 transcript_path TEXT)"""
EVENTS = """CREATE TABLE events (id TEXT PRIMARY KEY,
 session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
 kind TEXT NOT NULL, payload_json TEXT NOT NULL, created_at TEXT NOT NULL,
 redaction_status TEXT NOT NULL DEFAULT 'clean',
 sensitive INTEGER NOT NULL DEFAULT 0, request_adoption_id TEXT)"""
OTHERS = """CREATE INDEX idx_sessions_created ON sessions(created_at DESC);
CREATE INDEX idx_events_session ON events(session_id, created_at);
CREATE INDEX idx_events_created ON events(created_at);
CREATE VIRTUAL TABLE events_fts USING fts5(payload_json, content='events');
CREATE TRIGGER events_ai AFTER INSERT ON events BEGIN
 INSERT INTO events_fts(rowid, payload_json)
 VALUES (new.rowid, new.payload_json); END;
CREATE TABLE session_input_leases (session_id TEXT PRIMARY KEY);
CREATE TABLE store_meta (key TEXT PRIMARY KEY, value TEXT)"""

# id, status, exit code, archived, conversation, labels, external, transcript
ROWS = [
    ("running", "running", None, None, None, "[]", 0, None),
    ("outside", "running", None, None, None, '["a:1"]', 1, "/t/x.jsonl"),
    ("done", "completed", 0, "2026-03-01T00:00:00Z", None, "[]", 0, None),
    ("talk", "idle", 0, None, "conv-1", "[]", 0, None),
    ("broken", "failed", 3, None, None, "[]", 0, None),
    ("shot", "killed", None, None, None, "[]", 0, None),
    ("lost", "orphaned", None, None, None, "[]", 0, None),
    ("unborn", "created", None, None, None, "[]", 0, None),
    ("__cockpit__", "active", None, None, None, "[]", 0, None),
]


def name(n):
    return str(uuid.UUID(int=(0x4000 << 64) | (0x8000 << 48) | n))


def at(n):
    return "2026-02-%02dT10:00:00.%09dZ" % (1 + n % 28, n)


def connect(path):
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    return db


def tables(db):
    db.execute(SESSIONS)
    db.execute(EVENTS)
    db.executescript(OTHERS)


def session(db, n, row):
    sid, status, code, archived, talk, labels, external, transcript = row
    db.execute("INSERT INTO sessions (id, project_root, harness, title,"
               " status, exit_code, archived_at, created_at, updated_at,"
               " conversation_id, labels, external, transcript_path)"
               " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
               (sid, "/p/" + sid, "codex", "title of " + sid, status, code,
                archived, at(n), at(n + 100), talk, labels, external,
                transcript))


def event(db, rowid, sid, kind, payload):
    db.execute("INSERT INTO events (rowid, id, session_id, kind,"
               " payload_json, created_at) VALUES (?,?,?,?,?,?)",
               (rowid, name(rowid), sid, kind, json.dumps(payload),
                at(rowid % 28)))


def small(db):
    for n, row in enumerate(ROWS):
        session(db, n, row)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    # Interleaved, with gaps, and what is only in the -wal.
    event(db, 11, "talk", "input", {"data": "hello\n"})
    event(db, 12, "done", "output", {"data": "first zebra line\r\n"})
    event(db, 20, "talk", "output", {"data": "answer"})
    event(db, 21, "done", "cast", {"cast_id": "c", "code": "x"})
    event(db, 22, "done", "output",
          {"data": "key sk-ant-REDACTEDBYNOBODY0123456789 end"})
    event(db, 23, "gone", "output", {"data": "of no session"})
    event(db, 40, "done", "exit", {"status": "completed", "exitCode": 0})
    event(db, 41, "__cockpit__", "cast", {"cast_id": "d"})


def big(db, megabytes):
    session(db, 1, ROWS[3])
    session(db, 2, ROWS[2])
    db.execute("BEGIN")
    for n in range(megabytes * 25):
        event(db, n + 1, ("talk", "done")[n % 2], "output",
              {"data": "line %d " % n + "x" * 40000})
    db.execute("COMMIT")


def older(db):
    db.execute("CREATE TABLE sessions (id TEXT PRIMARY KEY, project_root"
               " TEXT, harness TEXT, title TEXT, status TEXT, exit_code"
               " INTEGER, created_at TEXT, updated_at TEXT)")
    db.execute("INSERT INTO sessions VALUES ('ancient', '/p', 'claude',"
               " 't', 'completed', 0, '2025-01-01T00:00:00+02:00',"
               " '2025-01-01T00:00:00.5Z')")


def view(db):
    db.execute("CREATE VIEW sessions AS SELECT load_extension('/x') AS id,"
               " '' AS project_root, '' AS harness, '' AS title,"
               " 'completed' AS status, '' AS created_at, '' AS updated_at")


def damage(path):
    """Every page that is the root or a leaf of events becomes noise."""
    db = sqlite3.connect(path)
    page = db.execute("PRAGMA page_size").fetchone()[0]
    root = db.execute("SELECT rootpage FROM sqlite_schema"
                      " WHERE name = 'events'").fetchone()[0]
    db.close()
    with open(path, "r+b") as f:
        f.seek((root - 1) * page)
        f.write(b"\x55" * page)


def main():
    path, what = sys.argv[1:3]
    db = connect(path)
    if what in ("small", "damaged", "big", "empty"):
        tables(db)
    if what == "small":
        small(db)
    elif what == "damaged":
        small(db)
        db.close()
        return damage(path)
    elif what == "big":
        big(db, int(sys.argv[3]))
    elif what == "older":
        older(db)
    elif what == "foreign":
        db.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, t TEXT)")
    elif what == "view":
        view(db)
    # As if the daemon had been killed: its log stays beside it.
    sys.stdout.flush()
    os._exit(0)


main()
