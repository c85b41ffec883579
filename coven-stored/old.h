/*
 * The database of an earlier daemon of this home: a copy of it in stored's
 * folder, which the monitor made.  Read once, row by row; nothing in it is
 * trusted.
 */
#ifndef COVEN_STORED_OLD_H
#define COVEN_STORED_OLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OLD_FILE	"old.sqlite3"	/* storefd.h names it too */

struct old;

/* Is there a copy?  A link does not count. */
bool	 old_is_there(void);
void	 old_remove(void);

/* 0, or < 0 with a sentence in why. */
int	 old_open(struct old **, char *why, size_t len);
void	 old_close(struct old *);
/* What the library says about the last failure. */
const char	*old_message(const struct old *);

/* Strings are never NULL, borrowed for the call, and any bytes at all. */
struct old_text {
	const char	*p;
	size_t		 len;
	bool		 null;
};

struct old_session {
	int64_t		 row;
	struct old_text	 id, root, harness, title, status, archived_at;
	struct old_text	 created_at, updated_at, conversation, familiar;
	struct old_text	 labels, transcript;
	bool		 has_exit, external;
	int32_t		 exit;
};

struct old_event {
	int64_t		 row;		/* its number */
	struct old_text	 id, session, kind, payload, created_at;
};

/* Nonzero ends the walk. */
typedef int	 old_session_cb(void *ctx, const struct old_session *);
typedef int	 old_event_cb(void *ctx, const struct old_event *);

/* Rows with a number over after, ascending, at most limit.  0 or -errno. */
int	 old_sessions(struct old *, int64_t after, uint32_t limit,
	    old_session_cb *, void *);
int	 old_events(struct old *, int64_t after, uint32_t limit,
	    old_event_cb *, void *);
/* The largest number of an event; 0: there is none. */
int	 old_last_event(struct old *, int64_t *row);

/*
 * Back from any RFC 3339 time, with an offset, with more or fewer digits.  0
 * and *wall_ns, or -EPROTO, also for times before 1970.
 */
int	 old_time(const char *, uint64_t *wall_ns);

#endif
