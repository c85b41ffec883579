/*
 * What apid asks and what answers it.  An ask waits for the end of the turn,
 * so that it sees what was committed and nothing else; EVENTS may then wait
 * for the session's next event.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-stored/page.h"
#include "coven-stored/page_json.h"
#include "coven-stored/stored.h"

struct ask {
	TAILQ_ENTRY(ask) link;		/* stored.asks */
	RB_ENTRY(ask)	 tree;		/* stored.waits */
	struct stored	*stored;
	enum msg_type	 type;
	struct asked	 asked;
	char		*id, *text;	/* owned: the strings of msg */
	struct buf	 raw;		/* what msg points into, or nothing */
	union msg_any	 msg;
	int64_t		 key;		/* of the session it waits for */
	uint64_t	 serial;
	bool		 expired;
	struct timer	 timer;
};

static int
ask_cmp(struct ask *a, struct ask *b)
{
	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return a->serial < b->serial ? -1 : a->serial > b->serial;
}

RB_PROTOTYPE(wait_tree, ask, tree, ask_cmp)
RB_GENERATE(wait_tree, ask, tree, ask_cmp)

/* --- the queue --- */

/* Which fields each row has: its tag, and the strings that must be kept. */
static void
keep_fields(struct ask *a)
{
	union msg_any *m = &a->msg;
	const char *id = "", *text = "";

#define KEEP(TYPE, f, i, t)						\
	case TYPE:							\
		a->asked.tag = m->f.tag;				\
		id = i;							\
		text = t;						\
		break
	switch ((int)a->type) {
	KEEP(MSG_SESSION_LIST, session_list, m->session_list.after_id,
	    m->session_list.after_created);
	KEEP(MSG_SESSION_GET, session_get, m->session_get.id, "");
	KEEP(MSG_SESSION_DELETE, session_delete, m->session_delete.id,
	    m->session_delete.actor);
	KEEP(MSG_INPUT_CHECK, input_check, m->input_check.id, "");
	KEEP(MSG_INPUT, input, m->input.id, "");
	KEEP(MSG_RESIZE, resize, m->resize.id, "");
	KEEP(MSG_KILL, kill, m->kill.id, m->kill.actor);
	KEEP(MSG_SIGNAL, signal, m->signal.id, m->signal.actor);
	KEEP(MSG_EVENTS, events, m->events.id, m->events.after_event);
	KEEP(MSG_PAIR_LIST, pair_list, "", "");
	KEEP(MSG_ARCHIVE_LIST, archive_list, m->archive_list.before_id, "");
	KEEP(MSG_ARCHIVE_GET, archive_get, m->archive_get.id, "");
	KEEP(MSG_AUDIT, audit, "", "");
	KEEP(MSG_CANCEL, cancel, "", "");
	}
#undef KEEP
	a->id = mem_strdup(id);
	a->text = mem_strdup(text);
}

/* One with many strings: the whole of it. */
static void
keep_all(struct ask *a)
{
	if (msg_encode(&a->raw, a->type, &a->msg) < 0 ||
	    msg_decode_exact(buf_head(&a->raw), buf_left(&a->raw), a->type,
	    &a->msg) != 0)
		fatal("keep %s: it cannot be encoded",
		    msg_row(a->type)->name);
}

static void
unhold(struct stored *s, struct ask *a)
{
	RB_REMOVE(wait_tree, &s->waits, a);
	s->nwaits--;
}

static void
on_wait_over(struct timer *t)
{
	struct ask *a = t->ctx;

	unhold(a->stored, a);
	a->expired = true;
	TAILQ_INSERT_TAIL(&a->stored->asks, a, link);
}

void
ask_add(struct stored *s, enum msg_type type, const union msg_any *msg)
{
	struct ask *a = mem_zalloc(1, sizeof(*a));

	a->stored = s;
	a->type = type;
	a->msg = *msg;
	a->asked.pending = true;
	a->timer = (struct timer){ .cb = on_wait_over, .ctx = a };
	keep_fields(a);
	if (type == MSG_SESSION_LIST)
		keep_all(a);
	TAILQ_INSERT_TAIL(&s->asks, a, link);
}

static void
ask_free(struct ask *a)
{
	timer_stop(a->stored->loop, &a->timer);
	free(a->id);
	free(a->text);
	buf_fini(&a->raw);
	free(a);
}

void
asks_wake(struct stored *s, int64_t key)
{
	struct ask from = { .key = key }, *a, *next;

	for (a = RB_NFIND(wait_tree, &s->waits, &from);
	    a != NULL && a->key == key; a = next) {
		next = RB_NEXT(wait_tree, &s->waits, a);
		unhold(s, a);
		TAILQ_INSERT_TAIL(&s->asks, a, link);
	}
}

