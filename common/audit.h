/*
 * The audit trail's form: its verbs, how a record is encoded for the digest
 * that chains it, and what a head is.  doc/adr/0010-audit-chain.md says why.
 *
 * Shared by who writes (coven-stored), who keeps heads where the writer
 * cannot reach (coven-monitor) and who checks (covenctl).
 */
#ifndef COVEN_COMMON_AUDIT_H
#define COVEN_COMMON_AUDIT_H

#include <stdint.h>

#include "common/clock.h"
#include "common/digest.h"

enum audit_verb {
#define AUDIT_VERB(NAME, ...)	AUDIT_##NAME,
#include "common/audit.def"
#undef AUDIT_VERB
	AUDIT_VERB__COUNT
};

struct audit_verb_row {
	const char	*name, *summary;
	uint32_t	 from;		/* mask of R() */
};

/* The row of a verb, or NULL when there is none. */
const struct audit_verb_row	*audit_verb_row(uint32_t);

/* --- records ------------------------------------------------------------- */

#define AUDIT_ACTOR_MAX		96
#define AUDIT_DETAIL_MAX	1024

struct audit_record {
	uint64_t	 n;		/* from 1, without gaps */
	uint64_t	 at_ns;		/* wall clock */
	const char	*verb;
	const char	*session;	/* NULL: none */
	const char	*actor;		/* NULL: the suite itself */
	const char	*detail;
};

#define AUDIT_CHAIN_LEN	16

/* What stands before the first record of a chain. */
void	audit_chain_start(const uint8_t chain[AUDIT_CHAIN_LEN],
	    uint8_t digest[DIGEST_LEN]);
/* From the digest before the record to its own. */
void	audit_chain_next(uint8_t digest[DIGEST_LEN],
	    const struct audit_record *);

/* --- heads --------------------------------------------------------------- */

#define AUDIT_SEED_LEN		32
#define AUDIT_PUBLIC_LEN	32
#define AUDIT_SIGNATURE_LEN	64

/* A chain's first count records end in digest: that is what is signed. */
struct audit_head {
	uint8_t		chain[AUDIT_CHAIN_LEN];
	uint64_t	count;
	uint8_t		digest[DIGEST_LEN];
	uint64_t	at_ns;
	uint8_t		signature[AUDIT_SIGNATURE_LEN];
};

/* "coven-audit-1 CHAIN COUNT DIGEST TIME", then a blank and the signature. */
#define AUDIT_HEAD_TEXT	(14 + 33 + 21 + 65 + RFC3339_LEN)
#define AUDIT_HEAD_LINE	(AUDIT_HEAD_TEXT + 1 + 2 * AUDIT_SIGNATURE_LEN)

/* The bytes that are signed; returns how many. */
size_t	audit_head_text(const struct audit_head *,
	    char out[AUDIT_HEAD_TEXT]);
/* The same with its signature; no newline. */
void	audit_head_line(const struct audit_head *, char out[AUDIT_HEAD_LINE]);
/* One line without its newline.  0, or -EPROTO when it is no head. */
int	audit_head_parse(const char *line, struct audit_head *);

/* n bytes as 2n digits and a NUL; and back: 0, or -EPROTO. */
void	audit_hex(const void *, size_t n, char *out);
int	audit_unhex(const char *, size_t n, void *out);

#endif
