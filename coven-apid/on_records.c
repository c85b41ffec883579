/*
 * What is done to a session that has ended (archive, summon, delete), and what
 * those that have not use of the machine.
 */
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
	(void)rows;
	if (reply->code == STORE_OK)
		answer_done(r, "deleted");
	else
		answer_store_code(r, reply);
}

void
on_delete(struct request *r)
{
	struct msg_session_delete m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r) };

	ask(r, MSG_SESSION_DELETE, &m, -1, on_deleted);
}

/* --- statistics ----------------------------------------------------------- */

static void
write_stats(struct jw *j, const struct msg_stats_row *row)
{
	jw_object(j);
	jw_kstr(j, "sessionId", row->id);
	jw_ku64(j, "ageMs", row->age_ms);
	jw_ku64(j, "outputBytes", row->output_bytes);
	jw_kbool(j, "measured", row->measured != 0);
	jw_ku64(j, "cpuUs", row->cpu_us);
	jw_ku64(j, "memoryBytes", row->memory);
	jw_kbool(j, "memoryShared", row->shared != 0);
	jw_ku64(j, "processes", row->processes);
	jw_kbool(j, "processesCapped", row->capped != 0);
	jw_object_end(j);
}

static void
on_stats_rows(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	autobuf struct buf body = { .max = REPLY_MAX };
	union msg_any row;
	struct jw j;

	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	jw_init(&j, &body);
	jw_object(&j);
	jw_kstr(&j, "at", reply->text);
	jw_name(&j, "sessions");
	jw_array(&j);
	while (rows_next(rows, MSG_STATS_ROW, &row))
		write_stats(&j, &row.stats_row);
	jw_array_end(&j);
	jw_kbool(&j, "complete", reply->more == 0);
	jw_object_end(&j);
	if (jw_ok(&j))
		answer(r, 200, &body);
	else
		answer_error(r, API_INTERNAL, "The answer is too large.");
}

void
on_stats(struct request *r)
{
	struct msg_session_stats m = { .tag = r->tag };

	ask(r, MSG_SESSION_STATS, &m, -1, on_stats_rows);
}
