/*
 * Redaction: what comes out is the same wherever the text is cut, and a line
 * of JSON is one afterwards.  The input's first byte says how it is cut and
 * what the text is, the rest is the text.
 *
 * FUZZ-SOURCES: redact/begins.c redact/compile.c redact/kinds.c
 * FUZZ-SOURCES: redact/members.c redact/redact.c redact/scan.c
 * FUZZ-SOURCES: redact/shape.c redact/span.c
 * FUZZ-PACKAGES: libhs json-c
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/json_scan.h"
#include "common/memfd.h"
#include "redact/compile.h"
#include "redact/redact.h"

#define TEXT_MAX	4096	/* every piece is scanned again */

int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
refused(void *ctx, size_t index, const char *why)
{
	(void)ctx;
	(void)index;
	(void)why;
	abort();
}

static struct redactor *
patterns(void)
{
	static const char *const extra[] = { "corp-[0-9]{8}", "x.?\\bx",
	    "(?:ab|a[^c]){2,3}c" };
	static struct redactor *r;
	autobuf struct buf image = { 0 };
	char why[128];
	int fd;

	if (r != NULL)
		return r;
	(void)compile_patterns(extra, 3, &image, refused, NULL);
	fd = memfd_make("patterns", buf_head(&image), buf_left(&image));
	if (redactor_open(&r, fd, why, sizeof(why)) != 0)
		abort();
	(void)close(fd);
	return r;
}

/* In pieces of that many bytes, each in memory of its own. */
static void
pass(unsigned flags, const char *p, size_t n, size_t piece, bool pauses,
    struct buf *out)
{
	struct redact *t = redact_new(patterns(), flags);
	size_t i, m;

	for (i = 0; i < n; i += m) {
		char *copy;

		m = n - i < piece ? n - i : piece;
		copy = malloc(m);
		if (copy == NULL)
			abort();
		memcpy(copy, p + i, m);
		if (redact_feed(t, copy, m, out))
			(void)buf_add(out, copy, m);
		if (pauses)
			redact_expire(t, out);
		free(copy);
	}
	redact_end(t, out);
	redact_free(t);
}

/* One line of it, as strict as the suite's own readers are. */
static bool
is_json(const char *p, size_t n)
{
	struct json_scan s = { 0 };
	struct json_tokener *tok;
	struct json_object *v;
	bool good;

	if (n == 0 || *p != '{' || memchr(p, '\n', n) != NULL ||
	    json_scan(&s, p, n) != 0)
		return false;
	tok = json_tokener_new();
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT);
	v = json_tokener_parse_ex(tok, p, (int)n);
	good = json_tokener_get_error(tok) == json_tokener_success &&
	    json_tokener_get_parse_end(tok) == n;
	json_object_put(v);
	json_tokener_free(tok);
	return good;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	autobuf struct buf whole = { 0 }, cut = { 0 }, paused = { 0 };
	const char *text = (const char *)data + 1;
	unsigned flags;
	size_t piece;

	if (n < 2 || n > TEXT_MAX)
		return 0;
	flags = (data[0] & 1) ? REDACT_JSON | REDACT_MEMBERS : 0;
	piece = 1 + (data[0] >> 1) % 64;
	n--;
	pass(flags, text, n, n, false, &whole);
	pass(flags, text, n, piece, false, &cut);
	pass(flags, text, n, piece, true, &paused);
	/* What is no JSON has no escapes to be whole. */
	if (flags != 0 && !is_json(text, n))
		return 0;
	if (buf_left(&whole) != buf_left(&cut) ||
	    memcmp(buf_head(&whole), buf_head(&cut), buf_left(&cut)) != 0)
		abort();
	if (flags != 0 && (!is_json(buf_head(&whole), buf_left(&whole)) ||
	    !is_json(buf_head(&paused), buf_left(&paused))))
		abort();
	return 0;
}
