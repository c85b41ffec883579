/*
 * Refusals for the audit.  A peer that is refused again and again fills no
 * table: of one verb and one uid the first few of a while are told, the rest
 * as a number when the while is over.
 *
 * Nothing that the peer sent goes in: what it was, how long, which rule.
 */
#ifndef COVEN_APID_NOTE_H
#define COVEN_APID_NOTE_H

#include <sys/socket.h>

#include "common/audit.h"
#include "common/loop.h"

struct apid;

#define NOTE_COUNTS	16

struct note_count {
	enum audit_verb	 verb;
	uid_t		 uid;
	unsigned	 told, held;	/* told 0: this one is free */
};

struct notes {
	struct note_count	 counts[NOTE_COUNTS];
	unsigned		 others;	/* of uids beyond these */
	struct timer		 timer;
};

/* Room for "uid N pid N", and a token's name beside it. */
typedef char	actor_text[AUDIT_ACTOR_MAX + 1];

/* Who a peer is, as records name it. */
void	actor_format(const struct ucred *, actor_text out);

/* peer is borrowed.  The detail is ours: no byte of a peer's. */
void	note(struct apid *, enum audit_verb, const struct ucred *peer,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void	notes_fini(struct apid *);

#endif
