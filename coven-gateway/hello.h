/*
 * The first words of a TLS client (RFC 8446, 4.1.2), put together from as many
 * records and segments as they come in: whom it wants to talk to.  No I/O.
 */
#ifndef COVEN_GATEWAY_HELLO_H
#define COVEN_GATEWAY_HELLO_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/net_rule.h"

/* Named outcomes. */
enum { HELLO_MORE = 1, HELLO_BAD = 2 };

struct hello {
	struct buf	 body;		/* handshake bytes so far */
	size_t		 left;		/* of the record being read */
	uint8_t		 head[5];	/* of the next one */
	size_t		 nhead;
	/* once it is whole: */
	char		 name[NET_HOST_MAX + 1];	/* "": none */
	bool		 hidden;	/* an encrypted one is there too */
};

void	hello_init(struct hello *);
void	hello_fini(struct hello *);

/*
 * The next n bytes of the stream.  0: it is whole, name and hidden are set,
 * and what was fed belongs to it or follows it.  HELLO_MORE, or HELLO_BAD
 * with a static sentence in *why: it is none, too long, names no host, or
 * names several.  After anything but HELLO_MORE nothing more is fed.
 */
int	hello_feed(struct hello *, const void *, size_t n, const char **why);

#endif
