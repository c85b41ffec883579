/*
 * The role: its channels, its turn, its end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/memfd.h"
#include "coven-stored/page.h"
#include "coven-stored/page_json.h"
#include "coven-stored/stored.h"

/* --- answers --- */

static void
send_reply(struct stored *s, struct asked *asked, struct msg_reply *m, int fd)
{
	int r;

	m->tag = asked->tag;
	m->version = store_version(s->store);
	asked->pending = false;
	if (!chan_is_open(&s->apid))
		return;
	r = chan_send(&s->apid, MSG_REPLY, m, fd);
	if (r < 0 && r != -EPIPE) {
		stored_apid_ended(&s->apid, CHAN_EOF);
		return;
	}
	if (chan_queued(&s->apid) > LIMIT_STORE_UNREAD)
		chan_pause(&s->apid);
}

void
stored_reply(struct stored *s, struct asked *asked, enum store_code code,
    const char *text)
{
	struct msg_reply m = { .code = code, .text = text };

	if (asked->pending)
		send_reply(s, asked, &m, -1);
}

static void
send_rows(struct stored *s, struct asked *asked, struct msg_reply *m,
    const struct buf *rows)
{
	autoclose int fd = -1;

	if (!asked->pending)
		return;
	fd = memfd_make("rows", buf_head(rows), buf_left(rows));
	if (fd < 0) {
		log_error("make an answer: %s", strerror(-fd));
		stored_reply(s, asked, STORE_ERROR, "no memory for the answer");
		return;
	}
	send_reply(s, asked, m, fd);
}

void
stored_reply_rows(struct stored *s, struct asked *asked, enum store_code code,
    const struct buf *rows, uint32_t count, bool more)
{
	struct msg_reply m = { .code = code, .rows = count, .more = more };

	send_rows(s, asked, &m, rows);
}

void
stored_reply_fd(struct stored *s, struct asked *asked, enum store_code code,
    int fd, uint32_t count, bool more, const char *text)
{
	struct msg_reply m = { .code = code, .rows = count, .more = more,
	    .text = text };

	if (asked->pending)
		send_reply(s, asked, &m, fd);
}

void
stored_reply_page(struct stored *s, struct asked *asked,
    const struct page *page, const char *text)
{
	struct msg_reply m = { .code = STORE_OK, .rows = page->rows,
	    .more = page->more, .text = text };

	send_rows(s, asked, &m, &page->out);
}

void
stored_reply_json(struct stored *s, struct asked *asked,
    const struct page_json *page)
{
	struct msg_reply m = { .code = STORE_OK, .rows = page->rows,
	    .more = page->more, .json = 1 };
	struct buf b = { .data = page->to, .len = page->len };

	if (!asked->pending)
		return;
	if (!shelf_wrote(&s->shelf, page->to)) {
		send_rows(s, asked, &m, &b);
		return;
	}
	m.shelf_at = shelf_give(&s->shelf, page->len);
	m.shelf_len = (uint32_t)page->len;
	send_reply(s, asked, &m, -1);
}

void
stored_reply_session(struct stored *s, struct asked *asked,
    enum store_code code, const char *id)
{
	struct page page;
	int r;

	if (!asked->pending)
		return;
	page_init(&page, s->store);
	r = page_session(&page, id);
	if (r == 0)
		stored_reply_rows(s, asked, code, &page.out, 1, false);
	else
		stored_reply(s, asked, r > 0 ? STORE_NOT_FOUND : STORE_ERROR,
		    NULL);
	page_fini(&page);
}

void
stored_tell(struct stored *s, enum msg_type type, const void *msg, int fd)
{
	int r = chan_send(s->control, type, msg, fd);

	/* -EPIPE: the monitor is gone; the control channel's end says so. */
	if (r < 0 && r != -EPIPE)
		fatal("tell the monitor %s: %s", msg_row(type)->name,
		    strerror(-r));
}

/* --- apid goes, we stay --- */

static void
forget(struct asked *asked)
{
	asked->pending = false;
}

