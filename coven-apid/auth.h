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
};

/* server_ops.on_head; ctx is the struct apid. */
bool	auth_on_head(void *ctx, const struct conn *, const struct head_info *,
	    struct caller *);

/* Is the caller the owner, or does its token hold one of these scopes? */
bool	auth_allows(const struct request *, unsigned need);

/* From the monitor. */
chan_handler	auth_on_token, auth_on_token_new, auth_on_token_end;
chan_handler	auth_on_rotated;

#endif
