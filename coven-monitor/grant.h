/*
 * What a session's named upstreams need from outside its gateway: the keys
 * that its owner granted, and the certificates that an upstream names.
 *
 * Got anew whenever a gateway starts, so that a key that was changed is in
 * use after a quiet minute.  The monitor opens a key's file, or runs its
 * command; a confined reader reads it and answers a sealed memfd.
 */
#ifndef COVEN_MONITOR_GRANT_H
#define COVEN_MONITOR_GRANT_H

#include "common/net_upstream.h"
#include "coven-monitor/monitor.h"

struct granting;

/*
 * Get what these rules need; on_end(pair) follows from the loop, at once
 * where they need nothing.  Never fails: what cannot be read is logged, and
 * missing.
 */
struct granting	*granting_start(struct pair *, int rules,
		    void (*on_end)(struct pair *));
bool		 granting_done(const struct granting *);
/* Tell the gateway, which has its rules.  0 or -errno. */
int		 granting_tell(struct granting *, struct chan *);
/* Forget *g: what still runs is ended. */
void		 granting_drop(struct granting **g);

/* --- inside --- */

/* Is some model's key granted to a session with these rules? */
bool		 grant_hides_login(const struct net_policy *);
/*
 * Append "NAME\0VALUE\0" for what the environment inside is to hold: where the
 * upstreams are, a placeholder for each key, and git's own rewriting.
 */
void		 grant_env(const struct net_policy *, struct buf *out);

/*
 * Append the arguments, each with its NUL, that tell a built-in harness of its
 * upstream where no variable does.
 */
void		 grant_args(const struct net_policy *, const char *harness,
		    struct buf *argv);

#endif
