/*
 * Records of the audit that belong to nothing else that is written: what the
 * monitor or apid alone saw, and what stored thinks of its peers.
 *
 * They wait while the disk is full, like output does.  Their number is
 * bounded, and what did not fit is on record as a number.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coven-stored/stored.h"

#define SECOND_NS	INT64_C(1000000000)

static void
queue(struct stored *s, const struct audit_entry *e)
{
	struct job *j = job_new(s, JOB_NOTE, NULL);

	j->verb = e->verb;
	if (e->at_ns != 0)
		j->time_ns = e->at_ns;
	j->id = e->session != NULL ? mem_strdup(e->session) : NULL;
	j->actor = e->actor != NULL ? mem_strdup(e->actor) : NULL;
	j->text = mem_strdup(e->detail);
	s->nnotes++;
}

/* One place is kept for this one. */
static void
note_lost(struct stored *s)
{
	char detail[64];
	struct audit_entry e = { .verb = AUDIT_LOST, .detail = detail };

	if (s->notes_lost == 0)
		return;
	(void)snprintf(detail, sizeof(detail), "%llu notes were not kept",
	    (unsigned long long)s->notes_lost);
	s->notes_lost = 0;
	queue(s, &e);
}

void
note(struct stored *s, const struct audit_entry *e)
{
	if (s->nnotes >= LIMIT_AUDIT_NOTES)
		s->notes_lost++;
	else
		queue(s, e);
}

void
notef(struct stored *s, enum audit_verb verb, const char *id,
    const char *fmt, ...)
{
	char detail[AUDIT_DETAIL_MAX];
	struct audit_entry e = { .verb = verb, .session = id,
	    .detail = detail };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	note(s, &e);
}

int
note_apply(struct stored *s, struct job *j)
{
	struct audit_entry e = { .verb = j->verb, .session = j->id,
	    .actor = j->actor, .detail = j->text, .at_ns = j->time_ns };

	if (e.verb == AUDIT_CONFIG_READ)
		return store_audit_config(s->store, &e);
	return store_audit(s->store, &e);
}

void
note_done(struct stored *s, struct job *j)
{
	(void)j;
	s->nnotes--;
	note_lost(s);
}

/* --- what others saw ----------------------------------------------------- */

/* It talks to clients: what it adds, it adds at a client's pace at most. */
static bool
apid_is_quick(struct stored *s)
{
	int64_t now = loop_now_ns();

	if (now - s->notes_window_ns >= SECOND_NS) {
		s->notes_window_ns = now;
		s->notes_told = 0;
	}
	return ++s->notes_told > LIMIT_AUDIT_APID_NOTES;
}

int
on_audit_note(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_audit_note *m = &msg->audit_note;
	const struct audit_verb_row *row = audit_verb_row(m->verb);
	struct audit_entry e = { .session = m->session, .actor = m->actor,
	    .detail = m->detail };
	struct stored *s = c->ctx;

	(void)fd;
	if (row == NULL || (row->from & 1u << c->peer) == 0)
		return chan_blame(c, "a note of verb %u",
		    (unsigned)m->verb);
	e.verb = (enum audit_verb)m->verb;
	if (c->peer == ROLE_MONITOR)
		e.at_ns = m->time_ns;
	else if (apid_is_quick(s)) {
		s->notes_lost++;
		return 0;
	}
	note(s, &e);
	return 0;
}
