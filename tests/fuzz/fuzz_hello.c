/*
 * A TLS client's greeting: never more than its bound, and the same outcome
 * whether the bytes come at once or one by one.
 *
 * FUZZ-SOURCES: coven-gateway/hello.c
 * FUZZ-PACKAGES:
 * FUZZ-FLAGS:
 */
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "coven-gateway/hello.h"

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hello whole, bytes;
	int a, b = HELLO_MORE;
	const char *why = "";
	struct net_host host;
	size_t i;

	hello_init(&whole);
	hello_init(&bytes);
	a = hello_feed(&whole, data, n, &why);
	for (i = 0; i < n && b == HELLO_MORE; i++)
		b = hello_feed(&bytes, data + i, 1, &why);
	/* One by one it may end before what follows is seen to be wrong. */
	if (a != b && !(a == HELLO_BAD && b == 0))
		abort();
	if (a == HELLO_BAD && *why == '\0')
		abort();
	if (a == 0 && (whole.hidden != bytes.hidden ||
	    strcmp(whole.name, bytes.name) != 0))
		abort();
	if (a == 0 && whole.name[0] != '\0' && net_host_parse(whole.name,
	    strlen(whole.name), &host) < 0)
		abort();
	if (buf_left(&whole.body) > LIMIT_GATEWAY_HELLO)
		abort();
	hello_fini(&whole);
	hello_fini(&bytes);
	return 0;
}
