#include <arpa/inet.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/net_addr.h"

#define V4(a, b, c, d, n, t, w) \
	{ { 4, { a, b, c, d } }, n, t, w },
#define V6(n, t, w, ...) \
	{ { 16, { __VA_ARGS__ } }, n, t, w },

/*
 * IANA's registries of special-purpose addresses (RFC 6890 and what followed
 * it), and what clouds put their metadata and agents on.  The last row holds
 * whatever is not 2000::/3, of which alone addresses are given out.
 */
static const struct net_range ranges[] = {
	V4(0, 0, 0, 0, 8, "0.0.0.0/8", "this host")
	V4(10, 0, 0, 0, 8, "10.0.0.0/8", "private")
	V4(100, 64, 0, 0, 10, "100.64.0.0/10", "shared by a provider")
	V4(127, 0, 0, 0, 8, "127.0.0.0/8", "loopback")
	V4(168, 63, 129, 16, 32, "168.63.129.16/32", "a cloud's own host")
	V4(169, 254, 0, 0, 16, "169.254.0.0/16", "link-local, metadata")
	V4(172, 16, 0, 0, 12, "172.16.0.0/12", "private")
	V4(192, 0, 0, 0, 24, "192.0.0.0/24", "protocol assignments")
	V4(192, 0, 2, 0, 24, "192.0.2.0/24", "documentation")
	V4(192, 31, 196, 0, 24, "192.31.196.0/24", "AS112")
	V4(192, 52, 193, 0, 24, "192.52.193.0/24", "multicast relays")
	V4(192, 88, 99, 0, 24, "192.88.99.0/24", "6to4 relays")
	V4(192, 168, 0, 0, 16, "192.168.0.0/16", "private")
	V4(192, 175, 48, 0, 24, "192.175.48.0/24", "AS112")
	V4(198, 18, 0, 0, 15, "198.18.0.0/15", "benchmarks")
	V4(198, 51, 100, 0, 24, "198.51.100.0/24", "documentation")
	V4(203, 0, 113, 0, 24, "203.0.113.0/24", "documentation")
	V4(224, 0, 0, 0, 4, "224.0.0.0/4", "multicast")
	V4(240, 0, 0, 0, 4, "240.0.0.0/4", "reserved, broadcast")
	V6(128, "::/128", "this host", 0)
	V6(128, "::1/128", "loopback", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0, 0, 1)
	V6(96, "::/96", "IPv4-compatible", 0)
	V6(96, "::ffff:0:0/96", "IPv4-mapped", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	    0xff, 0xff)
	V6(96, "::ffff:0:0:0/96", "translated", 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	    0xff)
	V6(96, "64:ff9b::/96", "translated", 0, 0x64, 0xff, 0x9b)
	V6(48, "64:ff9b:1::/48", "translated", 0, 0x64, 0xff, 0x9b, 0, 1)
	V6(64, "100::/64", "discarded", 1)
	V6(64, "100:0:0:1::/64", "dummies", 1, 0, 0, 0, 0, 0, 0, 1)
	V6(32, "2001::/32", "Teredo", 0x20, 1)
	V6(48, "2001:2::/48", "benchmarks", 0x20, 1, 0, 2)
	V6(28, "2001:10::/28", "ORCHID", 0x20, 1, 0, 0x10)
	V6(28, "2001:20::/28", "ORCHIDv2", 0x20, 1, 0, 0x20)
	V6(23, "2001::/23", "protocol assignments", 0x20, 1)
	V6(32, "2001:db8::/32", "documentation", 0x20, 1, 0x0d, 0xb8)
	V6(16, "2002::/16", "6to4", 0x20, 2)
	V6(48, "2620:4f:8000::/48", "AS112", 0x26, 0x20, 0, 0x4f, 0x80)
	V6(20, "3fff::/20", "documentation", 0x3f, 0xff)
	V6(16, "5f00::/16", "segment routing", 0x5f)
	V6(128, "fd00:ec2::254/128", "metadata", 0xfd, 0, 0x0e, 0xc2, 0, 0,
	    0, 0, 0, 0, 0, 0, 0, 0, 2, 0x54)
	V6(7, "fc00::/7", "private", 0xfc)
	V6(10, "fe80::/10", "link-local", 0xfe, 0x80)
	V6(10, "fec0::/10", "site-local", 0xfe, 0xc0)
	V6(8, "ff00::/8", "multicast", 0xff)
};

static const struct net_range elsewhere = {
	{ 16, { 0 } }, 0, "::/0 but 2000::/3", "not given out",
};

const struct net_range *
net_ranges(size_t *count)
{
	*count = nitems(ranges);
	return ranges;
}

int
net_addr_parse(const char *text, struct net_addr *a)
{
	struct net_addr out = { 0 };

	if (inet_pton(AF_INET, text, out.b) == 1)
		out.len = 4;
	else if (inet_pton(AF_INET6, text, out.b) == 1)
		out.len = 16;
	else
		return -EINVAL;
	*a = out;
	return 0;
}

void
net_addr_text(const struct net_addr *a, char out[NET_ADDR_TEXT])
{
	if (inet_ntop(a->len == 4 ? AF_INET : AF_INET6, a->b, out,
	    NET_ADDR_TEXT) == NULL)
		(void)snprintf(out, NET_ADDR_TEXT, "?");
}

bool
net_addr_within(const struct net_addr *a, const struct net_addr *net,
    unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00u >> rest);

	if (a->len != net->len || bits > a->len * 8u ||
	    memcmp(a->b, net->b, whole) != 0)
		return false;
	return rest == 0 || ((a->b[whole] ^ net->b[whole]) & mask) == 0;
}

const struct net_range *
net_addr_special(const struct net_addr *a)
{
	const struct net_range *found = NULL;
	size_t i;

	for (i = 0; i < nitems(ranges); i++)
		if (net_addr_within(a, &ranges[i].addr, ranges[i].bits) &&
		    (found == NULL || ranges[i].bits > found->bits))
			found = &ranges[i];
	if (found == NULL && a->len == 16 && (a->b[0] & 0xe0) != 0x20)
		return &elsewhere;
	/* A family that nobody knows is nowhere. */
	return found == NULL && a->len != 4 && a->len != 16 ? &elsewhere :
	    found;
}
