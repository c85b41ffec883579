/* The two readers: rows of good files, and where bad ones are refused. */
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/conf.h"
#include "common/harness.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coven-confread/confread.h"

/* Everything said of a file, a line each. */
static void
on_row(void *ctx, const struct msg_conf_row *r)
{
	struct buf *b = ctx;

	if (r->type == CONF_TYPE_LOCK)
		(void)buf_addf(b, "%u lock %s\n", r->line, r->key);
	else if (r->type == CONF_TYPE_U32)
		(void)buf_addf(b, "%u %s = %llu%s\n", r->line, r->key,
		    (unsigned long long)r->number, r->locked ? " locked" : "");
	else
		(void)buf_addf(b, "%u %s = \"%s\"%s\n", r->line, r->key,
		    r->text, r->locked ? " locked" : "");
}

static void
put_list(struct buf *b, const char *name, struct msg_bin list)
{
	const char *s;
	size_t at = 0;

	if (list.len == 0)
		return;
	(void)buf_addf(b, " %s[", name);
	while ((s = harness_list_next(list, &at)) != NULL)
		(void)buf_addf(b, "(%s)", s);
	(void)buf_addf(b, "]");
}

static void
put_flag(struct buf *b, const char *name, const char *s)
{
	if (s != NULL && *s != '\0')
		(void)buf_addf(b, " %s=%s", name, s);
}

static void
on_harness(void *ctx, const struct msg_harness_row *h)
{
	struct buf *b = ctx;

	(void)buf_addf(b, "adapter %s (%s) %s;", h->id, h->label, h->exe);
	put_list(b, "i", h->interactive);
	put_list(b, "n", h->noninteractive);
	put_flag(b, "prompt", h->prompt_flag);
	put_flag(b, "iprompt", h->interactive_prompt_flag);
	put_flag(b, "system", h->system_flag);
	put_list(b, h->model_strip ? "strip" : "preserve", h->model_args);
	if (h->caps != 0)
		(void)buf_addf(b, " caps=%u", h->caps);
	put_list(b, "stream", h->stream_args);
	put_flag(b, "session", h->session_id_flag);
	put_flag(b, "resume", h->resume_flag);
	put_list(b, "ci", h->continuity_init);
	put_list(b, "cr", h->continuity_resume);
	(void)buf_addf(b, "; %s\n", h->install_hint);
}

static void
on_familiar(void *ctx, const struct msg_familiar_row *f)
{
	(void)buf_addf(ctx, "%s (%s, %s) %s%s, a %s: %s", f->id, f->name,
	    f->display_name, f->emoji, f->icon, f->role, f->description);
	(void)buf_addf(ctx, "; %s; %s; %s\n", f->pronouns, f->active_channel,
	    f->workspace);
}

static void
on_error(void *ctx, uint32_t line, const char *key, const char *text)
{
	(void)buf_addf(ctx, "%u %s: %s\n", line, key, text);
}

static void
on_warn(void *ctx, const char *text)
{
	(void)buf_addf(ctx, "warning: %s\n", text);
}

typedef void reader(const char *, size_t, const struct confread_sink *);

static void
read_into(struct buf *b, reader *read_it, const char *text, size_t n)
{
	struct confread_sink sink = { on_row, on_harness, on_familiar,
	    on_error, on_warn, b };
	/* Exactly n bytes, so that a sanitizer sees a read past them. */
	autofree char *copy = mem_alloc(n + 1);

	if (n != 0)
		memcpy(copy, text, n);
	read_it(copy, n, &sink);
}

struct row {
	const char	*name;
	const char	*text;
	const char	*said;	/* the whole, or after '~' a part of it */
};

static void
check_rows(const struct row *rows, size_t n, reader *read_it)
{
	size_t i;

	for (i = 0; i < n; i++) {
		autobuf struct buf b = { 0 };

		read_into(&b, read_it, rows[i].text, strlen(rows[i].text));
		print_message("    %s\n", rows[i].name);
		if (rows[i].said[0] != '~')
			assert_string_equal(buf_head(&b), rows[i].said);
		else if (strstr(buf_head(&b), rows[i].said + 1) == NULL)
			fail_msg("%s does not say %s", buf_head(&b),
			    rows[i].said + 1);
	}
}

