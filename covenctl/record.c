/* Verbs about one session that is on record. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/feed.h"
#include "covenctl/text.h"
#include "covenctl/watch.h"

static int
print_answer(const struct answer *a)
{
	return printf("%s\n", jr_text(a->doc)) < 0 ? CTL_FAILED : CTL_OK;
}

int
verb_log(struct ctl *ctl)
{
	autoanswer struct answer a = { 0 };
	char target[API_TARGET_MAX];
	int rc;

	if ((rc = api_session(target, ctl->argv[0], "/log")) != 0 ||
	    (rc = api_get(ctl, target, &a)) != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return print_answer(&a);
	for (size_t i = 0; i < jr_count(a.doc); i++) {
		static const char *const names[] = { "ts", "level",
		    "message" };
		autobuf struct buf line = { 0 };

		for (size_t k = 0; k < nitems(names); k++) {
			const char *v = jr_kstr(jr_at(a.doc, i), names[k]);

			v = v != NULL ? v : "-";
			text_line(&line, v, strlen(v), 8192);
			(void)buf_adds(&line, k + 1 < nitems(names) ? " " :
			    "\n");
		}
		if (ctl_write(STDOUT_FILENO, buf_head(&line),
		    buf_left(&line)) < 0)
			return CTL_FAILED;
	}
	return CTL_OK;
}

/* --follow: as a stream, where the daemon has those. */
static int
follow_or_not(struct watch *w)
{
	w->once = w->ctl->opt[OPT_FOLLOW] == NULL;
	/* A stream knows no limit but the end. */
	if (w->once || w->limit != 0)
		return 0;
	return watch_abilities(w->ctl, &w->stream, NULL);
}

int
verb_events(struct ctl *ctl)
{
	struct watch w;
	long long limit = 0;
	int rc;

	if ((rc = watch_id(&w, ctl)) != 0 ||
	    (rc = ctl_number(ctl, OPT_LIMIT, 1, INT64_MAX, &limit)) != 0)
		return rc;
	w.limit = limit;
	w.lines = true;
	if ((rc = follow_or_not(&w)) != 0)
		return rc;
	watch_signals(&w);
	rc = watch_run(&w);
	/* It shows what is on record: how the session ended is content. */
	return w.ended ? CTL_OK : rc;
}

/* The output alone; how the session ended is content, not our failure. */
int
verb_logs(struct ctl *ctl)
{
	struct watch w;
	int rc;

	if ((rc = watch_id(&w, ctl)) != 0)
		return rc;
	if ((rc = follow_or_not(&w)) != 0)
		return rc;
	watch_signals(&w);
	rc = watch_run(&w);
	return w.ended && w.broken == 0 ? CTL_OK : rc;
}

int
verb_input(struct ctl *ctl)
{
	autobuf struct buf text = { 0 };
	int rc;

	if (buf_addf(&text, "%s%s", ctl->argv[1],
	    ctl->opt[OPT_NO_NEWLINE] != NULL ? "" : "\n") < 0)
		return CTL_FAILED;
	rc = feed_send(ctl, ctl->argv[0], buf_head(&text), buf_left(&text),
	    false);
	if (rc == FEED_OVER) {
		ctl_err("session %s has ended", ctl->argv[0]);
		return CTL_FAILED;
	}
	if (rc == 0 && ctl->opt[OPT_JSON] != NULL)
		(void)puts("{\"ok\":true,\"accepted\":true}");
	return rc;
}

/* One request about the session of the first argument. */
static int
ask(struct ctl *ctl, const char *method, const char *tail)
{
	autoanswer struct answer a = { 0 };
	char target[API_TARGET_MAX];
	struct request q = { .method = method, .target = target,
	    .timeout_ms = API_SLOW_MS };
	int rc = api_session(target, ctl->argv[0], tail);

	if (strcmp(method, "POST") == 0) {
		q.body = "{}";
		q.body_len = 2;
	}
	if (rc == 0)
		rc = api_call(ctl, &q, &a);
	if (rc != 0)
		return rc;
	if (a.status == 404 && strcmp(a.code, "not_found") == 0) {
		ctl_err("the daemon that runs cannot %s: it is an older build; "
		    "covenctl restart starts this one", ctl->verb->name);
		return CTL_FAILED;
	}
	if (!answer_ok(&a))
		return api_refused(&a);
	return ctl->opt[OPT_JSON] != NULL ? print_answer(&a) : CTL_OK;
}

int
verb_kill(struct ctl *ctl)
{
	return ask(ctl, "POST", "/kill");
}

int
verb_archive(struct ctl *ctl)
{
	return ask(ctl, "POST", "/archive");
}

int
verb_summon(struct ctl *ctl)
{
	return ask(ctl, "POST", "/summon");
}

int
verb_sacrifice(struct ctl *ctl)
{
	int rc = ctl_confirm(ctl, "delete session %s, its events and its "
	    "output for ever", ctl->argv[0]);

	return rc != 0 ? rc : ask(ctl, "DELETE", "");
}
