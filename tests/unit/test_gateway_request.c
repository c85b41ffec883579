/* The head of a request to the gateway: what is refused, what goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "coven-gateway/request.h"

#define BAD_LINE	"the request line is malformed"
#define BAD_FIELD	"a header line is malformed"
#define CONTROL		"the head has a control byte"
#define C		"CONNECT a:1 HTTP/1.1\r\n"
#define P		"POST http://a/ HTTP/1.1\r\n"
#define U		"POST /model/x HTTP/1.1\r\n"

static const struct {
	const char	*head;
	size_t		 n;
	const char	*why;
} refused[] = {
#define R(head, why)	{ head, sizeof(head) - 1, why }
	R("\r\n", BAD_LINE),
	R("CONNECT\r\n\r\n", BAD_LINE),
	R("CONNECT  a:1 HTTP/1.1\r\n\r\n", BAD_LINE),
	R(" CONNECT a:1 HTTP/1.1\r\n\r\n", BAD_LINE),
	R("CONNECT a:1\r\n\r\n", BAD_LINE),
	R("METHODOFTHIRTYTWOBYTESANDALITTLE a:1 HTTP/1.1\r\n\r\n", BAD_LINE),
	R("CONNECT a\xc3\xa4:1 HTTP/1.1\r\n\r\n", BAD_LINE),
	R("CONNECT a:1  HTTP/1.1\r\n\r\n", "the version is not HTTP/1.x"),
	R("CONNECT a:1 HTTP/2.0\r\n\r\n", "the version is not HTTP/1.x"),
	R("CONNECT a:1 HTTP/1.10\r\n\r\n", "the version is not HTTP/1.x"),
	R("CONNECT a:1 http/1.1\r\n\r\n", "the version is not HTTP/1.x"),
	R("CONNECT a:1\0 HTTP/1.1\r\n\r\n", CONTROL),
	R("CONNECT a:1\x7f HTTP/1.1\r\n\r\n", CONTROL),
	R("CONNECT a:1\t HTTP/1.1\r\n\r\n", BAD_LINE),
	R(C "no colon\r\n\r\n", BAD_FIELD),
	R(C ": no name\r\n\r\n", BAD_FIELD),
	R(C "a : b\r\n\r\n", BAD_FIELD),
	R(C "a: b\r\n folded\r\n\r\n", BAD_FIELD),
	R(C "a: b\x01\r\n\r\n", BAD_FIELD),
	R(C "a: b\rc: d\r\n\r\n", BAD_FIELD),
	R(C "Host: a\r\nhost: b\r\n\r\n", "Host is repeated"),
	R(P "Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
	    "Content-Length is repeated"),
	R(P "Content-Length: -1\r\n\r\n", "Content-Length is not a number"),
	R(P "Content-Length: 1, 1\r\n\r\n", "Content-Length is not a number"),
	R(P "Content-Length: 0x10\r\n\r\n", "Content-Length is not a number"),
	R(P "Content-Length: \r\n\r\n", "Content-Length is not a number"),
	R(P "Content-Length: 9999999999999999999\r\n\r\n",
	    "Content-Length is not a number"),
	R(P "Transfer-Encoding: chunked\r\n\r\n",
	    "Transfer-Encoding is not supported"),
	R(U "Transfer-Encoding: gzip, chunked\r\n\r\n",
	    "a Transfer-Encoding other than chunked"),
	R(U "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "a Transfer-Encoding other than chunked"),
	R(U "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
	    "a length and chunks"),
	R(U "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "a length and chunks"),
#undef R
};

static void
test_refused(void **state)
{
	struct request r;
	const char *why;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(refused); i++) {
		why = NULL;
		if (request_parse(refused[i].head, refused[i].n, &r, &why) ==
		    0)
			fail_msg("taken: %s", refused[i].head);
		assert_string_equal(why, refused[i].why);
	}
}

static void
check(struct line l, const char *want)
{
	assert_int_equal(l.n, strlen(want));
	assert_memory_equal(l.p, want, l.n);
}

static void
test_taken(void **state)
{
	static const char head[] = "CONNECT [::1]:443 HTTP/1.0\r\n"
	    "Host:\t a.b \r\nContent-Length: 007\r\n\r\n";
	struct request r;
	const char *why;

	(void)state;
	assert_int_equal(request_parse(head, sizeof(head) - 1, &r, &why), 0);
	assert_string_equal(r.method, "CONNECT");
	check(r.target, "[::1]:443");
	check(r.host, "a.b");
	assert_int_equal(r.body, 7);
	assert_false(r.chunked);
}

/* Nothing that was said to a proxy is said to what is behind it. */
static void
test_fields(void **state)
{
	static const char head[] = "GET http://a/ HTTP/1.1\r\n"
	    "Host: other\r\nAccept: x\r\nProxy-Authorization: secret\r\n"
	    "proxy-connection: keep-alive\r\nConnection: close, X-Mine,\r\n"
	    "X-Mine: 1\r\nx-mine-too: 2\r\nTE: trailers\r\nUpgrade: h2c\r\n"
	    "HTTP2-Settings: y\r\nKeep-Alive: 5\r\nTrailer: z\r\n"
	    "Content-Length: 3\r\nCookie: c\r\n\r\n";
	autobuf struct buf out = { 0 };
	struct request r;
	const char *why;

	(void)state;
	assert_int_equal(request_parse(head, sizeof(head) - 1, &r, &why), 0);
	assert_int_equal(request_fields(&r, &out), 0);
	(void)buf_add(&out, "", 1);
	assert_string_equal(buf_head(&out), "Accept: x\r\nx-mine-too: 2\r\n"
	    "Content-Length: 3\r\nCookie: c\r\n");
}

/* Whom Connection names goes, but for what says where the body ends. */
static void
test_length_stays(void **state)
{
	static const char head[] = P "Connection: content-length\r\n"
	    "Content-Length: 3\r\n\r\n";
	autobuf struct buf out = { 0 };
	struct request r;
	const char *why;

	(void)state;
	assert_int_equal(request_parse(head, sizeof(head) - 1, &r, &why), 0);
	assert_int_equal(request_fields(&r, &out), 0);
	(void)buf_add(&out, "", 1);
	assert_string_equal(buf_head(&out), "Content-Length: 3\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_length_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
