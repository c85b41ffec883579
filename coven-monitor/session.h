/*
 * Sessions as the monitor sees them: an id, what it is to run, two processes,
 * and two keys that must both turn before anything is forgotten (both pidfds
 * say dead, stored says settled).
 */
#ifndef COVEN_MONITOR_SESSION_H
#define COVEN_MONITOR_SESSION_H

#include "common/bounds.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/root.h"
#include "coven-monitor/usage.h"

enum session_state {
	SESSION_PREPARED,	/* judged, descriptors held, nothing runs */
	SESSION_SPAWNING,	/* on record; both confine themselves */
	SESSION_LAUNCHING,	/* told what to run */
	SESSION_RUNNING,	/* execve succeeded */
	SESSION_FAILED,		/* did not start; its processes are ending */
	SESSION_ENDING,		/* the init is dead, the runner may write */
	SESSION_GONE,		/* both dead; waiting for stored's word */
	SESSION_STATES
};

struct session {
	struct session		*next;
	struct monitor		*monitor;
	char			 id[UUID_LEN];
	enum session_state	 state;
	struct root		 root;
	char			*work;		/* its folder, or NULL */
	int			 spec;		/* memfd */
	struct buf		 spec_bytes;
	struct msg_run_spec	 run;		/* points into spec_bytes */
	struct harness_entry	*harness;
	struct pair		*pair;
	bool			 network;	/* some rule lets it out */
	struct buf		 rules;		/* NET_RULE records */
	bool			 spare;		/* the pair was made ahead */
	bool			 range;		/* its payload's id is of one */
	bool			 killing;
	struct bounds		 bounds;	/* what holds for it */
	unsigned		 held;		/* of them, by its cgroup */
	int			 memory_set;	/* by the configuration */
	enum bound		 limit;		/* that the monitor saw hit */
	struct timer		 over;		/* looks at them (over.c) */
	struct timer		 kill;		/* TERM becomes KILL */
	struct usage		 usage;		/* as it was read at: */
	int64_t			 usage_at_ns;
	bool			 measured;
	char			 step[64];	/* of a failed start */
	char			 cause[256];
};

struct session	*session_find(struct monitor *, const char *id);

/*
 * Judge a spec and hold what it needs.  RUN_OK and *out, or a code with a
 * sentence in why.  *fd (the spec) is taken over on success.
 */
enum run_code	 session_prepare(struct monitor *, const char *id, int *fd,
		    struct msg_bin digest, struct session **out, char *why,
		    size_t len);
/* It may be committed any moment: have a spare at hand. */
void		 session_ahead(struct session *);
void		 session_start(struct session *);
/* TERM to everyone, KILL after the grace.  Idempotent. */
void		 session_kill(struct session *, unsigned grace_ms);
/* A step failed before or in the init. */
void		 session_fail(struct session *, const char *step,
		    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void		 session_started(struct session *);
void		 session_settled(struct session *);
/* A bound of it is reached: why it ends (over.c). */
void		 session_over(struct session *, enum bound);
/* Look at what only the monitor can, from its start to its end. */
void		 session_watch(struct session *);
/* Its init is dead: say of what, to the runner that has not heard. */
void		 session_tell_limit(struct session *);
/* What its two processes do. */
void		 session_pair_ready(struct session *);
void		 session_init_ended(struct session *);
void		 session_runner_ended(struct session *);
void		 session_gateway_ended(struct session *);
/* A spare is gone that had been told nothing: another pair will do. */
void		 session_lose_pair(struct session *);
/* Forget a session that never started (its stored died, or refused). */
void		 session_drop(struct session *);
/* A new stored: hand over the live sessions' channels. */
void		 session_rejoin_all(struct monitor *);
/* It has recovered: tell it of those that went while it could not hear. */
void		 session_tell_gone(struct monitor *);

#endif
