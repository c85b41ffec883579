#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/plain.h"
#include "common/utf8.h"

void
jw_init(struct jw *j, struct buf *out)
{
	*j = (struct jw){ .out = out };
}

bool
jw_ok(const struct jw *j)
{
	return !j->failed;
}

static void
put(struct jw *j, const char *p, size_t n)
{
	if (!j->failed && buf_add(j->out, p, n) < 0)
		j->failed = true;
}

/* Before a value or a name: the comma that separates it. */
static void
lead(struct jw *j)
{
	if (j->comma)
		put(j, ",", 1);
	j->comma = true;
}

static void
open_with(struct jw *j, const char *c)
{
	lead(j);
	put(j, c, 1);
	j->comma = false;
}

static void
close_with(struct jw *j, const char *c)
{
	put(j, c, 1);
	j->comma = true;
}

void
jw_object(struct jw *j)
{
	open_with(j, "{");
}

void
jw_object_end(struct jw *j)
{
	close_with(j, "}");
}

void
jw_array(struct jw *j)
{
	open_with(j, "[");
}

void
jw_array_end(struct jw *j)
{
	close_with(j, "]");
}

void
jw_name(struct jw *j, const char *name)
{
	jw_str(j, name);
	put(j, ":", 1);
	j->comma = false;
}

static void
put_escape(struct jw *j, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = c != '\0' ? strchr(from, c) : NULL;
	char esc[8];

	if (at != NULL)
		(void)snprintf(esc, sizeof(esc), "\\%c", to[at - from]);
	else
		(void)snprintf(esc, sizeof(esc), "\\u%04x", c);
	put(j, esc, strlen(esc));
}

void
jw_strn(struct jw *j, const char *s, size_t n)
{
	size_t run, bad;

	lead(j);
	put(j, "\"", 1);
	while (n != 0) {
		run = plain_run(s, n);
		if (run == 0 && (unsigned char)*s >= 0x80) {
			run = utf8_run(s, n, &bad);
			if (run == 0) {
				put(j, "\xef\xbf\xbd", 3);
				s += bad;
				n -= bad;
				continue;
			}
		} else if (run == 0) {
			put_escape(j, (unsigned char)*s++);
			n--;
			continue;
		}
		put(j, s, run);
		s += run;
		n -= run;
	}
	put(j, "\"", 1);
}

void
jw_str(struct jw *j, const char *s)
{
	if (s == NULL)
		jw_null(j);
	else
		jw_strn(j, s, strlen(s));
}

void
jw_i64(struct jw *j, int64_t v)
{
	char text[24];

	lead(j);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, v));
}

void
jw_u64(struct jw *j, uint64_t v)
{
	char text[24];

	lead(j);
	put(j, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, v));
}

void
jw_bool(struct jw *j, bool v)
{
	lead(j);
	put(j, v ? "true" : "false", v ? 4 : 5);
}

void
jw_null(struct jw *j)
{
	lead(j);
	put(j, "null", 4);
}

void
jw_raw(struct jw *j, const char *p, size_t n)
{
	lead(j);
	put(j, p, n);
}

void
jw_kstr(struct jw *j, const char *name, const char *v)
{
	jw_name(j, name);
	jw_str(j, v);
}

void
jw_ki64(struct jw *j, const char *name, int64_t v)
{
	jw_name(j, name);
	jw_i64(j, v);
}

void
jw_ku64(struct jw *j, const char *name, uint64_t v)
{
	jw_name(j, name);
	jw_u64(j, v);
}

void
jw_kbool(struct jw *j, const char *name, bool v)
{
	jw_name(j, name);
	jw_bool(j, v);
}

void
jw_knull(struct jw *j, const char *name)
{
	jw_name(j, name);
	jw_null(j);
}
