/* exec and run: describe a session, start it, and stay with it. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/api.h"
#include "covenctl/feed.h"
#include "covenctl/tty.h"
#include "covenctl/watch.h"

/* What a failed execve is worth to a shell; ENOENT last, as in a message. */
static const struct {
	const char	*text;
	int		 status;
} exec_failures[] = {
	{ "Permission denied", CTL_NOT_EXECUTABLE },
	{ "Exec format error", CTL_NOT_EXECUTABLE },
	{ "Is a directory", CTL_NOT_EXECUTABLE },
	{ "No such file or directory", CTL_NOT_FOUND },
	{ "not found", CTL_NOT_FOUND },
};

struct place {
	char	root[PATH_MAX], cwd[PATH_MAX];	/* cwd "": the root */
};

/* JSON carries text: bytes that are not would arrive as others. */
static int
check_text(const char *what, const char *s)
{
	if (s == NULL || utf8_valid(s, strlen(s)))
		return 0;
	ctl_err("%s is not valid UTF-8 and cannot be sent", what);
	return CTL_USAGE;
}

/* Is path root, or below it? */
static bool
beneath(const char *root, const char *path)
{
	size_t n = strlen(root);

	return strncmp(root, path, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

static int
find_place(struct ctl *ctl, struct place *p)
{
	const char *project = ctl->opt[OPT_PROJECT];
	char here[PATH_MAX];

	*p = (struct place){ 0 };
	if (ctl->opt[OPT_WORKSPACE] != NULL) {
		if (project == NULL && ctl->opt[OPT_CWD] == NULL &&
		    ctl->opt[OPT_ISOLATED] == NULL)
			return 0;
		ctl_err("--workspace excludes --project, --cwd and "
		    "--isolated");
		return CTL_USAGE;
	}
	if (realpath(".", here) == NULL) {
		ctl_err("the working directory: %s", strerror(errno));
		return CTL_FAILED;
	}
	if (realpath(project != NULL ? project : ".", p->root) == NULL) {
		ctl_err("--project %s: %s", project, strerror(errno));
		return CTL_FAILED;
	}
	if (ctl->opt[OPT_CWD] != NULL)
		(void)snprintf(p->cwd, sizeof(p->cwd), "%s",
		    ctl->opt[OPT_CWD]);
	else if (beneath(p->root, here) && strcmp(p->root, here) != 0)
		memcpy(p->cwd, here, strlen(here) + 1);
	if (check_text("the project's path", p->root) != 0 ||
	    check_text("the working directory's path", p->cwd) != 0)
		return CTL_USAGE;
	return 0;
}

static void
put_place(struct jw *j, struct ctl *ctl, const struct place *p)
{
	if (p->root[0] != '\0')
		jw_kstr(j, "projectRoot", p->root);
	else
		jw_kbool(j, "workspace", true);
	if (p->cwd[0] != '\0')
		jw_kstr(j, "cwd", p->cwd);
	if (ctl->opt[OPT_TITLE] != NULL)
		jw_kstr(j, "title", ctl->opt[OPT_TITLE]);
	if (ctl->opt[OPT_ISOLATED] != NULL)
		jw_kbool(j, "isolated", true);
}

static void
put_size(struct jw *j)
{
	unsigned rows, cols;

	tty_size(isatty(STDOUT_FILENO) ? STDOUT_FILENO : STDIN_FILENO, &rows,
	    &cols);
	jw_ku64(j, "rows", rows);
	jw_ku64(j, "cols", cols);
}

/* "...: exec: cause" or "...: execve: cause": the last step of a launch. */
static bool
failed_in_exec(const char *message)
{
	static const char *const steps[] = { "exec:", "execve:" };

	for (size_t i = 0; i < nitems(steps); i++) {
		const char *at = strstr(message, steps[i]);

		if (at != NULL && (at == message || at[-1] == ' '))
			return true;
	}
	return false;
}

static int
launch_refused(const struct answer *a)
{
	(void)api_refused(a);
	if (strcmp(a->code, "launch_failed") != 0 ||
	    !failed_in_exec(a->message))
		return CTL_FAILED;
	for (size_t i = 0; i < nitems(exec_failures); i++)
		if (strstr(a->message, exec_failures[i].text) != NULL)
			return exec_failures[i].status;
	return CTL_FAILED;
}

/* POST it; on success the session's id is in w. */
static int
launch(struct watch *w, const struct buf *body)
{
	struct request q = { .method = "POST", .target = API "/sessions",
	    .body = buf_head(body), .body_len = buf_left(body),
	    .timeout_ms = API_SLOW_MS };
	autoanswer struct answer a = { 0 };
	const char *id;
	int rc = api_call(w->ctl, &q, &a);

	if (rc != 0)
		return rc;
	if (!answer_ok(&a))
		return launch_refused(&a);
	id = jr_kstr(a.doc, "id");
	if (id == NULL || *id == '\0' || strlen(id) > WATCH_ID_MAX) {
		ctl_err("the daemon's reply names no session");
		return CTL_UNTRUSTED;
	}
	memcpy(w->id, id, strlen(id) + 1);
	return 0;
}

/* Launch, feed, follow.  feed: FEED_*, 0 for no input. */
static int
start(struct watch *w, const struct buf *body, unsigned feed, bool say)
{
	pid_t pid;
	int rc;

	watch_signals(w);
	rc = launch(w, body);
	if (rc != 0) {
		watch_fini(w);
		return rc;
	}
	if (say)
		ctl_err("session %s", w->id);
	if (w->tty && isatty(STDIN_FILENO))
		(void)tty_raw(STDIN_FILENO);
	w->resize = w->tty;
	w->screen.eight_bit = !tty_utf8();
	if (feed != 0) {
		pid = feed_start(w->ctl, w->id, feed, NULL);
		w->feeder = pid > 0 ? pid : 0;
		if (pid < 0)
			ctl_err("standard input is not forwarded: %s",
			    strerror((int)-pid));
	}
	rc = watch_run(w);
	if (w->ctl->opt[OPT_ISOLATED] != NULL && w->ctl->opt[OPT_JSON] == NULL)
		ctl_err("the project is as it was; what was done: covenctl "
		    "diff %s", w->id);
	return rc;
}

/* Later settings of a name win, as in a shell. */
static void
put_env(struct jw *j, struct ctl *ctl)
{
	jw_name(j, "env");
	jw_object(j);
	for (size_t i = 0; i < ctl->nenv; i++) {
		size_t n = strcspn(ctl->env[i], "="), k;
		autofree char *name = mem_strdup(ctl->env[i]);

		for (k = i + 1; k < ctl->nenv; k++)
			if (strncmp(name, ctl->env[k], n + 1) == 0)
				break;
		if (k != ctl->nenv)
			continue;
		name[n] = '\0';
		jw_kstr(j, name, ctl->env[i] + n + 1);
	}
	jw_object_end(j);
}

static int
exec_body(struct ctl *ctl, bool tty, bool input, struct buf *b)
{
	struct place place;
	struct jw j;
	int rc = find_place(ctl, &place);

	for (int i = 0; rc == 0 && i < ctl->argc; i++)
		rc = check_text("an argument", ctl->argv[i]);
	for (size_t i = 0; rc == 0 && i < ctl->nenv; i++)
		rc = check_text("a variable", ctl->env[i]);
	if (rc == 0)
		rc = check_text("the title", ctl->opt[OPT_TITLE]);
	if (rc != 0)
		return rc;
	jw_init(&j, b);
	jw_object(&j);
	jw_kstr(&j, "harness", "exec");
	jw_name(&j, "argv");
	jw_array(&j);
	for (int i = 0; i < ctl->argc; i++)
		jw_str(&j, ctl->argv[i]);
	jw_array_end(&j);
	put_place(&j, ctl, &place);
	put_env(&j, ctl);
	jw_kbool(&j, "stdin", input);
	jw_kbool(&j, "tty", tty);
	if (tty)
		put_size(&j);
	jw_object_end(&j);
	return 0;
}

int
verb_exec(struct ctl *ctl)
{
	autobuf struct buf body = { 0 };
	bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	bool input = feed_wanted();
	struct watch w;
	int rc;

	if (ctl->opt[OPT_TTY] != NULL && ctl->opt[OPT_NO_TTY] != NULL) {
		ctl_err("--tty and --no-tty exclude each other");
		return CTL_USAGE;
	}
	/* A terminal's bytes and JSON lines do not mix. */
	if (ctl->opt[OPT_NO_TTY] != NULL || ctl->opt[OPT_JSON] != NULL)
		tty = false;
	if (ctl->opt[OPT_TTY] != NULL)
		tty = true;
	if ((rc = exec_body(ctl, tty, input, &body)) != 0)
		return rc;
	watch_init(&w, ctl, true);
	w.tty = tty && ctl->opt[OPT_JSON] == NULL;
	return start(&w, &body, input ? FEED_BYTES | FEED_EOF : 0, false);
}

/* HARNESS PROMPT...: the words of the prompt joined by spaces. */
static int
run_body(struct ctl *ctl, const char *mode, struct buf *b)
{
	autobuf struct buf prompt = { 0 };
	struct place place;
	struct jw j;
	int rc = find_place(ctl, &place);

	for (int i = 1; i < ctl->argc; i++)
		if (buf_addf(&prompt, "%s%s", i > 1 ? " " : "",
		    ctl->argv[i]) < 0)
			return CTL_FAILED;
	if (rc != 0 ||
	    (rc = check_text("the prompt", buf_head(&prompt))) != 0 ||
	    (rc = check_text("the harness", ctl->argv[0])) != 0 ||
	    (rc = check_text("the title", ctl->opt[OPT_TITLE])) != 0 ||
	    (rc = check_text("the model", ctl->opt[OPT_MODEL])) != 0)
		return rc;
	jw_init(&j, b);
	jw_object(&j);
	jw_kstr(&j, "harness", ctl->argv[0]);
	jw_kstr(&j, "prompt", buf_head(&prompt));
	jw_kstr(&j, "launchMode", mode);
	put_place(&j, ctl, &place);
	if (ctl->opt[OPT_MODEL] != NULL)
		jw_kstr(&j, "model", ctl->opt[OPT_MODEL]);
	put_size(&j);
	jw_object_end(&j);
	return 0;
}

int
verb_run(struct ctl *ctl)
{
	bool interactive = ctl->opt[OPT_INTERACTIVE] != NULL;
	bool stream = ctl->opt[OPT_STREAM] != NULL;
	bool json = ctl->opt[OPT_JSON] != NULL;
	autobuf struct buf body = { 0 };
	struct watch w;
	unsigned feed = 0;
	int rc;

	if (interactive && stream) {
		ctl_err("--interactive and --stream exclude each other");
		return CTL_USAGE;
	}
	rc = run_body(ctl, interactive ? "interactive" : stream ? "stream" :
	    "nonInteractive", &body);
	if (rc != 0)
		return rc;
	watch_init(&w, ctl, true);
	if (interactive) {
		w.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && !json;
		feed = feed_wanted() ? FEED_BYTES : 0;
	} else if (stream)	/* without input: one turn, then its end */
		feed = FEED_LINES | FEED_EOF;
	return start(&w, &body, feed, isatty(STDERR_FILENO) && !json);
}
