/* Secrets, wherever the text is cut, and what is none. */
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
#include "common/memfd.h"
#include "redact/compile.h"
#include "redact/redact.h"

#define TEN	"Abcde12345"
#define TWENTY	TEN "fGhIj67890"
#define FORTY	TWENTY "kLmNo13579pQrSt24680"
#define B64	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9"
#define R	REDACTED

struct row {
	const char	*what, *in, *out;
	/* what must not come out, and how many bytes of it may if the text
	 * stops in the middle of it for too long */
	const char	*secret;
	size_t		 leak;
};

static const struct row texts[] = {
	{ "plain", "nothing to see here\n", "nothing to see here\n", NULL, 0 },
	{ "empty", "", "", NULL, 0 },

	{ "sk", "key sk-" FORTY " end", "key sk-" R " end", FORTY, 11 },
	{ "sk twenty", "sk-" TWENTY, "sk-" R, TWENTY, 11 },
	{ "sk nineteen", "sk-" TEN "fGhIj6789 x", "sk-" TEN "fGhIj6789 x",
	    NULL, 0 },
	{ "sk inside a word", "task-" FORTY "\n", "task-" FORTY "\n", NULL,
	    0 },
	{ "sk twice", "sk-" TWENTY " sk-" FORTY "\n", "sk-" R " sk-" R "\n",
	    TWENTY, 11 },
	{ "sk-ant", "a sk-ant-api03-" TEN "_" TEN "-" TEN "\n",
	    "a sk-ant-" R "\n", "api03-" TEN "_" TEN "-" TEN, 11 },
	{ "sk-proj", "sk-proj-" TEN "_" TEN "\n", "sk-proj-" R "\n",
	    TEN "_" TEN, 11 },
	{ "ghp", "(ghp_" FORTY ")", "(ghp_" R ")", FORTY, 11 },
	{ "gho", "gho_" TWENTY ".", "gho_" R ".", TWENTY, 11 },
	{ "ghu", "ghu_" TWENTY, "ghu_" R, TWENTY, 11 },
	{ "ghs", "ghs_" TWENTY, "ghs_" R, TWENTY, 11 },
	{ "ghr", "ghr_" TWENTY, "ghr_" R, TWENTY, 11 },
	{ "ghx", "ghx_" TWENTY, "ghx_" TWENTY, NULL, 0 },
	{ "github_pat", "github_pat_" FORTY "\n", "github_pat_" R "\n", FORTY,
	    11 },

	{ "authorization", "Authorization: Bearer a.b-c_d~e+f/g==\r\nHost: x\n",
	    "Authorization: Bearer " R "\r\nHost: x\n", "a.b-c_d~e+f/g==",
	    0 },
	{ "basic", "authorization:basic dXNlcjpwYXNz\n",
	    "authorization:basic " R "\n", "dXNlcjpwYXNz", 0 },
	{ "curl", "curl -H 'Authorization: Bearer " TEN "' x",
	    "curl -H 'Authorization: Bearer " R "' x", TEN, 0 },
	{ "cookie", "Cookie: a=b; c=\"d e\"\nnext", "Cookie: " R "\nnext",
	    "a=b; c=\"d e\"", 0 },
	{ "set-cookie", "< Set-Cookie: sid=" TEN "; HttpOnly\r\n",
	    "< Set-Cookie: " R "\r\n", "sid=" TEN "; HttpOnly", 0 },

	{ "env", "OPENAI_API_KEY=hunter2\n", "OPENAI_API_KEY=" R "\n",
	    "hunter2", 0 },
	{ "env with more", "MY_ANTHROPIC_API_KEY = \"hunter 2\" x\n",
	    "MY_ANTHROPIC_API_KEY = \"" R "\" x\n", "hunter 2", 0 },
	{ "token", "GH_TOKEN='hunter2'; x", "GH_TOKEN='" R "'; x", "hunter2",
	    0 },
	{ "github token", "export GITHUB_TOKEN=hunter2 x",
	    "export GITHUB_TOKEN=" R " x", "hunter2", 0 },
	{ "npm", "NPM_TOKEN=hunter2\n", "NPM_TOKEN=" R "\n", "hunter2", 0 },
	{ "aws", "AWS_SECRET_ACCESS_KEY=hunter2\n",
	    "AWS_SECRET_ACCESS_KEY=" R "\n", "hunter2", 0 },
	{ "yaml", "db:\n  password: hunter2\n  user: bob\n",
	    "db:\n  password: " R "\n  user: bob\n", "hunter2", 0 },
	{ "refresh", "refresh-token:hunter2,b", "refresh-token:" R ",b",
	    "hunter2", 0 },
	{ "private key", "private_key=hunter2}", "private_key=" R "}",
	    "hunter2", 0 },
	{ "json in text", "{\"password\": \"hunter 2\", \"a\": 1}\n",
	    "{\"password\": \"" R "\", \"a\": 1}\n", "hunter 2", 0 },
	{ "json in json", "{\"x\":\"{\\\"secret\\\":\\\"hunter 2\\\"}\"}\n",
	    "{\"x\":\"{\\\"secret\\\":\\\"" R "\\\"}\"}\n", "hunter 2", 0 },
	{ "a quote in it", "password=\"hunter\\\"two\" x",
	    "password=\"" R "\" x", "hunter\\\"two", 4 },
	{ "compared", "if password == \"hunter2\":\n",
	    "if password == \"" R "\":\n", "hunter2", 0 },
	{ "go", "password := hunter2()\n", "password := " R "\n",
	    "hunter2()", 0 },
	{ "a prompt", "Password: \r\nWelcome\r\n",
	    "Password: \r\nWelcome\r\n", NULL, 0 },
	{ "a word", "the secret of it, a password policy\n",
	    "the secret of it, a password policy\n", NULL, 0 },
	{ "in place already", "password=" R "\n", "password=" R "\n", NULL,
	    0 },

	{ "gateway", "see https://api.gateway.example/x?y ok\n",
	    "see https://" R " ok\n", "api.gateway.example/x?y", 16 },
	{ "internal", "http://a/b/INTERNAL/c\n", "http://" R "\n",
	    "a/b/INTERNAL/c", 11 },
	{ "harmless", "https://example.org/private.\n",
	    "https://" R "\n", "example.org/private.", 18 },
	{ "public", "https://example.org/a gateway\n",
	    "https://example.org/a gateway\n", NULL, 0 },
	{ "query", "GET /x?a=1&token=hunter2&b=2 HTTP\n",
	    "GET /x?a=1&token=" R "&b=2 HTTP\n", "hunter2", 0 },
	{ "query of an address", "https://h/p?access_token=hunter2\n",
	    "https://h/p?access_token=" R "\n", "hunter2", 0 },
	{ "key", "?key=hunter2 ", "?key=" R " ", "hunter2", 0 },

	{ "pem", "-----BEGIN RSA PRIVATE KEY-----\n" B64 "\n" B64 "\nAg==\n"
	    "-----END RSA PRIVATE KEY-----\nafter\n",
	    "-----BEGIN RSA PRIVATE KEY-----" R "\nafter\n", B64, 15 },
	{ "pem, encrypted", "-----BEGIN PRIVATE KEY-----\n"
	    "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"
	    "0123456789ABCDEF\n\n" B64 "\n-----END PRIVATE KEY-----",
	    "-----BEGIN PRIVATE KEY-----" R, B64, 15 },
	{ "pem without end", "-----BEGIN PRIVATE KEY-----\n" B64 "\n" B64
	    "\n$ ls\na\nb\nc\nd\ne\nf\n", "-----BEGIN PRIVATE KEY-----" R
	    "\n$ ls\na\nb\nc\nd\ne\nf\n", B64, 15 },
	{ "pem numbered", "1 -----BEGIN EC PRIVATE KEY-----\n"
	    "2\xe2\x86\x92" B64 "\n3\xe2\x86\x92" B64 "\n"
	    "4\xe2\x86\x92-----END EC PRIVATE KEY-----\n5 x\n",
	    "1 -----BEGIN EC PRIVATE KEY-----" R "\n5 x\n", B64, 15 },
	{ "pem on one line", "K='-----BEGIN PRIVATE KEY-----\\n" B64
	    "\\n-----END PRIVATE KEY-----\\n'\n",
	    "K='-----BEGIN PRIVATE KEY-----" R "\\n'\n", B64, 15 },
	{ "no pem", "grep '-----BEGIN PRIVATE KEY-----' a\nb\nc\nd\ne\nf\n",
	    "grep '-----BEGIN PRIVATE KEY-----' a\nb\nc\nd\ne\nf\n", NULL,
	    0 },

	{ "extra", "a corp-12345678 b", "a " R " b", "corp-12345678", 13 },
	{ "extra, whole", "custom-sensitive-1234", R,
	    "custom-sensitive-1234", 21 },
	{ "extra that ends a word", "badge 1234567 ", "badge " R " ",
	    "1234567", 7 },
	{ "extra over lines", "<k>\none\ntwo\n</k>\n", R "\n", "one\ntwo",
	    15 },
	{ "extra, letters", "a zz\xc3\xa9\xc3\xa9z b", "a " R " b",
	    "zz\xc3\xa9\xc3\xa9z", 7 },
};

