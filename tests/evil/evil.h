/*
 * What the evil twins share.
 *
 * A twin is the attacker's version of one role: the same descriptors, the
 * same confinement, a proper HELLO; and then a bounded, seeded walk over
 * everything that the role may say and do, and what it may not.
 *
 * tests/it/evil.sh stages a copy of the suite in which a role's program is
 * its twin and the good one lies beside it as NAME.good.  Also beside it:
 *	evil.conf	"evil ROLE" lines: these are evil, others execute the
 *			good program at once; "seed N"; "project PATH"
 *	evil.ROLE	one byte is appended for every life of this twin
 * They are read before the role confines itself.  A life's number chooses what
 * it begins with, so that every act comes first once; with the seed it decides
 * the rest.
 */
#ifndef COVEN_TESTS_EVIL_H
#define COVEN_TESTS_EVIL_H

#include <limits.h>

#include "common/log.h"
#include "common/mem.h"
#include "sandbox/role.h"

#define EVIL_PEERS	6	/* EVIL_MONITOR first */
#define EVIL_KEPT	16
#define EVIL_MONITOR	0

struct evil {
	struct loop	*loop;
	enum role	 role;
	struct chan	 chan[EVIL_PEERS];
	unsigned	 npeers;	/* those that it talks to */
	int		 kept[EVIL_KEPT];	/* descriptors handed over */
	unsigned	 nkept;
	struct timer	 timer;
	bool		 started;	/* the walk may begin */
	unsigned	 turn;		/* which life this is */
	uint32_t	 seed;
	char		 project[PATH_MAX];
};

struct evil_act {
	const char	*name;
	void		(*act)(struct evil *);
	unsigned	 weight;
	bool		 allowed;	/* by the table, if not by sense */
};

/* First in main.  Does not return where this role is not to be evil. */
void		 evil_begin(struct evil *, enum role, char **argv);

/* Below n; true once in n. */
unsigned	 evil_pick(struct evil *, unsigned n);
bool		 evil_once_in(struct evil *, unsigned n);
uint32_t	 evil_random(struct evil *);

/* Past chan_send, which would refuse.  nfds of those kept, or 0 to 3. */
void		 evil_send_raw(struct evil *, unsigned to, const void *,
		    size_t n, int nfds);
void		 evil_send(struct evil *, unsigned to, enum msg_type,
		    const void *msg);
/* With exactly this descriptor; -1 for none. */
void		 evil_send_fd(struct evil *, unsigned to, enum msg_type,
		    const void *msg, int fd);

/* Acts that any twin has. */
void		 evil_any_row(struct evil *);
void		 evil_broken_packet(struct evil *);
void		 evil_random_packet(struct evil *);
void		 evil_empty_packet(struct evil *);
void		 evil_hang_up(struct evil *);	/* not on the monitor */
void		 evil_stop_listening(struct evil *);

/* A handler that keeps the descriptor, and an end that closes. */
chan_handler	 evil_hear;
void		 evil_on_end(struct chan *, int why);

/* Wait until started is set, or ms have passed. */
void		 evil_await(struct evil *, int64_t ms);
/* Begin with acts[turn], then at random; leaves or stays. */
void		 evil_walk(struct evil *, const struct evil_act *acts,
		    unsigned n, unsigned steps);
/* Do nothing more until ended. */
void		 evil_stay(struct evil *) __attribute__((noreturn));

/* A memfd with these seals: a descriptor, or -1. */
int		 evil_memfd(const void *, size_t n, unsigned seals);
#define EVIL_SEALED	(F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | \
			    F_SEAL_WRITE)

/*
 * A spec that makes an exec session touch ran/NAME in the project; what is
 * not empty in odd replaces fields.  Appended to out.
 */
void		 evil_spec(struct evil *, const char *name,
		    const struct msg_run_spec *odd, struct buf *out);

#endif
