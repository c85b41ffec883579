#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/log.h"
#include "common/mem.h"

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_fini(struct buf *b)
{
	size_t max = b->max;

	free(b->data);
	buf_init(b, max);
}

void
buf_clear(struct buf *b)
{
	b->pos = b->len = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

const char *
buf_head(const struct buf *b)
{
	return b->data != NULL ? b->data + b->pos : "";
}

size_t
buf_left(const struct buf *b)
{
	return b->len - b->pos;
}

void
buf_consume(struct buf *b, size_t n)
{
	if (n > buf_left(b))
		fatal("consume: %zu of %zu bytes", n, buf_left(b));
	b->pos += n;
	if (b->pos == b->len)
		buf_clear(b);
}

char *
buf_reserve(struct buf *b, size_t n)
{
	size_t max = b->max != 0 ? b->max : BUF_MAX_DEFAULT;
	size_t cap;

	if (n > max || buf_left(b) > max - n)
		return NULL;
	if (b->pos != 0 && b->len + n + 1 > b->cap) {
		memmove(b->data, b->data + b->pos, buf_left(b));
		b->len -= b->pos;
		b->pos = 0;
	}
	if (b->len + n + 1 > b->cap) {
		cap = b->cap != 0 ? b->cap : 256;
		while (cap < b->len + n + 1)
			cap *= 2;
		b->data = mem_realloc(b->data, cap, 1);
		b->cap = cap;
	}
	return b->data + b->len;
}

void
buf_commit(struct buf *b, size_t n)
{
	if (b->len + n >= b->cap)
		fatal("commit: %zu bytes that were not reserved", n);
	b->len += n;
	b->data[b->len] = '\0';
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_reserve(b, n);

	if (to == NULL)
		return -EMSGSIZE;
	if (n != 0)
		memcpy(to, p, n);
	buf_commit(b, n);
	return 0;
}

int
buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int
buf_addf(struct buf *b, const char *fmt, ...)
{
	char small[512], *to;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	if ((size_t)n < sizeof(small))
		return buf_add(b, small, (size_t)n);
	to = buf_reserve(b, (size_t)n);
	if (to == NULL)
		return -EMSGSIZE;
	va_start(ap, fmt);
	(void)vsnprintf(to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_commit(b, (size_t)n);
	return 0;
}