static const struct row jsons[] = {
	{ "member", "{\"a\":1,\"password\":\"hunter2\",\"b\":[2]}\n",
	    "{\"a\":1,\"password\":\"" R "\",\"b\":[2]}\n", "hunter2", 0 },
	{ "member, spaced", "{\"API-Key\" : \"hunter\\\"2\" }\n",
	    "{\"API-Key\" : \"" R "\" }\n", "hunter", 0 },
	{ "a number", "{\"secret\":12345,\"b\":2}\n",
	    "{\"secret\":\"" R "\",\"b\":2}\n", "12345", 0 },
	{ "null", "[{\"token\":null}]\n", "[{\"token\":\"" R "\"}]\n", NULL,
	    0 },
	{ "an object", "{\"client_secrets\":{\"a\":[\"}\",\"h2\"]},\"b\":2}",
	    "{\"client_secrets\":\"" R "\",\"b\":2}", "h2", 0 },
	{ "an array", "{\"x_token\":[\"hunter2\",{\"]\":1}]}\n",
	    "{\"x_token\":\"" R "\"}\n", "hunter2", 0 },
	{ "no secret's name", "{\"tokens\":5,\"max_tokens\":7}\n",
	    "{\"tokens\":5,\"max_tokens\":7}\n", NULL, 0 },
	{ "a value that is a name", "{\"a\":\"password\",\"b\":\"c\"}\n",
	    "{\"a\":\"password\",\"b\":\"c\"}\n", NULL, 0 },
	{ "two lines", "{\"token\":\"hunter2\"}\n{\"a\":\"hunter3\"}\n",
	    "{\"token\":\"" R "\"}\n{\"a\":\"hunter3\"}\n", "hunter2", 0 },
	{ "another line", "plain \"token\": 7\n[1]\n",
	    "plain \"token\": 7\n[1]\n", NULL, 0 },
	{ "in a string", "{\"t\":\"a sk-" FORTY "\",\"b\":\"c\"}\n",
	    "{\"t\":\"a sk-" R "\",\"b\":\"c\"}\n", FORTY, 11 },
	{ "behind an escape", "{\"t\":\"a\\nsk-" FORTY "\\nb\"}\n",
	    "{\"t\":\"a\\nsk-" R "\\nb\"}\n", FORTY, 11 },
	{ "to the end of an escaped line",
	    "{\"t\":\"Cookie: a\\\\b=\\\"c\\\"\\u0041\\nHost: x\",\"b\":1}\n",
	    "{\"t\":\"Cookie: " R "\\nHost: x\",\"b\":1}\n", "a\\\\b", 0 },
	{ "to the end of a string", "{\"t\":\"Cookie: abc\",\"b\":1}\n",
	    "{\"t\":\"Cookie: " R "\",\"b\":1}\n", "abc", 0 },
	{ "an escaped slash", "{\"u\":\"https:\\/\\/x.internal\\/y z\"}\n",
	    "{\"u\":\"https:\\/\\/" R " z\"}\n", "x.internal", 9 },
	{ "not outside of strings", "{\"my_tokens_token:\":17,\"b\":2}\n",
	    "{\"my_tokens_token:\":17,\"b\":2}\n", NULL, 0 },
	{ "a header without a value", "{\"a\":\"Cookie: \",\"b\":\"c\"}\n",
	    "{\"a\":\"Cookie: \",\"b\":\"c\"}\n", NULL, 0 },
	{ "pem", "{\"k\":\"-----BEGIN PRIVATE KEY-----\\n" B64 "\\n" B64
	    "\\n-----END PRIVATE KEY-----\\n\",\"b\":1}\n",
	    "{\"k\":\"-----BEGIN PRIVATE KEY-----" R "\\n\",\"b\":1}\n", B64,
	    15 },
	{ "pem without end", "{\"k\":\"-----BEGIN PRIVATE KEY-----\\n" B64
	    "\",\"b\":1}\n",
	    "{\"k\":\"-----BEGIN PRIVATE KEY-----" R "\",\"b\":1}\n", B64,
	    15 },
	{ "extra", "{\"a\":\"corp-12345678\",\"b\":1}\n",
	    "{\"a\":\"" R "\",\"b\":1}\n", "corp-12345678", 13 },
	{ "extra within a string", "{\"a\":\"x <k>\",\"b\":\"</k> y\"}\n",
	    "{\"a\":\"x " R "\",\"b\":\"" R " y\"}\n", NULL, 0 },
};

