/* Every refused range at its edges, and what text is an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/mem.h"
#include "common/net_addr.h"

/* The last address of a range. */
static struct net_addr
last_of(const struct net_range *r)
{
	struct net_addr a = r->addr;
	unsigned bit;

	for (bit = r->bits; bit < a.len * 8u; bit++)
		a.b[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return a;
}

/* One up or down; false: there is none. */
static bool
step(struct net_addr *a, int by)
{
	int i;

	for (i = a->len - 1; i >= 0; i--) {
		a->b[i] = (uint8_t)(a->b[i] + by);
		if (a->b[i] != (by > 0 ? 0 : 0xff))
			return true;
	}
	return false;
}

static void
every_range_holds_its_edges(void **state)
{
	const struct net_range *r, *found;
	size_t n, i;

	(void)state;
	r = net_ranges(&n);
	assert_true(n > 40);
	for (i = 0; i < n; i++) {
		struct net_addr first = r[i].addr, last = last_of(&r[i]);
		struct net_addr out;
		char text[NET_ADDR_TEXT];
		unsigned bits = 0;

		/* Its text is what it holds. */
		assert_int_equal(sscanf(r[i].text, "%63[^/]/%u", text, &bits),
		    2);
		assert_int_equal(net_addr_parse(text, &out), 0);
		assert_memory_equal(&out, &first, sizeof(out));
		assert_int_equal(bits, r[i].bits);
		found = net_addr_special(&first);
		if (found == NULL || net_addr_special(&last) == NULL ||
		    found->bits < r[i].bits)
			fail_msg("%s does not hold its edges", r[i].text);
		out = last;
		if (step(&out, 1) &&
		    net_addr_within(&out, &r[i].addr, r[i].bits))
			fail_msg("%s goes on", r[i].text);
		out = first;
		if (step(&out, -1) &&
		    net_addr_within(&out, &r[i].addr, r[i].bits))
			fail_msg("%s begins before", r[i].text);
	}
}

static void
special_and_public(void **state)
{
	static const struct {
		const char	*text, *range;	/* NULL: public */
	} rows[] = {
		{ "0.0.0.0", "0.0.0.0/8" },
		{ "0.255.255.255", "0.0.0.0/8" },
		{ "1.0.0.0", NULL }, { "1.1.1.1", NULL },
		{ "9.255.255.255", NULL }, { "10.0.0.0", "10.0.0.0/8" },
		{ "10.255.255.255", "10.0.0.0/8" }, { "11.0.0.0", NULL },
		{ "100.63.255.255", NULL },
		{ "100.64.0.0", "100.64.0.0/10" },
		{ "100.100.100.200", "100.64.0.0/10" },
		{ "100.127.255.255", "100.64.0.0/10" },
		{ "100.128.0.0", NULL },
		{ "126.255.255.255", NULL }, { "127.0.0.1", "127.0.0.0/8" },
		{ "127.255.255.255", "127.0.0.0/8" }, { "128.0.0.0", NULL },
		{ "168.63.129.15", NULL },
		{ "168.63.129.16", "168.63.129.16/32" },
		{ "168.63.129.17", NULL },
		{ "169.253.255.255", NULL },
		{ "169.254.169.254", "169.254.0.0/16" },
		{ "169.255.0.0", NULL }, { "172.15.255.255", NULL },
		{ "172.16.0.0", "172.16.0.0/12" },
		{ "172.31.255.255", "172.16.0.0/12" }, { "172.32.0.0", NULL },
		{ "192.0.0.192", "192.0.0.0/24" },
		{ "192.0.1.0", NULL }, { "192.0.2.1", "192.0.2.0/24" },
		{ "192.88.99.1", "192.88.99.0/24" },
		{ "192.167.255.255", NULL },
		{ "192.168.0.0", "192.168.0.0/16" },
		{ "192.169.0.0", NULL }, { "198.17.255.255", NULL },
		{ "198.18.0.0", "198.18.0.0/15" },
		{ "198.19.255.255", "198.18.0.0/15" }, { "198.20.0.0", NULL },
		{ "198.51.100.7", "198.51.100.0/24" },
		{ "203.0.113.7", "203.0.113.0/24" },
		{ "223.255.255.255", NULL }, { "224.0.0.1", "224.0.0.0/4" },
		{ "239.255.255.255", "224.0.0.0/4" },
		{ "240.0.0.0", "240.0.0.0/4" },
		{ "255.255.255.255", "240.0.0.0/4" },
		{ "::", "::/128" }, { "::1", "::1/128" },
		{ "::2", "::/96" }, { "::127.0.0.1", "::/96" },
		{ "::ffff:127.0.0.1", "::ffff:0:0/96" },
		{ "::ffff:1.1.1.1", "::ffff:0:0/96" },
		{ "::ffff:0:1.1.1.1", "::ffff:0:0:0/96" },
		{ "64:ff9b::1.1.1.1", "64:ff9b::/96" },
		{ "64:ff9b:1::1", "64:ff9b:1::/48" },
		{ "100::1", "100::/64" }, { "2001::1", "2001::/32" },
		{ "2001:1ff:ffff::", "2001::/23" },
		{ "2001:2::1", "2001:2::/48" },
		{ "2001:200::1", NULL }, { "2001:db8::1", "2001:db8::/32" },
		{ "2001:db9::1", NULL },
		{ "2002:7f00:1::1", "2002::/16" }, { "2003::1", NULL },
		{ "2606:4700:4700::1111", NULL }, { "3ffe::1", NULL },
		{ "3fff::1", "3fff::/20" }, { "3fff:1000::1", NULL },
		{ "4000::1", "::/0 but 2000::/3" },
		{ "5f00::1", "5f00::/16" },
		{ "fd00:ec2::254", "fd00:ec2::254/128" },
		{ "fd00:ec2::253", "fc00::/7" }, { "fc00::1", "fc00::/7" },
		{ "fe80::1", "fe80::/10" }, { "fec0::1", "fec0::/10" },
		{ "ff02::1", "ff00::/8" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(rows); i++) {
		const struct net_range *r;
		struct net_addr a;

		assert_int_equal(net_addr_parse(rows[i].text, &a), 0);
		r = net_addr_special(&a);
		if ((r == NULL) != (rows[i].range == NULL) ||
		    (r != NULL && strcmp(r->text, rows[i].range) != 0))
			fail_msg("%s is in %s", rows[i].text, r != NULL ?
			    r->text : "no range");
	}
}

static void
only_strict_text_is_an_address(void **state)
{
	static const char *const none[] = { "", "127.1", "2130706433",
	    "0x7f.0.0.1", "0177.0.0.1", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4",
	    "1.2.3.4 ", "fe80::1%lo", "[::1]", ":::1", "1::2::3",
	    "::ffff:1.2.3", "12345::" };
	struct net_addr a;
	size_t i;

	(void)state;
	for (i = 0; i < nitems(none); i++)
		if (net_addr_parse(none[i], &a) == 0)
			fail_msg("%s is an address", none[i]);
}

static void
an_unknown_family_is_nowhere(void **state)
{
	const struct net_addr none = { 0 };

	(void)state;
	assert_non_null(net_addr_special(&none));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_range_holds_its_edges),
		cmocka_unit_test(special_and_public),
		cmocka_unit_test(only_strict_text_is_an_address),
		cmocka_unit_test(an_unknown_family_is_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
