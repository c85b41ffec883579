/*
 * Completion for three shells, each generated from the tables: a list of
 * verbs, per verb its options and what its first argument may be.
 */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "covenctl/ctl.h"

/* In single quotes, with the shell's way to write one inside. */
static void
put_quoted(struct buf *b, const char *s, const char *quote)
{
	(void)buf_adds(b, "'");
	for (; *s != '\0'; s++)
		if (*s == '\'')
			(void)buf_adds(b, quote);
		else
			(void)buf_add(b, s, 1);
	(void)buf_adds(b, "'");
}

/* "config" of "config check"; first: is it the first row of its group? */
static size_t
word_of(const struct verb *v, size_t i, bool *first)
{
	size_t n = strcspn(v[i].name, " ");

	*first = i == 0 || strncmp(v[i - 1].name, v[i].name, n) != 0 ||
	    (v[i - 1].name[n] != ' ' && v[i - 1].name[n] != '\0');
	return n;
}

/* The second words of a group, blank-separated; "" when it is no group. */
static void
group_of(const char *word, size_t n, struct buf *b)
{
	size_t count, k = 0;
	const struct verb *v = verb_table(&count);

	for (size_t i = 0; i < count; i++)
		if (strncmp(v[i].name, word, n) == 0 && v[i].name[n] == ' ')
			(void)buf_addf(b, "%s%s", k++ != 0 ? " " : "",
			    v[i].name + n + 1);
}

/* What completes a verb's first argument; shared by the three writers. */
enum subject { SUBJECT_NONE, SUBJECT_WORDS, SUBJECT_ID, SUBJECT_ARCHIVE,
	SUBJECT_VERB, SUBJECT_COMMAND };

/* What prints the ids, one a line. */
static const char *const lists[] = {
	[SUBJECT_ID] = "sessions --all --ids",
	[SUBJECT_ARCHIVE] = "archives list --ids",
	[SUBJECT_COMMAND] = NULL,
};

static enum subject
subject_of(const struct verb *v)
{
	if (v->words != NULL)
		return SUBJECT_WORDS;
	if (strncmp(v->args, "ID", 2) == 0)
		return strncmp(v->name, "archives ", 9) == 0 ?
		    SUBJECT_ARCHIVE : SUBJECT_ID;
	if (strstr(v->args, "VERB") != NULL)
		return SUBJECT_VERB;
	return (v->flags & VERB_COMMAND) != 0 ? SUBJECT_COMMAND :
	    SUBJECT_NONE;
}

static void
put_verbs(struct buf *b)
{
	size_t n;
	const struct verb *v = verb_table(&n);
	bool first;

	for (size_t i = 0; i < n; i++) {
		size_t len = word_of(v, i, &first);

		if (first)
			(void)buf_addf(b, "%s%.*s", i != 0 ? " " : "",
			    (int)len, v[i].name);
	}
}

/* Patterns of the options that take a value: "--home|--cwd". */
static void
put_valued(struct buf *b, bool folders)
{
	const struct opt *opts = opt_table();
	size_t k = 0;

	for (size_t o = 0; o < OPT_COUNT; o++)
		if (opts[o].arg != NULL &&
		    (!folders || strcmp(opts[o].arg, "DIR") == 0))
			(void)buf_addf(b, "%s--%s", k++ != 0 ? " | " : "",
			    opts[o].name);
}

/* --- bash --------------------------------------------------------------- */

static void
bash_opts(struct buf *b, uint64_t mask)
{
	const struct opt *opts = opt_table();

	for (size_t o = 0; o < OPT_COUNT; o++)
		if ((mask & UINT64_C(1) << o) != 0)
			(void)buf_addf(b, " --%s", opts[o].name);
}

