/*
 * What a person would read of an output event: the strings of its payload
 * without their JSON and without a terminal's escape sequences.
 */
#ifndef COVEN_STORED_SEARCH_TEXT_H
#define COVEN_STORED_SEARCH_TEXT_H

#include <stddef.h>

#include "common/buf.h"

/*
 * Append the text of n bytes of payload.  Whatever is no JSON ends it; what
 * came before stays.  out grows by at most n bytes.
 */
void	search_text(const char *payload, size_t n, struct buf *out);

/*
 * Where to cut n bytes of text so that at most max stay in front: between
 * words when there is a blank nearby, else between code points.
 */
#define SEARCH_NEAR	256	/* how far away such a blank may be */
size_t	search_cut(const char *text, size_t n, size_t max);

#endif
