/* The key table: what is found, checked, applied, locked and printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bounds.h"
#include "common/conf.h"
#include "common/mem.h"

#define U32(k, n)	{ .key = k, .type = CONF_TYPE_U32, .number = n, \
			    .text = "" }
#define STR(k, s)	{ .key = k, .type = CONF_TYPE_STR, .text = s }
#define LIST(k, s)	{ .key = k, .type = CONF_TYPE_LIST, .text = s }
#define LOCK(k)		{ .key = k, .type = CONF_TYPE_LOCK, .text = "", \
			    .locked = 1 }

static const struct {
	const char		*name;
	struct msg_conf_row	 row;
	int			 outcome;
	const char		*why;	/* part of the sentence */
} checks[] = {
	{ "number", U32("server.max_connections", 16), 0, "" },
	{ "at the top", U32("server.max_connections", 65536), 0, "" },
	{ "too small", U32("server.max_connections", 15), CONF_BAD_VALUE,
	    "from 16 to 65536" },
	{ "too large", U32("server.max_connections", 65537), CONF_BAD_VALUE,
	    "from 16 to 65536" },
	{ "wraps to one in range", U32("server.max_connections",
	    (UINT64_C(1) << 32) + 16), CONF_BAD_VALUE, "from 16" },
	{ "wrong type", STR("server.max_connections", "16"), CONF_BAD_TYPE,
	    "a whole number" },
	{ "no such type", { .key = "pass_env", .type = 9, .text = "" },
	    CONF_BAD_TYPE, "a list of strings" },
	{ "a choice", STR("log.level", "debug"), 0, "" },
	{ "no choice", STR("log.level", "loud"), CONF_BAD_VALUE,
	    "error|warn|info|debug" },
	{ "part of a choice", STR("log.level", "in"), CONF_BAD_VALUE,
	    "one of" },
	{ "an empty choice", STR("log.level", ""), CONF_BAD_VALUE, "one of" },
	{ "a floor", STR("sandbox.minimum", "landlock"), 0, "" },
	{ "a floor that is none", STR("sandbox.minimum", "none"),
	    CONF_BAD_VALUE, "one of: namespaces" },
	{ "a path", LIST("roots.allow", "/srv/x y"), 0, "" },
	{ "relative", LIST("roots.allow", "srv"), CONF_BAD_VALUE,
	    "absolute" },
	{ "dots", LIST("roots.allow", "/srv/../etc"), CONF_BAD_VALUE,
	    "absolute" },
	{ "a dot at the end", LIST("roots.deny", "/srv/."), CONF_BAD_VALUE,
	    "absolute" },
	{ "dots in a name", LIST("roots.deny", "/srv/..x"), 0, "" },
	{ "a newline", LIST("roots.allow", "/srv\nx"), CONF_BAD_VALUE,
	    "control" },
	{ "a variable", LIST("pass_env", "MY_VAR1"), 0, "" },
	{ "not a variable", LIST("pass_env", "1X"), CONF_BAD_VALUE,
	    "variable" },
	{ "an assignment", LIST("pass_env", "X=1"), CONF_BAD_VALUE,
	    "variable" },
	{ "an empty entry", LIST("pass_env", ""), CONF_BAD_VALUE,
	    "variable" },
	{ "one harness", LIST("harness.codex.env", "X"), 0, "" },
	{ "an id with a dot", LIST("harness.my.tool.env", "X"), 0, "" },
	{ "an id in capitals", LIST("harness.Codex.env", "X"), CONF_UNKNOWN,
	    "not a key" },
	{ "the pattern itself", LIST("harness.*.env", "X"), CONF_UNKNOWN,
	    "not a key" },
	{ "one harness's number", U32("harness.codex.limits.processes", 16),
	    0, "" },
	{ "out of its range", U32("harness.codex.limits.processes", 15),
	    CONF_BAD_VALUE, "from 16 to 1048576" },
	{ "not a number", STR("harness.codex.limits.processes", "16"),
	    CONF_BAD_TYPE, "a whole number" },
	{ "near, of one harness", U32("harness.codex.limits.process", 16),
	    CONF_UNKNOWN, "`harness.codex.limits.processes`" },
	{ "locking the pattern", LOCK("harness.*.env"), 0, "" },
	{ "no id", LIST("harness..env", "X"), CONF_UNKNOWN, "not a key" },
	{ "near", U32("server.max_conections", 16), CONF_UNKNOWN,
	    "`server.max_connections`" },
	{ "near, in a pattern", LIST("harness.codex.envs", "X"), CONF_UNKNOWN,
	    "`harness.codex.env`" },
	{ "without its table", U32("max_live", 16), CONF_UNKNOWN,
	    "`session.max_live`" },
	{ "far", U32("colour", 16), CONF_UNKNOWN, "not a key" },
	{ "empty", U32("", 16), CONF_UNKNOWN, "not a key" },
};

