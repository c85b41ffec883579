#include <sys/queue.h>
#include <sys/tree.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "coven-apid/request.h"
#include "coven-apid/stream.h"

/* In a tag, where no slot of a connection reaches. */
#define TAG_FEED	((uint64_t)1 << 19)
#define TAG_SHIFT	20

/* Bytes on their way to one stream or many. */
struct page {
	struct streams	*home;
	unsigned	 refs;
	struct buf	 bytes;
	uint64_t	 after_seq;	/* the last event in it, or less */
	bool		 last;		/* the stream ends with it */
};

TAILQ_HEAD(stream_list, stream);

struct feed {
	RB_ENTRY(feed)		 by_tag;
	RB_ENTRY(feed)		 by_cursor;
	struct streams		*home;
	uint64_t		 tag, after_seq;
	int64_t			 asked_ns;
	const char		*session;	/* owned */
	struct stream_list	 waiting;
	bool			 answered;	/* in no tree any more */
};

struct stream {
	TAILQ_ENTRY(stream)	 all;
	TAILQ_ENTRY(stream)	 link;		/* of its feed */
	struct streams		*home;
	struct request		*request;	/* knows who reads it */
	struct feed		*feed;		/* it waits there */
	struct page		*page;		/* this is being sent */
	size_t			 sent;		/* of the page */
	uint64_t		 after_seq;
	bool			 open;		/* its head has been sent */
	bool			 quiet;		/* nothing since the beat */
};

RB_HEAD(tag_tree, feed);
RB_HEAD(cursor_tree, feed);

struct streams {
	struct apid		*apid;
	struct stream_list	 all;
	unsigned		 count;
	struct tag_tree		 by_tag;
	struct cursor_tree	 by_cursor;
	uint64_t		 serial;
	struct timer		 beat, retry;
};

static int
tag_cmp(struct feed *a, struct feed *b)
{
	return a->tag < b->tag ? -1 : a->tag > b->tag;
}

static int
cursor_cmp(struct feed *a, struct feed *b)
{
	if (a->after_seq != b->after_seq)
		return a->after_seq < b->after_seq ? -1 : 1;
	return strcmp(a->session, b->session);
}

RB_PROTOTYPE(tag_tree, feed, by_tag, tag_cmp)
/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): as in stored */
RB_GENERATE(tag_tree, feed, by_tag, tag_cmp)
RB_PROTOTYPE(cursor_tree, feed, by_cursor, cursor_cmp)
RB_GENERATE(cursor_tree, feed, by_cursor, cursor_cmp)

static void	stream_ask(struct stream *);

/* --- pages -------------------------------------------------------------- */

static struct page *
page_new(struct streams *home, uint64_t after_seq)
{
	struct page *p = mem_zalloc(1, sizeof(*p));

	p->home = home;
	p->refs = 1;
	p->after_seq = after_seq;
	buf_init(&p->bytes, 2 * REPLY_MAX);
	return p;
}

static void
page_drop(struct page *p)
{
	if (--p->refs != 0)
		return;
	server_unhold(p->home->apid->server, buf_left(&p->bytes));
	buf_fini(&p->bytes);
	free(p);
}

/* Names of kinds are words; a line's end in one would forge a field. */
static void
add_kind(struct buf *out, const char *kind)
{
	for (; *kind != '\0'; kind++)
		(void)buf_add(out, (unsigned char)*kind > 0x20 ? kind : "_",
		    1);
}

static void
add_event(struct page *p, const char *session, const struct msg_event_row *e)
{
	struct jw j;

	(void)buf_addf(&p->bytes, "id: %" PRIu64 "\nevent: ", e->seq);
	add_kind(&p->bytes, e->kind);
	(void)buf_adds(&p->bytes, "\ndata: ");
	jw_init(&j, &p->bytes);
	record_event(&j, session, e);
	(void)buf_adds(&p->bytes, "\n\n");
	p->after_seq = e->seq;
}

/* Without an id: a client that comes back names the last event. */
static void
add_end(struct page *p, const char *event, const char *name,
    const char *value)
{
	struct jw j;

	(void)buf_addf(&p->bytes, "event: %s\ndata: ", event);
	jw_init(&j, &p->bytes);
	jw_object(&j);
	jw_kstr(&j, name, value);
	jw_object_end(&j);
	(void)buf_adds(&p->bytes, "\n\n");
	p->last = true;
}

