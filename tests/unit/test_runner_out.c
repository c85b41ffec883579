/* From a payload's bytes to event payloads: nothing lost, nothing too big. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "coven-runner/out.h"
#include "tests/unit/runner_json.h"

static void
feed(struct out *o, unsigned stream, const char *s, size_t n, uint64_t at)
{
	memcpy(out_room(o, stream, n), s, n);
	out_fed(o, stream, n, at);
}

/* --- small cases: what is fed, what comes out --- */

#define O	OUT_STDOUT
#define E	OUT_STDERR

/* "\1" in front: end of the stream.  Feeds in order, all events in order. */
struct example {
	const char	*name;
	enum transport	 transport;
	struct {
		unsigned	 stream;
		const char	*text;
	} in[5];
	const char	*events[4];
};

#define END	"\1"

static const struct example examples[] = {
	{ "plain text", TRANSPORT_PTY, { { O, "hi\r\n" } },
	    { "{\"data\":\"hi\\r\\n\"}" } },
	{ "every escape", TRANSPORT_PIPES,
	    { { O, "\b\f\n\r\t\"\\/\x1f\x7f\x02" } },
	    { "{\"data\":\"\\b\\f\\n\\r\\t\\\"\\\\/\\u001f\x7f\\u0002\"}" } },
	{ "eight bytes and a quote", TRANSPORT_PIPES,
	    { { O, "abcdefgh\"ijklmnop" } },
	    { "{\"data\":\"abcdefgh\\\"ijklmnop\"}" } },
	{ "stderr is named", TRANSPORT_PIPES, { { E, "oops\n" } },
	    { "{\"data\":\"oops\\n\",\"stream\":\"stderr\"}" } },
	{ "adjacent output is one event", TRANSPORT_PIPES,
	    { { O, "a" }, { O, "b" }, { O, "c" } },
	    { "{\"data\":\"abc\"}" } },
	{ "the older stream goes first", TRANSPORT_PIPES,
	    { { E, "1" }, { O, "2" }, { E, "3" } },
	    { "{\"data\":\"13\",\"stream\":\"stderr\"}",
	      "{\"data\":\"2\"}" } },
	{ "half a code point waits", TRANSPORT_PIPES,
	    { { O, "a\xe2\x82" } }, { "{\"data\":\"a\"}" } },
	{ "its other half completes it", TRANSPORT_PIPES,
	    { { O, "a\xe2\x82" }, { O, "\xac" "b" } },
	    { "{\"data\":\"a\xe2\x82\xac" "b\"}" } },
	{ "at the end it is bytes", TRANSPORT_PIPES,
	    { { O, "a\xe2\x82" }, { O, END } },
	    { "{\"data\":\"a\xef\xbf\xbd\",\"b64\":\"YeKC\"}" } },
	{ "bytes of stderr", TRANSPORT_PIPES, { { E, "\xff" "a" } },
	    { "{\"data\":\"\xef\xbf\xbd" "a\",\"b64\":\"/2E=\","
	      "\"stream\":\"stderr\"}" } },
	{ "surrogate halves are bytes", TRANSPORT_PIPES,
	    { { O, "\xed\xa0\x80" } },
	    { "{\"data\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
	      "\"b64\":\"7aCA\"}" } },
	{ "a JSON line waits for its newline", TRANSPORT_STREAM,
	    { { O, "{\"a\":1}\n{\"b" } },
	    { "{\"data\":\"{\\\"a\\\":1}\\n\"}" } },
	{ "or for the end", TRANSPORT_STREAM,
	    { { O, "{\"a\":1}\n{\"b" }, { O, END } },
	    { "{\"data\":\"{\\\"a\\\":1}\\n{\\\"b\"}" } },
	{ "stderr becomes a JSON line", TRANSPORT_STREAM,
	    { { E, "say \"hi\"\nmore" } },
	    { "{\"data\":\"{\\\"subtype\\\":\\\"stderr\\\",\\\"text\\\":"
	      "\\\"say \\\\\\\"hi\\\\\\\"\\\",\\\"type\\\":\\\"system\\\"}"
	      "\\n\"}" } },
	{ "an unfinished line of stderr is partial", TRANSPORT_STREAM,
	    { { E, "x" }, { E, END } },
	    { "{\"data\":\"{\\\"subtype\\\":\\\"stderr\\\",\\\"text\\\":"
	      "\\\"x\\\",\\\"type\\\":\\\"system\\\",\\\"partial\\\":true}"
	      "\\n\"}" } },
	{ "bytes in a line of stderr", TRANSPORT_STREAM, { { E, "\xff\n" } },
	    { "{\"data\":\"{\\\"subtype\\\":\\\"stderr\\\",\\\"text\\\":"
	      "\\\"\xef\xbf\xbd\\\",\\\"type\\\":\\\"system\\\","
	      "\\\"b64\\\":\\\"/w==\\\"}\\n\"}" } },
};

