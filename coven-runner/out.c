#include <string.h>

#include "common/base64.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/utf8.h"
#include "coven-runner/escape.h"
#include "coven-runner/out.h"
#include "coven-runner/wrap.h"

#define OPEN	"{\"data\":\""
#define B64	"\",\"b64\":\""
#define STDERR	"\",\"stream\":\"stderr"
#define CLOSE	"\"}"

#define LEN(s)	(sizeof(s) - 1)

/* Bytes that always hold the ill-formed sequence that they begin with. */
#define SLICE_MIN	((size_t)16)

void
out_init(struct out *o, enum transport transport)
{
	unsigned i;

	*o = (struct out){ .transport = transport };
	for (i = 0; i < OUT_STREAMS; i++)
		buf_init(&o->stream[i].raw,
		    OUT_FULL + OUT_READ + OUT_LAST);
}

void
out_fini(struct out *o)
{
	unsigned i;

	for (i = 0; i < OUT_STREAMS; i++)
		buf_fini(&o->stream[i].raw);
}

/* --- feeding --- */

bool
out_full(const struct out *o, unsigned i)
{
	return buf_left(&o->stream[i].raw) >= OUT_FULL;
}

bool
out_empty(const struct out *o)
{
	unsigned i;

	for (i = 0; i < OUT_STREAMS; i++)
		if (buf_left(&o->stream[i].raw) != 0)
			return false;
	return true;
}

char *
out_room(struct out *o, unsigned i, size_t n)
{
	char *to = buf_reserve(&o->stream[i].raw, n);

	if (to == NULL)
		fatal("feed output: the stream is full");
	return to;
}

void
out_fed(struct out *o, unsigned i, size_t n, uint64_t now_ns)
{
	struct out_stream *s = &o->stream[i];
	size_t before = buf_left(&s->raw);
	const char *nl;

	if (n == 0)
		return;
	if (before == 0)
		s->since_ns = now_ns;
	s->last_ns = now_ns;
	buf_commit(&s->raw, n);
	if (o->transport != TRANSPORT_STREAM)
		return;
	nl = memrchr(buf_head(&s->raw) + before, '\n', n);
	if (nl != NULL)
		s->lines = (size_t)(nl - buf_head(&s->raw)) + 1;
}

void
out_eof(struct out *o, unsigned i)
{
	o->stream[i].eof = true;
}

/*
 * How many bytes may leave now.  Text that must be seen whole before it can
 * be judged waits here: an unfinished code point or line.  What may be the
 * start of a secret has not come here yet (coven-runner/clean.h).
 */
static size_t
ready(const struct out *o, unsigned i)
{
	const struct out_stream *s = &o->stream[i];
	size_t n = buf_left(&s->raw);

	if (s->eof)
		return n;
	if (o->transport == TRANSPORT_STREAM) {
		if (s->lines != 0)
			return s->lines;
		if (n < OUT_FULL)
			return 0;	/* a line longer goes in pieces */
	}
	return n - utf8_tail(buf_head(&s->raw), n);
}

/* --- taking --- */

/* Would this put standard error into the middle of a line of output? */
static bool
splits_line(const struct out *o, unsigned i)
{
	return i == OUT_STDERR && o->mid_line && !o->stream[OUT_STDOUT].eof &&
	    !out_full(o, i);
}

/* The stream whose oldest byte is the oldest; OUT_STREAMS when none. */
static unsigned
choose(const struct out *o, bool any)
{
	unsigned i, best = OUT_STREAMS;

	for (i = 0; i < OUT_STREAMS; i++) {
		if (ready(o, i) == 0 || splits_line(o, i) ||
		    (!any && !out_full(o, i)))
			continue;
		if (i == OUT_STDOUT && o->mid_line)
			return i;
		if (best == OUT_STREAMS ||
		    o->stream[i].since_ns < o->stream[best].since_ns)
			best = i;
	}
	return best;
}

/*
 * The longest prefix of s whose escaped text and base64 fit together.  It
 * goes in slices that cannot overrun, each a fraction of what is left.
 */
static size_t
escape_both(struct escape *e, const char *s, size_t used, size_t n)
{
	size_t left, slice;
	int lossy = 0;

	while (used < n) {
		left = e->room - e->len - base64_len(used);
		slice = left / (ESCAPE_WORST + 2);
		if (slice < SLICE_MIN)
			break;
		slice -= 4;	/* base64's padding */
		if (slice < n - used)
			slice -= utf8_tail(s + used, slice);
		else
			slice = n - used;
		used += escape_lossy(e, s + used, slice, &lossy);
	}
	return used;
}

/*
 * As much of s as makes one event's text.  Plain text stops in front of the
 * first ill-formed sequence only when there would be no room for its base64.
 */
static size_t
encode(struct escape *e, const char *s, size_t n)
{
	size_t used, bad;

	used = escape_run(e, s, n, &bad);
	if (bad == 0)
		return used;
	e->room -= LEN(B64);
	if (e->len + base64_len(used) + SLICE_MIN * (ESCAPE_WORST + 2) >
	    e->room)
		return used;
	used = escape_both(e, s, used, n);
	memcpy(e->to + e->len, B64, LEN(B64));
	e->len += LEN(B64);
	e->len += base64_write(BASE64_STANDARD, e->to + e->len, s, used);
	return used;
}

static size_t
take(struct out *o, unsigned i, char *to, size_t *len)
{
	const char *s = buf_head(&o->stream[i].raw);
	size_t n = ready(o, i), used;
	struct escape e = { .to = to, .len = LEN(OPEN),
	    .room = LIMIT_EVENT_PAYLOAD - LEN(STDERR) - LEN(CLOSE) };

	memcpy(to, OPEN, LEN(OPEN));
	if (i == OUT_STDERR && o->transport == TRANSPORT_STREAM)
		used = wrap_lines(&e, s, n);
	else
		used = encode(&e, s, n);
	if (i == OUT_STDERR && o->transport == TRANSPORT_PIPES) {
		memcpy(to + e.len, STDERR, LEN(STDERR));
		e.len += LEN(STDERR);
	}
	memcpy(to + e.len, CLOSE, LEN(CLOSE));
	*len = e.len + LEN(CLOSE);
	if (used == 0)
		fatal("take output: %zu bytes make no event", n);
	return used;
}

int
out_take(struct out *o, bool any, struct buf *payload, uint64_t *time_ns)
{
	unsigned i = choose(o, any);
	struct out_stream *s;
	size_t len, used;
	char *to;

	if (i == OUT_STREAMS)
		return OUT_NOTHING;
	s = &o->stream[i];
	to = buf_reserve(payload, LIMIT_EVENT_PAYLOAD);
	if (to == NULL)
		fatal("take output: no room for an event");
	used = take(o, i, to, &len);
	buf_commit(payload, len);
	*time_ns = s->since_ns;
	if (i == OUT_STDOUT && o->transport == TRANSPORT_STREAM)
		o->mid_line = buf_head(&s->raw)[used - 1] != '\n';
	s->lines -= used < s->lines ? used : s->lines;
	s->since_ns = s->last_ns;
	buf_consume(&s->raw, used);
	return 0;
}
