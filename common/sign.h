/*
 * Ed25519 signatures (RFC 8032), by libsodium, for the heads of the audit.
 * Only programs that use it link the library.
 */
#ifndef COVEN_COMMON_SIGN_H
#define COVEN_COMMON_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/audit.h"

struct sign_key {
	uint8_t	public[AUDIT_PUBLIC_LEN];
	uint8_t	secret[64];
};

/* Once, before confinement: it asks the processor what it can. */
void	sign_init(void);
/* From 32 secret bytes, which are the caller's to erase. */
void	sign_key_make(struct sign_key *, const uint8_t seed[AUDIT_SEED_LEN]);
/* Overwrite n bytes, whatever the compiler thinks of it. */
void	sign_erase(void *, size_t n);

void	sign_head(const struct sign_key *, struct audit_head *);
bool	sign_check_head(const uint8_t public[AUDIT_PUBLIC_LEN],
	    const struct audit_head *);

#endif
