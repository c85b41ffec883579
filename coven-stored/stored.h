/*
 * coven-stored: what is on record, and what may therefore happen.
 *
 * Three kinds of work.  Jobs (writer.c, jobs.c) change the store: all that a
 * turn of the loop gathered go into one transaction, and only when that is
 * durable is anybody told.  Asks (asks.c) read; they are answered after the
 * commit, so that nothing uncommitted is ever shown.  Runs (run.c) are the
 * sessions that the monitor holds, each with its runner's channel.
 */
#ifndef COVEN_STORED_STORED_H
#define COVEN_STORED_STORED_H

#include <sys/queue.h>
#include <sys/tree.h>

#include "common/buf.h"
#include "common/chan.h"
#include "common/clock.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/shelf.h"
#include "coven-stored/heads.h"
#include "coven-stored/reserve.h"
#include "coven-stored/store.h"
#include "redact/redact.h"

#define RUNS_MAX	100000	/* as session.max_live's maximum */

struct stored;
struct run;
struct job;
struct ask;
struct page_json;
struct page;

/* A request of apid that has not been answered.  Cleared when apid goes. */
struct asked {
	bool		pending;
	uint64_t	tag;
};

/* --- runs --- */

enum run_state {
	RS_PREPARING,		/* the monitor looks at the spec */
	RS_RECORDING,		/* the row is being committed */
	RS_STARTING,		/* RUN_START was sent */
	RS_LIVE,
	RS_ENDING,		/* the end is being committed */
	RS_ENDED,		/* it is durable */
	RS__COUNT
};

/* Bytes on their way to a payload's standard input. */
struct input {
	TAILQ_ENTRY(input)	 link;
	uint64_t		 serial;	/* the runner's tag */
	struct asked		 asked;
	char			*actor;		/* who sent it */
	char			*payload;	/* of the event */
	size_t			 len, weight;
};

/* A new size on its way to a payload's terminal. */
struct resize {
	TAILQ_ENTRY(resize)	 link;
	uint64_t		 serial;	/* the runner's tag */
	struct asked		 asked;
};

/* What the monitor said of it. */
struct usage {
	bool		 asked, known;
	uint64_t	 cpu_us, memory;
	uint32_t	 processes;
	bool		 capped, shared;
};

struct run {
	RB_ENTRY(run)	 tree;		/* stored.runs, by id */
	struct stored	*stored;
	char		 id[UUID_LEN];
	int64_t		 key;
	enum run_state	 state;
	bool		 conversation;
	bool		 killing;	/* a kill is on record */
	bool		 exited;	/* RUN_EXIT came */
	bool		 gone;		/* RUN_GONE came */
	bool		 broken;	/* it lied; its channel is closed */
	bool		 refused;	/* a write was left out: no more */
	bool		 draining;	/* taking what a dead one left */
	bool		 settled;	/* nothing more is owed the monitor */
	char		 cause[257];	/* why it is gone */

	struct chan	 chan;		/* its runner */
	uint64_t	 accepted;	/* last write taken */
	uint64_t	 durable;	/* last write committed */
	uint64_t	 apply_n;	/* in the open transaction */
	uint64_t	 apply_bytes;	/* with it */
	uint64_t	 output_bytes;	/* of payloads, durable */
	uint64_t	 created_ns;
	struct usage	 usage;
	bool		 ack_due;
	size_t		 backlog;	/* bytes in jobs */
	unsigned	 jobs, end_jobs;

	struct redact	*typed;		/* its input so far, for clean.c */
	struct asked	 launch;
	char		*actor;		/* who launched it */
	struct buf	 record;	/* its SESSION_ROW, encoded */
	uint8_t		 digest[MSG_DIGEST_LEN];

	uint64_t	 kills[LIMIT_STORE_KILLS];
	unsigned	 nkills;
	struct timer	 kill_timer;
	struct timer	 gone_timer;	/* ended: its processes are not */

	TAILQ_HEAD(, input) inputs;
	unsigned	 ninputs;
	size_t		 input_bytes;

	TAILQ_HEAD(, resize) resizes;
	unsigned	 nresizes;
};

RB_HEAD(run_tree, run);
RB_PROTOTYPE(run_tree, run, tree, run_cmp)

