/*
 * The attacker's version of coven-stored: it holds the record's folder, asks
 * the monitor for runs that are no runs, and answers apid and runners as it
 * likes.
 *
 * What must hold: nothing starts without a sealed spec, its digest and an id
 * that never ran (files "bad-..." in ran/ of the project would show it); no
 * signal outside the list is delivered; apid and the monitor live.  It leaves
 * sessions alone that it has not started: ending those is a stored's right.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/audit.h"
#include "common/clock.h"
#include "common/digest.h"
#include "tests/evil/evil.h"

#define START_MS	1500	/* when there is no apid by then */
#define STEPS_MAX	150
#define RUNS		16
#define TAGS		64

enum { TO_MONITOR, TO_APID, TO_RUNNER, TO__COUNT };

struct run {
	char	id[UUID_LEN];
	bool	own;		/* it asked for it */
	bool	wanted;		/* to be started when it is prepared */
	bool	gone;		/* it ran, and was settled */
};

static struct run runs[RUNS];
static unsigned nruns, names;
static uint64_t tags[TAGS];	/* requests of apid */
static unsigned ntags;

static struct run *
find_run(const char *id)
{
	unsigned i;

	for (i = 0; i < RUNS; i++)
		if (strcmp(runs[i].id, id) == 0)
			return &runs[i];
	return NULL;
}

static struct run *
new_run(const char *id, bool own)
{
	struct run *r = find_run(id);

	if (r == NULL)
		r = &runs[nruns++ % RUNS];
	*r = (struct run){ .own = own };
	(void)snprintf(r->id, sizeof(r->id), "%s", id);
	return r;
}

static const char *
any_id(struct evil *e, bool own_only)
{
	static const char *const odd[] = { "", "none",
	    "00000000-0000-4000-8000-000000000000",
	    "00000000-0000-4000-8000-00000000000", "../../../etc/passwd-------",
	    "FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF" };
	unsigned i = evil_pick(e, RUNS);

	if (runs[i].id[0] != '\0' && (runs[i].own || !own_only) &&
	    !evil_once_in(e, 4))
		return runs[i].id;
	return odd[evil_pick(e, nitems(odd))];
}

/* --- runs --- */

struct order {
	const char	*kind;		/* of the file that it touches */
	const char	*id;		/* NULL: a fresh one */
	unsigned	 seals;
	unsigned	 digest_len;
	bool		 wrong_digest;
	bool		 map;		/* keeps a writable mapping */
	const struct msg_run_spec *odd;
};

