#include <endian.h>
#include <errno.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/limits.h"
#include "common/log.h"
#include "coven-stored/block.h"

struct head {
	uint64_t	seq, time_ns;
	uint32_t	len, kind;
};

_Static_assert(sizeof(struct head) == BLOCK_HEAD, "the head has no holes");

void
span_add(struct span *s, const struct store_event *e)
{
	if (s->count++ == 0) {
		s->first = e->seq;
		s->oldest_ns = s->newest_ns = e->time_ns;
	}
	s->last = e->seq;
	if (e->time_ns < s->oldest_ns)
		s->oldest_ns = e->time_ns;
	if (e->time_ns > s->newest_ns)
		s->newest_ns = e->time_ns;
}

struct span
span_join(const struct span *a, const struct span *b)
{
	struct span s = *a;

	if (a->count == 0)
		return *b;
	if (b->count == 0)
		return *a;
	s.last = b->last;
	s.count += b->count;
	if (b->oldest_ns < s.oldest_ns)
		s.oldest_ns = b->oldest_ns;
	if (b->newest_ns > s.newest_ns)
		s.newest_ns = b->newest_ns;
	return s;
}

static void
put_head(char *to, const struct store_event *e, size_t len)
{
	struct head h = { .seq = htole64(e->seq),
	    .time_ns = htole64(e->time_ns), .len = htole32((uint32_t)len),
	    .kind = htole32((uint32_t)e->kind) };

	memcpy(to, &h, sizeof(h));
}

void
block_add(struct buf *out, const struct store_event *e)
{
	static const char head[BLOCK_HEAD];
	size_t start = buf_left(out), len;

	if (e->len > LIMIT_BULK || buf_add(out, head, sizeof(head)) < 0 ||
	    json_escape(out, e->payload, e->len) < 0)
		fatal("keep event %llu: it does not fit",
		    (unsigned long long)e->seq);
	len = buf_left(out) - start - sizeof(head);
	put_head(out->data + out->pos + start, e, len);
}

void
block_copy(struct buf *out, const struct store_event *e)
{
	char head[BLOCK_HEAD];

	put_head(head, e, e->len);
	if (buf_add(out, head, sizeof(head)) < 0 ||
	    buf_add(out, e->payload, e->len) < 0)
		fatal("keep event %llu: it does not fit",
		    (unsigned long long)e->seq);
}

int
block_next(const char **p, size_t *left, struct store_event *e)
{
	struct head h;
	size_t len;

	if (*left == 0)
		return BLOCK_END;
	if (*left < sizeof(h))
		return -EUCLEAN;
	memcpy(&h, *p, sizeof(h));
	len = le32toh(h.len);
	if (*left - sizeof(h) < len || le32toh(h.kind) >= EVENT_KIND__COUNT)
		return -EUCLEAN;
	*e = (struct store_event){ .seq = le64toh(h.seq),
	    .kind = (enum event_kind)le32toh(h.kind),
	    .payload = *p + sizeof(h), .len = len,
	    .time_ns = le64toh(h.time_ns) };
	*p += sizeof(h) + len;
	*left -= sizeof(h) + len;
	return 0;
}
