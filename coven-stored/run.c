/*
 * Sessions that the monitor holds, and their runners' channels.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-stored/stored.h"

static int
run_cmp(struct run *a, struct run *b)
{
	return strcmp(a->id, b->id);
}

/* The analyzer takes what was removed from a tree or a list to be there. */
/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
RB_GENERATE(run_tree, run, tree, run_cmp)

static const struct {
	const char	*name;
	unsigned	 next;		/* mask of states */
} states[RS__COUNT] = {
	[RS_PREPARING] = { "preparing", 1u << RS_RECORDING },
	[RS_RECORDING] = { "recording", 1u << RS_STARTING | 1u << RS_ENDING },
	[RS_STARTING] = { "starting", 1u << RS_LIVE | 1u << RS_ENDING },
	[RS_LIVE] = { "live", 1u << RS_ENDING },
	[RS_ENDING] = { "ending", 1u << RS_ENDED },
	[RS_ENDED] = { "ended", 0 },
};

static bool
is_launching(enum run_state state)
{
	return state <= RS_STARTING;
}

void
run_set(struct run *run, enum run_state state)
{
	if (state == run->state)
		return;
	if (!(states[run->state].next & (1u << state)))
		fatal("run %s: from %s to %s", run->id,
		    states[run->state].name, states[state].name);
	if (is_launching(run->state) && !is_launching(state))
		run->stored->nlaunches--;
	run->state = state;
}

void
run_set_record(struct run *run, struct buf *record)
{
	run_drop_record(run);
	run->record = *record;
	*record = (struct buf){ 0 };
	run->stored->record_bytes += buf_left(&run->record);
}

void
run_drop_record(struct run *run)
{
	run->stored->record_bytes -= buf_left(&run->record);
	buf_fini(&run->record);
}

struct run *
run_find(struct stored *s, const char *id)
{
	struct run key;

	if (strlen(id) >= sizeof(key.id))
		return NULL;
	memcpy(key.id, id, strlen(id) + 1);
	return RB_FIND(run_tree, &s->runs, &key);
}

static void
on_kill_timeout(struct timer *t)
{
	run_answer_kills(t->ctx, STORE_KILL_FAILED);
}

/* It said that the payload has ended, and that was a lie, or it hangs. */
static void
on_gone_timeout(struct timer *t)
{
	struct run *run = t->ctx;
	struct msg_run_kill m = { .id = run->id };

	if (log_allowed(&run->stored->limit, "runners"))
		log_warn("end session %s: it outlives its end", run->id);
	stored_tell(run->stored, MSG_RUN_KILL, &m, -1);
}

void
run_expect_gone(struct run *run)
{
	if (!run->gone && !timer_running(&run->gone_timer))
		timer_start(run->stored->loop, &run->gone_timer,
		    LIMIT_GONE_MS);
}

struct run *
run_new(struct stored *s, const char *id, enum run_state state)
{
	struct run *run;

	if (s->nruns >= RUNS_MAX || strlen(id) >= sizeof(run->id))
		return NULL;
	run = mem_zalloc(1, sizeof(*run));
	memcpy(run->id, id, strlen(id) + 1);
	run->stored = s;
	run->state = state;
	run->chan.source.fd = -1;
	run->kill_timer = (struct timer){ .cb = on_kill_timeout, .ctx = run };
	run->gone_timer = (struct timer){ .cb = on_gone_timeout, .ctx = run };
	TAILQ_INIT(&run->inputs);
	TAILQ_INIT(&run->resizes);
	if (RB_INSERT(run_tree, &s->runs, run) != NULL)
		fatal("run %s: made twice", id);
	s->nruns++;
	if (is_launching(state))
		s->nlaunches++;
	return run;
}

static void
run_free(struct run *run)
{
	struct stored *s = run->stored;

	run_detach(run);
	timer_stop(s->loop, &run->kill_timer);
	timer_stop(s->loop, &run->gone_timer);
	RB_REMOVE(run_tree, &s->runs, run);
	s->nruns--;
	if (is_launching(run->state))
		s->nlaunches--;
	run_drop_record(run);
	redact_free(run->typed);
	free(run->actor);
	free(run);
	stored_stop_if_done(s);
}

