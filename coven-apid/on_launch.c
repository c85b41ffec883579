/*
 * A launch: the client's wishes become a spec, which stored records and the
 * monitor judges.  Nothing here touches a file, so a root or a working
 * directory is only a text.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/failpoint.h"
#include "common/mem.h"
#include "coven-apid/request.h"

enum {
	PATH_LEN = 4095,		/* RUN_SPEC's */
	ID_LEN = 1024,
};

/* What a request asks for; strings are owned unless const. */
struct wish {
	char			*root, *harness_id, *prompt, *model, *conv_id;
	char			*conversation_id, *cwd;
	const char		*title;
	const char		*add_dirs[LIMIT_ADD_DIRS];
	struct launch		 launch;
	const struct msg_harness_row	*harness;
	const struct msg_familiar_row	*familiar;
	struct buf		 args, env, joined, stdin_data, preamble;
	enum transport		 transport;
	int			 stdin_eof;
	int64_t			 rows, cols;
	bool			 isolated, workspace;
};

static void
wish_fini(struct wish *w)
{
	free(w->root);
	free(w->harness_id);
	free(w->prompt);
	free(w->model);
	free(w->conv_id);
	free(w->conversation_id);
	free(w->cwd);
	buf_fini(&w->args);
	buf_fini(&w->env);
	buf_fini(&w->joined);
	buf_fini(&w->stdin_data);
	buf_fini(&w->preamble);
}

/* A step of reading: 0, or 1 after answering. */
typedef int	 step_fn(struct request *, const struct json *, struct wish *);

static int
invalid(struct request *r, const char *text)
{
	answer_error(r, API_INVALID, "%s", text);
	return 1;
}

/*
 * Execution bindings and adoption are not built.  Both change what a launch
 * means, so a request that carries either must not run.
 */
static int
read_binding(struct request *r, const struct json *v, struct wish *w)
{
	(void)w;
	if (json_has(v, "executionBinding")) {
		if (json_kind(json_get(v, "executionBinding")) != JSON_OBJECT)
			answer_error_field(r, API_BINDING_INVALID,
			    "executionBinding",
			    "The execution binding is malformed.");
		else
			answer_error_field(r, API_BINDING_UNSUPPORTED,
			    "executionBinding.contract",
			    "No execution binding contract is supported.");
		return 1;
	}
	if (json_has(v, "requestAdoption")) {
		answer_error_field(r, API_ADOPTION_INVALID, "executionBinding",
		    "An adopted launch needs an execution binding.");
		return 1;
	}
	return 0;
}

/* An extension: a folder that is made for it, in the place of a project. */
static int
read_workspace(struct request *r, const struct json *v, struct wish *w)
{
	static const char *const never[] = { "projectRoot", "cwd",
	    "isolated" };
	const struct json *one = json_get(v, "workspace");
	size_t i;

	if (one != NULL && json_kind(one) != JSON_BOOL)
		return invalid(r, "`workspace` must be true or false.");
	w->workspace = json_is_true(one);
	for (i = 0; w->workspace && i < nitems(never); i++)
		if (json_has(v, never[i]))
			return invalid(r, "`workspace` excludes "
			    "`projectRoot`, `cwd` and `isolated`.");
	return 0;
}

static int
read_root(struct request *r, const struct json *v, struct wish *w)
{
	if (read_workspace(r, v, w) != 0)
		return 1;
	if (w->workspace)
		return 0;
	w->root = json_trimmed(json_get(v, "projectRoot"));
	if (w->root == NULL)
		return invalid(r, "`projectRoot` is required.");
	if (w->root[0] != '/')
		return invalid(r, "failed to resolve projectRoot: it must be "
		    "an absolute path");
	if (strlen(w->root) > PATH_LEN)
		return invalid(r, "failed to resolve projectRoot: the path "
		    "is too long");
	return 0;
}

static int
read_harness(struct request *r, const struct json *v, struct wish *w)
{
	autobuf struct buf names = { 0 };

	w->harness_id = json_trimmed(json_get(v, "harness"));
	if (w->harness_id == NULL)
		return invalid(r, "`harness` is required.");
	w->harness = harness_find(r->apid, w->harness_id);
	if (w->harness != NULL)
		return 0;
	harness_names(r->apid, &names);
	answer_error(r, API_INVALID,
	    "unsupported harness `%.64s`. Configured harnesses: %s",
	    w->harness_id, buf_head(&names));
	return 1;
}

