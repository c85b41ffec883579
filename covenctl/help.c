/* --help and help VERB, printed from the tables. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "covenctl/ctl.h"

#define WIDTH	76

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

static void
help_opt(struct buf *b, const struct opt *o)
{
	char left[48], letter[8] = "";

	if (o->letter != '\0')
		(void)snprintf(letter, sizeof(letter), "-%c, ", o->letter);
	(void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name,
	    o->arg != NULL ? " " : "", o->arg != NULL ? o->arg : "");
	(void)buf_addf(b, "      %-20s %s\n", left, o->summary);
}

static void
help_opts(struct buf *b, uint64_t mask)
{
	for (size_t o = 0; o < OPT_COUNT; o++)
		if ((mask & UINT64_C(1) << o) != 0)
			help_opt(b, &opt_table()[o]);
}

void
ctl_help(struct buf *b)
{
	const struct verb *v;
	char left[64];
	size_t n;

	v = verb_table(&n);
	(void)buf_adds(b, "usage: covenctl [--home DIR] [--json] VERB "
	    "[OPTION...] [ARG...]\n       covenctl --version\n\nVerbs:\n");
	for (size_t i = 0; i < n; i++) {
		(void)snprintf(left, sizeof(left), "%s%s%s", v[i].name,
		    *v[i].args != '\0' ? " " : "", v[i].args);
		(void)buf_addf(b, "  %-24s %s\n", left, v[i].summary);
		help_opts(b, v[i].opts);
	}
	(void)buf_adds(b, "\nOptions of every verb:\n");
	help_opts(b, OPTS_ALWAYS);
	(void)buf_adds(b, "\nExit status:\n");
	for (size_t i = 0; i < nitems(statuses); i++)
		(void)buf_addf(b, "  %-8s %s\n", statuses[i].code,
		    statuses[i].meaning);
}

/* A paragraph, broken at blanks. */
static void
put_wrapped(struct buf *b, const char *s)
{
	size_t n, column = 0;

	for (; *s != '\0'; s += n) {
		s += strspn(s, " ");
		n = strcspn(s, " ");
		if (n == 0)
			break;
		if (column != 0 && column + 1 + n > WIDTH) {
			(void)buf_adds(b, "\n");
			column = 0;
		}
		(void)buf_addf(b, "%s%.*s", column != 0 ? " " : "", (int)n,
		    s);
		column += n + (column != 0);
	}
	(void)buf_adds(b, "\n");
}

void
ctl_help_verb(const struct verb *v, struct buf *b)
{
	char page[64];
	size_t n;

	(void)buf_addf(b, "usage: covenctl %s%s%s%s\n\n", v->name,
	    v->opts != 0 ? " [OPTION...]" : "", *v->args != '\0' ? " " : "",
	    v->args);
	n = strlen(v->summary);
	(void)buf_addf(b, "%s: %s%s\n\n", v->name, v->summary,
	    n != 0 && v->summary[n - 1] == '?' ? "" : ".");
	put_wrapped(b, v->help);
	if (v->opts != 0)
		(void)buf_adds(b, "\nOptions:\n");
	help_opts(b, v->opts);
	(void)buf_adds(b, "\nOptions of every verb:\n");
	help_opts(b, OPTS_ALWAYS);
	/* One page for all of a group. */
	(void)snprintf(page, sizeof(page), "%s", v->name);
	page[strcspn(page, " ")] = '\0';
	(void)buf_addf(b, "\nMore: man covenctl-%s\n", page);
}

int
ctl_help_group(const char *name, struct buf *b)
{
	size_t n, len = strlen(name), count = 0;
	const struct verb *v = verb_table(&n);

	for (size_t i = 0; i < n; i++) {
		if (strncmp(v[i].name, name, len) != 0 ||
		    v[i].name[len] != ' ')
			continue;
		if (count++ != 0)
			(void)buf_adds(b, "\n");
		ctl_help_verb(&v[i], b);
	}
	return count == 0;
}

int
verb_help(struct ctl *ctl)
{
	autobuf struct buf b = { 0 }, name = { 0 };
	const struct verb *v;

	if (ctl->argc == 0) {
		ctl_help(&b);
		return ctl_print(&b);
	}
	(void)buf_addf(&name, "%s%s%s", ctl->argv[0], ctl->argc > 1 ? " " :
	    "", ctl->argc > 1 ? ctl->argv[1] : "");
	v = verb_find(buf_head(&name), buf_left(&name));
	if (v != NULL)
		ctl_help_verb(v, &b);
	else if (ctl_help_group(buf_head(&name), &b) != 0) {
		ctl_err("%s: unknown verb; covenctl help lists all",
		    buf_head(&name));
		return CTL_USAGE;
	}
	return ctl_print(&b);
}
