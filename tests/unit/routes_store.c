#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/chan.h"
#include "common/clock.h"
#include "common/digest.h"
#include "common/limits.h"
#include "common/jsonw.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "tests/unit/routes_impl.h"

#define AT	"2026-08-22T10:00:00.123456789Z"

static struct shared *sh;
static char externals[16][64];
static unsigned nexternals;
static int killed;

/* --- answers ------------------------------------------------------------ */

static int
reply_rows(struct chan *c, uint64_t tag, uint32_t code, struct buf *rows,
    uint32_t n, uint32_t more, const char *text)
{
	struct msg_reply m = { .tag = tag, .code = code, .rows = n,
	    .more = more, .text = text };
	autoclose int fd = -1;

	if (rows != NULL)
		fd = memfd_make("rows", buf_head(rows), buf_left(rows));
	if (chan_send(c, MSG_REPLY, &m, fd) < 0)
		log_warn("reply: not sent");
	return 0;
}

static int
reply_code(struct chan *c, uint64_t tag, uint32_t code)
{
	return reply_rows(c, tag, code, NULL, 0, 0, "");
}

static void
add_session(struct buf *b, const char *id, const char *status, int external)
{
	struct msg_session_row row = { .id = id, .project_root = "/p",
	    .harness = "exec", .title = "t", .status = status,
	    .created_at = AT, .updated_at = AT, .labels = "[\"a\"]",
	    .external = (uint32_t)external };

	if (msg_encode(b, MSG_SESSION_ROW, &row) < 0)
		fatal("encode a session");
}

static int
reply_session(struct chan *c, uint64_t tag, uint32_t code, const char *id,
    const char *status, int external)
{
	autobuf struct buf b = { 0 };

	add_session(&b, id, status, external);
	return reply_rows(c, tag, code, &b, 1, 0, "");
}

static int
exists(const char *id)
{
	static const char *const ids[] = { "live", "ended", "ext", "stuck",
	    "evs", "big", "a/b", "grow" };
	size_t i;

	if (sh->gone && strcmp(id, "grow") == 0)
		return 0;
	for (i = 0; i < nitems(ids); i++)
		if (strcmp(ids[i], id) == 0)
			return 1;
	return 0;
}

static void
note(char *to, const void *from, size_t n)
{
	if (n >= SEEN_MAX)
		n = SEEN_MAX - 1;
	memcpy(to, from, n);
	to[n] = '\0';
}

static void
record(int fd, enum msg_type want, struct buf *b, union msg_any *m)
{
	b->max = 2 * LIMIT_BULK;
	if (memfd_read(fd, 2 * LIMIT_BULK, b) < 0 ||
	    msg_decode_exact(buf_head(b), buf_left(b), want, m) != 0)
		fatal("a bad record came along");
}

/* --- what apid asks ----------------------------------------------------- */

static int
on_launch(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_run_spec *s;
	autobuf struct buf b = { 0 };
	uint64_t tag = msg->launch.tag;
	union msg_any m;

	record(*fd, MSG_RUN_SPEC, &b, &m);
	s = &m.run_spec;
	note(sh->args, s->args.p, s->args.len);
	note(sh->env, s->env.p, s->env.len);
	note(sh->stdin_data, s->stdin_data.p, s->stdin_data.len);
	note(sh->cwd, s->cwd, strlen(s->cwd));
	note(sh->title, s->title, strlen(s->title));
	note(sh->conversation, s->conversation_id, strlen(s->conversation_id));
	sh->args_len = (unsigned)s->args.len;
	sh->env_len = (unsigned)s->env.len;
	sh->transport = s->transport;
	sh->stdin_eof = s->stdin_eof;
	sh->rows = s->rows;
	sh->cols = s->cols;
	sh->launches++;
	if (strcmp(s->project_root, "/refused") == 0)
		return reply_rows(c, tag, STORE_BAD_ROOT, NULL, 0, 0,
		    "failed to resolve projectRoot: \"/refused\"");
	if (strcmp(s->project_root, "/outside") == 0)
		return reply_rows(c, tag, STORE_BAD_CWD, NULL, 0, 0,
		    "cwd is outside the Coven project root");
	if (strcmp(s->title, "fail") == 0)
		return reply_rows(c, tag, STORE_LAUNCH_FAILED, NULL, 0, 0,
		    "some-id\texecute: no such file");
	return reply_session(c, tag, STORE_OK, "new", "running", 0);
}

