#include "common/ct.h"

/* Through a volatile, so that no compiler may leave off at a difference. */
bool
ct_equal(const uint8_t a[DIGEST_LEN], const uint8_t b[DIGEST_LEN])
{
	volatile uint8_t differ = 0;
	size_t i;

	for (i = 0; i < DIGEST_LEN; i++)
		differ = (uint8_t)(differ | (a[i] ^ b[i]));
	return differ == 0;
}

size_t
ct_find(const uint8_t want[DIGEST_LEN], const void *first, size_t stride,
    size_t n)
{
	const uint8_t *at = first;
	volatile size_t found = n;
	size_t i, mask;

	for (i = 0; i < n; i++, at += stride) {
		mask = (size_t)0 - (size_t)ct_equal(want, at);
		found = (found & ~mask) | (i & mask);
	}
	return found;
}