/* One that no page can hold is named and passed over; text is "SEQ\tID". */
static void
add_too_large(struct page *p, const char *text)
{
	char *end;
	uint64_t seq = strtoull(text, &end, 10);
	struct jw j;

	(void)buf_addf(&p->bytes, "id: %" PRIu64 "\nevent: too_large\ndata: ",
	    seq);
	jw_init(&j, &p->bytes);
	jw_object(&j);
	jw_ku64(&j, "seq", seq);
	jw_kstr(&j, "eventId", *end == '\t' ? end + 1 : "");
	jw_object_end(&j);
	(void)buf_adds(&p->bytes, "\n\n");
	p->after_seq = seq;
}

static void
add_rows(struct page *p, const char *session, const struct msg_reply *reply,
    struct rows *rows)
{
	union msg_any row;
	size_t n = 0;

	while (rows_next(rows, MSG_EVENT_ROW, &row)) {
		n++;
		add_event(p, session, &row.event_row);
	}
	if (n != reply->rows)
		add_end(p, "error", "message", "The store sent a bad page.");
	else if (*reply->text != '\0')
		add_end(p, "end", "status", reply->text);
	else if (p->home->apid->stopping && !reply->more)
		p->last = true;
}

static struct page *
page_of_reply(struct streams *home, const char *session, uint64_t after_seq,
    const struct msg_reply *reply, struct rows *rows)
{
	struct page *p = page_new(home, after_seq);

	switch (reply->code) {
	case STORE_OK:
		add_rows(p, session, reply, rows);
		break;
	case STORE_TOO_LARGE:
		add_too_large(p, reply->text);
		break;
	case STORE_NOT_FOUND:
		add_end(p, "end", "status", "deleted");
		break;
	default:
		add_end(p, "error", "message", "The store failed.");
		break;
	}
	server_hold(home->apid->server, buf_left(&p->bytes));
	return p;
}

/* --- sending ------------------------------------------------------------ */

/* May close the stream. */
static void
stream_send(struct stream *s)
{
	struct conn *conn = s->request->conn;
	struct page *p = s->page;
	ssize_t n = 0;

	if (buf_left(&p->bytes) != s->sent)
		n = conn_stream_send(conn, buf_head(&p->bytes) + s->sent,
		    buf_left(&p->bytes) - s->sent);
	if (n < 0) {
		conn_close(conn);
		return;
	}
	s->sent += (size_t)n;
	if (s->sent != buf_left(&p->bytes))
		return;
	s->page = NULL;
	if (p->last)
		conn_stream_end(conn);
	else
		stream_ask(s);
	page_drop(p);
}

static void
stream_give(struct stream *s, struct page *p)
{
	p->refs++;
	s->page = p;
	s->sent = 0;
	if (p->after_seq > s->after_seq)
		s->after_seq = p->after_seq;
	s->quiet = false;
	stream_send(s);
}

void
stream_on_room(void *ctx, struct conn *conn)
{
	struct request *r = conn_user(conn);

	(void)ctx;
	if (r->stream->page != NULL)
		stream_send(r->stream);
}

/* --- asking ------------------------------------------------------------- */

static void
feed_forget(struct feed *f)
{
	if (f->answered)
		return;
	f->answered = true;
	RB_REMOVE(tag_tree, &f->home->by_tag, f);
	RB_REMOVE(cursor_tree, &f->home->by_cursor, f);
}

static void
feed_free(struct feed *f)
{
	feed_forget(f);
	free((void *)(uintptr_t)f->session);
	free(f);
}

/* NULL when stored cannot be asked. */
static struct feed *
feed_new(struct streams *home, const char *session, uint64_t after_seq)
{
	struct apid *apid = home->apid;
	struct msg_events m = { .id = session, .has_after = 1,
	    .after_seq = after_seq, .limit = LIMIT_STREAM_PAGE,
	    .wait_ms = apid->stopping ? 0 : LIMIT_EVENTS_WAIT_MS };
	struct feed *f;

	m.tag = ++home->serial << TAG_SHIFT | TAG_FEED;
	if (!chan_is_open(&apid->stored) ||
	    chan_send(&apid->stored, MSG_EVENTS, &m, -1) < 0)
		return NULL;
	f = mem_zalloc(1, sizeof(*f));
	f->home = home;
	f->tag = m.tag;
	f->after_seq = after_seq;
	f->asked_ns = loop_now_ns();
	f->session = mem_strdup(session);
	TAILQ_INIT(&f->waiting);
	RB_INSERT(tag_tree, &home->by_tag, f);
	RB_INSERT(cursor_tree, &home->by_cursor, f);
	return f;
}