static int
on_external(struct chan *c, const union msg_any *msg, int *fd)
{
	autobuf struct buf b = { 0 };
	uint64_t tag = msg->external.tag;
	union msg_any m;
	unsigned i;

	record(*fd, MSG_EXT_SPEC, &b, &m);
	note(sh->labels, m.ext_spec.labels, strlen(m.ext_spec.labels));
	note(sh->title, m.ext_spec.title, strlen(m.ext_spec.title));
	if (strcmp(m.ext_spec.id, "live") == 0)
		return reply_code(c, tag, STORE_CONFLICT);
	for (i = 0; i < nexternals; i++)
		if (strcmp(externals[i], m.ext_spec.id) == 0)
			return reply_session(c, tag, STORE_OK, m.ext_spec.id,
			    "running", 1);
	(void)snprintf(externals[nexternals++ % 16], 64, "%s",
	    m.ext_spec.id);
	return reply_session(c, tag, STORE_CREATED, m.ext_spec.id, "running",
	    1);
}

static int
on_complete(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_complete *m = &msg->complete;

	(void)fd;
	if (!exists(m->id))
		return reply_code(c, m->tag, STORE_NOT_FOUND);
	if (strcmp(m->id, "ext") != 0)
		return reply_code(c, m->tag, STORE_NOT_EXTERNAL);
	return reply_session(c, m->tag, STORE_OK, m->id,
	    m->has_code && m->exit_code != 0 ? "failed" : "completed", 1);
}

/* Ids count down from sessions: s5, s4, ... */
static int
on_list(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_session_list *m = &msg->session_list;
	autobuf struct buf b = { 0 };
	unsigned next = sh->sessions, n = 0;
	char id[32];

	(void)fd;
	note(sh->query, m->query, strlen(m->query));
	note(sh->filter, m->status, strlen(m->status));
	if (strcmp(m->query, "wide") == 0)
		return reply_code(c, m->tag, STORE_TOO_WIDE);
	if (strcmp(m->query, "...") == 0)
		return reply_rows(c, m->tag, STORE_BAD_QUERY, NULL, 0, 0,
		    "it holds no word");
	if (strcmp(m->harness, "none") == 0)
		next = 0;
	else if (*m->after_id != '\0')
		next = (unsigned)atoi(m->after_id + 1) - 1;
	for (; next != 0 && n < m->limit && n < 2; n++, next--) {
		(void)snprintf(id, sizeof(id), "s%u", next);
		add_session(&b, id, "completed", 0);
	}
	return reply_rows(c, m->tag, STORE_OK, &b, n, next != 0,
	    *m->query != '\0' ? "2" : "");
}

static int
on_get(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_session_get *m = &msg->session_get;

	(void)fd;
	if (strcmp(m->id, "stuck") == 0) {
		sh->stuck++;
		return 0;
	}
	if (!exists(m->id))
		return reply_code(c, m->tag, STORE_NOT_FOUND);
	return reply_session(c, m->tag, STORE_OK, m->id, "running", 0);
}

static uint32_t
liveness(const char *id)
{
	if (!exists(id))
		return STORE_NOT_FOUND;
	return strcmp(id, "live") == 0 && !killed ? STORE_OK : STORE_NOT_LIVE;
}

static int
on_input_check(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)fd;
	return reply_code(c, msg->input_check.tag,
	    liveness(msg->input_check.id));
}

