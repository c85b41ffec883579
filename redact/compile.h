/*
 * Compiling the patterns that redact/redact.h looks for.  Only here is the
 * compiler linked: coven-confread and tests.
 */
#ifndef COVEN_REDACT_COMPILE_H
#define COVEN_REDACT_COMPILE_H

#include <stddef.h>

#include "common/buf.h"

#ifdef __cplusplus
extern "C" {
#endif

#define COMPILE_EXTRA	64	/* of the owner's patterns */
#define COMPILE_BYTES	1024	/* one of them */

enum { COMPILE_BAD = 1 };

/* Told of a pattern that is refused: its index and a sentence. */
typedef void	 compile_refuse(void *ctx, size_t index, const char *why);

/*
 * Append to image what a memfd for redactor_open is to hold: the shapes, and
 * these patterns.  0, or COMPILE_BAD after at least one refusal; index n is
 * no pattern but this host.
 */
int	 compile_patterns(const char *const *patterns, size_t n,
	    struct buf *image, compile_refuse *, void *ctx);

#ifdef __cplusplus
}
#endif

#endif