/* --- the patterns --- */

static const char *const extra[] = {
	"corp-[0-9]{8}", "custom-sensitive-[0-9]+", "\\b[0-9]{7}\\b",
	"(?s)<k>.*?</k>", "zz..+?z",
};

static void
refused(void *ctx, size_t index, const char *why)
{
	(void)ctx;
	print_error("pattern %zu: %s\n", index, why);
}

static struct redactor *
open_patterns(const char *const *v, size_t n)
{
	autobuf struct buf image = { 0 };
	struct redactor *r = NULL;
	char why[128] = "";
	autoclose int fd = -1;

	assert_int_equal(compile_patterns(v, n, &image, refused, NULL), 0);
	fd = memfd_make("patterns", buf_head(&image), buf_left(&image));
	assert_true(fd >= 0);
	if (redactor_open(&r, fd, why, sizeof(why)) != 0)
		fail_msg("%s", why);
	return r;
}

static int
set_up(void **state)
{
	*state = open_patterns(extra, nitems(extra));
	return 0;
}

static int
tear_down(void **state)
{
	redactor_free(*state);
	return 0;
}

/* --- one text, cut anyhow --- */

static void
feed(struct redact *t, const char *p, size_t n, struct buf *out)
{
	size_t before = buf_left(out);

	if (redact_feed(t, p, n, out)) {
		assert_int_equal(buf_left(out), before);
		(void)buf_add(out, p, n);
	}
}