void
run_release(struct run *run)
{
	if (run->settled && run->jobs == 0)
		run_free(run);
}

void
runs_free(struct stored *s)
{
	struct run *run;

	while ((run = RB_MIN(run_tree, &s->runs)) != NULL)
		run_free(run);
}

/* --- its runner --- */

bool
run_takes_input(const struct run *run)
{
	return run->state == RS_LIVE && !run->killing && !run->exited &&
	    chan_is_open(&run->chan) && run->chan.state == CS_SERVING;
}

static void
on_runner_end(struct chan *c, int why)
{
	struct run *run = c->ctx;

	if (why == CHAN_BAD)
		run_lied(run, c->blame);
	else
		run_detach(run);
}

void
run_attach(struct run *run, int *fd)
{
	int r;

	run_detach(run);
	r = chan_open(&run->chan, run->stored->loop, fd, ROLE_STORED,
	    ROLE_RUNNER, CS_READY, stored_runner, run, on_runner_end);
	if (r < 0)
		fatal("watch runner %s: %s", run->id, strerror(-r));
	if (run->stored->serving)
		run_resume(run);
}

void
run_resume(struct run *run)
{
	struct msg_resume m = { .n = run->durable };

	if (chan_is_open(&run->chan) && run->chan.state == CS_READY)
		(void)chan_send(&run->chan, MSG_RESUME, &m, -1);
}

void
run_input_free(struct run *run, struct input *in)
{
	TAILQ_REMOVE(&run->inputs, in, link);
	run->ninputs--;
	run->input_bytes -= in->weight;
	free(in->actor);
	free(in->payload);
	free(in);
}

void
run_detach(struct run *run)
{
	struct input *in;

	chan_close(&run->chan);
	run_drop_resizes(run);
	while ((in = TAILQ_FIRST(&run->inputs)) != NULL) {
		stored_reply(run->stored, &in->asked, STORE_NOT_LIVE, NULL);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as above */
		run_input_free(run, in);
	}
}

/*
 * It cannot be trusted with one more word, and without a channel it would
 * wait for ever: the monitor ends the session, and RUN_GONE settles it.
 */
void
run_lied(struct run *run, const char *what)
{
	struct stored *s = run->stored;
	struct msg_run_kill m = { .id = run->id };

	if (run->broken)
		return;
	run->broken = true;
	if (log_allowed(&s->limit, "runners"))
		log_warn("end runner %s: %s", run->id, what);
	run_detach(run);
	notef(s, AUDIT_CHILD_LIE, run->id, "runner: %s", what);
	if (!run->gone && run->state != RS_STARTING)
		stored_tell(s, MSG_RUN_KILL, &m, -1);
}

void
run_flow(struct run *run)
{
	const struct writer *w = &run->stored->writer;

	if (!chan_is_open(&run->chan) || run->draining)
		return;
	if (w->bytes > LIMIT_STORE_BATCH ||
	    (w->stalled && run->backlog >= LIMIT_STORE_BACKLOG))
		chan_pause(&run->chan);
	else
		chan_resume(&run->chan);
}

void
run_ack(struct run *run)
{
	struct msg_event_ack m = { .n = run->durable };

	if (!run->ack_due || !chan_is_open(&run->chan) ||
	    run->chan.state != CS_SERVING)
		return;
	run->ack_due = false;
	/* One that does not read what it waits for is not worth the memory. */
	if (chan_send(&run->chan, MSG_EVENT_ACK, &m, -1) == -ENOBUFS)
		run_lied(run, "it reads no acknowledgements");
}

void
run_answer_kills(struct run *run, enum store_code code)
{
	struct asked asked;
	unsigned i;

	timer_stop(run->stored->loop, &run->kill_timer);
	for (i = 0; i < run->nkills; i++) {
		asked = (struct asked){ true, run->kills[i] };
		stored_reply(run->stored, &asked, code, NULL);
	}
	run->nkills = 0;
}