static int
on_input(struct chan *c, const union msg_any *msg, int *fd)
{
	autobuf struct buf b = { 0 };
	union msg_any m;

	record(*fd, MSG_INPUT_SPEC, &b, &m);
	note(sh->data, m.input_spec.data.p, m.input_spec.data.len);
	note(sh->payload, m.input_spec.payload.p, m.input_spec.payload.len);
	sh->data_len = (unsigned)m.input_spec.data.len;
	sh->eof = m.input_spec.eof;
	sh->inputs++;
	return reply_code(c, msg->input.tag, liveness(msg->input.id));
}

static int
on_stats(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_stats_row row = { .id = "live", .age_ms = 1500,
	    .output_bytes = 7, .measured = 1, .cpu_us = 250000,
	    .memory = 4096, .processes = 2, .shared = 1 };
	autobuf struct buf b = { 0 };

	(void)fd;
	if (msg_encode(&b, MSG_STATS_ROW, &row) < 0)
		fatal("encode statistics");
	return reply_rows(c, msg->session_stats.tag, STORE_OK, &b, 1, 0, AT);
}

static int
on_archive(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_session_archive *m = &msg->session_archive;

	(void)fd;
	if (!exists(m->id))
		return reply_code(c, m->tag, STORE_NOT_FOUND);
	if (strcmp(m->id, "live") == 0)
		return reply_code(c, m->tag, STORE_LIVE);
	return reply_session(c, m->tag, STORE_OK, m->id, m->archive ?
	    "completed" : "idle", 0);
}

static int
on_delete(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_session_delete *m = &msg->session_delete;

	(void)fd;
	return reply_code(c, m->tag, !exists(m->id) ? STORE_NOT_FOUND :
	    strcmp(m->id, "live") == 0 ? STORE_LIVE : STORE_OK);
}

static int
on_resize(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_resize *m = &msg->resize;
	uint32_t code = liveness(m->id);

	(void)fd;
	sh->rows = m->rows;
	sh->cols = m->cols;
	/* A wide one is asked of a session without a terminal. */
	if (code == STORE_OK && m->cols == 999)
		code = STORE_NO_TERMINAL;
	return reply_code(c, m->tag, code);
}

static int
on_kill(struct chan *c, const union msg_any *msg, int *fd)
{
	uint32_t code = liveness(msg->kill.id);

	(void)fd;
	if (strcmp(msg->kill.id, "ext") == 0)
		code = STORE_EXTERNAL_UNKILLABLE;
	if (code == STORE_OK)
		killed = 1;
	return reply_code(c, msg->kill.tag, code);
}

static int
on_signal(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)fd;
	sh->signo = msg->signal.signo;
	return reply_code(c, msg->signal.tag, liveness(msg->signal.id));
}

/* Questions about "grow" that wait for its next event. */
static struct msg_events waiting[1024];
static unsigned nwaiting;

static void
write_event(struct jw *j, const char *session, uint64_t seq,
    const char *payload, size_t n)
{
	jw_object(j);
	jw_ku64(j, "seq", seq);
	jw_kstr(j, "id", "e");
	jw_kstr(j, "session_id", session);
	jw_kstr(j, "kind", "output");
	jw_name(j, "payload_json");
	jw_strn(j, payload, n);
	jw_kstr(j, "created_at", AT);
	jw_object_end(j);
}