/* --- coven.toml --- */

static const struct row toml_rows[] = {
	{ "empty", "", "" },
	{ "a comment", "# nothing\n", "" },
	{ "every type", "pass_env = [\"A\",\n\"B\"]\n"
	    "[server]\nmax_connections = 1_000\n[log]\nlevel = 'warn'\n",
	    "6 log.level = \"warn\"\n1 pass_env = \"A\"\n2 pass_env = \"B\"\n"
	    "4 server.max_connections = 1000\n" },
	{ "dotted and quoted keys", "harness.codex.env = [\"A\"]\n"
	    "harness.\"my.tool\".env = [\"B\"]\n",
	    "1 harness.codex.env = \"A\"\n2 harness.my.tool.env = \"B\"\n" },
	{ "inline tables", "server = { request_ms = 0x3e8 }\n",
	    "1 server.request_ms = 1000\n" },
	{ "locks", "locked = [\"pass_env\", \"harness.*.env\"]\n"
	    "harness.codex.env = [\"A\"]\nlog.level = \"info\"\n",
	    "1 lock pass_env\n1 lock harness.*.env\n"
	    "2 harness.codex.env = \"A\" locked\n3 log.level = \"info\"\n" },
	{ "a lock that is no key", "locked = [\"pass_enw\"]\n",
	    "1 locked: pass_enw: is not a key; did you mean `pass_env`?\n" },
	{ "locks of the wrong type", "locked = true\n",
	    "1 locked: must be a list of keys\n" },
	{ "a lock of the wrong type", "locked = [1]\n",
	    "1 locked: must be a list of keys\n" },
	{ "an unknown key", "\n[server]\nmax_connection = 1\n",
	    "3 server.max_connection: is not a key; did you mean "
	    "`server.max_connections`?\n" },
	{ "an unknown table", "[sever]\nmax_connections = 20\n",
	    "2 sever.max_connections: is not a key; did you mean "
	    "`server.max_connections`?\n" },
	{ "an unknown empty table", "\n[nothing]\n",
	    "2 nothing: is not a key\n" },
	{ "a known empty table", "[server]\n[harness.codex]\n", "" },
	{ "a table for a value", "[log.level]\n",
	    "1 log.level: must be a string\n" },
	{ "an array of tables", "[[server]]\n", "~server: is not a key" },
	{ "wrong type: string", "session.max_live = \"8\"\n",
	    "1 session.max_live: must be a whole number\n" },
	{ "wrong type: number", "log.level = 3\n",
	    "1 log.level: must be a string\n" },
	{ "wrong type: float", "session.max_live = 8.0\n",
	    "1 session.max_live: must be a whole number\n" },
	{ "wrong type: boolean", "pass_env = true\n",
	    "1 pass_env: must be a list of strings\n" },
	{ "wrong type: date", "pass_env = 1979-05-27\n",
	    "1 pass_env: must be a list of strings\n" },
	{ "wrong type: not a list", "pass_env = \"A\"\n",
	    "1 pass_env: must be a list of strings\n" },
	{ "wrong type: in a list", "pass_env = [\"A\",\n 2, \"C\"]\n",
	    "1 pass_env = \"A\"\n2 pass_env: must be a list of strings\n" },
	{ "wrong type: a list", "log.level = [\"info\"]\n",
	    "1 log.level: must be a string\n" },
	{ "below the range", "session.max_live = 0\n",
	    "1 session.max_live: must be from 1 to 100000\n" },
	{ "below zero", "session.kill_grace_ms = -1\n",
	    "1 session.kill_grace_ms: must be from 0 to 60000\n" },
	{ "above the range", "session.max_live = 9223372036854775807\n",
	    "1 session.max_live: must be from 1 to 100000\n" },
	{ "no integer at all", "session.max_live = 9223372036854775808\n",
	    "~1 : " },
	{ "a NUL in a string", "pass_env = [\"A\\u0000B\"]\n",
	    "1 pass_env: holds a control character\n" },
	{ "a NUL in a key", "\"a\\u0000b\" = 1\n", "1 a?b: is not a key\n" },
	{ "an empty key", "\"\" = 1\n", "1 \"\": is not a key\n" },
	{ "the pattern as a key", "harness.\"*\".env = [\"A\"]\n",
	    "~1 harness.*.env: is not a key" },
	{ "an id in capitals", "harness.Codex.env = [\"A\"]\n",
	    "~1 harness.Codex.env: is not a key" },
	{ "a syntax error", "a = \n", "~1 : " },
	{ "a syntax error further down", "\n\nlog.level = 'info\n", "~3 : " },
	{ "one bracket", "[", "~1 : " },
	{ "a key twice", "log.level = 'info'\nlog.level = 'warn'\n",
	    "~2 : " },
	{ "not UTF-8", "a = \"\xff\"\n", "~1 : " },
	/* undefined in toml++ 3.3 as it comes */
	{ "an accent in a key", "\xc3\xa9 = 1\n", "~1 : " },
	{ "an accent where a value is", "a = \xc3\xa9\n", "~1 : " },
};

