/*
 * One session's runner: between the payload's descriptors and the store.
 *
 * It is told what to do by the monitor (control), how the payload ended by
 * init, and what is durable by stored.  It is no ancestor of the payload,
 * opens no file and makes no socket.
 */
#ifndef COVEN_RUNNER_RUN_H
#define COVEN_RUNNER_RUN_H

#include "common/chan.h"
#include "coven-runner/input.h"
#include "coven-runner/out.h"
#include "coven-runner/stream.h"
#include "coven-runner/term.h"
#include "coven-runner/window.h"

#define RUN_SMALL	4	/* un-acknowledged before small events wait */

struct run {
	struct loop	*loop;
	struct chan	 control, stored, init;
	struct redactor	*redactor;	/* before anything is read */
	struct window	 window;
	struct out	 out;
	struct term	 term;
	struct input	 input;
	struct source	 writable;	/* input's, armed while it waits */
	struct stream	 stream[OUT_STREAMS];
	struct timer	 drain, resend, pace;
	struct timer	 wall;		/* the payload's deadline */
	uint64_t	 most;		/* bytes of output; 0: no bound */
	int64_t		 small_ns;	/* when the last small event left */
	uint64_t	 drained;	/* bytes read when drain was started */
	int		 io[3];		/* pipes, until RUN_GO */
	int		 tty;		/* master, until RUN_GO */
	uint32_t	 rows, cols;	/* asked for before it was there */
	enum transport	 transport;
	bool		 go;		/* RUN_GO has come */
	bool		 agent;		/* not reading its prompt is failure */
	bool		 init_seen, init_gone;
	bool		 has_exit;	/* INIT_EXIT has come */
	struct msg_init_exit exit;
	bool		 has_limit;	/* RUN_LIMIT has come */
	uint32_t	 limit;		/* enum bound; the first one stays */
	bool		 finished;	/* RUN_EXIT is in the window */
};

/* The bounds that the runner keeps (bound.c). */
void	run_bound(struct run *, const struct msg_run_go *);
void	run_bound_end(struct run *);
chan_handler	run_on_limit;
/* More than it may print: the rest is not read. */
bool	run_said_too_much(struct run *);
/* The bound that ended the payload, if one did. */
void	run_note_limit(struct run *, uint32_t limit);

/* The monitor's messages, for role_start; their ctx is the struct run. */
extern chan_handler *const run_control_handlers[MSG__COUNT];

/* A new size from stored, and one that came before the terminal (size.c). */
chan_handler	run_on_resize;
void	run_late_size(struct run *);

/* loop is borrowed; control is opened by the caller (role_start). */
void	run_init(struct run *, struct loop *);
void	run_fini(struct run *);

#endif
