/* The command line: options, the verb's words, and the call of its row. */
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
#include "covenctl/tty.h"

#define BIT(o)	(UINT64_C(1) << (o))

static void
put_err(const char *fmt, va_list ap)
{
	autobuf struct buf line = { 0 };
	char text[2048];

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	(void)buf_adds(&line, "covenctl: ");
	text_line(&line, text, strlen(text), sizeof(text));
	/* A raw terminal does not return the carriage by itself. */
	(void)buf_adds(&line, isatty(STDERR_FILENO) ? "\r\n" : "\n");
	(void)ctl_write(STDERR_FILENO, buf_head(&line), buf_left(&line));
}

void
ctl_err(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	put_err(fmt, ap);
	va_end(ap);
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

int
ctl_print(const struct buf *b)
{
	return ctl_write(STDOUT_FILENO, buf_head(b), buf_left(b)) == 0 ?
	    CTL_OK : CTL_FAILED;
}

int
ctl_confirm(struct ctl *ctl, const char *fmt, ...)
{
	autobuf struct buf line = { 0 };
	char text[1024], answer[16] = "";
	va_list ap;
	ssize_t n;

	if (ctl->opt[OPT_YES] != NULL)
		return 0;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		ctl_err("%s: nobody can be asked here; give --yes", text);
		return CTL_USAGE;
	}
	text_line(&line, text, strlen(text), sizeof(text));
	(void)buf_adds(&line, "? [y/N] ");
	(void)ctl_write(STDERR_FILENO, buf_head(&line), buf_left(&line));
	n = read(STDIN_FILENO, answer, sizeof(answer) - 1);
	answer[n > 0 ? strcspn(answer, "\r\n") : 0] = '\0';
	if (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0)
		return 0;
	ctl_err("nothing was done");
	return CTL_FAILED;
}

static int
usage(const struct verb *v)
{
	ctl_err("usage: covenctl %s%s%s   (covenctl help%s%s says more)",
	    v != NULL ? v->name : "VERB [ARG...]",
	    v != NULL && *v->args != '\0' ? " " : "",
	    v != NULL ? v->args : "", v != NULL ? " " : "",
	    v != NULL ? v->name : "");
	return CTL_USAGE;
}

/* A word of a list that blanks separate? */
static bool
one_of(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') &&
		    (p[n] == ' ' || p[n] == '\0'))
			return n != 0 && strchr(word, ' ') == NULL;
	return false;
}

/* As the daemon wants it; to name the variable is better than its rule. */
static bool
is_variable(const char *name, size_t n)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

	return n != 0 && strchr(first, name[0]) != NULL &&
	    strspn(name, rest) >= n;
}

