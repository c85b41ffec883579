#include <stddef.h>
#include <string.h>

#include "common/harness_host.h"
#include "common/mem.h"

/* Paths are facts about the tools; what each is for stands beside it. */
#define PRIVATE_DIR(p)		{ p, STATE_PRIVATE, STATE_FOLDER, NULL }
#define COPY(p, absent)		{ p, STATE_COPY, STATE_FILE, absent }
#define RO_FILE(p, absent)	{ p, STATE_RO, STATE_FILE, absent }
#define RO_DIR(p)		{ p, STATE_RO, STATE_FOLDER, "" }
#define RO_FILE_IF_THERE(p)	{ p, STATE_RO, STATE_FILE, NULL }
#define RO_DIR_OR_SCRATCH(p)	{ p, STATE_RO_OR_SCRATCH, STATE_FOLDER, NULL }
#define LOGIN_FILE(p)		{ p, STATE_LOGIN, STATE_FILE, NULL }
#define LOGIN_DIR(p)		{ p, STATE_LOGIN, STATE_FOLDER, NULL }

const char *const harness_common_env[] = {
	"TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "LC_*", "TZ",
	NULL,
};

/* --- codex: CODEX_HOME is ~/.codex --- */

static const char *const codex_env[] = {
	"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORGANIZATION",
	"OPENAI_PROJECT", "!CODEX_HOME", "!CODEX_SQLITE_HOME", "CODEX_*", NULL,
};

static const char *const codex_keys[] = {
	"OPENAI_*", "CODEX_*", NULL,
};

static const struct harness_state codex_state[] = {
	/* sessions, history.jsonl, log, sqlite indexes, shell snapshots */
	PRIVATE_DIR(".codex"),
	/* codex replaces it by rename, which a mount point refuses: a token
	 * that expires inside is renewed for that session only */
	LOGIN_FILE(".codex/auth.json"),
	/* notify, mcp_servers, trust of projects, model providers */
	RO_FILE(".codex/config.toml", ""),
	RO_FILE(".codex/hooks.json", "{}\n"),
	RO_FILE(".codex/AGENTS.md", ""),
	RO_FILE(".codex/AGENTS.override.md", ""),
	RO_DIR(".codex/hooks"),
	RO_DIR(".codex/prompts"),
	RO_DIR(".codex/rules"),
	RO_DIR(".codex/agents"),
	RO_DIR(".codex/plugins"),
	/* codex installs its own skills here and logs an error where it
	 * cannot */
	RO_DIR_OR_SCRATCH(".codex/skills"),
};

static const char *const codex_set[] = { NULL };

static const char *const codex_read_only[] = { ".agents/skills", NULL };

/* --- claude --- */

static const char *const claude_env[] = {
	"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
	"ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL",
	"ANTHROPIC_DEFAULT_*", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_BETAS",
	"CLAUDE_CODE_OAUTH_TOKEN", "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
	"CLAUDE_CODE_EFFORT_LEVEL", "CLAUDE_CODE_SUBAGENT_MODEL",
	"CLAUDE_CODE_DISABLE_*", "DISABLE_TELEMETRY", "DISABLE_AUTOUPDATER",
	"DISABLE_ERROR_REPORTING", "MAX_THINKING_TOKENS", "API_TIMEOUT_MS",
	NULL,
};

static const char *const claude_keys[] = {
	"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
	"ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_OAUTH_TOKEN", NULL,
};

static const struct harness_state claude_state[] = {
	/* projects, sessions, todos, statsig, shell-snapshots, history,
	 * telemetry, backups */
	PRIVATE_DIR(".claude"),
	LOGIN_FILE(".claude/.credentials.json"),
	/* hooks, permissions, statusLine and apiKeyHelper commands */
	RO_FILE(".claude/settings.json", "{}\n"),
	RO_FILE(".claude/settings.local.json", "{}\n"),
	/* an organisation's settings, as last fetched */
	RO_FILE(".claude/remote-settings.json", "{}\n"),
	RO_FILE(".claude/keybindings.json", "{}\n"),
	RO_FILE(".claude/CLAUDE.md", ""),
	RO_DIR(".claude/hooks"),
	RO_DIR(".claude/plugins"),
	RO_DIR(".claude/commands"),
	RO_DIR(".claude/agents"),
	RO_DIR(".claude/skills"),
	RO_DIR(".claude/rules"),
	RO_DIR(".claude/workflows"),
	RO_DIR(".claude/output-styles"),
	/* trust of projects, MCP servers and counters in one file that every
	 * run rewrites, by a rename */
	COPY(".claude.json", "{\"hasCompletedOnboarding\":true}\n"),
};

static const char *const claude_set[] = {
	/* do not ask whether the project is trusted: the kernel decides */
	"CLAUDE_CODE_SANDBOXED=1",
	/* its program is read-only */
	"DISABLE_AUTOUPDATER=1",
	NULL,
};

/* A native installation keeps its versions here. */
static const char *const claude_read_only[] = { ".local/share/claude", NULL };

/* --- coven-code --- */

static const char *const coven_code_env[] = {
	"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
	"ANTHROPIC_MODEL", "OPENAI_API_KEY", "OPENAI_BASE_URL",
	"GOOGLE_API_KEY", "OPENROUTER_API_KEY",
	"!COVEN_CODE_HOME", "COVEN_CODE_*", NULL,
};

