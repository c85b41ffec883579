/* Argument vectors: the contract's table, token by token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/harness.h"
#include "common/harness_host.h"
#include "common/limits.h"
#include "common/mem.h"

#define PRE	"[Identity: You are A. Respond as A, not as the " \
		    "underlying tool.]"
#define STREAM	"--print|--input-format|stream-json|--output-format|" \
		    "stream-json"
#define LINE(t)	"{\"message\":{\"content\":[{\"text\":\"" t "\"," \
		    "\"type\":\"text\"}],\"role\":\"user\"}," \
		    "\"type\":\"user\"}\n"
#define CODEX	"exec|--skip-git-repo-check|--color|never"
#define POLICY	"--ask-for-approval|never|-c|approval_policy=\"never\"|" \
		    "--sandbox|workspace-write"

/* Two adapters as a manifest would give them. */
static const struct msg_harness_row adapters[] = {
	{ .id = "posit", .exe = "posit", .interactive = { "chat\0", 5 },
	    .noninteractive = { "run\0-q\0", 7 } },
	{ .id = "flag", .exe = "flag", .interactive = { "chat\0", 5 },
	    .noninteractive = { "run\0", 4 }, .prompt_flag = "--query",
	    .model_args = { "-c\0model={model}\0", 17 },
	    .continuity_resume = { "run\0--resume\0", 13 } },
};

static const char *const dirs[] = { "/a b", "/c" };

struct row {
	const char	*name;
	const char	*harness;
	struct launch	 l;
	int		 outcome;
	const char	*args;		/* joined by '|' */
	enum transport	 transport;
	const char	*input;
	int		 eof;
};