static void
rows_are_checked(void **state)
{
	char why[CONF_WHY_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(checks); i++) {
		why[0] = '\0';
		print_message("    %s\n", checks[i].name);
		assert_int_equal(conf_check(&checks[i].row, why),
		    checks[i].outcome);
		assert_non_null(strstr(why, checks[i].why));
	}
}

static void
defaults_are_in_range(void **state)
{
	struct conf c;
	char why[CONF_WHY_MAX];
	const struct conf_key *k;
	size_t n, i;

	(void)state;
	k = conf_keys(&n);
	assert_int_equal(n, CONF_ID__COUNT);
	for (i = 0; i < n; i++) {
		struct msg_conf_row r = { .key = k[i].key, .type = k[i].type,
		    .number = k[i].def, .text = k[i].sdef };

		assert_true(strlen(k[i].key) <= CONF_KEY_MAX);
		if (k[i].part)
			continue;	/* it has none: everybody's holds */
		if (k[i].type != CONF_TYPE_LIST)
			assert_int_equal(conf_check(&r, why), 0);
		else
			assert_true(k[i].entry != ENTRY_NONE);
	}
	conf_init(&c);
	assert_int_equal(c.max_connections, 16384);
	assert_string_equal(c.log_level, "info");
	assert_int_equal(c.pass_env.n, 0);
	conf_fini(&c);
}

static int
apply(struct conf *c, struct msg_conf_row r, enum conf_source s)
{
	char why[CONF_WHY_MAX];

	return conf_apply(c, &r, s, why);
}

static void
rows_are_applied(void **state)
{
	struct msg_conf_row level = STR("log.level", "debug");
	struct msg_conf_row live = U32("session.max_live", 3);
	struct msg_conf_row a = LIST("harness.codex.env", "A");
	struct msg_conf_row b = LIST("harness.codex-x.env", "B");
	struct msg_conf_row deny = LIST("roots.deny", "/srv");
	struct conf c;
	size_t at = 0;

	(void)state;
	conf_init(&c);
	assert_int_equal(apply(&c, level, CONF_SYSTEM), 0);
	assert_int_equal(apply(&c, live, CONF_OWNER), 0);
	assert_int_equal(apply(&c, a, CONF_OWNER), 0);
	assert_int_equal(apply(&c, b, CONF_OWNER), 0);
	assert_int_equal(apply(&c, deny, CONF_SYSTEM), 0);
	deny.text = "/opt";
	assert_int_equal(apply(&c, deny, CONF_OWNER), 0);
	assert_string_equal(c.log_level, "debug");
	assert_int_equal(c.max_live, 3);
	assert_int_equal(c.roots_deny.n, 2);
	assert_string_equal(conf_part_next(&c.harness_env, "codex", &at), "A");
	assert_null(conf_part_next(&c.harness_env, "codex", &at));
	live.number = 0;
	assert_int_equal(apply(&c, live, CONF_OWNER), CONF_BAD_VALUE);
	assert_int_equal(c.max_live, 3);
	conf_fini(&c);
}

static void
locked_keys_stay(void **state)
{
	struct msg_conf_row deny = LIST("roots.deny", "/srv");
	struct msg_conf_row lock = LOCK("pass_env");
	struct msg_conf_row env = LIST("pass_env", "X");
	struct conf c;

	(void)state;
	conf_init(&c);
	deny.locked = 1;
	assert_int_equal(apply(&c, deny, CONF_OWNER), CONF_LOCKED);
	assert_int_equal(apply(&c, lock, CONF_OWNER), CONF_LOCKED);
	assert_int_equal(apply(&c, deny, CONF_SYSTEM), 0);
	assert_int_equal(apply(&c, lock, CONF_SYSTEM), 0);
	deny.locked = 0;
	assert_int_equal(apply(&c, deny, CONF_OWNER), CONF_LOCKED);
	assert_int_equal(apply(&c, env, CONF_OWNER), CONF_LOCKED);
	assert_int_equal(apply(&c, env, CONF_SYSTEM), 0);
	assert_int_equal(c.roots_deny.n, 1);
	conf_fini(&c);
}

