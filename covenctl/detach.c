#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "covenctl/detach.h"

/* One key, n bytes long: -1 for none. */
static int
key(const char *s, size_t n)
{
	size_t skip = 0;
	int c;

	if (n > 5 && strncasecmp(s, "ctrl-", 5) == 0)
		skip = 5;
	else if (n > 1 && s[0] == '^')
		skip = 1;
	if (n != skip + 1 || !isprint((unsigned char)s[skip]))
		return -1;
	c = (unsigned char)s[skip];
	if (skip == 0)
		return c;
	c = toupper(c);
	/* Control and a key of the fourth and fifth column. */
	return c >= '@' && c <= '_' ? c & 0x1f : -1;
}

int
detach_parse(struct detach *d, const char *s)
{
	*d = (struct detach){ 0 };
	if (strcmp(s, "none") == 0)
		return 0;
	for (;;) {
		size_t n = strcspn(s, ",");
		int c = key(s, n);

		if (c == -1 || d->n == DETACH_KEYS_MAX)
			return -EINVAL;
		d->keys[d->n++] = (char)c;
		if (s[n] == '\0')
			return 0;
		s += n + 1;
	}
}

bool
detach_feed(struct detach *d, const char *in, size_t n, struct buf *out)
{
	if (d->n == 0) {
		(void)buf_add(out, in, n);
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		d->held[d->nheld++] = in[i];
		/* What is held is always how the keys begin. */
		while (memcmp(d->held, d->keys, d->nheld) != 0) {
			(void)buf_add(out, d->held, 1);
			memmove(d->held, d->held + 1, --d->nheld);
		}
		if (d->nheld == d->n) {
			d->nheld = 0;
			return true;
		}
	}
	return false;
}
