/* Rules from text, and what a session may reach by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/conf.h"
#include "common/mem.h"
#include "common/net_policy.h"

static void
hosts_are_names_or_literals(void **state)
{
	static const struct {
		const char	*text, *name;	/* NULL: refused; "": literal */
	} rows[] = {
		{ "example.com", "example.com" },
		{ "EXAMPLE.Com.", "example.com" }, { "localhost", "localhost" },
		{ "a_b.example", "a_b.example" }, { "x--y.z", "x--y.z" },
		{ "", NULL }, { ".", NULL }, { "..", NULL }, { "a..b", NULL },
		{ ".a", NULL }, { "a b", NULL }, { "a/b", NULL },
		{ "a@b", NULL }, { "a%2e", NULL }, { "\xc3\xa9.com", NULL },
		{ "127.1", NULL }, { "0x7f.1", NULL }, { "2130706433", NULL },
		{ "a.0x7f", NULL }, { "1.2.3.4", "" }, { "[::1]", "" },
		{ "::1", NULL }, { "[1.2.3.4]", NULL }, { "[::1", NULL },
		{ "[]", NULL }, { "1.2.3.4.", NULL }, { "01.2.3.4", NULL },
	};
	struct net_host h;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		int r = net_host_parse(rows[i].text, strlen(rows[i].text),
		    &h);

		if ((r == 0) != (rows[i].name != NULL) || (r == 0 &&
		    (h.literal != (*rows[i].name == '\0') ||
		    strcmp(h.name, rows[i].name) != 0)))
			fail_msg("%s: %d, %s", rows[i].text, r, h.name);
	}
	assert_int_equal(net_host_parse("a\0b", 3, &h), -22);
}

static void
long_names_are_refused(void **state)
{
	char text[300];
	struct net_host h;

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(net_host_parse(text, 63, &h), 0);
	assert_true(net_host_parse(text, 64, &h) < 0);
	text[60] = text[120] = text[180] = text[240] = '.';
	assert_int_equal(net_host_parse(text, 253, &h), 0);
	assert_true(net_host_parse(text, 254, &h) < 0);
}

static void
rules_are_checked(void **state)
{
	static const struct {
		enum net_kind	 kind;
		const char	*text;
		bool		 good;
	} rows[] = {
		{ NET_ALLOW, "example.com", true },
		{ NET_ALLOW, "*.example.com:8443", true },
		{ NET_ALLOW, ".example.com:1-65535", true },
		{ NET_ALLOW, "http://deb.example.com", true },
		{ NET_ALLOW, "a.example:*", true },
		{ NET_ALLOW, "localhost:8080", true },
		{ NET_ALLOW, "", false }, { NET_ALLOW, "*", false },
		{ NET_ALLOW, "*.com", false }, { NET_ALLOW, ".com", false },
		{ NET_ALLOW, "a.*.com", false }, { NET_ALLOW, "a:0", false },
		{ NET_ALLOW, "a:65536", false }, { NET_ALLOW, "a:9-8", false },
		{ NET_ALLOW, "a:", false }, { NET_ALLOW, "a:1-", false },
		{ NET_ALLOW, "https://a", false },
		{ NET_ALLOW, "a/path", false },
		{ NET_ALLOW, "127.0.0.1", false },
		{ NET_ALLOW, "[::1]", false },
		{ NET_DENY, "*", true }, { NET_DENY, "*:25", true },
		{ NET_DENY, "*.com", true },
		{ NET_ADDRESS, "127.0.0.1:8443", true },
		{ NET_ADDRESS, "10.0.0.0/8:443", true },
		{ NET_ADDRESS, "http://127.0.0.1:11434", true },
		{ NET_ADDRESS, "::1", true },
		{ NET_ADDRESS, "[::1]:8443", true },
		{ NET_ADDRESS, "[fd00::/8]:*", true },
		{ NET_ADDRESS, "example.com", false },
		{ NET_ADDRESS, "10.0.0.0/33", false },
		{ NET_ADDRESS, "0.0.0.0/0", false },
		{ NET_ADDRESS, "127.1", false },
	};
	struct net_rule r;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		if ((net_rule_parse(rows[i].kind, rows[i].text, &r, &why) ==
		    0) != rows[i].good)
			fail_msg("%s: %s", rows[i].text, rows[i].good ? why :
			    "is taken");
}

static void
add(struct net_policy *p, enum net_kind kind, const char *text)
{
	const char *why = "";

	if (net_policy_add(p, kind, text, "test", &why) < 0)
		fail_msg("%s: %s", text, why);
}

