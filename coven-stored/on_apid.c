/*
 * What apid asks.  It is the process that clients talk to: everything it
 * sends is checked again here.
 */
#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-stored/clean.h"
#include "coven-stored/on_runner.h"
#include "coven-stored/stored.h"

#define TITLE_MAX	4194304	/* SESSION_ROW's */

static const char cannot_write[] = "the store cannot write";

static bool
refuse_now(struct stored *s, struct asked *asked)
{
	const char *why = NULL;

	if (s->writer.stalled)
		why = cannot_write;
	else if (s->stopping)
		why = "the daemon is stopping";
	if (why != NULL)
		stored_reply(s, asked, STORE_UNAVAILABLE, why);
	return why != NULL;
}

/* One record of the wanted type and nothing else, borrowed from b. */
static int
read_record(struct chan *c, int fd, enum msg_type want, struct buf *b,
    union msg_any *out)
{
	buf_init(b, LIMIT_BULK + 64);
	if (memfd_read(fd, LIMIT_BULK + 64, b) < 0 ||
	    msg_decode_exact(buf_head(b), buf_left(b), want, out) != 0) {
		(void)chan_blame(c, "a memfd that holds no %s",
		    msg_row(want)->name);
		return CHAN_BAD;
	}
	return 0;
}

/* --- launch --- */

/* The row without its root and times, which the monitor's answer brings. */
static int
draft_row(struct run *run, const struct msg_run_spec *spec)
{
	autofree char *title = stored_clean_text(run->stored, spec->title,
	    TITLE_MAX);
	struct msg_session_row row = {
		.id = run->id,
		.harness = spec->harness,
		.title = title,
		.status = session_status_name(SESSION_RUNNING),
		.conversation_id = spec->conversation_id,
		.familiar_id = spec->familiar_id,
		.labels = *spec->labels != '\0' ? spec->labels : "[]",
	};

	autobuf struct buf record = { .max = LIMIT_BULK };
	int r = msg_encode(&record, MSG_SESSION_ROW, &row);

	run->conversation = *spec->conversation_id != '\0';
	if (r == 0)
		run_set_record(run, &record);
	return r;
}

static int
on_launch(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	struct asked asked = { true, msg->launch.tag };
	autobuf struct buf spec = { 0 };
	struct msg_run_prepare out;
	union msg_any any;
	char id[UUID_LEN];
	struct run *run;
	SHA2_CTX sha;

	if (read_record(c, *fd, MSG_RUN_SPEC, &spec, &any) != 0)
		return CHAN_BAD;
	if (refuse_now(s, &asked))
		return 0;
	uuid_random(id);
	if (s->nlaunches >= LIMIT_STORE_LAUNCHES ||
	    s->record_bytes > LIMIT_STORE_RECORDS ||
	    (run = run_new(s, id, RS_PREPARING)) == NULL) {
		stored_reply(s, &asked, STORE_UNAVAILABLE,
		    "too many launches at once");
		return 0;
	}
	run->launch = asked;
	run->actor = mem_strdup(msg->launch.actor);
	if (draft_row(run, &any.run_spec) < 0)
		fatal("launch %s: the record cannot be encoded", id);
	SHA256Init(&sha);
	SHA256Update(&sha, (const uint8_t *)buf_head(&spec), buf_left(&spec));
	SHA256Final(run->digest, &sha);
	out = (struct msg_run_prepare){ .id = run->id,
	    .digest = { run->digest, sizeof(run->digest) } };
	stored_tell(s, MSG_RUN_PREPARE, &out, *fd);
	return 0;
}

/* --- external sessions --- */

static int
on_external(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	autobuf struct buf spec = { 0 }, row = { .max = LIMIT_BULK };
	autofree char *title = NULL;
	const struct msg_ext_spec *e;
	struct msg_session_row out;
	char now[RFC3339_LEN];
	union msg_any any;
	struct job *j;

	if (read_record(c, *fd, MSG_EXT_SPEC, &spec, &any) != 0)
		return CHAN_BAD;
	e = &any.ext_spec;
	if (*e->id == '\0')
		return chan_blame(c, "an external session without an id");
	clock_format(clock_wall_ns(), now);
	title = stored_clean_text(s, e->title, TITLE_MAX);
	out = (struct msg_session_row){
		.id = e->id, .project_root = e->project_root,
		.harness = e->harness, .title = title,
		.status = session_status_name(SESSION_RUNNING),
		.created_at = now, .updated_at = now,
		.labels = *e->labels != '\0' ? e->labels : "[]",
		.external = 1, .has_transcript = e->has_transcript,
		.transcript_path = e->transcript_path,
	};
	if (msg_encode(&row, MSG_SESSION_ROW, &out) < 0)
		fatal("external session: the record cannot be encoded");
	j = job_new(s, JOB_EXTERNAL, NULL);
	j->asked = (struct asked){ true, msg->external.tag };
	j->id = mem_strdup(e->id);
	j->actor = mem_strdup(msg->external.actor);
	job_give(s, j, &row.data, row.len);
	row = (struct buf){ 0 };
	if (s->writer.bytes > LIMIT_STORE_BATCH)
		chan_pause(c);	/* until the turn's end */
	return 0;
}

static int
on_complete(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_complete *m = &msg->complete;
	struct job *j = job_new(c->ctx, JOB_COMPLETE, NULL);

	(void)fd;
	j->asked = (struct asked){ true, m->tag };
	j->id = mem_strdup(m->id);
	j->actor = mem_strdup(m->actor);
	j->has_code = m->has_code != 0;
	j->exit_code = m->exit_code;
	return 0;
}

/* --- what has ended --- */