/* Joined here by text alone; the monitor resolves and judges it. */
static int
read_cwd(struct request *r, const struct json *v, struct wish *w)
{
	const char *s = json_str(json_get(v, "cwd"), NULL);
	autobuf struct buf b = { 0 };

	if (s == NULL || *s == '\0')
		return 0;
	if (*s != '/' && (buf_adds(&b, w->root) < 0 ||
	    buf_adds(&b, "/") < 0))
		return invalid(r, "`cwd` is too long.");
	if (buf_adds(&b, s) < 0 || buf_left(&b) > PATH_LEN)
		return invalid(r, "`cwd` is too long.");
	w->cwd = mem_strdup(buf_head(&b));
	return 0;
}

static int
read_mode(struct request *r, const struct json *v, struct wish *w)
{
	static const struct {
		const char		*name;
		enum launch_mode	 mode;
	} modes[] = {
		{ "interactive", LAUNCH_INTERACTIVE },
		{ "nonInteractive", LAUNCH_NONINTERACTIVE },
		{ "stream", LAUNCH_STREAM },
	};
	const char *s = json_str(json_get(v, "launchMode"), NULL);
	size_t i;

	w->launch.mode = LAUNCH_INTERACTIVE;
	if (s == NULL)
		return 0;
	for (i = 0; i < nitems(modes); i++) {
		if (strcmp(modes[i].name, s) == 0) {
			w->launch.mode = modes[i].mode;
			return 0;
		}
	}
	return invalid(r, "`launchMode` must be interactive, nonInteractive "
	    "or stream.");
}

static int
read_conversation(struct request *r, const struct json *v, struct wish *w)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const struct json *c = json_get(v, "conversation");
	const char *mode;

	w->conversation_id = json_trimmed(json_get(v, "conversationId"));
	if (w->conversation_id != NULL &&
	    strlen(w->conversation_id) > ID_LEN)
		return invalid(r, "`conversationId` is too long.");
	if (c == NULL)
		return 0;
	mode = json_str(json_get(c, "mode"), NULL);
	w->conv_id = json_trimmed(json_get(c, "id"));
	if (mode != NULL && strcmp(mode, "init") == 0)
		w->launch.conversation = CONV_INIT;
	else if (mode != NULL && strcmp(mode, "resume") == 0)
		w->launch.conversation = CONV_RESUME;
	else
		return invalid(r, "`conversation.mode` must be init or "
		    "resume.");
	if (w->conv_id == NULL || strlen(w->conv_id) > ID_LEN ||
	    w->conv_id[strspn(w->conv_id, set)] != '\0')
		return invalid(r, "`conversation.id` must be made of "
		    "[A-Za-z0-9._-].");
	w->launch.conversation_id = w->conv_id;
	return 0;
}

static int
read_prompt(struct request *r, const struct json *v, struct wish *w)
{
	w->prompt = json_trimmed(json_get(v, "prompt"));
	if (w->prompt == NULL &&
	    strcmp(w->harness->id, HARNESS_EXEC) != 0)
		return invalid(r, "`prompt` is required.");
	w->model = json_trimmed(json_get(v, "model"));
	w->launch.prompt = w->prompt;
	w->launch.model = w->model;
	return 0;
}

/* --- launchPolicy: a closed object -------------------------------------- */

static bool
is_policy_member(void *ctx, const char *name, const struct json *v)
{
	(void)ctx;
	(void)v;
	return strcmp(name, "approval") == 0 ||
	    strcmp(name, "sandbox") == 0 || strcmp(name, "addDirs") == 0;
}

static bool
str_is(const struct json *v, const char *want)
{
	const char *s = json_str(v, NULL);

	return s != NULL && strcmp(s, want) == 0;
}

static bool
add_dir(struct wish *w, const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0, i;

	if (n == 0 || n > PATH_LEN || s[0] != '/' ||
	    strchr(" \t\r\n", s[n - 1]) != NULL)
		return false;
	for (i = 0; i < w->launch.nadd_dirs; i++)
		if (strcmp(w->add_dirs[i], s) == 0)
			return true;
	w->add_dirs[w->launch.nadd_dirs++] = s;
	return true;
}

static int
read_policy(struct request *r, const struct json *v, struct wish *w)
{
	const struct json *p = json_get(v, "launchPolicy"), *dirs;
	size_t i;

	if (p == NULL)
		return 0;
	if (json_kind(p) != JSON_OBJECT ||
	    !json_each(p, is_policy_member, NULL) ||
	    !str_is(json_get(p, "approval"), "never") ||
	    !str_is(json_get(p, "sandbox"), "workspace-write"))
		return invalid(r, "`launchPolicy` must be approval never, "
		    "sandbox workspace-write and optionally addDirs.");
	if (strcmp(w->harness->id, "codex") != 0 ||
	    w->launch.mode != LAUNCH_NONINTERACTIVE)
		return invalid(r, "`launchPolicy` is for codex in "
		    "nonInteractive mode.");
	dirs = json_get(p, "addDirs");
	if (dirs != NULL && json_kind(dirs) != JSON_ARRAY)
		return invalid(r, "`launchPolicy.addDirs` must be an array.");
	if (json_len(dirs) > LIMIT_ADD_DIRS) {
		answer_error(r, API_INVALID, "`launchPolicy.addDirs` may "
		    "hold at most %d folders.", LIMIT_ADD_DIRS);
		return 1;
	}
	for (i = 0; i < json_len(dirs); i++)
		if (!add_dir(w, json_str(json_at(dirs, i), NULL)))
			return invalid(r, "`launchPolicy.addDirs` must hold "
			    "absolute folders without blanks around them.");
	w->launch.policy = 1;
	w->launch.add_dirs = w->add_dirs;
	return 0;
}