static void
small_cases(void **state)
{
	size_t i, k, events;

	(void)state;
	for (i = 0; i < nitems(examples); i++) {
		const struct example *x = &examples[i];
		autobuf struct buf got = { 0 };
		struct out o;
		uint64_t at;

		out_init(&o, x->transport);
		for (k = 0; k < nitems(x->in) && x->in[k].text != NULL; k++) {
			if (strcmp(x->in[k].text, END) == 0)
				out_eof(&o, x->in[k].stream);
			else
				feed(&o, x->in[k].stream, x->in[k].text,
				    strlen(x->in[k].text), k + 1);
		}
		assert_int_equal(out_take(&o, false, &got, &at), OUT_NOTHING);
		for (events = 0; events < nitems(x->events) &&
		    x->events[events] != NULL; events++) {
			buf_clear(&got);
			if (out_take(&o, true, &got, &at) != 0)
				fail_msg("%s: event %zu missing", x->name,
				    events);
			if (strcmp(buf_head(&got), x->events[events]) != 0)
				fail_msg("%s: %s", x->name, buf_head(&got));
		}
		buf_clear(&got);
		if (out_take(&o, true, &got, &at) != OUT_NOTHING)
			fail_msg("%s: also %s", x->name, buf_head(&got));
		out_fini(&o);
	}
}

static void
events_carry_the_time_of_their_first_byte(void **state)
{
	autobuf struct buf got = { 0 };
	struct out o;
	uint64_t at;

	(void)state;
	out_init(&o, TRANSPORT_PIPES);
	feed(&o, O, "a", 1, 100);
	feed(&o, O, "b\xe2", 2, 200);
	assert_int_equal(out_take(&o, true, &got, &at), 0);
	assert_int_equal(at, 100);
	feed(&o, O, "\x82\xac", 2, 300);
	buf_clear(&got);
	assert_int_equal(out_take(&o, true, &got, &at), 0);
	assert_int_equal(at, 200);
	out_fini(&o);
}

/* --- large ones: whatever is fed comes back, in events that fit --- */

static uint32_t seed;

static uint32_t
rnd(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

typedef void	 filler(char *, size_t);

static void
fill_text(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = rnd() % 60 == 0 ? '\n' : (char)(' ' + rnd() % 95);
}

static void
fill_zero(char *p, size_t n)
{
	memset(p, 0, n);
}

static void
fill_random(char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)rnd();
}

static void
fill_cjk(char *p, size_t n)
{
	memset(p, 'x', n);
	for (size_t i = 0; i + 3 <= n; i += 3)
		memcpy(p + i, rnd() % 9 ? "\xe6\x97\xa5" : "\"\n\t", 3);
}

static void
fill_mostly_text(char *p, size_t n)
{
	fill_text(p, n);
	for (size_t i = 0; i < n; i += 1 + rnd() % 20000)
		p[i] = (char)0xff;
}

static void
fill_four(char *p, size_t n)
{
	memset(p, 'y', n);
	for (size_t i = rnd() % 4; i + 4 <= n; i += 4)
		memcpy(p + i, "\xf0\x9f\x98\x80", 4);
}

static const struct {
	const char	*name;
	filler		*fill;
	int		 all_plain;	/* no event needs b64 */
} fills[] = {
	{ "text", fill_text, 1 },
	{ "zeros", fill_zero, 1 },
	{ "random bytes", fill_random, 0 },
	{ "three-byte code points", fill_cjk, 1 },
	{ "text with a bad byte now and then", fill_mostly_text, 0 },
	{ "four-byte code points", fill_four, 1 },
};

#define BIG	(600u << 10)

static void
take_all(struct out *o, bool any, struct buf *back, int plain,
    const char *name)
{
	autobuf struct buf got = { .max = LIMIT_EVENT_PAYLOAD };
	uint64_t at;
	size_t n;

	while (buf_clear(&got), out_take(o, any, &got, &at) == 0) {
		n = buf_left(&got);
		if (n > LIMIT_EVENT_PAYLOAD || !utf8_valid(buf_head(&got), n))
			fail_msg("%s: an event of %zu bytes", name, n);
		if (json_member(buf_head(&got), n, "b64", &n) != NULL && plain)
			fail_msg("%s: plain text as bytes", name);
		assert_int_equal(payload_bytes(buf_head(&got), buf_left(&got),
		    back), 0);
	}
}

