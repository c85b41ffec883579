/*
 * Bulk between roles: a sealed memfd.  The receiver checks the seals, so that
 * what it has read once cannot change under it.
 */
#ifndef COVEN_COMMON_MEMFD_H
#define COVEN_COMMON_MEMFD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

/* A new sealed memfd of n bytes: a descriptor to own, or -errno. */
int	memfd_make(const char *name, const void *, size_t n);
/* Regular, and sealed against writing, growing, shrinking and unsealing. */
bool	memfd_is_sealed(int fd);
/*
 * Append the whole content to out, at most max bytes.  Reads by offset, so
 * the same descriptor can be read twice.  0, -EMSGSIZE or -errno.
 */
int	memfd_read(int fd, size_t max, struct buf *out);

#endif