static void
toml_is_read(void **state)
{
	(void)state;
	check_rows(toml_rows, nitems(toml_rows), confread_toml);
}

/* As text, so that each case is what its name says and nothing else. */
static void
toml_is_bounded(void **state)
{
	autobuf struct buf in = { 0 }, out = { 0 }, deep = { 0 };
	int i;

	(void)state;
	(void)buf_adds(&in, "pass_env = [");
	for (i = 0; i < 70; i++)
		(void)buf_adds(&in, "\"A\",\n");
	(void)buf_adds(&in, "]\n");
	read_into(&out, confread_toml, buf_head(&in), buf_left(&in));
	assert_non_null(strstr(buf_head(&out),
	    "65 pass_env: has more than 64 entries\n"));

	/* Dotted keys have no depth limit of their own in the parser. */
	buf_clear(&out);
	for (i = 0; i < 120000; i++)
		(void)buf_adds(&deep, "a.");
	(void)buf_adds(&deep, "a = 1\n");
	read_into(&out, confread_toml, buf_head(&deep), buf_left(&deep));
	assert_non_null(strstr(buf_head(&out), "more dots"));

	buf_clear(&out);
	buf_clear(&deep);
	for (i = 0; i < LIMIT_CONF_DOTS; i++)
		(void)buf_adds(&deep, "a.");
	(void)buf_adds(&deep, "a = 1\n");
	read_into(&out, confread_toml, buf_head(&deep), buf_left(&deep));
	assert_non_null(strstr(buf_head(&out), "a.a.a.a"));
	assert_non_null(strstr(buf_head(&out), "is not a key"));

	buf_clear(&out);
	buf_clear(&deep);
	(void)buf_adds(&deep, "x = ");
	for (i = 0; i < 100000; i++)
		(void)buf_adds(&deep, "[");
	read_into(&out, confread_toml, buf_head(&deep), buf_left(&deep));
	assert_true(buf_left(&out) > 0);
}

/* --- toml-test's corpus --- */

#define CORPUS	"/usr/share/gocode/src/github.com/BurntSushi/toml/internal/" \
		    "toml-test/tests"

static struct {
	unsigned	files, refused;
} corpus;

/* A syntax error names no key; an unknown key does. */
static void
on_corpus_error(void *ctx, uint32_t line, const char *key, const char *text)
{
	(void)line;
	(void)text;
	if (*key == '\0')
		*(bool *)ctx = true;
}

static void
no_row(void *ctx, const struct msg_conf_row *r)
{
	(void)ctx;
	(void)r;
}

static int
on_corpus_file(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	bool refused = false;
	struct confread_sink sink = { .row = no_row, .error = on_corpus_error,
	    .ctx = &refused };
	size_t n = strlen(path);
	char *text;
	FILE *f;

	(void)ftw;
	if (type != FTW_F || n < 5 || strcmp(path + n - 5, ".toml") != 0)
		return 0;
	f = fopen(path, "r");
	assert_non_null(f);
	text = mem_alloc((size_t)st->st_size + 1);
	n = fread(text, 1, (size_t)st->st_size, f);
	(void)fclose(f);
	confread_toml(text, n, &sink);
	free(text);
	corpus.files++;
	corpus.refused += refused;
	if (refused != (strstr(path, "/invalid/") != NULL))
		print_message("    %s: %s\n", path,
		    refused ? "refused" : "accepted");
	return 0;
}

