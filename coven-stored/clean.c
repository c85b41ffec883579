/*
 * What is redacted before it is written, besides output, which its runner has
 * seen to: titles, input, the words of an audit record.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "coven-stored/clean.h"
#include "coven-stored/stored.h"

#define WITHHELD	"{\"data\":\"" REDACTED "\"}"

char *
stored_clean_text(const struct stored *s, const char *text, size_t max)
{
	autobuf struct buf out = { 0 };
	size_t n;

	redact_text(s->redactor, 0, text, strlen(text), &out);
	n = buf_left(&out);
	if (n > max)
		n = max - utf8_tail(buf_head(&out), max);
	out.data[out.pos + n] = '\0';
	return mem_strdup(buf_head(&out));
}

/* --- where input's own bytes lie in its payload --- */

struct slice {
	size_t	from, to;
};

/* Behind the string that begins at i, or n. */
static size_t
skip_string(const char *p, size_t n, size_t i)
{
	for (i++; i < n && p[i] != '"'; i++)
		if (p[i] == '\\')
			i++;
	return i < n ? i + 1 : n;
}

static bool
is_name(const char *p, const struct slice *s, const char *name)
{
	return s->to - s->from == strlen(name) &&
	    memcmp(p + s->from, name, s->to - s->from) == 0;
}

/*
 * The inside of the string that is the value of the payload's own member of
 * this name.  apid writes JSON compactly; what is not found is cleaned with
 * the rest.
 */
static bool
find_member(const char *p, size_t n, const char *name, struct slice *out)
{
	struct slice last = { 0 };
	size_t i = 0, depth = 0, end;
	bool named = false;

	while (i < n) {
		if (p[i] == '"') {
			end = skip_string(p, n, i);
			if (end - i < 2)
				return false;
			if (named && depth == 1 && is_name(p, &last, name)) {
				*out = (struct slice){ i + 1, end - 1 };
				return true;
			}
			last = (struct slice){ i + 1, end - 1 };
			named = false;
			i = end;
			continue;
		}
		if (p[i] == '{' || p[i] == '[')
			depth++;
		else if ((p[i] == '}' || p[i] == ']') && depth != 0)
			depth--;
		named = p[i] == ':';
		i++;
	}
	return false;
}

/* --- input --- */

/*
 * A secret may be typed a key a request, so all input of a session is one
 * text; but each event is written at once, so nothing is held back.
 */
static void
clean_typed(struct run *run, const char *p, size_t n, struct buf *out)
{
	if (run->typed == NULL)
		run->typed = redact_new(run->stored->redactor, REDACT_JSON);
	if (redact_feed(run->typed, p, n, out))
		(void)buf_add(out, p, n);
	redact_expire(run->typed, out);
}

static void
put(struct redact *t, const char *p, size_t n, struct buf *out)
{
	if (redact_feed(t, p, n, out))
		(void)buf_add(out, p, n);
	redact_expire(t, out);
}

/* {"data":"..."}, whatever else is in there. */
static void
clean_data(struct run *run, const char *p, size_t n, const struct slice *data,
    struct buf *out)
{
	struct redact *t = redact_new(run->stored->redactor,
	    REDACT_JSON | REDACT_MEMBERS);

	put(t, p, data->from, out);
	clean_typed(run, p + data->from, data->to - data->from, out);
	put(t, p + data->to, n - data->to, out);
	redact_end(t, out);
	redact_free(t);
}

/*
 * {"b64":"..."}: the bytes as JSON has them are what is looked at.  When there
 * is a secret in them the event has the text instead.
 */
static void
clean_b64(struct run *run, const char *p, size_t n, const struct slice *b64,
    struct buf *out)
{
	autobuf struct buf bytes = { 0 }, text = { 0 }, cleaned = { 0 };
	struct jw j;

	if (base64_decode(BASE64_STANDARD, p + b64->from, b64->to - b64->from,
	    &bytes) != 0) {
		(void)buf_adds(out, WITHHELD);
		return;
	}
	jw_init(&j, &text);
	jw_strn(&j, buf_head(&bytes), buf_left(&bytes));
	if (!jw_ok(&j)) {
		(void)buf_adds(out, WITHHELD);
		return;
	}
	/* without the quotes around it */
	clean_typed(run, buf_head(&text) + 1, buf_left(&text) - 2, &cleaned);
	if (buf_left(&cleaned) == buf_left(&text) - 2 &&
	    memcmp(buf_head(&cleaned), buf_head(&text) + 1,
	    buf_left(&cleaned)) == 0) {
		redact_text(run->stored->redactor,
		    REDACT_JSON | REDACT_MEMBERS, p, n, out);
		return;
	}
	(void)buf_addf(out, "{\"data\":\"%s\"}", buf_head(&cleaned));
}

char *
run_clean_input(struct run *run, const char *p, size_t *n)
{
	autobuf struct buf out = { 0 };
	struct slice at;

	if (find_member(p, *n, "data", &at))
		clean_data(run, p, *n, &at, &out);
	else if (find_member(p, *n, "b64", &at))
		clean_b64(run, p, *n, &at, &out);
	else
		redact_text(run->stored->redactor,
		    REDACT_JSON | REDACT_MEMBERS, p, *n, &out);
	/* It grew beyond what an event may be: rather none of it. */
	if (buf_left(&out) > LIMIT_INPUT_EVENT) {
		buf_clear(&out);
		(void)buf_adds(&out, WITHHELD);
	}
	*n = buf_left(&out);
	return mem_dup(buf_head(&out), *n);
}