static void
check(const struct row *row, const char *how, size_t at, const struct buf *out)
{
	if (strcmp(buf_head(out), row->out) != 0)
		fail_msg("%s, %s at %zu:\n%s\nwanted:\n%s", row->what, how, at,
		    buf_head(out), row->out);
}

static void
check_splits(struct redactor *r, const struct row *row, unsigned flags)
{
	size_t n = strlen(row->in), i, k;

	for (i = 0; i <= n; i++) {
		autobuf struct buf out = { 0 };
		struct redact *t = redact_new(r, flags);

		feed(t, row->in, i, &out);
		feed(t, row->in + i, n - i, &out);
		redact_end(t, &out);
		redact_free(t);
		check(row, "cut", i, &out);
	}
	for (k = 1; k <= 7; k++) {
		autobuf struct buf out = { 0 };
		struct redact *t = redact_new(r, flags);

		for (i = 0; i < n; i += k)
			feed(t, row->in + i, n - i < k ? n - i : k, &out);
		redact_end(t, &out);
		redact_free(t);
		check(row, "pieces", k, &out);
	}
}

/* No part of the secret that is longer than what may leak. */
static void
check_leak(const struct row *row, size_t at, const struct buf *out)
{
	size_t n = strlen(row->secret), i;
	char part[256];

	for (i = 0; i + row->leak < n; i++) {
		memcpy(part, row->secret + i, row->leak + 1);
		part[row->leak + 1] = '\0';
		if (strlen(part) > 1 && strstr(buf_head(out), part) != NULL &&
		    strstr(row->out, part) == NULL)
			fail_msg("%s, a pause at %zu: %s in\n%s", row->what,
			    at, part, buf_head(out));
	}
}

/* The text stops for longer than anybody waits. */
static void
check_pauses(struct redactor *r, const struct row *row, unsigned flags)
{
	size_t n = strlen(row->in), i;

	for (i = 0; i <= n && row->secret != NULL; i++) {
		autobuf struct buf out = { 0 };
		struct redact *t = redact_new(r, flags);

		feed(t, row->in, i, &out);
		redact_expire(t, &out);
		assert_false(redact_waits(t));
		feed(t, row->in + i, n - i, &out);
		redact_end(t, &out);
		redact_free(t);
		assert_true(i == 0 || strstr(buf_head(&out), R) != NULL);
		check_leak(row, i, &out);
	}
}

