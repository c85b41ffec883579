/* A TLS client's greeting, however it is cut, and everything that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "coven-gateway/hello.h"

#define SNI(name)	{ 0, name, sizeof(name) - 1, true }

struct ext {
	unsigned	 type;
	const char	*data;
	size_t		 n;
	bool		 as_name;	/* wrapped as a list of one name */
};

static void
put(struct buf *b, size_t bytes, size_t v)
{
	while (bytes-- != 0)
		(void)buf_add(b, &(uint8_t){ (uint8_t)(v >> 8 * bytes) }, 1);
}

static void
put_ext(struct buf *b, const struct ext *e)
{
	size_t wrap = e->as_name ? 5 : 0;

	put(b, 2, e->type);
	put(b, 2, e->n + wrap);
	if (e->as_name) {
		put(b, 2, e->n + 3);
		put(b, 1, 0);
		put(b, 2, e->n);
	}
	(void)buf_add(b, e->data, e->n);
}

/* A greeting with these extensions, in records of at most piece bytes. */
static void
make(struct buf *out, const struct ext *e, size_t n, size_t piece)
{
	autobuf struct buf x = { 0 }, body = { 0 }, all = { 0 };
	size_t i, len;

	for (i = 0; i < n; i++)
		put_ext(&x, &e[i]);
	put(&body, 2, 0x0303);
	for (i = 0; i < 32; i++)
		put(&body, 1, i);
	put(&body, 1, 0);
	put(&body, 2, 2);
	put(&body, 2, 0x1301);
	put(&body, 2, 0x0100);
	if (n != 0) {
		put(&body, 2, buf_left(&x));
		(void)buf_add(&body, buf_head(&x), buf_left(&x));
	}
	put(&all, 1, 1);
	put(&all, 3, buf_left(&body));
	(void)buf_add(&all, buf_head(&body), buf_left(&body));
	for (; buf_left(&all) != 0; buf_consume(&all, len)) {
		len = buf_left(&all) < piece ? buf_left(&all) : piece;
		put(out, 3, 0x160301);
		put(out, 2, len);
		(void)buf_add(out, buf_head(&all), len);
	}
}

static int
feed(struct hello *h, const struct buf *b, const char **why)
{
	*why = "";
	hello_init(h);
	return hello_feed(h, buf_head(b), buf_left(b), why);
}

static void
expect(const struct ext *e, size_t n, int want, const char *name, bool hidden)
{
	autobuf struct buf b = { 0 };
	struct hello h;
	const char *why;
	int r;

	make(&b, e, n, 16384);
	r = feed(&h, &b, &why);
	if (r != want || (r == 0 && (strcmp(h.name, name) != 0 ||
	    h.hidden != hidden)))
		fail_msg("%d, \"%s\", %d: %s", r, h.name, h.hidden, why);
	hello_fini(&h);
}

static void
names_are_found(void **state)
{
	static const struct ext one[] = { { 10, "\0\2\0\x1d", 4, false },
	    SNI("Api.Example.COM") };
	static const struct ext twice[] = { SNI("a.org"), SNI("b.org") };
	static const struct ext same[] = { SNI("a.org"), SNI("a.org") };
	static const struct ext two[] = { { 0,
	    "\0\x10\0\0\5a.org\0\0\5b.org", 18, false } };
	static const struct ext none[] = { { 10, "\0\2\0\x1d", 4, false } };
	static const struct ext empty[] = { { 0, "", 0, false } };
	static const struct ext other[] = { { 0, "\0\x8\1\0\5a.org", 10,
	    false } };
	static const struct ext literal[] = { SNI("127.0.0.1") };
	static const struct ext nul[] = { SNI("a.org\0.b") };
	static const struct ext ech[] = { SNI("outer.org"),
	    { 0xfe0d, "\0\0\0", 3, false } };
	static const struct ext esni[] = { SNI("a.org"),
	    { 0xffce, "x", 1, false } };

	(void)state;
	expect(one, 2, 0, "api.example.com", false);
	expect(twice, 2, HELLO_BAD, "", false);
	expect(same, 2, HELLO_BAD, "", false);
	expect(two, 1, HELLO_BAD, "", false);
	expect(none, 1, 0, "", false);
	expect(NULL, 0, 0, "", false);
	expect(empty, 1, HELLO_BAD, "", false);
	expect(other, 1, HELLO_BAD, "", false);
	expect(literal, 1, HELLO_BAD, "", false);
	expect(nul, 1, HELLO_BAD, "", false);
	expect(ech, 2, 0, "outer.org", true);
	expect(esni, 2, 0, "a.org", true);
}