void
asks_drop(struct stored *s)
{
	struct ask *a;

	while ((a = RB_MIN(wait_tree, &s->waits)) != NULL) {
		unhold(s, a);
		ask_free(a);
	}
	while ((a = TAILQ_FIRST(&s->asks)) != NULL) {
		TAILQ_REMOVE(&s->asks, a, link);
		ask_free(a);
	}
}

/* --- answers; true keeps the ask for later --- */

static bool
failed(struct stored *s, struct ask *a, int r)
{
	if (log_allowed(&s->limit, "reads"))
		log_error("read for apid: %s", strerror(-r));
	stored_reply(s, &a->asked, STORE_ERROR, "the store cannot be read");
	return false;
}

static bool
bad_words(struct stored *s, struct ask *a, int r)
{
	if (r < 0)
		return failed(s, a, r);
	stored_reply(s, &a->asked, STORE_BAD_QUERY, r == WORDS_MANY ?
	    "it holds too many words" : "it holds no word");
	return false;
}

/* A search says how many sessions have text that it could not find. */
static void
reply_list(struct stored *s, struct ask *a, const struct page *page)
{
	char behind[24] = "";

	if (*a->msg.session_list.query != '\0')
		(void)snprintf(behind, sizeof(behind), "%zu",
		    search_behind(s));
	stored_reply_page(s, &a->asked, page, behind);
}

static bool
answer_list(struct stored *s, struct ask *a)
{
	const struct msg_session_list *m = &a->msg.session_list;
	struct store_list list = { .after_created = m->after_created,
	    .after_id = m->after_id, .archived = m->include_archived != 0,
	    .limit = m->limit, .status = m->status, .harness = m->harness };
	struct store_words words;
	struct page page;
	int r = 0;

	/* What a search finds depends on events as well. */
	if (*m->query == '\0' && m->have == store_version(s->store)) {
		stored_reply(s, &a->asked, STORE_SAME, NULL);
		return false;
	}
	if (*m->query != '\0') {
		r = store_words(s->store, m->query, &words);
		list.words = &words;
	}
	if (r != 0)
		return bad_words(s, a, r);
	page_init(&page, s->store);
	r = page_sessions(&page, &list);
	if (r == -ETIME)
		stored_reply(s, &a->asked, STORE_TOO_WIDE, NULL);
	else if (r < 0)
		(void)failed(s, a, r);
	else
		reply_list(s, a, &page);
	page_fini(&page);
	return false;
}

static bool
answer_get(struct stored *s, struct ask *a)
{
	stored_reply_session(s, &a->asked, STORE_OK, a->id);
	return false;
}

/* Also what is left of INPUT and RESIZE when their session takes none. */
static bool
answer_input_check(struct stored *s, struct ask *a)
{
	struct run *run = run_find(s, a->id);
	struct store_session old;
	enum store_code code = STORE_NOT_LIVE;
	int r;

	r = store_find(s->store, a->id, &old);
	if (r < 0)
		return failed(s, a, r);
	if (r > 0)
		code = STORE_NOT_FOUND;
	else if (a->type == MSG_INPUT_CHECK && run != NULL &&
	    run_takes_input(run))
		code = STORE_OK;
	stored_reply(s, &a->asked, code, NULL);
	return false;
}

static bool
answer_not_a_run(struct stored *s, struct ask *a)
{
	struct store_session old;
	enum store_code code = STORE_NOT_LIVE;
	int r = store_find(s->store, a->id, &old);

	if (r < 0)
		return failed(s, a, r);
	if (r > 0)
		code = STORE_NOT_FOUND;
	else if (old.external && !session_has_ended(old.status))
		code = STORE_EXTERNAL_UNKILLABLE;
	stored_reply(s, &a->asked, code, NULL);
	return false;
}

static bool
answer_kill(struct stored *s, struct ask *a)
{
	struct msg_run_kill again = { .id = a->id };
	struct run *run = run_find(s, a->id);
	struct job *j;

	if (run == NULL || (run->state != RS_STARTING &&
	    run->state != RS_LIVE) || (run->exited && !run->killing))
		return answer_not_a_run(s, a);
	if (run->nkills == LIMIT_STORE_KILLS) {
		stored_reply(s, &a->asked, STORE_UNAVAILABLE,
		    "too many kills of one session");
		return false;
	}
	run->kills[run->nkills++] = a->asked.tag;
	if (!run->killing) {
		run->killing = true;
		j = job_new(s, JOB_KILLING, run);
		j->actor = mem_strdup(a->text);
	} else if (!timer_running(&run->kill_timer) &&
	    run->state == RS_LIVE) {
		/* The first one timed out. */
		stored_tell(s, MSG_RUN_KILL, &again, -1);
	}
	if (!timer_running(&run->kill_timer))
		timer_start(s->loop, &run->kill_timer, LIMIT_KILL_WAIT_MS);
	return false;
}

