#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base64.h"

#define COMMON	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char alphabets[][65] = {
	[BASE64_STANDARD] = COMMON "+/",
	[BASE64_URL] = COMMON "-_",
};

/* Six bits of each character; 64 for what is none. */
static void
make_values(enum base64_form form, uint8_t values[256])
{
	uint8_t i;

	memset(values, 64, 256);
	for (i = 0; i < 64; i++)
		values[(unsigned char)alphabets[form][i]] = i;
}

/* Without its padding, or false when that is wrong. */
static bool
strip_padding(enum base64_form form, const char *s, size_t *n)
{
	if (form == BASE64_URL)
		return *n % 4 != 1;
	if (*n % 4 != 0)
		return false;
	if (*n != 0 && s[*n - 1] == '=')
		*n -= s[*n - 2] == '=' ? 2 : 1;
	return true;
}

int
base64_decode(enum base64_form form, const char *s, size_t n,
    struct buf *out)
{
	uint8_t values[256], v;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t i, made = 0;
	char *to;

	if (!strip_padding(form, s, &n))
		return BASE64_BAD;
	make_values(form, values);
	to = buf_reserve(out, n / 4 * 3 + 3);
	if (to == NULL)
		return -EMSGSIZE;
	for (i = 0; i < n; i++) {
		v = values[(unsigned char)s[i]];
		if (v > 63)
			return BASE64_BAD;
		acc = acc << 6 | v;
		bits += 6;
		if (bits < 8)
			continue;
		bits -= 8;
		to[made++] = (char)(acc >> bits & 0xff);
	}
	if ((acc & ((1u << bits) - 1)) != 0)
		return BASE64_BAD;	/* bits that mean nothing */
	buf_commit(out, made);
	return 0;
}

size_t
base64_len(size_t n)
{
	return (n + 2) / 3 * 4;
}

size_t
base64_write(enum base64_form form, char *to, const void *p, size_t n)
{
	const unsigned char *in = p;
	const char *alphabet = alphabets[form];
	size_t i, made = 0;
	uint32_t acc;

	for (i = 0; i + 2 < n; i += 3) {
		acc = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 |
		    in[i + 2];
		to[made++] = alphabet[acc >> 18];
		to[made++] = alphabet[acc >> 12 & 63];
		to[made++] = alphabet[acc >> 6 & 63];
		to[made++] = alphabet[acc & 63];
	}
	if (i < n) {
		acc = (uint32_t)in[i] << 16;
		if (i + 1 < n)
			acc |= (uint32_t)in[i + 1] << 8;
		to[made++] = alphabet[acc >> 18];
		to[made++] = alphabet[acc >> 12 & 63];
		if (i + 1 < n)
			to[made++] = alphabet[acc >> 6 & 63];
	}
	while (form == BASE64_STANDARD && made % 4 != 0)
		to[made++] = '=';
	return made;
}

int
base64_encode(enum base64_form form, const void *p, size_t n,
    struct buf *out)
{
	char *to = buf_reserve(out, base64_len(n));

	if (to == NULL)
		return -EMSGSIZE;
	buf_commit(out, base64_write(form, to, p, n));
	return 0;
}
