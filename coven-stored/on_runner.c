/*
 * What a runner may say.  Which session it is about is which channel it came
 * on.
 */
#include <string.h>

#include "common/bounds.h"
#include "common/mem.h"
#include "common/plain.h"
#include "common/utf8.h"
#include "coven-stored/clean.h"
#include "coven-stored/on_runner.h"
#include "coven-stored/stored.h"

#define HOUR_NS	UINT64_C(3600000000000)

bool
payload_is_sound(const char *p, size_t n)
{
	/* JSON has no raw control characters, and text no NUL. */
	return n >= 2 && p[0] == '{' && p[n - 1] == '}' &&
	    !has_control(p, n) && utf8_valid(p, n);
}

/* The runner's clock is ours; a lie about it may not reach into tomorrow. */
static uint64_t
time_of(uint64_t claimed)
{
	uint64_t now = clock_wall_ns();

	return claimed == 0 || claimed > now + HOUR_NS ? now : claimed;
}

enum number { NUMBER_NEXT, NUMBER_REPEAT, NUMBER_LIE };

/* After a restart of either side, what was not acknowledged comes again. */
static enum number
check_number(struct chan *c, struct run *run, uint64_t n)
{
	if (n != 0 && n <= run->accepted) {
		if (n <= run->durable) {
			run->ack_due = true;
			run_ack(run);
		}
		return NUMBER_REPEAT;
	}
	if (n == run->accepted + 1 && !run->exited)
		return NUMBER_NEXT;
	if (run->exited)
		(void)chan_blame(c, "a write after the exit");
	else
		(void)chan_blame(c, "write %llu after %llu",
		    (unsigned long long)n, (unsigned long long)run->accepted);
	return NUMBER_LIE;
}

static int
on_event(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_event *m = &msg->event;
	struct run *run = c->ctx;
	char *copy;
	struct job *j;

	(void)fd;
	switch (check_number(c, run, m->n)) {
	case NUMBER_LIE:
		return CHAN_BAD;
	case NUMBER_REPEAT:
		return 0;
	case NUMBER_NEXT:
		break;
	}
	if (m->kind != EVENT_OUTPUT)
		return chan_blame(c, "an event of kind %u",
		    (unsigned)m->kind);
	if (!payload_is_sound(m->payload.p, m->payload.len))
		return chan_blame(c, "a payload that is no JSON object");
	run->accepted = m->n;
	copy = mem_dup(m->payload.p, m->payload.len);
	j = job_new(run->stored, JOB_EVENT, run);
	j->n = m->n;
	j->time_ns = time_of(m->time_ns);
	job_give(run->stored, j, &copy, m->payload.len);
	run_flow(run);
	return 0;
}

static int
on_run_exit(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_run_exit *m = &msg->run_exit;
	struct run *run = c->ctx;
	struct job *j;

	(void)fd;
	switch (check_number(c, run, m->n)) {
	case NUMBER_LIE:
		return CHAN_BAD;
	case NUMBER_REPEAT:
		return 0;
	case NUMBER_NEXT:
		break;
	}
	if (run->state != RS_STARTING && run->state != RS_LIVE)
		return chan_blame(c, "an exit that is not expected");
	if (m->limit >= BOUND__COUNT)
		return chan_blame(c, "limit %u", (unsigned)m->limit);
	run->accepted = m->n;
	run->exited = true;
	/*
	 * While a kill is under way the exit waits for it, so that the events
	 * come in the order kill, exit; but it is durable at once, because
	 * the runner goes only when it is acknowledged.
	 */
	j = job_new(run->stored, run->killing ? JOB_HOLD : JOB_EXIT, run);
	j->n = m->n;
	j->time_ns = time_of(m->time_ns);
	j->has_code = m->has_code != 0;
	j->exit_code = m->exit_code;
	j->signo = m->signo;
	j->limit = m->limit;
	j->failed = m->failed != 0 || !j->has_code || m->exit_code != 0;
	if (!run->killing)
		run_set(run, RS_ENDING);
	return 0;
}

static int
on_run_input_reply(struct chan *c, const union msg_any *msg, int *fd)
{
	static const enum store_code codes[] = { STORE_OK, STORE_INPUT_FULL,
	    STORE_NOT_LIVE };
	const struct msg_run_input_reply *m = &msg->run_input_reply;
	struct run *run = c->ctx;
	struct input *in;
	struct job *j;
	char *clean;

	(void)fd;
	TAILQ_FOREACH(in, &run->inputs, link)
		if (in->serial == m->tag)
			break;
	if (in == NULL || m->code >= nitems(codes))
		return chan_blame(c, "an answer to no input");
	if (m->code == 0 && !run->exited) {
		j = job_new(run->stored, JOB_INPUT, run);
		j->asked = in->asked;
		j->actor = steal(&in->actor);
		clean = run_clean_input(run, in->payload, &in->len);
		job_give(run->stored, j, &clean, in->len);
	} else {
		stored_reply(run->stored, &in->asked, m->code == 0 ?
		    STORE_NOT_LIVE : codes[m->code], NULL);
	}
	run_input_free(run, in);
	return 0;
}

chan_handler *const stored_runner[MSG__COUNT] = {
	[MSG_EVENT] = on_event,
	[MSG_RUN_EXIT] = on_run_exit,
	[MSG_RUN_INPUT_REPLY] = on_run_input_reply,
	[MSG_RUN_RESIZE_REPLY] = on_run_resize_reply,
};
