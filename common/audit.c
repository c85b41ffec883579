#include <sys/types.h>

#include <errno.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/audit.h"
#include "common/mem.h"
#include "common/msg.h"

#define HEAD_TAG	"coven-audit-1"

static const struct audit_verb_row verbs[AUDIT_VERB__COUNT] = {
#define AUDIT_VERB(NAME, name, from, summary)				\
	[AUDIT_##NAME] = { name, summary, from },
#include "common/audit.def"
#undef AUDIT_VERB
};

const struct audit_verb_row *
audit_verb_row(uint32_t verb)
{
	return verb < AUDIT_VERB__COUNT ? &verbs[verb] : NULL;
}

/* --- the chain ----------------------------------------------------------- */

static void
put_u64(SHA2_CTX *ctx, uint64_t v)
{
	uint8_t b[8];
	int i;

	for (i = 7; i >= 0; i--, v >>= 8)
		b[i] = (uint8_t)v;
	SHA256Update(ctx, b, sizeof(b));
}

/* Its length first: what follows cannot be read as part of it. */
static void
put_text(SHA2_CTX *ctx, const char *s)
{
	if (s == NULL) {
		put_u64(ctx, UINT64_MAX);
		return;
	}
	put_u64(ctx, strlen(s));
	SHA256Update(ctx, (const uint8_t *)s, strlen(s));
}

void
audit_chain_start(const uint8_t chain[AUDIT_CHAIN_LEN],
    uint8_t digest[DIGEST_LEN])
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	put_text(&ctx, HEAD_TAG);
	SHA256Update(&ctx, chain, AUDIT_CHAIN_LEN);
	SHA256Final(digest, &ctx);
}

void
audit_chain_next(uint8_t digest[DIGEST_LEN], const struct audit_record *r)
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, digest, DIGEST_LEN);
	put_u64(&ctx, r->n);
	put_u64(&ctx, r->at_ns);
	put_text(&ctx, r->verb);
	put_text(&ctx, r->session);
	put_text(&ctx, r->actor);
	put_text(&ctx, r->detail);
	SHA256Final(digest, &ctx);
}

/* --- heads --------------------------------------------------------------- */

void
audit_hex(const void *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
}

int
audit_unhex(const char *s, size_t n, void *out)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *b = out;
	const char *at;
	size_t i;

	for (i = 0; i < 2 * n; i++) {
		at = s[i] != '\0' ? strchr(digits, s[i]) : NULL;
		if (at == NULL)
			return -EPROTO;
		b[i / 2] = (uint8_t)(b[i / 2] << 4 | (at - digits));
	}
	return 0;
}

size_t
audit_head_text(const struct audit_head *h, char out[AUDIT_HEAD_TEXT])
{
	char chain[2 * AUDIT_CHAIN_LEN + 1], hex[2 * DIGEST_LEN + 1];
	char at[RFC3339_LEN];

	audit_hex(h->chain, sizeof(h->chain), chain);
	audit_hex(h->digest, sizeof(h->digest), hex);
	clock_format(h->at_ns, at);
	return (size_t)snprintf(out, AUDIT_HEAD_TEXT, "%s %s %llu %s %s",
	    HEAD_TAG, chain, (unsigned long long)h->count, hex, at);
}

void
audit_head_line(const struct audit_head *h, char out[AUDIT_HEAD_LINE])
{
	size_t n = audit_head_text(h, out);

	out[n++] = ' ';
	audit_hex(h->signature, sizeof(h->signature), out + n);
}

/* The next word of exactly that many digits, as bytes. */
static int
hex_word(char **rest, size_t n, void *out)
{
	const char *word = strsep(rest, " ");

	if (word == NULL || strlen(word) != 2 * n)
		return -EPROTO;
	return audit_unhex(word, n, out);
}

static int
count_word(char **rest, uint64_t *out)
{
	const char *word = strsep(rest, " ");
	char *end;

	if (word == NULL || word[0] < '1' || word[0] > '9' ||
	    strlen(word) > 19)
		return -EPROTO;
	*out = strtoull(word, &end, 10);
	return *end == '\0' ? 0 : -EPROTO;
}

int
audit_head_parse(const char *line, struct audit_head *out)
{
	char copy[AUDIT_HEAD_LINE], again[AUDIT_HEAD_LINE], *rest = copy;
	struct audit_head h = { .count = 0 };
	const char *word;

	if (strlen(line) >= sizeof(copy))
		return -EPROTO;
	memcpy(copy, line, strlen(line) + 1);
	word = strsep(&rest, " ");
	if (word == NULL || strcmp(word, HEAD_TAG) != 0 ||
	    hex_word(&rest, sizeof(h.chain), h.chain) < 0 ||
	    count_word(&rest, &h.count) < 0 ||
	    hex_word(&rest, sizeof(h.digest), h.digest) < 0)
		return -EPROTO;
	word = strsep(&rest, " ");
	if (word == NULL || clock_parse(word, &h.at_ns) < 0 ||
	    hex_word(&rest, sizeof(h.signature), h.signature) < 0)
		return -EPROTO;
	/* One head, one spelling. */
	audit_head_line(&h, again);
	if (strcmp(again, line) != 0)
		return -EPROTO;
	*out = h;
	return 0;
}
