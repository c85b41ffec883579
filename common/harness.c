/*
 * The built-in harnesses and how any harness's argument vector is put
 * together.  Nothing here is escaped or rewritten and there is never a shell.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/harness.h"
#include "common/jsonw.h"
#include "common/limits.h"
#include "common/mem.h"

#define LIST(s)		{ s, sizeof(s) - 1 }
#define CAPS_CHAT	(HARNESS_STREAM | HARNESS_PREASSIGNED | \
			    HARNESS_THINK | HARNESS_SPEED)
#define MODEL_FLAG	LIST("--model\0{model}\0")
#define CODEX_EXEC	"exec\0--skip-git-repo-check\0--color\0never\0"
#define STREAM_JSON	"--print\0--input-format\0stream-json\0" \
			    "--output-format\0stream-json\0"

static const struct msg_harness_row builtins[] = {
	{
		.id = "codex",
		.label = "Codex",
		.exe = "codex",
		.noninteractive = LIST(CODEX_EXEC),
		.model_args = MODEL_FLAG,
		.model_strip = 1,
		.caps = HARNESS_STDIN_PROMPT,
		.continuity_resume = LIST(CODEX_EXEC "resume\0"),
		.install_hint = "npm install -g @openai/codex, then `codex "
		    "login`",
		.builtin = 1,
	}, {
		.id = "claude",
		.label = "Claude Code",
		.exe = "claude",
		.noninteractive = LIST("--print\0"),
		.system_flag = "--system-prompt",
		.model_args = MODEL_FLAG,
		.model_strip = 1,
		.caps = CAPS_CHAT,
		.stream_args = LIST(STREAM_JSON "--verbose\0"),
		.continuity_init = LIST("--print\0--session-id\0"),
		.continuity_resume = LIST("--print\0--resume\0"),
		.session_id_flag = "--session-id",
		.resume_flag = "--resume",
		.install_hint = "npm install -g @anthropic-ai/claude-code, "
		    "then run `claude` once to log in",
		.builtin = 1,
	}, {
		.id = "coven-code",
		.label = "Coven Code",
		.exe = "coven-code",
		.noninteractive = LIST("--print\0"),
		.system_flag = "--append-system-prompt",
		.model_args = MODEL_FLAG,
		.caps = CAPS_CHAT,
		.stream_args = LIST(STREAM_JSON),
		.continuity_init = LIST("--print\0--session-id\0"),
		.continuity_resume = LIST("--print\0--resume\0"),
		.session_id_flag = "--session-id",
		.resume_flag = "--resume",
		.install_hint = "install the coven-code engine where PATH "
		    "finds it",
		.builtin = 1,
	}, {
		.id = "copilot",
		.label = "Copilot CLI",
		.exe = "copilot",
		.noninteractive = LIST("--no-color\0"),
		.prompt_flag = "--prompt",
		.interactive_prompt_flag = "--interactive",
		.model_args = MODEL_FLAG,
		.model_strip = 1,
		.caps = HARNESS_PREASSIGNED | HARNESS_THINK | HARNESS_SPEED,
		.continuity_init = LIST("--no-color\0--session-id\0"),
		.continuity_resume = LIST("--no-color\0--session-id\0"),
		.install_hint = "npm install -g @github/copilot, then run "
		    "`copilot` once to log in",
		.builtin = 1,
	}, {
		.id = HARNESS_EXEC,
		.label = "Any command",
		.exe = "",
		.builtin = 1,
	},
};

const struct msg_harness_row *
harness_builtins(size_t *count)
{
	*count = nitems(builtins);
	return builtins;
}

/* --- the argument vector being built --- */

struct argv {
	struct buf	 out;
	bool		 too_long;
};

/* One token from two halves; the second may be empty. */
static void
argv_join(struct argv *a, const char *s, const char *t)
{
	if (strlen(s) + strlen(t) > LIMIT_ARG ||
	    buf_adds(&a->out, s) < 0 ||
	    buf_add(&a->out, t, strlen(t) + 1) < 0)
		a->too_long = true;
}

static void
argv_add(struct argv *a, const char *s)
{
	argv_join(a, s, "");
}

static bool
is_set(const char *s)
{
	return s != NULL && *s != '\0';
}

static void
argv_list(struct argv *a, struct msg_bin list)
{
	const char *s;
	size_t at = 0;

	while ((s = harness_list_next(list, &at)) != NULL)
		argv_add(a, s);
}

const char *
harness_list_next(struct msg_bin list, size_t *at)
{
	const char *s = (const char *)list.p + *at, *end;

	if (*at >= list.len)
		return NULL;
	end = memchr(s, '\0', list.len - *at);
	if (end == NULL)
		return NULL;
	*at += (size_t)(end - s) + 1;
	return s;
}

