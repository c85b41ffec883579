/*
 * How far a secret goes that a lead has announced: as long as its bytes are
 * of its class.  Private keys and addresses have rules of their own.
 */
#include <string.h>

#include "redact/impl.h"

#define PEM_RUN		16	/* base64 in a row: a line of a key */
#define PEM_WEAK	5	/* lines without it, before it is none */
#define PEM_MAX		65536	/* no key is as long */

/* --- classes --- */

static uint8_t classes[SHAPE_ID__COUNT][256];

/* "A-Za-z0-9_-", or what is not: "^ \t". */
static void
fill(uint8_t *class, const char *s)
{
	uint8_t in = s[0] != '^';
	unsigned c, to;

	if (!in)
		s++;
	memset(class, !in, 256);
	for (; *s != '\0'; s++) {
		c = to = (unsigned char)*s;
		if (s[1] == '-' && s[2] != '\0') {
			to = (unsigned char)s[2];
			s += 2;
		}
		for (; c <= to; c++)
			class[c] = in;
	}
}

static const uint8_t *
class_of(enum shape_id id)
{
	static bool filled;
	size_t i;

	if (!filled)
		for (i = 0; i < SHAPE_ID__COUNT; i++)
			fill(classes[i], shapes[i].bytes);
	filled = true;
	return classes[id];
}

/* --- one character --- */

static int
hex(const char *p)
{
	int i, v = 0;
	char c;

	for (i = 0; i < 4; i++) {
		c = p[i];
		v = v << 4 | (c >= '0' && c <= '9' ? c - '0' :
		    ((c | 0x20) - 'a' + 10) & 15);
	}
	return v;
}

/*
 * The character at `at', which JSON may have escaped: how many bytes it takes
 * and, if it is ASCII, which it is; 0: its end has not come yet.
 */
static size_t
character(const struct view *v, uint64_t at, unsigned char *c)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";
	const char *p = v->p + (at - v->from), *named;
	uint64_t left = v->to - at;
	size_t n;
	int code;

	*c = (unsigned char)*p;
	if (!v->json || *p != '\\')
		return 1;
	n = view_escape(v, at);
	if (n > left)
		return 0;
	if (n == 6) {
		code = hex(p + 2);
		*c = (unsigned char)(code < 0x80 ? code : 0x80);
		return 6;
	}
	named = p[1] != '\0' ? strchr(from, p[1]) : NULL;
	*c = (unsigned char)(named != NULL ? to[named - from] : p[1]);
	return 2;
}

/* --- the three kinds of hunt --- */

void
hunt_start(struct hunt *h, uint64_t at)
{
	*h = (struct hunt){ .from = at, .at = at, .sure_to = at, .on = true };
}

static bool
ends(struct hunt *h)
{
	h->on = false;
	if (h->sure)
		h->sure_to = h->at;
	return false;
}

/* A string's end is the end of everything in it. */
static bool
is_border(const struct view *v, uint64_t at)
{
	return v->json && v->p[at - v->from] == '"';
}

/* Of an assignment that the lead has not wholly taken in yet. */
static bool
is_sign(unsigned char c)
{
	return c == '=' || c == '>' || c == ' ' || c == '\t';
}

static bool
run_on(struct hunt *h, enum shape_id id, const struct view *v, uint64_t to)
{
	const uint8_t *class = class_of(id);
	const struct shape *s = &shapes[id];
	unsigned char c;
	size_t n;

	while (h->at < to) {
		if (is_border(v, h->at))
			return ends(h);
		n = character(v, h->at, &c);
		if (n == 0)
			return true;
		if ((s->flags & SHAPE_ESCAPES) && !v->json && c == '\\') {
			if (v->to - h->at < 2)
				return true;
			n = 2;
		} else if (!class[c] || (h->count == 0 && is_sign(c) &&
		    (s->flags & SHAPE_ASSIGNED))) {
			return ends(h);
		}
		h->at += n;
		h->count += h->count < SHAPE_NEVER - 1;
		h->sure |= h->count >= s->min;
	}
	return true;
}

static bool
is_base64(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	    (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=';
}

/*
 * Keys come with line numbers, quotation marks and indentation in front, and
 * sometimes without their end.  So a line counts that has enough of base64 in
 * a row, however it is dressed; too many others say that this is no key.
 */
static bool
pem_on(struct hunt *h, const struct view *v, uint64_t to)
{
	unsigned char c;

	for (; h->at < to; h->at++) {
		if (!h->escaped && (h->at - h->from > PEM_MAX ||
		    is_border(v, h->at))) {
			h->on = false;
			return false;
		}
		c = (unsigned char)v->p[h->at - v->from];
		h->escaped = c == '\\' && !h->escaped;
		if (c == '\n') {
			h->weak = h->line_sure ? 0 : h->weak + 1;
			h->line_run = 0;
			h->line_sure = false;
			if (h->weak > PEM_WEAK) {
				h->on = false;
				return false;
			}
			continue;
		}
		h->line_run = is_base64(c) ? h->line_run + 1 : 0;
		if (h->line_run >= PEM_RUN)
			h->line_sure = h->sure = true;
		if (h->line_sure)
			h->sure_to = h->at + 1;
	}
	return true;
}

bool
hunt_on(struct hunt *h, enum shape_id id, const struct view *v, uint64_t to)
{
	return (shapes[id].flags & SHAPE_PEM) ? pem_on(h, v, to) :
	    run_on(h, id, v, to);
}

uint64_t
hunt_secret(const struct hunt *h, enum shape_id id)
{
	if (shapes[id].flags & SHAPE_PEM)
		return h->sure_to;
	return h->sure ? h->at : h->from;
}

void
hunt_expire(struct hunt *h, enum shape_id id)
{
	if (shapes[id].flags & SHAPE_PEM)
		h->sure_to = h->sure ? h->at : h->sure_to;
	else if (h->count >= shapes[id].soft)
		h->sure = true;
}
