/*
 * A new size for a session's terminal: apid asks, the runner does it.  Nothing
 * of it is on record.
 */
#include <stdlib.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-stored/stored.h"

static void
resize_free(struct run *run, struct resize *z)
{
	TAILQ_REMOVE(&run->resizes, z, link);
	run->nresizes--;
	free(z);
}

void
run_drop_resizes(struct run *run)
{
	struct resize *z;

	while ((z = TAILQ_FIRST(&run->resizes)) != NULL) {
		stored_reply(run->stored, &z->asked, STORE_NOT_LIVE, NULL);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as in run.c */
		resize_free(run, z);
	}
}

void
run_forget_resizes(struct run *run)
{
	struct resize *z;

	TAILQ_FOREACH(z, &run->resizes, link)
		z->asked.pending = false;
}

int
on_resize(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_resize *m = &msg->resize;
	struct stored *s = c->ctx;
	struct asked asked = { true, m->tag };
	struct msg_run_resize out = { .rows = m->rows, .cols = m->cols };
	struct run *run = run_find(s, m->id);
	struct resize *z;

	(void)fd;
	if (m->rows == 0 || m->rows > LIMIT_TTY_SIZE || m->cols == 0 ||
	    m->cols > LIMIT_TTY_SIZE)
		return chan_blame(c, "a terminal of %u rows, %u columns",
		    m->rows, m->cols);
	if (run == NULL || !run_takes_input(run)) {
		ask_add(s, MSG_RESIZE, msg);	/* not found or not live */
		return 0;
	}
	if (run->nresizes >= LIMIT_STORE_RESIZES) {
		stored_reply(s, &asked, STORE_UNAVAILABLE,
		    "the session's runner does not answer");
		return 0;
	}
	out.tag = ++s->serial;
	if (chan_send(&run->chan, MSG_RUN_RESIZE, &out, -1) < 0) {
		stored_reply(s, &asked, STORE_NOT_LIVE, NULL);
		return 0;
	}
	z = mem_zalloc(1, sizeof(*z));
	z->serial = out.tag;
	z->asked = asked;
	TAILQ_INSERT_TAIL(&run->resizes, z, link);
	run->nresizes++;
	return 0;
}

int
on_run_resize_reply(struct chan *c, const union msg_any *msg, int *fd)
{
	static const enum store_code codes[] = { STORE_OK, STORE_NO_TERMINAL,
	    STORE_NOT_LIVE };
	const struct msg_run_resize_reply *m = &msg->run_resize_reply;
	struct run *run = c->ctx;
	struct resize *z;

	(void)fd;
	TAILQ_FOREACH(z, &run->resizes, link)
		if (z->serial == m->tag)
			break;
	if (z == NULL || m->code >= nitems(codes))
		return chan_blame(c, "an answer to no resize");
	stored_reply(run->stored, &z->asked, codes[m->code], NULL);
	resize_free(run, z);
	return 0;
}
