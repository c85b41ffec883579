/*
 * The state of coven-apid: two channels, one listener, what health says.
 */
#ifndef COVEN_APID_APID_H
#define COVEN_APID_APID_H

#include "common/chan.h"
#include "common/harness.h"
#include "coven-apid/auth.h"
#include "coven-apid/conn.h"
#include "coven-apid/note.h"

/* A harness row and the bytes that its fields point into. */
struct harness {
	struct msg_harness_row	 row;
	char			*bytes;
};

/* Who can be asked for by familiarId. */
struct roster {
	struct buf		 rows;		/* what v points into */
	struct msg_familiar_row	*v;
	size_t			 n;
	char			*bad;		/* why it cannot be read */
	struct buf		 reply;		/* GET /familiars */
};

/* Who this daemon is: health and daemon.json carry the same. */
struct identity {
	uint32_t	 pid;
	char		*started_at;
	char		*socket;
};

/* A list of sessions as it was answered, and the store's version then. */
struct kept_list {
	char		*target;	/* NULL: none */
	uint64_t	 version;
	struct buf	 body;
};

#define KEPT_LISTS	4

struct apid {
	struct kept_list kept[KEPT_LISTS];
	unsigned	 next_kept;	/* the place that is given up next */
	struct loop	*loop;
	struct chan	 control;	/* to the monitor */
	struct chan	 stored;	/* closed: stored is down */
	const char	*shelf;		/* what stored wrote, or NULL */
	uint64_t	 shelf_taken;	/* answers */
	size_t		 shelf_due;	/* bytes, since stored was told */
	bool		 stored_lied;	/* that is why it is closed */
	struct timer	 lost;		/* asks for another one */
	struct server	*server;	/* NULL until LISTENER */
	struct streams	*streams;
	struct auth	 auth;
	struct identity	 identity;
	struct harness	 harnesses[LIMIT_HARNESSES];
	size_t		 nharnesses;
	struct roster	 roster;
	struct buf	 health;	/* a whole reply */
	uint64_t	 health_s;	/* the second that its ages are of */
	struct msg_store_stats	 writer;	/* of stored, for it */
	char		 oldest[RFC3339_LEN];
	unsigned	 store_opens;	/* channels to stored, so far */
	struct notes	 notes;		/* refusals, for the audit */
	unsigned	 waiters;	/* requests that wait for an event */
	enum sandbox_mode sandbox;	/* of every session */
	bool		 bypass;	/* COVEN_CLAUDE_BYPASS_PERMISSIONS */
	bool		 stopping;
	struct timer	 stop;
	int64_t		 stop_end_ns;
};

/* loop is borrowed.  control is opened by the caller, with apid_handlers. */
void	apid_init(struct apid *, struct loop *);
void	apid_fini(struct apid *);

/* For the control channel; ctx is the struct apid. */
extern chan_handler *const apid_handlers[MSG__COUNT];

/* --- pieces that files of this folder share ----------------------------- */

/* Handlers of the channel to stored, and its end (ask.c). */
extern chan_handler *const ask_handlers[MSG__COUNT];
void	ask_on_end(struct chan *, int why);
/* Every request that waits for stored gets 503. */
void	ask_fail_all(struct apid *);
void	ask_fini(void);
/* Drop what was kept of lists of sessions (on_sessions.c). */
void	sessions_forget(struct apid *);

/* Requests enter here (routes.c). */
extern const struct server_ops routes_ops;
chan_handler	routes_on_who_reply;

/* Build apid->health (on_health.c), anew when a part of it changes. */
void	health_build(struct apid *);
chan_handler	health_on_stats;

/* The configured harness with this id, or NULL (harnesses.c). */
const struct msg_harness_row	*harness_find(const struct apid *,
		    const char *id);
/* Append "codex, claude, ...". */
void	harness_names(const struct apid *, struct buf *out);
chan_handler	harness_on_row;

/* The familiar with this id, or NULL (familiars.c). */
const struct msg_familiar_row	*familiar_find(const struct apid *,
		    const char *id);
/* Append what a harness is told about who it is. */
void	familiar_preamble(const struct msg_familiar_row *, struct buf *out);
chan_handler	familiars_on_roster;
void	familiars_init(struct apid *);
void	familiars_fini(struct apid *);

#endif
