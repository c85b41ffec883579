/*
 * Sessions, events and the audit on disk.  SQLite is behind it (store.c,
 * migrate.c, sqlite.c); another backend implements this header and passes
 * the same tests.
 *
 * Writes happen between store_begin and store_commit and are durable when
 * store_commit has answered 0.  Reads see the open transaction's own writes,
 * so whoever answers a client reads when none is open.
 *
 * Results: 0; a negative errno, where -ENOSPC is a full disk, -EINVAL is
 * data that a rule of the schema refuses, and anything else concerns the
 * store as a whole; or a named outcome of enum store_code (common/msg.h).
 */
#ifndef COVEN_STORED_STORE_H
#define COVEN_STORED_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/audit.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/msg.h"

struct store;

/*
 * Open or make the store in the working directory and bring its schema up to
 * date.  A newer schema, or another program's file, is refused.  0 and *out;
 * or < 0 with a sentence in why.
 */
int	 store_open(struct store **out, char *why, size_t whylen);
void	 store_close(struct store *);

/* --- transactions: one writer, one at a time --- */

int	 store_begin(struct store *);
int	 store_commit(struct store *);	/* on failure the caller rolls back */
void	 store_rollback(struct store *);
/* Rises whenever a commit has changed what a list of sessions may show. */
uint64_t store_version(const struct store *);

/* --- sessions --- */

/* In the order of the table of names in store.c. */
enum session_status {
	SESSION_CREATED,
	SESSION_RUNNING,
	SESSION_IDLE,
	SESSION_COMPLETED,
	SESSION_FAILED,
	SESSION_KILLED,
	SESSION_ORPHANED,
	SESSION_STATUS__COUNT
};

const char	*session_status_name(enum session_status);
bool		 session_has_ended(enum session_status);

/* What stored needs to know of one session; key names it from then on. */
struct store_session {
	int64_t			key;
	enum session_status	status;
	bool			external;
	bool			conversation;	/* conversation_id is set */
	bool			killing;	/* a kill is on record */
	uint64_t		last_n;		/* last durable runner write */
	uint64_t		output_bytes;	/* of payloads, so far */
	uint64_t		created_ns;
};

/* 0 or STORE_NOT_FOUND. */
int	 store_find(struct store *, const char *id, struct store_session *out);

/*
 * Add a row, as row says (has_exit_code and archived_at are not looked at).
 * digest: SHA-256 of the launch spec, or NULL for an external session.
 * 0 and the key, or -EINVAL when the id is taken.
 */
int	 store_add_session(struct store *, const struct msg_session_row *row,
	    const uint8_t *digest, int64_t *key);

struct store_end {
	enum session_status	status;
	bool			has_code;
	int32_t			code;
	const char		*limit;	/* the bound that it is due to */
	uint64_t		time_ns;
};

/* Ends a session that has not ended; one that has keeps what it says. */
int	 store_end(struct store *, int64_t key, const struct store_end *);
/* Ends an external session, also again. */
int	 store_complete(struct store *, int64_t key, const struct store_end *);

/*
 * Sets archived_at, or clears it; a second time changes nothing.  The caller
 * knows that it has ended.
 */
int	 store_archive(struct store *, int64_t key, bool archive,
	    uint64_t time_ns);
/*
 * Delete a session that has ended: nobody sees it from now on.  What it holds
 * goes with store_purge, a bounded number of rows a call, until *more is
 * false.
 */
int	 store_hide(struct store *, int64_t key);
int	 store_purge(struct store *, bool *more);

/* The kill was asked for: recovery and a late end find it. */
int	 store_mark_killing(struct store *, int64_t key);
/* Keep the payload of an exit event until the kill is recorded ... */
int	 store_hold_exit(struct store *, int64_t key, const char *payload,
	    uint64_t time_ns);
/* ... and write it as an event.  STORE_NOT_FOUND when none is held. */
int	 store_release_exit(struct store *, int64_t key);