static bool
answer_signal(struct stored *s, struct ask *a)
{
	static const int listed[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1,
	    SIGUSR2, SIGTERM, SIGCONT, SIGWINCH, SIGTSTP };
	struct run *run = run_find(s, a->id);
	uint32_t signo = a->msg.signal.signo;
	struct job *j;
	size_t i;

	for (i = 0; i < nitems(listed); i++)
		if ((uint32_t)listed[i] == signo)
			break;
	if (i == nitems(listed)) {
		stored_reply(s, &a->asked, STORE_ERROR,
		    "that signal is not listed");
		return false;
	}
	if (run == NULL || run->state != RS_LIVE || run->exited) {
		a->type = MSG_INPUT;	/* not found, or not live */
		return answer_input_check(s, a);
	}
	j = job_new(s, JOB_SIGNAL, run);
	j->asked = a->asked;
	j->actor = mem_strdup(a->text);
	j->signo = signo;
	return false;
}

static bool
hold(struct stored *s, struct ask *a, int64_t key, uint32_t ms)
{
	if (a->expired || ms == 0 || s->stopping ||
	    s->nwaits >= LIMIT_STORE_WAITS)
		return false;
	a->key = key;
	a->serial = ++s->serial;
	s->nwaits++;
	RB_INSERT(wait_tree, &s->waits, a);
	if (!timer_running(&a->timer))
		timer_start(s->loop, &a->timer, ms < LIMIT_EVENTS_WAIT_MS ? ms :
		    LIMIT_EVENTS_WAIT_MS);
	return true;
}

static uint64_t
cursor(struct stored *s, const struct ask *a)
{
	uint64_t seq;

	if (a->msg.events.has_after)
		return a->msg.events.after_seq;
	/* An id that was never given out is no cursor, as clients expect. */
	return store_event_seq(s->store, a->text, &seq) == 0 ? seq : 0;
}

#define PAGE_MOSTLY	((size_t)256 << 10)	/* is enough for a page */

/* As clients get it, onto the shelf where there is room. */
static int
page_on_shelf(struct stored *s, struct ask *a, struct page_json *p,
    int64_t key, struct buf *aside)
{
	int r = PAGE_NO_ROOM;

	p->to = shelf_room(&s->shelf, PAGE_MOSTLY, &p->room);
	if (p->to != NULL)
		r = page_json_events(p, key, cursor(s, a));
	if (r != PAGE_NO_ROOM)
		return r;
	p->to = shelf_room(&s->shelf, PAGE_JSON_MAX, &p->room);
	if (p->to == NULL) {
		p->to = buf_reserve(aside, PAGE_JSON_MAX);
		p->room = PAGE_JSON_MAX;
	}
	return page_json_events(p, key, cursor(s, a));
}

static bool
answer_events_json(struct stored *s, struct ask *a,
    const struct store_session *session)
{
	struct page_json page = { .store = s->store, .session_id = a->id,
	    .limit = a->msg.events.limit };
	autobuf struct buf aside = { 0 };
	int r = page_on_shelf(s, a, &page, session->key, &aside);

	if (r < 0)
		return failed(s, a, r);
	if (r == STORE_TOO_LARGE)
		stored_reply(s, &a->asked, STORE_TOO_LARGE, page.text);
	else if (page.rows == 0 && !session_has_ended(session->status) &&
	    hold(s, a, session->key, a->msg.events.wait_ms))
		return true;
	else
		stored_reply_json(s, &a->asked, &page);
	return false;
}

