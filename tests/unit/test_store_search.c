/* The full-text index, and lists of sessions by what they are. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/buf.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "tests/unit/store_fixture.h"

/* --- short ways --- */

static void
commit(int r)
{
	assert_int_equal(r, 0);
	assert_int_equal(store_commit(st), 0);
}

static void
index_titles(void)
{
	bool more = true;

	while (more) {
		assert_int_equal(store_begin(st), 0);
		commit(store_index_titles(st, &more));
	}
}

/* Returns how many pieces it took. */
static unsigned
index_session(int64_t key)
{
	unsigned pieces = 0;
	bool more = true;

	while (more) {
		assert_int_equal(store_begin(st), 0);
		commit(store_index_session(st, key, &more));
		assert_true(++pieces < 1000);
	}
	return pieces;
}

static void
finish(int64_t key)
{
	struct store_end end = { .status = SESSION_COMPLETED, .time_ns = 1 };

	assert_int_equal(store_begin(st), 0);
	commit(store_end(st, key, &end));
}

static void
print(int64_t key, const char *text)
{
	autobuf struct buf b = { 0 };
	struct jw j;

	jw_init(&j, &b);
	jw_object(&j);
	jw_kstr(&j, "data", text);
	jw_object_end(&j);
	add_event(key, buf_head(&b));
}

struct found {
	char	text[256];
};

static int
collect(void *ctx, const struct msg_session_row *row)
{
	struct found *f = ctx;

	strcat(f->text, row->id);
	strcat(f->text, " ");
	return 0;
}

/* The ids that a search finds, or what is wrong with it. */
static const char *
search(const char *query)
{
	static struct found f;
	struct store_words words;
	struct store_list q = { .words = &words };
	int r = store_words(st, query, &words);

	if (r == WORDS_NONE)
		return "none";
	if (r == WORDS_MANY)
		return "many";
	assert_int_equal(r, 0);
	f.text[0] = '\0';
	assert_int_equal(store_list(st, &q, collect, &f), 0);
	return f.text;
}

/* --- what is found --- */

static void
words_are_found_in_titles_and_output(void **state)
{
	int64_t a = add_session("a", "2026-01", false);
	int64_t b = add_session("b", "2026-02", false);
	int64_t c = add_session("c", "2026-03", true);

	(void)state;
	(void)c;
	print(a, "Compiling \x1b[31mstore_event.c\x1b[0m: error");
	print(b, "the \xc3\x84rger of the error, again");
	index_titles();
	(void)index_session(a);
	(void)index_session(b);
	assert_string_equal(search("error"), "b a ");
	assert_string_equal(search("ERROR compiling"), "a ");
	assert_string_equal(search("store_event.c"), "a ");
	assert_string_equal(search("event"), "a ");
	assert_string_equal(search("\xc3\xa4rger"), "b ");
	assert_string_equal(search("arger"), "b ");
	assert_string_equal(search("31mstore"), "");
	assert_string_equal(search("nowhere"), "");
	assert_string_equal(search("t"), "c b a ");	/* the title */
	assert_string_equal(search("data"), "");
	/* A word may be in one event and the other in another. */
	print(a, "linking failed");
	(void)index_session(a);
	assert_string_equal(search("failed compiling"), "a ");
}

/* Whatever is typed, it is words: never the index's own language. */
static void
no_query_is_an_error(void **state)
{
	static const struct {
		const char	*query, *want;
	} rows[] = {
		{ "\"", "none" }, { "*", "none" }, { "a AND", "" },
		{ "--- ...", "none" }, { "", "none" },
		{ "NEAR(x y)", "" }, { "body:word", "" }, { "word*", "a " },
		{ "\"word\"", "a " }, { "word\" OR \"x", "" },
		{ "^word", "a " }, { "(word", "a " }, { "-word", "a " },
		{ "\xff\xfeword", "a " }, { "word word word", "a " },
		{ "1 2 3 4 5 6 7 8", "" }, { "1 2 3 4 5 6 7 8 9", "many" },
		{ "word \xf0\x9f\x90\x88", "a " },
	};
	int64_t a = add_session("a", "2026-01", false);
	size_t i;

	(void)state;
	print(a, "a word");
	index_titles();
	(void)index_session(a);
	for (i = 0; i < nitems(rows); i++)
		if (strcmp(search(rows[i].query), rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].query,
			    search(rows[i].query));
}

