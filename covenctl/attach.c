/* attach: this terminal becomes the session's, until it ends or is left. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/detach.h"
#include "covenctl/feed.h"
#include "covenctl/tty.h"
#include "covenctl/watch.h"

#define NO_TERMINAL	422	/* what a resize of such a session answers */
#define NOT_LIVE	409

int
watch_able(struct ctl *ctl, const char *capability, bool *able)
{
	autoanswer struct answer a = { 0 };
	int rc = api_get(ctl, API "/health", &a);

	if (rc == 0)
		*able = jr_ktrue(jr_get(a.doc, "capabilities"), capability);
	return rc;
}

int
watch_abilities(struct ctl *ctl, bool *stream, bool *resize)
{
	autoanswer struct answer a = { 0 };
	const struct jr *able;
	int rc = api_get(ctl, API "/health", &a);

	if (rc != 0)
		return rc;
	able = jr_get(a.doc, "capabilities");
	*stream = jr_ktrue(able, "sessionStream");
	if (resize != NULL)
		*resize = jr_ktrue(able, "sessionResize");
	return 0;
}

int
watch_id(struct watch *w, struct ctl *ctl)
{
	const char *id = ctl->argv[0];
	long long after = 0;
	int rc;

	watch_init(w, ctl, false);
	if (strlen(id) > WATCH_ID_MAX) {
		ctl_err("%s: not a session id", id);
		return CTL_USAGE;
	}
	memcpy(w->id, id, strlen(id) + 1);
	rc = ctl_number(ctl, OPT_AFTER, 0, INT64_MAX, &after);
	w->after = after;
	return rc;
}


/*
 * Does a terminal stand behind the session?  Its size is set with the same
 * question.  A daemon that cannot be asked is taken to say yes.
 */
static int
ask_terminal(struct watch *w, bool resize, bool *live)
{
	int rc = resize ? watch_resize(w) : 0;

	*live = rc != NOT_LIVE;
	w->resize = resize && rc == 0;
	/* Without one, a line's end is that alone. */
	w->screen.newlines = rc != 0 || !resize;
	if (rc == 0 || rc == NO_TERMINAL || rc == NOT_LIVE)
		return rc;
	if (rc == 404) {
		ctl_err("session %s was not found", w->id);
		return CTL_FAILED;
	}
	return rc >= 200 ? 0 : rc;
}

/* Keys go to the session as they are typed, or lines when they are whole. */
static int
take_keyboard(struct watch *w, bool terminal, struct detach *d,
    const char *keys)
{
	pid_t pid;
	int rc;

	if (terminal && (rc = tty_raw(STDIN_FILENO)) < 0) {
		ctl_err("the terminal: %s", strerror(-rc));
		return CTL_FAILED;
	}
	if (!terminal)
		ctl_err("session %s has no terminal: lines that you type are "
		    "sent to it; an interrupt leaves", w->id);
	else if (d->n != 0)
		ctl_err("attached to session %s; %s leaves it", w->id, keys);
	else
		ctl_err("attached to session %s until it ends", w->id);
	pid = feed_start(w->ctl, w->id, FEED_BYTES, terminal ? d : NULL);
	w->feeder = pid > 0 ? pid : 0;
	return 0;
}

int
verb_attach(struct ctl *ctl)
{
	const char *keys = ctl->opt[OPT_DETACH_KEY];
	bool resize, live = true, terminal = false;
	struct detach detach;
	struct watch w;
	int rc;

	keys = keys != NULL ? keys : DETACH_USUAL;
	if (detach_parse(&detach, keys) != 0) {
		ctl_err("--detach-key %s: give ctrl-] or the like, at most "
		    "%d keys with commas between them, or none", keys,
		    DETACH_KEYS_MAX);
		return CTL_USAGE;
	}
	if ((rc = watch_id(&w, ctl)) != 0 ||
	    (rc = watch_abilities(ctl, &w.stream, &resize)) != 0)
		return rc;
	w.tty = isatty(STDOUT_FILENO) && ctl->opt[OPT_JSON] == NULL;
	w.screen.eight_bit = !tty_utf8();
	watch_signals(&w);
	if (w.tty && isatty(STDIN_FILENO)) {
		rc = ask_terminal(&w, resize, &live);
		terminal = rc == 0;
		if (rc != 0 && rc != NO_TERMINAL && rc != NOT_LIVE) {
			watch_fini(&w);
			return rc;
		}
	}
	rc = 0;
	if (live && feed_wanted())
		rc = take_keyboard(&w, terminal, &detach, keys);
	if (rc == 0)
		return watch_run(&w);
	watch_fini(&w);
	return rc;
}