static int
on_session_archive(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_session_archive *m = &msg->session_archive;
	struct job *j;

	(void)fd;
	if (m->archive > 1)
		return chan_blame(c, "neither archive nor summon");
	j = job_new(c->ctx, JOB_ARCHIVE, NULL);
	j->asked = (struct asked){ true, m->tag };
	j->id = mem_strdup(m->id);
	j->actor = mem_strdup(m->actor);
	j->archive = m->archive != 0;
	return 0;
}

/* --- input --- */

/* Hand the bytes to the runner; the answer comes with RUN_INPUT_REPLY. */
static int
forward(struct run *run, const struct msg_input_spec *spec,
    const struct msg_input *input)
{
	struct stored *s = run->stored;
	struct msg_run_input m = { .tag = ++s->serial, .eof = spec->eof };
	struct input *in;
	autoclose int fd = memfd_make("input", spec->data.p, spec->data.len);
	int r;

	if (fd < 0)
		return fd;
	r = chan_send(&run->chan, MSG_RUN_INPUT, &m, fd);
	if (r < 0)
		return r;
	in = mem_zalloc(1, sizeof(*in));
	in->serial = m.tag;
	in->asked = (struct asked){ true, input->tag };
	in->actor = mem_strdup(input->actor);
	in->payload = mem_dup(spec->payload.p, spec->payload.len);
	in->len = spec->payload.len;
	in->weight = spec->payload.len + spec->data.len;
	TAILQ_INSERT_TAIL(&run->inputs, in, link);
	run->ninputs++;
	run->input_bytes += in->weight;
	return 0;
}

static int
on_input(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	struct asked asked = { true, msg->input.tag };
	autobuf struct buf b = { 0 };
	struct msg_input_spec *spec;
	union msg_any any;
	struct run *run;
	int r;

	if (read_record(c, *fd, MSG_INPUT_SPEC, &b, &any) != 0)
		return CHAN_BAD;
	spec = &any.input_spec;
	if (!payload_is_sound(spec->payload.p, spec->payload.len))
		return chan_blame(c, "an input's event that is no object");
	run = run_find(s, msg->input.id);
	if (run == NULL || !run_takes_input(run)) {
		ask_add(s, MSG_INPUT, msg);	/* not found or not live */
		return 0;
	}
	if (refuse_now(s, &asked))
		return 0;
	if (run->ninputs >= LIMIT_STORE_INPUTS ||
	    run->input_bytes > LIMIT_STORE_INPUT_BYTES) {
		stored_reply(s, &asked, STORE_INPUT_FULL, NULL);
		return 0;
	}
	r = forward(run, spec, &msg->input);
	if (r < 0)
		stored_reply(s, &asked, r == -EPIPE ? STORE_NOT_LIVE :
		    STORE_ERROR, "the runner cannot be reached");
	return 0;
}

/* --- what is answered after the commit --- */

#define LATER(fn, TYPE)							\
static int								\
fn(struct chan *c, const union msg_any *msg, int *fd)			\
{									\
	(void)fd;							\
	ask_add(c->ctx, TYPE, msg);					\
	return 0;							\
}

LATER(on_session_list, MSG_SESSION_LIST)
LATER(on_session_get, MSG_SESSION_GET)
LATER(on_session_delete, MSG_SESSION_DELETE)
LATER(on_input_check, MSG_INPUT_CHECK)
LATER(on_kill, MSG_KILL)
LATER(on_signal, MSG_SIGNAL)
LATER(on_events, MSG_EVENTS)
LATER(on_pair_list, MSG_PAIR_LIST)
LATER(on_archive_list, MSG_ARCHIVE_LIST)
LATER(on_archive_get, MSG_ARCHIVE_GET)
LATER(on_audit, MSG_AUDIT)
LATER(on_cancel, MSG_CANCEL)

static int
on_shelf_taken(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;

	(void)fd;
	if (shelf_taken(&s->shelf, msg->shelf_taken.count) < 0)
		return chan_blame(c, "%llu answers taken, of %llu",
		    (unsigned long long)msg->shelf_taken.count,
		    (unsigned long long)s->shelf.given);
	return 0;
}

chan_handler *const stored_apid[MSG__COUNT] = {
	[MSG_LAUNCH] = on_launch,
	[MSG_EXTERNAL] = on_external,
	[MSG_COMPLETE] = on_complete,
	[MSG_PAIR_LIST] = on_pair_list,
	[MSG_PAIR_ADD] = on_pair_add,
	[MSG_PAIR_REVOKE] = on_pair_revoke,
	[MSG_PAIR_USED] = on_pair_used,
	[MSG_SESSION_LIST] = on_session_list,
	[MSG_SESSION_GET] = on_session_get,
	[MSG_SESSION_STATS] = on_session_stats,
	[MSG_SESSION_ARCHIVE] = on_session_archive,
	[MSG_SESSION_DELETE] = on_session_delete,
	[MSG_CHANGES] = on_changes,
	[MSG_ARCHIVE_LIST] = on_archive_list,
	[MSG_ARCHIVE_GET] = on_archive_get,
	[MSG_ARCHIVE_DROP] = on_archive_drop,
	[MSG_INPUT_CHECK] = on_input_check,
	[MSG_INPUT] = on_input,
	[MSG_KILL] = on_kill,
	[MSG_SIGNAL] = on_signal,
	[MSG_RESIZE] = on_resize,
	[MSG_EVENTS] = on_events,
	[MSG_SHELF_TAKEN] = on_shelf_taken,
	[MSG_AUDIT] = on_audit,
	[MSG_CANCEL] = on_cancel,
	[MSG_AUDIT_NOTE] = on_audit_note,
};