/* --- models --- */

/* "provider/model" without its provider, when both are there. */
static const char *
model_strip(const char *m)
{
	const char *slash = strchr(m, '/');

	if (slash == NULL || slash == m || slash[1] == '\0' || slash[1] == '/')
		return m;
	return slash + 1;
}

/* It must never read as an option, nor walk a path. */
static bool
model_is_safe(const char *m)
{
	static const char alnum[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+-";

	return *m != '\0' && strchr(alnum, *m) != NULL &&
	    m[strspn(m, rest)] == '\0' && strstr(m, "..") == NULL;
}

/* A template token with every {model} replaced. */
static void
argv_template(struct argv *a, const char *token, const char *model)
{
	autobuf struct buf b = { .max = LIMIT_ARG };
	const char *hole;
	int r = 0;

	while (r == 0 && (hole = strstr(token, "{model}")) != NULL) {
		r = buf_add(&b, token, (size_t)(hole - token));
		if (r == 0)
			r = buf_adds(&b, model);
		token = hole + strlen("{model}");
	}
	if (r < 0 || buf_adds(&b, token) < 0) {
		a->too_long = true;
		return;
	}
	argv_add(a, buf_head(&b));
}

static int
argv_model(struct argv *a, const struct msg_harness_row *h, const char *model,
    char *why, size_t whylen)
{
	const char *token;
	size_t at = 0;

	if (!is_set(model) || h->model_args.len == 0)
		return 0;
	if (h->model_strip)
		model = model_strip(model);
	if (!model_is_safe(model)) {
		(void)snprintf(why, whylen, "the model id is not one that "
		    "harness `%s` may be given", h->id);
		return HARNESS_BAD_MODEL;
	}
	while ((token = harness_list_next(h->model_args, &at)) != NULL)
		argv_template(a, token, model);
	return 0;
}

/* --- assembly, in the contract's order --- */

/*
 * Goes before the subcommand.  The quotes are part of the argument: codex
 * reads a TOML value there.
 */
static void
argv_policy(struct argv *a, const struct launch *l)
{
	static const char fixed[] = "--ask-for-approval\0never\0"
	    "-c\0approval_policy=\"never\"\0--sandbox\0workspace-write\0";
	size_t i;

	if (!l->policy)
		return;
	argv_list(a, (struct msg_bin){ fixed, sizeof(fixed) - 1 });
	for (i = 0; i < l->nadd_dirs; i++) {
		argv_add(a, HARNESS_ADD_DIR);
		argv_add(a, l->add_dirs[i]);
	}
}

static void
argv_stream(struct argv *a, const struct msg_harness_row *h,
    const struct launch *l)
{
	const char *flag = l->conversation == CONV_INIT ? h->session_id_flag :
	    l->conversation == CONV_RESUME ? h->resume_flag : NULL;

	argv_list(a, h->stream_args);
	if (is_set(flag) && is_set(l->conversation_id)) {
		argv_add(a, flag);
		argv_add(a, l->conversation_id);
	}
}

/* Prefix, or the form that names a conversation where there is one. */
static void
argv_prefix(struct argv *a, const struct msg_harness_row *h,
    const struct launch *l)
{
	struct msg_bin form = { 0 };

	if (l->mode == LAUNCH_INTERACTIVE) {
		argv_list(a, h->interactive);
		return;
	}
	if (l->conversation == CONV_INIT)
		form = h->continuity_init;
	else if (l->conversation == CONV_RESUME)
		form = h->continuity_resume;
	if (form.len == 0 || !is_set(l->conversation_id)) {
		argv_list(a, h->noninteractive);
		return;
	}
	argv_list(a, form);
	argv_add(a, l->conversation_id);
}

static void
argv_prompt(struct argv *a, const struct msg_harness_row *h,
    enum launch_mode mode, const char *prompt)
{
	const char *flag = h->prompt_flag;
	autobuf struct buf joined = { 0 };

	if (mode == LAUNCH_INTERACTIVE && is_set(h->interactive_prompt_flag))
		flag = h->interactive_prompt_flag;
	if (!is_set(flag)) {
		argv_add(a, "--");
		argv_add(a, prompt);
		return;
	}
	if (buf_addf(&joined, "%s=", flag) < 0)
		a->too_long = true;
	argv_join(a, buf_head(&joined), prompt);
}

int
harness_stream_line(struct buf *out, const char *text, size_t len)
{
	struct jw j;

	jw_init(&j, out);
	jw_object(&j);
	jw_name(&j, "message");
	jw_object(&j);
	jw_name(&j, "content");
	jw_array(&j);
	jw_object(&j);
	jw_name(&j, "text");
	jw_strn(&j, text, len);
	jw_kstr(&j, "type", "text");
	jw_object_end(&j);
	jw_array_end(&j);
	jw_kstr(&j, "role", "user");
	jw_object_end(&j);
	jw_kstr(&j, "type", "user");
	jw_object_end(&j);
	return jw_ok(&j) ? buf_adds(out, "\n") : -EMSGSIZE;
}

static int
refuse(int outcome, const struct msg_harness_row *h, const char *text,
    char *why, size_t whylen)
{
	(void)snprintf(why, whylen, "harness `%s` %s", h->id, text);
	return outcome;
}

static int
check(const struct msg_harness_row *h, const struct launch *l, char *why,
    size_t whylen)
{
	if (!is_set(h->exe))
		return refuse(HARNESS_NO_PROMPT, h, "takes an argv, not a "
		    "prompt", why, whylen);
	if (l->mode == LAUNCH_STREAM && !(h->caps & HARNESS_STREAM))
		return refuse(HARNESS_NO_STREAM, h, "does not support stream "
		    "mode", why, whylen);
	if (l->policy && !(l->mode == LAUNCH_NONINTERACTIVE &&
	    strcmp(h->id, "codex") == 0 && h->builtin))
		return refuse(HARNESS_NO_POLICY, h, "does not take a "
		    "launchPolicy in this mode", why, whylen);
	return 0;
}

struct plan {
	struct argv	 argv;
	struct buf	 input;
	enum transport	 transport;
	int		 eof;
};

/* Everything behind the options: prefix, prompt, standard input. */
static int
plan_prompt(struct plan *p, const struct msg_harness_row *h,
    const struct launch *l)
{
	autobuf struct buf with = { 0 };
	const char *prompt = l->prompt;

	if (is_set(l->system) && !is_set(h->system_flag)) {
		if (buf_adds(&with, l->system) < 0 ||
		    buf_adds(&with, "\n\n") < 0 ||
		    buf_adds(&with, l->prompt) < 0)
			return -EMSGSIZE;
		prompt = buf_head(&with);
	}
	if (l->mode == LAUNCH_STREAM) {
		argv_stream(&p->argv, h, l);
		p->transport = TRANSPORT_STREAM;
		return harness_stream_line(&p->input, prompt, strlen(prompt));
	}
	argv_prefix(&p->argv, h, l);
	if (l->mode == LAUNCH_NONINTERACTIVE &&
	    (h->caps & HARNESS_STDIN_PROMPT)) {
		argv_prompt(&p->argv, h, l->mode, "-");
		p->transport = TRANSPORT_PIPES;
		p->eof = 1;
		return buf_adds(&p->input, prompt);
	}
	argv_prompt(&p->argv, h, l->mode, prompt);
	p->transport = TRANSPORT_PTY;
	return 0;
}

static int
plan_build(struct plan *p, const struct msg_harness_row *h,
    const struct launch *l, char *why, size_t whylen)
{
	int r;

	if (l->bypass && h->builtin && strcmp(h->id, "claude") == 0) {
		argv_add(&p->argv, "--permission-mode");
		argv_add(&p->argv, "bypassPermissions");
	}
	r = argv_model(&p->argv, h, l->model, why, whylen);
	if (r != 0)
		return r;
	argv_policy(&p->argv, l);
	if (is_set(l->system) && is_set(h->system_flag)) {
		argv_add(&p->argv, h->system_flag);
		argv_add(&p->argv, l->system);
	}
	if (plan_prompt(p, h, l) < 0 || p->argv.too_long)
		return refuse(HARNESS_TOO_LONG, h, "cannot be given a prompt "
		    "this long in this mode", why, whylen);
	return 0;
}

int
harness_argv(const struct msg_harness_row *h, const struct launch *l,
    struct buf *args, enum transport *transport, struct buf *stdin_data,
    int *stdin_eof, char *why, size_t whylen)
{
	struct plan p = { .argv.out.max = LIMIT_ARGS,
	    .input.max = LIMIT_ARGS };
	int r = check(h, l, why, whylen);

	if (r == 0)
		r = plan_build(&p, h, l, why, whylen);
	if (r == 0 && (buf_add(args, buf_head(&p.argv.out),
	    buf_left(&p.argv.out)) < 0 || buf_add(stdin_data,
	    buf_head(&p.input), buf_left(&p.input)) < 0))
		r = refuse(HARNESS_TOO_LONG, h, "has too many arguments", why,
		    whylen);
	if (r == 0) {
		*transport = p.transport;
		*stdin_eof = p.eof;
	}
	buf_fini(&p.argv.out);
	buf_fini(&p.input);
	return r;
}
