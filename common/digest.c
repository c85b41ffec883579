#include <sys/types.h>

#include <sha2.h>

#include "common/digest.h"

void
digest(const void *p, size_t n, uint8_t out[DIGEST_LEN])
{
	SHA2_CTX ctx;

	SHA256Init(&ctx);
	SHA256Update(&ctx, p, n);
	SHA256Final(out, &ctx);
}