static void
fill(struct net_policy *p)
{
	add(p, NET_DENY, "bad.example.com");
	add(p, NET_DENY, "*:25");
	add(p, NET_ALLOW, "*.example.com");
	add(p, NET_ALLOW, ".both.org:8000-8001");
	add(p, NET_ALLOW, "exact.org");
	add(p, NET_ALLOW, "http://plain.org");
	add(p, NET_ALLOW, "mail.org:25");
	add(p, NET_ADDRESS, "127.0.0.1:8443");
	add(p, NET_ADDRESS, "http://127.0.0.2:80");
	add(p, NET_ADDRESS, "[fd00::/16]:443");
	add(p, NET_ECH, "outer.example");
}

static void
the_first_rule_decides(void **state)
{
	static const struct {
		const char	*url;
		bool		 allow;
		const char	*rule;
	} rows[] = {
		{ "https://a.example.com/x?y", true, "*.example.com" },
		{ "a.b.example.com", true, "*.example.com" },
		{ "A.EXAMPLE.COM.", true, "*.example.com" },
		{ "https://example.com", false, "" },
		{ "https://xexample.com", false, "" },
		{ "https://a.example.com.evil.org", false, "" },
		{ "https://bad.example.com", false, "bad.example.com" },
		{ "https://sub.bad.example.com", true, "*.example.com" },
		{ "https://a.example.com:8443", false, "" },
		{ "both.org:8000", true, ".both.org:8000-8001" },
		{ "x.both.org:8001", true, ".both.org:8000-8001" },
		{ "both.org:8002", false, "" }, { "both.org", false, "" },
		{ "exact.org", true, "exact.org" },
		{ "www.exact.org", false, "" },
		{ "http://exact.org", false, "" },
		{ "http://exact.org:443", false, "exact.org" },
		{ "http://plain.org", true, "http://plain.org" },
		{ "https://plain.org", false, "" },
		{ "https://plain.org:80", false, "http://plain.org" },
		{ "mail.org:25", false, "*:25" },
		{ "127.0.0.1:8443", true, "127.0.0.1:8443" },
		{ "127.0.0.1:8444", false, "" },
		{ "127.0.0.2:80", false, "http://127.0.0.2:80" },
		{ "http://127.0.0.2/x", true, "http://127.0.0.2:80" },
		{ "8.8.8.8", false, "" },
		{ "[fd00::1]", true, "[fd00::/16]:443" },
		{ "[fd01::1]", false, "" },
		{ "[::ffff:127.0.0.1]:8443", false, "" },
	};
	struct net_policy p = { 0 };
	struct net_verdict v;
	size_t i;

	(void)state;
	fill(&p);
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(net_policy_url(&p, rows[i].url, &v), 0);
		if (v.allow != rows[i].allow ||
		    strcmp(v.rule, rows[i].rule) != 0)
			fail_msg("%s: %d by \"%s\": %s", rows[i].url, v.allow,
			    v.rule, v.why);
	}
	assert_true(net_policy_url(&p, "https://", &v) < 0);
	assert_true(net_policy_url(&p, "ftp://exact.org", &v) < 0);
	assert_true(net_policy_url(&p, "https://u@exact.org", &v) < 0);
	net_policy_fini(&p);
}

static void
addresses_are_judged(void **state)
{
	static const struct {
		const char	*addr;
		uint16_t	 port;
		bool		 local, allow;
	} rows[] = {
		{ "1.1.1.1", 443, false, true },
		{ "1.1.1.1", 443, true, false },
		{ "127.0.0.1", 8443, true, true },
		{ "127.0.0.1", 443, true, false },
		{ "10.0.0.1", 443, false, false },
		{ "::ffff:1.1.1.1", 443, false, false },
		{ "fd00::5", 443, false, true },
		{ "2606:4700::1", 443, false, true },
	};
	struct net_policy p = { 0 };
	struct net_addr a;
	size_t i;

	(void)state;
	fill(&p);
	for (i = 0; i < nitems(rows); i++) {
		assert_int_equal(net_addr_parse(rows[i].addr, &a), 0);
		if (net_policy_addr(&p, &a, rows[i].port,
		    rows[i].local).allow != rows[i].allow)
			fail_msg("%s:%u", rows[i].addr, rows[i].port);
	}
	assert_true(net_policy_ech(&p, "outer.example", 443).allow);
	assert_false(net_policy_ech(&p, "exact.org", 443).allow);
	assert_false(net_policy_ech(&p, "", 443).allow);
	net_policy_fini(&p);
}

