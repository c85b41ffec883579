/* What a request to a named upstream is for.  No I/O. */
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/net_upstream.h"

struct part {
	const char	*p;
	size_t		 n;
};

static bool
is(struct part s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static bool
begins(struct part s, const char *text)
{
	return s.n >= strlen(text) && memcmp(s.p, text, strlen(text)) == 0;
}

static struct net_verdict
no(const struct net_upstream *up, const char *why)
{
	return (struct net_verdict){ .rule = up->row.name,
	    .from = up->row.from, .why = why };
}

/* --- git ----------------------------------------------------------------- */

/* Smart HTTP has three requests; gitprotocol-http(5). */
static const struct {
	const char	*method, *end, *query;
	enum net_kind	 kind;
} services[] = {
	{ "GET", "/info/refs", "service=git-upload-pack", NET_FETCH },
	{ "POST", "/git-upload-pack", "", NET_FETCH },
	{ "GET", "/info/refs", "service=git-receive-pack", NET_PUSH },
	{ "POST", "/git-receive-pack", "", NET_PUSH },
};

static bool
ends(struct part s, const char *text, struct part *before)
{
	size_t n = strlen(text);

	if (s.n <= n || memcmp(s.p + s.n - n, text, n) != 0)
		return false;
	*before = (struct part){ s.p, s.n - n };
	return true;
}

static struct net_verdict
judge_repository(const struct net_policy *p, const struct net_upstream *up,
    enum net_kind kind, struct part repository)
{
	const struct net_policy_row *row;
	size_t i;

	for (i = 0; i < p->n; i++) {
		row = &p->v[i];
		/* Who pushes has to read first. */
		if (row->rule.kind != NET_PUSH && (kind == NET_PUSH ||
		    row->rule.kind != NET_FETCH))
			continue;
		if (net_rule_has_repository(&row->rule, &up->host,
		    (uint16_t)up->row.port, repository.p, repository.n))
			return (struct net_verdict){ .allow = true,
			    .rule = row->rule.text, .from = row->from,
			    .why = kind == NET_PUSH ? "push" : "fetch" };
	}
	return no(up, kind == NET_PUSH ?
	    "no rule lets this repository be pushed to" :
	    "no rule names this repository");
}

/* path has its slash. */
static struct net_verdict
judge_git(const struct net_policy *p, const struct net_upstream *up,
    const char *method, struct part path, struct part query)
{
	struct part repository;
	size_t i;

	for (i = 0; i < nitems(services); i++)
		if (strcmp(method, services[i].method) == 0 &&
		    is(query, services[i].query) &&
		    ends(path, services[i].end, &repository) &&
		    repository.n > 1)
			return judge_repository(p, up, services[i].kind,
			    (struct part){ repository.p + 1,
			    repository.n - 1 });
	return no(up, "git asks for nothing like this");
}

/* --- models -------------------------------------------------------------- */

static struct part
component(const char **p, const char *end)
{
	const char *slash = memchr(*p, '/', (size_t)(end - *p));
	struct part c = { *p, (size_t)((slash != NULL ? slash : end) - *p) };

	*p = slash != NULL ? slash + 1 : end + 1;
	return c;
}

/* pattern: "METHOD /a/ * /b"; any method where method is NULL. */
static bool
route_has(const char *pattern, const char *method, struct part path)
{
	const char *space = strchr(pattern, ' ');
	const char *a = space + 2, *aend = pattern + strlen(pattern);
	const char *b = path.p + 1, *bend = path.p + path.n;
	struct part want, got;

	if (method != NULL && ((size_t)(space - pattern) != strlen(method) ||
	    strncmp(pattern, method, strlen(method)) != 0))
		return false;
	while (a <= aend && b <= bend) {
		want = component(&a, aend);
		got = component(&b, bend);
		if (!is(want, "*") && (want.n != got.n ||
		    memcmp(want.p, got.p, want.n) != 0))
			return false;
	}
	return a > aend && b > bend;
}

static struct net_verdict
judge_model(const struct net_upstream *up, const char *method,
    struct part path)
{
	const char *p = up->row.routes.p, *end = p + up->row.routes.len;

	for (; p < end; p += strlen(p) + 1)
		if (route_has(p, method, path))
			return (struct net_verdict){ .allow = true,
			    .rule = p, .from = up->row.from,
			    .why = "a route" };
	return no(up, "no route of this upstream is like it");
}

/* --- the target ---------------------------------------------------------- */

/* A key in a query would be somebody else's. */
static bool
query_is_plain(struct part q)
{
	static const char *const keys[] = { "access_token=", "api_key=",
	    "api-key=", "apikey=", "key=", "token=", "auth=" };
	size_t i, k;

	for (i = 0; i < q.n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
		    "WXYZ0123456789._~-=&,:+", q.p[i]) == NULL ||
		    q.p[i] == '\0')
			return false;
	for (i = 0; i < q.n; i++)
		for (k = 0; (i == 0 || q.p[i - 1] == '&') &&
		    k < nitems(keys); k++)
			if (q.n - i >= strlen(keys[k]) && strncasecmp(q.p + i,
			    keys[k], strlen(keys[k])) == 0)
				return false;
	return true;
}