static void
test_rows(struct redactor *r, const struct row *rows, size_t n,
    unsigned flags)
{
	size_t i;

	for (i = 0; i < n; i++) {
		autobuf struct buf out = { 0 };

		redact_text(r, flags, rows[i].in, strlen(rows[i].in), &out);
		check(&rows[i], "whole", 0, &out);
		check_splits(r, &rows[i], flags);
		check_pauses(r, &rows[i], flags);
	}
}

static void
test_texts(void **state)
{
	test_rows(*state, texts, nitems(texts), 0);
}

static void
test_jsons(void **state)
{
	test_rows(*state, jsons, nitems(jsons),
	    REDACT_JSON | REDACT_MEMBERS);
}

/* All of it in one text: what one is does not change what the others are. */
static void
test_all_at_once(void **state)
{
	autobuf struct buf in = { 0 }, want = { 0 }, out = { 0 };
	size_t i;

	for (i = 0; i < nitems(texts); i++) {
		(void)buf_addf(&in, "%s\n\n\n\n\n\n\n", texts[i].in);
		(void)buf_addf(&want, "%s\n\n\n\n\n\n\n", texts[i].out);
	}
	redact_text(*state, 0, buf_head(&in), buf_left(&in), &out);
	for (i = 0; i < buf_left(&want); i++)
		if (buf_head(&out)[i] != buf_head(&want)[i])
			fail_msg("not %.60s", buf_head(&out) + i);
	assert_int_equal(buf_left(&out), buf_left(&want));
}

/* --- waiting --- */

static const struct {
	const char	*in;
	bool		 waits;
} prompts[] = {
	{ "$ ", false },
	{ "Password: ", false },
	{ "Overwrite? [y/N] ", false },
	{ "s", false },
	{ "sk", false },
	{ "sk-", false },
	{ "sk-a", true },
	{ "gh", false },
	{ "ghp_x", true },
	{ "password=", false },
	{ "password=x", false },
	{ "https://example.org", true },
	{ "https://example.org\n", false },
	{ "-----BEGIN PRIVATE KEY-----", false },
	{ "-----BEGIN PRIVATE KEY-----\nMII", true },
};

static void
test_prompts(void **state)
{
	static const char *const pattern[] = { "corp-[0-9]{8}" };
	struct redactor *r = open_patterns(pattern, 1);
	size_t i;

	(void)state;
	for (i = 0; i < nitems(prompts); i++) {
		autobuf struct buf out = { 0 };
		struct redact *t = redact_new(r, 0);

		feed(t, prompts[i].in, strlen(prompts[i].in), &out);
		if (redact_waits(t) != prompts[i].waits)
			fail_msg("%s", prompts[i].in);
		if (!prompts[i].waits &&
		    strstr(buf_head(&out), REDACTED) == NULL)
			assert_string_equal(buf_head(&out), prompts[i].in);
		redact_free(t);
	}
	redactor_free(r);
}

/* What an owner's pattern begins with, and what it does not. */
static const struct {
	const char	*pattern, *in;
	size_t		 waits;		/* bytes */
} beginnings[] = {
	{ "corp-[0-9]{4}", "x$ ", 0 },
	{ "corp-[0-9]{4}", "x c", 1 },
	{ "corp-[0-9]{4}", "x corp", 4 },
	{ "corp-[0-9]{4}", "x corp-12", 7 },
	{ "corp-[0-9]{4}", "x corpx", 0 },
	{ "corp-[0-9]{4}", "corp-\n", 0 },
	{ "(?i)ab(?:c|d{2,3}){1,2}e?f", "xABdd", 4 },
	{ "(?i)ab(?:c|d{2,3}){1,2}e?f", "xABcDDDE", 7 },
	{ "(?i)ab(?:c|d{2,3}){1,2}e?f", "xABcccc", 0 },
	{ "(?i)ab(?:c|d{2,3}){1,2}e?f", "xABe", 0 },
	{ "a[]x]+\\d{2,}?!", "ax]]12", 6 },
	{ "a[]x]+\\d{2,}?!", "ax]]12?", 0 },
	{ "^key (\\w+);", "1\nkey ab", 6 },
	{ "^key (\\w+);", "1 ke", 0 },
	{ "x\\by|\\$\\{z", "a ${", 2 },
	{ "x(y|)z", "xy", 2 },
	{ "x{,3}y", "x{,3", 4 },
	{ "a\\Qb\\E", "xx", 2 },	/* not understood: all of it */
	{ "(?<v>a)b", "xx", 2 },
};

