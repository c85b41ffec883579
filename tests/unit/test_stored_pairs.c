/* Paired tokens on record: made, listed, used, ended, and what may not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/digest.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "tests/unit/stored_peers.h"

#define HOUR	(UINT64_C(3600) * 1000000000)

static uint8_t dg[DIGEST_LEN];

static struct msg_pair_add
pairing(const char *name)
{
	struct msg_pair_add m = { .tag = ++w.tag, .name = name,
	    .digest = { dg, sizeof(dg) }, .scopes = "list,read",
	    .expires_ns = clock_wall_ns() + HOUR, .actor = "uid 1 pid 2" };

	digest(name, strlen(name), dg);
	return m;
}

static void
pair(const char *name, enum store_code code)
{
	struct msg_pair_add m = pairing(name);

	peer_send(&w.apid, MSG_PAIR_ADD, &m);
	expect_code(code);
}

static void
revoke(const char *name, enum store_code code)
{
	struct msg_pair_revoke m = { .tag = ++w.tag, .name = name };

	peer_send(&w.apid, MSG_PAIR_REVOKE, &m);
	expect_code(code);
}

/* Names in order, each with a '+' when its use is on record. */
static void
expect_list(const char *want)
{
	struct msg_pair_list m = { .tag = 0 };
	autobuf struct buf rows = { 0 }, text = { 0 };
	union msg_any row;
	struct got *g;
	uint32_t type;
	size_t used, at = 0;

	peer_send(&w.apid, MSG_PAIR_LIST, &m);
	g = peer_expect(&w.apid, MSG_REPLY);
	assert_int_equal(g->m.reply.tag, 0);
	assert_int_equal(g->m.reply.code, STORE_OK);
	if (g->fd >= 0)
		assert_int_equal(memfd_read(g->fd, 1 << 20, &rows), 0);
	while (at < buf_left(&rows)) {
		assert_int_equal(msg_decode(buf_head(&rows) + at,
		    buf_left(&rows) - at, &type, &row, &used), 0);
		assert_int_equal(type, MSG_PAIR_ROW);
		assert_int_equal(row.pair_row.digest.len, DIGEST_LEN);
		buf_addf(&text, "%s%s ", row.pair_row.name,
		    row.pair_row.used_ns != 0 ? "+" : "");
		at += used;
	}
	assert_string_equal(buf_head(&text), want);
}

static void
they_are_made_and_revoked(void **state)
{
	struct msg_pair_used used = { .name = "a" };

	(void)state;
	expect_list("");
	pair("a", STORE_OK);
	pair("b", STORE_OK);
	pair("a", STORE_CONFLICT);
	expect_list("a b ");
	peer_send(&w.apid, MSG_PAIR_USED, &used);
	used.name = "nobody";
	peer_send(&w.apid, MSG_PAIR_USED, &used);
	pump_idle();
	expect_list("a+ b ");
	revoke("a", STORE_OK);
	revoke("a", STORE_NOT_FOUND);
	expect_list("b ");
	pair("a", STORE_OK);
	expect_list("b a ");
	/* on record: another life knows them */
	stored_down();
	stored_up();
	world_serve(0);
	expect_list("b a ");
}

static void
there_are_only_so_many(void **state)
{
	char name[32];
	int i;

	(void)state;
	for (i = 0; i < LIMIT_PAIRINGS; i++) {
		(void)snprintf(name, sizeof(name), "t%02d", i);
		pair(name, STORE_OK);
	}
	pair("more", STORE_UNAVAILABLE);
	revoke("t07", STORE_OK);
	pair("more", STORE_OK);
}

/* The bound is stored's own: apid may have been told another one. */
static void
their_time_is_bounded(void **state)
{
	struct msg_pair_add m = pairing("long");

	(void)state;
	m.expires_ns = clock_wall_ns() + 91 * 24 * HOUR;
	peer_send(&w.apid, MSG_PAIR_ADD, &m);
	expect_code(STORE_ERROR);
	m = pairing("over");
	m.expires_ns = clock_wall_ns() - 1;
	peer_send(&w.apid, MSG_PAIR_ADD, &m);
	expect_code(STORE_ERROR);
	m = pairing("longest");
	m.expires_ns = clock_wall_ns() + 89 * 24 * HOUR;
	peer_send(&w.apid, MSG_PAIR_ADD, &m);
	expect_code(STORE_OK);
	expect_list("longest ");
}

static void
what_no_apid_says_ends_it(void **state)
{
	static const struct {
		const char	*name, *scopes;
		size_t		 len;
	} bad[] = {
		{ "", "list", DIGEST_LEN },
		{ "a b", "list", DIGEST_LEN },
		{ "a/b", "list", DIGEST_LEN },
		{ "x", "", DIGEST_LEN },
		{ "x", "launch:exec", DIGEST_LEN },
		{ "x", "owner", DIGEST_LEN },
		{ "x", "list", DIGEST_LEN - 1 },
		{ "x", "list", 0 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < nitems(bad); i++) {
		struct msg_pair_add m = pairing("x");

		m.name = bad[i].name;
		m.scopes = bad[i].scopes;
		m.digest.len = bad[i].len;
		peer_send(&w.apid, MSG_PAIR_ADD, &m);
		peer_expect_end(&w.apid);
		peer_close(&w.apid);
		(void)peer_expect(&w.monitor, MSG_PEER_END);
		give_apid();
		expect_list("");
	}
}

#define CASE(f)	cmocka_unit_test_setup_teardown(f, world_setup_serving,	\
		    world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(they_are_made_and_revoked),
		CASE(there_are_only_so_many),
		CASE(their_time_is_bounded),
		CASE(what_no_apid_says_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