/* The whole answer as JSON, bounded as the real one's. */
static int
reply_json(struct chan *c, const struct msg_events *m, unsigned count,
    const char *payload, size_t n)
{
	struct msg_reply reply = { .tag = m->tag, .code = STORE_OK,
	    .json = 1, .text = "" };
	uint32_t limit = m->limit != 0 ? m->limit : UINT32_MAX;
	uint64_t seq = m->has_after ? m->after_seq : 0;
	autobuf struct buf b = { .max = 8u << 20 };
	autoclose int fd = -1;
	struct jw j;

	jw_init(&j, &b);
	jw_object(&j);
	jw_name(&j, "events");
	jw_array(&j);
	while (seq < count && reply.rows < limit) {
		if (buf_left(&b) + n + 512 > LIMIT_REPLY)
			break;
		write_event(&j, m->id, seq + 1, payload, n);
		reply.rows++;
		seq++;
	}
	if (m->limit == 0 && seq < count)
		return reply_rows(c, m->tag, STORE_TOO_LARGE, NULL, 0, 0,
		    "70\te");
	jw_array_end(&j);
	jw_name(&j, "nextCursor");
	if (reply.rows != 0) {
		jw_object(&j);
		jw_ku64(&j, "afterSeq", seq);
		jw_object_end(&j);
	} else {
		jw_null(&j);
	}
	jw_kbool(&j, "hasMore", m->limit != 0 && seq < count);
	jw_object_end(&j);
	fd = memfd_make("page", buf_head(&b), buf_left(&b));
	if (chan_send(c, MSG_REPLY, &reply, fd) < 0)
		log_warn("reply: not sent");
	return 0;
}

static int
reply_events(struct chan *c, const struct msg_events *m, unsigned count,
    const char *payload, size_t n)
{
	autobuf struct buf b = { .max = 64u << 20 };
	const char *status = "";
	struct msg_event_row row = { .id = "e", .kind = "output",
	    .payload = { payload, n }, .created_at = AT };
	uint32_t rows = 0, limit = m->limit != 0 ? m->limit : UINT32_MAX;

	if (m->json)
		return reply_json(c, m, count, payload, n);
	row.seq = m->has_after ? m->after_seq : 0;
	while (++row.seq <= count && rows < limit) {
		if (msg_encode(&b, MSG_EVENT_ROW, &row) < 0)
			fatal("encode an event");
		rows++;
	}
	if (sh->grown_up && row.seq > count)
		status = "completed";
	return reply_rows(c, m->tag, STORE_OK, &b, rows, row.seq <= count,
	    status);
}

static const char hi[] = "{\"data\":\"hi\\r\\n\"}";

static int
grow(struct chan *c, const struct msg_events *m)
{
	if (sh->gone)
		return reply_code(c, m->tag, STORE_NOT_FOUND);
	if (m->wait_ms == 0 || sh->grown > m->after_seq || sh->grown_up)
		return reply_events(c, m, sh->grown, hi, sizeof(hi) - 1);
	if (nwaiting == nitems(waiting))
		fatal("too many wait");
	waiting[nwaiting++] = *m;
	return 0;
}

void
stored_grow(struct chan *c)
{
	unsigned i, n = nwaiting;

	nwaiting = 0;
	for (i = 0; i < n; i++)
		(void)grow(c, &waiting[i]);
}

static int
on_events(struct chan *c, const union msg_any *msg, int *fd)
{
	static char big[60000];
	const struct msg_events *m = &msg->events;

	(void)fd;
	sh->after_seq = (unsigned)m->after_seq;
	sh->limit = m->limit;
	sh->wait_ms = m->wait_ms;
	sh->asks++;
	if (!exists(m->id))
		return reply_code(c, m->tag, STORE_NOT_FOUND);
	if (strcmp(m->id, "evs") == 0)
		return reply_events(c, m, 5, hi, sizeof(hi) - 1);
	if (strcmp(m->id, "grow") == 0)
		return grow(c, m);
	memset(big, 'x', sizeof(big));
	if (strcmp(m->id, "big") == 0)
		return reply_events(c, m, 100, big, sizeof(big));
	if (m->wait_ms != 0)
		return 0;
	return reply_events(c, m, 0, "", 0);
}

static int
on_cancel(struct chan *c, const union msg_any *msg, int *fd)
{
	unsigned i;

	(void)c;
	(void)fd;
	for (i = 0; i < nwaiting; i++)
		if (waiting[i].tag == msg->cancel.tag)
			waiting[i] = waiting[--nwaiting];
	sh->cancels++;
	return 0;
}

