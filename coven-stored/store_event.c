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

/*
 * The digits of v's low four bytes, each byte of the result one: the digits
 * are spread to a byte each, and nine is where letters begin.
 */
static uint64_t
hex8(uint32_t v)
{
	uint64_t x = v, letters;

	x = (x << 16 | x) & UINT64_C(0x0000ffff0000ffff);
	x = (x << 8 | x) & UINT64_C(0x00ff00ff00ff00ff);
	x = (x << 4 | x) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	letters = (x + UINT64_C(0x0606060606060606)) >> 4 &
	    UINT64_C(0x0101010101010101);
	return htobe64(x + UINT64_C(0x3030303030303030) + letters * 0x27);
}

/* The last count digits of v, at most eight. */
static char *
put_hex(char *to, uint32_t v, unsigned count)
{
	uint64_t digits = hex8(v);

	memcpy(to, (const char *)&digits + 8 - count, count);
	return to + count;
}

static void
derive_id(const struct store *s, uint64_t seq, char out[UUID_LEN])
{
	uint64_t n = htole64(seq), h[2];

	siphash128(s->salt, &n, sizeof(n), h);
	out = put_hex(out, (uint32_t)(h[0] >> 32), 8);
	*out++ = '-';
	out = put_hex(out, (uint32_t)h[0] >> 16, 4);
	*out++ = '-';
	out = put_hex(out, (h[0] & 0xfff) | 0x4000, 4);
	*out++ = '-';
	out = put_hex(out, (h[1] & 0x3fff) | 0x8000, 4);
	*out++ = '-';
	out = put_hex(out, (uint32_t)(seq >> 32), 4);
	out = put_hex(out, (uint32_t)seq, 8);
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
