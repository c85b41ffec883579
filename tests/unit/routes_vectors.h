/*
 * Requests and the answers that the contract wants, as rows.
 */
#ifndef COVEN_TESTS_ROUTES_VECTORS_H
#define COVEN_TESTS_ROUTES_VECTORS_H

#include <stddef.h>

#define ERR(code)	"\"error\":{\"code\":\"" code "\","
#define LAUNCH	"\"projectRoot\":\"/p\",\"harness\":"
#define EXEC	LAUNCH "\"exec\",\"argv\":[\"true\"]"
#define STOP	"/api/v1/internal/lifecycle/shutdown"

/* body: all of it; has: parts of it. */
struct vector {
	const char	*method, *target, *send;
	int		 status;
	const char	*body, *has[3];
};

/* In order: each assumes those before it. */
extern const struct vector	vectors[];
extern const size_t		vectors_count;

#endif
