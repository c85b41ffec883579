#include <sys/signalfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/loop.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/feed.h"
#include "covenctl/tty.h"
#include "covenctl/watch.h"

#define WAIT_MS		20000	/* how long the daemon may hold a page back */
#define PAGE		1000
#define RESIZE_MS	2000
#define RUSH_NS		(INT64_C(50) * 1000000)
#define RETRY_NS	(INT64_C(10) * 1000000000)

static const struct {
	int		 signo;
	const char	*name;
} passed_on[] = {
	{ SIGINT, "INT" }, { SIGTERM, "TERM" }, { SIGHUP, "HUP" },
	{ SIGQUIT, "QUIT" },
};

void
watch_init(struct watch *w, struct ctl *ctl, bool own)
{
	*w = (struct watch){ .ctl = ctl, .own = own, .sigfd = -1 };
}

void
watch_fini(struct watch *w)
{
	feed_stop(&w->feeder);
	tty_restore();
	w->ctl->client.wake_fd = -1;
	mem_close(&w->sigfd);
}

/* While another exchange may be waiting. */
int
watch_post(struct watch *w, const char *tail, const char *text,
    int timeout_ms)
{
	struct ctl ctl = *w->ctl;
	autoanswer struct answer a = { 0 };
	char target[API_TARGET_MAX];
	struct request q = { .method = "POST", .target = target, .body = text,
	    .body_len = strlen(text), .timeout_ms = timeout_ms };
	int rc;

	ctl.client.wake_fd = -1;
	if ((rc = api_session(target, w->id, tail)) != 0)
		return rc;
	rc = api_call(&ctl, &q, &a);
	return rc == 0 && !answer_ok(&a) ? a.status : rc;
}

/* 409: it has just ended by itself, which is what was wanted. */
static int
post_aside(struct watch *w, const char *tail, const char *text)
{
	int rc = watch_post(w, tail, text, API_SLOW_MS);

	return rc == 409 ? 0 : rc;
}

int
watch_resize(struct watch *w)
{
	unsigned rows, cols;
	char text[64];

	tty_size(STDOUT_FILENO, &rows, &cols);
	(void)snprintf(text, sizeof(text), "{\"rows\":%u,\"cols\":%u}", rows,
	    cols);
	return watch_post(w, "/resize", text, RESIZE_MS);
}

static void
end_session(struct watch *w)
{
	int rc;

	if (w->killed || w->id[0] == '\0')
		return;
	w->killed = true;
	rc = post_aside(w, "/kill", "{}");
	if (rc != 0)
		ctl_err("session %s could not be killed: try covenctl kill %s",
		    w->id, w->id);
}

static void
pass_on(struct watch *w, int signo)
{
	const char *name = "INT";
	char text[32];

	for (size_t i = 0; i < nitems(passed_on); i++)
		if (passed_on[i].signo == signo)
			name = passed_on[i].name;
	(void)snprintf(text, sizeof(text), "{\"signal\":\"%s\"}", name);
	if (post_aside(w, "/signal", text) != 0)
		end_session(w);
}

/* The first goes to the command; the second ends it. */
static bool
on_stop(struct watch *w, int signo)
{
	if (w->signals++ == 0)
		w->first = signo;
	if (!w->own)
		return false;
	if (w->id[0] == '\0')
		return w->signals < 2;
	if (w->signals == 1)
		pass_on(w, signo);
	else
		end_session(w);
	return true;
}