static void
toml_corpus_is_told_apart(void **state)
{
	(void)state;
	if (access(CORPUS "/invalid", R_OK) != 0) {
		print_message("SKIP: golang-github-burntsushi-toml-dev is not "
		    "installed\n");
		skip();
	}
	assert_int_equal(nftw(CORPUS "/invalid", on_corpus_file, 8, 0), 0);
	assert_true(corpus.files > 100);
	assert_int_equal(corpus.refused, corpus.files);
	corpus.files = corpus.refused = 0;
	assert_int_equal(nftw(CORPUS "/valid", on_corpus_file, 8, 0), 0);
	assert_true(corpus.files > 50);
	/* One valid file uses an escape of TOML 1.1. */
	assert_true(corpus.refused <= 1);
}

/* --- privacy.toml --- */

static void
read_privacy(const char *text, size_t n, const struct confread_sink *sink)
{
	autobuf struct buf image = { 0 };
	struct buf *b = sink->ctx;
	struct privacy p = { 0 };
	size_t i;

	confread_privacy(text, n, &p, sink);
	if (p.numbers.log_retention_days != 0)
		(void)buf_addf(b, "log %u\n", p.numbers.log_retention_days);
	if (p.numbers.raw_artifact_retention_days != 0)
		(void)buf_addf(b, "raw %u\n",
		    p.numbers.raw_artifact_retention_days);
	if (p.numbers.persist_raw_artifacts)
		(void)buf_adds(b, "persist\n");
	for (i = 0; i < p.npatterns; i++)
		(void)buf_addf(b, "%u /%s/\n", p.line[i], p.pattern[i]);
	confread_compile(&p, &image, sink);
	privacy_fini(&p);
}

#define PATTERN(n)	" extra_patterns: pattern " n ": "

static const struct row privacy_rows[] = {
	{ "empty", "", "" },
	{ "everything", "persist_raw_artifacts = true\n"
	    "raw_artifact_retention_days = 9\nlog_retention_days = 41\n"
	    "extra_patterns = [\"a-[0-9]+\",\n 'b\\d{3,}']\n",
	    "log 41\nraw 9\npersist\n4 /a-[0-9]+/\n5 /b\\d{3,}/\n" },
	{ "an unknown key", "\nlog_retention = 3\n",
	    "~2 log_retention: unknown key; known are extra_patterns, " },
	{ "an unknown table", "[privacy]\nlog_retention_days = 3\n",
	    "~1 privacy: unknown key" },
	{ "no days", "log_retention_days = 0\n", "1 log_retention_days: must "
	    "be a number of days from 1 to 36500\n" },
	{ "days as text", "raw_artifact_retention_days = \"7\"\n",
	    "~1 raw_artifact_retention_days: must be a number of days" },
	{ "a word for a flag", "persist_raw_artifacts = \"no\"\n",
	    "1 persist_raw_artifacts: must be true or false\n" },
	{ "one pattern, no list", "extra_patterns = \"a\"\n",
	    "1 extra_patterns: must be a list of strings\n" },
	{ "a number in the list", "extra_patterns = [\"aa\",\n7]\n",
	    "2" PATTERN("2") "must be a string\n1 /aa/\n" },
	{ "a bad pattern", "extra_patterns = [\n\"good\",\n\"a(\"]\n",
	    "~3" PATTERN("2") "Missing close parenthesis" },
	{ "two bad ones", "extra_patterns = [\"[\",\n\"x*\"]\n",
	    "~2" PATTERN("2") "Pattern matches empty buffer" },
	{ "what no automaton does", "extra_patterns = ['(a)\\1']\n",
	    "~1" PATTERN("1") "Back-references are unsupported" },
	{ "too large", "extra_patterns = ['a.{40000}b']\n",
	    "~1" PATTERN("1") "Bounded repeat is too large" },
	{ "wrong twice", "x = 1\nextra_patterns = ['(']\n",
	    "~2" PATTERN("1") "Missing close parenthesis" },
	{ "no TOML", "extra_patterns = [\n", "~ : " },
};

