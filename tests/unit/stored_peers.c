#include <sys/stat.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "common/shelf.h"
#include "tests/unit/redactor_fixture.h"
#include "tests/unit/stored_peers.h"

struct world w;

/* --- a peer's end of a channel --- */

static int
on_any(struct chan *c, enum msg_type type, const union msg_any *msg, int *fd)
{
	struct peer *p = c->ctx;
	struct got *g;

	/* Now and then, between whatever else: nobody waits for it. */
	if (type == MSG_STORE_STATS) {
		w.stats = msg->store_stats;
		return 0;
	}
	if (type == MSG_SHELF) {
		shelf_unmap(w.shelf);
		w.shelf = shelf_map(*fd);
		assert_non_null(w.shelf);
		return 0;
	}
	g = mem_zalloc(1, sizeof(*g));
	g->type = type;
	g->fd = mem_steal_fd(fd);
	if (msg_encode(&g->raw, type, msg) != 0 ||
	    msg_decode_exact(buf_head(&g->raw), buf_left(&g->raw), type,
	    &g->m) != 0)
		fatal("keep %s", msg_row(type)->name);
	TAILQ_INSERT_TAIL(&p->in, g, link);
	return 0;
}

#define MSG(N, n, ...)							\
static int								\
got_##n(struct chan *c, const union msg_any *msg, int *fd)		\
{									\
	return on_any(c, MSG_##N, msg, fd);				\
}
#define U32(f)
#define U64(f)
#define I32(f)
#define STR(f, max)
#define BIN(f, max)
#define END(N, n)
#include "common/msg.def"
#undef MSG
#define MSG(N, n, ...)	[MSG_##N] = got_##n,
static chan_handler *const any_handlers[MSG__COUNT] = {
#include "common/msg.def"
};

static void
on_peer_end(struct chan *c, int why)
{
	struct peer *p = c->ctx;

	p->ended = why;
	chan_close(c);
}

static void
free_got(struct got *g)
{
	mem_close(&g->fd);
	buf_fini(&g->raw);
	free(g);
}

void
peer_close(struct peer *p)
{
	struct got *g;

	chan_close(&p->chan);
	if (p->last != NULL)
		free_got(p->last);
	p->last = NULL;
	while (p->in.tqh_last != NULL && (g = TAILQ_FIRST(&p->in)) != NULL) {
		TAILQ_REMOVE(&p->in, g, link);
		free_got(g);
	}
}

static void
peer_open(struct peer *p, int *fd, enum role self, enum chan_state state)
{
	peer_close(p);
	*p = (struct peer){ 0 };
	TAILQ_INIT(&p->in);
	assert_int_equal(chan_open(&p->chan, w.loop, fd, self, ROLE_STORED,
	    state, any_handlers, p, on_peer_end), 0);
}

/* --- turning the loop --- */

void
pump_until(bool (*cond)(void *), void *ctx)
{
	int64_t end = loop_now_ns() + INT64_C(5000000000);

	while (!cond(ctx)) {
		if (loop_now_ns() > end)
			fail_msg("five seconds have passed");
		loop_once(w.loop, 20);
	}
}

void
pump_idle(void)
{
	int i;

	/* Each message needs a turn at either end; none takes ten. */
	for (i = 0; i < 10; i++)
		loop_once(w.loop, 0);
}

static bool
has_message(void *ctx)
{
	struct peer *p = ctx;

	return !TAILQ_EMPTY(&p->in);
}

struct got *
peer_expect(struct peer *p, enum msg_type type)
{
	struct got *g;

	pump_until(has_message, p);
	g = TAILQ_FIRST(&p->in);
	TAILQ_REMOVE(&p->in, g, link);
	if (p->last != NULL)
		free_got(p->last);
	p->last = g;
	if (g->type != type)
		fail_msg("%s, not %s", msg_row(g->type)->name,
		    msg_row(type)->name);
	return g;
}

void
peer_expect_nothing(struct peer *p)
{
	pump_idle();
	if (!TAILQ_EMPTY(&p->in))
		fail_msg("an unexpected %s",
		    msg_row(TAILQ_FIRST(&p->in)->type)->name);
}

static bool
has_ended(void *ctx)
{
	struct peer *p = ctx;

	return p->ended != 0;
}

void
peer_expect_end(struct peer *p)
{
	pump_until(has_ended, p);
	assert_int_equal(p->ended, CHAN_EOF);
}

void
peer_send(struct peer *p, enum msg_type type, const void *msg)
{
	assert_int_equal(chan_send(&p->chan, type, msg, -1), 0);
}

void
peer_send_record(struct peer *p, enum msg_type type, const void *msg,
    enum msg_type record, const void *content)
{
	autobuf struct buf b = { .max = LIMIT_BULK };
	autoclose int fd = -1;

	assert_int_equal(msg_encode(&b, record, content), 0);
	fd = memfd_make("test", buf_head(&b), buf_left(&b));
	assert_true(fd >= 0);
	assert_int_equal(chan_send(&p->chan, type, msg, fd), 0);
}

/* --- the world --- */

static void
on_control_end(struct chan *c, int why)
{
	w.lied = why == CHAN_BAD;
	chan_close(c);
}

void
stored_up(void)
{
	struct msg_redactor patterns = { .log_retention_days = 30 };
	char why[256];
	int fds[2];

	w.loop = loop_new();
	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(chan_open(&w.control, w.loop, &fds[0], ROLE_STORED,
	    ROLE_MONITOR, CS_READY, stored_control, &w.stored,
	    on_control_end), 0);
	peer_open(&w.monitor, &fds[1], ROLE_MONITOR, CS_READY);
	if (stored_init(&w.stored, w.loop, &w.control, why, sizeof(why)) < 0)
		fail_msg("%s", why);
	if (!w.without_patterns)
		assert_int_equal(chan_send(&w.monitor.chan, MSG_REDACTOR,
		    &patterns, redactor_fixture(true)), 0);
}

void
stored_down(void)
{
	size_t i;

	if (w.loop == NULL)
		return;
	for (i = 0; i < nitems(w.runner); i++)
		peer_close(&w.runner[i]);
	peer_close(&w.apid);
	stored_fini(&w.stored);
	chan_close(&w.control);
	peer_close(&w.monitor);
	shelf_unmap(w.shelf);
	w.shelf = NULL;
	loop_free(w.loop);
	w.loop = NULL;
}

int
world_setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	(void)snprintf(w.folder, sizeof(w.folder), "/tmp/test_stored.XXXXXX");
	if (mkdtemp(w.folder) == NULL || chdir(w.folder) == -1)
		return -1;
	(void)umask(077);
	return 0;
}

