#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "common/bounds.h"
#include "common/clock.h"
#include "common/failpoint.h"
#include "common/harness.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-runner/run.h"
#include "sandbox/role.h"

#define RESEND_MS	100

/* --- from the payload to the window to stored --- */

static bool
streams_open(const struct run *r)
{
	return r->stream[OUT_STDOUT].open || r->stream[OUT_STDERR].open;
}

/*
 * Few small events may be in flight; while they are, what the payload prints
 * gathers and leaves as one when an acknowledgement comes.  So the first byte
 * never waits, and a payload that prints byte by byte costs a write a commit.
 * However fast commits are, one follows another by a moment: there are clients
 * that give up a session when a look at it brings too many events.
 */
static bool
small_may_go(struct run *r)
{
	int64_t left_ns = r->small_ns - loop_now_ns() +
	    (int64_t)LIMIT_RUNNER_PACE_MS * 1000000;

	if (r->init_gone && !streams_open(r))
		return true;
	if (window_unacked(&r->window) >= RUN_SMALL)
		return false;
	if (r->small_ns == 0 || left_ns <= 0)
		return true;
	if (!timer_running(&r->pace))
		timer_start(r->loop, &r->pace, left_ns / 1000000 + 1);
	return false;
}

/* progress() follows. */
static void
on_pace(struct timer *t)
{
	(void)t;
}

static void
gather(struct run *r, bool small)
{
	static struct buf payload = { .max = LIMIT_EVENT_PAYLOAD };
	uint64_t time_ns;

	while (!window_full(&r->window)) {
		buf_clear(&payload);
		if (out_take(&r->out, small && small_may_go(r), &payload,
		    &time_ns) != 0)
			return;
		window_event(&r->window, time_ns, buf_head(&payload),
		    buf_left(&payload));
		if (small && buf_left(&payload) < LIMIT_EVENT_PAYLOAD / 2)
			r->small_ns = loop_now_ns();
	}
}

/*
 * One packet at most waits in the channel's own queue: what is not sent stays
 * in the window, where it is kept anyway.
 */
static void
send_writes(struct run *r)
{
	const struct write *w;
	int e = 0;

	if (!chan_is_open(&r->stored) || r->stored.state != CS_SERVING)
		return;
	while (chan_queued(&r->stored) == 0 &&
	    (w = window_next(&r->window)) != NULL) {
		if (w->type == MSG_EVENT)
			FAILPOINT("runner.before-event");
		e = chan_send(&r->stored, w->type, w->type == MSG_EVENT ?
		    (const void *)&w->event : (const void *)&w->exit, -1);
		if (e < 0)
			break;
		window_did_send(&r->window);
	}
	/* -EPIPE: the channel's end follows.  Else the kernel lacks memory. */
	if (e < 0 && e != -EPIPE && !timer_running(&r->resend))
		timer_start(r->loop, &r->resend, RESEND_MS);
}

static void
make_room(void *ctx)
{
	struct run *r = ctx;

	gather(r, false);
	send_writes(r);
}

static void
on_resend(struct timer *t)
{
	send_writes(t->ctx);
}

/* --- input --- */

static void
input_go(struct run *r)
{
	int e;

	loop_del(r->loop, &r->writable);
	input_flush(&r->input);
	if (!input_pending(&r->input))
		return;
	r->writable.fd = r->input.fd;
	e = loop_add(r->loop, &r->writable, EPOLLOUT);
	if (e < 0)
		fatal("watch input: %s", strerror(-e));
}

static void
on_writable(struct source *s, uint32_t events)
{
	(void)events;
	input_go(s->ctx);
}

static void
input_end(struct run *r)
{
	loop_del(r->loop, &r->writable);
	input_close(&r->input);
}

/* --- the end --- */

/*
 * A prompt that an agent never read means it never had its task, whatever it
 * exited with.  Any other command may leave its input alone.
 */
static bool
failed(const struct run *r)
{
	return !r->has_exit || r->limit != BOUND_NONE ||
	    r->exit.exit_code != 0 || r->exit.signo != 0 ||
	    (r->agent && !input_first_done(&r->input));
}

static void
finish(struct run *r)
{
	struct msg_run_exit m = { .time_ns = clock_wall_ns() };

	FAILPOINT("runner.before-exit");
	/* An init that died took the payload with it, and by this signal. */
	m.signo = r->has_exit ? r->exit.signo : SIGKILL;
	m.failed = failed(r);
	m.limit = r->limit;
	m.has_code = m.signo == 0;
	m.exit_code = m.signo == 0 ? r->exit.exit_code : 0;
	/* On a terminal the contract's clients see a death by signal as 1. */
	if (m.signo != 0 && r->transport == TRANSPORT_PTY) {
		m.has_code = 1;
		m.exit_code = 1;
	}
	window_exit(&r->window, &m);
	r->finished = true;
	timer_stop(r->loop, &r->drain);
}

