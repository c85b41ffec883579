#include <endian.h>
#include <string.h>

#include "coven-stored/siphash.h"

struct state {
	uint64_t	a, b, c, d;
};

static uint64_t
rotl(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void
rounds(struct state *s, int n)
{
	while (n-- > 0) {
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

static void
absorb(struct state *s, uint64_t word)
{
	s->d ^= word;
	rounds(s, 2);
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
	rounds(&s, 4);
	out[0] = s.a ^ s.b ^ s.c ^ s.d;
	s.b ^= 0xdd;
	rounds(&s, 4);
	out[1] = s.a ^ s.b ^ s.c ^ s.d;
}
