#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "coven-stored/siphash.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

static const char *const kind_names[EVENT_KIND__COUNT] = {
	[EVENT_OUTPUT] = "output",
	[EVENT_INPUT] = "input",
	[EVENT_KILL] = "kill",
	[EVENT_EXIT] = "exit",
	[EVENT_OTHER] = "other",
};

const char *
event_kind_name(enum event_kind kind)
{
	return kind_names[kind];
}

int
store_set_last_n(struct store *s, int64_t key, uint64_t n,
    uint64_t more_bytes)
{
	return db_run(s->db, SQL_RUN_LAST_N, "iii", key, (int64_t)n,
	    (int64_t)more_bytes);
}

int
store_add_event(struct store *s, int64_t key, const struct store_event *e)
{
	struct store_event numbered = *e;
	int r;

	if (s->seq >= STORE_SEQ_MAX)
		return -EOVERFLOW;
	numbered.seq = s->seq + 1;
	r = blocks_add(s, key, &numbered);
	if (r == 0)
		s->seq++;
	return r;
}

/* --- ids --- */

uint64_t
store_last_seq(const struct store *s)
{
	return s->durable_seq;
}

/* count digits of v, the most significant of them first. */
static char *
put_hex(char *to, uint64_t v, int count)
{
	static const char digits[] = "0123456789abcdef";

	while (count-- > 0)
		*to++ = digits[v >> 4 * count & 15];
	return to;
}

static void
derive_id(const struct store *s, uint64_t seq, char out[UUID_LEN])
{
	uint64_t n = htole64(seq), h[2];

	siphash128(s->salt, &n, sizeof(n), h);
	out = put_hex(out, h[0] >> 32, 8);
	*out++ = '-';
	out = put_hex(out, h[0] >> 16, 4);
	*out++ = '-';
	out = put_hex(out, (h[0] & 0xfff) | 0x4000, 4);
	*out++ = '-';
	out = put_hex(out, (h[1] & 0x3fff) | 0x8000, 4);
	*out++ = '-';
	out = put_hex(out, seq, 12);
	*out = '\0';
}

void
store_event_id(const struct store *s, uint64_t seq, char out[UUID_LEN])
{
	derive_id(s, seq, out);
	if (store_is_old(s, seq))
		store_old_id(s, seq, out);
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
	derive_id(s, got, want);
	if (strcmp(id, want) != 0)
		return store_old_seq(s, id, seq);
	*seq = got;
	return 0;
}