/* Of an init that said nothing the monitor knows whether a bound ended it. */
static bool
at_end(const struct run *r)
{
	return r->go && r->init_gone && !streams_open(r) &&
	    (r->has_exit || r->has_limit || !chan_is_open(&r->control)) &&
	    out_empty(&r->out) && !r->finished;
}

/* After each batch of events: everything that may have become possible. */
static void
progress(void *ctx)
{
	struct run *r = ctx;
	unsigned i;

	/* What is not read any more goes to nobody: it is the bound. */
	if (r->go && run_said_too_much(r))
		for (i = 0; i < OUT_STREAMS; i++)
			stream_close(&r->stream[i]);
	if (r->go)
		gather(r, true);
	if (at_end(r))
		finish(r);
	send_writes(r);
	for (i = 0; i < OUT_STREAMS; i++)
		if (r->stream[i].open)
			stream_arm(&r->stream[i]);
	/* A terminal's answers were queued while it was read. */
	if (input_pending(&r->input) && !r->writable.armed)
		input_go(r);
}

static uint64_t
bytes_read(const struct run *r)
{
	return r->stream[OUT_STDOUT].bytes + r->stream[OUT_STDERR].bytes;
}

/*
 * init is dead and with it its tree, so every stream must end; but one that a
 * slow store keeps us from reading has not been heard out.
 */
static void
on_drain(struct timer *t)
{
	struct run *r = t->ctx;
	unsigned i;

	if (bytes_read(r) != r->drained || window_full(&r->window)) {
		r->drained = bytes_read(r);
		timer_start(r->loop, &r->drain, LIMIT_RUNNER_DRAIN_MS);
		return;
	}
	log_warn("read output: no end %d ms after init's",
	    LIMIT_RUNNER_DRAIN_MS);
	for (i = 0; i < OUT_STREAMS; i++)
		stream_close(&r->stream[i]);
}

static void
durable(struct run *r)
{
	if (r->finished && window_unacked(&r->window) == 0)
		loop_quit(r->loop, 0);
}

/* --- stored --- */

static int
on_resume(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;

	(void)fd;
	if (window_resume(&r->window, m->resume.n) < 0)
		fatal("resume after write %ju: %ju were acknowledged, %ju sent",
		    (uintmax_t)m->resume.n, (uintmax_t)r->window.acked,
		    (uintmax_t)r->window.sent);
	durable(r);
	return 0;
}

static int
on_event_ack(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;

	(void)fd;
	if (window_ack(&r->window, m->event_ack.n) < 0)
		return chan_blame(c, "an acknowledgement of write %ju",
		    (uintmax_t)m->event_ack.n);
	durable(r);
	return 0;
}

/*
 * To a harness that speaks stream-JSON a request is one message, and goes as
 * its prompt did: as a line.
 */
static uint32_t
take_input(struct run *r, const struct buf *bytes)
{
	autobuf struct buf line = { .max = LIMIT_INPUT_QUEUE };

	if (r->transport != TRANSPORT_STREAM || buf_left(bytes) == 0)
		return (uint32_t)input_add(&r->input, buf_head(bytes),
		    buf_left(bytes));
	if (harness_stream_line(&line, buf_head(bytes), buf_left(bytes)) < 0)
		return INPUT_FULL;
	return (uint32_t)input_add(&r->input, buf_head(&line),
	    buf_left(&line));
}

static int
on_run_input(struct chan *c, const union msg_any *m, int *fd)
{
	static struct buf bytes = { .max = LIMIT_INPUT_QUEUE };
	struct msg_run_input_reply reply = { .tag = m->run_input.tag,
	    .code = INPUT_FULL };
	struct run *r = c->ctx;
	int e;

	buf_clear(&bytes);
	e = memfd_read(*fd, LIMIT_INPUT_QUEUE, &bytes);
	if (e < 0 && e != -EMSGSIZE)
		return chan_blame(c, "input: %s", strerror(-e));
	if (e == 0)
		reply.code = take_input(r, &bytes);
	if (reply.code == INPUT_QUEUED && m->run_input.eof)
		input_eof(&r->input, false);
	input_go(r);
	/* Its reader turned out to be gone. */
	if (reply.code == INPUT_QUEUED && r->input.closed)
		reply.code = INPUT_CLOSED;
	(void)chan_send(c, MSG_RUN_INPUT_REPLY, &reply, -1);
	return 0;
}