static void
a_policy_travels(void **state)
{
	struct net_policy p = { 0 }, q = { 0 };
	autobuf struct buf b = { 0 };
	size_t i;

	(void)state;
	assert_false(net_policy_reaches(&p));
	add(&p, NET_DENY, "*");
	assert_false(net_policy_reaches(&p));
	fill(&p);
	assert_true(net_policy_reaches(&p));
	assert_int_equal(net_policy_encode(&p, &b), 0);
	assert_int_equal(net_policy_decode(&q, buf_head(&b), buf_left(&b)),
	    0);
	assert_int_equal(p.n, q.n);
	for (i = 0; i < p.n; i++) {
		assert_memory_equal(&p.v[i].rule, &q.v[i].rule,
		    sizeof(p.v[i].rule));
		assert_string_equal(p.v[i].from, q.v[i].from);
	}
	net_policy_fini(&q);
	assert_true(net_policy_decode(&q, buf_head(&b), buf_left(&b) - 1) <
	    0);
	net_policy_fini(&q);
	net_policy_fini(&p);
}

/* --- from a configuration --- */

static void
set(struct conf *c, const char *key, enum conf_type type, const char *text)
{
	struct msg_conf_row row = { .key = key, .type = type, .text = text };
	char why[CONF_WHY_MAX] = "";

	if (conf_apply(c, &row, CONF_OWNER, why) != 0)
		fail_msg("%s = %s: %s", key, text, why);
}

static bool
reaches(const struct conf *c, const char *harness, const char *project,
    const char *url)
{
	struct net_who who = { .harness = harness, .builtin = true,
	    .project = project };
	struct net_policy p = { 0 };
	struct net_verdict v;

	net_policy_collect(&p, c, &who);
	assert_int_equal(net_policy_url(&p, url, &v), 0);
	net_policy_fini(&p);
	return v.allow;
}

static void
harness_and_project_have_their_own(void **state)
{
	static const char here[] = "/home/a/b.c", below[] = "/home/a/b.c/d";
	static const char beside[] = "/home/a/b.cd";
	struct conf c;

	(void)state;
	conf_init(&c);
	assert_true(reaches(&c, "codex", here, "api.openai.com"));
	assert_true(reaches(&c, "claude", here, "api.anthropic.com"));
	assert_false(reaches(&c, "codex", here, "api.anthropic.com"));
	assert_false(reaches(&c, "exec", here, "api.openai.com"));
	set(&c, "network.allow", CONF_TYPE_LIST, "all.org");
	set(&c, "network.harness.codex.allow", CONF_TYPE_LIST, "codex.org");
	set(&c, "network.harness.exec.allow", CONF_TYPE_LIST, "exec.org");
	set(&c, "network.project./home/a/b.c.allow", CONF_TYPE_LIST,
	    "here.org");
	set(&c, "network.harness.claude.deny", CONF_TYPE_LIST, "here.org");
	assert_true(reaches(&c, "codex", here, "all.org"));
	assert_true(reaches(&c, "codex", here, "codex.org"));
	assert_true(reaches(&c, "codex", here, "here.org"));
	assert_true(reaches(&c, "codex", below, "here.org"));
	assert_false(reaches(&c, "codex", beside, "here.org"));
	assert_false(reaches(&c, "claude", here, "here.org"));
	assert_false(reaches(&c, "claude", here, "codex.org"));
	assert_true(reaches(&c, "exec", here, "exec.org"));
	assert_false(reaches(&c, "exec", here, "all.org"));
	assert_false(reaches(&c, "exec", here, "here.org"));
	set(&c, "network.exec", CONF_TYPE_STR, "on");
	assert_true(reaches(&c, "exec", here, "all.org"));
	assert_true(reaches(&c, "exec", here, "here.org"));
	set(&c, "network.builtin", CONF_TYPE_STR, "off");
	assert_false(reaches(&c, "codex", here, "api.openai.com"));
	conf_fini(&c);
}

static void
keys_with_paths_are_checked(void **state)
{
	static const struct {
		const char	*key;
		bool		 good;
	} rows[] = {
		{ "network.project./a.allow", true },
		{ "network.project./.allow", true },
		{ "network.project./a.allow/b.allow", true },
		{ "network.project.a.allow", false },
		{ "network.project./a/../b.allow", false },
		{ "network.project./a\tb.allow", false },
		{ "network.project.allow", false },
		{ "network.harness.codex.allow", true },
		{ "network.harness./a.allow", false },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++)
		if ((conf_find(rows[i].key, NULL, 0) != NULL) != rows[i].good)
			fail_msg("%s", rows[i].key);
	assert_non_null(conf_find("network.project.@.allow", NULL, 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_are_names_or_literals),
		cmocka_unit_test(long_names_are_refused),
		cmocka_unit_test(rules_are_checked),
		cmocka_unit_test(the_first_rule_decides),
		cmocka_unit_test(addresses_are_judged),
		cmocka_unit_test(a_policy_travels),
		cmocka_unit_test(harness_and_project_have_their_own),
		cmocka_unit_test(keys_with_paths_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
