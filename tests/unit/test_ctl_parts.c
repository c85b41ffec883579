/* covenctl's parsers and writers: rows in, rows out. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/mem.h"
#include "covenctl/ctl.h"
#include "covenctl/jsonr.h"
#include "covenctl/reply.h"
#include "covenctl/text.h"

#define OK	"HTTP/1.1 200 OK\r\n"
#define CL2	"Content-Length: 2\r\n"

static const struct {
	const char	*name, *text;
	int		 want;
} replies[] = {
	{ "whole", OK CL2 "\r\n{}", 0 },
	{ "names in any case", OK "cOntent-length:2\r\n\r\n{}", 0 },
	{ "blank around the value", OK "Content-Length: \t2 \r\n\r\n{}", 0 },
	{ "no reason", "HTTP/1.1 200 \r\n" CL2 "\r\n{}", 0 },
	{ "empty", "", REPLY_SHORT },
	{ "half a head", OK "Content-Le", REPLY_SHORT },
	{ "half a body", OK CL2 "\r\n{", REPLY_SHORT },
	{ "a byte after the body", OK CL2 "\r\n{}x", REPLY_BAD },
	{ "no length", OK "\r\n{}", REPLY_BAD },
	{ "two lengths", OK CL2 CL2 "\r\n{}", REPLY_BAD },
	{ "two different lengths", OK CL2 "Content-Length: 3\r\n\r\n{}",
	    REPLY_BAD },
	{ "length is signed", OK "Content-Length: +2\r\n\r\n{}", REPLY_BAD },
	{ "length is hexadecimal", OK "Content-Length: 0x2\r\n\r\n{}",
	    REPLY_BAD },
	{ "length is empty", OK "Content-Length:\r\n\r\n{}", REPLY_BAD },
	{ "length over 8 MiB", OK "Content-Length: 8388609\r\n\r\n",
	    REPLY_BAD },
	{ "length that overflows", OK
	    "Content-Length: 18446744073709551618\r\n\r\n{}", REPLY_BAD },
	{ "transfer encoding", OK CL2 "Transfer-Encoding: identity\r\n\r\n{}",
	    REPLY_BAD },
	{ "HTTP/1.0", "HTTP/1.0 200 OK\r\n" CL2 "\r\n{}", REPLY_BAD },
	{ "four digits", "HTTP/1.1 2000 OK\r\n" CL2 "\r\n{}", REPLY_BAD },
	{ "an interim reply", "HTTP/1.1 100 Continue\r\n" CL2 "\r\n{}",
	    REPLY_BAD },
	{ "bare newlines", "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\n{}",
	    REPLY_BAD },
	{ "line without a colon", OK CL2 "nonsense\r\n\r\n{}", REPLY_BAD },
	{ "blank before the colon", OK "Content-Length : 2\r\n\r\n{}",
	    REPLY_BAD },
	{ "folded line", OK CL2 "X: a\r\n b\r\n\r\n{}", REPLY_BAD },
	{ "control byte", OK CL2 "X: a\001b\r\n\r\n{}", REPLY_BAD },
};

static void
replies_are_parsed_strictly(void **state)
{
	struct reply_head h;

	(void)state;
	for (size_t i = 0; i < nitems(replies); i++) {
		int rc = reply_parse(replies[i].text, strlen(replies[i].text),
		    &h);

		if (rc != replies[i].want)
			fail_msg("%s: %d", replies[i].name, rc);
		if (rc == REPLY_BAD)
			assert_non_null(h.why);
	}
	assert_int_equal(reply_parse(OK CL2 "\r\n{}", 40, &h), 0);
	assert_int_equal(h.status, 200);
	assert_int_equal(h.body_len, 2);
}

static void
reply_head_is_bounded(void **state)
{
	autobuf struct buf b = { 0 };
	struct reply_head h;

	(void)state;
	assert_int_equal(buf_adds(&b, OK "X: "), 0);
	while (buf_left(&b) <= REPLY_HEAD_MAX)
		assert_int_equal(buf_adds(&b, "aaaaaaaaaaaaaaaa"), 0);
	assert_int_equal(reply_parse(buf_head(&b), buf_left(&b), &h),
	    REPLY_BAD);
}

static const struct {
	const char	*name, *text;
	int		 want;
} documents[] = {
	{ "object", "{\"a\":[1,true,null,\"x\"]}", 0 },
	{ "number", "12", 0 },
	{ "space around", " {} \n", 0 },
	{ "empty", "", -EPROTO },
	{ "bytes after", "{} {}", -EPROTO },
	{ "cut", "{\"a\":", -EPROTO },
	{ "twice the same name", "{\"a\":1,\"a\":2}", -EPROTO },
	{ "twice, deep", "[{\"b\":{\"a\":1,\"a\":1}}]", -EPROTO },
	{ "twice, spelled differently", "{\"a\":1,\"\\u0061\":2}", -EPROTO },
	{ "NaN", "[NaN]", -EPROTO },
	{ "single quotes", "{'a':1}", -EPROTO },
	{ "newline in a string", "\"a\nb\"", -EPROTO },
	{ "not UTF-8", "\"\xff\"", -EPROTO },
	{ "comment", "/* */ {}", -EPROTO },
	{ "colon in a string", "{\"a\":\":\"}", 0 },
	{ "too deep", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]"
	    "]]]]]]]]]]]]]]]]]]]]]]]]]]", -EPROTO },
};