static void
privacy_is_read(void **state)
{
	(void)state;
	check_rows(privacy_rows, nitems(privacy_rows), read_privacy);
}

/* --- familiars.toml --- */

#define CHARM	"[[familiar]]\nid = \"charm\"\ndisplay_name = \"Charm\"\n" \
		    "role = \"Voice\"\ndescription = \"talks\"\n"

static const struct row familiar_rows[] = {
	{ "empty", "", "" },
	{ "other programs' keys", "[coven]\nx = 1\n" CHARM "person = 'p'\n"
	    "model = { id = 1 }\n",
	    "charm (charm, Charm) , a Voice: talks; ; ; \n" },
	{ "everything", CHARM "name = 'n'\nemoji = 'E'\nicon = 'ph:cat'\n"
	    "pronouns = 'they'\nactive_channel = '#c'\nworkspace = '~/w'\n",
	    "charm (n, Charm) Eph:cat, a Voice: talks; they; #c; ~/w\n" },
	{ "two", CHARM CHARM "\n[[familiar]]\n",
	    "~6 familiar.id: is there twice" },
	{ "nothing in it", "\n[[familiar]]\n", "2 familiar.id: is missing\n"
	    "2 familiar.display_name: is missing\n"
	    "2 familiar.role: is missing\n"
	    "2 familiar.description: is missing\n" },
	{ "a wrong type", CHARM "emoji = 7\n",
	    "6 familiar.emoji: must be a string\n" },
	{ "a NUL", CHARM "emoji = \"a\\u0000\"\n",
	    "6 familiar.emoji: holds a control character\n" },
	{ "a table", "[familiar]\nid = 'x'\n",
	    "1 familiar: must be tables: [[familiar]]\n" },
	{ "a list of words", "familiar = ['x']\n",
	    "1 familiar: must be tables: [[familiar]]\n" },
	{ "no TOML", "[[familiar\n", "~1 : " },
};

static void
familiars_are_read(void **state)
{
	(void)state;
	check_rows(familiar_rows, nitems(familiar_rows), confread_familiars);
}

/* --- manifests --- */

#define NAMES	"\"id\":\"x\",\"label\":\"X\",\"executable\":\"x\"," \
		    "\"install_hint\":\"get x\""
#define PREFIX	"\"interactive_prompt_prefix_args\":[]," \
		    "\"non_interactive_prompt_prefix_args\":[]"
#define BASE	NAMES "," PREFIX
#define ONE(s)	"{\"adapters\":[{" s "}]}"
#define OK(s)	"adapter x (X) x;" s "; get x\n"
#define FIELD(f) "0 adapters[0]." f ": "