struct run	*run_find(struct stored *, const char *id);
/* A run that is not there yet; NULL when there are too many. */
struct run	*run_new(struct stored *, const char *id, enum run_state);
void		 run_set(struct run *, enum run_state);
void		 run_set_record(struct run *, struct buf *);	/* takes it */
void		 run_drop_record(struct run *);
/* Its runner may be given input: it is running, and its runner is there. */
bool		 run_takes_input(const struct run *);
/* Take over its runner's channel; RESUME follows, at once or at SERVE. */
void		 run_attach(struct run *, int *fd);
void		 run_resume(struct run *);
/* Its runner is gone or lied: whoever waited for it is told. */
void		 run_detach(struct run *);
/* It said what it may not, and is ended; only its session pays. */
void		 run_lied(struct run *, const char *what);
/* Pause or resume its runner, by how much is queued. */
void		 run_flow(struct run *);
void		 run_ack(struct run *);
/* Answer every kill that waits. */
void		 run_answer_kills(struct run *, enum store_code);
void		 run_input_free(struct run *, struct input *);
/* Nobody will answer the resizes that wait; or their asker has gone. */
void		 run_drop_resizes(struct run *);
void		 run_forget_resizes(struct run *);
chan_handler	 on_resize, on_run_resize_reply;
/* Its end is on record: its processes must follow. */
void		 run_expect_gone(struct run *);
/* Forget the run when nothing needs it any more. */
void		 run_release(struct run *);
void		 runs_free(struct stored *);

/* --- jobs: what changes the store --- */

enum job_kind {
	JOB_AUDIT,		/* a refusal, and its answer */
	JOB_NOTE,		/* what the audit alone has */
	JOB_RECORD,		/* a launch's row */
	JOB_EXTERNAL,
	JOB_COMPLETE,
	JOB_ARCHIVE,
	JOB_DELETE,
	JOB_WORKSPACE,		/* what an ended session left */
	JOB_PHASED,		/* a step with it was taken */
	JOB_FORGET,		/* archives that are too old go */
	JOB_ARCHIVE_DROP,	/* one that a client names goes */
	JOB_CHANGES,		/* signo: enum work_verb */
	JOB_DISCARDED,		/* what one left was thrown away */
	JOB_PAIR,		/* a token is good from now on */
	JOB_UNPAIR,
	JOB_PAIR_USED,
	JOB_EVENT,
	JOB_INPUT,
	JOB_SIGNAL,
	JOB_KILLING,		/* the kill is asked for */
	JOB_HOLD,		/* an exit that waits for its kill */
	JOB_EXIT,
	JOB_FAILED,		/* the launch */
	JOB_GONE,
	JOB_SETTLE,		/* the end of an id that is not a run here */
	JOB__COUNT
};

struct job {
	TAILQ_ENTRY(job)	 link;
	enum job_kind		 kind;
	struct run		*run;		/* or NULL */
	struct asked		 asked;
	int64_t			 key;		/* of the session it touched */
	uint64_t		 n, time_ns;
	enum audit_verb		 verb;
	enum store_code		 code;		/* of the answer */
	bool			 has_code;
	int32_t			 exit_code;
	uint32_t		 signo;
	uint32_t		 limit;		/* enum bound */
	bool			 failed;
	bool			 drop;		/* JOB_FAILED: never started */
	bool			 archive;	/* or summon; a task's folder */
	bool			 chosen;	/* writer.c: in this commit */
	char			*id;		/* owned, or NULL */
	char			*text;		/* owned, or NULL */
	char			*actor;		/* owned, or NULL */
	char			*data;		/* owned, or NULL */
	size_t			 len;
};

TAILQ_HEAD(job_list, job);

enum job_class {
	JOB_WAITS,		/* never given up: waits for space */
	JOB_REFUSED,		/* a request: refused when it must wait */
	JOB_ENDS,		/* waits, and may use the reserve */
};

struct job_row {
	const char	*name;
	enum job_class	 class;
	/* in the transaction: 0 or -errno; may run again after a rollback */
	int		(*apply)(struct stored *, struct job *);
	/* after the commit; may be NULL */
	void		(*done)(struct stored *, struct job *);
	/* it will not be written: JOB_REFUSED, or data the schema refuses */
	void		(*refuse)(struct stored *, struct job *);
	bool		 adds;		/* a session */
};

