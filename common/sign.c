#include <sodium.h>

#include "common/log.h"
#include "common/sign.h"

_Static_assert(sizeof(((struct sign_key *)0)->secret) ==
    crypto_sign_SECRETKEYBYTES, "a secret key's length");
_Static_assert(AUDIT_SEED_LEN == crypto_sign_SEEDBYTES, "a seed's length");
_Static_assert(AUDIT_PUBLIC_LEN == crypto_sign_PUBLICKEYBYTES,
    "a public key's length");
_Static_assert(AUDIT_SIGNATURE_LEN == crypto_sign_BYTES,
    "a signature's length");

void
sign_init(void)
{
	if (sodium_init() < 0)
		fatal("libsodium: it cannot be initialized");
}

void
sign_key_make(struct sign_key *k, const uint8_t seed[AUDIT_SEED_LEN])
{
	if (crypto_sign_seed_keypair(k->public, k->secret, seed) != 0)
		fatal("make a key of a seed");
}

void
sign_erase(void *p, size_t n)
{
	sodium_memzero(p, n);
}

void
sign_head(const struct sign_key *k, struct audit_head *h)
{
	char text[AUDIT_HEAD_TEXT];
	size_t n = audit_head_text(h, text);

	if (crypto_sign_detached(h->signature, NULL,
	    (const unsigned char *)text, n, k->secret) != 0)
		fatal("sign a head");
}

bool
sign_check_head(const uint8_t public[AUDIT_PUBLIC_LEN],
    const struct audit_head *h)
{
	char text[AUDIT_HEAD_TEXT];
	size_t n = audit_head_text(h, text);

	return crypto_sign_verify_detached(h->signature,
	    (const unsigned char *)text, n, public) == 0;
}
