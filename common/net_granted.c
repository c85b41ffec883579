/* From a configuration to one session's named upstreams and their grants. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/conf.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/net_upstream.h"

#define ROUTES(...)	(const char *const[]){ __VA_ARGS__, NULL }

/*
 * Models that harnesses are built for: what one asks in a prompt, no more.  A
 * key opens its whole account to whoever can say any request with it.
 */
static const struct {
	const char		*name, *url;
	enum net_auth		 auth;
	const char		*key_env, *url_env, *url_path;
	const char *const	*routes;
} builtins[] = {
	{ "anthropic", "https://api.anthropic.com", NET_AUTH_API_KEY,
	    "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL", "", ROUTES(
	    "POST /v1/messages", "POST /v1/messages/count_tokens",
	    "GET /v1/models", "GET /v1/models/*") },
	{ "openai", "https://api.openai.com", NET_AUTH_BEARER,
	    "OPENAI_API_KEY", "OPENAI_BASE_URL", "/v1", ROUTES(
	    "POST /v1/responses", "POST /v1/responses/compact",
	    "POST /v1/chat/completions", "GET /v1/models",
	    "GET /v1/models/*") },
};

static size_t
builtin(const char *name)
{
	size_t i;

	for (i = 0; i < nitems(builtins); i++)
		if (strcmp(builtins[i].name, name) == 0)
			break;
	return i;
}

static const char *
or_else(const char *text, const char *other)
{
	return text != NULL ? text : other;
}

/* --- grants -------------------------------------------------------------- */

/* Is one of the entries of this part equal to text? */
static bool
lists(const struct conf_list *l, const char *part, const char *text)
{
	const char *entry;
	size_t at = 0;

	while ((entry = conf_part_next(l, part, &at)) != NULL)
		if (strcmp(entry, text) == 0)
			return true;
	return false;
}

static bool
in_projects(const struct conf_list *l, const char *grant, const char *root)
{
	const char *entry;
	size_t at = 0, n;

	if (conf_part_last(l, grant) == NULL)
		return true;
	while ((entry = conf_part_next(l, grant, &at)) != NULL) {
		for (n = strlen(entry); n > 1 && entry[n - 1] == '/'; n--)
			;
		if (strncmp(root, entry, n) == 0 && (root[n] == '\0' ||
		    root[n] == '/' || n == 1))
			return true;
	}
	return false;
}

/* The name before the tab of a list's i-th entry. */
static const char *
part_at(const struct conf_list *l, size_t i, char out[CONF_PART_MAX])
{
	size_t n = strcspn(l->v[i], "\t");

	if (n >= CONF_PART_MAX)
		n = CONF_PART_MAX - 1;
	memcpy(out, l->v[i], n);
	out[n] = '\0';
	return out;
}

static bool
is_granted(const struct conf *c, const struct net_who *who, const char *grant)
{
	return lists(&c->grant_harnesses, grant, who->harness) &&
	    in_projects(&c->grant_projects, grant, who->project);
}

/* The first grant for this upstream that the session gets, or "". */
static const char *
grant_for(const struct conf *c, const struct net_who *who, const char *name,
    char out[CONF_PART_MAX])
{
	const char *text;
	size_t i;

	for (i = 0; i < c->grant_upstream.n; i++) {
		text = conf_part_last(&c->grant_upstream,
		    part_at(&c->grant_upstream, i, out));
		if (text != NULL && strcmp(text, name) == 0 &&
		    is_granted(c, who, out))
			return out;
	}
	*out = '\0';
	return out;
}

/* --- upstreams ----------------------------------------------------------- */

static uint32_t
auth_of(const char *text, enum net_auth def)
{
	static const char *const names[NET_AUTH__COUNT] = {
		[NET_AUTH_BEARER] = "bearer",
		[NET_AUTH_API_KEY] = "x-api-key",
		[NET_AUTH_BASIC] = "basic",
	};
	size_t i;

	for (i = 0; text != NULL && i < nitems(names); i++)
		if (strcmp(names[i], text) == 0)
			return (uint32_t)i;
	return def;
}

static void
add(struct net_policy *p, const struct msg_net_upstream *m)
{
	if (net_upstream_add(p, m) < 0)
		log_warn("upstream %s: left out", m->name);
}

/* What every upstream's table may say of it. */
static void
fill(struct msg_net_upstream *m, const struct conf *c, const char *name,
    enum net_auth auth)
{
	m->auth = auth_of(conf_part_last(&c->upstream_auth, name), auth);
	m->user = or_else(conf_part_last(&c->upstream_user, name),
	    "x-access-token");
	m->ca = or_else(conf_part_last(&c->upstream_ca, name), "");
}

static void
add_git(struct net_policy *p, const struct conf *c, const struct net_who *who,
    const struct net_policy_row *row)
{
	struct msg_net_upstream m = { .host = row->rule.name,
	    .port = row->rule.low, .prefix = "", .from = row->from };
	char name[NET_HOST_MAX + 16], grant[CONF_PART_MAX];

	(void)snprintf(name, sizeof(name), row->rule.low == 443 ?
	    NET_GIT "%s" : NET_GIT "%s:%u", row->rule.name, row->rule.low);
	if (net_upstream_find(p, name, strlen(name)) != NULL)
		return;
	m.name = name;
	fill(&m, c, row->rule.name, NET_AUTH_BASIC);
	m.grant = grant_for(c, who, name, grant);
	m.key_env = m.url_env = m.url_path = "";
	add(p, &m);
}

