/* Which project roots and working folders are let in, rule by rule. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "coven-monitor/root.h"

static char top[] = "/tmp/coven-root-XXXXXX";
static struct home home;
static struct owner owner;
static struct conf conf;
static const struct judge judge = { &home, &owner, &conf };

static char *
in_top(const char *rest)
{
	autobuf struct buf b = { 0 };

	(void)buf_addf(&b, "%s/%s", top, rest);
	return mem_strdup(buf_head(&b));
}

static void
make(const char *rest)
{
	autofree char *p = in_top(rest);

	assert_int_equal(mkdir(p, 0700), 0);
}

static void
make_link(const char *to, const char *rest)
{
	autofree char *p = in_top(rest), *t = in_top(to);

	assert_int_equal(symlink(to[0] == '/' ? to : t, p), 0);
}

static int
setup(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(top));
	make("home");
	make("home/.coven");
	make("home/work");
	make("home/work/sub");
	make("home/workshop");
	make("home/.claude");
	make("home/.claude/hooks");
	make("home/.claudette");
	make("home/.cache");
	make("denied");
	make("denied/inner");
	make_link("home/work", "link");
	make_link("home/workshop", "home/work/out");
	make_link("home/work/sub", "home/work/in");
	home = (struct home){ .path = in_top("home/.coven"), .fd = -1 };
	owner = (struct owner){ .uid = getuid(), .dir = in_top("home"),
	    .home = in_top("home") };
	(void)unsetenv("HOME");
	conf_init(&conf);
	return 0;
}

static int
teardown(void **state)
{
	autobuf struct buf b = { 0 };

	(void)state;
	conf_fini(&conf);
	free(home.path);
	free(owner.dir);
	free(owner.home);
	(void)buf_addf(&b, "rm -rf %s", top);
	return system(buf_head(&b)) == 0 ? 0 : -1;
}

static const struct {
	const char	*root, *cwd;
	enum run_code	 code;
	const char	*says;		/* a part of the sentence */
} cases[] = {
	{ "home/work", "", RUN_OK, "" },
	{ "link", "", RUN_OK, "" },
	{ "home/work", "sub", RUN_OK, "sub" },
	{ "home/work", "in", RUN_OK, "sub" },
	{ "home/work", "sub/..", RUN_OK, "" },
	{ "home/work", "out", RUN_CWD_OUTSIDE, "outside" },
	{ "home/work", "..", RUN_CWD_OUTSIDE, "outside" },
	{ "home/work", "../workshop", RUN_CWD_OUTSIDE, "outside" },
	{ "home/work", "nope", RUN_BAD_CWD, "failed to resolve cwd" },
	{ "nope", "", RUN_BAD_ROOT, "failed to resolve projectRoot" },
	{ "home", "", RUN_ROOT_REFUSED, "COVEN_HOME" },
	{ "home/.coven", "", RUN_ROOT_REFUSED, "COVEN_HOME" },
	{ "home/.claude", "", RUN_ROOT_REFUSED, "harness's own" },
	{ "home/.claude/hooks", "", RUN_ROOT_REFUSED, "harness's own" },
	{ "home/.cache", "", RUN_ROOT_REFUSED, "harness's own" },
	{ "home/.claudette", "", RUN_OK, "" },
	{ "denied", "", RUN_ROOT_REFUSED, "roots.deny" },
	{ "denied/inner", "", RUN_ROOT_REFUSED, "roots.deny" },
	{ "/", "", RUN_ROOT_REFUSED, "" },
	{ "/usr", "", RUN_ROOT_REFUSED, "system folder" },
	{ "/usr/bin", "", RUN_ROOT_REFUSED, "system folder" },
	{ "/etc", "", RUN_ROOT_REFUSED, "system folder" },
};

static void
rules(void **state)
{
	struct msg_conf_row deny = { .key = "roots.deny",
	    .type = CONF_TYPE_LIST };
	autofree char *path = in_top("denied");
	char why[1024];
	size_t i;

	(void)state;
	deny.text = path;
	assert_int_equal(conf_apply(&conf, &deny, CONF_OWNER, why), 0);
	for (i = 0; i < nitems(cases); i++) {
		autofree char *name = cases[i].root[0] == '/' ?
		    mem_strdup(cases[i].root) : in_top(cases[i].root);
		struct root r;
		enum run_code code;

		why[0] = '\0';
		code = root_open(&r, name, cases[i].cwd, &judge,
		    why, sizeof(why));
		if (code != cases[i].code)
			print_message("%s + %s: %s\n", name, cases[i].cwd, why);
		assert_int_equal(code, cases[i].code);
		if (code == RUN_OK) {
			assert_string_equal(r.cwd, cases[i].says);
			assert_null(strstr(r.path, "link"));
			root_close(&r);
		} else {
			assert_non_null(strstr(why, cases[i].says));
		}
	}
}

static void
a_relative_root_is_refused(void **state)
{
	struct root r;
	char why[1024];

	(void)state;
	assert_int_equal(root_open(&r, "home/work", "", &judge,
	    why, sizeof(why)), RUN_BAD_ROOT);
}

static void
allow_opens_what_deny_closed(void **state)
{
	struct msg_conf_row allow = { .key = "roots.allow",
	    .type = CONF_TYPE_LIST };
	autofree char *path = in_top("denied");
	char why[1024];
	struct root r;

	(void)state;
	allow.text = path;
	assert_int_equal(conf_apply(&conf, &allow, CONF_OWNER, why), 0);
	assert_int_equal(root_open(&r, path, "", &judge, why,
	    sizeof(why)), RUN_OK);
	root_close(&r);
}

static void
within_goes_by_components(void **state)
{
	(void)state;
	assert_true(path_within("/a/b", "/a"));
	assert_true(path_within("/a", "/a"));
	assert_true(path_within("/a/b", "/a/"));
	assert_true(path_within("/a", "/"));
	assert_false(path_within("/ab", "/a"));
	assert_false(path_within("/a", "/a/b"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules),
		cmocka_unit_test(a_relative_root_is_refused),
		cmocka_unit_test(allow_opens_what_deny_closed),
		cmocka_unit_test(within_goes_by_components),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
