/*
 * keys/: the seed that heads of the audit are signed with, made at the first
 * start, and the public half, which stored tells.  What is there and is not
 * as we would have made it is refused, never repaired.
 */
#ifndef COVEN_MONITOR_AUDIT_KEY_H
#define COVEN_MONITOR_AUDIT_KEY_H

#include <stdint.h>

#include "common/audit.h"
#include "coven-monitor/home.h"

/*
 * Make or read the seed, and put it into *out, a sealed memfd.  0, or an exit
 * status after one logged line.  Runs as the owner.
 */
int	audit_key_open(const struct home *, int *out);
/*
 * Keep the public key where verify looks.  One that is there is not replaced:
 * 0, -EEXIST when it is another, or -errno.  Runs as the owner.
 */
int	audit_key_publish(const struct home *,
	    const uint8_t public[AUDIT_PUBLIC_LEN]);

#endif
