/*
 * Wall-clock time and random ids, in the forms that the contract names.
 */
#ifndef COVEN_COMMON_CLOCK_H
#define COVEN_COMMON_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define RFC3339_LEN	31	/* NUL, 2026-01-02T03:04:05.123456789Z */
#define UUID_LEN	37	/* with its NUL */

uint64_t clock_wall_ns(void);			/* CLOCK_REALTIME */
uint64_t clock_boot_ns(void);			/* CLOCK_BOOTTIME: never set */
/* RFC 3339 in UTC with exactly nine fractional digits. */
void	 clock_format(uint64_t wall_ns, char out[RFC3339_LEN]);
/* Back from exactly that form.  0, or -EINVAL. */
int	 clock_parse(const char *, uint64_t *wall_ns);

#ifdef COVEN_FAILPOINTS
/* From that second of CLOCK_BOOTTIME on the wall clock is an hour back. */
void	 clock_set_back(int64_t from_s);
#endif

/* A random version 4 UUID in lower case (RFC 9562). */
void	 uuid_random(char out[UUID_LEN]);

#endif
