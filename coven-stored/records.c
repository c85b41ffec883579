/*
 * Requests about sessions that have ended: archive, summon, delete.
 */
#include "coven-stored/stored.h"

/* Whether it has ended is asked inside the transaction that relies on it. */
static int
find_ended(struct stored *s, struct job *j, struct store_session *out)
{
	int r = store_find(s->store, j->id, out);

	if (r < 0)
		return r;
	j->code = r > 0 ? STORE_NOT_FOUND :
	    session_has_ended(out->status) ? STORE_OK : STORE_LIVE;
	return 0;
}

static int
audit(struct stored *s, enum audit_verb verb, const struct job *j,
    enum session_status status)
{
	struct audit_entry e = { .verb = verb, .session = j->id,
	    .actor = j->actor, .detail = session_status_name(status) };

	return store_audit(s->store, &e);
}

int
archive_apply(struct stored *s, struct job *j)
{
	struct store_session old;
	int r = find_ended(s, j, &old);

	if (r < 0 || j->code != STORE_OK)
		return r;
	r = store_archive(s->store, old.key, j->archive, j->time_ns);
	if (r == 0)
		r = audit(s, j->archive ? AUDIT_ARCHIVE : AUDIT_SUMMON, j,
		    old.status);
	return r;
}

/* A small one is wholly gone when it is answered. */
int
delete_apply(struct stored *s, struct job *j)
{
	struct store_session old;
	bool more = true;
	int i, r = find_ended(s, j, &old);

	if (r < 0 || j->code != STORE_OK)
		return r;
	r = store_hide(s->store, old.key);
	if (r == 0)
		r = audit(s, AUDIT_DELETE, j, old.status);
	if (r == 0)
		r = store_workspace_set(s->store, j->id, PHASE_REMOVE);
	for (i = 0; i < 2 && r == 0 && more; i++)
		r = store_purge(s->store, &more);
	return r;
}

void
delete_done(struct stored *s, struct job *j)
{
	stored_reply(s, &j->asked, j->code, NULL);
	upkeep_wake(s, UPKEEP_PURGE);
	phases_wake(s);
}
