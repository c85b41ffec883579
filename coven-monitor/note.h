/*
 * What the monitor alone saw, for the audit that stored keeps.  It is told
 * when it can hear: notes of a time without a stored wait for the next one.
 */
#ifndef COVEN_MONITOR_NOTE_H
#define COVEN_MONITOR_NOTE_H

#include "common/audit.h"
#include "common/clock.h"

struct child;
struct monitor;

/* A bounded ring; the oldest are dropped, and counted. */
#define NOTES_MAX	64

struct waiting_note {
	enum audit_verb	 verb;
	uint64_t	 time_ns;
	char		 session[UUID_LEN];
	char		*detail;
};

struct notes {
	struct waiting_note	 ring[NOTES_MAX];
	unsigned		 first, n;
	unsigned		 lost;
	bool			 started;	/* START is on its way */
};

/* session may be NULL. */
void	note(struct monitor *, enum audit_verb, const char *session,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* stored has recovered: say what waited. */
void	notes_flush(struct monitor *);
/* How a child ended, unless that was our doing. */
void	note_death(const struct child *);

#endif
