/* What stored redacts before it writes: titles, and input however it comes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-stored/clean.h"
#include "redact/redact.h"
#include "tests/unit/redactor_fixture.h"
#include "tests/unit/stored_peers.h"

#define MARK	REDACTED
#define KEY	"Abcde12345fGhIj67890"

static char id[UUID_LEN];

/* --- input --- */

/* Payloads of one session, one after another, and what became of them. */
static const struct {
	const char	*name;
	const char	*in[4], *out[4];
} inputs[] = {
	{ "nothing", { OUT("ls -l\\n"), OUT("") },
	    { OUT("ls -l\\n"), OUT("") } },
	{ "whole", { OUT("export GH_TOKEN=hunter2\\n") },
	    { OUT("export GH_TOKEN=" MARK "\\n") } },
	{ "over two", { OUT("password=hun"), OUT("ter2 x") },
	    { OUT("password=" MARK), OUT(" x") } },
	{ "begun, and gone on", { OUT("sk-Abcde1234"), OUT("5fGh"),
	    OUT("Ij67890kl\\n"), OUT("ok") },
	    { OUT("sk-Abcde1234"), OUT(MARK), OUT("\\n"), OUT("ok") } },
	{ "an owner's pattern", { OUT("corp-12345678") }, { OUT(MARK) } },
	{ "other members", { "{\"data\":\"x\",\"password\":\"hunter2\"}" },
	    { "{\"data\":\"x\",\"password\":\"" MARK "\"}" } },
	{ "other members before", { "{\"token\":{\"data\":\"y\"},"
	    "\"data\":\"GH_TOKEN=z\",\"n\":\"sk-" KEY "\"}" },
	    { "{\"token\":\"" MARK "\",\"data\":\"GH_TOKEN=" MARK "\","
	    "\"n\":\"sk-" MARK "\"}" } },
	{ "no data", { "{\"eof\":true,\"secret\":7}" },
	    { "{\"eof\":true,\"secret\":\"" MARK "\"}" } },
	{ "an escape", { OUT("secret=\\\"a\\\"\\n") },
	    { OUT("secret=\\\"" MARK "\\\"\\n") } },
	{ "base64", { "{\"b64\":\"bHMgLWwK\"}" },
	    { "{\"b64\":\"bHMgLWwK\"}" } },
	/* "GH_TOKEN=hunter2\n" */
	{ "a secret in base64", { "{\"b64\":\"R0hfVE9LRU49aHVudGVyMgo=\"}" },
	    { OUT("GH_TOKEN=" MARK "\\n") } },
	{ "no base64", { "{\"b64\":\"?\"}" }, { OUT(MARK) } },
};

static void
input_is_clean(void **state)
{
	struct run run = { .stored = &w.stored };
	size_t i, k;

	(void)state;
	for (i = 0; i < nitems(inputs); i++) {
		for (k = 0; k < 4 && inputs[i].in[k] != NULL; k++) {
			size_t n = strlen(inputs[i].in[k]);
			autofree char *out = run_clean_input(&run,
			    inputs[i].in[k], &n);
			autofree char *text = mem_zalloc(n + 1, 1);

			memcpy(text, out, n);
			print_message("    %s %zu\n", inputs[i].name, k);
			assert_string_equal(text, inputs[i].out[k]);
		}
		redact_free(run.typed);
		run.typed = NULL;
	}
}

/* Whatever apid sends: bounded, and no crash. */
static void
input_is_bounded(void **state)
{
	static const char *const odd[] = { "{}", "{\"data\"}", "{\"data\":}",
	    "{\"data\":1}", "{\"data\":\"}", "{\"data\":\"\\\"}",
	    "{\"data\":{\"data\":\"GH_TOKEN=x\"}}", "{{{{[[[\"data\":\"x\"}",
	    "{\"data\":\"a\",\"data\":\"GH_TOKEN=x\"}", "{\"\\\"data\":\"}" };
	struct run run = { .stored = &w.stored };
	autobuf struct buf many = { 0 };
	autofree char *out = NULL;
	size_t i, n;

	(void)state;
	for (i = 0; i < nitems(odd); i++) {
		n = strlen(odd[i]);
		free(out);
		out = run_clean_input(&run, odd[i], &n);
		assert_true(n <= LIMIT_INPUT_EVENT);
		assert_null(memmem(out, n, "GH_TOKEN=x", 10));
	}
	(void)buf_adds(&many, "{\"data\":\"");
	for (i = 0; i < 190000; i++)
		(void)buf_adds(&many, "secret=x ");
	(void)buf_adds(&many, "\"}");
	n = buf_left(&many);
	free(out);
	out = run_clean_input(&run, buf_head(&many), &n);
	assert_int_equal(n, strlen(OUT(MARK)));
	assert_memory_equal(out, OUT(MARK), n);
	redact_free(run.typed);
}