static void
stream_wait(struct stream *s, struct feed *f)
{
	s->feed = f;
	TAILQ_INSERT_TAIL(&f->waiting, s, link);
}

/* Join those that wait at the same place, or ask; idle if that fails. */
static void
stream_ask(struct stream *s)
{
	struct feed want = { .after_seq = s->after_seq,
	    .session = s->request->id }, *f;

	f = RB_FIND(cursor_tree, &s->home->by_cursor, &want);
	if (f == NULL)
		f = feed_new(s->home, want.session, want.after_seq);
	if (f != NULL)
		stream_wait(s, f);
}

/* A question that nobody waits for any more is taken back. */
static void
stream_leave(struct stream *s)
{
	struct feed *f = s->feed;
	struct apid *apid = s->home->apid;
	struct msg_cancel cancel;

	if (f == NULL)
		return;
	s->feed = NULL;
	TAILQ_REMOVE(&f->waiting, s, link);
	if (f->answered || !TAILQ_EMPTY(&f->waiting))
		return;
	cancel.tag = f->tag;
	if (chan_is_open(&apid->stored))
		(void)chan_send(&apid->stored, MSG_CANCEL, &cancel, -1);
	feed_free(f);
}

struct feed *
streams_feed(struct streams *home, uint64_t tag)
{
	struct feed want = { .tag = tag };

	return RB_FIND(tag_tree, &home->by_tag, &want);
}

/*
 * Nothing came although the answer may wait: stored holds as many questions
 * back as it can.  Asking again at once would be polling.
 */
static bool
came_back_empty(const struct feed *f, const struct page *p)
{
	return buf_left(&p->bytes) == 0 && !p->last &&
	    loop_now_ns() - f->asked_ns <
	    (int64_t)LIMIT_STREAM_RETRY_MS * 1000000;
}

void
streams_on_page(struct streams *home, struct feed *f,
    const struct msg_reply *reply, struct rows *rows)
{
	struct page *p;
	struct stream *s;
	bool later;

	/* Whoever is closed meanwhile leaves its list, not the feed's life. */
	feed_forget(f);
	p = page_of_reply(home, f->session, f->after_seq, reply, rows);
	later = came_back_empty(f, p);
	if (later)
		timer_start(home->apid->loop, &home->retry,
		    LIMIT_STREAM_RETRY_MS);
	while ((s = TAILQ_FIRST(&f->waiting)) != NULL) {
		stream_leave(s);
		if (!later)
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): refs */
			stream_give(s, p);
	}
	page_drop(p);
	feed_free(f);
}

/* --- all of them -------------------------------------------------------- */

void
streams_lost(struct streams *home)
{
	struct stream *s;
	struct feed *f;

	while ((f = RB_MIN(tag_tree, &home->by_tag)) != NULL) {
		feed_forget(f);
		while ((s = TAILQ_FIRST(&f->waiting)) != NULL)
			stream_leave(s);
		feed_free(f);
	}
}

static bool
is_idle(const struct stream *s)
{
	return s->open && s->feed == NULL && s->page == NULL;
}

void
streams_resume(struct streams *home)
{
	struct stream *s;

	TAILQ_FOREACH(s, &home->all, all)
		if (is_idle(s))
			stream_ask(s);
}

void
streams_stop(struct streams *home)
{
	struct stream *s;

	/* Asked once more, without a wait. */
	TAILQ_FOREACH(s, &home->all, all)
		stream_leave(s);
	streams_resume(home);
}

void
streams_close(struct streams *home,
    bool (*cb)(void *, const struct request *), void *ctx)
{
	struct stream *s, *next;

	for (s = TAILQ_FIRST(&home->all); s != NULL; s = next) {
		next = TAILQ_NEXT(s, all);
		if (cb(ctx, s->request))
			conn_close(s->request->conn);
	}
}

static void
on_retry(struct timer *t)
{
	streams_resume(t->ctx);
}