static int
order_memfd(const struct order *o, const struct buf *b)
{
	autoclose int fd = -1;
	char *p;

	if (!o->map)
		return evil_memfd(buf_head(b), buf_left(b), o->seals);
	/* F_SEAL_WRITE is refused then; what is left may be enough. */
	fd = evil_memfd(buf_head(b), buf_left(b), 0);
	p = mmap(NULL, buf_left(b), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	if (fcntl(fd, F_ADD_SEALS, o->seals) == -1)
		(void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW |
		    F_SEAL_SEAL);
	return mem_steal_fd(&fd);
}

static struct run *
prepare(struct evil *e, const struct order *o)
{
	struct msg_run_prepare m = { 0 };
	autobuf struct buf b = { 0 };
	uint8_t sum[DIGEST_LEN];
	char name[64], fresh[UUID_LEN];
	autoclose int fd = -1;

	uuid_random(fresh);
	(void)snprintf(name, sizeof(name), "%s-stored-%u-%u", o->kind,
	    e->turn, ++names);
	evil_spec(e, name, o->odd, &b);
	digest(buf_head(&b), buf_left(&b), sum);
	if (o->wrong_digest)
		sum[evil_pick(e, DIGEST_LEN)] ^= 1;
	fd = order_memfd(o, &b);
	m.id = o->id != NULL ? o->id : fresh;
	m.digest = (struct msg_bin){ sum, o->digest_len };
	evil_send_fd(e, TO_MONITOR, MSG_RUN_PREPARE, &m, fd);
	return new_run(m.id, true);
}

static void
start(struct evil *e, const char *id)
{
	struct msg_run_start m = { .id = id };

	evil_send(e, TO_MONITOR, MSG_RUN_START, &m);
}

static void
run_good(struct evil *e)
{
	static const struct order good = { .kind = "good",
	    .seals = EVIL_SEALED, .digest_len = DIGEST_LEN };

	prepare(e, &good)->wanted = true;
}

/*
 * What it never says to start: a sandbox may be built for it, and nothing
 * may run in it.  Forgotten at once, so that no other act starts it.
 */
static void
prepare_only(struct evil *e)
{
	static const struct order order = { .kind = "bad-unstarted",
	    .seals = EVIL_SEALED, .digest_len = DIGEST_LEN };

	prepare(e, &order)->id[0] = '\0';
}

/*
 * Orders that must not be obeyed.  The first kind is refused with an answer,
 * so that all are tried; one of the second ends the life that gives it, even
 * if it is not followed by a start.
 */
static const struct msg_run_spec odd_root = { .project_root = "/etc" };
static const struct order refused[] = {
	{ .kind = "bad-digest", .seals = EVIL_SEALED,
	    .digest_len = DIGEST_LEN, .wrong_digest = true },
	{ .kind = "bad-short-digest", .seals = EVIL_SEALED,
	    .digest_len = DIGEST_LEN - 1 },
	{ .kind = "bad-no-digest", .seals = EVIL_SEALED },
	{ .kind = "bad-root", .seals = EVIL_SEALED,
	    .digest_len = DIGEST_LEN, .odd = &odd_root },
};
static const struct order lies[] = {
	{ .kind = "bad-unsealed", .digest_len = DIGEST_LEN },
	{ .kind = "bad-half-sealed", .digest_len = DIGEST_LEN,
	    .seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW },
	{ .kind = "bad-mapped", .digest_len = DIGEST_LEN,
	    .seals = EVIL_SEALED, .map = true },
	{ .kind = "bad-future-write", .digest_len = DIGEST_LEN,
	    .seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
	    F_SEAL_FUTURE_WRITE, .map = true },
	{ .kind = "bad-id", .seals = EVIL_SEALED,
	    .digest_len = DIGEST_LEN, .id = "../../x" },
	{ .kind = "bad-upper-id", .seals = EVIL_SEALED,
	    .digest_len = DIGEST_LEN,
	    .id = "FFFFFFFF-FFFF-4FFF-8FFF-FFFFFFFFFFFF" },
};

static void
order_refused(struct evil *e)
{
	unsigned i;

	for (i = 0; i < nitems(refused); i++) {
		prepare(e, &refused[i])->wanted = true;
		loop_once(e->loop, 20);
	}
}

static void
order_lie(struct evil *e, const struct order *o)
{
	struct run *r;

	log_info("evil stored: orders %s", o->kind);
	r = prepare(e, o);
	r->wanted = true;
	loop_once(e->loop, 20);
	start(e, r->id);
}

#define LIE(n)								\
static void								\
lie_##n(struct evil *e)							\
{									\
	order_lie(e, &lies[n]);						\
}

LIE(0)
LIE(1)
LIE(2)
LIE(3)
LIE(4)
LIE(5)

/* One that ran to its end: prepared once more under its own id. */
static void
run_again(struct evil *e)
{
	struct order again = { .kind = "bad-again", .seals = EVIL_SEALED,
	    .digest_len = DIGEST_LEN };
	char id[UUID_LEN];
	struct run *r;
	unsigned i;

	run_good(e);
	r = &runs[(nruns - 1) % RUNS];
	for (i = 0; i < 200 && !r->gone; i++)
		loop_once(e->loop, 5);
	if (!r->gone)
		return;		/* refused, as any may be: a limit */
	(void)snprintf(id, sizeof(id), "%s", r->id);
	again.id = id;
	log_info("evil stored: orders %s", again.kind);
	r = prepare(e, &again);
	r->wanted = true;
	for (i = 0; i < 200 && !r->gone; i++)
		loop_once(e->loop, 5);
}

static void
start_twice(struct evil *e)
{
	struct run *r;
	unsigned i;

	run_good(e);
	r = &runs[(nruns - 1) % RUNS];
	for (i = 0; i < 20; i++)
		loop_once(e->loop, 5);
	start(e, r->id);
}

static void
start_unprepared(struct evil *e)
{
	char id[UUID_LEN];

	uuid_random(id);
	start(e, evil_once_in(e, 2) ? id : any_id(e, false));
}

static void
prepare_many(struct evil *e)
{
	static const struct order good = { .kind = "bad-not-started",
	    .seals = EVIL_SEALED, .digest_len = DIGEST_LEN };
	unsigned i;

	for (i = 0; i < 300; i++) {
		(void)prepare(e, &good);
		if (i % 16 == 0)
			loop_once(e->loop, 1);
	}
}

static void
settle(struct evil *e)
{
	struct msg_run_settled m = { .id = any_id(e, false) };

	evil_send(e, TO_MONITOR, MSG_RUN_SETTLED, &m);
}

static void
kill_own(struct evil *e)
{
	struct msg_run_kill m = { .id = any_id(e, true),
	    .grace_ms = evil_once_in(e, 2) ? UINT32_MAX : evil_pick(e, 100) };

	evil_send(e, TO_MONITOR, MSG_RUN_KILL, &m);
}

/* Also to those that it did not start: none of these may arrive. */
static void
signal_unlisted(struct evil *e)
{
	static const uint32_t signos[] = { 0, SIGKILL, SIGSTOP, SIGSEGV,
	    SIGCHLD, 32, 34, 64, 65, INT32_MAX, UINT32_MAX };
	struct msg_run_signal m = { .id = any_id(e, false),
	    .signo = signos[(e->turn + evil_pick(e, 3)) % nitems(signos)] };

	evil_send(e, TO_MONITOR, MSG_RUN_SIGNAL, &m);
}

static void
signal_own(struct evil *e)
{
	static const uint32_t signos[] = { SIGTERM, SIGHUP, SIGWINCH };
	struct msg_run_signal m = { .id = any_id(e, true),
	    .signo = signos[evil_pick(e, nitems(signos))] };

	evil_send(e, TO_MONITOR, MSG_RUN_SIGNAL, &m);
}

static void
recovered_again(struct evil *e)
{
	struct msg_recovered m = { .orphaned = evil_random(e) };

	evil_send(e, TO_MONITOR, MSG_RECOVERED, &m);
}

/* It is believed: apid is started again, and no more than that. */
static void
apid_lied(struct evil *e)
{
	struct msg_peer_end m = { .role = evil_once_in(e, 2) ? ROLE_APID :
	    evil_pick(e, ROLE__COUNT + 1), .lied = 1 };

	evil_send(e, TO_MONITOR, MSG_PEER_END, &m);
}

/* --- apid --- */

static void
row_bytes(struct evil *e, struct buf *b)
{
	static const struct msg_session_row odd[] = {
		{ .id = "x", .status = "running", .labels = "[]" },
		{ .id = "\x1b[2J\xff", .title = "\xc0\x80",
		    .labels = "{\"a\":[[[[", .status = "\"" },
		{ .id = "", .created_at = "never", .labels = "null" },
	};
	struct msg_event_row event = { .seq = UINT64_MAX, .id = "\xff",
	    .kind = "output", .payload = { "{\"data\":", 8 } };

	switch (evil_pick(e, 4)) {
	case 0:
		(void)msg_encode(b, MSG_SESSION_ROW,
		    &odd[evil_pick(e, nitems(odd))]);
		break;
	case 1:
		(void)msg_encode(b, MSG_EVENT_ROW, &event);
		break;
	case 2:
		(void)msg_encode(b, MSG_SESSION_ROW, &odd[0]);
		b->data[evil_pick(e, (unsigned)buf_left(b))] ^= 0x55;
		break;
	default:
		(void)msg_encode(b, MSG_SESSION_ROW, &odd[0]);
		b->len -= 1 + evil_pick(e, (unsigned)buf_left(b) - 1);
		break;
	}
}

static void
reply(struct evil *e)
{
	struct msg_reply m = { .code = evil_pick(e, STORE_ERROR + 3),
	    .rows = evil_pick(e, 4), .more = evil_pick(e, 3),
	    .text = evil_once_in(e, 2) ? "\t\x1b[2J\xff%s\"" : "" };
	autobuf struct buf b = { 0 };
	autoclose int fd = -1;

	m.tag = ntags != 0 && !evil_once_in(e, 3) ?
	    tags[evil_pick(e, ntags < TAGS ? ntags : TAGS)] : evil_random(e);
	row_bytes(e, &b);
	if (!evil_once_in(e, 3))
		fd = evil_memfd(buf_head(&b), buf_left(&b),
		    evil_once_in(e, 6) ? 0 : EVIL_SEALED);
	evil_send_fd(e, TO_APID, MSG_REPLY, &m, fd);
}

static void
reply_much(struct evil *e)
{
	unsigned i;

	for (i = 0; i < 500; i++) {
		reply(e);
		if (i % 32 == 0)
			loop_once(e->loop, 1);
	}
}

/* --- runners of its own sessions --- */

static void
resume(struct evil *e)
{
	struct msg_resume m = { .n = evil_once_in(e, 2) ? 0 :
	    evil_random(e) };

	evil_send(e, TO_RUNNER, MSG_RESUME, &m);
}

static void
ack(struct evil *e)
{
	struct msg_event_ack m = { .n = evil_once_in(e, 2) ?
	    evil_pick(e, 10) : UINT64_MAX };

	evil_send(e, TO_RUNNER, MSG_EVENT_ACK, &m);
}

static void
feed(struct evil *e)
{
	struct msg_run_input m = { .tag = evil_random(e),
	    .eof = evil_pick(e, 3) };
	autoclose int fd = evil_memfd("x\n", 2, evil_once_in(e, 4) ? 0 :
	    EVIL_SEALED);

	evil_send_fd(e, TO_RUNNER, MSG_RUN_INPUT, &m, fd);
}

/* Of a chain that nobody keeps, signed by nobody, backwards, in a flood. */
static void
heads(struct evil *e)
{
	uint8_t noise[AUDIT_SIGNATURE_LEN];
	struct msg_audit_head m = {
		.chain = { noise, AUDIT_CHAIN_LEN },
		.digest = { noise, DIGEST_LEN },
		.signature = { noise, sizeof(noise) },
	};
	unsigned i, n = evil_once_in(e, 4) ? 500 : 1;

	for (i = 0; i < n; i++) {
		memset(noise, (int)evil_pick(e, 256), sizeof(noise));
		m.count = 1 + evil_pick(e, 1000);
		m.time_ns = evil_random(e);
		evil_send(e, TO_MONITOR, MSG_AUDIT_HEAD, &m);
	}
}

static void
head_of_nothing(struct evil *e)
{
	struct msg_audit_head m = { .count = evil_pick(e, 2) };

	evil_send(e, TO_MONITOR, MSG_AUDIT_HEAD, &m);
}

/* The one that verify knows is there already. */
static void
another_key(struct evil *e)
{
	uint8_t key[AUDIT_PUBLIC_LEN] = { (uint8_t)evil_pick(e, 256) };
	struct msg_audit_public m = { .key = { key, sizeof(key) } };

	evil_send(e, TO_MONITOR, MSG_AUDIT_PUBLIC, &m);
}

static const struct evil_act acts[] = {
	{ "order_refused", order_refused, 2, true },
	{ "run_again", run_again, 1, false },
	{ "lie_0", lie_0, 1, false },
	{ "lie_1", lie_1, 1, false },
	{ "lie_2", lie_2, 1, false },
	{ "lie_3", lie_3, 1, false },
	{ "lie_4", lie_4, 1, false },
	{ "lie_5", lie_5, 1, false },
	{ "signal_unlisted", signal_unlisted, 2, false },
	{ "start_unprepared", start_unprepared, 2, false },
	{ "start_twice", start_twice, 1, false },
	{ "settle", settle, 2, false },
	{ "recovered_again", recovered_again, 1, false },
	{ "apid_lied", apid_lied, 1, false },
	{ "prepare_many", prepare_many, 1, true },
	{ "run_good", run_good, 6, true },
	{ "prepare_only", prepare_only, 2, true },
	{ "reply_much", reply_much, 1, true },
	{ "reply", reply, 6, true },
	{ "kill_own", kill_own, 3, true },
	{ "signal_own", signal_own, 3, true },
	{ "heads", heads, 2, true },
	{ "head_of_nothing", head_of_nothing, 1, false },
	{ "another_key", another_key, 1, true },
	{ "resume", resume, 3, true },
	{ "ack", ack, 3, true },
	{ "feed", feed, 3, true },
	{ "stop_listening", evil_stop_listening, 1, true },
	{ "any_row", evil_any_row, 3, false },
	{ "broken_packet", evil_broken_packet, 2, false },
	{ "random_packet", evil_random_packet, 2, false },
	{ "empty_packet", evil_empty_packet, 1, false },
	{ "hang_up", evil_hang_up, 1, true },
};

/* --- what it hears --- */

static int
on_request(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)fd;
	/* The tag is the first field of every request. */
	tags[ntags++ % TAGS] = m->session_get.tag;
	if (evil_once_in(e, 2))
		reply(e);
	return 0;
}

