/*
 * The request parser: never more than its bounds, and the same outcome
 * whether the bytes come at once or one by one.
 *
 * FUZZ-SOURCES: coven-apid/head.c coven-apid/http.c
 * FUZZ-SOURCES: coven-apid/llhttp_api.c coven-apid/llhttp_core.c
 * FUZZ-SOURCES: coven-apid/llhttp_http.c
 * FUZZ-PACKAGES:
 * FUZZ-FLAGS: -w -I/usr/share/include/llhttp -DLLHTTP_STRICT_MODE=1
 */
#include <stdlib.h>
#include <string.h>

#include "coven-apid/head.h"
#include "coven-apid/http.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* One line of what it says, or nothing. */
static int
same_id(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0 && strpbrk(a, "\r\n") == NULL;
}

static void
check_request(const struct http_request *a, const struct http_request *b)
{
	size_t n = strlen(a->target), i;

	for (i = 0; i < n; i++)
		if (a->target[i] <= ' ' || a->target[i] == 0x7f)
			abort();
	if (n == 0 || n > HEAD_MAX || buf_left(&a->body) > HTTP_BODY_MAX ||
	    strcmp(a->target, b->target) != 0 || a->method != b->method ||
	    a->origin != b->origin ||
	    !same_id(a->last_event_id, b->last_event_id) ||
	    buf_left(&a->body) != buf_left(&b->body) ||
	    memcmp(buf_head(&a->body), buf_head(&b->body),
	    buf_left(&a->body)) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *p = (const char *)data;
	struct http *whole = http_new(), *bytes = http_new();
	int a = HTTP_MORE, b = HTTP_MORE;
	size_t i;

	if (n != 0)
		a = http_feed(whole, p, n);
	for (i = 0; i < n && b == HTTP_MORE; i++)
		b = http_feed(bytes, p + i, 1);
	if (a != b)
		abort();
	if (a == 0)
		check_request(http_request(whole), http_request(bytes));
	http_free(whole);
	http_free(bytes);
	return 0;
}