static int
set_opt(struct ctl *ctl, enum ctl_opt id, const char *value)
{
	const struct opt *o = &opt_table()[id];

	if (o->words != NULL && !one_of(o->words, value)) {
		ctl_err("--%s %s: one of: %s", o->name, value, o->words);
		return CTL_USAGE;
	}
	if (id == OPT_ENV) {
		const char *eq = strchr(value, '=');

		if (eq == NULL || !is_variable(value, (size_t)(eq - value))) {
			ctl_err("--env %s: give NAME=VALUE, NAME of letters, "
			    "digits and _ and not beginning with a digit",
			    value);
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

static uint64_t
allowed(const struct ctl *ctl)
{
	return OPTS_ALWAYS | (ctl->verb != NULL ? ctl->verb->opts :
	    BIT(OPT_VERSION));
}

/* "--name" (n bytes of it), or "-x"; OPT_COUNT: not here. */
static size_t
find_opt(const struct ctl *ctl, const char *arg, size_t n)
{
	const struct opt *opts = opt_table();
	size_t o;

	for (o = 0; o < OPT_COUNT; o++) {
		if ((allowed(ctl) & BIT(o)) == 0)
			continue;
		if (arg[1] != '-' ? opts[o].letter != '\0' &&
		    opts[o].letter == arg[1] && arg[2] == '\0' :
		    strlen(opts[o].name) == n - 2 &&
		    memcmp(opts[o].name, arg + 2, n - 2) == 0)
			break;
	}
	return o;
}

/* argv[*i] begins with '-': take it and its value. */
static int
parse_opt(struct ctl *ctl, int argc, char **argv, int *i)
{
	const char *arg = argv[*i], *eq = strchr(arg, '=');
	size_t n = eq != NULL ? (size_t)(eq - arg) : strlen(arg);
	size_t id = find_opt(ctl, arg, n);
	const struct opt *o = &opt_table()[id];

	if (id == OPT_COUNT) {
		ctl_err("%s: unknown option", arg);
		return usage(ctl->verb);
	}
	if (o->arg == NULL && eq != NULL) {
		ctl_err("--%s takes no value", o->name);
		return CTL_USAGE;
	}
	if (o->arg == NULL)
		return set_opt(ctl, (enum ctl_opt)id, "");
	if (eq != NULL)
		return set_opt(ctl, (enum ctl_opt)id, eq + 1);
	if (*i + 1 >= argc) {
		ctl_err("--%s needs a value: %s", o->name, o->arg);
		return CTL_USAGE;
	}
	return set_opt(ctl, (enum ctl_opt)id, argv[++*i]);
}

/* The rows that begin with "GROUP ", as "a, b or c"; 0 when there is none. */
static size_t
group_words(const char *group, struct buf *b)
{
	const struct verb *v;
	size_t n, count = 0, len = strlen(group);

	v = verb_table(&n);
	for (size_t i = 0; i < n; i++)
		if (strncmp(v[i].name, group, len) == 0 &&
		    v[i].name[len] == ' ')
			(void)buf_addf(b, "%s%s", count++ != 0 ? " | " : "",
			    v[i].name + len + 1);
	return count;
}

/* One word, or the first of two; *i is left at the last one taken. */
static int
parse_verb(struct ctl *ctl, int argc, char **argv, int *i)
{
	autobuf struct buf words = { 0 }, both = { 0 };
	const char *first = argv[*i];

	/* "pair list" is not "pair" with an argument. */
	if (*i + 1 < argc) {
		(void)buf_addf(&both, "%s %s", first, argv[*i + 1]);
		ctl->verb = verb_find(buf_head(&both), buf_left(&both));
	}
	if (ctl->verb != NULL) {
		++*i;
		return 0;
	}
	ctl->verb = verb_find(first, strlen(first));
	if (ctl->verb != NULL)
		return 0;
	if (group_words(first, &words) == 0) {
		ctl_err("%s: unknown verb", first);
		return usage(NULL);
	}
	if (*i + 1 < argc && (strcmp(argv[*i + 1], "--help") == 0 ||
	    strcmp(argv[*i + 1], "-h") == 0)) {
		ctl->group = first;
		return 0;
	}
	ctl_err("usage: covenctl %s %s", first, buf_head(&words));
	return CTL_USAGE;
}

/*
 * Options may stand anywhere before "--", except that a verb which takes a
 * command leaves everything after the command's name alone.
 */
static int
parse_args(struct ctl *ctl, int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc && rc == 0; i++) {
		const char *a = argv[i];

		if (ctl->verb != NULL && strcmp(a, "--") == 0) {
			while (++i < argc)
				ctl->argv[ctl->argc++] = argv[i];
		} else if (a[0] == '-' && a[1] != '\0') {
			rc = parse_opt(ctl, argc, argv, &i);
		} else if (ctl->verb == NULL && ctl->group == NULL) {
			rc = parse_verb(ctl, argc, argv, &i);
		} else {
			ctl->argv[ctl->argc++] = argv[i];
			while (ctl->verb != NULL && (ctl->verb->flags &
			    VERB_COMMAND) != 0 && ++i < argc)
				ctl->argv[ctl->argc++] = argv[i];
		}
	}
	return rc;
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
		    opt_table()[id].name, s, min, max);
		return CTL_USAGE;
	}
	*out = v;
	return 0;
}

static int
dispatch(struct ctl *ctl)
{
	const struct verb *v = ctl->verb;
	autobuf struct buf b = { 0 };
	int rc;

	if (ctl->opt[OPT_VERSION] != NULL) {
		(void)buf_adds(&b, "covenctl " PACKAGE_VERSION "\n");
		return ctl_print(&b);
	}
	if (ctl->opt[OPT_HELP] != NULL) {
		if (v != NULL)
			ctl_help_verb(v, &b);
		else if (ctl->group == NULL ||
		    ctl_help_group(ctl->group, &b) != 0)
			ctl_help(&b);
		return ctl_print(&b);
	}
	if (v != NULL && v->max_args >= 0 && ctl->argc > v->max_args)
		ctl_err("%s: %s takes no more arguments",
		    ctl->argv[v->max_args], v->name);
	else if (v != NULL && ctl->argc < v->min_args)
		ctl_err("%s: an argument is missing", v->name);
	if (v == NULL || ctl->argc < v->min_args ||
	    (v->max_args >= 0 && ctl->argc > v->max_args))
		return usage(v);
	if ((v->flags & VERB_HOME) != 0 && (rc = ctl_open_home(ctl)) != 0)
		return rc;
	return v->run(ctl);
}

int
ctl_main(int argc, char **argv)
{
	struct ctl ctl = { .home = { .dir = -1 } };
	int rc;

	(void)setlocale(LC_CTYPE, "");
	text_ascii_only(!tty_utf8() &&
	    (isatty(STDOUT_FILENO) || isatty(STDERR_FILENO)));
	client_init(&ctl.client, &ctl.home);
	ctl.argv = mem_zalloc((size_t)argc + 1, sizeof(char *));
	rc = parse_args(&ctl, argc, argv);
	ctl.client.token_file = ctl.opt[OPT_TOKEN_FILE];
	if (rc == 0)
		rc = dispatch(&ctl);
	if (fflush(stdout) != 0 && rc == 0)
		rc = CTL_FAILED;
	home_close(&ctl.home);
	free(ctl.argv);
	return rc;
}
