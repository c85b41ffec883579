/*
 * What isolated sessions left: shown, brought over, thrown away.  Whether a
 * session has ended is asked in the transaction that puts the request on
 * record; the monitor is told afterwards.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/memfd.h"
#include "coven-stored/stored.h"

static const enum audit_verb verbs[] = {
	[WORK_APPLY] = AUDIT_APPLY,
	[WORK_DISCARD] = AUDIT_DISCARD,
};

static struct change *
find_free(struct stored *s)
{
	size_t i;

	for (i = 0; i < nitems(s->changes); i++)
		if (!s->changes[i].busy)
			return &s->changes[i];
	return NULL;
}

int
on_changes(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_changes *m = &msg->changes;
	struct stored *s = c->ctx;
	autobuf struct buf b = { .max = LIMIT_BULK };
	union msg_any any;
	struct job *j;

	if (m->verb > WORK_DISCARD || memfd_read(*fd, LIMIT_BULK, &b) < 0 ||
	    msg_decode_exact(buf_head(&b), buf_left(&b), MSG_CHANGES_SPEC,
	    &any) != 0)
		return chan_blame(c, "CHANGES without what to do");
	j = job_new(s, JOB_CHANGES, NULL);
	j->asked = (struct asked){ true, m->tag };
	j->id = mem_strdup(m->id);
	j->actor = mem_strdup(m->actor);
	j->signo = m->verb;
	job_give(s, j, &b.data, b.len);
	b = (struct buf){ 0 };
	return 0;
}

int
changes_apply(struct stored *s, struct job *j)
{
	struct store_session old;
	struct audit_entry e = { .session = j->id, .actor = j->actor,
	    .detail = "requested" };
	int r = store_find(s->store, j->id, &old);

	if (r < 0)
		return r;
	j->code = r > 0 ? STORE_NOT_FOUND :
	    session_has_ended(old.status) ? STORE_OK : STORE_LIVE;
	if (j->code != STORE_OK || j->signo == WORK_LIST)
		return 0;
	e.verb = verbs[j->signo];
	return store_audit(s->store, &e);
}

void
changes_done(struct stored *s, struct job *j)
{
	struct change *ch = find_free(s);
	struct msg_work_do m = { .id = j->id, .verb = j->signo };
	autoclose int fd = -1;

	if (j->code == STORE_OK && (ch == NULL || strlen(j->id) >= UUID_LEN))
		j->code = ch == NULL ? STORE_UNAVAILABLE : STORE_NOT_FOUND;
	if (j->code != STORE_OK) {
		stored_reply(s, &j->asked, j->code, NULL);
		return;
	}
	fd = memfd_make("changes", j->data, j->len);
	if (fd < 0) {
		stored_reply(s, &j->asked, STORE_ERROR, "no room");
		return;
	}
	m.serial = ++s->serial;
	*ch = (struct change){ .busy = true, .serial = m.serial,
	    .verb = j->signo, .asked = j->asked };
	memcpy(ch->id, j->id, strlen(j->id) + 1);
	j->asked.pending = false;
	stored_tell(s, MSG_WORK_DO, &m, fd);
}

/* What is left of it is not worth keeping either. */
int
discarded_apply(struct stored *s, struct job *j)
{
	return store_workspace_set(s->store, j->id, PHASE_REMOVE);
}

void
discarded_done(struct stored *s, struct job *j)
{
	(void)j;
	phases_wake(s);
}

static const enum store_code codes[] = {
	[WORK_OK] = STORE_OK,
	[WORK_NONE] = STORE_NO_CHANGES,
	[WORK_BUSY] = STORE_CHANGES_BUSY,
	[WORK_FAILED] = STORE_CHANGES_FAILED,
};

int
on_work_done(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_work_done *m = &msg->work_done;
	struct stored *s = c->ctx;
	struct change *ch = NULL;
	struct job *j;
	size_t i;

	for (i = 0; i < nitems(s->changes); i++)
		if (s->changes[i].busy && s->changes[i].serial == m->serial)
			ch = &s->changes[i];
	if (ch == NULL)
		return 0;	/* from before our earlier life ended */
	if (m->code >= nitems(codes))
		return chan_blame(c, "WORK_DONE, code %u", m->code);
	if (ch->verb == WORK_DISCARD && m->code == WORK_OK) {
		j = job_new(s, JOB_DISCARDED, NULL);
		j->id = mem_strdup(ch->id);
	}
	stored_reply_fd(s, &ch->asked, codes[m->code], *fd, m->rows, m->more,
	    m->text);
	ch->busy = false;
	return 0;
}

void
changes_drop(struct stored *s)
{
	size_t i;

	for (i = 0; i < nitems(s->changes); i++)
		s->changes[i].asked.pending = false;
}
