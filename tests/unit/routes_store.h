/*
 * Stand-ins for the monitor and stored, in one process, for the tests of
 * apid: what they were told lies in memory shared with the test.
 */
#ifndef COVEN_TESTS_ROUTES_STORE_H
#define COVEN_TESTS_ROUTES_STORE_H

#include <stdint.h>

#include "coven-apid/conn.h"

#define SEEN_MAX	8192

/* In token mode: the session token, and the one that a rotation brings. */
#define SESSION_1	"coven_s_first"
#define SESSION_2	"coven_s_second"

/* Written by one side, polled by the other. */
struct shared {
	/* orders */
	volatile int		inside;		/* WHO_REPLY says so */
	volatile int		restart;	/* stored goes and comes back */
	volatile int		die;		/* stored goes */
	volatile int		release;	/* STOP's connection closes */
	volatile int		swept;		/* stored says so, for health */
	volatile int		shutdown;
	volatile int		rotate_fails;
	volatile unsigned	overlap_ms;	/* of a rotation */
	volatile unsigned	sessions;	/* in the list */
	volatile unsigned	grown;		/* events of "grow" */
	volatile int		grown_up;	/* it has ended */
	volatile int		gone;		/* it is deleted */
	/* what arrived */
	volatile unsigned	whos, cancels, stops, launches, inputs, lost;
	volatile unsigned	notes;		/* for the audit */
	volatile unsigned	uses;		/* of paired tokens */
	volatile unsigned	stuck;		/* asked for, not answered */
	volatile unsigned	asks;		/* for events */
	volatile unsigned	signo;
	volatile unsigned	transport, stdin_eof, rows, cols;
	volatile unsigned	args_len, env_len, data_len, eof;
	volatile unsigned	after_seq, limit, wait_ms;
	char			args[SEEN_MAX], env[SEEN_MAX], data[SEEN_MAX];
	char			payload[SEEN_MAX], cwd[SEEN_MAX];
	char			title[SEEN_MAX], stdin_data[SEEN_MAX];
	char			labels[SEEN_MAX], conversation[SEEN_MAX];
	char			query[SEEN_MAX], filter[SEEN_MAX];
};

struct identity_of {
	uint32_t	 pid;
	const char	*started_at, *socket;
};

/*
 * Run both stand-ins on the monitor's end of a control channel until told to
 * shut down.  Sessions that exist: "live" runs, "ended" has ended, "ext" is
 * external, "stuck" is never answered, "evs" has 5 events, "big" 100 events
 * of 60,000 bytes, "grow" as many as it is told.  Never returns.
 */
void	store_serve(struct shared *, int control, int listener,
	    const struct server_conf *, const struct identity_of *)
	    __attribute__((noreturn));

#endif
