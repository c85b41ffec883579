/*
 * Bearer tokens: 256 random bits as text.  Whoever makes one hands the text
 * out once and keeps the digest; whoever verifies one has digests alone.
 */
#ifndef COVEN_COMMON_TOKEN_H
#define COVEN_COMMON_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"

/* What the text begins with, so that people and scanners know it. */
#define TOKEN_SESSION	"coven_s_"	/* the owner's, new at every start */
#define TOKEN_PAIRED	"coven_p_"	/* one that covenctl pair gave out */

#define TOKEN_MARK	8		/* bytes of either */
#define TOKEN_LEN	(TOKEN_MARK + 2 * 32)	/* of the text, without NUL */

struct token {
	char	text[TOKEN_LEN + 1];
	uint8_t	digest[DIGEST_LEN];
};

/*
 * A new one.  0, or -errno when the kernel gives no random bytes; *out is
 * written only on success.
 */
int	token_make(const char *mark, struct token *out);
/* Forget the text: nothing of it stays in memory. */
void	token_wipe(struct token *);

#endif