/* --- exec: any command -------------------------------------------------- */

static int
read_argv(struct request *r, const struct json *v, struct wish *w)
{
	const struct json *argv = json_get(v, "argv");
	const char *s;
	size_t i, n = json_len(argv);

	if (json_kind(argv) != JSON_ARRAY || n == 0)
		return invalid(r, "`argv` must be an array of strings, the "
		    "command first.");
	for (i = 0; i < n; i++) {
		s = json_str(json_at(argv, i), NULL);
		if (s == NULL || (i == 0 && *s == '\0'))
			return invalid(r, "`argv` must hold strings without "
			    "NUL, the command first.");
		if (buf_add(&w->args, s, strlen(s) + 1) < 0 ||
		    (i != 0 && buf_adds(&w->joined, " ") < 0) ||
		    buf_adds(&w->joined, s) < 0)
			return invalid(r, "`argv` is too long.");
	}
	return 0;
}

static bool
add_env(void *ctx, const char *name, const struct json *v)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
	struct wish *w = ctx;
	const char *s = json_str(v, NULL);

	return s != NULL && *name != '\0' &&
	    strchr(first, *name) != NULL &&
	    name[strspn(name, rest)] == '\0' &&
	    buf_adds(&w->env, name) == 0 && buf_adds(&w->env, "=") == 0 &&
	    buf_add(&w->env, s, strlen(s) + 1) == 0;
}

static int
read_size(struct request *r, const struct json *v, struct wish *w)
{
	const struct {
		const char	*name;
		int64_t		*to;
	} sizes[] = {
		{ "rows", &w->rows },
		{ "cols", &w->cols },
	};
	size_t i;

	w->rows = 24;
	w->cols = 80;
	for (i = 0; i < nitems(sizes); i++) {
		const struct json *one = json_get(v, sizes[i].name);

		if (one == NULL)
			continue;
		if (!json_int(one, sizes[i].to) || *sizes[i].to < 1 ||
		    *sizes[i].to > LIMIT_TTY_SIZE)
			return invalid(r, "`rows` and `cols` are 1 to 1000.");
	}
	return 0;
}

static int
plan_exec(struct request *r, const struct json *v, struct wish *w)
{
	const struct json *env = json_get(v, "env");

	buf_init(&w->args, LIMIT_ARGS);
	buf_init(&w->joined, LIMIT_ARGS);
	buf_init(&w->env, LIMIT_ENV);
	if (read_argv(r, v, w) != 0)
		return 1;
	if (env != NULL && (json_kind(env) != JSON_OBJECT ||
	    !json_each(env, add_env, w)))
		return invalid(r, "`env` must be an object of names and "
		    "strings.");
	if (json_is_true(json_get(v, "tty"))) {
		w->transport = TRANSPORT_PTY;
		return 0;
	}
	w->transport = TRANSPORT_PIPES;
	w->stdin_eof = !json_is_true(json_get(v, "stdin"));
	return 0;
}

/* A harness's own arguments; what it refuses is a launch that failed. */
static int
plan_harness(struct request *r, struct wish *w)
{
	char why[256] = "";

	w->launch.bypass = r->apid->bypass;
	if (harness_argv(w->harness, &w->launch, &w->args, &w->transport,
	    &w->stdin_data, &w->stdin_eof, why, sizeof(why)) == 0)
		return 0;
	answer_error(r, API_LAUNCH_FAILED, "%s", why);
	return 1;
}

static int
plan(struct request *r, const struct json *v, struct wish *w)
{
	if (read_size(r, v, w) != 0)
		return 1;
	if (strcmp(w->harness->id, HARNESS_EXEC) == 0)
		return plan_exec(r, v, w);
	return plan_harness(r, w);
}

/* Blank or absent: the prompt, or the command line. */
static int
read_title(struct request *r, const struct json *v, struct wish *w)
{
	const char *s = json_str(json_get(v, "title"), NULL);

	(void)r;
	if (s != NULL && s[strspn(s, " \t\r\n")] != '\0')
		w->title = s;
	else if (w->prompt != NULL)
		w->title = w->prompt;
	else
		w->title = buf_head(&w->joined);
	return 0;
}