static const struct row manifest_rows[] = {
	{ "no adapters", "{}", "" },
	{ "an empty list", "{\"adapters\":[]}", "" },
	{ "blanks around it", " \r\n\t{\"adapters\":[]}\n\n", "" },
	{ "the least", ONE(BASE), OK("") },
	{ "unknown fields", ONE(BASE ",\"version\":1.5e3,\"z\":[{\"a\":null}]"),
	    OK("") },
	{ "everything",
	    "{\"adapters\":[{\"id\":\" My.Tool \",\"label\":\" L \","
	    "\"executable\":\"tool\",\"install_hint\":\" H \","
	    "\"interactive_prompt_prefix_args\":[\"chat\"],"
	    "\"non_interactive_prompt_prefix_args\":[\"run\",\"-q\"],"
	    "\"system_prompt_flag\":\"--sys\",\"prompt_flag\":\"--p\","
	    "\"interactive_prompt_flag\":\"--ip\",\"model_flag\":\"-m\","
	    "\"capabilities\":{\"stream\":true,\"preassigned_session_id\":true,"
	    "\"think\":true,\"speed\":true},"
	    "\"sandbox\":{\"flag\":\"-s\",\"full\":\"a\",\"read_only\":\"b\"},"
	    "\"add_dir_flag\":\"--add\","
	    "\"stream_args\":{\"prefix_args\":[\"-j\"],"
	    "\"session_id_flag\":\"--sid\",\"resume_flag\":\"--res\"},"
	    "\"continuity_args\":{\"init_prefix_args\":[\"i\"],"
	    "\"resume_prefix_args\":[\"r\"],\"session_id_flag\":\"--cs\","
	    "\"resume_flag\":\"--cr\"}}]}",
	    "adapter my.tool (L) tool; i[(chat)] n[(run)(-q)] prompt=--p "
	    "iprompt=--ip system=--sys strip[(-m)({model})] caps=15 "
	    "stream[(-j)] session=--sid resume=--res ci[(i)(--cs)] "
	    "cr[(r)(--cr)]; H\n" },
	{ "camelCase", ONE(NAMES ",\"interactivePromptPrefixArgs\":[\"a\"],"
	    "\"nonInteractivePromptPrefixArgs\":[\"b\"],"
	    "\"promptFlag\":\"-p\",\"systemPromptFlag\":\"-s\","
	    "\"interactivePromptFlag\":\"-i\",\"modelArgTemplate\":"
	    "\"-c  model={model}\",\"modelIdTransform\":\"preserve\""),
	    OK(" i[(a)] n[(b)] prompt=-p iprompt=-i system=-s "
	    "preserve[(-c)(model={model})]") },
	{ "nulls are absent", ONE(BASE ",\"prompt_flag\":null,"
	    "\"stream_args\":null,\"sandbox\":null"), OK("") },
	{ "blank flags are absent", ONE(BASE ",\"prompt_flag\":\"  \""),
	    OK("") },
	{ "the template wins", ONE(BASE ",\"model_flag\":\"-m\","
	    "\"model_arg_template\":\"--m={model}\""),
	    OK(" strip[(--m={model})]") },
	{ "resume without a flag", ONE(BASE ",\"continuity_args\":{"
	    "\"resume_prefix_args\":[\"exec\",\"resume\"]}"),
	    OK(" cr[(exec)(resume)]") },
	{ "an init that nothing would name", ONE(BASE ",\"continuity_args\":{"
	    "\"init_prefix_args\":[\"go\"]}"), OK("") },
	{ "the argv form of a sandbox", ONE(BASE ",\"sandbox\":{"
	    "\"full_args\":[\"-a\"],\"read_only_args\":[\"-r\"]}"), OK("") },
	{ "a built-in's id", ONE("\"id\":\"Codex\""),
	    "warning: skip adapter codex: a built-in harness has its id\n" },
	{ "the id exec", ONE("\"id\":\"exec\",\"label\":\"X\","
	    "\"executable\":\"x\",\"install_hint\":\"h\"," PREFIX),
	    "warning: skip adapter exec: a built-in harness has its id\n" },
	{ "an id twice", "{\"adapters\":[{" BASE "},{" BASE "}]}",
	    OK("") "warning: skip adapter x: an earlier adapter has its id\n" },

	{ "id missing", ONE("\"label\":\"X\""), FIELD("id") "is missing\n" },
	{ "id blank", ONE("\"id\":\" \""), "~" FIELD("id") "must be lower" },
	{ "id with a slash", ONE("\"id\":\"a/b\""),
	    "~" FIELD("id") "must be lower" },
	{ "id that begins with a dot", ONE("\"id\":\".a\""),
	    "~" FIELD("id") "must be lower" },
	{ "id not a string", ONE("\"id\":7"),
	    FIELD("id") "must be a string without NUL\n" },
	{ "label missing", ONE("\"id\":\"x\",\"executable\":\"x\","
	    "\"install_hint\":\"h\"," PREFIX), FIELD("label") "is missing\n" },
	{ "label blank", ONE("\"id\":\"x\",\"executable\":\"x\",\"label\":\" "
	    "\",\"install_hint\":\"h\"," PREFIX),
	    FIELD("label") "must not be blank\n" },
	{ "hint blank", ONE("\"id\":\"x\",\"executable\":\"x\",\"label\":\"X"
	    "\",\"install_hint\":\"\"," PREFIX),
	    FIELD("install_hint") "must not be blank\n" },
	{ "a path to run", ONE("\"id\":\"x\",\"executable\":\"/bin/x\","
	    "\"label\":\"X\",\"install_hint\":\"h\"," PREFIX),
	    "~" FIELD("executable") "must be a bare name" },
	{ "a backslash", ONE("\"id\":\"x\",\"executable\":\"a\\\\b\","
	    "\"label\":\"X\",\"install_hint\":\"h\"," PREFIX),
	    "~" FIELD("executable") "must be a bare name" },
	{ "a blank inside", ONE("\"id\":\"x\",\"executable\":\"a b\","
	    "\"label\":\"X\",\"install_hint\":\"h\"," PREFIX),
	    "~" FIELD("executable") "must be a bare name" },
	{ "a parent to run", ONE("\"id\":\"x\",\"executable\":\"..\","
	    "\"label\":\"X\",\"install_hint\":\"h\"," PREFIX),
	    "~" FIELD("executable") "must be a bare name" },
	{ "no prefix args", ONE(NAMES ",\"interactive_prompt_prefix_args\":[]"),
	    FIELD("non_interactive_prompt_prefix_args") "is missing\n" },
	{ "prefix args not a list", ONE(NAMES
	    ",\"interactive_prompt_prefix_args\":\"a\""),
	    FIELD("interactive_prompt_prefix_args")
	    "must be a list of strings\n" },
	{ "a number in a list", ONE(NAMES
	    ",\"interactive_prompt_prefix_args\":[1]"),
	    FIELD("interactive_prompt_prefix_args")
	    "must be a string without NUL\n" },
	{ "a NUL in an argument", ONE(NAMES
	    ",\"interactive_prompt_prefix_args\":[\"a\\u0000b\"]"),
	    FIELD("interactive_prompt_prefix_args")
	    "must be a string without NUL\n" },
	{ "template without a place", ONE(BASE
	    ",\"model_arg_template\":\"-m x\""),
	    FIELD("model_arg_template") "must contain {model}\n" },
	{ "preserve without a way", ONE(BASE
	    ",\"model_id_transform\":\"preserve\""),
	    "~" FIELD("model_id_transform") "is preserve without" },
	{ "no such transform", ONE(BASE ",\"model_id_transform\":\"drop\""),
	    "~" FIELD("model_id_transform") "must be strip_provider" },
	{ "stream without arguments", ONE(BASE
	    ",\"capabilities\":{\"stream\":true}"),
	    FIELD("capabilities") "`stream` needs stream_args\n" },
	{ "arguments without stream", ONE(BASE
	    ",\"stream_args\":{\"prefix_args\":[\"a\"]}"),
	    "~" FIELD("stream_args") "is given, but" },
	{ "a blank stream prefix", ONE(BASE
	    ",\"capabilities\":{\"stream\":true}"
	    ",\"stream_args\":{\"prefix_args\":[\" \"]}"),
	    "~" FIELD("stream_args") "must have prefix_args" },
	{ "preassigned without a flag", ONE(BASE
	    ",\"capabilities\":{\"preassigned_session_id\":true}"),
	    "~" FIELD("capabilities") "`preassigned_session_id` needs" },
	{ "a flag without preassigned", ONE(BASE
	    ",\"continuity_args\":{\"session_id_flag\":\"-s\"}"),
	    "~" FIELD("continuity_args") "has a session_id_flag" },
	{ "continuity without a launch", ONE(BASE
	    ",\"continuity_args\":{\"init_prefix_args\":[\" \"]}"),
	    FIELD("continuity_args") "has no usable launch\n" },
	{ "half a sandbox", ONE(BASE
	    ",\"sandbox\":{\"flag\":\"-s\",\"full\":\"a\"}"),
	    "~" FIELD("sandbox") "is incomplete" },
	{ "half a sandbox of lists", ONE(BASE
	    ",\"sandbox\":{\"full_args\":[\"a\"],\"read_only_args\":[\"\"]}"),
	    "~" FIELD("sandbox") "is incomplete" },
	{ "a capability that is a string", ONE(BASE
	    ",\"capabilities\":{\"think\":\"yes\"}"),
	    FIELD("capabilities") "`think` must be true or false\n" },
	{ "both names of a field", ONE(BASE
	    ",\"prompt_flag\":\"a\",\"promptFlag\":\"b\""),
	    FIELD("prompt_flag") "is given twice\n" },
	{ "an adapter that is a list", "{\"adapters\":[[]]}",
	    "0 adapters[0]: must be an object\n" },
	{ "adapters that are an object", "{\"adapters\":{}}",
	    "0 adapters: must be a list\n" },
	{ "a list", "[]", "1 : must be an object\n" },

	{ "nothing", "", "~1 : the value has no end" },
	{ "half", "{\"adapters\":[", "~1 : the value has no end" },
	{ "two values", "{}\n{}", "~ : " },
	{ "a member twice", "{\"a\":1,\"a\":2}",
	    "0 : a member is given twice\n" },
	{ "single quotes", "{'a':1}", "1 : a character that JSON has not\n" },
	{ "a comment", "{/**/}", "1 : a character that JSON has not\n" },
	{ "a trailing comma", "{\"a\":1,}", "~1 : " },
	{ "NaN", "\n{\"a\":NaN}", "2 : a word that JSON has not\n" },
	{ "Infinity", "{\"a\":-Infinity}", "1 : a number without digits\n" },
	{ "True", "{\"a\":True}", "1 : a word that JSON has not\n" },
	{ "01", "{\"a\":01}", "1 : a number that begins with 0\n" },
	{ "1.", "{\"a\":1.}", "1 : a number that ends in a point\n" },
	{ "a control character", "{\"a\":\"\x01\"}",
	    "1 : a control character in a string\n" },
	{ "a newline in a string", "{\"a\":\"\n\"}",
	    "1 : a control character in a string\n" },
	{ "half a surrogate pair", "{\"a\":\"\\ud800\"}",
	    "1 : the first half of a surrogate pair alone\n" },
	{ "the other half", "{\"a\":\"\\udc00\"}",
	    "1 : the second half of a surrogate pair alone\n" },
	{ "a whole pair", "{\"a\":\"\\ud83d\\ude00\"}", "" },
	{ "a byte order mark", "\xef\xbb\xbf{}",
	    "1 : a character that JSON has not\n" },
	{ "not UTF-8", "{\"a\":\"\xff\"}", "0 : bytes that are not UTF-8\n" },
	{ "a colon too many", "{\"a\"::1}", "~1 : " },
};