static bool
answer_events(struct stored *s, struct ask *a)
{
	struct store_session session;
	struct page page;
	bool kept = false;
	int r;

	r = store_find(s->store, a->id, &session);
	if (r > 0)
		stored_reply(s, &a->asked, STORE_NOT_FOUND, NULL);
	if (r != 0)
		return r < 0 ? failed(s, a, r) : false;
	if (a->msg.events.json)
		return answer_events_json(s, a, &session);
	page_init(&page, s->store);
	r = page_events(&page, session.key, a->id, cursor(s, a),
	    a->msg.events.limit);
	if (r < 0)
		(void)failed(s, a, r);
	else if (r == STORE_TOO_LARGE)
		stored_reply(s, &a->asked, STORE_TOO_LARGE, page.text);
	else if (page.rows == 0 && !session_has_ended(session.status))
		kept = hold(s, a, session.key, a->msg.events.wait_ms);
	/* A client that follows the session need not ask once more. */
	if (r == 0 && !kept)
		stored_reply_page(s, &a->asked, &page,
		    !page.more && session_has_ended(session.status) ?
		    session_status_name(session.status) : "");
	page_fini(&page);
	return kept;
}

/*
 * One whose end is on record may still have processes, and the monitor's word
 * that they are gone is written too: that comes first.
 */
static bool
answer_delete(struct stored *s, struct ask *a)
{
	struct run *run = run_find(s, a->id);
	struct job *j;

	if (run != NULL && run->state == RS_ENDED &&
	    hold(s, a, run->key, LIMIT_KILL_WAIT_MS))
		return true;
	if (run != NULL) {
		stored_reply(s, &a->asked, STORE_LIVE, NULL);
		return false;
	}
	j = job_new(s, JOB_DELETE, NULL);
	j->asked = a->asked;
	j->id = mem_strdup(a->id);
	j->actor = mem_strdup(a->text);
	return false;
}

static bool
answer_pairs(struct stored *s, struct ask *a)
{
	int r = pairs_reply(s, &a->asked);

	return r < 0 ? failed(s, a, r) : false;
}

static bool
answer_archives(struct stored *s, struct ask *a)
{
	struct msg_archive_list m = a->msg.archive_list;
	int r;

	m.before_id = a->id;
	r = archives_reply(s, &a->asked, &m);
	return r < 0 ? failed(s, a, r) : false;
}

static bool
answer_archive(struct stored *s, struct ask *a)
{
	int r = archive_reply(s, &a->asked, a->id);

	return r < 0 ? failed(s, a, r) : false;
}

static bool
answer_audit(struct stored *s, struct ask *a)
{
	const struct msg_audit *m = &a->msg.audit;
	struct page page;
	bool kept = false;
	int r;

	page_init(&page, s->store);
	r = page_audit(&page, &s->heads.last, m->after, m->limit);
	if (r < 0)
		(void)failed(s, a, r);
	else if (page.rows == 0)
		kept = hold(s, a, WAIT_AUDIT, m->wait_ms);
	if (r == 0 && !kept)
		stored_reply_rows(s, &a->asked, STORE_OK, &page.out,
		    page.rows, page.more);
	page_fini(&page);
	return kept;
}

static bool
answer_cancel(struct stored *s, struct ask *a)
{
	struct ask *w, *next;

	for (w = RB_MIN(wait_tree, &s->waits); w != NULL; w = next) {
		next = RB_NEXT(wait_tree, &s->waits, w);
		if (w->asked.tag != a->asked.tag)
			continue;
		unhold(s, w);
		ask_free(w);
	}
	return false;
}

static const struct {
	enum msg_type	type;
	bool		(*answer)(struct stored *, struct ask *);
} answers[] = {
	{ MSG_SESSION_LIST, answer_list },
	{ MSG_SESSION_GET, answer_get },
	{ MSG_SESSION_DELETE, answer_delete },
	{ MSG_INPUT_CHECK, answer_input_check },
	{ MSG_INPUT, answer_input_check },
	{ MSG_RESIZE, answer_input_check },
	{ MSG_KILL, answer_kill },
	{ MSG_SIGNAL, answer_signal },
	{ MSG_EVENTS, answer_events },
	{ MSG_PAIR_LIST, answer_pairs },
	{ MSG_ARCHIVE_LIST, answer_archives },
	{ MSG_ARCHIVE_GET, answer_archive },
	{ MSG_AUDIT, answer_audit },
	{ MSG_CANCEL, answer_cancel },
};

bool
asks_run(struct stored *s)
{
	bool some = false;
	struct ask *a;
	size_t i;

	/* Every answer under way holds a descriptor. */
	while ((a = TAILQ_FIRST(&s->asks)) != NULL &&
	    chan_queued(&s->apid) <= LIMIT_STORE_UNREAD) {
		bool kept = false;

		some = true;
		TAILQ_REMOVE(&s->asks, a, link);
		for (i = 0; i < nitems(answers); i++)
			if (answers[i].type == a->type)
				kept = answers[i].answer(s, a);
		if (!kept)
			ask_free(a);
	}
	return some;
}
