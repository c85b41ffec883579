/*
 * One request on its way through the handlers, and the ways to answer it.
 *
 * A handler answers (answer_*) or asks stored (ask_*) and returns; either
 * way it must not touch the request after an answer, which frees it.
 */
#ifndef COVEN_APID_REQUEST_H
#define COVEN_APID_REQUEST_H

#include "common/jsonw.h"
#include "coven-apid/apid.h"
#include "coven-apid/json.h"

#define REPLY_MAX	((size_t)LIMIT_REPLY)

struct request;
struct rows;

/* Takes what stored answered.  reply and rows are borrowed. */
typedef void	reply_fn(struct request *, const struct msg_reply *,
		    struct rows *);

struct request {
	struct apid			*apid;
	struct conn			*conn;
	uint64_t			 tag;
	const struct http_request	*http;
	void	(*handler)(struct request *);
	char		*path;		/* the target, cut up */
	const char	*query;		/* behind the '?'; "" without */
	const char	*id;		/* the session's, raw; may be NULL */
	reply_fn	*on_reply;	/* set while stored is asked */
	bool		 who;		/* set while the monitor is asked */
	bool		 rotating;	/* the same, for another token */
	bool		 waiting;	/* stored may hold its answer back */
	struct stream	*stream;	/* the answer is one */
	/* what answers of several pages gather */
	struct buf	 body, marks;
	size_t		 written;	/* rows in body */
	uint64_t	 after_seq;	/* the last event in body */
	bool		 limited;	/* the client named a limit */
	char		*spare;		/* freed with the request */
	uint64_t	 version;	/* of the store, as of its first page */
	struct pairing	*pairing;	/* one that is being made */
	actor_text	 actor;		/* see request_actor */
};

/* --- who asks ------------------------------------------------------------ */

/* For messages that change something: the record names who asked for it. */
const char	*request_actor(struct request *);
/* A refusal for the audit: what, and by which rule, in words of ours. */
void		 request_note(struct request *, enum audit_verb,
		    const char *what);

/* --- the query and the body --------------------------------------------- */

/* The first value of key, not decoded and not NUL-terminated, or NULL. */
const char	*query_get(const char *query, const char *key, size_t *len);
/*
 * An integer.  0 and *v; QUERY_ABSENT; QUERY_BAD when it is there and is
 * none.
 */
enum { QUERY_ABSENT = 1, QUERY_BAD = 2 };
int	query_int(const char *query, const char *key, int64_t *v);

/*
 * The one value that is percent-encoded, as valid text without a NUL, appended
 * to out.  0, QUERY_ABSENT, or QUERY_BAD.
 */
int	query_text(const char *query, const char *key, struct buf *out);

/*
 * The body as JSON; an empty one is {}.  0, or JSON_BAD after answering 400.
 */
int	request_json(struct request *, struct json **);

/*
 * How long stored may hold the answer back, of what the client asked for, in
 * ms.  Long waits are rationed: they hold a connection each.
 */
uint32_t	request_wait(struct request *, int64_t wait_ms);

/* --- answering ---------------------------------------------------------- */

enum api_error {
	API_NOT_FOUND,
	API_VERSION,			/* invalid_request as 404 */
	API_INVALID,
	API_QUERY_TOO_BROAD,
	API_FORBIDDEN,
	API_SCOPE,			/* forbidden to this token */
	API_MISDIRECTED,
	API_NO_TOKEN_MODE,
	API_PAIRING_EXISTS,
	API_PAIRING_NOT_FOUND,
	API_PAIRINGS_FULL,
	API_SESSION_NOT_FOUND,
	API_SESSION_NOT_LIVE,
	API_SESSION_LIVE,
	API_SESSION_NO_TERMINAL,
	API_ARCHIVE_NOT_FOUND,
	API_NO_CHANGES,
	API_CHANGES_BUSY,
	API_CHANGES_FAILED,
	API_INPUT_TOO_LARGE,
	API_EVENTS_TOO_LARGE,
	API_PAYLOAD_TOO_LARGE,
	API_UNKNOWN_FAMILIAR,
	API_FAMILIAR_LOOKUP,
	API_LAUNCH_FAILED,
	API_SEND_INPUT_FAILED,
	API_KILL_FAILED,
	API_ID_CONFLICT,
	API_NOT_EXTERNAL,
	API_EXTERNAL_NOT_KILLABLE,
	API_IDENTITY_MISMATCH,
	API_BINDING_INVALID,
	API_BINDING_UNSUPPORTED,
	API_ADOPTION_INVALID,
	API_UNAVAILABLE,
	API_INTERNAL,
	API__COUNT
};

