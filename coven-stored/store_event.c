#include <errno.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

#define SEQ_MAX		((UINT64_C(1) << 48) - 1)	/* twelve hex digits */

static const char *const kind_names[EVENT_KIND__COUNT] = {
	[EVENT_OUTPUT] = "output",
	[EVENT_INPUT] = "input",
	[EVENT_KILL] = "kill",
	[EVENT_EXIT] = "exit",
};

const char *
event_kind_name(enum event_kind kind)
{
	return kind_names[kind];
}

int
store_set_last_n(struct store *s, int64_t key, uint64_t n)
{
	return db_run(s->db, SQL_RUN_LAST_N, "ii", key, (int64_t)n);
}

int
store_add_event(struct store *s, int64_t key, const struct store_event *e)
{
	int r;

	if (s->seq >= SEQ_MAX)
		return -EOVERFLOW;
	r = db_run(s->db, SQL_EVENT_ADD, "iiiti", (int64_t)(s->seq + 1), key,
	    (int64_t)e->kind, e->payload, e->len, (int64_t)e->time_ns);
	if (r == 0)
		s->seq++;
	return r;
}

struct event_walk {
	store_event_cb	*cb;
	void		*ctx;
};

static int
on_event(void *ctx, const struct db_row *row)
{
	struct event_walk *w = ctx;
	struct store_event e = {
		.seq = (uint64_t)db_int(row, 0),
		.time_ns = (uint64_t)db_int(row, 3),
	};
	int64_t kind = db_int(row, 1);

	if (kind < 0 || kind >= EVENT_KIND__COUNT)
		return -EUCLEAN;
	e.kind = (enum event_kind)kind;
	e.payload = db_text(row, 2, &e.len);
	return w->cb(w->ctx, &e);
}

int
store_events(struct store *s, int64_t key, uint64_t after, uint32_t limit,
    store_event_cb *cb, void *ctx)
{
	struct event_walk w = { .cb = cb, .ctx = ctx };

	if (after > SEQ_MAX)
		after = SEQ_MAX;
	return db_query(s->db, SQL_EVENT_PAGE, on_event, &w, "iii", key,
	    (int64_t)after, limit != 0 ? (int64_t)limit : (int64_t)-1);
}

static int
on_one(void *ctx, const struct db_row *row)
{
	uint64_t *n = ctx;

	*n = (uint64_t)db_int(row, 0);
	return 1;
}

int
store_last_event(struct store *s, int64_t key, uint64_t *seq)
{
	*seq = 0;
	return db_query(s->db, SQL_EVENT_LAST_OF, on_one, seq, "i", key);
}

int
store_oldest_event(struct store *s, uint64_t *time_ns)
{
	*time_ns = 0;
	return db_query(s->db, SQL_EVENT_OLDEST, on_one, time_ns, "");
}

int
store_drop_events(struct store *s, int64_t key)
{
	return db_run(s->db, SQL_EVENT_DROP, "i", key);
}

int
store_prune_events(struct store *s, uint64_t before_ns, uint32_t max,
    uint32_t *dropped)
{
	int r = db_run(s->db, SQL_EVENT_PRUNE, "ii", (int64_t)before_ns,
	    (int64_t)max);

	if (r == 0)
		*dropped = (uint32_t)db_changes(s->db);
	return r;
}

/* --- ids --- */

void
store_event_id(const struct store *s, uint64_t seq, char out[UUID_LEN])
{
	uint64_t text[3] = { s->salt[0], s->salt[1], seq };
	uint8_t h[SHA256_DIGEST_LENGTH];
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)text, sizeof(text));
	SHA256Final(h, &ctx);
	h[6] = (uint8_t)((h[6] & 0x0f) | 0x40);
	h[8] = (uint8_t)((h[8] & 0x3f) | 0x80);
	(void)snprintf(out, UUID_LEN, "%02x%02x%02x%02x-%02x%02x-%02x%02x-"
	    "%02x%02x-%012" PRIx64, h[0], h[1], h[2], h[3], h[4], h[5], h[6],
	    h[7], h[8], h[9], seq & SEQ_MAX);
}

int
store_event_seq(const struct store *s, const char *id, uint64_t *seq)
{
	char want[UUID_LEN];
	uint64_t got = 0;
	size_t i;

	if (strlen(id) != UUID_LEN - 1)
		return STORE_NOT_FOUND;
	for (i = UUID_LEN - 13; i < UUID_LEN - 1; i++) {
		const char *digits = "0123456789abcdef";
		const char *at = strchr(digits, id[i]);

		if (at == NULL)
			return STORE_NOT_FOUND;
		got = got << 4 | (uint64_t)(at - digits);
	}
	store_event_id(s, got, want);
	if (strcmp(id, want) != 0)
		return STORE_NOT_FOUND;
	*seq = got;
	return 0;
}