static void
one_harness_has_its_own(void **state)
{
	struct msg_conf_row all = U32("limits.processes", 100);
	struct msg_conf_row own = U32("harness.codex.limits.processes", 50);
	struct msg_conf_row more = U32("harness.codex.limits.processes", 70);
	struct msg_conf_row lock = LOCK("limits.processes");
	struct bounds b;
	struct conf c;
	int set;

	(void)state;
	conf_init(&c);
	bounds_of(&c, "codex", &b, &set);
	assert_int_equal(b.processes, 4096);
	assert_int_equal(b.wall_s, 0);
	/* What is not given is most of the machine's. */
	assert_int_equal(set, 0);
	assert_true(b.memory_mib > 0);
	assert_int_equal(apply(&c, all, CONF_SYSTEM), 0);
	assert_int_equal(apply(&c, own, CONF_SYSTEM), 0);
	bounds_of(&c, "codex", &b, &set);
	assert_int_equal(b.processes, 50);
	bounds_of(&c, "claude", &b, &set);
	assert_int_equal(b.processes, 100);
	assert_int_equal(apply(&c, more, CONF_OWNER), 0);
	bounds_of(&c, "codex", &b, &set);
	assert_int_equal(b.processes, 70);
	/* Nobody goes around a lock by naming a harness. */
	assert_int_equal(apply(&c, lock, CONF_SYSTEM), 0);
	more.number = 90;
	assert_int_equal(apply(&c, more, CONF_OWNER), CONF_LOCKED);
	bounds_of(&c, "codex", &b, &set);
	assert_int_equal(b.processes, 70);
	conf_fini(&c);
}

static void
lists_are_bounded(void **state)
{
	struct msg_conf_row r = LIST("home.allow_fs", "nfs");
	struct conf c;
	int i;

	(void)state;
	conf_init(&c);
	for (i = 0; i < 16; i++)
		assert_int_equal(apply(&c, r, CONF_OWNER), 0);
	assert_int_equal(apply(&c, r, CONF_OWNER), CONF_FULL);
	conf_fini(&c);
}

/* A file of the source tree, as a string that the caller frees. */
static char *
read_source(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char path[4096], *text = mem_alloc(65536);
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s",
	    srcdir != NULL ? srcdir : ".", name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, 65535, f);
	text[n] = '\0';
	(void)fclose(f);
	return text;
}

static void
document_is_current(void **state)
{
	autofree char *text = NULL, *doc = read_source("doc/LIMITS.md");
	size_t len = 0;
	FILE *f;

	(void)state;
	f = open_memstream(&text, &len);
	assert_non_null(f);
	conf_dump(f);
	assert_int_equal(fclose(f), 0);
	assert_string_equal(doc, text);
}

static void
manual_has_every_key(void **state)
{
	autofree char *page = read_source("doc/coven.toml.5");
	const struct conf_key *k;
	char item[CONF_KEY_MAX + 16];
	size_t n, i;

	(void)state;
	k = conf_keys(&n);
	for (i = 0; i < n; i++) {
		/* One item for all that one harness has a number of. */
		bool number = k[i].part && k[i].type == CONF_TYPE_U32;

		(void)snprintf(item, sizeof(item), ".It Cm %s ", number ?
		    "harness.*.limits.*" : k[i].key);
		if (strstr(page, item) == NULL)
			fail_msg("%s is not in coven.toml(5)", k[i].key);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_are_checked),
		cmocka_unit_test(defaults_are_in_range),
		cmocka_unit_test(rows_are_applied),
		cmocka_unit_test(locked_keys_stay),
		cmocka_unit_test(one_harness_has_its_own),
		cmocka_unit_test(lists_are_bounded),
		cmocka_unit_test(document_is_current),
		cmocka_unit_test(manual_has_every_key),
	};

	/* How doc/LIMITS.md is made anew after a change to the tables. */
	if (argc == 2 && strcmp(argv[1], "--dump") == 0) {
		conf_dump(stdout);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