static int
on_audit_note(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)c;
	(void)fd;
	if (*msg->audit_note.detail == '\0' ||
	    strncmp(msg->audit_note.actor, "uid ", 4) != 0)
		fatal("a note of nothing or nobody");
	sh->notes++;
	return 0;
}

/* --- paired tokens: their texts are known to the tests ------------------- */

#define YEAR	(UINT64_C(366) * 86400 * 1000000000)

static const struct {
	const char	*name, *scopes, *token;
	int		 ended;
} paired[] = {
	{ "reader", "list,read", "coven_p_reader", 0 },
	{ "typist", "input", "coven_p_typist", 0 },
	{ "launcher", "launch:codex", "coven_p_launcher", 0 },
	{ "ended", "list,read", "coven_p_ended", 1 },
};

static int
on_pair_list(struct chan *c, const union msg_any *msg, int *fd)
{
	autobuf struct buf b = { 0 };
	uint8_t d[DIGEST_LEN];
	size_t i;

	(void)fd;
	for (i = 0; i < nitems(paired); i++) {
		struct msg_pair_row row = { .name = paired[i].name,
		    .scopes = paired[i].scopes, .digest = { d, sizeof(d) },
		    .created_ns = 1, .expires_ns = paired[i].ended ? 2 :
		    clock_wall_ns() + YEAR };

		digest(paired[i].token, strlen(paired[i].token), d);
		if (msg_encode(&b, MSG_PAIR_ROW, &row) < 0)
			fatal("encode a pairing");
	}
	return reply_rows(c, msg->pair_list.tag, STORE_OK, &b,
	    nitems(paired), 0, "");
}

/* "taken" is, "full" is one too many. */
static int
on_pair_add(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_pair_add *m = &msg->pair_add;

	(void)fd;
	if (m->digest.len != DIGEST_LEN)
		fatal("a pairing without a digest");
	note(sh->title, m->scopes, strlen(m->scopes));
	return reply_code(c, m->tag, strcmp(m->name, "taken") == 0 ?
	    STORE_CONFLICT : strcmp(m->name, "full") == 0 ?
	    STORE_UNAVAILABLE : STORE_OK);
}

static int
on_pair_revoke(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_pair_revoke *m = &msg->pair_revoke;

	(void)fd;
	return reply_code(c, m->tag, strcmp(m->name, "nobody") == 0 ?
	    STORE_NOT_FOUND : STORE_OK);
}

static int
on_pair_used(struct chan *c, const union msg_any *msg, int *fd)
{
	(void)c;
	(void)msg;
	(void)fd;
	sh->uses++;
	return 0;
}

chan_handler *const stored_handlers[MSG__COUNT] = {
	[MSG_PAIR_LIST] = on_pair_list,
	[MSG_PAIR_ADD] = on_pair_add,
	[MSG_PAIR_REVOKE] = on_pair_revoke,
	[MSG_PAIR_USED] = on_pair_used,
	[MSG_LAUNCH] = on_launch,
	[MSG_EXTERNAL] = on_external,
	[MSG_COMPLETE] = on_complete,
	[MSG_SESSION_LIST] = on_list,
	[MSG_SESSION_GET] = on_get,
	[MSG_SESSION_STATS] = on_stats,
	[MSG_SESSION_ARCHIVE] = on_archive,
	[MSG_SESSION_DELETE] = on_delete,
	[MSG_INPUT_CHECK] = on_input_check,
	[MSG_INPUT] = on_input,
	[MSG_RESIZE] = on_resize,
	[MSG_KILL] = on_kill,
	[MSG_SIGNAL] = on_signal,
	[MSG_EVENTS] = on_events,
	[MSG_CANCEL] = on_cancel,
	[MSG_AUDIT_NOTE] = on_audit_note,
};

void
stored_begin(struct shared *shared)
{
	sh = shared;
	nwaiting = 0;
}