int
world_teardown(void **state)
{
	static const char *const files[] = { "coven.db", "coven.db-wal",
	    "reserve", "segment.00000001" };
	size_t i;

	(void)state;
	stored_down();
	for (i = 0; i < nitems(files); i++)
		(void)unlink(files[i]);
	return chdir("/") == 0 ? rmdir(w.folder) : -1;
}

int
world_setup_serving(void **state)
{
	if (world_setup(state) != 0)
		return -1;
	stored_up();
	world_serve(0);
	return 0;
}

static void
give(struct peer *p, enum role role, enum chan_state state, const char *id)
{
	struct msg_peer m = { .role = role, .session = id };
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	peer_open(p, &fds[0], role, state);
	assert_int_equal(chan_send(&w.monitor.chan, MSG_PEER, &m, fds[1]), 0);
	(void)close(fds[1]);
}

void
give_apid(void)
{
	give(&w.apid, ROLE_APID, CS_SERVING, "");
}

void
give_runner(struct peer *p, const char *id)
{
	give(p, ROLE_RUNNER, CS_READY, id);
}

void
world_serve(uint32_t live)
{
	struct msg_serve m = { .live = live, .pair_max_days = 90 };

	peer_send(&w.monitor, MSG_SERVE, &m);
	(void)peer_expect(&w.monitor, MSG_RECOVERED);
	give_apid();
}

/* --- what is often said --- */

void
launch_prepare(const char *conversation, char id[UUID_LEN])
{
	struct msg_launch m = { .tag = ++w.tag };
	struct msg_run_spec spec = { .harness = "exec", .project_root = "/p/.",
	    .title = "a title", .prompt = "p",
	    .conversation_id = conversation };
	struct got *g;

	peer_send_record(&w.apid, MSG_LAUNCH, &m, MSG_RUN_SPEC, &spec);
	g = peer_expect(&w.monitor, MSG_RUN_PREPARE);
	assert_int_equal(strlen(g->m.run_prepare.id), UUID_LEN - 1);
	memcpy(id, g->m.run_prepare.id, UUID_LEN);
}

void
say_prepared(const char *id, enum run_code code)
{
	struct msg_run_prepared m = { .id = id, .code = code, .root = "/p",
	    .text = "because" };

	peer_send(&w.monitor, MSG_RUN_PREPARED, &m);
}