/* The payload's program gets what was sent; the record does not. */
static void
only_the_record_is_redacted(void **state)
{
	static const char data[] = "password=hunter2\n";
	static const char payload[] = OUT("password=hunter2\\n");
	struct msg_input m = { .tag = ++w.tag, .id = id };
	struct msg_input_spec spec = { .data = { data, sizeof(data) - 1 },
	    .payload = { payload, sizeof(payload) - 1 } };
	struct msg_run_input_reply reply = { 0 };
	autobuf struct buf b = { 0 };
	struct got *g;

	(void)state;
	launch(&w.runner[0], "", id);
	m.tag = ++w.tag;
	peer_send_record(&w.apid, MSG_INPUT, &m, MSG_INPUT_SPEC, &spec);
	g = peer_expect(&w.runner[0], MSG_RUN_INPUT);
	assert_int_equal(memfd_read(g->fd, 100, &b), 0);
	assert_string_equal(buf_head(&b), data);
	reply.tag = g->m.run_input.tag;
	peer_send(&w.runner[0], MSG_RUN_INPUT_REPLY, &reply);
	expect_code(STORE_OK);
	expect_events(id, "input" OUT("password=" MARK "\\n"));
}

/* --- titles --- */

static void
expect_title(const char *want)
{
	struct got *g = peer_expect(&w.apid, MSG_REPLY);
	autobuf struct buf b = { 0 };
	union msg_any row;

	assert_int_equal(memfd_read(g->fd, LIMIT_BULK, &b), 0);
	assert_int_equal(msg_decode_exact(buf_head(&b), buf_left(&b),
	    MSG_SESSION_ROW, &row), 0);
	assert_string_equal(row.session_row.title, want);
}

static void
titles_are_clean(void **state)
{
	struct msg_external m = { .tag = ++w.tag };
	struct msg_ext_spec spec = { .id = "ext", .harness = "x",
	    .project_root = "/p", .title = "use sk-" KEY " and corp-12345678" };

	(void)state;
	peer_send_record(&w.apid, MSG_EXTERNAL, &m, MSG_EXT_SPEC, &spec);
	expect_title("use sk-" MARK " and " MARK);
}

/* A title that grows beyond what a row holds is cut, between characters. */
static void
a_long_title_is_cut(void **state)
{
	autobuf struct buf text = { 0 };
	autofree char *out = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < 1000; i++)
		(void)buf_adds(&text, "secret=\xc3\xa9 ");
	out = stored_clean_text(&w.stored, buf_head(&text), 8);
	assert_string_equal(out, "secret=[");
	free(out);
	out = stored_clean_text(&w.stored, "abcd\xc3\xa9", 5);
	assert_string_equal(out, "abcd");
}

/* --- without patterns nothing begins --- */

static void
no_service_without_patterns(void **state)
{
	struct msg_serve m = { 0 };

	(void)state;
	w.without_patterns = true;
	stored_up();
	peer_send(&w.monitor, MSG_SERVE, &m);
	peer_expect_end(&w.monitor);
	assert_true(w.lied);
}

#define SERVED(f)	cmocka_unit_test_setup_teardown(f, \
			    world_setup_serving, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SERVED(input_is_clean),
		SERVED(input_is_bounded),
		SERVED(only_the_record_is_redacted),
		SERVED(titles_are_clean),
		SERVED(a_long_title_is_cut),
		cmocka_unit_test_setup_teardown(no_service_without_patterns,
		    world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
