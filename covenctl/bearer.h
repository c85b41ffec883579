/*
 * The token that a client sends: read from a file that is the caller's alone,
 * never from an argument or a variable, which other processes can see.
 */
#ifndef COVEN_COVENCTL_BEARER_H
#define COVEN_COVENCTL_BEARER_H

#include <stddef.h>

#include "common/token.h"
#include "covenctl/home.h"

#define BEARER_MAX	(TOKEN_LEN + 1)

/*
 * file: a path, or NULL for session-token of the home, which need not be
 * there: then *out is "".  0, or -EPERM with the reason in why.
 */
int	bearer_read(const struct home *, const char *file,
	    char out[BEARER_MAX], char *why, size_t whylen);

#endif
