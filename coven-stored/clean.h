/*
 * Redaction of what stored itself writes.
 */
#ifndef COVEN_STORED_CLEAN_H
#define COVEN_STORED_CLEAN_H

#include <stddef.h>

struct run;
struct stored;

/* A copy of the text without secrets, at most max bytes; the caller frees. */
char	*stored_clean_text(const struct stored *, const char *text,
	    size_t max);
/*
 * The payload of an input event, of *n bytes, without secrets, also those that
 * earlier input of the session began; *n is set.  The caller frees.
 */
char	*run_clean_input(struct run *, const char *payload, size_t *n);

#endif