/* What it asked for is done all the same; nobody is told. */
void
stored_apid_ended(struct chan *c, int why)
{
	struct msg_peer_end lied = { .role = ROLE_APID, .lied = 1 };
	struct stored *s = c->ctx;
	struct input *in;
	struct run *run;
	struct job *j;

	if (why == CHAN_BAD && log_allowed(&s->limit, "apid"))
		log_warn("end apid: %s", c->blame);
	chan_close(c);
	shelf_free(&s->shelf);
	/* The monitor ends it: a liar is not left without a channel. */
	if (why == CHAN_BAD)
		stored_tell(s, MSG_PEER_END, &lied, -1);
	asks_drop(s);
	stats_drop(s);
	changes_drop(s);
	TAILQ_FOREACH(j, &s->writer.jobs, link)
		forget(&j->asked);
	RB_FOREACH(run, run_tree, &s->runs) {
		forget(&run->launch);
		run->nkills = 0;
		TAILQ_FOREACH(in, &run->inputs, link)
			forget(&in->asked);
		run_forget_resizes(run);
	}
	/* That it died, if it did, is the monitor's to say. */
	if (why == CHAN_BAD)
		notef(s, AUDIT_CHILD_LIE, NULL, "apid: %s", c->blame);
}

/* --- the turn and the end --- */

static void
on_batch(void *ctx)
{
	struct stored *s = ctx;
	bool again;

	do {
		again = writer_run(s);
		again |= asks_run(s);
	} while (again);
	heads_look(s);
	if (chan_is_open(&s->apid) && chan_queued(&s->apid) == 0)
		chan_resume(&s->apid);
	report_send(s);
	stored_stop_if_done(s);
}

void
stored_stop_if_done(struct stored *s)
{
	if (!s->stopping || s->nruns != 0 || !writer_idle(s))
		return;
	heads_last(s);
	loop_quit(s->loop, 0);
}

/* What has not settled by now is found by the next start's recovery. */
static void
on_stop_timeout(struct timer *t)
{
	struct stored *s = t->ctx;

	log_warn("stop: %zu sessions have not settled", s->nruns);
	heads_last(s);
	loop_quit(s->loop, 0);
}

int
stored_init(struct stored *s, struct loop *l, struct chan *control,
    char *why, size_t whylen)
{
	int r;

	*s = (struct stored){ .loop = l, .control = control };
	s->apid.source.fd = -1;
	s->stop_timer = (struct timer){ .cb = on_stop_timeout, .ctx = s };
	RB_INIT(&s->runs);
	RB_INIT(&s->waits);
	TAILQ_INIT(&s->asks);
	r = store_open(&s->store, why, whylen);
	if (r < 0)
		return r;
	writer_init(s);
	report_init(s);
	upkeep_init(s);
	search_init(s);
	stats_init(s);
	retention_init(s);
	phases_init(s);
	loop_on_batch(l, on_batch, s);
	return 0;
}

void
stored_fini(struct stored *s)
{
	struct job *j;

	asks_drop(s);
	chan_close(&s->apid);
	shelf_free(&s->shelf);
	while ((j = TAILQ_FIRST(&s->writer.jobs)) != NULL) {
		TAILQ_REMOVE(&s->writer.jobs, j, link);
		job_free(j);
	}
	runs_free(s);
	timer_stop(s->loop, &s->writer.retry);
	timer_stop(s->loop, &s->writer.gather);
	report_fini(s);
	timer_stop(s->loop, &s->upkeep.timer);
	search_fini(s);
	import_fini(s);
	timer_stop(s->loop, &s->stats.deadline);
	timer_stop(s->loop, &s->retention.timer);
	timer_stop(s->loop, &s->stop_timer);
	heads_fini(s);
	loop_on_batch(s->loop, NULL, NULL);
	reserve_close(&s->writer.reserve);
	store_close(s->store);
	s->store = NULL;
	redactor_free(s->redactor);
	s->redactor = NULL;
}