static void
bash_rows(struct buf *b)
{
	size_t n;
	const struct verb *v = verb_table(&n);

	for (size_t i = 0; i < n; i++) {
		(void)buf_addf(b, "\t'%s')\n\t\topts+='", v[i].name);
		bash_opts(b, v[i].opts);
		(void)buf_adds(b, "'\n");
		if (subject_of(&v[i]) == SUBJECT_WORDS)
			(void)buf_addf(b, "\t\twords='%s'\n", v[i].words);
		else if (lists[subject_of(&v[i])] != NULL)
			(void)buf_addf(b, "\t\twords=$(covenctl "
			    "${home:+--home \"$home\"} %s 2>/dev/null)\n",
			    lists[subject_of(&v[i])]);
		else if (subject_of(&v[i]) == SUBJECT_VERB)
			(void)buf_adds(b, "\t\twords=$verbs\n");
		else if (subject_of(&v[i]) == SUBJECT_COMMAND)
			(void)buf_adds(b, "\t\tcommand=1\n");
		(void)buf_adds(b, "\t\t;;\n");
	}
}

static void
bash_groups(struct buf *b)
{
	size_t n;
	const struct verb *v = verb_table(&n);
	bool first;

	for (size_t i = 0; i < n; i++) {
		autobuf struct buf words = { 0 };
		size_t len = word_of(v, i, &first);

		group_of(v[i].name, len, &words);
		if (first && buf_left(&words) != 0)
			(void)buf_addf(b, "\t\t\t%.*s) group='%s' ;;\n",
			    (int)len, v[i].name, buf_head(&words));
	}
}

static void
bash_values(struct buf *b)
{
	const struct opt *opts = opt_table();

	(void)buf_adds(b, "\tcase $prev in\n\t");
	put_valued(b, true);
	(void)buf_adds(b, ")\n\t\tCOMPREPLY=($(compgen -d -- \"$cur\"))\n"
	    "\t\treturn\n\t\t;;\n");
	for (size_t o = 0; o < OPT_COUNT; o++)
		if (opts[o].words != NULL)
			(void)buf_addf(b, "\t--%s)\n\t\tCOMPREPLY=($(compgen "
			    "-W '%s' -- \"$cur\"))\n\t\treturn\n\t\t;;\n",
			    opts[o].name, opts[o].words);
	(void)buf_adds(b, "\t");
	put_valued(b, false);
	(void)buf_adds(b, ")\n\t\treturn\n\t\t;;\n\tesac\n");
}

static void
write_bash(struct buf *b)
{
	(void)buf_adds(b, "# Completion of covenctl for bash, printed by "
	    "covenctl completion bash.\n# shellcheck shell=bash disable="
	    "SC1007,SC2207,SC2221,SC2222\n_covenctl() {\n"
	    "\tlocal cur prev verb= home= opts= words= group= command= "
	    "verbs i n=0\n\n\tCOMPREPLY=()\n"
	    "\tcur=${COMP_WORDS[COMP_CWORD]}\n"
	    "\tprev=${COMP_WORDS[COMP_CWORD - 1]}\n\tverbs='");
	put_verbs(b);
	/* n: how many words there are behind the verb. */
	(void)buf_adds(b, "'\n"
	    "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	    "\t\tcase ${COMP_WORDS[i]} in\n\t\t--home)\n"
	    "\t\t\thome=${COMP_WORDS[++i]}\n\t\t\t;;\n\t\t");
	put_valued(b, false);
	(void)buf_adds(b, ")\n\t\t\ti=$((i + 1))\n\t\t\t;;\n\t\t-*)\n"
	    "\t\t\t;;\n\t\t*)\n\t\t\tif [ -z \"$verb\" ]; then\n"
	    "\t\t\t\tverb=${COMP_WORDS[i]}\n"
	    "\t\t\telif [ -n \"$group\" ]; then\n"
	    "\t\t\t\tverb+=\" ${COMP_WORDS[i]}\"\n\t\t\t\tgroup=\n"
	    "\t\t\t\tcontinue\n"
	    "\t\t\telse\n\t\t\t\tn=$((n + 1))\n\t\t\tfi\n"
	    "\t\t\tgroup=\n\t\t\tcase $verb in\n");
	bash_groups(b);
	(void)buf_adds(b, "\t\t\tesac\n\t\t\t;;\n\t\tesac\n\tdone\n");
	bash_values(b);
	(void)buf_adds(b, "\topts='");
	bash_opts(b, OPTS_ALWAYS);
	(void)buf_adds(b, "'\n\tcase $verb in\n\t'')\n"
	    "\t\twords=$verbs opts+=' --version'\n\t\t;;\n");
	bash_rows(b);
	(void)buf_adds(b, "\tesac\n\t[ -z \"$group\" ] || words=$group\n"
	    "\tif [[ $cur == -* && ( -z $command || $n -eq 0 ) ]]; then\n"
	    "\t\tCOMPREPLY=($(compgen -W \"$opts\" -- \"$cur\"))\n"
	    "\telif [ -n \"$command\" ] && [ $n -eq 0 ]; then\n"
	    "\t\tCOMPREPLY=($(compgen -c -- \"$cur\"))\n"
	    "\telif [ -n \"$command\" ]; then\n"
	    "\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n"
	    "\telif [ $n -eq 0 ]; then\n"
	    "\t\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
	    "\tfi\n}\ncomplete -F _covenctl covenctl\n");
}