/*
 * Settle a session whose own words about its end are missing or held: killed
 * or failed, with the events that clients expect (kill, then exit) and an
 * audit record.
 */
int	 store_settle(struct store *, int64_t key, const char *id,
	    enum session_status, const char *cause);

/* Borrowed for the call.  Nonzero ends the walk, which then answers 0. */
typedef int	 store_session_cb(void *ctx, const struct msg_session_row *);

/* 0 or STORE_NOT_FOUND. */
int	 store_get(struct store *, const char *id, store_session_cb *, void *);

struct store_list {
	const char	*after_created;	/* "" starts at the newest */
	const char	*after_id;
	bool		 archived;	/* archived ones too */
	uint32_t	 limit;		/* 0: all */
	const char	*status;	/* "": any; "live": not ended */
	const char	*harness;	/* "": any */
	const struct store_words *words;	/* NULL: any */
};

/*
 * created_at descending, then id descending.  -ETIME when what is left out
 * takes too long to pass over.
 */
int	 store_list(struct store *, const struct store_list *,
	    store_session_cb *, void *);

/* --- events --- */

struct store_event {
	uint64_t	 seq;
	enum event_kind	 kind;
	const char	*payload;
	size_t		 len;
	uint64_t	 time_ns;
};

const char	*event_kind_name(enum event_kind);

/* Append one event; seq is assigned and never given out again. */
int	 store_add_event(struct store *, int64_t key,
	    const struct store_event *);
/* The last number that was given out and is durable. */
uint64_t store_last_seq(const struct store *);
/*
 * The runner's writes up to n are in this transaction or durable, and so many
 * bytes of payload came with those that are new.
 */
int	 store_set_last_n(struct store *, int64_t key, uint64_t n,
	    uint64_t more_bytes);

typedef int	 store_event_cb(void *ctx, const struct store_event *);

/* Events with seq > after, ascending, at most limit (0: all). */
int	 store_events(struct store *, int64_t key, uint64_t after,
	    uint32_t limit, store_event_cb *, void *);
/*
 * The same, each payload as it stands between the quotes of a JSON string:
 * that is how it lies on disk, and what a page of events needs.
 */
int	 store_events_json(struct store *, int64_t key, uint64_t after,
	    uint32_t limit, store_event_cb *, void *);

/*
 * Whoever searches, counts or removes events goes through this section: how
 * they lie on disk is store_event.c's business alone, and no statement
 * elsewhere names their tables.
 */
/* The number of a session's newest event; 0: it has none. */
int	 store_last_event(struct store *, int64_t key, uint64_t *seq);
/* When the oldest event of all was written; 0: there is none. */
int	 store_oldest_event(struct store *, uint64_t *time_ns);
/* Remove all of one session's, before its row is deleted. */
int	 store_drop_events(struct store *, int64_t key);
/* In pieces of about max times 8 KiB; *more says that some are left. */
int	 store_drop_some(struct store *, int64_t key, uint32_t max, bool *more);
/*
 * Remove events written before a time, about max of them, the oldest first
 * in each session; *dropped is how many went, and 0 says that none are left.
 */
int	 store_prune_events(struct store *, uint64_t before_ns, uint32_t max,
	    uint32_t *dropped);

/*
 * The id that clients see: a version 4 shaped UUID whose last twelve digits
 * are seq and whose other digits prove that this store made it.
 */
void	 store_event_id(const struct store *, uint64_t seq,
	    char out[UUID_LEN]);
/* 0 and seq, or STORE_NOT_FOUND for an id that this store never made. */
int	 store_event_seq(const struct store *, const char *id, uint64_t *seq);

/* --- what it takes on disk --- */

struct store_size {
	uint64_t	database;	/* with what lies in segments */
	uint64_t	log;		/* the write-ahead log */
	uint64_t	free;		/* for anybody */
};

