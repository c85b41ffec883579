#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/out.h"
#include "coven-runner/window.h"

void
window_init(struct window *w)
{
	*w = (struct window){ 0 };
}

static void
drop_first(struct window *w)
{
	struct write *x = &w->ring[w->first];

	if (x->type == MSG_EVENT) {
		w->bytes -= x->event.payload.len;
		free((void *)(uintptr_t)x->event.payload.p);
	}
	*x = (struct write){ 0 };
	w->first = (w->first + 1) % nitems(w->ring);
	w->count--;
	w->acked++;
}

void
window_fini(struct window *w)
{
	while (w->count != 0)
		drop_first(w);
	window_init(w);
}

unsigned
window_unacked(const struct window *w)
{
	return w->count;
}

bool
window_full(const struct window *w)
{
	return w->count >= WINDOW_WRITES ||
	    w->bytes > LIMIT_RUNNER_WINDOW - LIMIT_EVENT_PAYLOAD;
}

static struct write *
push(struct window *w, enum msg_type type)
{
	struct write *x;

	if (w->count == nitems(w->ring))
		fatal("keep write %ju: the window is full",
		    (uintmax_t)w->last + 1);
	x = &w->ring[(w->first + w->count) % nitems(w->ring)];
	w->count++;
	w->unsent++;
	w->last++;
	x->type = type;
	return x;
}

void
window_event(struct window *w, uint64_t time_ns, const void *p, size_t n)
{
	struct write *x;

	if (window_full(w))
		fatal("keep write %ju: the window is full",
		    (uintmax_t)w->last + 1);
	x = push(w, MSG_EVENT);
	x->event = (struct msg_event){ .n = w->last, .kind = EVENT_OUTPUT,
	    .time_ns = time_ns, .payload = { mem_dup(p, n), n } };
	w->bytes += n;
}

void
window_exit(struct window *w, const struct msg_run_exit *m)
{
	struct write *x = push(w, MSG_RUN_EXIT);

	x->exit = *m;
	x->exit.n = w->last;
}

const struct write *
window_next(const struct window *w)
{
	if (w->unsent == 0)
		return NULL;
	return &w->ring[(w->first + w->count - w->unsent) % nitems(w->ring)];
}

void
window_did_send(struct window *w)
{
	w->unsent--;
	if (w->last - w->unsent > w->sent)
		w->sent = w->last - w->unsent;
}

static void
drop_to(struct window *w, uint64_t n)
{
	while (w->acked < n)
		drop_first(w);
}

int
window_ack(struct window *w, uint64_t n)
{
	/* Not even what an earlier channel carried, before it is sent again. */
	if (n < w->acked || n > w->last - w->unsent)
		return -EPROTO;
	drop_to(w, n);
	return 0;
}

int
window_resume(struct window *w, uint64_t n)
{
	if (n < w->acked || n > w->sent)
		return -EPROTO;
	drop_to(w, n);
	w->unsent = w->count;
	return 0;
}
