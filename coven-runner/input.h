/*
 * What waits to be read by the payload: a bounded queue in front of its
 * standard input.  Writing never blocks, and a payload that does not read
 * costs nobody else anything.
 */
#ifndef COVEN_RUNNER_INPUT_H
#define COVEN_RUNNER_INPUT_H

#include <stdbool.h>

#include "common/buf.h"

/* RUN_INPUT_REPLY.code */
enum { INPUT_QUEUED, INPUT_FULL, INPUT_CLOSED };

struct input {
	int		fd;		/* non-blocking; -1: none */
	bool		tty;		/* ends by VEOF, not by closing */
	bool		eof;		/* nothing may be queued any more */
	bool		sink;		/* then: accept and discard */
	bool		closed;		/* no reader, or its end was reached */
	bool		ended;		/* VEOF is in the queue */
	char		last;		/* byte written */
	struct buf	first, q;	/* first goes first */
};

void	input_init(struct input *);
void	input_fini(struct input *);	/* closes fd */

/* Take over *fd; tty for a terminal's master. */
void	input_open(struct input *, int *fd, bool tty);
/* The bytes that go before all others.  0 or -EMSGSIZE. */
int	input_first(struct input *, const void *, size_t);
/*
 * No byte after those given so far.  sink: what comes later is answered
 * INPUT_QUEUED and dropped, with what input_add queued before.
 */
void	input_eof(struct input *, bool sink);
/* Queue all n bytes or none; answers one of the codes. */
int	input_add(struct input *, const void *, size_t);
/* A terminal's answer: even after the end; lost when there is no room. */
void	input_answer(struct input *, const void *, size_t);
/* The payload is gone: nothing can be delivered any more. */
void	input_close(struct input *);

/* Is there something to write, or an end to bring about? */
bool	input_pending(const struct input *);
/* Were input_first's bytes all written? */
bool	input_first_done(const struct input *);
/* Write what goes; afterwards wait for room while input_pending. */
void	input_flush(struct input *);

#endif
