/* What is done to a session that has ended: archive, summon, delete. */
#include "common/mem.h"
#include "coven-apid/request.h"

static void
archive(struct request *r, bool archive)
{
	struct msg_session_archive m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r), .archive = archive };

	ask(r, MSG_SESSION_ARCHIVE, &m, -1, answer_record);
}

void
on_archive(struct request *r)
{
	archive(r, true);
}

void
on_summon(struct request *r)
{
	archive(r, false);
}

static void
on_deleted(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	autobuf struct buf body = { 0 };
	struct jw j;

	(void)rows;
	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	jw_init(&j, &body);
	jw_object(&j);
	jw_kbool(&j, "ok", true);
	jw_kbool(&j, "deleted", true);
	jw_kstr(&j, "id", r->id);
	jw_object_end(&j);
	answer(r, 200, &body);
}

void
on_delete(struct request *r)
{
	struct msg_session_delete m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r) };

	ask(r, MSG_SESSION_DELETE, &m, -1, on_deleted);
}