/* --- zsh ---------------------------------------------------------------- */

#define ZSH_QUOTE	"'\\''"

static void
zsh_opts(struct buf *b, uint64_t mask)
{
	const struct opt *opts = opt_table();

	for (size_t o = 0; o < OPT_COUNT; o++) {
		autobuf struct buf item = { 0 };

		if ((mask & UINT64_C(1) << o) == 0)
			continue;
		(void)buf_addf(&item, "--%s:%s", opts[o].name,
		    opts[o].summary);
		(void)buf_adds(b, " ");
		put_quoted(b, buf_head(&item), ZSH_QUOTE);
	}
}

static void
zsh_rows(struct buf *b)
{
	size_t n;
	const struct verb *v = verb_table(&n);

	for (size_t i = 0; i < n; i++) {
		(void)buf_addf(b, "\t('%s')\n\t\topts+=(", v[i].name);
		zsh_opts(b, v[i].opts);
		(void)buf_adds(b, ")\n");
		if (subject_of(&v[i]) == SUBJECT_WORDS)
			(void)buf_addf(b, "\t\titems=(%s)\n", v[i].words);
		else if (lists[subject_of(&v[i])] != NULL)
			(void)buf_addf(b, "\t\titems=(${(f)\"$(covenctl "
			    "${home:+--home} $home %s 2>/dev/null)\"})\n",
			    lists[subject_of(&v[i])]);
		else if (subject_of(&v[i]) == SUBJECT_VERB)
			(void)buf_adds(b, "\t\titems=(${verbs%%:*})\n");
		else if (subject_of(&v[i]) == SUBJECT_COMMAND)
			(void)buf_adds(b, "\t\tcommand=1\n");
		(void)buf_adds(b, "\t\t;;\n");
	}
}

static void
zsh_verbs(struct buf *b, struct buf *groups)
{
	size_t n;
	const struct verb *v = verb_table(&n);
	bool first;

	for (size_t i = 0; i < n; i++) {
		autobuf struct buf item = { 0 }, words = { 0 };
		size_t len = word_of(v, i, &first);

		if (!first)
			continue;
		group_of(v[i].name, len, &words);
		(void)buf_addf(&item, "%.*s:%s", (int)len, v[i].name,
		    buf_left(&words) != 0 ? buf_head(&words) : v[i].summary);
		(void)buf_adds(b, "\n\t\t");
		put_quoted(b, buf_head(&item), ZSH_QUOTE);
		if (buf_left(&words) != 0)
			(void)buf_addf(groups, " %.*s '%s'", (int)len,
			    v[i].name, buf_head(&words));
	}
}

