#include <stdbool.h>
#include <string.h>

#include "common/base64.h"
#include "common/utf8.h"
#include "coven-runner/wrap.h"

/* A piece at its worst: six bytes each, its base64, the members' names. */
#define WRAPPED_MAX	(WRAP_PIECE * ESCAPE_WORST + WRAP_PIECE * 2 + 128)

static void
put(struct escape *e, const char *s)
{
	size_t n = strlen(s);

	memcpy(e->to + e->len, s, n);
	e->len += n;
}

/* The piece at s and, in *line, whether its newline follows. */
static size_t
piece(const char *s, size_t n, bool *line)
{
	const char *nl = memchr(s, '\n', n <= WRAP_PIECE ? n : WRAP_PIECE + 1);

	*line = nl != NULL;
	if (nl != NULL)
		return (size_t)(nl - s);
	if (n <= WRAP_PIECE)
		return n;
	return WRAP_PIECE - utf8_tail(s, WRAP_PIECE);
}

static size_t
wrapped(char *to, const char *s, size_t n, bool line)
{
	struct escape e = { .to = to, .room = WRAPPED_MAX };
	int lossy = 0;

	put(&e, "{\"subtype\":\"stderr\",\"text\":\"");
	(void)escape_lossy(&e, s, n, &lossy);
	put(&e, "\",\"type\":\"system\"");
	if (lossy) {
		put(&e, ",\"b64\":\"");
		e.len += base64_write(BASE64_STANDARD, to + e.len, s, n);
		put(&e, "\"");
	}
	put(&e, line ? "}\n" : ",\"partial\":true}\n");
	return e.len;
}

size_t
wrap_lines(struct escape *e, const char *s, size_t n)
{
	static char one[WRAPPED_MAX];
	size_t used = 0, len, got, bad, before;
	bool line;

	while (used < n) {
		len = piece(s + used, n - used, &line);
		got = wrapped(one, s + used, len, line);
		before = e->len;
		if (escape_run(e, one, got, &bad) != got) {
			e->len = before;
			break;
		}
		used += len + (line ? 1 : 0);
	}
	return used;
}
