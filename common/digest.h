/* SHA-256 (FIPS 180-4), by libmd. */
#ifndef COVEN_COMMON_DIGEST_H
#define COVEN_COMMON_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST_LEN	32

void	digest(const void *, size_t, uint8_t out[DIGEST_LEN]);

#endif
