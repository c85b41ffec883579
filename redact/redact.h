/*
 * Redaction of text as it streams: bytes in, bytes with [REDACTED] in the
 * place of secrets out.  No I/O here.
 *
 * What comes out does not depend on how the text was cut into pieces: a
 * secret that lies across two of them is one secret.  Only what may be the
 * beginning of one is held back, at most REDACT_HELD bytes and for as long as
 * the caller likes: redact_expire lets it go, and what follows is still taken
 * for the rest of it.
 *
 * The text may be JSON or the inside of one of its strings (REDACT_JSON):
 * secrets are looked for with its escapes in them, none goes beyond the end
 * of a string, and what comes out is JSON again.  Where it is values, one a
 * line (REDACT_MEMBERS as well), the value of a member whose name says that it
 * is secret is replaced as a whole.
 */
#ifndef COVEN_REDACT_H
#define COVEN_REDACT_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define REDACTED	"[REDACTED]"
#define REDACT_HELD	((size_t)8192)
/*
 * Room for what n bytes may become: a value of one byte becomes twelve, and
 * what is held back comes on top.
 */
#define REDACT_ROOM(n)	(12 * ((n) + REDACT_HELD))

#define REDACT_JSON	1u
#define REDACT_MEMBERS	2u

struct redactor;
struct redact;

/*
 * Map the patterns that lie in a sealed memfd (redact/kinds.h), which is
 * borrowed.  One a process.  0, or -errno with a sentence in why.
 */
int	 redactor_open(struct redactor **, int fd, char *why, size_t len);
void	 redactor_free(struct redactor *);

/* One stream of text.  The redactor is borrowed for its life. */
struct redact	*redact_new(struct redactor *, unsigned flags);
void	 redact_free(struct redact *);

/*
 * More text.  True: it goes on as it is, nothing was appended to out.  False:
 * what goes on, which may be nothing, was appended to out.
 */
bool	 redact_feed(struct redact *, const char *p, size_t n,
	     struct buf *out);
/* Is something held back that time should let go? */
bool	 redact_waits(const struct redact *);
/* That time is over: append what was held back, redacted if it looks it. */
void	 redact_expire(struct redact *, struct buf *out);
/* There is no more. */
void	 redact_end(struct redact *, struct buf *out);

/* A whole text at once, appended to out, at most out's maximum. */
void	 redact_text(struct redactor *, unsigned flags, const char *p,
	     size_t n, struct buf *out);

#endif
