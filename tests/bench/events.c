/* The client's verbs about sessions and their events. */
#include <err.h>
#include <inttypes.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "tests/bench/client.h"
#include "tests/net.h"

#define PAGE		1000

void
launch(const char *path, const char *project, const char *argv_json,
    char id[64])
{
	struct json_object *root, *value;
	char *body;

	if (asprintf(&body, "{\"harness\":\"exec\",\"projectRoot\":\"%s\","
	    "\"argv\":%s,\"stdin\":true}", project, argv_json) == -1)
		err(1, "asprintf");
	root = json_tokener_parse(post(path, "/api/v1/sessions", body));
	if (root == NULL || !json_object_object_get_ex(root, "id", &value))
		errx(1, "no id in %.200s", reply);
	snprintf(id, 64, "%s", json_object_get_string(value));
	json_object_put(root);
	free(body);
}

/* --- pages ---------------------------------------------------------------- */

struct page {
	uint64_t	 after;
	size_t		 count;
	int		 exited;	/* the exit event was in it */
	SHA2_CTX	*sum;		/* of the data, or NULL */
	uint64_t	 bytes;
	const char	*wanted;	/* some event's data has this */
	int		 found;
};

static void
take_event(struct page *page, struct json_object *event)
{
	struct json_object *kind, *seq, *payload, *inner, *data;
	uint64_t number;

	json_object_object_get_ex(event, "kind", &kind);
	json_object_object_get_ex(event, "seq", &seq);
	json_object_object_get_ex(event, "payload_json", &payload);
	number = json_object_get_uint64(seq);
	if (number <= page->after)
		errx(1, "event %" PRIu64 " after %" PRIu64, number,
		    page->after);
	page->after = number;
	page->exited |= strcmp(json_object_get_string(kind), "exit") == 0;
	if ((page->sum == NULL && page->wanted == NULL) ||
	    strcmp(json_object_get_string(kind), "output") != 0)
		return;
	inner = json_tokener_parse(json_object_get_string(payload));
	if (inner == NULL || !json_object_object_get_ex(inner, "data", &data))
		errx(1, "an output event without data");
	if (page->sum != NULL)
		SHA256Update(page->sum,
		    (const uint8_t *)json_object_get_string(data),
		    (size_t)json_object_get_string_len(data));
	else if (strstr(json_object_get_string(data), page->wanted) != NULL)
		page->found = 1;
	page->bytes += (uint64_t)json_object_get_string_len(data);
	json_object_put(inner);
}

static char *
ask_page(const char *path, const char *id, uint64_t after, int wait_ms)
{
	char target[512];

	snprintf(target, sizeof(target), "/api/v1/events?sessionId=%s"
	    "&afterSeq=%" PRIu64 "&limit=%d&waitMs=%d", id, after, PAGE,
	    wait_ms);
	return (get(path, target));
}

/* What the events of a page are; the reply must be there. */
static void
take_page(const char *body, struct page *page)
{
	struct json_object *root, *events;
	size_t i;

	root = json_tokener_parse(body);
	if (root == NULL || !json_object_object_get_ex(root, "events", &events))
		errx(1, "no events in %.200s", reply);
	page->count = json_object_array_length(events);
	for (i = 0; i < page->count; i++)
		take_event(page, json_object_array_get_idx(events, i));
	json_object_put(root);
}

/* One page after page->after; held back by the daemon until there is one. */
static void
next_page(const char *path, const char *id, struct page *page)
{
	take_page(ask_page(path, id, page->after, 5000), page);
}

static void
wait_exit(const char *path, const char *id, struct page *page)
{
	while (!page->exited) {
		next_page(path, id, page);
		if (page->count == 0)
			usleep(500);
	}
}

static int64_t
time_page(const char *path, const char *id, uint64_t after)
{
	int64_t start = net_now_ns();

	(void)ask_page(path, id, after, 0);
	return (net_now_ns() - start);
}

/*
 * The first tenth of the pages and the last, in turns: what else the machine
 * does meanwhile falls on both.
 */
static void
compare_ends(char **argv, const uint64_t *cursors, size_t pages)
{
	size_t tenth = pages / 10 != 0 ? pages / 10 : 1, i;
	int64_t *first = samples(tenth), *last = samples(tenth);

	for (i = 0; i < tenth; i++) {
		first[i] = time_page(argv[0], argv[1], cursors[i]);
		last[i] = time_page(argv[0], argv[1],
		    cursors[pages - tenth + i]);
	}
	print_percentiles("pages_first", first, tenth);
	print_percentiles("pages_last", last, tenth);
	free(first);
	free(last);
}

/* All pages are timed, without the parsing between them. */
int
verb_pages(int argc, char **argv)
{
	struct page page = { 0 };
	uint64_t seen = 0, *cursors;
	int64_t start, all = 0;
	size_t total, pages, i;

	if (argc != 3)
		return (2);
	total = count_arg(argv[2]);
	pages = (total + PAGE - 1) / PAGE;
	cursors = calloc(pages + 1, sizeof(*cursors));
	if (cursors == NULL)
		err(1, NULL);
	for (i = 0; i <= pages; i++) {
		char *body;

		cursors[i] = page.after;
		start = net_now_ns();
		body = ask_page(argv[0], argv[1], page.after, 0);
		all += i < pages ? net_now_ns() - start : 0;
		take_page(body, &page);
		seen += page.count;
		if (i < pages && page.count == 0)
			break;
	}
	if (seen != total)
		errx(1, "%" PRIu64 " of %zu events", seen, total);
	printf("pages_s %.3f\n", (double)all / 1e9);
	printf("pages_events %" PRIu64 "\n", seen);
	compare_ends(argv, cursors, pages);
	free(cursors);
	return (0);
}