static void
manifests_are_read(void **state)
{
	(void)state;
	check_rows(manifest_rows, nitems(manifest_rows), confread_manifest);
}

static void
manifests_are_bounded(void **state)
{
	autobuf struct buf in = { 0 }, out = { 0 };
	int i;

	(void)state;
	for (i = 0; i < LIMIT_JSON_DEPTH + 1; i++)
		(void)buf_adds(&in, "[");
	for (i = 0; i < LIMIT_JSON_DEPTH + 1; i++)
		(void)buf_adds(&in, "]");
	read_into(&out, confread_manifest, buf_head(&in), buf_left(&in));
	assert_non_null(strstr(buf_head(&out), "nesting"));

	buf_clear(&in);
	buf_clear(&out);
	(void)buf_adds(&in, "{\"adapters\":[");
	for (i = 0; i < LIMIT_CONF_ADAPTERS + 1; i++)
		(void)buf_addf(&in, "%s{}", i != 0 ? "," : "");
	(void)buf_adds(&in, "]}");
	read_into(&out, confread_manifest, buf_head(&in), buf_left(&in));
	assert_string_equal(buf_head(&out),
	    "0 adapters: has too many entries\n");

	/* One argument that no row can carry. */
	buf_clear(&in);
	buf_clear(&out);
	(void)buf_adds(&in, "{\"adapters\":[{" NAMES
	    ",\"interactive_prompt_prefix_args\":[\"");
	for (i = 0; i < 5000; i++)
		(void)buf_adds(&in, "a");
	(void)buf_adds(&in, "\"],\"non_interactive_prompt_prefix_args\":[]}]}");
	read_into(&out, confread_manifest, buf_head(&in), buf_left(&in));
	assert_non_null(strstr(buf_head(&out), "a field that is too long"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(toml_is_read),
		cmocka_unit_test(toml_is_bounded),
		cmocka_unit_test(privacy_is_read),
		cmocka_unit_test(familiars_are_read),
		cmocka_unit_test(toml_corpus_is_told_apart),
		cmocka_unit_test(manifests_are_read),
		cmocka_unit_test(manifests_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