/* Who the harness is to be.  A roster that cannot be read names nobody. */
static int
read_familiar(struct request *r, const struct json *v, struct wish *w)
{
	autofree char *id = json_trimmed(json_get(v, "familiarId"));

	if (id == NULL)
		return 0;
	if (r->apid->roster.bad != NULL) {
		answer_error(r, API_FAMILIAR_LOOKUP, "%s",
		    r->apid->roster.bad);
		return 1;
	}
	w->familiar = familiar_find(r->apid, id);
	if (w->familiar == NULL) {
		answer_error_with(r, API_UNKNOWN_FAMILIAR, "familiarId", id,
		    "Unknown familiar.");
		return 1;
	}
	familiar_preamble(w->familiar, &w->preamble);
	w->launch.system = buf_head(&w->preamble);
	return 0;
}

/* --- sending it --------------------------------------------------------- */

/* text is "id\tstep: cause". */
static void
launch_failed(struct request *r, const struct msg_reply *reply)
{
	autofree char *id = mem_strdup(reply->text);
	char *cause = strchr(id, '\t');

	if (cause == NULL) {
		answer_error(r, API_LAUNCH_FAILED, "%s", reply->text);
		return;
	}
	*cause++ = '\0';
	answer_error_with(r, API_LAUNCH_FAILED, "sessionId", id,
	    "Session could not be launched: %s", cause);
}

static void
on_launched(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	if (reply->code == STORE_OK)
		answer_launched(r, rows);
	else if (reply->code == STORE_LAUNCH_FAILED)
		launch_failed(r, reply);
	else
		answer_store_code(r, reply);
}

static struct msg_bin
bin_of(const struct buf *b)
{
	return (struct msg_bin){ buf_head(b), buf_left(b) };
}

static void
send_launch(struct request *r, const struct wish *w)
{
	struct msg_launch m = { .tag = r->tag,
	    .actor = request_actor(r) };
	struct msg_run_spec spec = {
		.harness = w->harness->id,
		.project_root = w->root,
		.cwd = w->cwd,
		.title = w->title,
		.prompt = w->prompt,
		.transport = w->transport,
		.args = bin_of(&w->args),
		.add_dirs = (uint32_t)w->launch.nadd_dirs,
		.env = bin_of(&w->env),
		.conversation_id = w->conversation_id,
		.familiar_id = w->familiar != NULL ? w->familiar->id : NULL,
		.labels = "[]",
		.stdin_data = bin_of(&w->stdin_data),
		.stdin_eof = (uint32_t)w->stdin_eof,
		.rows = (uint32_t)w->rows,
		.cols = (uint32_t)w->cols,
		.isolated = w->isolated,
		.workspace = w->workspace,
	};

	FAILPOINT("apid.before-launch");
	ask_with_record(r, MSG_LAUNCH, &m, MSG_RUN_SPEC, &spec, on_launched);
}

/* In the contract's order: the first that fails answers. */
/*
 * A paired token names the harnesses; how one is confined is no business of
 * its holder's.
 */
static int
read_grant(struct request *r, const struct json *v, struct wish *w)
{
	if (!auth_may_launch(r, w->harness->id)) {
		request_note(r, AUDIT_REFUSAL, "launch: not of this harness");
		answer_error(r, API_SCOPE,
		    "This token is not paired for launch:%s.",
		    w->harness->id);
		return 1;
	}
	if (json_has(v, "launchPolicy") && !auth_is_owner(r)) {
		request_note(r, AUDIT_REFUSAL, "launch: a policy");
		answer_error(r, API_SCOPE,
		    "A paired token may not bring a `launchPolicy`.");
		return 1;
	}
	return 0;
}

/* An extension: anything but a boolean is a mistake, and one that matters. */
static int
read_isolated(struct request *r, const struct json *v, struct wish *w)
{
	const struct json *one = json_get(v, "isolated");

	if (one != NULL && json_kind(one) != JSON_BOOL)
		return invalid(r, "`isolated` must be true or false.");
	w->isolated = json_is_true(one);
	return 0;
}

static step_fn *const steps[] = {
	read_binding,
	read_root,
	read_harness,
	read_grant,
	read_mode,
	read_policy,
	read_prompt,
	read_cwd,
	read_conversation,
	read_familiar,
	read_isolated,
	plan,
	read_title,
};

void
on_launch(struct request *r)
{
	autojson struct json *v = NULL;
	struct wish w = { 0 };
	size_t i;

	if (request_json(r, &v) != 0)
		return;
	for (i = 0; i < nitems(steps); i++)
		if (steps[i](r, v, &w) != 0)
			break;
	if (i == nitems(steps))
		send_launch(r, &w);
	wish_fini(&w);
}
