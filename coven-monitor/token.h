/*
 * The session token of token mode: made before anybody can connect, new at
 * every start, exchanged on demand.  Its text lies in one file of the home
 * and nowhere else; apid and this struct hold digests.
 *
 * A rotation is told first and written second: apid says that the new one
 * verifies, then it gets its name, and the old one goes on for a while, so
 * that a client which reads the file at any moment is let in.
 */
#ifndef COVEN_MONITOR_TOKEN_H
#define COVEN_MONITOR_TOKEN_H

#include <sys/types.h>

#include <stdbool.h>

#include "common/chan.h"
#include "common/limits.h"
#include "common/token.h"

#define EXIT_TOKEN	71		/* no random bytes: EX_OSERR */

struct monitor;

struct session_token {
	uint64_t	serial;
	uint8_t		digest[DIGEST_LEN];
	int64_t		end_ns;		/* 0: it is the last one */
};

struct tokens {
	struct session_token	 v[LIMIT_TOKENS];	/* oldest first */
	size_t			 n;
	uint64_t		 serial;	/* of the newest ever made */
	bool			 written;	/* the file is ours: */
	dev_t			 dev;
	ino_t			 ino;
	/* a rotation under way */
	bool			 rotating;
	uint64_t		 tag;
	struct token		 next;
	struct timer		 pause;
	int64_t			 not_before_ns;
};

/*
 * In token mode make the first one and write it; else remove what an earlier
 * life left, which no daemon takes.  0, or an exit status after one logged
 * line.  Under the locks, before anybody listens.
 */
int	token_open(struct monitor *);
/* Remove the file, if it is still ours. */
void	token_close(struct monitor *);
/* Tell an apid that has just started.  0 or -errno. */
int	token_tell(struct monitor *);
/* apid is gone, and with it whoever asked for a rotation. */
void	token_forget_rotation(struct monitor *);

chan_handler	token_on_rotate, token_on_seen;

#endif
