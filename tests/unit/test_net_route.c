/* Named upstreams: which request is which route. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/net_upstream.h"

static const char routes[] = "POST /v1/messages\0GET /v1/models/*\0";

static void
add(struct net_policy *p, enum net_kind kind, const char *text)
{
	const char *why;

	assert_int_equal(net_policy_add(p, kind, text, "a test", &why), 0);
}

static void
upstream(struct net_policy *p, const char *name, const char *host,
    const char *prefix)
{
	struct msg_net_upstream m = { .name = name, .host = host, .port = 443,
	    .prefix = prefix, .user = "u", .grant = "", .ca = "",
	    .key_env = "", .url_env = "", .url_path = "", .from = "a test",
	    .routes = { routes, sizeof(routes) - 1 } };

	assert_int_equal(net_upstream_add(p, &m), 0);
}

static struct net_policy
policy(void)
{
	struct net_policy p = { 0 };

	add(&p, NET_FETCH, "git.example/team/read");
	add(&p, NET_FETCH, "git.example/all/*");
	add(&p, NET_PUSH, "git.example/team/write.git");
	upstream(&p, "git/git.example", "git.example", "");
	upstream(&p, "model/one", "api.example", "/base");
	return p;
}

#define INFO	"/info/refs?service=git-upload-pack"
#define PUSH	"/info/refs?service=git-receive-pack"

static void
requests_are_judged(void **state)
{
	static const struct {
		const char	*method, *target;
		int		 status;	/* 0: judged */
		bool		 allow;
	} rows[] = {
		{ "POST", "/model/one/v1/messages", 0, true },
		{ "POST", "/model/one/v1/messages?beta=true", 0, true },
		{ "GET", "/model/one/v1/models/a-1.2", 0, true },
		{ "GET", "/model/one/v1/messages", 0, false },
		{ "post", "/model/one/v1/messages", 0, false },
		{ "POST", "/model/one/v1/Messages", 0, false },
		{ "POST", "/model/one/base/v1/messages", 0, false },
		{ "GET", "/model/one/v1/models/a/b", 0, false },
		{ "GET", "/model/one/v1/models", 0, false },
		{ "GET", "/model/one/v1/models/", 400, false },
		{ "GET", "/model/one/", 400, false },
		{ "GET", "/model/one", 400, false },
		{ "GET", "/model/", 400, false },
		{ "GET", "/model//v1/models/a", 400, false },
		{ "GET", "/model/two/v1/models/a", 404, false },
		{ "GET", "/model/../git/x/y", 400, false },
		{ "GET", "/model/one/v1/models/..", 400, false },
		{ "GET", "/model/one/v1/models/.", 400, false },
		{ "GET", "/model/one/v1/models/...", 0, true },
		{ "GET", "/model/one/v1/models/%61", 400, false },
		{ "GET", "/model/one/v1/models/a%2fb", 400, false },
		{ "GET", "/model/one/v1/models/a;x", 400, false },
		{ "GET", "/model/one/v1/models/a\\b", 400, false },
		{ "GET", "/model/one/v1/models/a#b", 400, false },
		{ "GET", "/model/one/v1/models/a:1", 400, false },
		{ "GET", "/model/one/v1/models/a\x80", 400, false },
		{ "GET", "/model/one/v1/models/a?key=x", 400, false },
		{ "GET", "/model/one/v1/models/a?b&Access_Token=x", 400,
		    false },
		{ "GET", "/model/one/v1/models/a?monkey=x", 0, true },
		{ "GET", "/model/one/v1/models/a?%61=x", 400, false },
		{ "GET", "/model/one/v1/models/a?b?c", 400, false },
		{ "GET", "/git/git.example/team/read" INFO, 0, true },
		{ "GET", "/git/git.example/team/read.git" INFO, 0, true },
		{ "POST", "/git/git.example/team/read.git/git-upload-pack", 0,
		    true },
		{ "GET", "/git/git.example/team/read.git" PUSH, 0, false },
		{ "POST", "/git/git.example/team/read/git-receive-pack", 0,
		    false },
		{ "GET", "/git/git.example/team/write" INFO, 0, true },
		{ "GET", "/git/git.example/team/write" PUSH, 0, true },
		{ "POST", "/git/git.example/team/write.git/git-receive-pack",
		    0, true },
		{ "GET", "/git/git.example/all/x/y" INFO, 0, true },
		{ "GET", "/git/git.example/all" INFO, 0, false },
		{ "GET", "/git/git.example/allx/y" INFO, 0, false },
		{ "GET", "/git/git.example/team/readx" INFO, 0, false },
		{ "GET", "/git/git.example/team" INFO, 0, false },
		{ "GET", "/git/git.example/team/read.git.git" INFO, 0, false },
		{ "GET", "/git/git.example" INFO, 0, false },
		{ "POST", "/git/git.example/team/read" INFO, 0, false },
		{ "GET", "/git/git.example/team/read" INFO "&x=y", 0, false },
		{ "GET", "/git/git.example/team/read/info/refs", 0, false },
		{ "GET", "/git/git.example/team/read/HEAD", 0, false },
		{ "GET", "/git/git.example/team/../team/read" INFO, 400,
		    false },
		{ "GET", "/git/git.example//team/read" INFO, 400, false },
		{ "GET", "/git/GIT.example/team/read" INFO, 404, false },
		{ "GET", "/git/git.example:443/team/read" INFO, 404, false },
		{ "GET", "/git/git.example:80:81/team/read" INFO, 404, false },
	};
	struct net_policy p = policy();
	struct net_route r;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		int e = net_route(&p, rows[i].method, rows[i].target,
		    strlen(rows[i].target), &r, &why);

		if (e != rows[i].status ||
		    (e == 0 && r.verdict.allow != rows[i].allow))
			fail_msg("%s %s: %d", rows[i].method, rows[i].target,
			    e);
	}
	net_policy_fini(&p);
}