/* --- one session ---------------------------------------------------------- */

int
verb_launch(int argc, char **argv)
{
	int64_t *created, *exited, start;
	size_t i, n;
	char id[64];

	if (argc != 3)
		return (2);
	n = count_arg(argv[2]);
	created = samples(n);
	exited = samples(n);
	for (i = 0; i < n; i++) {
		struct page page = { 0 };

		start = net_now_ns();
		launch(argv[0], argv[1], "[\"/bin/true\"]", id);
		created[i] = net_now_ns() - start;
		wait_exit(argv[0], id, &page);
		exited[i] = net_now_ns() - start;
		rest();
	}
	print_percentiles("launch_201", created, n);
	print_percentiles("launch_exit", exited, n);
	free(created);
	free(exited);
	return (0);
}

/*
 * The end is on record when the session's row says so; asking for it does
 * not compete with the stream as reading events would.
 */
static void
wait_ended(const char *path, const char *id)
{
	char target[128];

	snprintf(target, sizeof(target), "/api/v1/sessions/%s", id);
	while (strstr(get(path, target), "\"status\":\"running\"") != NULL)
		usleep(2000);
}

int
verb_stream(int argc, char **argv)
{
	char id[64], argv_json[4200], wanted[SHA256_DIGEST_STRING_LENGTH],
	    got[SHA256_DIGEST_STRING_LENGTH];
	struct page page = { 0 };
	int64_t start, durable, read_back;
	SHA2_CTX sum;

	if (argc != 3)
		return (2);
	if (SHA256File(argv[2], wanted) == NULL)
		err(1, "%s", argv[2]);
	snprintf(argv_json, sizeof(argv_json), "[\"cat\",\"%s\"]", argv[2]);
	start = net_now_ns();
	launch(argv[0], argv[1], argv_json, id);
	wait_ended(argv[0], id);
	durable = net_now_ns();
	SHA256Init(&sum);
	page.sum = &sum;
	wait_exit(argv[0], id, &page);
	read_back = net_now_ns();
	SHA256End(&sum, got);
	printf("stream_s %.3f\n", (double)(durable - start) / 1e9);
	printf("stream_mb_s %.1f\n", (double)page.bytes * 1e3 /
	    (double)(durable - start));
	printf("readback_mb_s %.1f\n", (double)page.bytes * 1e3 /
	    (double)(read_back - durable));
	printf("stream_bytes %" PRIu64 "\n", page.bytes);
	printf("stream_equal %d\n", strcmp(wanted, got) == 0);
	return (strcmp(wanted, got) != 0);
}

/* --- many inputs, many sessions ------------------------------------------- */

static void
send_input(const char *path, const char *id, const char *data)
{
	char target[128], body[256];

	snprintf(target, sizeof(target), "/api/v1/sessions/%s/input", id);
	snprintf(body, sizeof(body), "{\"data\":\"%s\"}", data);
	post(path, target, body);
}

int
verb_inputs(int argc, char **argv)
{
	char id[64], data[64];
	size_t i, n;

	if (argc != 3)
		return (2);
	n = count_arg(argv[2]);
	launch(argv[0], argv[1], "[\"sh\",\"-c\",\"cat >/dev/null\"]", id);
	for (i = 0; i < n; i++) {
		snprintf(data, sizeof(data), "line %zu of the input\\n", i);
		send_input(argv[0], id, data);
	}
	printf("inputs_id %s\n", id);
	return (0);
}

static void
expect_echo(const char *path, const char *id, const char *wanted)
{
	struct page page = { .wanted = wanted };

	while (!page.found) {
		next_page(path, id, &page);
		if (page.exited)
			errx(1, "session %s has ended", id);
	}
}

/* Say a figure at once, and wait for the word to go on. */
static void
pause_at(const char *name, size_t n)
{
	char word[8];

	printf("%s %zu\n", name, n);
	fflush(stdout);
	if (fgets(word, sizeof(word), stdin) == NULL)
		errx(1, "nobody says how to go on");
}

/*
 * Sessions that repeat what they are told: half of them, a pause, all of
 * them, a pause.  Then each must answer.
 */
int
verb_live(int argc, char **argv)
{
	char (*ids)[64], word[32];
	int64_t start, *ns;
	size_t i, n;

	if (argc != 3)
		return (2);
	n = count_arg(argv[2]);
	ids = calloc(n, sizeof(*ids));
	if (ids == NULL)
		err(1, "calloc");
	ns = samples(n);
	for (i = 0; i < n; i++) {
		launch(argv[0], argv[1], "[\"cat\"]", ids[i]);
		if (i + 1 == n / 2)
			pause_at("live_half", i + 1);
	}
	pause_at("live_all", n);
	for (i = 0; i < n; i++) {
		snprintf(word, sizeof(word), "word-%zu.", i);
		start = net_now_ns();
		send_input(argv[0], ids[i], word);
		expect_echo(argv[0], ids[i], word);
		ns[i] = net_now_ns() - start;
	}
	print_percentiles("live_answer", ns, n);
	pause_at("live_answered", n);
	return (0);
}