static void
json_is_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < nitems(documents); i++) {
		autojr struct jr *v = NULL;
		int rc = jr_parse(documents[i].text,
		    strlen(documents[i].text), &v);

		if (rc != documents[i].want)
			fail_msg("%s: %d", documents[i].name, rc);
	}
}

static void
json_members_have_their_kind(void **state)
{
	static const char text[] =
	    "{\"s\":\"a\",\"n\":5,\"z\":\"a\\u0000b\",\"t\":true,\"o\":{}}";
	autojr struct jr *v = NULL;
	int64_t n = 0;
	size_t len;

	(void)state;
	assert_int_equal(jr_parse(text, strlen(text), &v), 0);
	assert_string_equal(jr_kstr(v, "s"), "a");
	assert_null(jr_kstr(v, "n"));
	assert_null(jr_kstr(v, "z"));
	assert_non_null(jr_kstrn(v, "z", &len));
	assert_int_equal(len, 3);
	assert_true(jr_ki64(v, "n", &n));
	assert_int_equal(n, 5);
	assert_false(jr_ki64(v, "s", &n));
	assert_true(jr_ktrue(v, "t"));
	assert_false(jr_ktrue(v, "s"));
	assert_null(jr_get(v, "absent"));
	assert_null(jr_kstr(NULL, "s"));
	assert_null(jr_kstr(jr_get(v, "s"), "s"));
}

