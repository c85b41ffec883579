/*
 * The border to SQLite: one connection, the statements of sql.def, and
 * nothing of the library's own in sight.  store.c is written in these terms.
 *
 * Results: 0; -ENOSPC when the disk or a quota is full, -EIO for other
 * input and output failures, -EBUSY, -EINVAL when the data broke a rule of
 * the schema, -EUCLEAN when the file is damaged.  Out of memory is fatal.
 */
#ifndef COVEN_STORED_SQLITE_H
#define COVEN_STORED_SQLITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum db_sql {
#define SQL(name, text)	SQL_##name,
#include "coven-stored/sql.def"
#undef SQL
	SQL__COUNT
};

struct db;
struct db_row;

/*
 * Called once a row.  0 goes on, > 0 stops and is success, < 0 is passed up.
 * What db_text returns lives until the callback returns.
 */
typedef int	 db_row_cb(void *ctx, const struct db_row *);

/*
 * Open or make the file name in the working directory and set it up; the
 * schema is not looked at.  0, or a negative errno with a sentence in why.
 */
int	 db_open(const char *name, struct db **out, char *why, size_t whylen);
/* Prepare every statement of sql.def; from here on nothing else is allowed. */
int	 db_prepare(struct db *, char *why, size_t whylen);
void	 db_close(struct db *);
/* It is not ours to change: closing it writes nothing back either. */
void	 db_leave(struct db *);
/* When the log was last written back to the file, in wall time; 0: not yet. */
uint64_t db_checkpointed_ns(const struct db *);

/* Statements without parameters or rows, before db_prepare only. */
int	 db_script(struct db *, const char *sql, char *why, size_t whylen);
/* The one number that a pragma answers. */
int	 db_pragma(struct db *, const char *sql, int64_t *value);

/*
 * Parameters by format, in order: i int64_t; s const char * (NULL is null);
 * e const char *, where "" is null too; t const char * and size_t as text;
 * b const void * and size_t as a blob; n nothing, which is null.
 */
int	 db_run(struct db *, enum db_sql, const char *fmt, ...);
int	 db_query(struct db *db, enum db_sql which, db_row_cb *cb, void *ctx,
	    const char *fmt, ...);

/*
 * The same, at most for ms: then it is given up and -ETIME.  For reads whose
 * cost a client decides.
 */
int	 db_query_within(struct db *db, int ms, enum db_sql which,
	    db_row_cb *cb, void *ctx, const char *fmt, ...);

/* Borrowed for the call; nonzero ends the walk. */
typedef int	 db_word_cb(void *ctx, const char *word, size_t len);
/* The words of n bytes of text, as the full-text index has them. */
int	 db_words(struct db *, const char *text, size_t n, db_word_cb *,
	    void *ctx);

int64_t		 db_int(const struct db_row *, int column);
/* "" for null.  len may be NULL. */
const char	*db_text(const struct db_row *, int column, size_t *len);
/* NULL and 0 for null. */
const void	*db_bytes(const struct db_row *, int column, size_t *len);
/* NULL for null, and for what is not exactly that long. */
const void	*db_blob(const struct db_row *, int column, size_t len);
int		 db_is_null(const struct db_row *, int column);

/* Has a row of sessions been changed since this was asked last? */
bool	 db_sessions_changed(struct db *);
/*
 * Another program's file, to be read once.  Nothing of it is trusted: what its
 * schema wants executed is refused.  Opening it may finish what its own log
 * holds, so it must be a copy.
 */
int	 db_open_foreign(const char *name, struct db **out, char *why,
	    size_t whylen);
/*
 * Which of its columns an ordinary table has: present[i] for names[i].  0, or
 * > 0 when there is no such table.
 */
int	 db_columns(struct db *, const char *table, const char *const *names,
	    size_t n, bool *present);
/* As db_query, of a foreign file, with a statement of the caller's. */
int	 db_query_foreign(struct db *db, const char *sql, db_row_cb *cb,
	    void *ctx, const char *fmt, ...);
/* What the library says about the last failure. */
const char	*db_message(const struct db *);

int64_t	 db_changes(const struct db *);	/* rows of the last statement */
/* End a transaction that failed, also where SQLite has done so itself. */
void	 db_rollback(struct db *);

#endif