static chan_handler *const apid_handlers[MSG__COUNT] = {
	[MSG_LAUNCH] = on_request,
	[MSG_EXTERNAL] = on_request,
	[MSG_COMPLETE] = on_request,
	[MSG_SESSION_LIST] = on_request,
	[MSG_SESSION_GET] = on_request,
	[MSG_INPUT_CHECK] = on_request,
	[MSG_INPUT] = on_request,
	[MSG_KILL] = on_request,
	[MSG_SESSION_ARCHIVE] = on_request,
	[MSG_SESSION_DELETE] = on_request,
	[MSG_SESSION_STATS] = on_request,
	[MSG_RESIZE] = on_request,
	[MSG_SIGNAL] = on_request,
	[MSG_EVENTS] = on_request,
	[MSG_PAIR_LIST] = on_request,
	[MSG_PAIR_ADD] = on_request,
	[MSG_PAIR_REVOKE] = on_request,
	[MSG_PAIR_USED] = evil_hear,
	[MSG_CANCEL] = on_request,
	[MSG_AUDIT_NOTE] = evil_hear,
};

/* Unless an act has said otherwise: so that sessions end. */
static int
on_write(struct chan *c, const union msg_any *m, int *fd)
{
	/* The number is the first field of both. */
	struct msg_event_ack ok = { .n = m->event.n };

	(void)fd;
	evil_send(c->ctx, TO_RUNNER, MSG_EVENT_ACK, &ok);
	return 0;
}

