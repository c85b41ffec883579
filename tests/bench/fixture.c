/*
 * A history: a store written by the suite's own library, before the suite is
 * started on it.
 *
 *	fixture FOLDER SESSIONS ID EVENTS
 *
 * makes FOLDER a store with SESSIONS ended sessions, and one more, ID, of
 * EVENTS small events in groups as commits make them.
 */
#include <sys/stat.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "coven-stored/store.h"

#define GROUP	100

static struct store *st;

static void
must(int r, const char *what)
{
	if (r != 0)
		errx(1, "%s: %s", what, strerror(-r));
}

static int64_t
add_session(const char *id, unsigned i)
{
	static const uint8_t digest[MSG_DIGEST_LEN];
	char at[RFC3339_LEN], title[64];
	struct msg_session_row row = { .id = id, .harness = "codex",
	    .project_root = "/home/somebody/src/a-project", .title = title,
	    .status = "completed", .created_at = at, .updated_at = at,
	    .labels = "[]" };
	int64_t key;

	(void)snprintf(title, sizeof(title), "Make the tests pass, part %u",
	    i);
	clock_format(clock_wall_ns(), at);
	must(store_add_session(st, &row, digest, &key), "add a session");
	return (key);
}

static void
add_event(int64_t key, unsigned long i)
{
	char text[96];
	struct store_event e = { .kind = EVENT_OUTPUT, .payload = text,
	    .time_ns = clock_wall_ns() };

	e.len = (size_t)snprintf(text, sizeof(text),
	    "{\"data\":\"%8lu: what a build prints, a line\\r\\n\"}", i);
	must(store_add_event(st, key, &e), "add an event");
}

int
main(int argc, char **argv)
{
	unsigned long i, sessions, events;
	char why[256], id[UUID_LEN];
	int64_t key;

	if (argc != 5)
		errx(2, "usage: fixture folder sessions id events");
	sessions = strtoul(argv[2], NULL, 10);
	events = strtoul(argv[4], NULL, 10);
	umask(077);
	if (chdir(argv[1]) == -1)
		err(1, "%s", argv[1]);
	if (store_open(&st, why, sizeof(why)) < 0)
		errx(1, "%s", why);
	must(store_begin(st), "begin");
	for (i = 0; i < sessions; i++) {
		uuid_random(id);
		(void)add_session(id, (unsigned)i);
	}
	key = add_session(argv[3], 0);
	must(store_commit(st), "commit");
	for (i = 0; i < events; i++) {
		if (i % GROUP == 0)
			must(store_begin(st), "begin");
		add_event(key, i);
		if (i % GROUP == GROUP - 1 || i == events - 1)
			must(store_commit(st), "commit");
	}
	store_close(st);
	return (0);
}
