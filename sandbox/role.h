/*
 * How a role's program begins: confine, say so, be verified.
 *
 * The monitor executes a role with exactly these descriptors: 0 and 1 are
 * /dev/null, 2 is the log pipe, 3 the control channel, 4 and up what the
 * role's row names (ROLE_FD_*).
 */
#ifndef COVEN_SANDBOX_ROLE_H
#define COVEN_SANDBOX_ROLE_H

#include "common/chan.h"

#define ROLE_FD_CONTROL	3
#define ROLE_FD_FOLDER	4	/* stored: its database folder */
#define ROLE_FD_FOLDER2	5	/* applier: the project; 4 is the work */

/*
 * The arguments of a role's program.  The monitor gives it where user
 * namespaces are refused (profile_probe_userns), and to an apid that runs as
 * another user than the owner: there it could not map him, and without a map
 * every peer reads as the overflow uid.
 */
#define ROLE_NO_USERNS	"--no-userns"
#define ROLE_FAILPOINT	"--failpoint"	/* test build: NAME follows */

/*
 * A session's role: the session's id follows, or for a spare ROLE_SPARE in
 * as many characters.  Lists of processes show it, nothing reads it.
 */
#define ROLE_SESSION	"--session"
#define ROLE_SPARE	"spare                               "

/* Call first in main.  An unknown argument is fatal. */
void	role_options(int argc, char **argv);

/*
 * An argument of this process that role_title writes a session's id over;
 * ids that do not fit are cut.  Nothing happens where there is no such
 * argument, or no id.
 */
void	role_title_at(char *arg);
void	role_title(const char *id);

/*
 * Enter the profile of role self (sandbox/profile.c), then open the control
 * channel on descriptor 3, send HELLO, wait for VERIFIED and set dumpable 0.
 * Whatever fails is fatal and named.  Afterwards control is in CS_READY and
 * watched by loop.  When the monitor goes away or lies, the process exits;
 * a role that has something to finish sets control->on_end afterwards.
 *
 * loop is made by the caller before this call (epoll_create1 and timerfd_create
 * are not in every filter), and so are signalfds (loop_signals).  Whatever the
 * program opens before must be close-on-exec: what is not is taken for
 * inherited and closed.  handlers, ctx: as for chan_open.
 */
void	role_start(enum role self, struct loop *loop, struct chan *control,
	    chan_handler *const *handlers, void *ctx);

/*
 * role_start without the profile: for coven-init, which confines itself
 * later, and for tests.
 */
void	role_start_unconfined(enum role self, struct loop *loop,
	    struct chan *control, chan_handler *const *handlers, void *ctx);

#endif
