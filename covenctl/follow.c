/* Following a session by the daemon's stream of its events. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/loop.h"
#include "covenctl/api.h"
#include "covenctl/sse.h"
#include "covenctl/watch.h"

#define SILENCE_MS	60000	/* the daemon says something before that */
#define RETRY_NS	(INT64_C(10) * 1000000000)

struct following {
	struct watch	*w;
	struct sse	 sse;
	bool		 any;		/* an event came on this stream */
	bool		 bad;		/* it is none */
};

/* The last word of a stream: there is no more. */
static void
on_end(struct following *f, const struct jr *doc)
{
	const char *status = jr_kstr(doc, "status");

	if (!f->w->ended)
		watch_ended(f->w, status, -1);
}

static void
on_message(void *ctx, const char *event, const char *data, size_t len)
{
	struct following *f = ctx;
	autojr struct jr *doc = NULL;

	if (f->w->ended || f->bad)
		return;
	if (jr_parse(data, len, &doc) < 0) {
		f->bad = true;
		return;
	}
	f->any = true;
	if (strcmp(event, "end") == 0)
		on_end(f, doc);
	else if (strcmp(event, "too_large") == 0)
		ctl_err("session %s: an event is too large to be shown",
		    f->w->id);
	else if (strcmp(event, "error") != 0)
		watch_event(f->w, doc);
}

static int
on_bytes(void *ctx, const char *p, size_t n)
{
	struct following *f = ctx;

	if (sse_feed(&f->sse, p, n) < 0)
		f->bad = true;
	return f->bad || f->w->ended || f->w->broken != 0;
}

/* One stream, to its end or ours.  What client_exchange answers. */
static int
listen_once(struct following *f, struct answer *a)
{
	char target[API_TARGET_MAX], tail[64];
	struct request q = { .method = "GET", .target = target,
	    .timeout_ms = SILENCE_MS, .sink = on_bytes, .sink_ctx = f };
	autoreply struct reply r = { 0 };
	int rc;

	(void)snprintf(tail, sizeof(tail), "/stream?afterSeq=%" PRId64,
	    f->w->after);
	if (api_session(target, f->w->id, tail) != 0)
		return CLIENT_PROTOCOL;
	sse_init(&f->sse, on_message, f);
	rc = client_exchange(&f->w->ctl->client, &q, &r);
	sse_fini(&f->sse);
	if (rc == 0 && !r.stream)
		rc = answer_from(&f->w->ctl->client, &r, a);
	return rc;
}

/* What passes by itself: a daemon part that is started again. */
static bool
passes(int rc, const struct answer *a)
{
	if (rc == 0)
		return a->status == 0 || a->status == 503;
	return rc == CLIENT_CUT || rc == CLIENT_TIMEOUT || rc == -ECONNRESET;
}

int
follow(struct watch *w)
{
	struct following f = { .w = w };
	int64_t since = loop_now_ns();
	int rc;

	for (;;) {
		autoanswer struct answer a = { 0 };

		f.any = false;
		rc = listen_once(&f, &a);
		if (f.bad) {
			ctl_err("the daemon's stream is refused: it is not "
			    "valid");
			return CTL_UNTRUSTED;
		}
		if (w->ended || w->broken != 0)
			return 0;
		if (f.any)
			since = loop_now_ns();
		if (rc == CLIENT_STOPPED)
			break;
		if (rc == 0 && a.status != 0 && !answer_ok(&a) &&
		    a.status != 503)
			return api_refused(&a);
		if (!passes(rc, &a) || loop_now_ns() - since > RETRY_NS)
			return api_failed(w->ctl, rc != 0 ? rc : CLIENT_CUT);
		if (!client_sleep(&w->ctl->client, 200))
			break;
	}
	return CTL_SIGNAL + w->first;
}