static const struct {
	const char	*name, *in, *out;
} texts[] = {
	{ "plain", "a b\tc\n", "a b\tc\n" },
	{ "UTF-8", "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "colour", "\033[1;31mx\033[0m", "\033[1;31mx\033[0m\033[0m" },
	{ "256 colours", "\033[38;5;200mx", "\033[38;5;200mx\033[0m" },
	{ "true colour", "\033[48;2;1;2;3mx", "\033[48;2;1;2;3mx\033[0m" },
	{ "conceal", "\033[8mx", "\\x1b[8mx" },
	{ "half a colour", "\033[38;5mx", "\\x1b[38;5mx" },
	{ "title", "\033]0;x\007", "\\x1b]0;x\\x07" },
	{ "clear", "\033[2J", "\\x1b[2J" },
	{ "C1 control", "\xc2\x9b" "2J", "\\u{9b}2J" },
	{ "right-to-left override", "\xe2\x80\xae", "\\u{202e}" },
	{ "not UTF-8", "\xff\xc3(", "\\xff\\xc3(" },
	{ "line end of a terminal", "a\r\nb", "a\nb" },
	{ "carriage return", "a\rb", "a\\rb" },
	{ "backspace, delete", "\b\177", "\\x08\\x7f" },
	{ "escape at the end", "x\033", "x\\x1b" },
	{ "cut sequence", "x\033[3", "x\\x1b[3" },
	{ "cut code point", "x\xe2\x82", "x\\xe2\\x82" },
};

/* The same however the bytes are cut into chunks. */
static void
text_is_escaped_for_a_terminal(void **state)
{
	(void)state;
	for (size_t i = 0; i < nitems(texts); i++)
		for (size_t step = 1; step < 8; step++) {
			size_t n = strlen(texts[i].in);
			autobuf struct buf out = { 0 };
			struct text_filter f = { 0 };

			for (size_t at = 0; at < n; at += step)
				text_filter(&f, texts[i].in + at,
				    n - at < step ? n - at : step, &out);
			text_filter_end(&f, &out);
			if (strcmp(buf_head(&out), texts[i].out) != 0)
				fail_msg("%s by %zu: %s", texts[i].name, step,
				    buf_head(&out));
		}
}

static void
long_sequences_are_not_held(void **state)
{
	struct text_filter f = { 0 };
	autobuf struct buf out = { 0 };

	(void)state;
	text_filter(&f, "\033[", 2, &out);
	for (int i = 0; i < 100; i++)
		text_filter(&f, "1;", 2, &out);
	assert_true(f.nheld < sizeof(f.held));
	text_filter_end(&f, &out);
	assert_int_equal(buf_left(&out), 4 + 1 + 200);
}

static void
a_line_is_one_line(void **state)
{
	static const char in[] = "a\nb\r\n\033[31mc\tgr\xc3\xbc";
	autobuf struct buf out = { 0 }, cut = { 0 };

	(void)state;
	text_line(&out, in, strlen(in), 100);
	assert_string_equal(buf_head(&out),
	    "a\\nb\\r\\n\\x1b[31mc gr\xc3\xbc");
	text_line(&cut, "gr\xc3\xbcn", 5, 3);
	assert_string_equal(buf_head(&cut), "gr...");
}

static void
other_terminals_get_ascii(void **state)
{
	static const char in[] = "gr\xc3\xbc\xc4\x9b \xe2\x82\xac \xff";
	static const char want[] = "gr\\u{fc}\\u{11b} \\u{20ac} \\xff";
	autobuf struct buf line = { 0 }, out = { 0 };
	struct text_filter f = { 0 };

	(void)state;
	text_ascii_only(true);
	text_line(&line, in, strlen(in), 100);
	text_filter(&f, in, 3, &out);		/* half of the u */
	text_filter(&f, in + 3, strlen(in) - 3, &out);
	text_filter_end(&f, &out);
	text_ascii_only(false);
	assert_string_equal(buf_head(&line), want);
	assert_string_equal(buf_head(&out), want);
}

/* What help, completion and the manual are made from. */
static void
verbs_say_what_they_are(void **state)
{
	const struct verb *v;
	size_t n;

	(void)state;
	v = verb_table(&n);
	for (size_t i = 0; i < n; i++) {
		autobuf struct buf b = { 0 };

		if (v[i].summary == NULL || v[i].args == NULL ||
		    v[i].help == NULL || v[i].run == NULL ||
		    v[i].help[strlen(v[i].help) - 1] != '.')
			fail_msg("%s: no help", v[i].name);
		ctl_help_verb(&v[i], &b);
		assert_non_null(strstr(buf_head(&b), v[i].summary));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(v[k].name, v[i].name);
	}
	for (size_t o = 0; o < OPT_COUNT; o++) {
		assert_non_null(opt_table()[o].name);
		assert_non_null(opt_table()[o].summary);
	}
}

/* A page for each verb, or group of two words, that names its options. */
static void
verbs_have_manual_pages(void **state)
{
	const char *dir = getenv("srcdir");
	const struct verb *v;
	size_t n;

	(void)state;
	v = verb_table(&n);
	for (size_t i = 0; i < n; i++) {
		char path[512], page[16384], want[64];
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/doc/covenctl-%.*s.1",
		    dir != NULL ? dir : ".", (int)strcspn(v[i].name, " "),
		    v[i].name);
		f = fopen(path, "r");
		if (f == NULL)
			fail_msg("%s has no page %s", v[i].name, path);
		page[fread(page, 1, sizeof(page) - 1, f)] = '\0';
		(void)fclose(f);
		for (size_t o = 0; o < OPT_COUNT; o++) {
			(void)snprintf(want, sizeof(want), "Fl -%s",
			    opt_table()[o].name);
			if ((v[i].opts & UINT64_C(1) << o) != 0 &&
			    strstr(page, want) == NULL)
				fail_msg("%s does not name --%s", path,
				    opt_table()[o].name);
		}
	}
}

static void
manual(char *page, size_t len)
{
	const char *dir = getenv("srcdir");
	char path[512];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/doc/covenctl.1",
	    dir != NULL ? dir : ".");
	f = fopen(path, "r");
	assert_non_null(f);
	page[fread(page, 1, len - 1, f)] = '\0';
	(void)fclose(f);
}

/* The item of covenctl.1 for a verb, up to the next one; NULL: none. */
static const char *
manual_item(const char *page, const char *name, size_t *len)
{
	char head[64];
	const char *at = page, *end;
	size_t n = (size_t)snprintf(head, sizeof(head), "\n.It Ic %s", name);

	while ((at = strstr(at, head)) != NULL && at[n] != ' ' &&
	    at[n] != '\n')
		at += n;
	if (at == NULL)
		return NULL;
	/* Items of one description stand in lines one after the other. */
	for (end = at + n; (end = strstr(end, "\n.It ")) != NULL; end++) {
		const char *line = strchr(end + 1, '\n');

		if (line != NULL && strncmp(line, "\n.It ", 5) != 0)
			break;
	}
	*len = end != NULL ? (size_t)(end - at) : strlen(at);
	return at;
}

/* The page of all verbs lists each with its options, and no others. */
static void
the_manual_lists_every_verb(void **state)
{
	const struct verb *v;
	static char page[65536];
	const char *at;
	size_t n, len = 0;

	(void)state;
	manual(page, sizeof(page));
	v = verb_table(&n);
	for (size_t i = 0; i < n; i++) {
		/* What run and exec share is described behind the verbs. */
		bool options = strcmp(v[i].name, "run") != 0 &&
		    strcmp(v[i].name, "exec") != 0;

		at = manual_item(page, v[i].name, &len);
		if (at == NULL)
			fail_msg("doc/covenctl.1 has no %s", v[i].name);
		for (size_t o = 0; o < OPT_COUNT; o++) {
			char want[64];
			const char *named;

			(void)snprintf(want, sizeof(want), "Fl -%s",
			    opt_table()[o].name);
			named = strstr(options ? at : page, want);
			if ((v[i].opts & UINT64_C(1) << o) != 0 &&
			    (named == NULL ||
			    (options && named > at + len)))
				fail_msg("doc/covenctl.1, %s: no --%s",
				    v[i].name, opt_table()[o].name);
		}
	}
	for (at = page; (at = strstr(at, "\n.It Ic ")) != NULL; at++) {
		const char *name = at + strlen("\n.It Ic ");
		size_t two, one = strcspn(name, " \n");

		two = name[one] == ' ' ? one + 1 +
		    strcspn(name + one + 1, " \n") : one;
		if (verb_find(name, one) == NULL &&
		    verb_find(name, two) == NULL)
			fail_msg("doc/covenctl.1: %.*s is no verb", (int)two,
			    name);
	}
}

static void
help_is_the_golden_file(void **state)
{
	const char *src = getenv("srcdir");
	autobuf struct buf b = { 0 };
	char path[4096], want[16384];
	int fd;
	ssize_t n;

	(void)state;
	ctl_help(&b);
	(void)snprintf(path, sizeof(path), "%s/tests/golden/covenctl-help.txt",
	    src != NULL ? src : ".");
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	n = read(fd, want, sizeof(want) - 1);
	(void)close(fd);
	assert_true(n > 0);
	want[n] = '\0';
	assert_string_equal(buf_head(&b), want);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_are_parsed_strictly),
		cmocka_unit_test(reply_head_is_bounded),
		cmocka_unit_test(json_is_read_strictly),
		cmocka_unit_test(json_members_have_their_kind),
		cmocka_unit_test(text_is_escaped_for_a_terminal),
		cmocka_unit_test(other_terminals_get_ascii),
		cmocka_unit_test(long_sequences_are_not_held),
		cmocka_unit_test(a_line_is_one_line),
		cmocka_unit_test(verbs_say_what_they_are),
		cmocka_unit_test(verbs_have_manual_pages),
		cmocka_unit_test(the_manual_lists_every_verb),
		cmocka_unit_test(help_is_the_golden_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
