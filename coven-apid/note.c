#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coven-apid/apid.h"

void
actor_format(const struct ucred *peer, actor_text out)
{
	(void)snprintf(out, sizeof(actor_text), "uid %u pid %d",
	    (unsigned)peer->uid, (int)peer->pid);
}

static void
tell(struct apid *apid, enum audit_verb verb, const char *actor,
    const char *detail)
{
	struct msg_audit_note m = { .verb = verb, .actor = actor,
	    .detail = detail };

	/* Without a stored it is lost: the log has it. */
	if (chan_is_open(&apid->stored))
		(void)chan_send(&apid->stored, MSG_AUDIT_NOTE, &m, -1);
}

static void
tell_held(struct apid *apid, enum audit_verb verb, const char *actor,
    unsigned held)
{
	char detail[64];

	(void)snprintf(detail, sizeof(detail), "%u more within %d s", held,
	    LIMIT_AUDIT_PEER_MS / 1000);
	tell(apid, verb, actor, detail);
}

static void
on_while_over(struct timer *t)
{
	struct apid *apid = t->ctx;
	struct notes *q = &apid->notes;
	struct note_count *c;
	actor_text actor;

	for (c = q->counts; c < q->counts + NOTE_COUNTS; c++) {
		(void)snprintf(actor, sizeof(actor), "uid %u",
		    (unsigned)c->uid);
		if (c->held != 0)
			tell_held(apid, c->verb, actor, c->held);
		*c = (struct note_count){ .told = 0 };
	}
	if (q->others != 0)
		tell_held(apid, AUDIT_REFUSAL, "other uids", q->others);
	q->others = 0;
}

/* True when this one is to be told in full. */
static bool
count(struct notes *q, enum audit_verb verb, uid_t uid)
{
	struct note_count *c, *free_one = NULL;

	for (c = q->counts; c < q->counts + NOTE_COUNTS; c++) {
		if (c->told == 0)
			free_one = c;
		else if (c->verb == verb && c->uid == uid)
			break;
	}
	if (c == q->counts + NOTE_COUNTS) {
		if (free_one == NULL) {
			q->others++;
			return false;
		}
		c = free_one;
		*c = (struct note_count){ .verb = verb, .uid = uid };
	}
	if (c->told == LIMIT_AUDIT_PEER_NOTES) {
		c->held++;
		return false;
	}
	c->told++;
	return true;
}

void
note(struct apid *apid, enum audit_verb verb, const struct ucred *peer,
    const char *fmt, ...)
{
	struct notes *q = &apid->notes;
	char detail[AUDIT_DETAIL_MAX];
	actor_text actor;
	va_list ap;

	if (!timer_running(&q->timer)) {
		q->timer = (struct timer){ .cb = on_while_over, .ctx = apid };
		timer_start(apid->loop, &q->timer, LIMIT_AUDIT_PEER_MS);
	}
	if (!count(q, verb, peer->uid))
		return;
	actor_format(peer, actor);
	va_start(ap, fmt);
	(void)vsnprintf(detail, sizeof(detail), fmt, ap);
	va_end(ap);
	tell(apid, verb, actor, detail);
}

void
notes_fini(struct apid *apid)
{
	timer_stop(apid->loop, &apid->notes.timer);
}
