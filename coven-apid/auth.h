/*
 * Who may call, and what for: digests of the tokens that verify.
 *
 * The session token's come from the monitor, those of paired tokens from
 * stored; a token's text is seen as long as its request's head is.
 */
#ifndef COVEN_APID_AUTH_H
#define COVEN_APID_AUTH_H

#include "common/chan.h"
#include "common/limits.h"
#include "common/scope.h"
#include "common/token.h"
#include "coven-apid/conn.h"
#include "coven-apid/pairings.h"

struct apid;
struct request;

struct session_token {
	uint64_t	serial;
	uint8_t		digest[DIGEST_LEN];
	int64_t		end_ns;		/* monotonic; 0: the last one */
	int64_t		noted_ns;	/* its last use on record; 0: none */
};

struct auth {
	bool			token_mode;
	uint32_t		pair_max_days;
	struct session_token	tokens[LIMIT_TOKENS];
	size_t			ntokens;
	struct timer		end;		/* of the next that ends */
	struct pairing		pairings[LIMIT_PAIRINGS];
	size_t			npairings;
	uint64_t		last_id;	/* of a pairing */
	bool			loaded;		/* stored has told them */
	struct timer		sweep;
	int			listener;	/* until then; else -1 */
	struct timer		impatience;
};

void	auth_init(struct apid *);
void	auth_fini(struct apid *);

/*
 * Begin to accept once the paired tokens are known; without a stored, soon
 * all the same: the owner needs none of them.
 */
void	auth_listen(struct apid *, int *listener);
void	auth_loaded(struct apid *);

/* server_ops.on_head; ctx is the struct apid. */
bool	auth_on_head(void *ctx, const struct conn *, const struct head_info *,
	    struct caller *);

/* Is it the owner himself, not somebody with a paired token? */
bool	auth_is_owner(const struct request *);
/* Is the caller the owner, or does its token hold one of these scopes? */
bool	auth_allows(const struct request *, unsigned need);
/* The same of starting a session of this harness. */
bool	auth_may_launch(const struct request *, const char *harness);
/* The paired token that it came with, or NULL. */
struct pairing	*auth_pairing(const struct request *);

/* From the monitor. */
chan_handler	auth_on_token, auth_on_token_new, auth_on_token_end;
chan_handler	auth_on_rotated;

#endif
