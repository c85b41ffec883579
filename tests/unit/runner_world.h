/*
 * Everyone a runner talks to, for tests of it: the monitor, stored, init and
 * the payload's ends of its descriptors.  The runner itself is a child
 * process, so that it ends as it would.
 */
#ifndef COVEN_TESTS_RUNNER_WORLD_H
#define COVEN_TESTS_RUNNER_WORLD_H

#include <sys/types.h>

#include <stdbool.h>

#include "common/chan.h"

#define WORLD_TAGS	64

struct world {
	struct loop	*loop;
	struct chan	 monitor, stored, init;	/* our ends */
	pid_t		 runner;
	int		 io[3];		/* the payload's pipe ends; or */
	int		 tty;		/* its terminal */

	/* stored: what it has, how far it acknowledges */
	bool		 ack;		/* at once */
	uint64_t	 have, acked;
	struct buf	 out, err;	/* the bytes of each stream */
	size_t		 out_at[1024];	/* out's length after write n */
	struct buf	 text;		/* all data members, one a line */
	unsigned	 events, with_b64;
	bool		 has_exit;
	struct msg_run_exit exit;
	uint32_t	 reply[WORLD_TAGS];	/* code + 1 */
	uint32_t	 over;		/* the bound it has asked an end for */
	uint32_t	 limit;		/* what the monitor saw init die of */
	bool		 stored_lost, init_lost, monitor_lost;
};

struct world_spec {
	enum transport	 transport;
	const char	*harness;	/* NULL: exec */
	const char	*prompt;
	bool		 eof;
	bool		 without_patterns;
	uint32_t	 wall_s;
	uint64_t	 output;
};

/*
 * A program's main: tests with the runner's library in a fork, then confined
 * ones with the real program as it runs.  How many failed.
 */
int	world_main(const struct CMUnitTest *tests, size_t,
	    const struct CMUnitTest *confined, size_t);

/* A runner that is running, stored resumed at 0. */
void	world_start(struct world *, const struct world_spec *);
/* Ends what is left of it. */
void	world_end(struct world *);

/* Handle what comes for ms, or until the condition; whether it came true. */
bool	world_wait(struct world *, bool (*)(const struct world *), int ms);
void	world_run(struct world *, int ms);

/* stored dies, with whatever it had not read; then a new one resumes at n. */
void	world_stored_dies(struct world *);
void	world_stored_returns(struct world *, uint64_t n);
void	world_ack(struct world *, uint64_t n);
void	world_input(struct world *, uint64_t tag, const void *, size_t,
	    bool eof);
/* init reports and dies; code -1: dies without a word. */
void	world_init_ends(struct world *, int code, unsigned signo);

/* The runner's exit status, -1 while it runs. */
int	world_status(struct world *);
/* The same after at most ms. */
int	world_wait_status(struct world *, int ms);

#define SOON	5000		/* a deadline, not a wait */

/* The payload writes s; it reads exactly want. */
void	world_say(int fd, const char *s);
void	world_expect(int fd, const char *want);
/* What an input was answered: an outcome of input.h. */
uint32_t	world_answer(struct world *, const void *, size_t, bool eof);
/* It has closed all that it had. */
void	world_payload_ends(struct world *);
/* To wait for: its end is on record; some output is. */
bool	world_ended(const struct world *);
bool	world_has_output(const struct world *);

#endif