static void
on_child(struct watch *w)
{
	int status;

	if (w->feeder <= 0 ||
	    waitpid(w->feeder, &status, WNOHANG) != w->feeder)
		return;
	w->feeder = 0;
	w->left = WIFEXITED(status) && WEXITSTATUS(status) == FEED_DETACHED;
	if (w->left || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return;
	/* Input that stops half-way must not pass for all of it. */
	w->fed_badly = true;
	ctl_err("standard input did not reach the session%s",
	    w->own ? ": ending it" : "");
	if (w->own)
		end_session(w);
}

static bool
on_wake(void *ctx)
{
	struct watch *w = ctx;
	struct signalfd_siginfo si;
	bool go_on = true;

	while (read(w->sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			on_child(w);
		else if (si.ssi_signo == SIGTSTP)
			tty_stop();
		else if (si.ssi_signo == SIGCONT)
			tty_resume();
		else if (si.ssi_signo == SIGWINCH) {
			/* One that cannot take it is not asked again. */
			if (w->resize && w->id[0] != '\0')
				w->resize = watch_resize(w) == 0;
		} else if (!on_stop(w, (int)si.ssi_signo))
			go_on = false;
	}
	return go_on && !w->left;
}

void
watch_signals(struct watch *w)
{
	static const int own[] = { SIGCHLD, SIGCONT, SIGTSTP, SIGWINCH };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < nitems(passed_on); i++)
		sigaddset(&set, passed_on[i].signo);
	for (size_t i = 0; i < nitems(own); i++)
		sigaddset(&set, own[i]);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	w->sigfd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	w->ctl->client.wake_fd = w->sigfd;
	w->ctl->client.wake = on_wake;
	w->ctl->client.wake_ctx = w;
}

static void
emit(struct watch *w, int fd, const char *p, size_t n)
{
	int rc;

	if (w->broken != 0 || n == 0)
		return;
	rc = ctl_write(fd, p, n);
	if (rc == 0)
		return;
	w->broken = -rc;
	if (rc != -EPIPE)
		ctl_err("output: %s", strerror(-rc));
	if (w->own)
		end_session(w);
}

/* On its way to a terminal; both streams come to the same one. */
static void
show(struct watch *w, int fd, const char *s, size_t n, struct buf *shown)
{
	if (!w->tty) {
		text_filter(&w->filter[fd == STDERR_FILENO], s, n, shown);
		return;
	}
	screen_filter(&w->screen, s, n, shown);
	tty_changed(w->screen.changed != 0);
}

static void
on_output(struct watch *w, const struct jr *payload)
{
	const char *stream = jr_kstr(payload, "stream"), *s;
	int fd = stream != NULL && strcmp(stream, "stderr") == 0 ?
	    STDERR_FILENO : STDOUT_FILENO;
	autobuf struct buf exact = { 0 }, shown = { 0 };
	size_t n;

	s = jr_kstrn(payload, "b64", &n);
	if (s != NULL && base64_decode(BASE64_STANDARD, s, n, &exact) == 0) {
		s = buf_head(&exact);
		n = buf_left(&exact);
	} else
		s = jr_kstrn(payload, "data", &n);
	if (s == NULL)
		return;
	if (isatty(fd)) {
		show(w, fd, s, n, &shown);
		s = buf_head(&shown);
		n = buf_left(&shown);
	}
	emit(w, fd, s, n);
}

static void
flush_filters(struct watch *w)
{
	autobuf struct buf last = { 0 };

	screen_end(&w->screen, &last);
	emit(w, STDOUT_FILENO, buf_head(&last), buf_left(&last));
	tty_changed(false);
	for (int i = 0; i < 2; i++) {
		autobuf struct buf shown = { 0 };

		text_filter_end(&w->filter[i], &shown);
		emit(w, i == 0 ? STDOUT_FILENO : STDERR_FILENO,
		    buf_head(&shown), buf_left(&shown));
	}
}

/* No exit status of its own: by how the session ended. */
static int
status_by_name(struct watch *w, const char *name)
{
	if (name != NULL && (strcmp(name, "completed") == 0 ||
	    strcmp(name, "idle") == 0))
		return CTL_OK;
	if (w->killed || (name != NULL && strcmp(name, "killed") == 0))
		return CTL_SIGNAL + SIGKILL;
	if (name != NULL)
		ctl_err("session %s: %s", w->id, name);
	return CTL_FAILED;
}

/* A person is told what a bare signal would leave open. */
static void
say_limit(struct watch *w, const char *limit)
{
	autobuf struct buf name = { 0 };

	if (limit == NULL)
		return;
	text_line(&name, limit, strlen(limit), 64);
	if (w->lines)
		return;
	if (strcmp(limit, "protected") == 0)
		ctl_err("session %s: ended: it made what git would have "
		    "believed", w->id);
	else
		ctl_err("session %s: ended by its %s limit", w->id,
		    buf_head(&name));
}

static void
on_exit_event(struct watch *w, const struct jr *payload)
{
	int64_t v;

	w->ended = true;
	say_limit(w, jr_kstr(payload, "limit"));
	if (jr_ki64(payload, "signal", &v) && v > 0 && v < 128)
		w->status = CTL_SIGNAL + (int)v;
	else if (jr_ki64(payload, "exitCode", &v))
		w->status = (int)(v & 0xff);
	else
		w->status = status_by_name(w, jr_kstr(payload, "status"));
}

static void
print_line(struct watch *w, const struct jr *event, const char *kind,
    const char *payload)
{
	const char *at = jr_kstr(event, "created_at");
	autobuf struct buf b = { 0 };

	(void)buf_addf(&b, "%" PRId64 " %s ", w->after,
	    at != NULL ? at : "-");
	text_line(&b, kind, strlen(kind), 64);
	(void)buf_adds(&b, " ");
	text_line(&b, payload, strlen(payload), (size_t)1 << 20);
	(void)buf_adds(&b, "\n");
	emit(w, STDOUT_FILENO, buf_head(&b), buf_left(&b));
}

static void
print_json(struct watch *w, const struct jr *event)
{
	const char *text = jr_text(event);

	emit(w, STDOUT_FILENO, text, strlen(text));
	emit(w, STDOUT_FILENO, "\n", 1);
}

void
watch_event(struct watch *w, const struct jr *event)
{
	const char *kind = jr_kstr(event, "kind");
	size_t n;
	const char *text = jr_kstrn(event, "payload_json", &n);
	autojr struct jr *payload = NULL;
	int64_t seq;

	if (kind == NULL || text == NULL || !jr_ki64(event, "seq", &seq) ||
	    seq <= w->after)
		return;
	w->after = seq;
	if (jr_parse(text, n, &payload) < 0)
		payload = NULL;
	if (w->ctl->opt[OPT_JSON] != NULL)
		print_json(w, event);
	else if (w->lines)
		print_line(w, event, kind, text);
	else if (strcmp(kind, "output") == 0)
		on_output(w, payload);
	else if (strcmp(kind, "output_truncated") == 0)
		ctl_err("session %s: output is missing here", w->id);
	if (strcmp(kind, "kill") == 0)
		w->killed = true;
	if (strcmp(kind, "exit") == 0)
		on_exit_event(w, payload);
}

void
watch_ended(struct watch *w, const char *status, int64_t code)
{
	w->ended = true;
	w->status = code >= 0 ? (int)(code & 0xff) : status_by_name(w, status);
}

/* A failure that the daemon's own supervision repairs in a moment. */
static bool
passes(int rc, const struct answer *a)
{
	if (rc == 0)
		return a->status == 503;
	return rc == CLIENT_CUT || rc == CLIENT_TIMEOUT || rc == -ECONNRESET;
}

/* GET, again and again while it may pass.  0 or an exit status. */
static int
get(struct watch *w, const char *target, int timeout_ms, struct answer *a)
{
	struct request q = { .method = "GET", .target = target,
	    .timeout_ms = timeout_ms };
	int64_t since = 0, now;
	int rc;

	for (;;) {
		autoreply struct reply r = { 0 };

		rc = client_exchange(&w->ctl->client, &q, &r);
		if (rc == 0)
			rc = answer_from(&w->ctl->client, &r, a);
		now = loop_now_ns();
		since = since == 0 ? now : since;
		if (!passes(rc, a) || now - since > RETRY_NS)
			break;
		answer_fini(a);
		if (!client_sleep(&w->ctl->client, 200)) {
			rc = CLIENT_STOPPED;
			break;
		}
	}
	if (rc == 0)
		return answer_ok(a) ? 0 : api_refused(a);
	if (rc == CLIENT_STOPPED)
		return CTL_SIGNAL + w->first;
	rc = api_failed(w->ctl, rc);
	if (w->own)
		ctl_err("session %s is on record: covenctl events %s", w->id,
		    w->id);
	return rc;
}

static int
get_page(struct watch *w, int wait_ms, struct answer *a)
{
	char target[API_TARGET_MAX], tail[128];
	int64_t limit = w->limit > 0 && w->limit < PAGE ? w->limit : PAGE;
	int rc;

	(void)snprintf(tail, sizeof(tail), "/events?afterSeq=%" PRId64
	    "&limit=%" PRId64 "&waitMs=%d", w->after, limit, wait_ms);
	rc = api_session(target, w->id, tail);
	return rc != 0 ? rc : get(w, target, wait_ms + API_TIMEOUT_MS, a);
}

/*
 * Nothing new: has it ended without an exit event (a daemon that died, an
 * external session)?  Asked twice, for events may come before the second.
 */
static int
check_ended(struct watch *w, bool *settled)
{
	autoanswer struct answer a = { 0 };
	char target[API_TARGET_MAX];
	const char *status;
	int64_t code;
	int rc;

	if ((rc = api_session(target, w->id, "")) != 0 ||
	    (rc = get(w, target, API_TIMEOUT_MS, &a)) != 0)
		return rc;
	status = jr_kstr(a.doc, "status");
	if (status == NULL || strcmp(status, "running") == 0 ||
	    strcmp(status, "created") == 0)
		return 0;
	if (!*settled) {
		*settled = true;
		return 0;
	}
	if (!jr_ki64(a.doc, "exit_code", &code))
		code = -1;
	watch_ended(w, status, code);
	return 0;
}

/* One page and what follows from it. */
static int
turn(struct watch *w, bool *settled)
{
	autoanswer struct answer a = { 0 };
	int64_t before = loop_now_ns();
	const struct jr *events;
	size_t n;
	int rc = get_page(w, w->once || *settled ? 0 : WAIT_MS, &a);

	if (rc != 0)
		return rc;
	events = jr_get(a.doc, "events");
	n = jr_count(events);
	for (size_t i = 0; i < n && !w->ended && w->broken == 0; i++)
		watch_event(w, jr_at(events, i));
	if (w->limit > 0 && (w->limit -= (int64_t)n) <= 0)
		w->ended = true;
	if (w->once && !jr_ktrue(a.doc, "hasMore"))
		w->ended = true;
	if (n != 0 || w->ended)
		return 0;
	/* A daemon that does not hold pages back is not asked in a rush. */
	if (loop_now_ns() - before < RUSH_NS && !*settled &&
	    !client_sleep(&w->ctl->client, 100))
		return CTL_SIGNAL + w->first;
	return check_ended(w, settled);
}

int
watch_run(struct watch *w)
{
	bool settled = false;
	int rc = 0;

	if (w->own && w->signals != 0)
		pass_on(w, w->first);
	while (rc == 0 && !w->ended && w->broken == 0)
		rc = w->stream ? follow(w) : turn(w, &settled);
	flush_filters(w);
	if (w->left && w->tty && w->screen.last != '\n')
		emit(w, STDOUT_FILENO, "\r\n", 2);
	watch_fini(w);
	if (w->left) {
		ctl_err("left; session %s goes on: covenctl attach %s", w->id,
		    w->id);
		return CTL_OK;
	}
	if (rc != 0) {
		if (!w->own && w->signals != 0)
			ctl_err("left; session %s goes on", w->id);
		return rc;
	}
	if (w->broken != 0)
		return w->broken == EPIPE ? CTL_SIGNAL + SIGPIPE : CTL_FAILED;
	return w->fed_badly ? CTL_FAILED : w->status;
}