/* 0 or -errno. */
int	 store_size(struct store *, struct store_size *);
/* When the log was last written back, in wall time; 0: not yet. */
uint64_t store_checkpointed_ns(const struct store *);

/* --- what an earlier daemon left --- */

enum import_state { IMPORT_NEVER, IMPORT_RUNNING, IMPORT_DONE };

/* How far it has been taken over; kept with what was. */
struct store_import {
	enum import_state state;
	uint64_t	offset;		/* added to each event's number */
	int64_t		session, event;	/* rows of its that were read */
	uint64_t	tries;
	uint64_t	sessions, events, left_out;
};

int	 store_import_get(struct store *, struct store_import *);
int	 store_import_put(struct store *, const struct store_import *);
/*
 * Its events will have numbers from here on: none that is larger, whatever
 * else is written meanwhile, is given to another.  Sets offset.
 */
int	 store_import_numbers(struct store *, uint64_t last_row,
	    struct store_import *);
/* Nobody sees these before store_import_show.  STORE_CONFLICT: id is taken. */
int	 store_import_session(struct store *, const struct msg_session_row *);
/* The key of one of them, or STORE_NOT_FOUND. */
int	 store_import_find(struct store *, const char *id, int64_t *key);
/* With a number of its own, ascending in each session.  id may be NULL. */
int	 store_import_event(struct store *, int64_t key,
	    const struct store_event *, const char *id, const char *kind);
int	 store_import_show(struct store *);
/* Or all of them are deleted: store_purge follows. */
int	 store_import_drop(struct store *);

/* The kind of such an event as it was written: at most len bytes. */
void	 store_event_kind(struct store *, const struct store_event *,
	    char *out, size_t len);

/* --- searching sessions by words of their titles and output --- */

/* What the full-text index is asked for, a word each. */
struct store_words {
	char		 match[LIMIT_SEARCH_WORDS][2 * LIMIT_SEARCH_QUERY + 3];
	unsigned	 n;
};

/* Named outcomes of store_words. */
enum { WORDS_NONE = 1, WORDS_MANY = 2 };

/*
 * The words of what a person typed.  No text is an error of the index's own
 * language: each word is quoted.  0, or one of the above.
 */
int	 store_words(struct store *, const char *query, struct store_words *);

/*
 * The index follows what is on record, in pieces: titles of sessions that
 * are new, then the events of one session.  *more says that the same call
 * has more to do.
 */
/* Or INDEX_WAITS, until what is being imported is shown. */
enum { INDEX_WAITS = 1 };
int	 store_index_titles(struct store *, bool *more);
int	 store_index_session(struct store *, int64_t key, bool *more);
/* Sessions with key > after whose events may not all be read, ascending. */
int	 store_index_open(struct store *, int64_t after, int64_t *keys,
	    size_t max, size_t *n);
/* Forget what is older; *dropped is false when nothing was. */
int	 store_index_prune(struct store *, uint64_t before_ns, bool *dropped);

/* --- audit and recovery --- */

struct audit_entry {
	enum audit_verb	 verb;
	const char	*session, *actor;	/* NULL or "": none */
	const char	*detail;
	uint64_t	 at_ns;			/* 0: now */
};

/*
 * Append one record and chain it (store_audit.c).  Whatever the bytes are,
 * what is kept is bounded and UTF-8 without control characters.
 */
int	 store_audit(struct store *, const struct audit_entry *);
/*
 * A file of the configuration in force, "NAME DIGEST" as the monitor tells
 * it: config.read, or config.change when it had another digest before.
 */
int	 store_audit_config(struct store *, const struct audit_entry *);

/* The chain as it stands on disk: count and digest; no signature, no time. */
void	 store_audit_head(const struct store *, struct audit_head *out);

/* Borrowed for the call; digest is the record's own, NULL when it has none. */
typedef int	 store_audit_cb(void *ctx, const struct audit_record *,
		    const uint8_t *digest);

