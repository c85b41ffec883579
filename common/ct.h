/*
 * Comparing what a stranger guesses at with what is secret: how long it takes
 * says nothing about where they differ, nor about which of several it was.
 */
#ifndef COVEN_COMMON_CT_H
#define COVEN_COMMON_CT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/digest.h"

/* Are these two digests equal? */
bool	ct_equal(const uint8_t a[DIGEST_LEN], const uint8_t b[DIGEST_LEN]);

/*
 * Which of the n digests, the first at first and each stride bytes after the
 * one before, is want?  Every one is looked at.  Its index, or n.
 */
size_t	ct_find(const uint8_t want[DIGEST_LEN], const void *first,
	    size_t stride, size_t n);

#endif