static const struct row rows[] = {
	{ "codex, default", "codex", { .prompt = "P" }, 0,
	    "--|P", TRANSPORT_PTY, "", 0 },
	{ "codex, model", "codex", { .prompt = "P", .model = "openai/M" }, 0,
	    "--model|M|--|P", TRANSPORT_PTY, "", 0 },
	{ "codex, nonInteractive", "codex",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE }, 0,
	    CODEX "|--|-", TRANSPORT_PIPES, "P", 1 },
	{ "codex, resume", "codex",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE,
	    .conversation = CONV_RESUME, .conversation_id = "ID" }, 0,
	    CODEX "|resume|ID|--|-", TRANSPORT_PIPES, "P", 1 },
	{ "codex, init", "codex",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE,
	    .conversation = CONV_INIT, .conversation_id = "ID" }, 0,
	    CODEX "|--|-", TRANSPORT_PIPES, "P", 1 },
	{ "codex, launchPolicy", "codex",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE, .policy = 1,
	    .add_dirs = dirs, .nadd_dirs = 2 }, 0,
	    POLICY "|--add-dir|/a b|--add-dir|/c|" CODEX "|--|-",
	    TRANSPORT_PIPES, "P", 1 },
	{ "codex, launchPolicy and model", "codex",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE, .policy = 1,
	    .model = "M" }, 0, "--model|M|" POLICY "|" CODEX "|--|-",
	    TRANSPORT_PIPES, "P", 1 },
	{ "codex + familiar", "codex", { .prompt = "P", .system = PRE }, 0,
	    "--|" PRE "\n\nP", TRANSPORT_PTY, "", 0 },
	{ "codex + familiar on stdin", "codex",
	    { .prompt = "P", .system = PRE, .mode = LAUNCH_NONINTERACTIVE }, 0,
	    CODEX "|--|-", TRANSPORT_PIPES, PRE "\n\nP", 1 },
	{ "codex, stream", "codex", { .prompt = "P", .mode = LAUNCH_STREAM },
	    HARNESS_NO_STREAM, NULL, 0, NULL, 0 },
	{ "codex, launchPolicy interactive", "codex",
	    { .prompt = "P", .policy = 1 }, HARNESS_NO_POLICY, NULL, 0, NULL,
	    0 },
	{ "codex, prompt that looks like an option", "codex",
	    { .prompt = "--help" }, 0, "--|--help", TRANSPORT_PTY, "", 0 },

	{ "claude, default (hint ignored)", "claude",
	    { .prompt = "P", .conversation = CONV_RESUME,
	    .conversation_id = "ID" }, 0, "--|P", TRANSPORT_PTY, "", 0 },
	{ "claude + familiar", "claude", { .prompt = "P", .system = PRE }, 0,
	    "--system-prompt|" PRE "|--|P", TRANSPORT_PTY, "", 0 },
	{ "claude, nonInteractive", "claude",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE }, 0,
	    "--print|--|P", TRANSPORT_PTY, "", 0 },
	{ "claude, nonInteractive, init", "claude",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE,
	    .conversation = CONV_INIT, .conversation_id = "ID" }, 0,
	    "--print|--session-id|ID|--|P", TRANSPORT_PTY, "", 0 },
	{ "claude, nonInteractive, resume", "claude",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE,
	    .conversation = CONV_RESUME, .conversation_id = "ID" }, 0,
	    "--print|--resume|ID|--|P", TRANSPORT_PTY, "", 0 },
	{ "claude, stream", "claude",
	    { .prompt = "P \"q\"", .mode = LAUNCH_STREAM }, 0,
	    STREAM "|--verbose", TRANSPORT_STREAM, LINE("P \\\"q\\\""), 0 },
	{ "claude, stream, init", "claude",
	    { .prompt = "P", .mode = LAUNCH_STREAM,
	    .conversation = CONV_INIT, .conversation_id = "ID" }, 0,
	    STREAM "|--verbose|--session-id|ID", TRANSPORT_STREAM, LINE("P"),
	    0 },
	{ "claude, stream, resume", "claude",
	    { .prompt = "P", .mode = LAUNCH_STREAM,
	    .conversation = CONV_RESUME, .conversation_id = "ID" }, 0,
	    STREAM "|--verbose|--resume|ID", TRANSPORT_STREAM, LINE("P"), 0 },
	{ "claude, stream + familiar", "claude",
	    { .prompt = "P", .mode = LAUNCH_STREAM, .system = PRE }, 0,
	    "--system-prompt|" PRE "|" STREAM "|--verbose", TRANSPORT_STREAM,
	    LINE("P"), 0 },
	{ "claude, bypass", "claude",
	    { .prompt = "P", .bypass = 1, .model = "anthropic/M" }, 0,
	    "--permission-mode|bypassPermissions|--model|M|--|P",
	    TRANSPORT_PTY, "", 0 },
	{ "codex, bypass means nothing", "codex",
	    { .prompt = "P", .bypass = 1 }, 0, "--|P", TRANSPORT_PTY, "", 0 },

	{ "coven-code, stream", "coven-code",
	    { .prompt = "P", .mode = LAUNCH_STREAM }, 0, STREAM,
	    TRANSPORT_STREAM, LINE("P"), 0 },
	{ "coven-code + familiar keeps the provider", "coven-code",
	    { .prompt = "P", .system = PRE, .model = "openai/M" }, 0,
	    "--model|openai/M|--append-system-prompt|" PRE "|--|P",
	    TRANSPORT_PTY, "", 0 },

	{ "copilot, default", "copilot", { .prompt = "P" }, 0,
	    "--interactive=P", TRANSPORT_PTY, "", 0 },
	{ "copilot, nonInteractive", "copilot",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE }, 0,
	    "--no-color|--prompt=P", TRANSPORT_PTY, "", 0 },
	{ "copilot, nonInteractive, resume", "copilot",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE,
	    .conversation = CONV_RESUME, .conversation_id = "ID" }, 0,
	    "--no-color|--session-id|ID|--prompt=P", TRANSPORT_PTY, "", 0 },
	{ "copilot + familiar", "copilot", { .prompt = "P", .system = PRE }, 0,
	    "--interactive=" PRE "\n\nP", TRANSPORT_PTY, "", 0 },

	{ "manifest, positional", "posit", { .prompt = "P" }, 0,
	    "chat|--|P", TRANSPORT_PTY, "", 0 },
	{ "manifest, positional, nonInteractive", "posit",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE, .model = "M" }, 0,
	    "run|-q|--|P", TRANSPORT_PTY, "", 0 },
	{ "manifest, flag", "flag", { .prompt = "P" }, 0,
	    "chat|--query=P", TRANSPORT_PTY, "", 0 },
	{ "manifest, flag, template", "flag",
	    { .prompt = "P", .model = "a/b" }, 0,
	    "-c|model=a/b|chat|--query=P", TRANSPORT_PTY, "", 0 },
	{ "manifest, flag, resume", "flag",
	    { .prompt = "P", .mode = LAUNCH_NONINTERACTIVE,
	    .conversation = CONV_RESUME, .conversation_id = "ID" }, 0,
	    "run|--resume|ID|--query=P", TRANSPORT_PTY, "", 0 },

	{ "model, an option after its provider", "codex",
	    { .prompt = "P", .model = "openai/--flag" }, HARNESS_BAD_MODEL,
	    NULL, 0, NULL, 0 },
	{ "model, dots", "codex", { .prompt = "P", .model = "a..b" },
	    HARNESS_BAD_MODEL, NULL, 0, NULL, 0 },
	{ "model, a blank inside", "codex", { .prompt = "P", .model = "a b" },
	    HARNESS_BAD_MODEL, NULL, 0, NULL, 0 },
	{ "model, two slashes stay", "codex",
	    { .prompt = "P", .model = "a//b" }, 0, "--model|a//b|--|P",
	    TRANSPORT_PTY, "", 0 },
	{ "model, only the first part goes", "codex",
	    { .prompt = "P", .model = "a/b/c:1@2+x" }, 0,
	    "--model|b/c:1@2+x|--|P", TRANSPORT_PTY, "", 0 },
	{ "exec has no prompt", "exec", { .prompt = "P" }, HARNESS_NO_PROMPT,
	    NULL, 0, NULL, 0 },
};

