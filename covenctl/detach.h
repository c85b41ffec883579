/*
 * The keys that leave a session which goes on: found in what is typed, and
 * not sent.  Pure: bytes in, bytes out.
 */
#ifndef COVEN_COVENCTL_DETACH_H
#define COVEN_COVENCTL_DETACH_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"

#define DETACH_KEYS_MAX	4
#define DETACH_USUAL	"ctrl-]"

struct detach {
	char	keys[DETACH_KEYS_MAX];
	size_t	n;		/* 0: nothing leaves */
	char	held[DETACH_KEYS_MAX];
	size_t	nheld;
};

/*
 * "ctrl-]", "^]", "ctrl-p,ctrl-q", "none".  0, or -EINVAL.
 */
int	detach_parse(struct detach *, const char *);

/* What of in is to be sent is added to out; true: the keys were typed. */
bool	detach_feed(struct detach *, const char *in, size_t n, struct buf *out);

#endif
