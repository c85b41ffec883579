#include <string.h>

#include "common/clock.h"
#include "common/limits.h"
#include "coven-runner/clean.h"

#define CHANGED_KEPT	((size_t)4 * OUT_READ)

static struct buf changed = { .max = REDACT_ROOM(OUT_READ) };

static void
feed_out(struct clean *c, const char *p, size_t n, bool in_place)
{
	char *to;

	if (n == 0)
		return;
	if (!in_place) {
		to = out_room(c->out, c->index, n);
		memcpy(to, p, n);
	}
	out_fed(c->out, c->index, n, clock_wall_ns());
}

static void
feed_changed(struct clean *c)
{
	feed_out(c, buf_head(&changed), buf_left(&changed), false);
	if (changed.cap > CHANGED_KEPT)
		buf_fini(&changed);
}

/* Nothing more came: whoever reads along has waited long enough. */
static void
on_hold_over(struct timer *t)
{
	struct clean *c = t->ctx;

	buf_clear(&changed);
	redact_expire(c->redact, &changed);
	feed_changed(c);
}

void
clean_open(struct clean *c, struct loop *l, struct redactor *r,
    struct out *out, unsigned index, bool json)
{
	*c = (struct clean){ .loop = l, .out = out, .index = index,
	    .redact = redact_new(r, json ? REDACT_JSON | REDACT_MEMBERS : 0) };
	c->hold = (struct timer){ .cb = on_hold_over, .ctx = c };
}

void
clean_pass(struct clean *c, const char *p, size_t n, bool in_place)
{
	buf_clear(&changed);
	timer_stop(c->loop, &c->hold);
	if (redact_feed(c->redact, p, n, &changed)) {
		feed_out(c, p, n, in_place);
		return;
	}
	feed_changed(c);
	if (redact_waits(c->redact))
		timer_start(c->loop, &c->hold, LIMIT_REDACT_HOLD_MS);
}

void
clean_close(struct clean *c)
{
	if (c->redact == NULL)
		return;
	timer_stop(c->loop, &c->hold);
	buf_clear(&changed);
	redact_end(c->redact, &changed);
	feed_changed(c);
	redact_free(c->redact);
	c->redact = NULL;
}