static void
put_routes(struct buf *out, const struct conf *c, const char *name, size_t b)
{
	const char *const *r = b < nitems(builtins) ? builtins[b].routes :
	    NULL;
	const char *text;
	size_t at = 0;

	for (; r != NULL && *r != NULL; r++)
		(void)buf_add(out, *r, strlen(*r) + 1);
	while ((text = conf_part_next(&c->upstream_routes, name, &at)) != NULL)
		(void)buf_add(out, text, strlen(text) + 1);
}

static const char *
url_of(const struct conf *c, const char *name)
{
	size_t b = builtin(name);

	return or_else(conf_part_last(&c->upstream_url, name),
	    b < nitems(builtins) ? builtins[b].url : NULL);
}

static void
add_model(struct net_policy *p, const struct conf *c, const char *grant,
    const char *full)
{
	const char *name = full + strlen(NET_MODEL);
	const char *url = url_of(c, name);
	struct msg_net_upstream m = { .name = full, .grant = grant };
	char from[NET_FROM_MAX], text[NET_ADDR_TEXT + 2];
	autobuf struct buf routes = { .max = 32768 };
	size_t b = builtin(name);
	bool own = b < nitems(builtins);
	struct net_url u;

	if (url == NULL || net_url_parse(url, &u) < 0 ||
	    net_upstream_find(p, full, strlen(full)) != NULL)
		return;
	(void)snprintf(from, sizeof(from), "grant.%.64s", grant);
	m.from = from;
	m.host = u.host.name;
	if (u.host.literal) {
		char bare[NET_ADDR_TEXT];

		net_addr_text(&u.host.addr, bare);
		(void)snprintf(text, sizeof(text), u.host.addr.len == 16 ?
		    "[%s]" : "%s", bare);
		m.host = text;
	}
	m.port = u.port;
	m.prefix = u.path;
	fill(&m, c, name, own ? builtins[b].auth : NET_AUTH_BEARER);
	m.key_env = or_else(conf_part_last(&c->upstream_key_env, name),
	    own ? builtins[b].key_env : "");
	m.url_env = or_else(conf_part_last(&c->upstream_url_env, name),
	    own ? builtins[b].url_env : "");
	m.url_path = or_else(conf_part_last(&c->upstream_url_path, name),
	    own ? builtins[b].url_path : "");
	put_routes(&routes, c, name, b);
	m.routes = (struct msg_bin){ buf_head(&routes), buf_left(&routes) };
	add(p, &m);
}

void
net_upstream_collect(struct net_policy *p, const struct conf *c,
    const struct net_who *who)
{
	char grant[CONF_PART_MAX];
	const char *text;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->v[i].rule.kind == NET_FETCH ||
		    p->v[i].rule.kind == NET_PUSH)
			add_git(p, c, who, &p->v[i]);
	for (i = 0; i < c->grant_upstream.n; i++) {
		text = conf_part_last(&c->grant_upstream,
		    part_at(&c->grant_upstream, i, grant));
		if (text != NULL && strncmp(text, NET_MODEL,
		    strlen(NET_MODEL)) == 0 && is_granted(c, who, grant))
			add_model(p, c, grant, text);
	}
}

/* --- the whole of it ----------------------------------------------------- */

static int
fail(char *why, size_t len, const char *name, const char *text)
{
	(void)snprintf(why, len, "grant.%s: %s", name, text);
	return -EINVAL;
}

static const char *
first_of(const struct conf_list *l, const char *part)
{
	size_t at = 0;

	return or_else(conf_part_next(l, part, &at), "");
}

static int
check_grant(const struct conf *c, const char *name, char *why, size_t len)
{
	const char *up = conf_part_last(&c->grant_upstream, name);
	bool file = conf_part_last(&c->grant_file, name) != NULL;
	bool command = conf_part_last(&c->grant_command, name) != NULL;

	if (file == command)
		return fail(why, len, name, file ? "has a file and a "
		    "command: one of them" : "has no file and no command");
	if (command && *first_of(&c->grant_command, name) != '/')
		return fail(why, len, name, "has a command whose first word "
		    "is no absolute path");
	if (up == NULL)
		return fail(why, len, name, "names no upstream");
	if (conf_part_last(&c->grant_harnesses, name) == NULL)
		return fail(why, len, name, "names no harness");
	if (strncmp(up, NET_MODEL, strlen(NET_MODEL)) == 0 &&
	    url_of(c, up + strlen(NET_MODEL)) == NULL)
		return fail(why, len, name, "is for an upstream that has no "
		    "url");
	return 0;
}

int
net_upstream_check(const struct conf *c, char *why, size_t len)
{
	const struct conf_list *const lists_of[] = { &c->grant_upstream,
	    &c->grant_file, &c->grant_command, &c->grant_harnesses,
	    &c->grant_projects };
	char name[CONF_PART_MAX];
	size_t i, k;
	int r = 0;

	for (k = 0; k < nitems(lists_of); k++)
		for (i = 0; r == 0 && i < lists_of[k]->n; i++)
			r = check_grant(c, part_at(lists_of[k], i, name),
			    why, len);
	return r;
}