static chan_handler *const runner_handlers[MSG__COUNT] = {
	[MSG_EVENT] = on_write,
	[MSG_RUN_EXIT] = on_write,
	[MSG_RUN_INPUT_REPLY] = evil_hear,
	[MSG_RUN_RESIZE_REPLY] = evil_hear,
};

static int
on_peer(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;
	const struct run *r = find_run(m->peer.session);
	struct msg_resume from_start = { 0 };

	if (m->peer.role == ROLE_APID) {
		chan_close(&e->chan[TO_APID]);
		timer_start(e->loop, &e->timer, 100);
		return chan_open(&e->chan[TO_APID], e->loop, fd, ROLE_STORED,
		    ROLE_APID, CS_SERVING, apid_handlers, e, evil_on_end);
	}
	if (r == NULL || !r->own) {
		if (r == NULL)
			(void)new_run(m->peer.session, false);
		/* Kept open and silent: its runner waits for a better one. */
		return evil_hear(c, m, fd);
	}
	chan_close(&e->chan[TO_RUNNER]);
	if (chan_open(&e->chan[TO_RUNNER], e->loop, fd, ROLE_STORED,
	    ROLE_RUNNER, CS_SERVING, runner_handlers, e, evil_on_end) != 0)
		return CHAN_BAD;
	evil_send(e, TO_RUNNER, MSG_RESUME, &from_start);
	return 0;
}

