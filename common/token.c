#include <sys/random.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/token.h"

static int
random_bytes(uint8_t *p, size_t n)
{
	ssize_t got;

	while (n != 0) {
		got = getrandom(p, n, 0);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == -1 ? -errno : -EIO;
		p += got;
		n -= (size_t)got;
	}
	return 0;
}

int
token_make(const char *mark, struct token *out)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t bytes[32];
	struct token t;
	size_t i;
	int r;

	r = random_bytes(bytes, sizeof(bytes));
	if (r < 0)
		return r;
	memcpy(t.text, mark, TOKEN_MARK);
	for (i = 0; i < sizeof(bytes); i++) {
		t.text[TOKEN_MARK + 2 * i] = hex[bytes[i] >> 4];
		t.text[TOKEN_MARK + 2 * i + 1] = hex[bytes[i] & 15];
	}
	t.text[TOKEN_LEN] = '\0';
	digest(t.text, TOKEN_LEN, t.digest);
	*out = t;
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(&t, sizeof(t));
	return 0;
}

void
token_wipe(struct token *t)
{
	explicit_bzero(t->text, sizeof(t->text));
}
