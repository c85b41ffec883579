#include <stdint.h>
#include <string.h>

#include "common/plain.h"

/* The compiler's own vectors: the same source on every machine. */
typedef int8_t		bytes16 __attribute__((vector_size(16)));
typedef uint64_t	words2 __attribute__((vector_size(16)));

static bytes16
load(const char *s)
{
	bytes16 v;

	memcpy(&v, s, sizeof(v));
	return v;
}

/* 0xff where a byte is not plain; as signed, 0x80 and up are below 0x20. */
static bytes16
not_plain(bytes16 v)
{
	return (v < 0x20) | (v == '"') | (v == '\\') | (v == 0x7f);
}

/* Which byte of the mask is the first that is set; 16: none. */
static size_t
first(bytes16 mask)
{
	words2 w = (words2)mask;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	if (w[0] != 0)
		return (size_t)__builtin_clzll(w[0]) / 8;
	return w[1] != 0 ? 8 + (size_t)__builtin_clzll(w[1]) / 8 : 16;
#else
	if (w[0] != 0)
		return (size_t)__builtin_ctzll(w[0]) / 8;
	return w[1] != 0 ? 8 + (size_t)__builtin_ctzll(w[1]) / 8 : 16;
#endif
}

static int
is_plain(char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

size_t
plain_run(const char *s, size_t n)
{
	size_t i = 0, at;

	for (; n - i >= 16; i += 16) {
		at = first(not_plain(load(s + i)));
		if (at != 16)
			return i + at;
	}
	while (i < n && is_plain(s[i]))
		i++;
	return i;
}

size_t
plain_copy(char *to, const char *s, size_t n)
{
	size_t i = 0, at;
	bytes16 v;

	for (; n - i >= 16; i += 16) {
		v = load(s + i);
		memcpy(to + i, &v, sizeof(v));
		at = first(not_plain(v));
		if (at != 16)
			return i + at;
	}
	for (; i < n && is_plain(s[i]); i++)
		to[i] = s[i];
	return i;
}

size_t
ascii_run(const char *s, size_t n)
{
	size_t i = 0, at;

	for (; n - i >= 16; i += 16) {
		at = first(load(s + i) < 0);
		if (at != 16)
			return i + at;
	}
	while (i < n && (unsigned char)s[i] < 0x80)
		i++;
	return i;
}

int
has_control(const char *s, size_t n)
{
	bytes16 any = { 0 };
	size_t i = 0;

	for (; n - i >= 16; i += 16) {
		bytes16 v = load(s + i);

		any |= (v >= 0) & (v < 0x20);
	}
	for (; i < n; i++)
		if ((unsigned char)s[i] < 0x20)
			return 1;
	return first(any) != 16;
}