static const char *
list(const struct store_list *q)
{
	static struct found f;

	f.text[0] = '\0';
	assert_int_equal(store_list(st, q, collect, &f), 0);
	return f.text;
}

static void
lists_by_status_and_harness(void **state)
{
	struct msg_session_row row = { .id = "x", .project_root = "/p",
	    .harness = "codex", .title = "t", .status = "created",
	    .created_at = "2026-05", .updated_at = "2026-05" };
	int64_t key;

	(void)state;
	finish(add_session("a", "2026-01", false));
	(void)add_session("b", "2026-02", false);
	finish(add_session("c", "2026-03", false));
	assert_int_equal(store_begin(st), 0);
	commit(store_add_session(st, &row, NULL, &key));
	assert_string_equal(list(&(struct store_list){ .status =
	    "completed" }), "c a ");
	assert_string_equal(list(&(struct store_list){ .status =
	    "completed", .limit = 1 }), "c ");
	assert_string_equal(list(&(struct store_list){ .status = "live" }),
	    "x b ");
	assert_string_equal(list(&(struct store_list){ .status = "killed" }),
	    "");
	assert_string_equal(list(&(struct store_list){ .harness = "codex" }),
	    "x ");
	assert_string_equal(list(&(struct store_list){ .harness = "exec",
	    .status = "completed", .after_created = "2026-03",
	    .after_id = "c" }), "a ");
	assert_string_equal(list(&(struct store_list){ .harness = "" }),
	    "x c b a ");
}

/* --- how it grows --- */

/* Many small writes make few documents: the last one grows. */
static void
a_document_grows_until_it_is_full(void **state)
{
	int64_t a = add_session("a", "2026-01", false);
	char word[32];
	int i;

	(void)state;
	index_titles();
	for (i = 0; i < 200; i++) {
		(void)snprintf(word, sizeof(word), "word%d ", i);
		print(a, word);
		(void)index_session(a);
	}
	assert_string_equal(search("word0 word199"), "a ");
	store_close(st);
	assert_int_equal(sql_number("SELECT count(*) FROM search_docs"), 2);
	assert_int_equal(sql_run("INSERT INTO search (search, rank)"
	    " VALUES ('integrity-check', 1)"), SQLITE_OK);
	open_store();
}

/* Ten megabytes: the first of it and the last are found, and no more kept. */
static void
of_a_huge_session_the_ends_are_indexed(void **state)
{
	int64_t a = add_session("a", "2026-01", false);
	char *text = mem_alloc(40000);
	int i;

	(void)state;
	index_titles();
	for (i = 0; i < 250; i++) {
		memset(text, 'x', 39999);
		text[39999] = '\0';
		(void)snprintf(text, 64, " begin%d ", i);
		text[strlen(text)] = ' ';
		print(a, text);
	}
	(void)index_session(a);
	assert_string_equal(search("begin0"), "a ");
	assert_string_equal(search("begin20"), "a ");
	assert_string_equal(search("begin100"), "");
	assert_string_equal(search("begin249"), "");
	/* Nothing more until the end is known. */
	assert_int_equal(index_session(a), 1);
	finish(a);
	(void)index_session(a);
	assert_string_equal(search("begin249"), "a ");
	assert_string_equal(search("begin235"), "a ");
	assert_string_equal(search("begin100"), "");
	assert_int_equal(index_session(a), 1);
	store_close(st);
	assert_true(sql_number("SELECT sum(length(body)) FROM search_docs") <
	    4 * LIMIT_SEARCH_DOCS * LIMIT_SEARCH_DOC);
	assert_int_equal(sql_number("SELECT count(*) FROM search_state"
	    " WHERE phase < 3"), 0);
	open_store();
	free(text);
}