static void
zsh_values(struct buf *b)
{
	const struct opt *opts = opt_table();

	(void)buf_adds(b, "\tcase $words[CURRENT-1] in\n\t(");
	put_valued(b, true);
	(void)buf_adds(b, ")\n\t\t_files -/\n\t\treturn\n\t\t;;\n");
	for (size_t o = 0; o < OPT_COUNT; o++)
		if (opts[o].words != NULL)
			(void)buf_addf(b, "\t(--%s)\n\t\tcompadd -- %s\n"
			    "\t\treturn\n\t\t;;\n", opts[o].name,
			    opts[o].words);
	(void)buf_adds(b, "\t(");
	put_valued(b, false);
	(void)buf_adds(b, ")\n\t\treturn\n\t\t;;\n\tesac\n");
}

static void
write_zsh(struct buf *b)
{
	autobuf struct buf groups = { 0 };

	(void)buf_adds(b, "#compdef covenctl\n# Completion of covenctl for "
	    "zsh, printed by covenctl completion zsh.\n_covenctl() {\n"
	    "\tlocal verb= home= command= word\n\tlocal -i i n=0 grouped=0\n"
	    "\tlocal -a verbs opts items\n\tlocal -A groups\n\n\tverbs=(");
	zsh_verbs(b, &groups);
	(void)buf_addf(b, ")\n\tgroups=(%s)\n", buf_head(&groups));
	(void)buf_adds(b, "\tfor (( i = 2; i < CURRENT; i++ )); do\n"
	    "\t\tword=$words[i]\n\t\tcase $word in\n\t\t(--home)\n"
	    "\t\t\thome=$words[++i]\n\t\t\t;;\n\t\t(");
	put_valued(b, false);
	(void)buf_adds(b, ")\n\t\t\t(( i++ ))\n\t\t\t;;\n\t\t(-*)\n"
	    "\t\t\t;;\n\t\t(*)\n\t\t\tif [[ -z $verb ]]; then\n"
	    "\t\t\t\tverb=$word\n\t\t\telif (( n == 0 && ! grouped )) && "
	    "[[ -n ${groups[$verb]} ]]; then\n"
	    "\t\t\t\tverb=\"$verb $word\" grouped=1\n"
	    "\t\t\telse\n\t\t\t\t(( n++ ))\n\t\t\tfi\n\t\t\t;;\n"
	    "\t\tesac\n\tdone\n");
	zsh_values(b);
	(void)buf_adds(b, "\topts=(");
	zsh_opts(b, OPTS_ALWAYS);
	(void)buf_adds(b, ")\n\titems=(${=groups[$verb]})\n"
	    "\tcase $verb in\n");
	zsh_rows(b);
	(void)buf_adds(b, "\tesac\n"
	    "\tif [[ $words[CURRENT] == -* && ( -z $command || $n == 0 ) ]]; "
	    "then\n\t\t_describe -o option opts\n"
	    "\telif [[ -z $verb ]]; then\n\t\t_describe verb verbs\n"
	    "\telif [[ -n $command ]]; then\n"
	    "\t\t(( n )) && _files || _command_names -e\n"
	    "\telif (( n == 0 )); then\n\t\tcompadd -a items\n\tfi\n}\n"
	    "_covenctl \"$@\"\n");
}

/* --- fish --------------------------------------------------------------- */

#define FISH_QUOTE	"\\'"

/* The condition: this verb, or these two words, have been given. */
static void
fish_when(struct buf *b, const char *name)
{
	size_t n = strcspn(name, " ");

	(void)buf_addf(b, "complete -c covenctl -n "
	    "'__fish_seen_subcommand_from %.*s", (int)n, name);
	if (name[n] == ' ')
		(void)buf_addf(b, "; and __fish_seen_subcommand_from %s",
		    name + n + 1);
	(void)buf_adds(b, "'");
}