void
launch(struct peer *runner, const char *conversation, char id[UUID_LEN])
{
	struct msg_run_started started = { .id = id };
	struct got *g;

	launch_prepare(conversation, id);
	say_prepared(id, RUN_OK);
	g = peer_expect(&w.monitor, MSG_RUN_START);
	assert_string_equal(g->m.run_start.id, id);
	give_runner(runner, id);
	g = peer_expect(runner, MSG_RESUME);
	assert_int_equal(g->m.resume.n, 0);
	peer_send(&w.monitor, MSG_RUN_STARTED, &started);
	expect_code(STORE_OK);
}

void
say_output(struct peer *runner, uint64_t n, const char *payload)
{
	struct msg_event m = { .n = n, .kind = EVENT_OUTPUT, .time_ns = 1,
	    .payload = { payload, strlen(payload) } };

	peer_send(runner, MSG_EVENT, &m);
}

void
say_exit(struct peer *runner, uint64_t n, int code)
{
	struct msg_run_exit m = { .n = n, .has_code = 1, .exit_code = code,
	    .failed = code != 0 };

	peer_send(runner, MSG_RUN_EXIT, &m);
}

void
say_gone(const char *id, const char *cause)
{
	struct msg_run_gone m = { .id = id, .cause = cause };

	peer_send(&w.monitor, MSG_RUN_GONE, &m);
}

/* Acks may be merged, but the last one is n. */
void
expect_ack(struct peer *runner, uint64_t n)
{
	uint64_t got = 0;

	while (got < n)
		got = peer_expect(runner, MSG_EVENT_ACK)->m.event_ack.n;
	assert_int_equal(got, n);
}

void
expect_code(enum store_code code)
{
	struct got *g = peer_expect(&w.apid, MSG_REPLY);

	assert_int_equal(g->m.reply.tag, w.tag);
	if (g->m.reply.code != code)
		fail_msg("code %u, not %u: %s", (unsigned)g->m.reply.code,
		    (unsigned)code, g->m.reply.text);
}

void
expect_settled(const char *id)
{
	struct got *g = peer_expect(&w.monitor, MSG_RUN_SETTLED);

	assert_string_equal(g->m.run_settled.id, id);
}

void
ask_kill(const char *id)
{
	struct msg_kill m = { .tag = ++w.tag, .id = id };

	peer_send(&w.apid, MSG_KILL, &m);
}

struct msg_events
events_of(const char *id)
{
	return (struct msg_events){ .tag = ++w.tag, .id = id };
}

static void
event_text(const union msg_any *m, char *out, size_t len)
{
	size_t at = strlen(out);

	(void)snprintf(out + at, len - at, "%s%.*s", m->event_row.kind,
	    (int)m->event_row.payload.len,
	    (const char *)m->event_row.payload.p);
}

static void
session_text(const union msg_any *m, char *out, size_t len)
{
	char code[16] = "null";

	if (m->session_row.has_exit_code)
		(void)snprintf(code, sizeof(code), "%d",
		    (int)m->session_row.exit_code);
	(void)snprintf(out, len, "%s %s", m->session_row.status, code);
}

void
rows_text(const struct got *g, char *out, size_t len)
{
	autobuf struct buf b = { 0 };
	union msg_any m;
	uint32_t type, rows = 0;
	size_t used;

	out[0] = '\0';
	assert_true(g->fd >= 0);
	assert_int_equal(memfd_read(g->fd, LIMIT_BULK, &b), 0);
	while (buf_left(&b) != 0) {
		assert_int_equal(msg_decode(buf_head(&b), buf_left(&b), &type,
		    &m, &used), 0);
		if (type == MSG_EVENT_ROW)
			event_text(&m, out, len);
		else
			session_text(&m, out, len);
		buf_consume(&b, used);
		rows++;
	}
	assert_int_equal(rows, g->m.reply.rows);
}

void
expect_events(const char *id, const char *want)
{
	struct msg_events m = events_of(id);
	char text[4096];
	struct got *g;

	peer_send(&w.apid, MSG_EVENTS, &m);
	g = peer_expect(&w.apid, MSG_REPLY);
	assert_int_equal(g->m.reply.tag, w.tag);
	assert_int_equal(g->m.reply.code, STORE_OK);
	rows_text(g, text, sizeof(text));
	assert_string_equal(text, want);
}

void
expect_session(const char *id, const char *want)
{
	struct msg_session_get m = { .tag = ++w.tag, .id = id };
	char text[4096];
	struct got *g;

	peer_send(&w.apid, MSG_SESSION_GET, &m);
	g = peer_expect(&w.apid, MSG_REPLY);
	assert_int_equal(g->m.reply.tag, w.tag);
	if (g->m.reply.code == STORE_NOT_FOUND) {
		assert_string_equal("absent", want);
		return;
	}
	assert_int_equal(g->m.reply.code, STORE_OK);
	rows_text(g, text, sizeof(text));
	assert_string_equal(text, want);
}
