/*
 * Network addresses as data: their text, and which of them no session may be
 * connected to, whatever a name says, with the reason.  No I/O.
 */
#ifndef COVEN_COMMON_NET_ADDR_H
#define COVEN_COMMON_NET_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_ADDR_TEXT	64	/* the longest text, with its NUL */

struct net_addr {
	uint8_t	len;		/* 4 or 16 bytes */
	uint8_t	b[16];		/* the first len of them, network order */
};

/* A range that is refused unless a rule names it. */
struct net_range {
	struct net_addr	 addr;
	uint8_t		 bits;
	const char	*text, *why;
};

/*
 * Dotted quads of four decimal numbers without leading zeros, and RFC 4291
 * text; nothing that inet_aton(3) would guess at, no zone.  0 or -EINVAL.
 */
int	net_addr_parse(const char *text, struct net_addr *);
void	net_addr_text(const struct net_addr *, char out[NET_ADDR_TEXT]);

/* Are the first bits of the two the same?  Families never mix. */
bool	net_addr_within(const struct net_addr *, const struct net_addr *net,
	    unsigned bits);

/*
 * The row of the narrowest refused range that holds the address; NULL for
 * one of the public Internet.
 */
const struct net_range	*net_addr_special(const struct net_addr *);
/* Every row, for tests and documents. */
const struct net_range	*net_ranges(size_t *count);

#endif