static int
on_serve(struct chan *c, const union msg_any *m, int *fd)
{
	struct msg_recovered done = { .orphaned = 7 };
	struct evil *e = c->ctx;

	(void)m, (void)fd;
	/* Some never say so, and go on all the same. */
	if (!evil_once_in(e, 12))
		evil_send(e, TO_MONITOR, MSG_RECOVERED, &done);
	return 0;
}

static int
on_prepared(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = find_run(m->run_prepared.id);

	(void)fd;
	if (r != NULL && r->wanted && m->run_prepared.code == RUN_OK) {
		r->wanted = false;
		start(c->ctx, r->id);
	}
	return 0;
}

static int
on_gone(struct chan *c, const union msg_any *m, int *fd)
{
	struct msg_run_settled settled = { .id = m->run_gone.id };
	struct run *r = find_run(m->run_gone.id);

	(void)fd;
	if (r == NULL || !r->own)
		return 0;
	r->gone = true;
	evil_send(c->ctx, TO_MONITOR, MSG_RUN_SETTLED, &settled);
	return 0;
}

static int
on_shutdown(struct chan *c, const union msg_any *m, int *fd)
{
	(void)c, (void)m, (void)fd;
	exit(0);
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_SERVE] = on_serve,
	[MSG_SHUTDOWN] = on_shutdown,
	[MSG_RUN_PREPARED] = on_prepared,
	[MSG_RUN_STARTED] = evil_hear,
	[MSG_RUN_FAILED] = evil_hear,
	[MSG_RUN_GONE] = on_gone,
	[MSG_RUN_STAT_REPLY] = evil_hear,
	[MSG_REDACTOR] = evil_hear,
	[MSG_AUDIT_KEY] = evil_hear,
	[MSG_AUDIT_NOTE] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct evil e;

	evil_begin(&e, ROLE_STORED, argv);
	role_options(argc, argv);
	e.npeers = TO__COUNT;
	(void)umask(077);
	role_start(ROLE_STORED, e.loop, &e.chan[TO_MONITOR],
	    control_handlers, &e);
	evil_await(&e, START_MS);
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