static void
test_beginnings(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < nitems(beginnings); i++) {
		struct redactor *r = open_patterns(&beginnings[i].pattern, 1);
		struct redact *t = redact_new(r, 0);
		autobuf struct buf out = { 0 };
		size_t n = strlen(beginnings[i].in);

		feed(t, beginnings[i].in, n, &out);
		if (n - buf_left(&out) != beginnings[i].waits)
			fail_msg("%s in %s: %zu wait", beginnings[i].pattern,
			    beginnings[i].in, n - buf_left(&out));
		redact_free(t);
		redactor_free(r);
	}
}

/* What nobody wants to wait for is bounded. */
static void
test_bounded(void **state)
{
	static char block[100000];
	struct redact *t = redact_new(*state, 0);
	autobuf struct buf out = { 0 };
	size_t fed = 7;
	int i;

	memset(block, 'x', sizeof(block));
	feed(t, "http://", 7, &out);
	for (i = 0; i < 20; i++) {
		feed(t, block, 5000, &out);
		fed += 5000;
		assert_true(fed - buf_left(&out) <= REDACT_HELD);
	}
	feed(t, ".internal/hunter2 ", 18, &out);
	assert_null(strstr(buf_head(&out), "hunter2"));
	redact_free(t);

	/* a key is redacted as it streams, and is not without end */
	t = redact_new(*state, 0);
	buf_clear(&out);
	feed(t, "-----BEGIN PRIVATE KEY-----\n", 28, &out);
	for (i = 0; i < 6; i++)
		feed(t, block, 10000, &out);
	assert_string_equal(buf_head(&out), "-----BEGIN PRIVATE KEY-----"
	    REDACTED);
	feed(t, block, 10000, &out);
	redact_end(t, &out);
	assert_true(buf_left(&out) > 1000);
	redact_free(t);
}

/* Text without secrets is not copied. */
static void
test_passes(void **state)
{
	static const char text[] = "int internal(void);\nhttp://example.org/\n";
	struct redactor *r = open_patterns(NULL, 0);
	struct redact *t = redact_new(r, 0);
	autobuf struct buf out = { 0 };

	(void)state;
	assert_true(redact_feed(t, text, sizeof(text) - 1, &out));
	assert_int_equal(buf_left(&out), 0);
	redact_free(t);
	redactor_free(r);
}

/* --- patterns that are refused --- */

static const struct {
	const char	*pattern, *why;
} bad[] = {
	{ "(", "Missing close parenthesis" },
	{ "[a", "Unterminated character class" },
	{ "a*", "Pattern matches empty buffer" },
	{ "(a)\\1", "Back-references are unsupported" },
	{ "(?=a)b", "Zero-width assertion" },
};

static void
keep_why(void *ctx, size_t index, const char *why)
{
	(void)buf_addf(ctx, "%zu %s\n", index, why);
}

static void
test_refused(void **state)
{
	const char *three[] = { "fine", NULL, "fine too" };
	size_t i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		autobuf struct buf image = { 0 }, said = { 0 };

		three[1] = bad[i].pattern;
		assert_int_equal(compile_patterns(three, 3, &image, keep_why,
		    &said), COMPILE_BAD);
		if (buf_head(&said)[0] != '1' ||
		    strstr(buf_head(&said), bad[i].why) == NULL)
			fail_msg("%s: %s", bad[i].pattern, buf_head(&said));
	}
}

/* What is no image of ours is refused, not mapped. */
static void
test_no_image(void **state)
{
	static const char *const texts_of[] = { "", "x",
	    "0123456789012345678901234567890123456789012345678901234567890" };
	struct redactor *r = NULL;
	char why[128];
	size_t i;

	(void)state;
	for (i = 0; i < nitems(texts_of); i++) {
		autoclose int fd = memfd_make("x", texts_of[i],
		    strlen(texts_of[i]));

		assert_true(redactor_open(&r, fd, why, sizeof(why)) < 0);
		assert_null(r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_texts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_jsons, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_at_once, set_up,
		    tear_down),
		cmocka_unit_test(test_prompts),
		cmocka_unit_test(test_beginnings),
		cmocka_unit_test_setup_teardown(test_bounded, set_up,
		    tear_down),
		cmocka_unit_test(test_passes),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_no_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
