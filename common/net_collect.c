/* From a configuration to one session's rules. */
#include <stdio.h>
#include <string.h>

#include "common/conf.h"
#include "common/harness.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/net_upstream.h"

#define HOSTS(...)	(const char *const[]){ __VA_ARGS__, "" }

/*
 * What the built-in harnesses ask for in one prompt and one login: their
 * models, their account, their own settings.  What their tools need (a forge,
 * a registry of packages) is the project's to say.
 */
static const struct {
	const char		*harness;
	const char *const	*hosts;
} builtins[] = {
	{ "codex", HOSTS("api.openai.com", "auth.openai.com", "chatgpt.com",
	    "ab.chatgpt.com") },
	{ "claude", HOSTS("api.anthropic.com", "claude.ai",
	    "console.anthropic.com", "platform.claude.com",
	    "mcp-proxy.anthropic.com", "statsig.anthropic.com") },
	{ "coven-code", HOSTS("api.anthropic.com", "claude.ai",
	    "console.anthropic.com", "platform.claude.com",
	    "api.openai.com", "auth.openai.com", "chatgpt.com") },
	{ "copilot", HOSTS("*.githubcopilot.com", "api.github.com",
	    "copilot-proxy.githubusercontent.com",
	    "copilot-telemetry.githubusercontent.com") },
};

const char *const *
net_builtin_hosts(const char *harness)
{
	size_t i;

	for (i = 0; i < nitems(builtins); i++)
		if (strcmp(builtins[i].harness, harness) == 0)
			return builtins[i].hosts;
	return NULL;
}

/* A row that the configuration's own check let through is a rule. */
static void
add(struct net_policy *p, enum net_kind kind, const char *text,
    const char *from)
{
	const char *why;

	if (net_policy_add(p, kind, text, from, &why) < 0)
		log_warn("network rule %s of %s: %s: left out", text, from,
		    why);
}

static void
add_all(struct net_policy *p, enum net_kind kind, const struct conf_list *l,
    const char *from)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		add(p, kind, l->v[i], from);
}

static void
add_harness(struct net_policy *p, enum net_kind kind,
    const struct conf_list *l, const char *harness, const char *key)
{
	char from[NET_FROM_MAX];
	const char *text;
	size_t at = 0;

	(void)snprintf(from, sizeof(from), "network.harness.%s.%s", harness,
	    key);
	while ((text = conf_part_next(l, harness, &at)) != NULL)
		add(p, kind, text, from);
}

/* Is the session's root this folder, or in it? */
static bool
covers(const char *folder, size_t n, const char *root)
{
	while (n > 1 && folder[n - 1] == '/')
		n--;
	return strncmp(root, folder, n) == 0 &&
	    (root[n] == '\0' || root[n] == '/' || n == 1);
}

static void
add_project(struct net_policy *p, enum net_kind kind,
    const struct conf_list *l, const char *root, const char *key)
{
	char from[NET_FROM_MAX];
	size_t i;

	for (i = 0; i < l->n; i++) {
		const char *tab = strchr(l->v[i], '\t');
		size_t n = tab != NULL ? (size_t)(tab - l->v[i]) : 0;

		if (n == 0 || !covers(l->v[i], n, root))
			continue;
		(void)snprintf(from, sizeof(from), "network.project.%s of "
		    "%.*s", key, (int)(n < 96 ? n : 96), l->v[i]);
		add(p, kind, tab + 1, from);
	}
}

static void
add_builtin(struct net_policy *p, const struct net_who *who)
{
	const char *const *h = net_builtin_hosts(who->harness);

	for (; h != NULL && **h != '\0'; h++)
		add(p, NET_ALLOW, *h, "built in");
}

static void
add_repositories(struct net_policy *p, const struct conf *c, const char *root)
{
	add_project(p, NET_FETCH, &c->net_project_git, root, "git");
	add_project(p, NET_PUSH, &c->net_project_push, root, "git_push");
	add_all(p, NET_FETCH, &c->net_git, "network.git");
	add_all(p, NET_PUSH, &c->net_push, "network.git_push");
}

void
net_policy_collect(struct net_policy *p, const struct conf *c,
    const struct net_who *who)
{
	/* Any command at all: what is meant for agents is not for it. */
	bool shared = strcmp(who->harness, HARNESS_EXEC) != 0 ||
	    strcmp(c->net_exec, "on") == 0;

	add_all(p, NET_DENY, &c->net_deny, "network.deny");
	add_harness(p, NET_DENY, &c->net_harness_deny, who->harness, "deny");
	add_project(p, NET_DENY, &c->net_project_deny, who->project, "deny");
	add_harness(p, NET_ALLOW, &c->net_harness_allow, who->harness,
	    "allow");
	add_harness(p, NET_ADDRESS, &c->net_harness_addresses, who->harness,
	    "addresses");
	add_harness(p, NET_FETCH, &c->net_harness_git, who->harness, "git");
	add_harness(p, NET_PUSH, &c->net_harness_push, who->harness,
	    "git_push");
	add_all(p, NET_ECH, &c->net_ech, "network.ech_outer");
	if (shared) {
		add_project(p, NET_ALLOW, &c->net_project_allow, who->project,
		    "allow");
		add_project(p, NET_ADDRESS, &c->net_project_addresses,
		    who->project, "addresses");
		add_all(p, NET_ALLOW, &c->net_allow, "network.allow");
		add_all(p, NET_ADDRESS, &c->net_addresses,
		    "network.addresses");
		add_repositories(p, c, who->project);
	}
	net_upstream_collect(p, c, who);
	if (who->builtin && strcmp(c->net_builtin, "on") == 0)
		add_builtin(p, who);
}