static void
on_stored_end(struct chan *c, int why)
{
	if (why == CHAN_BAD) {
		log_error("stored: %s", c->blame);
		loop_quit(c->loop, FATAL_STATUS);
	}
	/* Everything un-acknowledged is kept; a new channel will come. */
	chan_close(c);
}

static chan_handler *const stored_handlers[MSG__COUNT] = {
	[MSG_RESUME] = on_resume,
	[MSG_EVENT_ACK] = on_event_ack,
	[MSG_RUN_INPUT] = on_run_input,
	[MSG_RUN_RESIZE] = run_on_resize,
};

/* --- init --- */

static void
stream_start(struct run *r, unsigned i, int *fd, struct term *term)
{
	struct stream *s = &r->stream[i];
	int e;

	*s = (struct stream){ .out = &r->out, .index = i, .term = term,
	    .answers = &r->input, .last = term == NULL || r->init_gone,
	    .redactor = r->redactor, .json = i == OUT_STDOUT &&
	    r->transport == TRANSPORT_STREAM, .make_room = make_room,
	    .ctx = r };
	e = stream_open(s, r->loop, fd);
	if (e < 0)
		fatal("read output: %s", strerror(-e));
	stream_arm(s);
}

/* A descriptor of its own to write to: epoll watches each once. */
static void
tty_start(struct run *r)
{
	int copy = fcntl(r->tty, F_DUPFD_CLOEXEC, 3);

	if (copy == -1)
		fatal("copy the terminal: %s", strerror(errno));
	stream_start(r, OUT_STDOUT, &r->tty, &r->term);
	input_open(&r->input, &copy, true);
	run_late_size(r);
	input_go(r);
}

static int
on_init_tty(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;

	(void)m;
	if (r->go && r->transport != TRANSPORT_PTY)
		return chan_blame(c, "a terminal for pipes");
	r->tty = mem_steal_fd(fd);
	if (r->go)
		tty_start(r);
	return 0;
}

static int
on_init_exit(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;

	(void)fd;
	if (m->init_exit.exit_code < 0 || m->init_exit.exit_code > 255 ||
	    m->init_exit.signo >= (uint32_t)NSIG ||
	    m->init_exit.limit >= BOUND__COUNT)
		return chan_blame(c, "exit code %d, signal %u, limit %u",
		    m->init_exit.exit_code, m->init_exit.signo,
		    m->init_exit.limit);
	r->exit = m->init_exit;
	run_note_limit(r, m->init_exit.limit);
	run_bound_end(r);
	r->has_exit = true;
	input_end(r);
	return 0;
}

/*
 * The end of init's channel, not INIT_EXIT, is the end of the session: init
 * ends what descends from the payload before it dies itself.
 */
static void
on_init_end(struct chan *c, int why)
{
	struct run *r = c->ctx;
	unsigned i;

	if (why == CHAN_BAD) {
		log_error("init: %s", c->blame);
		loop_quit(c->loop, FATAL_STATUS);
	}
	chan_close(c);
	r->init_gone = true;
	input_end(r);
	for (i = 0; i < OUT_STREAMS; i++)
		stream_last(&r->stream[i]);
	r->drained = bytes_read(r);
	timer_start(r->loop, &r->drain, LIMIT_RUNNER_DRAIN_MS);
}

static chan_handler *const init_handlers[MSG__COUNT] = {
	[MSG_INIT_TTY] = on_init_tty,
	[MSG_INIT_EXIT] = on_init_exit,
};

/* --- the monitor --- */

static int
on_peer(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;
	int e;

	role_title(m->peer.session);
	if (m->peer.role == ROLE_STORED) {
		/* A new one may be here before the old one's end was read. */
		chan_close(&r->stored);
		e = chan_open(&r->stored, r->loop, fd, ROLE_RUNNER,
		    ROLE_STORED, CS_READY, stored_handlers, r, on_stored_end);
	} else if (m->peer.role == ROLE_INIT && !r->init_seen) {
		r->init_seen = true;
		e = chan_open(&r->init, r->loop, fd, ROLE_RUNNER, ROLE_INIT,
		    CS_SERVING, init_handlers, r, on_init_end);
	} else {
		return chan_blame(c, "a peer of role %u", m->peer.role);
	}
	return e < 0 ? chan_blame(c, "a peer: %s", strerror(-e)) : 0;
}