const struct job_row	*job_row(enum job_kind);
/* Append one to the queue; the caller fills it in before returning. */
struct job	*job_new(struct stored *, enum job_kind, struct run *);
/* Take over n bytes at *data (set to NULL) and count them. */
void		 job_give(struct stored *, struct job *, char **data, size_t n);
/* Of one that is in no list any more; may free its run. */
void		 job_free(struct job *);
/* A refusal on record; the caller adds who is to be told and what. */
struct job	*job_refusal(struct stored *, const char *id,
		    const char *actor, const char *fmt, ...)
		    __attribute__((format(printf, 4, 5)));

/* --- notes.c: records about nothing else that is written --- */

/* Queue one.  Too many at once are counted, and the count is on record. */
void	note(struct stored *, const struct audit_entry *);
void	notef(struct stored *, enum audit_verb, const char *id,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
int	note_apply(struct stored *, struct job *);
void	note_done(struct stored *, struct job *);
chan_handler	on_audit_note;		/* from the monitor and from apid */
chan_handler	on_audit_key;		/* heads.c */

/* --- pairings.c: JOB_PAIR and its kin --- */

int	pair_apply(struct stored *, struct job *);
int	unpair_apply(struct stored *, struct job *);
int	pair_used_apply(struct stored *, struct job *);
void	pair_done(struct stored *, struct job *);
void	unpair_done(struct stored *, struct job *);
void	unpair_refuse(struct stored *, struct job *);
chan_handler	on_pair_add, on_pair_revoke, on_pair_used;
/* Every paired token, as on record now.  0 or -errno. */
int	pairs_reply(struct stored *, struct asked *);

/* --- phases.c: what ended sessions left, a step at a time --- */

struct phases {
	struct timer	 timer;		/* the next look */
	struct timer	 sweep;		/* of what is too old */
	bool		 busy;		/* the monitor takes a step */
	uint32_t	 keep_days, total_mib, keep_count;
	uint32_t	 work_days;	/* 0: for ever */
};

void	phases_init(struct stored *);
void	phases_start(struct stored *);	/* at SERVE */
void	phases_wake(struct stored *);	/* there may be a step to take */
int	workspace_apply(struct stored *, struct job *);
int	phased_apply(struct stored *, struct job *);
int	forget_apply(struct stored *, struct job *);
void	workspace_done(struct stored *, struct job *);
void	phased_done(struct stored *, struct job *);
void	forget_done(struct stored *, struct job *);
chan_handler	on_workspace, on_phased;

/* --- archives.c: what became of them, for clients --- */

/* 0, or -errno with nothing answered. */
int	archives_reply(struct stored *, struct asked *,
	    const struct msg_archive_list *);
int	archive_reply(struct stored *, struct asked *, const char *id);
int	archive_drop_apply(struct stored *, struct job *);
void	archive_drop_done(struct stored *, struct job *);
chan_handler	on_archive_drop;

/* --- writer --- */

struct writer {
	struct job_list	 jobs;
	size_t		 bytes;
	bool		 stalled;	/* the last commit failed */
	bool		 due;		/* stalled: try everything again */
	bool		 end_due;	/* stalled: an end came */
	struct timer	 retry;
	size_t		 gathered;	/* bytes at the last look; 0: none */
	int64_t		 gather_end_ns;
	struct timer	 gather;
	int64_t		 more_end_ns;	/* of taking more requests; 0: not */
	struct reserve	 reserve;
};

void	writer_init(struct stored *);
/* Commit what is queued, then tell; true if anything was committed. */
bool	writer_run(struct stored *);
bool	writer_idle(const struct stored *);

/* JOB_ARCHIVE and JOB_DELETE (records.c). */
int	archive_apply(struct stored *, struct job *);
int	delete_apply(struct stored *, struct job *);
void	delete_done(struct stored *, struct job *);

/* --- changes.c: what isolated sessions left --- */

struct change {
	bool		 busy;		/* the monitor is asked */
	uint64_t	 serial;
	uint32_t	 verb;		/* enum work_verb */
	char		 id[UUID_LEN];
	struct asked	 asked;
};

chan_handler	on_changes, on_work_done;
int	changes_apply(struct stored *, struct job *);
int	discarded_apply(struct stored *, struct job *);
void	changes_done(struct stored *, struct job *);
void	discarded_done(struct stored *, struct job *);
void	changes_drop(struct stored *);		/* apid is gone */

/* --- upkeep: work of the store's own, in pieces, when nobody waits --- */

enum upkeep_task {
	UPKEEP_PURGE,		/* what deleted sessions leave */
	UPKEEP_SEARCH,		/* the full-text index */
	UPKEEP_RETAIN,		/* what is too old */
	UPKEEP_IMPORT,		/* what an earlier daemon left */
	UPKEEP__COUNT
};

struct upkeep {
	struct timer	 timer;
	bool		 due[UPKEEP__COUNT];
	unsigned	 next;		/* whose turn it is */
};

void	upkeep_init(struct stored *);
/* There is work for it. */
void	upkeep_wake(struct stored *, enum upkeep_task);
/* Do it here and now, for so long; what is left is done as ever. */
void	upkeep_now(struct stored *, enum upkeep_task, int64_t ms);

/* --- search: which sessions the index has not read to their end --- */

struct unread;
RB_HEAD(unread_tree, unread);

struct search {
	struct unread_tree unread;	/* by key */
	size_t		 nunread;
	bool		 titles;	/* there are new sessions */
	bool		 waits;		/* they wait for an import */
	bool		 scanning;	/* what an earlier life left */
	int64_t		 scanned;	/* so far */
	struct timer	 delay;
};

void	search_init(struct stored *);
void	search_fini(struct stored *);
/* A session has more to read; key 0: there is a new session. */
void	search_note(struct stored *, int64_t key);
/* Look at every session again. */
void	search_rescan(struct stored *);
void	search_lost(struct stored *, int error);
/* For upkeep: one piece. */
int	search_piece(struct stored *, bool *more);
/* How many sessions have text that is not in the index; 0: none has. */
size_t	search_behind(const struct stored *);

/* --- statistics: what live sessions use, asked of the monitor --- */

struct stats {
	struct asked	 waiting[LIMIT_STATS_ASKED];
	unsigned	 nwaiting;
	bool		 running;
	unsigned	 asked;		/* of the monitor, not answered */
	char		 last[UUID_LEN];	/* the last one asked about */
	int64_t		 known_ns;	/* when they were complete */
	struct timer	 deadline;
};

void		 stats_init(struct stored *);
void		 stats_drop(struct stored *);	/* apid is gone */
chan_handler	 on_session_stats, on_run_stat_reply;

/* --- retention: output is kept for so many days --- */

struct retention {
	uint64_t	 before_ns;	/* of this sweep */
	unsigned	 pieces;	/* of it */
	bool		 indexed;	/* now the index is looked at */
	uint64_t	 swept_ns;	/* when the last was done; 0: never */
	struct timer	 timer;
};

void	retention_init(struct stored *);
/* From now on, every minute. */
void	retention_start(struct stored *);
/* A sweep, now. */
void	retention_sweep(struct stored *);
int	retention_piece(struct stored *, bool *more);	/* for upkeep */

/* --- import: what an earlier daemon of this home left --- */

struct old;

struct import {
	struct old	*old;		/* NULL: there is nothing to do */
	bool		 shown;		/* in the transaction under way */
	unsigned	 failures;	/* of our own disk, one after another */
};

/* No copy was ever read to its end, and there is none. */
bool		 import_wanted(struct stored *);
/* If there is a copy, take it over; the rest of it later. */
void		 import_start(struct stored *);
void		 import_fini(struct stored *);
/* For upkeep: a piece, its commit, its failure. */
int		 import_piece(struct stored *, bool *more);
void		 import_done(struct stored *);
void		 import_failed(struct stored *, int error);
chan_handler	 on_import;

/* --- asks: what reads --- */

TAILQ_HEAD(ask_list, ask);
RB_HEAD(wait_tree, ask);		/* held, by session and age */

/* Queue a request of apid for after the commit. */
void	ask_add(struct stored *, enum msg_type, const union msg_any *);
/* Answer what is queued, as long as apid reads; true if anything was. */
bool	asks_run(struct stored *);
void	asks_drop(struct stored *);		/* apid is gone */
/* In place of a session's key: whoever waits for a record of the audit. */
#define WAIT_AUDIT	INT64_C(-1)
/* A session has a new event, or an end: held answers go out. */
void	asks_wake(struct stored *, int64_t key);

void	stored_reply(struct stored *, struct asked *, enum store_code,
	    const char *text);
/* The same with rows of encoded records. */
void	stored_reply_rows(struct stored *s, struct asked *asked,
	    enum store_code code, const struct buf *rows, uint32_t count,
	    bool more);
/* With rows that another role wrote; fd may be -1. */
void	stored_reply_fd(struct stored *, struct asked *, enum store_code,
	    int fd, uint32_t count, bool more, const char *text);
/*
 * A page, with a word about it: the status of a session whose last event it
 * holds, how much a search may have missed, a time, or "".
 */
void	stored_reply_page(struct stored *, struct asked *, const struct page *,
	    const char *text);
/* With a page that is the whole answer, where shelf_room said or elsewhere. */
void	stored_reply_json(struct stored *, struct asked *,
	    const struct page_json *);
/* With one session as it is on record now. */
void	stored_reply_session(struct stored *, struct asked *, enum store_code,
	    const char *id);

/* --- what health says of the writer (report.c) --- */

struct report {
	bool		 due;		/* something has changed */
	struct timer	 pause;		/* running: said a moment ago */
	uint64_t	 transactions;
	uint64_t	 first_seq;	/* when this process began */
	int64_t		 sized_ns;	/* when it looked at these: */
	struct store_size size;
	struct store_work_stats work;
	bool		 work_due;	/* that has changed */
	char		 oldest[RFC3339_LEN];
};

void	report_init(struct stored *);
void	report_fini(struct stored *);
/* At the end of a turn: tell apid, when it is due and it listens. */
void	report_send(struct stored *);

/* --- the role --- */

struct stored {
	struct loop		*loop;
	struct chan		*control;
	struct chan		 apid;
	struct shelf		 shelf;		/* apid reads it */
	struct store		*store;
	struct redactor		*redactor;	/* before SERVE */
	uint32_t		 log_retention_days;
	struct writer		 writer;
	struct report		 report;
	struct upkeep		 upkeep;
	struct search		 search;
	struct stats		 stats;
	struct change		 changes[LIMIT_CHANGES_AT_ONCE];
	struct retention	 retention;
	struct phases		 phases;
	struct import		 import;
	struct run_tree		 runs;
	size_t			 nruns, nlaunches, record_bytes;
	struct ask_list		 asks;
	struct wait_tree	 waits;
	size_t			 nwaits;
	uint64_t		 serial;	/* for inputs and waits */
	uint32_t		 pair_max_days;
	unsigned		 nunpairs;	/* queued */
	struct heads		 heads;
	uint64_t		 audit_woken;	/* last record told of */
	unsigned		 nnotes;	/* queued */
	uint64_t		 notes_lost;
	int64_t			 notes_window_ns;	/* of apid's */
	unsigned		 notes_told;
	bool			 serving, stopping;
	struct timer		 stop_timer;
	struct log_limit	 limit;
};

/* Handlers of the three kinds of channel. */
extern chan_handler *const	stored_control[MSG__COUNT];
extern chan_handler *const	stored_apid[MSG__COUNT];
extern chan_handler *const	stored_runner[MSG__COUNT];

/*
 * Begin, on a loop and a control channel in CS_READY that the caller owns.
 * The store lies in the working directory.  0, or < 0 with a sentence in why.
 */
int	stored_init(struct stored *, struct loop *, struct chan *control,
	    char *why, size_t whylen);
void	stored_fini(struct stored *);
/* To the monitor.  Nothing of what is sent may be lost: failure is fatal. */
void	stored_tell(struct stored *, enum msg_type, const void *, int fd);
void	stored_stop_if_done(struct stored *);
void	stored_apid_ended(struct chan *, int why);

#endif
