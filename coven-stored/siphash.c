#include <endian.h>
#include <string.h>

#include "coven-stored/siphash.h"

struct state {
	uint64_t	a, b, c, d;
};

static inline uint64_t
rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static inline void
two_rounds(struct state *s)
{
	int i;

#pragma GCC unroll 2
	for (i = 0; i < 2; i++) {
		s->a += s->b;
		s->c += s->d;
		s->b = rotl(s->b, 13) ^ s->a;
		s->d = rotl(s->d, 16) ^ s->c;
		s->a = rotl(s->a, 32);
		s->c += s->b;
		s->a += s->d;
		s->b = rotl(s->b, 17) ^ s->c;
		s->d = rotl(s->d, 21) ^ s->a;
		s->c = rotl(s->c, 32);
	}
}

static inline void
absorb(struct state *s, uint64_t word)
{
	s->d ^= word;
	two_rounds(s);
	s->a ^= word;
}

void
siphash128(const uint64_t key[2], const void *p, size_t n, uint64_t out[2])
{
	struct state s = { key[0] ^ UINT64_C(0x736f6d6570736575),
	    key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
	    key[0] ^ UINT64_C(0x6c7967656e657261),
	    key[1] ^ UINT64_C(0x7465646279746573) };
	uint64_t word, last = (uint64_t)n << 56;
	size_t i;

	for (i = 0; n - i >= 8; i += 8) {
		memcpy(&word, (const char *)p + i, 8);
		absorb(&s, le64toh(word));
	}
	word = 0;
	memcpy(&word, (const char *)p + i, n - i);
	absorb(&s, last | le64toh(word));
	s.c ^= 0xee;
	two_rounds(&s);
	two_rounds(&s);
	out[0] = s.a ^ s.b ^ s.c ^ s.d;
	s.b ^= 0xdd;
	two_rounds(&s);
	two_rounds(&s);
	out[1] = s.a ^ s.b ^ s.c ^ s.d;
}
