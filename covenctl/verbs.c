#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "covenctl/ctl.h"
#include "covenctl/text.h"

#define O(x)	(1u << OPT_##x)
#define ALWAYS	(O(HELP) | O(HOME) | O(TOKEN_FILE) | O(JSON))

static const struct opt {
	const char	*name, *arg, *summary;	/* arg NULL: a flag */
} opts[OPT_COUNT] = {
	[OPT_HELP] = { "help", NULL, "print this and exit" },
	[OPT_HOME] = { "home", "DIR",
	    "use this home (else COVEN_HOME, else ~/.coven)" },
	[OPT_TOKEN_FILE] = { "token-file", "F",
	    "send the token in F (else the home's session-token)" },
	[OPT_JSON] = { "json", NULL, "print JSON" },
	[OPT_PROJECT] = { "project", "DIR",
	    "the project's root (else the working directory)" },
	[OPT_CWD] = { "cwd", "DIR", "where to start, below the project" },
	[OPT_ENV] = { "env", "N=V", "set a variable; may be repeated" },
	[OPT_TTY] = { "tty", NULL, "give the command a terminal" },
	[OPT_NO_TTY] = { "no-tty", NULL, "give the command pipes" },
	[OPT_INTERACTIVE] = { "interactive", NULL,
	    "run the harness on this terminal" },
	[OPT_STREAM] = { "stream", NULL,
	    "speak stream-JSON; lines of input are messages" },
	[OPT_MODEL] = { "model", "NAME", "the model to ask for" },
	[OPT_TITLE] = { "title", "TEXT", "the session's title" },
	[OPT_ALL] = { "all", NULL, "archived sessions as well" },
	[OPT_LIMIT] = { "limit", "N", "at most so many" },
	[OPT_FOLLOW] = { "follow", NULL, "wait for more until the end" },
	[OPT_AFTER] = { "after", "SEQ", "only events after this number" },
	[OPT_NO_NEWLINE] = { "no-newline", NULL, "send TEXT as it is" },
	[OPT_FOREGROUND] = { "foreground", NULL,
	    "become the daemon; log to standard error" },
};

static const struct verb verbs[] = {
	{ "start", "", "start the daemon", verb_start, O(FOREGROUND),
	    0, 0, false, false },
	{ "stop", "", "stop it and every session", verb_stop, 0,
	    0, 0, false, false },
	{ "restart", "", "stop it, then start it", verb_restart, 0,
	    0, 0, false, false },
	{ "status", "", "is it running?", verb_status, 0,
	    0, 0, false, false },
	{ "doctor", "", "try what a launch needs", verb_doctor, 0,
	    0, 0, false, false },
	{ "run", "HARNESS PROMPT...", "run an agent and show its output",
	    verb_run, O(PROJECT) | O(CWD) | O(INTERACTIVE) | O(STREAM) |
	    O(MODEL) | O(TITLE), 2, -1, true, false },
	{ "exec", "-- CMD ARG...", "run a command, without a network",
	    verb_exec, O(PROJECT) | O(CWD) | O(ENV) | O(TTY) | O(NO_TTY) |
	    O(TITLE), 1, -1, true, true },
	{ "sessions", "", "list sessions", verb_sessions,
	    O(ALL) | O(LIMIT), 0, 0, true, false },
	{ "attach", "ID", "follow a session and send it lines", verb_attach,
	    O(AFTER), 1, 1, true, false },
	{ "log", "ID", "what happened, a line an event", verb_log, 0,
	    1, 1, true, false },
	{ "events", "ID", "a session's events", verb_events,
	    O(AFTER) | O(LIMIT) | O(FOLLOW), 1, 1, true, false },
	{ "input", "ID TEXT", "send a session a line", verb_input,
	    O(NO_NEWLINE), 2, 2, true, false },
	{ "kill", "ID", "end a session's whole tree", verb_kill, 0,
	    1, 1, true, false },
	{ "token", "rotate", "exchange the session token", verb_token, 0,
	    1, 1, true, false },
};