static const struct msg_harness_row *
find(const char *id)
{
	const struct msg_harness_row *h;
	size_t n, i;

	h = harness_builtins(&n);
	for (i = 0; i < n; i++)
		if (strcmp(h[i].id, id) == 0)
			return &h[i];
	for (i = 0; i < nitems(adapters); i++)
		if (strcmp(adapters[i].id, id) == 0)
			return &adapters[i];
	return NULL;
}

static void
check_row(const struct row *r)
{
	autobuf struct buf args = { 0 }, input = { 0 };
	enum transport transport = TRANSPORT_PTY;
	char why[256] = "";
	int eof = 0;
	size_t i;

	assert_int_equal(harness_argv(find(r->harness), &r->l, &args,
	    &transport, &input, &eof, why, sizeof(why)), r->outcome);
	if (r->outcome != 0) {
		assert_true(why[0] != '\0');
		assert_int_equal(buf_left(&args), 0);
		return;
	}
	/* Every token ends in a NUL, the last one too. */
	assert_int_equal(args.data[args.len - 1], '\0');
	for (i = args.pos; i + 1 < args.len; i++)
		if (args.data[i] == '\0')
			args.data[i] = '|';
	assert_string_equal(buf_head(&args), r->args);
	assert_int_equal(transport, r->transport);
	assert_string_equal(buf_head(&input), r->input);
	assert_int_equal(eof, r->eof);
}

static void
vectors_match_the_contract(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		print_message("    %s\n", rows[i].name);
		check_row(&rows[i]);
	}
}

