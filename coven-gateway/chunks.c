#include <stdbool.h>

#include "coven-gateway/chunks.h"

#define DIGITS_MAX	15

enum { SIZE, SIZE_LF, BYTES, BYTES_CR, BYTES_LF, LAST_CR, LAST_LF, ENDED };

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static bool
size_byte(struct chunks *c, char byte)
{
	int v = hex(byte);

	if (v >= 0 && c->digits < DIGITS_MAX) {
		c->digits++;
		c->left = c->left << 4 | (unsigned)v;
		return true;
	}
	if (byte != '\r' || c->digits == 0)
		return false;
	c->state = SIZE_LF;
	return true;
}

/* A byte that is none of the content's; false: it is not the one expected. */
static bool
frame_byte(struct chunks *c, char byte)
{
	static const struct {
		char		byte;
		unsigned	next;
	} edges[] = {
		[BYTES_CR] = { '\r', BYTES_LF },
		[BYTES_LF] = { '\n', SIZE },
		[LAST_CR] = { '\r', LAST_LF },
		[LAST_LF] = { '\n', ENDED },
	};

	if (c->state == SIZE)
		return size_byte(c, byte);
	if (c->state == SIZE_LF) {
		c->state = c->left != 0 ? BYTES : LAST_CR;
		c->digits = 0;
		return byte == '\n';
	}
	if (byte != edges[c->state].byte)
		return false;
	c->state = edges[c->state].next;
	return true;
}

int
chunks_feed(struct chunks *c, const char *p, size_t n, size_t *used)
{
	size_t at = 0, take;

	while (at < n && c->state != ENDED) {
		if (c->state != BYTES) {
			if (!frame_byte(c, p[at++]))
				return CHUNKS_BAD;
			continue;
		}
		take = n - at < c->left ? n - at : (size_t)c->left;
		at += take;
		c->left -= take;
		if (c->left == 0)
			c->state = BYTES_CR;
	}
	*used = at;
	return c->state == ENDED ? 0 : CHUNKS_MORE;
}