/* A comment, to each that has waited in silence since the last time. */
static void
on_beat(struct timer *t)
{
	struct streams *home = t->ctx;
	struct stream *s, *next;
	struct page *p = page_new(home, 0);

	(void)buf_adds(&p->bytes, ":\n\n");
	server_hold(home->apid->server, buf_left(&p->bytes));
	for (s = TAILQ_FIRST(&home->all); s != NULL; s = next) {
		next = TAILQ_NEXT(s, all);
		if (!s->open || s->page != NULL)
			continue;
		if (s->quiet) {
			stream_leave(s);
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): refs */
			stream_give(s, p);
		} else {
			s->quiet = true;
		}
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): refs */
	page_drop(p);
	if (home->count != 0)
		timer_start(home->apid->loop, t, LIMIT_STREAM_BEAT_MS / 2);
}

struct streams *
streams_new(struct apid *apid)
{
	struct streams *home = mem_zalloc(1, sizeof(*home));

	home->apid = apid;
	TAILQ_INIT(&home->all);
	RB_INIT(&home->by_tag);
	RB_INIT(&home->by_cursor);
	home->beat = (struct timer){ .cb = on_beat, .ctx = home };
	home->retry = (struct timer){ .cb = on_retry, .ctx = home };
	return home;
}

void
streams_free(struct streams *home)
{
	timer_stop(home->apid->loop, &home->beat);
	timer_stop(home->apid->loop, &home->retry);
	free(home);
}

/* --- one request -------------------------------------------------------- */

void
stream_free(struct stream *s)
{
	if (s == NULL)
		return;
	stream_leave(s);
	if (s->page != NULL)
		page_drop(s->page);
	TAILQ_REMOVE(&s->home->all, s, all);
	s->home->count--;
	free(s);
}

/* What is committed already, or why not: only now is it 200. */
static void
on_first_page(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
	    "Content-Type: text/event-stream\r\nCache-Control: no-store\r\n"
	    "Connection: close\r\n\r\n";
	struct stream *s = r->stream;
	struct page *p;

	if (reply->code != STORE_OK && reply->code != STORE_TOO_LARGE) {
		answer_store_code(r, reply);
		return;
	}
	p = page_new(s->home, s->after_seq);
	(void)buf_adds(&p->bytes, head);
	if (reply->code == STORE_OK)
		add_rows(p, r->id, reply, rows);
	else
		add_too_large(p, reply->text);
	server_hold(s->home->apid->server, buf_left(&p->bytes));
	conn_stream_start(r->conn);
	s->open = true;
	stream_give(s, p);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): refs */
	page_drop(p);
}

/* A client that comes back says both; the header is the later word. */
static int
read_cursor(struct request *r, uint64_t *after)
{
	const char *id = r->http->last_event_id;
	int64_t v = 0;
	char *end;

	if (query_int(r->query, "afterSeq", &v) == QUERY_BAD) {
		answer_error(r, API_INVALID,
		    "`afterSeq` must be an integer.");
		return 1;
	}
	if (id != NULL && *id != '\0') {
		errno = 0;
		v = strtoll(id, &end, 10);
		if (*end != '\0' || errno != 0) {
			answer_error(r, API_INVALID,
			    "`Last-Event-ID` must be an event's number.");
			return 1;
		}
	}
	*after = v > 0 ? (uint64_t)v : 0;
	return 0;
}

void
on_stream(struct request *r)
{
	struct apid *apid = r->apid;
	struct streams *home = apid->streams;
	struct msg_events m = { .tag = r->tag, .id = r->id, .has_after = 1,
	    .limit = LIMIT_STREAM_PAGE };
	struct stream *s;

	if (read_cursor(r, &m.after_seq) != 0)
		return;
	/* They hold a connection each, as waits do. */
	if (home->count >= LIMIT_STREAMS || home->count + apid->waiters >=
	    server_max_conns(apid->server) / 2) {
		answer_error(r, API_UNAVAILABLE,
		    "There are too many streams already.");
		return;
	}
	s = mem_zalloc(1, sizeof(*s));
	s->home = home;
	s->request = r;
	s->after_seq = m.after_seq;
	r->stream = s;
	TAILQ_INSERT_TAIL(&home->all, s, all);
	if (home->count++ == 0 && !timer_running(&home->beat))
		timer_start(apid->loop, &home->beat, LIMIT_STREAM_BEAT_MS / 2);
	conn_watch(r->conn);
	ask(r, MSG_EVENTS, &m, -1, on_first_page);
}