static void
what_denies_comes_first(void **state)
{
	struct net_policy p = policy();
	struct net_verdict v;
	struct net_route r;
	const char *why, *t = "/model/one/v1/messages";

	(void)state;
	add(&p, NET_DENY, "api.example");
	assert_int_equal(net_route(&p, "POST", t, strlen(t), &r, &why), 0);
	assert_false(r.verdict.allow);
	assert_string_equal(r.verdict.rule, "api.example");
	assert_int_equal(net_policy_url(&p, "https://api.example/base/v1/"
	    "messages", &v), 0);
	assert_false(v.allow);
	net_policy_fini(&p);
}

static void
a_served_host_is_no_tunnels(void **state)
{
	struct net_policy p = policy();
	struct net_verdict v;
	struct net_host h;

	(void)state;
	add(&p, NET_ALLOW, ".git.example:*");
	add(&p, NET_ALLOW, "www.example");
	assert_int_equal(net_host_parse("git.example", 11, &h), 0);
	assert_false(net_policy_host(&p, &h, 443, false).allow);
	assert_false(net_policy_host(&p, &h, 8443, false).allow);
	assert_int_equal(net_host_parse("www.example", 11, &h), 0);
	v = net_policy_host(&p, &h, 443, false);
	assert_true(v.allow);
	net_policy_fini(&p);
}

static void
urls_are_explained(void **state)
{
	static const struct {
		const char	*url, *why;
		bool		 allow;
	} rows[] = {
		{ "https://git.example/team/read", "fetch", true },
		{ "https://git.example/team/read.git/", "fetch", true },
		{ "https://git.example/team/write", "fetch and push", true },
		{ "https://git.example/other", "no rule names this repository",
		    false },
		{ "https://api.example/base/v1/messages", "a route", true },
		{ "https://api.example/v1/messages", NULL, false },
		{ "http://127.0.0.1:3128/model/one/v1/messages", "a route",
		    true },
		{ "http://127.0.0.1:3128/git/git.example/all/x" INFO, "fetch",
		    true },
	};
	struct net_policy p = policy();
	struct net_verdict v;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(net_policy_url(&p, rows[i].url, &v), 0);
		if (v.allow != rows[i].allow || (rows[i].why != NULL &&
		    strcmp(v.why, rows[i].why) != 0))
			fail_msg("%s: %s", rows[i].url, v.why);
	}
	net_policy_fini(&p);
}

static void
records_come_back(void **state)
{
	struct net_policy p = policy(), q = { 0 };
	autobuf struct buf b = { 0 };

	(void)state;
	assert_int_equal(net_policy_encode(&p, &b), 0);
	assert_int_equal(net_policy_decode(&q, buf_head(&b), buf_left(&b)),
	    0);
	assert_int_equal(q.n, p.n);
	assert_int_equal(q.nup, 2);
	assert_string_equal(q.up[1].row.prefix, "/base");
	assert_int_equal(q.up[1].row.routes.len, sizeof(routes) - 1);
	net_policy_fini(&p);
	net_policy_fini(&q);
}

static void
texts_are_checked(void **state)
{
	static const struct {
		bool		(*is)(const char *);
		const char	*text;
		bool		 good;
	} rows[] = {
		{ net_is_route, "GET /a/b", true },
		{ net_is_route, "POST /a/*/b", true },
		{ net_is_route, "GET /*", true },
		{ net_is_route, "GET /a*", false },
		{ net_is_route, "GET /a/**", false },
		{ net_is_route, "GET /", false },
		{ net_is_route, "GET a", false },
		{ net_is_route, "get /a", false },
		{ net_is_route, "/a", false },
		{ net_is_route, "GET /a/../b", false },
		{ net_is_route, "GET  /a", false },
		{ net_is_upstream, "model/a-b.1", true },
		{ net_is_upstream, "model/", false },
		{ net_is_upstream, "model/A", false },
		{ net_is_upstream, "model/a/b", false },
		{ net_is_upstream, "git/github.com", true },
		{ net_is_upstream, "git/github.com:8443", true },
		{ net_is_upstream, "git/1.2.3.4", false },
		{ net_is_upstream, "git/", false },
		{ net_is_upstream, "x/y", false },
	};
	static const struct {
		const char	*text;
		bool		 good;
	} urls[] = {
		{ "https://a.example", true }, { "https://a.example:1/x/y",
		    true }, { "https://[::1]:8443", true },
		{ "http://a.example", false }, { "https://a.example/", false },
		{ "https://a.example/x/", false }, { "https://u@a.example",
		    false }, { "https://a.example/x?y", false },
		{ "https://", false },
	};
	struct net_url u;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		if (rows[i].is(rows[i].text) != rows[i].good)
			fail_msg("%s", rows[i].text);
	for (i = 0; i < nitems(urls); i++)
		if ((net_url_parse(urls[i].text, &u) == 0) != urls[i].good)
			fail_msg("%s", urls[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_judged),
		cmocka_unit_test(what_denies_comes_first),
		cmocka_unit_test(a_served_host_is_no_tunnels),
		cmocka_unit_test(urls_are_explained),
		cmocka_unit_test(records_come_back),
		cmocka_unit_test(texts_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