static const struct {
	const char	*code, *meaning;
} statuses[] = {
	{ "0", "done" },
	{ "1", "failed" },
	{ "2", "wrong usage" },
	{ "69", "no daemon serves the home" },
	{ "75", "a daemon serves it already" },
	{ "76", "the socket or the daemon's reply is not to be trusted" },
	{ "77", "the daemon needs a token that was not there, or another" },
	{ "78", "the home is refused, or the configuration is wrong" },
	{ "126", "exec, run: the command is not executable" },
	{ "127", "exec, run: the command was not found" },
	{ "128+N", "exec, run, attach: ended by signal N" },
};

void
ctl_err(const char *fmt, ...)
{
	autobuf struct buf line = { 0 };
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)buf_adds(&line, "covenctl: ");
	text_line(&line, text, strlen(text), sizeof(text));
	/* A raw terminal does not return the carriage by itself. */
	(void)buf_adds(&line, isatty(STDERR_FILENO) ? "\r\n" : "\n");
	(void)ctl_write(STDERR_FILENO, buf_head(&line), buf_left(&line));
}

int
ctl_write(int fd, const void *p, size_t n)
{
	const char *at = p;
	ssize_t done;

	while (n != 0) {
		done = write(fd, at, n);
		if (done >= 0) {
			at += done;
			n -= (size_t)done;
		} else if (errno == EAGAIN) {
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			(void)poll(&pfd, 1, -1);
		} else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static void
help_opt(struct buf *b, const struct opt *o)
{
	char left[32];

	(void)snprintf(left, sizeof(left), "--%s%s%s", o->name,
	    o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
	(void)buf_addf(b, "      %-20s %s\n", left, o->summary);
}

void
ctl_help(struct buf *b)
{
	char left[64];

	(void)buf_adds(b, "usage: covenctl [--home DIR] [--json] VERB "
	    "[OPTION...] [ARG...]\n\nVerbs:\n");
	for (size_t i = 0; i < nitems(verbs); i++) {
		(void)snprintf(left, sizeof(left), "%s%s%s", verbs[i].name,
		    *verbs[i].args != '\0' ? " " : "", verbs[i].args);
		(void)buf_addf(b, "  %-24s %s\n", left, verbs[i].summary);
		for (size_t o = 0; o < OPT_COUNT; o++)
			if ((verbs[i].opts & 1u << o) != 0)
				help_opt(b, &opts[o]);
	}
	(void)buf_adds(b, "\nOptions of every verb:\n");
	for (size_t o = 0; o < OPT_COUNT; o++)
		if ((ALWAYS & 1u << o) != 0)
			help_opt(b, &opts[o]);
	(void)buf_adds(b, "\nExit status:\n");
	for (size_t i = 0; i < nitems(statuses); i++)
		(void)buf_addf(b, "  %-8s %s\n", statuses[i].code,
		    statuses[i].meaning);
}

static int
usage(const struct verb *v)
{
	ctl_err("usage: covenctl %s%s%s   (covenctl --help lists all)",
	    v != NULL ? v->name : "VERB [ARG...]",
	    v != NULL && *v->args != '\0' ? " " : "",
	    v != NULL ? v->args : "");
	return CTL_USAGE;
}

static int
set_opt(struct ctl *ctl, enum ctl_opt id, const char *value)
{
	if (id == OPT_ENV) {
		const char *eq = strchr(value, '=');

		if (eq == NULL || eq == value) {
			ctl_err("--env %s: give NAME=VALUE", value);
			return CTL_USAGE;
		}
		if (ctl->nenv == CTL_ENV_MAX) {
			ctl_err("--env: at most %d", CTL_ENV_MAX);
			return CTL_USAGE;
		}
		ctl->env[ctl->nenv++] = value;
	}
	ctl->opt[id] = value;
	return 0;
}

/* argv[*i] begins with "--": take it and its value. */
static int
parse_opt(struct ctl *ctl, int argc, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *eq = strchr(name, '=');
	size_t n = eq != NULL ? (size_t)(eq - name) : strlen(name);
	unsigned allowed = ALWAYS | (ctl->verb != NULL ? ctl->verb->opts : 0);

	for (size_t o = 0; o < OPT_COUNT; o++) {
		if (strlen(opts[o].name) != n ||
		    strncmp(opts[o].name, name, n) != 0 ||
		    (allowed & 1u << o) == 0)
			continue;
		if (opts[o].arg == NULL && eq != NULL) {
			ctl_err("--%s takes no value", opts[o].name);
			return CTL_USAGE;
		}
		if (opts[o].arg == NULL)
			return set_opt(ctl, (enum ctl_opt)o, "");
		if (eq != NULL)
			return set_opt(ctl, (enum ctl_opt)o, eq + 1);
		if (*i + 1 >= argc) {
			ctl_err("--%s needs a value: %s", opts[o].name,
			    opts[o].arg);
			return CTL_USAGE;
		}
		return set_opt(ctl, (enum ctl_opt)o, argv[++*i]);
	}
	ctl_err("%s: unknown option", argv[*i]);
	return usage(ctl->verb);
}

static const struct verb *
find_verb(const char *name)
{
	for (size_t i = 0; i < nitems(verbs); i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/*
 * Options may stand anywhere before "--", except that a verb which takes a
 * command leaves everything after the command's name alone.
 */
static int
parse_args(struct ctl *ctl, int argc, char **argv)
{
	int rc;

	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];

		if (strcmp(a, "-h") == 0)
			a = argv[i] = (char *)(uintptr_t)"--help";
		if (ctl->verb != NULL && strcmp(a, "--") == 0) {
			while (++i < argc)
				ctl->argv[ctl->argc++] = argv[i];
		} else if (a[0] == '-' && a[1] != '\0') {
			if (a[1] != '-') {
				ctl_err("%s: unknown option", a);
				return usage(ctl->verb);
			}
			if ((rc = parse_opt(ctl, argc, argv, &i)) != 0)
				return rc;
		} else if (ctl->verb == NULL) {
			if ((ctl->verb = find_verb(a)) == NULL) {
				ctl_err("%s: unknown verb", a);
				return usage(NULL);
			}
		} else {
			ctl->argv[ctl->argc++] = argv[i];
			while (ctl->verb->command && ++i < argc)
				ctl->argv[ctl->argc++] = argv[i];
		}
	}
	return 0;
}

int
ctl_open_home(struct ctl *ctl)
{
	enum home_code code = home_name(&ctl->home, ctl->opt[OPT_HOME]);

	if (code == HOME_OK)
		code = home_open(&ctl->home);
	client_init(&ctl->client, &ctl->home);
	ctl->client.token_file = ctl->opt[OPT_TOKEN_FILE];
	if (code == HOME_OK)
		return 0;
	ctl_err("%s", ctl->home.why);
	if (code == HOME_ABSENT) {
		ctl_err("start a daemon with: covenctl start");
		return CTL_NO_DAEMON;
	}
	if (ctl->home.hint[0] != '\0')
		ctl_err("repair it with: %s", ctl->home.hint);
	return CTL_CONFIG;
}

int
ctl_number(struct ctl *ctl, enum ctl_opt id, long long min, long long max,
    long long *out)
{
	const char *s = ctl->opt[id];
	char *end;
	long long v;

	if (s == NULL)
		return 0;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno != 0 || end == s || *end != '\0' || v < min || v > max) {
		ctl_err("--%s %s: give a number from %lld to %lld",
		    opts[id].name, s, min, max);
		return CTL_USAGE;
	}
	*out = v;
	return 0;
}

static int
dispatch(struct ctl *ctl)
{
	const struct verb *v = ctl->verb;
	int rc;

	if (ctl->opt[OPT_HELP] != NULL) {
		autobuf struct buf b = { 0 };

		ctl_help(&b);
		return ctl_write(STDOUT_FILENO, buf_head(&b), buf_left(&b)) ==
		    0 ? CTL_OK : CTL_FAILED;
	}
	if (v == NULL || ctl->argc < v->min_args ||
	    (v->max_args >= 0 && ctl->argc > v->max_args))
		return usage(v);
	if (v->needs_daemon && (rc = ctl_open_home(ctl)) != 0)
		return rc;
	return v->run(ctl);
}

int
ctl_main(int argc, char **argv)
{
	struct ctl ctl = { .home = { .dir = -1 } };
	int rc;

	(void)setlocale(LC_CTYPE, "");
	client_init(&ctl.client, &ctl.home);
	ctl.argv = mem_zalloc((size_t)argc + 1, sizeof(char *));
	rc = parse_args(&ctl, argc, argv);
	if (rc == 0)
		rc = dispatch(&ctl);
	if (fflush(stdout) != 0 && rc == 0)
		rc = CTL_FAILED;
	home_close(&ctl.home);
	free(ctl.argv);
	return rc;
}
