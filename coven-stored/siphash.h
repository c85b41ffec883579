/*
 * SipHash-2-4 with 128 bits of output: a keyed hash for short inputs.
 * J.-P. Aumasson, D. J. Bernstein, "SipHash: a fast short-input PRF", 2012.
 */
#ifndef COVEN_STORED_SIPHASH_H
#define COVEN_STORED_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/* out holds the output's bytes, in the machine's order as little-endian. */
void	siphash128(const uint64_t key[2], const void *, size_t n,
	    uint64_t out[2]);

#endif