static const char *const coven_code_keys[] = {
	"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_BASE_URL",
	"OPENAI_API_KEY", "OPENAI_BASE_URL", "GOOGLE_API_KEY",
	"OPENROUTER_API_KEY", "COVEN_CODE_*", NULL,
};

static const struct harness_state coven_code_state[] = {
	PRIVATE_DIR(".coven-code"),
	LOGIN_FILE(".coven-code/auth.json"),
	LOGIN_FILE(".coven-code/oauth_tokens.json"),
	LOGIN_FILE(".coven-code/codex_tokens.json"),
	LOGIN_DIR(".coven-code/accounts"),
	RO_FILE(".coven-code/accounts.json", "{}\n"),
	RO_FILE(".coven-code/settings.json", "{}\n"),
	RO_FILE(".coven-code/remote-settings.json", "{}\n"),
	RO_FILE(".coven-code/keybindings.json", "{}\n"),
	RO_FILE(".coven-code/AGENTS.md", ""),
	RO_FILE(".coven-code/CLAUDE.md", ""),
	RO_DIR(".coven-code/hooks"),
	RO_DIR(".coven-code/plugins"),
	RO_DIR(".coven-code/commands"),
	RO_DIR(".coven-code/agents"),
	RO_DIR(".coven-code/skills"),
	RO_DIR(".coven-code/rules"),
	RO_DIR(".coven-code/output-styles"),
};

static const char *const coven_code_set[] = { NULL };

static const char *const coven_code_read_only[] = {
	".config/coven-code", NULL,
};

/* --- copilot --- */

static const char *const copilot_env[] = {
	"GH_TOKEN", "GITHUB_TOKEN", "GH_HOST",
	"!COPILOT_HOME", "!COPILOT_CACHE_HOME", "COPILOT_*", NULL,
};

static const char *const copilot_keys[] = {
	"GH_TOKEN", "GITHUB_TOKEN", "COPILOT_*", NULL,
};

static const struct harness_state copilot_state[] = {
	/* session-state, logs, command history */
	PRIVATE_DIR(".copilot"),
	/* logged-in users and trusted folders in one file that every run
	 * must be able to rewrite */
	COPY(".copilot/config.json", "{}\n"),
	RO_FILE(".copilot/settings.json", "{}\n"),
	RO_FILE(".copilot/permissions-config.json", "{}\n"),
	RO_FILE(".copilot/mcp-config.json", "{}\n"),
	RO_FILE(".copilot/lsp-config.json", "{}\n"),
	RO_FILE(".copilot/copilot-instructions.md", ""),
	RO_DIR(".copilot/instructions"),
	RO_DIR(".copilot/hooks"),
	RO_DIR(".copilot/agents"),
	RO_DIR(".copilot/skills"),
	RO_DIR(".copilot/extensions"),
	RO_DIR(".copilot/installed-plugins"),
	/* tokens of the editor extensions, which the CLI also takes; beside
	 * them lie commands that editors run */
	RO_FILE_IF_THERE(".config/github-copilot/apps.json"),
	RO_FILE_IF_THERE(".config/github-copilot/hosts.json"),
	/* the program unpacks itself here and runs what it finds */
	PRIVATE_DIR(".cache/copilot"),
};

static const char *const copilot_set[] = { NULL };

static const char *const copilot_read_only[] = { NULL };

#define HOST(name, prefix) {						\
	.id = name,							\
	.pass_env = prefix##_env,					\
	.key_env = prefix##_keys,					\
	.set_env = prefix##_set,					\
	.state = prefix##_state,					\
	.nstate = nitems(prefix##_state),				\
	.home_read_only = prefix##_read_only,				\
}

static const struct harness_host hosts[] = {
	HOST("codex", codex),
	HOST("claude", claude),
	HOST("coven-code", coven_code),
	HOST("copilot", copilot),
};

static const struct harness_told told[] = {
	/*
	 * Its own sandbox needs user namespaces, which no payload makes; its
	 * commands would all fail (ADR 0023).  What an administrator manages
	 * goes before the owner's settings.
	 */
	{ "codex", "/etc/codex/managed_config.toml",
	    "# Confined from outside, by coven: a second sandbox cannot be\n"
	    "# made in this one.\n"
	    "sandbox_mode = \"danger-full-access\"\n" },
};

const struct harness_told *
harness_told(size_t *n)
{
	*n = nitems(told);
	return told;
}

const struct harness_host *
harness_host(const char *id)
{
	size_t i;

	for (i = 0; i < nitems(hosts); i++)
		if (strcmp(hosts[i].id, id) == 0)
			return &hosts[i];
	return NULL;
}

const struct harness_host *
harness_hosts(size_t *n)
{
	*n = nitems(hosts);
	return hosts;
}

static bool
name_matches(const char *pattern, const char *name)
{
	size_t n = strlen(pattern);

	if (n > 0 && pattern[n - 1] == '*')
		return strncmp(pattern, name, n - 1) == 0;
	return strcmp(pattern, name) == 0;
}

bool
harness_env_listed(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (name_matches(*list + (**list == '!'), name))
			return **list != '!';
	return false;
}