static void
what_is_fed_comes_back(void **state)
{
	autofree char *src = mem_alloc(BIG);
	size_t i, k, n;
	bool any;

	(void)state;
	for (i = 0; i < nitems(fills); i++) {
		autobuf struct buf back = { 0 };
		struct out o;

		seed = (uint32_t)i + 1;
		fills[i].fill(src, BIG);
		out_init(&o, TRANSPORT_PIPES);
		for (k = 0; k < BIG; k += n) {
			n = 1 + rnd() % (rnd() % 3 ? 37 : OUT_READ);
			n = n < BIG - k ? n : BIG - k;
			any = rnd() % 4 == 0;
			feed(&o, O, src + k, n, k + 1);
			take_all(&o, any, &back, fills[i].all_plain,
			    fills[i].name);
		}
		out_eof(&o, O);
		take_all(&o, true, &back, fills[i].all_plain, fills[i].name);
		assert_true(out_empty(&o));
		if (buf_left(&back) != BIG ||
		    memcmp(buf_head(&back), src, BIG) != 0)
			fail_msg("%s: other bytes came back", fills[i].name);
		out_fini(&o);
	}
}

static void
full_events_are_near_the_limit(void **state)
{
	autobuf struct buf got = { 0 };
	autofree char *src = mem_alloc(OUT_READ);
	struct out o;
	uint64_t at;

	(void)state;
	memset(src, 'x', OUT_READ);
	out_init(&o, TRANSPORT_PTY);
	feed(&o, O, src, OUT_READ, 1);
	assert_true(out_full(&o, O));
	assert_int_equal(out_take(&o, false, &got, &at), 0);
	assert_true(buf_left(&got) > LIMIT_EVENT_PAYLOAD - 64);
	assert_true(buf_left(&got) <= LIMIT_EVENT_PAYLOAD);
	assert_int_equal(out_take(&o, false, &got, &at), OUT_NOTHING);
	out_fini(&o);
}

/* --- JSON lines --- */

static void
stderr_never_splits_a_line(void **state)
{
	autobuf struct buf got = { 0 };
	autofree char *line = mem_alloc(OUT_READ);
	struct out o;
	uint64_t at;
	size_t len;

	(void)state;
	memset(line, 'x', OUT_READ);
	out_init(&o, TRANSPORT_STREAM);
	feed(&o, E, "waits\n", 6, 2);
	feed(&o, O, line, OUT_READ, 1);
	assert_int_equal(out_take(&o, true, &got, &at), 0);
	assert_non_null(json_member(buf_head(&got), buf_left(&got), "data",
	    &len));
	assert_int_equal(buf_head(&got)[9], 'x');
	buf_clear(&got);
	assert_int_equal(out_take(&o, true, &got, &at), OUT_NOTHING);
	feed(&o, O, "end\n", 4, 3);
	assert_int_equal(out_take(&o, true, &got, &at), 0);
	assert_int_equal(buf_head(&got)[9], 'x');
	buf_clear(&got);
	assert_int_equal(out_take(&o, true, &got, &at), 0);
	assert_non_null(strstr(buf_head(&got), "waits"));
	out_fini(&o);
}

/* Joins the texts of the wrapped lines that one event's data holds. */
static void
unwrap(const struct buf *event, struct buf *back)
{
	autobuf struct buf data = { 0 };
	const char *p, *end, *nl, *v;
	size_t len;

	v = json_member(buf_head(event), buf_left(event), "data", &len);
	assert_non_null(v);
	json_unescape(v, len, &data);
	p = buf_head(&data);
	end = p + buf_left(&data);
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		assert_non_null(nl);
		v = json_member(p, (size_t)(nl - p), "b64", &len);
		if (v != NULL) {
			assert_int_equal(base64_decode(BASE64_STANDARD, v, len,
			    back), 0);
		} else {
			v = json_member(p, (size_t)(nl - p), "text", &len);
			assert_non_null(v);
			json_unescape(v, len, back);
		}
		if (json_member(p, (size_t)(nl - p), "partial", &len) == NULL)
			(void)buf_adds(back, "\n");
	}
}

static void
wrapped_stderr_comes_back(void **state)
{
	autofree char *src = mem_alloc(OUT_READ);
	size_t i;

	(void)state;
	for (i = 0; i < nitems(fills); i++) {
		autobuf struct buf back = { 0 };
		autobuf struct buf got = { .max = LIMIT_EVENT_PAYLOAD };
		struct out o;
		uint64_t at;

		seed = (uint32_t)i + 1;
		fills[i].fill(src, OUT_READ);
		out_init(&o, TRANSPORT_STREAM);
		feed(&o, E, src, OUT_READ, 1);
		out_eof(&o, E);
		while (buf_clear(&got),
		    out_take(&o, true, &got, &at) == 0) {
			assert_true(buf_left(&got) <= LIMIT_EVENT_PAYLOAD);
			unwrap(&got, &back);
		}
		if (buf_left(&back) != OUT_READ ||
		    memcmp(buf_head(&back), src, OUT_READ) != 0)
			fail_msg("%s: other bytes came back", fills[i].name);
		out_fini(&o);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(small_cases),
		cmocka_unit_test(events_carry_the_time_of_their_first_byte),
		cmocka_unit_test(what_is_fed_comes_back),
		cmocka_unit_test(full_events_are_near_the_limit),
		cmocka_unit_test(stderr_never_splits_a_line),
		cmocka_unit_test(wrapped_stderr_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
