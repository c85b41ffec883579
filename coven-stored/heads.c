#include <string.h>

#include "common/mem.h"
#include "common/memfd.h"
#include "coven-stored/stored.h"

#define MS_NS	INT64_C(1000000)

static void
sign_now(struct stored *s)
{
	struct heads *h = &s->heads;
	struct msg_audit_head m;

	timer_stop(s->loop, &h->timer);
	store_audit_head(s->store, &h->last);
	h->last.at_ns = clock_wall_ns();
	h->last_ns = loop_now_ns();
	sign_head(&h->key, &h->last);
	m = (struct msg_audit_head){
		.chain = { h->last.chain, sizeof(h->last.chain) },
		.count = h->last.count,
		.digest = { h->last.digest, sizeof(h->last.digest) },
		.time_ns = h->last.at_ns,
		.signature = { h->last.signature, sizeof(h->last.signature) },
	};
	stored_tell(s, MSG_AUDIT_HEAD, &m, -1);
}

static uint64_t
behind(const struct stored *s)
{
	struct audit_head now;

	store_audit_head(s->store, &now);
	return now.count - s->heads.last.count;
}

static void
on_due(struct timer *t)
{
	sign_now(t->ctx);
}

/*
 * One head covers everything before it, so a burst of records needs one, not
 * many: they come at most once in LIMIT_AUDIT_HEAD_MIN_MS.
 */
void
heads_look(struct stored *s)
{
	struct heads *h = &s->heads;
	uint64_t n;
	int64_t at;

	if (!h->has_key || !s->serving || (n = behind(s)) == 0)
		return;
	at = h->last_ns + MS_NS * (n >= h->every ? LIMIT_AUDIT_HEAD_MIN_MS :
	    LIMIT_AUDIT_HEAD_MS);
	if (h->last.count == 0 || at <= loop_now_ns()) {
		sign_now(s);
		return;
	}
	if (timer_running(&h->timer) && h->timer.at_ns <= at)
		return;
	timer_stop(s->loop, &h->timer);
	h->timer = (struct timer){ .cb = on_due, .ctx = s };
	timer_start(s->loop, &h->timer, (at - loop_now_ns()) / MS_NS + 1);
}

void
heads_last(struct stored *s)
{
	if (s->heads.has_key && s->serving && behind(s) != 0)
		sign_now(s);
}

void
heads_fini(struct stored *s)
{
	timer_stop(s->loop, &s->heads.timer);
	sign_erase(&s->heads.key, sizeof(s->heads.key));
}

int
on_audit_key(struct chan *c, const union msg_any *msg, int *fd)
{
	struct stored *s = c->ctx;
	struct msg_audit_public m = { .key = { s->heads.key.public,
	    sizeof(s->heads.key.public) } };
	autobuf struct buf seed = { 0 };

	if (memfd_read(*fd, AUDIT_SEED_LEN, &seed) < 0 ||
	    buf_left(&seed) != AUDIT_SEED_LEN)
		return chan_blame(c, "a seed that is none");
	sign_key_make(&s->heads.key, (const uint8_t *)buf_head(&seed));
	sign_erase(seed.data, seed.cap);
	s->heads.has_key = true;
	s->heads.every = msg->audit_key.every != 0 ? msg->audit_key.every : 1;
	stored_tell(s, MSG_AUDIT_PUBLIC, &m, -1);
	return 0;
}