static int
on_redactor(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;
	char why[128];

	(void)m;
	if (redactor_open(&r->redactor, *fd, why, sizeof(why)) < 0)
		return chan_blame(c, "patterns: %s", why);
	return 0;
}

static int
on_run_io(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;
	uint32_t slot = m->run_io.slot;

	if (slot >= nitems(r->io) || r->io[slot] != -1)
		return chan_blame(c, "descriptor %u", slot);
	r->io[slot] = mem_steal_fd(fd);
	return 0;
}

static void
pipes_start(struct run *r)
{
	int e = stream_nonblock(r->io[0]);

	if (e < 0)
		fatal("write input: %s", strerror(-e));
	input_open(&r->input, &r->io[0], false);
	stream_start(r, OUT_STDOUT, &r->io[1], NULL);
	stream_start(r, OUT_STDERR, &r->io[2], NULL);
}

static int
spec_take(struct run *r, struct chan *c, int fd)
{
	autobuf struct buf b = { .max = LIMIT_BULK };
	union msg_any spec;
	int e = memfd_read(fd, LIMIT_BULK, &b);

	if (e == 0)
		e = msg_decode_exact(buf_head(&b), buf_left(&b), MSG_RUN_SPEC,
		    &spec);
	if (e == 0)
		e = input_first(&r->input, spec.run_spec.stdin_data.p,
		    spec.run_spec.stdin_data.len);
	if (e != 0)
		return chan_blame(c, "a spec: %s", strerror(-e));
	if (spec.run_spec.stdin_eof)
		input_eof(&r->input, true);
	r->agent = strcmp(spec.run_spec.harness, "exec") != 0;
	return 0;
}

static int
on_run_go(struct chan *c, const union msg_any *m, int *fd)
{
	struct run *r = c->ctx;
	bool pipes = m->run_go.transport != TRANSPORT_PTY;
	unsigned i;

	if (r->redactor == NULL)
		return chan_blame(c, "a start without patterns");
	if (m->run_go.transport > TRANSPORT_STREAM)
		return chan_blame(c, "transport %u", m->run_go.transport);
	for (i = 0; i < nitems(r->io); i++)
		if ((r->io[i] != -1) != pipes)
			return chan_blame(c, "transport %u, descriptor %u",
			    m->run_go.transport, i);
	if (pipes && r->tty != -1)
		return chan_blame(c, "a terminal for pipes");
	if (spec_take(r, c, *fd) != 0)
		return CHAN_BAD;
	r->transport = (enum transport)m->run_go.transport;
	out_init(&r->out, r->transport);
	run_bound(r, &m->run_go);
	r->go = true;
	if (pipes)
		pipes_start(r);
	else if (r->tty != -1)
		tty_start(r);
	input_go(r);
	return 0;
}

/* The monitor ends the payload itself; its end must still be on record. */
static int
on_shutdown(struct chan *c, const union msg_any *m, int *fd)
{
	(void)c;
	(void)m;
	(void)fd;
	return 0;
}

chan_handler *const run_control_handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_REDACTOR] = on_redactor,
	[MSG_RUN_IO] = on_run_io,
	[MSG_RUN_GO] = on_run_go,
	[MSG_RUN_LIMIT] = run_on_limit,
	[MSG_SHUTDOWN] = on_shutdown,
};

/* --- life --- */

void
run_init(struct run *r, struct loop *l)
{
	unsigned i;

	*r = (struct run){ .loop = l, .tty = -1 };
	for (i = 0; i < nitems(r->io); i++)
		r->io[i] = -1;
	window_init(&r->window);
	input_init(&r->input);
	r->writable = (struct source){ .fd = -1, .cb = on_writable, .ctx = r };
	r->drain = (struct timer){ .cb = on_drain, .ctx = r };
	r->resend = (struct timer){ .cb = on_resend, .ctx = r };
	r->pace = (struct timer){ .cb = on_pace };
	loop_on_batch(l, progress, r);
}

void
run_fini(struct run *r)
{
	unsigned i;

	for (i = 0; i < OUT_STREAMS; i++)
		stream_close(&r->stream[i]);
	input_end(r);
	input_fini(&r->input);
	chan_close(&r->control);
	chan_close(&r->stored);
	chan_close(&r->init);
	timer_stop(r->loop, &r->drain);
	timer_stop(r->loop, &r->resend);
	timer_stop(r->loop, &r->pace);
	run_bound_end(r);
	for (i = 0; i < nitems(r->io); i++)
		mem_close(&r->io[i]);
	mem_close(&r->tty);
	if (r->go)
		out_fini(&r->out);
	window_fini(&r->window);
	redactor_free(r->redactor);
}