/* One cut at every byte, and every byte by itself, in records of any size. */
static void
every_cut_is_the_same(void **state)
{
	static const struct ext e[] = { SNI("a.example.com") };
	static const size_t pieces[] = { 1, 2, 3, 5, 7, 64, 16384 };
	const char *why;
	struct hello h;
	size_t i, cut;

	(void)state;
	for (i = 0; i < nitems(pieces); i++) {
		autobuf struct buf b = { 0 };
		size_t n;
		int r = HELLO_MORE;

		make(&b, e, 1, pieces[i]);
		n = buf_left(&b);
		for (cut = 0; cut < n; cut++) {
			hello_init(&h);
			assert_int_equal(hello_feed(&h, buf_head(&b), cut,
			    &why), HELLO_MORE);
			assert_int_equal(hello_feed(&h, buf_head(&b) + cut,
			    n - cut, &why), 0);
			assert_string_equal(h.name, "a.example.com");
			hello_fini(&h);
		}
		hello_init(&h);
		for (cut = 0; cut < n; cut++) {
			assert_int_equal(r, HELLO_MORE);
			r = hello_feed(&h, buf_head(&b) + cut, 1, &why);
		}
		assert_int_equal(r, 0);
		hello_fini(&h);
	}
}

/* What follows in records of its own is the stream's. */
static void
early_data_may_follow(void **state)
{
	static const struct ext e[] = { SNI("a.org") };
	autobuf struct buf b = { 0 };
	const char *why;
	struct hello h;

	(void)state;
	make(&b, e, 1, 16384);
	(void)buf_add(&b, "\x17\3\3\0\1x", 6);
	assert_int_equal(feed(&h, &b, &why), 0);
	hello_fini(&h);
}

static void
garbage_is_refused(void **state)
{
	static const struct {
		const char	*p;
		size_t		 n;
		int		 want;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n", 16, HELLO_BAD },
		{ "SSH-2.0-x\r\n", 11, HELLO_BAD },
		{ "\x80\x2e\1\3\1", 5, HELLO_BAD },
		{ "\x15\3\1\0\2\2\x28", 7, HELLO_BAD },
		{ "\x16\3\1\0\0", 5, HELLO_BAD },
		{ "\x16\3\1\x40\1", 5, HELLO_BAD },
		{ "\x16\2\1\0\4", 5, HELLO_BAD },
		{ "\x16\3\1\0\4\2\0\0\0", 9, HELLO_BAD },
		{ "\x16\3\1\0\4\1\0\0\0", 9, HELLO_BAD },
		{ "\x16\3\1\0\4\1\1\0\0", 9, HELLO_BAD },
		{ "\x16\3\1\0\4\1\0\1\0", 9, HELLO_MORE },
		{ "\x16\3", 2, HELLO_MORE },
	};
	const char *why;
	struct hello h;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		hello_init(&h);
		if (hello_feed(&h, rows[i].p, rows[i].n, &why) !=
		    rows[i].want)
			fail_msg("row %zu", i);
		hello_fini(&h);
	}
}

static void
length_is_bounded(void **state)
{
	static char fill[20000];
	struct ext e[] = { SNI("a.org"), { 21, fill, 0, false } };
	autobuf struct buf out = { 0 };
	const char *why;
	struct hello h;
	size_t most;

	(void)state;
	make(&out, e, 2, 16384);
	/* Up to the last byte of the limit, and one more. */
	most = 16384 - (buf_left(&out) - 5);
	e[1].n = most;
	buf_clear(&out);
	make(&out, e, 2, 1000);
	assert_int_equal(feed(&h, &out, &why), 0);
	hello_fini(&h);
	e[1].n = most + 1;
	buf_clear(&out);
	make(&out, e, 2, 1000);
	assert_int_equal(feed(&h, &out, &why), HELLO_BAD);
	hello_fini(&h);
}

/* Something more in the record of the greeting. */
static void
nothing_hides_behind_it(void **state)
{
	static const struct ext e[] = { SNI("a.org") };
	autobuf struct buf b = { 0 };
	const char *why;
	struct hello h;

	(void)state;
	make(&b, e, 1, 16384);
	b.data[4]++;
	assert_int_equal(feed(&h, &b, &why), HELLO_BAD);
	hello_fini(&h);
	(void)buf_add(&b, "\1", 1);
	assert_int_equal(feed(&h, &b, &why), HELLO_BAD);
	hello_fini(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(every_cut_is_the_same),
		cmocka_unit_test(early_data_may_follow),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(length_is_bounded),
		cmocka_unit_test(nothing_hides_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
