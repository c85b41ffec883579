#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "covenctl/sse.h"

void
sse_init(struct sse *s, sse_cb *cb, void *ctx)
{
	*s = (struct sse){ .cb = cb, .ctx = ctx };
	buf_init(&s->line, SSE_EVENT_MAX);
	buf_init(&s->data, SSE_EVENT_MAX);
}

void
sse_fini(struct sse *s)
{
	buf_fini(&s->line);
	buf_fini(&s->data);
}

/* An empty line: what was gathered is an event, if it had data. */
static void
dispatch(struct sse *s)
{
	size_t n = buf_left(&s->data);

	if (s->any)	/* the last line's newline is not part of it */
		s->cb(s->ctx, s->event[0] != '\0' ? s->event : "message",
		    n != 0 ? buf_head(&s->data) : "", n != 0 ? n - 1 : 0);
	buf_clear(&s->data);
	s->event[0] = '\0';
	s->any = false;
}

static int
take_line(struct sse *s, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	size_t name = colon != NULL ? (size_t)(colon - p) : n;
	const char *value = colon != NULL ? colon + 1 : p + n;
	size_t len = (size_t)(p + n - value);

	if (n == 0) {
		dispatch(s);
		return 0;
	}
	if (len != 0 && *value == ' ') {
		value++;
		len--;
	}
	if (name == 4 && memcmp(p, "data", 4) == 0) {
		s->any = true;
		return buf_add(&s->data, value, len) < 0 ||
		    buf_add(&s->data, "\n", 1) < 0 ? -EMSGSIZE : 0;
	}
	/* A name that is cut is none that anybody knows. */
	if (name == 5 && memcmp(p, "event", 5) == 0)
		(void)snprintf(s->event, sizeof(s->event), "%.*s",
		    (int)(len < SSE_NAME_MAX ? len : SSE_NAME_MAX), value);
	return 0;
}

int
sse_feed(struct sse *s, const char *p, size_t n)
{
	while (n != 0) {
		size_t len = 0;
		int r;

		if (s->skip_lf && *p == '\n') {
			s->skip_lf = false;
			p++;
			n--;
			continue;
		}
		s->skip_lf = false;
		while (len < n && p[len] != '\n' && p[len] != '\r')
			len++;
		if (buf_add(&s->line, p, len) < 0)
			return -EMSGSIZE;
		if (len == n)
			return 0;
		s->skip_lf = p[len] == '\r';
		r = take_line(s, buf_left(&s->line) != 0 ?
		    buf_head(&s->line) : "", buf_left(&s->line));
		if (r < 0)
			return r;
		buf_clear(&s->line);
		p += len + 1;
		n -= len + 1;
	}
	return 0;
}