/* One piece is bounded, however much there is to read. */
static void
a_long_session_takes_several_pieces(void **state)
{
	int64_t a = add_session("a", "2026-01", false);
	int i;

	(void)state;
	index_titles();
	assert_int_equal(store_begin(st), 0);
	for (i = 0; i < 3 * LIMIT_SEARCH_EVENTS; i++)
		add_event_in(a, "{\"data\":\"x\"}");
	assert_int_equal(store_commit(st), 0);
	assert_int_equal(index_session(a), 3);
	assert_string_equal(search("xx"), "");
}

static void
a_restart_goes_on_where_it_was(void **state)
{
	int64_t a = add_session("a", "2026-01", false), keys[4];
	int64_t b = add_session("b", "2026-01", false);
	size_t n;

	(void)state;
	print(a, "one");
	index_titles();
	(void)index_session(a);
	finish(b);
	(void)index_session(b);
	print(a, " two");
	reopen();
	assert_string_equal(search("two"), "");
	assert_int_equal(store_index_open(st, INT64_MIN, keys, 4, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(keys[0], a);
	(void)index_session(a);
	assert_string_equal(search("one two"), "a ");
	store_close(st);
	assert_int_equal(sql_run("INSERT INTO search (search, rank)"
	    " VALUES ('integrity-check', 1)"), SQLITE_OK);
	open_store();
}

/* --- how it shrinks --- */

static void
what_is_deleted_is_not_found(void **state)
{
	int64_t a = add_session("a", "2026-01", false);
	int64_t b = add_session("b", "2026-02", false);
	bool more = true;

	(void)state;
	print(a, "secret word");
	print(b, "other word");
	index_titles();
	(void)index_session(a);
	(void)index_session(b);
	finish(a);
	assert_int_equal(store_begin(st), 0);
	commit(store_hide(st, a));
	assert_string_equal(search("secret"), "");
	while (more) {
		assert_int_equal(store_begin(st), 0);
		commit(store_purge(st, &more));
	}
	assert_string_equal(search("word"), "b ");
	store_close(st);
	assert_int_equal(sql_number("SELECT count(*) FROM search"
	    " WHERE search MATCH 'secret'"), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM search_docs"), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM search_state"), 1);
	assert_int_equal(sql_run("INSERT INTO search (search, rank)"
	    " VALUES ('integrity-check', 1)"), SQLITE_OK);
	open_store();
}

static void
what_is_too_old_is_forgotten_but_for_the_title(void **state)
{
	int64_t a = add_session("a", "2026-01", false);
	bool dropped = true;

	(void)state;
	print(a, "word");	/* the fixture's time is 1 */
	index_titles();
	(void)index_session(a);
	while (dropped) {
		assert_int_equal(store_begin(st), 0);
		commit(store_index_prune(st, 2, &dropped));
	}
	assert_string_equal(search("word"), "");
	assert_string_equal(search("t"), "a ");
}

/* --- what it costs --- */

static void
a_wide_search_is_given_up(void **state)
{
	int64_t a = add_session("a", "2026-01", false);
	const char *made;
	struct store_words words;
	struct store_list q = { .words = &words };
	struct found f = { "" };
	int r;

	(void)state;
	(void)a;
	store_close(st);
	/* As many documents as two hundred thousand sessions have. */
	made = "WITH RECURSIVE n(i) AS (SELECT 2000000 UNION ALL SELECT i + 1"
	    " FROM n WHERE i < 2600000) INSERT INTO search (rowid, body)"
	    " SELECT i * 1024, 'common' FROM n";
	assert_int_equal(sql_run(made), SQLITE_OK);
	open_store();
	assert_int_equal(store_words(st, "common", &words), 0);
	r = store_list(st, &q, collect, &f);
	/* A fast machine may find them all. */
	assert_true(r == 0 || r == -ETIME);
	/* And the next one is answered. */
	assert_string_equal(search("t"), "");
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, store_setup, \
	store_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(words_are_found_in_titles_and_output),
		CASE(no_query_is_an_error),
		CASE(lists_by_status_and_harness),
		CASE(a_document_grows_until_it_is_full),
		CASE(of_a_huge_session_the_ends_are_indexed),
		CASE(a_long_session_takes_several_pieces),
		CASE(a_restart_goes_on_where_it_was),
		CASE(what_is_deleted_is_not_found),
		CASE(what_is_too_old_is_forgotten_but_for_the_title),
		CASE(a_wide_search_is_given_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
