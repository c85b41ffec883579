#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-monitor/monitor.h"
#include "coven-monitor/pair.h"
#include "coven-monitor/session.h"

static void
tell(struct monitor *m, const struct waiting_note *w)
{
	struct msg_audit_note msg = { .verb = w->verb, .time_ns = w->time_ns,
	    .session = w->session, .detail = w->detail };

	child_tell(&m->stored, MSG_AUDIT_NOTE, &msg);
}

static void
keep(struct notes *q, const struct waiting_note *w)
{
	struct waiting_note *at;

	if (q->n == NOTES_MAX) {
		free(q->ring[q->first].detail);
		q->first = (q->first + 1) % NOTES_MAX;
		q->n--;
		q->lost++;
	}
	at = &q->ring[(q->first + q->n++) % NOTES_MAX];
	*at = *w;
	at->detail = mem_strdup(w->detail);
}

void
note(struct monitor *m, enum audit_verb verb, const char *session,
    const char *fmt, ...)
{
	char detail[AUDIT_DETAIL_MAX];
	struct waiting_note w = { .verb = verb, .time_ns = clock_wall_ns(),
	    .detail = detail };
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	(void)snprintf(w.session, sizeof(w.session), "%s",
	    session != NULL ? session : "");
	if (m->recovered && chan_is_open(&m->stored.control))
		tell(m, &w);
	else
		keep(&m->notes, &w);
}

void
notes_flush(struct monitor *m)
{
	struct notes *q = &m->notes;
	unsigned lost = q->lost;

	q->lost = 0;
	if (lost != 0)
		note(m, AUDIT_LOST, NULL, "%u notes of the monitor were not "
		    "kept", lost);
	for (; q->n != 0; q->n--, q->first = (q->first + 1) % NOTES_MAX) {
		tell(m, &q->ring[q->first]);
		free(q->ring[q->first].detail);
	}
}

void
note_death(const struct child *c)
{
	struct monitor *m = c->monitor;
	const struct session *s = c->pair != NULL ? c->pair->session : NULL;
	const char *id = s != NULL ? s->id : NULL;

	if (c->expected || (c->code == CLD_EXITED && c->status == 0))
		return;
	note(m, AUDIT_CHILD_DEATH, id, "%s (pid %d): %s %d",
	    msg_role_name(c->role), (int)c->pid, c->code == CLD_EXITED ?
	    "status" : "signal", c->status);
}
