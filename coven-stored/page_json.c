#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/limits.h"
#include "common/log.h"
#include "coven-stored/page_json.h"

#define OPEN	"{\"events\":["
#define SEQ	"{\"seq\":"
#define ID	",\"id\":\""
#define SESSION	"\",\"session_id\":\""
#define KIND	"\",\"kind\":\""
#define PAYLOAD	"\",\"payload_json\":\""
#define AT	"\",\"created_at\":\""
#define CLOSE	"\"}"
#define CURSOR	"],\"nextCursor\":{\"afterSeq\":"
#define NO_CURSOR "],\"nextCursor\":null"
#define MORE	",\"hasMore\":true}"
#define NO_MORE	",\"hasMore\":false}"

#define LEN(s)	(sizeof(s) - 1)

/* Digits, an id, the longest kind, a time, and every name and quote. */
#define EVENT_ROOM	((size_t)256)
#define ENDS_ROOM	((size_t)128)

#define PUT(to, text)	put(to, text, LEN(text))

static char *
put(char *to, const char *text, size_t n)
{
	memcpy(to, text, n);
	return to + n;
}

static char *
put_number(char *to, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	return put(to, digits + i, sizeof(digits) - i);
}

static int
too_large(struct page_json *p, uint64_t seq)
{
	char id[UUID_LEN];

	p->more = p->rows != 0 && p->limit != 0;
	p->outcome = p->more ? 0 : STORE_TOO_LARGE;
	store_event_id(p->store, seq, id);
	(void)snprintf(p->text, sizeof(p->text), "%" PRIu64 "\t%s", seq, id);
	return 1;
}

static int
put_event(void *ctx, const struct store_event *e)
{
	struct page_json *p = ctx;
	const char *kind = event_kind_name(e->kind);
	char *to = p->to + p->len, text[64];
	size_t need;

	_Static_assert(sizeof(text) >= UUID_LEN &&
	    sizeof(text) >= RFC3339_LEN, "text holds either");
	if (p->limit != 0 && p->rows == p->limit) {
		p->more = true;
		return 1;
	}
	need = p->len + EVENT_ROOM + p->middle_len + e->len + ENDS_ROOM;
	if (need > PAGE_JSON_MAX)
		return too_large(p, e->seq);
	if (need > p->room)
		return PAGE_NO_ROOM;
	if (p->rows != 0)
		*to++ = ',';
	to = PUT(to, SEQ);
	to = put_number(to, e->seq);
	to = PUT(to, ID);
	store_event_id(p->store, e->seq, text);
	to = put(to, text, UUID_LEN - 1);
	to = put(to, p->middle, p->middle_len);
	if (e->kind == EVENT_OTHER) {
		store_event_kind(p->store, e, text, sizeof(text));
		kind = text;
	}
	to = put(to, kind, strlen(kind));
	to = PUT(to, PAYLOAD);
	to = put(to, e->payload, e->len);
	to = PUT(to, AT);
	clock_format(e->time_ns, text);
	to = put(to, text, RFC3339_LEN - 1);
	to = PUT(to, CLOSE);
	p->len = (size_t)(to - p->to);
	p->last = e->seq;
	p->rows++;
	return 0;
}

/* What all events of one session have between their ids and their kinds. */
static void
make_middle(struct page_json *p)
{
	struct buf b = { 0 };

	if (buf_adds(&b, SESSION) < 0 ||
	    json_escape(&b, p->session_id, strlen(p->session_id)) < 0 ||
	    buf_adds(&b, KIND) < 0)
		fatal("write a page: an id of %zu bytes",
		    strlen(p->session_id));
	p->middle = b.data;
	p->middle_len = buf_left(&b);
}

int
page_json_events(struct page_json *p, int64_t key, uint64_t after)
{
	char *to;
	int r;

	if (p->limit > LIMIT_PAGE_EVENTS)
		p->limit = LIMIT_PAGE_EVENTS;
	p->len = p->rows = 0;
	p->more = false;
	p->outcome = 0;
	make_middle(p);
	p->len = (size_t)(PUT(p->to, OPEN) - p->to);
	r = store_events_json(p->store, key, after, p->limit != 0 ?
	    p->limit + 1 : 0, put_event, p);
	free(p->middle);
	if (r < 0 || p->outcome != 0)
		return r < 0 ? r : p->outcome;
	to = p->to + p->len;
	if (p->rows != 0) {
		to = PUT(to, CURSOR);
		to = put_number(to, p->last);
		*to++ = '}';
	} else {
		to = PUT(to, NO_CURSOR);
	}
	to = p->more ? PUT(to, MORE) : PUT(to, NO_MORE);
	p->len = (size_t)(to - p->to);
	return 0;
}