void	answer(struct request *, int status, const struct buf *body);
/* The same of bytes that lie elsewhere. */
void	answer_bytes(struct request *, int status, const char *, size_t n);
/* Prebuilt: a whole reply. */
void	answer_whole(struct request *, const struct buf *reply);
void	answer_error(struct request *, enum api_error, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* With details, an object already encoded. */
void	answer_error_details(struct request *, enum api_error,
	    const struct buf *details, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
/* With details {name: value}. */
void	answer_error_with(struct request *, enum api_error, const char *name,
	    const char *value, const char *fmt, ...)
	    __attribute__((format(printf, 5, 6)));
/* With details {"fields":[field]}. */
void	answer_error_field(struct request *, enum api_error,
	    const char *field, const char *fmt, ...)
	    __attribute__((format(printf, 4, 5)));
/* {"accepted":true,"ok":true} as 202 */
void	answer_accepted(struct request *);
/* {"ok":true,WHAT:true,"id":...} as 200: what the route's id names has gone. */
void	answer_done(struct request *, const char *what);
/* What a code of stored means where a route has no meaning of its own. */
void	answer_store_code(struct request *, const struct msg_reply *);

void	request_free(struct request *);

/* --- asking stored (ask.c) ---------------------------------------------- */

/*
 * Send msg, whose tag is the request's; cb gets the answer.  fd is borrowed,
 * or -1.  When stored cannot be asked the request is answered here.
 */
void	ask(struct request *, enum msg_type, const void *msg, int fd,
	    reply_fn *cb);
/* The same with a record in a sealed memfd. */
void	ask_with_record(struct request *, enum msg_type, const void *msg,
	    enum msg_type record_type, const void *record, reply_fn *cb);

/* The next row of an answer: true while there is one of that type. */
bool	rows_next(struct rows *, enum msg_type, union msg_any *);

/* An answer that is JSON, for answer_bytes alone; NULL: it is not. */
const char	*rows_json(const struct rows *, size_t *n);

/* --- encoding rows (record.c) ------------------------------------------- */

void	record_session(struct jw *, const struct msg_session_row *);
/* One session row as the whole answer. */
void	answer_session(struct request *, int status, struct rows *);
/* The same of one that was just started. */
void	answer_launched(struct request *, struct rows *);
/* An event of that session. */
void	record_event(struct jw *, const char *session,
	    const struct msg_event_row *);
/* That as 200, or what the code means. */
reply_fn	answer_record;

/* --- handlers ----------------------------------------------------------- */

typedef void	handler_fn(struct request *);

handler_fn	on_health, on_api_version, on_capabilities, on_actions;
handler_fn	on_familiars;
handler_fn	on_sessions, on_session, on_external, on_complete;
handler_fn	on_archive, on_summon, on_delete, on_stats;
handler_fn	on_launch;
handler_fn	on_changes, on_apply, on_discard;
handler_fn	on_input, on_kill, on_signal, on_resize;
handler_fn	on_archives, on_archive_get, on_archive_delete;
handler_fn	on_audit;
handler_fn	on_events, on_session_events, on_log, on_stream;
handler_fn	on_stop;
handler_fn	on_token_rotate, on_pair, on_pairings, on_unpair;

#endif