static void
fish_opts(struct buf *b, const char *name, uint64_t mask)
{
	const struct opt *opts = opt_table();

	for (size_t o = 0; o < OPT_COUNT; o++) {
		if ((mask & UINT64_C(1) << o) == 0)
			continue;
		if (name != NULL)
			fish_when(b, name);
		else
			(void)buf_adds(b, "complete -c covenctl");
		if (opts[o].letter != '\0')
			(void)buf_addf(b, " -s %c", opts[o].letter);
		(void)buf_addf(b, " -l %s%s", opts[o].name,
		    opts[o].arg == NULL ? "" : " -x");
		if (opts[o].words != NULL)
			(void)buf_addf(b, " -a '%s'", opts[o].words);
		else if (opts[o].arg != NULL &&
		    strcmp(opts[o].arg, "DIR") == 0)
			(void)buf_adds(b,
			    " -a '(__fish_complete_directories)'");
		(void)buf_adds(b, " -d ");
		put_quoted(b, opts[o].summary, FISH_QUOTE);
		(void)buf_adds(b, "\n");
	}
}

static void
fish_subject(struct buf *b, const struct verb *v)
{
	autobuf struct buf verbs = { 0 }, ids = { 0 };
	const char *items = NULL;

	put_verbs(&verbs);
	switch (subject_of(v)) {
	case SUBJECT_WORDS:
		items = v->words;
		break;
	case SUBJECT_ID:
	case SUBJECT_ARCHIVE:
		(void)buf_addf(&ids, "(__covenctl_ids %s)",
		    lists[subject_of(v)]);
		items = buf_head(&ids);
		break;
	case SUBJECT_VERB:
		items = buf_head(&verbs);
		break;
	case SUBJECT_COMMAND:
		items = "(__fish_complete_subcommand)";
		break;
	case SUBJECT_NONE:
		return;
	}
	fish_when(b, v->name);
	(void)buf_addf(b, " -a '%s'\n", items);
}

/* Of the home that the line names. */
static const char fish_ids[] =
    "function __covenctl_ids\n"
    "\tset -l words (commandline -opc)\n"
    "\tset -l home\n"
    "\tif set -l i (contains -i -- --home $words)\n"
    "\t\tset home --home $words[(math $i + 1)]\n"
    "\tend\n"
    "\tcovenctl $home $argv 2>/dev/null\n"
    "end\n";

static void
write_fish(struct buf *b)
{
	size_t n;
	const struct verb *v = verb_table(&n);
	bool first;

	(void)buf_adds(b, "# Completion of covenctl for fish, printed by "
	    "covenctl completion fish.\ncomplete -c covenctl -f\n");
	(void)buf_adds(b, fish_ids);
	fish_opts(b, NULL, OPTS_ALWAYS);
	for (size_t i = 0; i < n; i++) {
		autobuf struct buf words = { 0 };
		size_t len = word_of(v, i, &first);

		group_of(v[i].name, len, &words);
		if (first) {
			(void)buf_addf(b, "complete -c covenctl -n "
			    "__fish_use_subcommand -a %.*s -d ", (int)len,
			    v[i].name);
			put_quoted(b, buf_left(&words) != 0 ?
			    buf_head(&words) : v[i].summary, FISH_QUOTE);
			(void)buf_adds(b, "\n");
		}
		if (first && buf_left(&words) != 0)
			(void)buf_addf(b, "complete -c covenctl -n "
			    "'__fish_seen_subcommand_from %.*s; and not "
			    "__fish_seen_subcommand_from %s' -a '%s'\n",
			    (int)len, v[i].name, buf_head(&words),
			    buf_head(&words));
		fish_opts(b, v[i].name, v[i].opts);
		fish_subject(b, &v[i]);
	}
}

static const struct {
	const char	*name;
	void		(*write)(struct buf *);
} shells[] = {
	{ "bash", write_bash }, { "zsh", write_zsh }, { "fish", write_fish },
};

int
verb_completion(struct ctl *ctl)
{
	autobuf struct buf b = { 0 };

	for (size_t i = 0; i < nitems(shells); i++)
		if (strcmp(ctl->argv[0], shells[i].name) == 0) {
			shells[i].write(&b);
			return ctl_print(&b);
		}
	ctl_err("%s: no such shell here; one of: %s", ctl->argv[0],
	    ctl->verb->words);
	return CTL_USAGE;
}