/* Records with n > after, ascending, at most limit. */
int	 store_audit_page(struct store *, uint64_t after, uint32_t limit,
	    store_audit_cb *, void *);

/* --- workspaces and archives (store_phases.c) --- */

struct store_phase {
	char		id[UUID_LEN];
	uint32_t	phase;		/* enum work_phase; PHASE_KEPT: none */
	uint32_t	tries;
	uint64_t	next_ns;
};

/* A session left one; what is to be done follows from how it ended. */
int	 store_workspace_add(struct store *, const char *id, uint32_t policy,
	    bool task, uint64_t now_ns);
/* Where there is one. */
int	 store_workspace_set(struct store *, const char *id, uint32_t phase);
/* What is to be done with that one: 0, STORE_NOT_FOUND or -errno. */
int	 store_phase_get(struct store *, const char *id, struct store_phase *);
/* The step that is due first; PHASE_KEPT where there is none. */
int	 store_phase_due(struct store *, struct store_phase *);
/* It was taken, or it failed and is to be tried again then. */
int	 store_phase_done(struct store *, const char *id, uint32_t phase);
int	 store_phase_failed(struct store *, const char *id, uint32_t phase,
	    uint64_t next_ns);

int	 store_archive_add(struct store *, uint64_t created_ns,
	    const struct msg_phased *);
typedef int	 store_archive_cb(void *ctx, const struct msg_archive_row *);
/* The newest first, from before that one on; those that go are not told of. */
int	 store_archives(struct store *, uint64_t before_ns,
	    const char *before_id, uint32_t limit, store_archive_cb *cb,
	    void *ctx);
/* 0, STORE_NOT_FOUND, or -errno. */
int	 store_archive_get(struct store *, const char *id,
	    store_archive_cb *cb, void *ctx);
/* It goes: PHASE_FORGET is its next step. */
int	 store_archive_drop(struct store *, const char *id);
/* Those that are older are to go, and the oldest beyond a sum, a number. */
int	 store_archives_expire(struct store *, uint64_t before_ns,
	    uint64_t total_bytes, uint32_t count);
/* Folders that nobody has asked for since are to go. */
int	 store_workspaces_expire(struct store *, uint64_t before_ns);

struct store_work_stats {
	uint64_t	archives, bytes;	/* with those that are to go */
	uint64_t	workspaces;
	uint64_t	failing;		/* tried, and to be again */
	uint64_t	failed_ns;		/* the last one; 0: none */
};

int	 store_work_stats(struct store *, struct store_work_stats *);
/* A step failed. */
int	 store_work_failed(struct store *, uint64_t now_ns);

/* --- paired tokens (store_pairs.c) --- */

/*
 * Adds one; those that have ended by its created_ns make room first.  0,
 * STORE_CONFLICT when the name is taken, or STORE_UNAVAILABLE when there are
 * LIMIT_PAIRINGS.
 */
int	 store_pair(struct store *, const struct msg_pair_row *);
int	 store_unpair(struct store *, const char *name); /* STORE_NOT_FOUND */
/* Its last use, unless one of the same minute is on record. */
int	 store_pair_used(struct store *, const char *name, uint64_t time_ns);

/* Borrowed for the call. */
typedef int	 store_pair_cb(void *ctx, const struct msg_pair_row *);

/* The oldest first. */
int	 store_pairs(struct store *, store_pair_cb *, void *ctx);

/* --- recovery --- */

/*
 * Settle what an earlier life left, each with its audit record, inside a
 * transaction.  Not in live and running: killed where a kill is on record
 * (what it was about is gone), else orphaned.  Created before cutoff: failed.
 */
struct store_recovery {
	const int64_t	*live;		/* keys */
	size_t		 nlive;
	uint64_t	 cutoff_ns;
	uint32_t	 orphaned, expired;	/* out */
};

int	 store_recover(struct store *, struct store_recovery *);

#endif