bool
net_route_takes(const char *target, size_t n)
{
	struct part t = { target, n };

	return begins(t, "/" NET_GIT) || begins(t, "/" NET_MODEL);
}

/* "git/HOST" or "model/NAME" at the start of the n bytes; 0: neither. */
static size_t
name_length(const char *p, size_t n)
{
	const char *slash = memchr(p, '/', n);

	if (slash != NULL)
		slash = memchr(slash + 1, '/', (size_t)(p + n - slash - 1));
	return slash != NULL ? (size_t)(slash - p) : 0;
}

int
net_route(const struct net_policy *p, const char *method, const char *target,
    size_t n, struct net_route *out, const char **why)
{
	const char *mark = memchr(target, '?', n);
	struct part path = { target, mark != NULL ? (size_t)(mark - target) :
	    n };
	struct part query = { target + path.n, 0 };
	struct net_route r = { 0 };
	size_t name, colon;

	if (mark != NULL)
		query = (struct part){ mark + 1, n - path.n - 1 };
	name = path.n > 1 ? name_length(path.p + 1, path.n - 1) : 0;
	/* A port's colon is part of a name, and of nothing else. */
	for (colon = 0; colon < name && target[1 + colon] != ':'; colon++)
		;
	if (name == 0 || n > LIMIT_NET_PATH ||
	    !net_path_is_plain(path.p + 1, colon) ||
	    !net_path_is_plain(path.p + 2 + name, path.n - 2 - name)) {
		*why = "the path has more than one spelling";
		return 400;
	}
	if (!query_is_plain(query)) {
		*why = "the query is not plain, or holds a key";
		return 400;
	}
	r.up = net_upstream_find(p, target + 1, name);
	if (r.up == NULL) {
		*why = "no upstream of this session has this name";
		return 404;
	}
	r.rest = 1 + name;
	path = (struct part){ path.p + r.rest, path.n - r.rest };
	r.verdict = strncmp(r.up->row.name, NET_GIT, strlen(NET_GIT)) == 0 ?
	    judge_git(p, r.up, method, path, query) :
	    judge_model(r.up, method, path);
	(void)net_policy_denies(p, &r.up->host, (uint16_t)r.up->row.port,
	    false, &r.verdict);
	*out = r;
	return 0;
}

/* --- as a URL ------------------------------------------------------------ */

/* Up to what is behind a repository's name, where that can be told. */
static size_t
repository_length(const char *path)
{
	static const char *const behind[] = { ".git/", "/info/refs",
	    "/git-upload-pack", "/git-receive-pack", "?", "#" };
	size_t i, n = strlen(path);
	const char *at;

	for (i = 0; i < nitems(behind); i++) {
		at = strstr(path, behind[i]);
		if (at != NULL && (size_t)(at - path) < n)
			n = (size_t)(at - path);
	}
	while (n != 0 && path[n - 1] == '/')
		n--;
	return n;
}

struct net_verdict
net_route_url(const struct net_policy *p, const struct net_upstream *up,
    const char *path)
{
	const char *prefix = up->row.prefix;
	size_t n = strcspn(path, "?#");
	struct net_verdict v;
	struct part repository;

	if (strncmp(up->row.name, NET_GIT, strlen(NET_GIT)) != 0) {
		if (strncmp(path, prefix, strlen(prefix)) != 0 ||
		    path[strlen(prefix)] != '/')
			return no(up, "no route of this upstream is like it");
		path += strlen(prefix);
		return judge_model(up, NULL, (struct part){ path,
		    n - strlen(prefix) });
	}
	n = repository_length(path);
	if (n < 2 || !net_path_is_plain(path + 1, n - 1))
		return no(up, "it names no repository");
	repository = (struct part){ path + 1, n - 1 };
	v = judge_repository(p, up, NET_PUSH, repository);
	if (!v.allow)
		return judge_repository(p, up, NET_FETCH, repository);
	v.why = "fetch and push";
	return v;
}