static void
too_long_is_an_outcome(void **state)
{
	autofree char *big = mem_alloc(LIMIT_ARG + 2);
	struct launch l = { .prompt = big };
	autobuf struct buf args = { 0 }, input = { 0 };
	enum transport t;
	char why[256];
	int eof;

	(void)state;
	memset(big, 'x', LIMIT_ARG + 1);
	big[LIMIT_ARG + 1] = '\0';
	assert_int_equal(harness_argv(find("claude"), &l, &args, &t, &input,
	    &eof, why, sizeof(why)), HARNESS_TOO_LONG);
	big[LIMIT_ARG] = '\0';
	assert_int_equal(harness_argv(find("claude"), &l, &args, &t, &input,
	    &eof, why, sizeof(why)), 0);
	/* On standard input there is no such limit. */
	big[LIMIT_ARG] = 'x';
	l.mode = LAUNCH_NONINTERACTIVE;
	assert_int_equal(harness_argv(find("codex"), &l, &args, &t, &input,
	    &eof, why, sizeof(why)), 0);
	assert_int_equal(buf_left(&input), LIMIT_ARG + 1);
}

static void
builtins_travel(void **state)
{
	const struct msg_harness_row *h;
	union msg_any out;
	size_t n, i;

	(void)state;
	h = harness_builtins(&n);
	assert_int_equal(n, 5);
	for (i = 0; i < n; i++) {
		autobuf struct buf b = { 0 };

		assert_int_equal(msg_encode(&b, MSG_HARNESS_ROW, &h[i]), 0);
		assert_int_equal(msg_decode_exact(buf_head(&b), buf_left(&b),
		    MSG_HARNESS_ROW, &out), 0);
		assert_string_equal(out.harness_row.id, h[i].id);
	}
	assert_string_equal(h[4].id, HARNESS_EXEC);
}

/*
 * Nothing an unconfined run would execute or trust is writable: every row
 * that is writable and the owner's own is a login.
 */
static void
state_rows_are_sound(void **state)
{
	const struct msg_harness_row *h;
	size_t n, i, k, j;

	(void)state;
	h = harness_builtins(&n);
	for (i = 0; i + 1 < n; i++) {
		const struct harness_host *host = harness_host(h[i].id);

		assert_non_null(host);
		for (k = 0; k < host->nstate; k++) {
			const struct harness_state *s = &host->state[k];

			assert_int_equal(s->path[0], '.');
			assert_null(strstr(s->path, ".."));
			assert_true(s->mode != STATE_RW);
			if (s->mode != STATE_RO && s->mode != STATE_COPY)
				assert_null(s->absent);
			if (s->mode == STATE_COPY)
				assert_non_null(s->absent);
			if (s->mode == STATE_COPY)
				assert_int_equal(s->kind, STATE_FILE);
			if (s->mode == STATE_PRIVATE)
				assert_int_equal(s->kind, STATE_FOLDER);
			/* A folder comes before what lies in it. */
			for (j = 0; j < k; j++)
				assert_false(strncmp(host->state[j].path,
				    s->path, strlen(s->path)) == 0 &&
				    host->state[j].path[strlen(s->path)] ==
				    '/');
		}
		assert_true(host->state[0].mode == STATE_PRIVATE);
	}
	assert_null(harness_host(HARNESS_EXEC));
}

static void
env_lists_match(void **state)
{
	const struct harness_host *codex = harness_host("codex");

	(void)state;
	assert_true(harness_env_listed(harness_common_env, "LC_ALL"));
	assert_true(harness_env_listed(harness_common_env, "TERM"));
	assert_false(harness_env_listed(harness_common_env, "TERMINFO"));
	assert_false(harness_env_listed(harness_common_env, "LD_PRELOAD"));
	assert_true(harness_env_listed(codex->pass_env, "CODEX_API_KEY"));
	assert_false(harness_env_listed(codex->pass_env, "CODEX_HOME"));
	assert_false(harness_env_listed(codex->pass_env, "AWS_SECRET"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_match_the_contract),
		cmocka_unit_test(too_long_is_an_outcome),
		cmocka_unit_test(builtins_travel),
		cmocka_unit_test(state_rows_are_sound),
		cmocka_unit_test(env_lists_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
