/* Verbs about sessions that are on record. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/feed.h"
#include "covenctl/table.h"
#include "covenctl/text.h"
#include "covenctl/watch.h"

#define TITLE_MAX	120
#define PAGE		200
#define LIST_MAX	100000

static const struct {
	const char	*status, *colour;
} status_colours[] = {
	{ "running", "green" }, { "created", "green" }, { "failed", "red" },
	{ "killed", "brown" }, { "orphaned", "magenta" },
};

static const struct table_column columns[] = {
	{ "ID", false }, { "STATUS", false }, { "HARNESS", false },
	{ "AGE", false }, { "TITLE", true }, { "PROJECT", true },
};

/* Time since an RFC 3339 time in UTC, in its largest unit. */
static void
age(const char *created, time_t now, char *out, size_t len)
{
	static const struct {
		long long	s;
		char		unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	struct tm tm = { 0 };
	long long s;

	(void)snprintf(out, len, "-");
	if (created == NULL ||
	    strptime(created, "%Y-%m-%dT%H:%M:%S", &tm) == NULL)
		return;
	s = (long long)(now - timegm(&tm));
	s = s < 0 ? 0 : s;
	for (size_t i = 0; i < nitems(units); i++)
		if (s >= units[i].s || units[i].s == 1) {
			(void)snprintf(out, len, "%lld%c", s / units[i].s,
			    units[i].unit);
			return;
		}
}

static void
add_row(struct table *t, const struct jr *s, time_t now)
{
	static const char *const names[] = { "id", "status", "harness", NULL,
	    "title", "project_root" };
	struct buf text[nitems(names)] = { 0 };
	const char *cells[nitems(names)], *colour = NULL, *v;
	char since[32];

	age(jr_kstr(s, "created_at"), now, since, sizeof(since));
	for (size_t i = 0; i < nitems(names); i++) {
		v = names[i] != NULL ? jr_kstr(s, names[i]) : since;
		v = v != NULL ? v : "-";
		text_line(&text[i], v, strlen(v), i == 4 ? TITLE_MAX : 4096);
		cells[i] = buf_head(&text[i]);
	}
	for (size_t i = 0; i < nitems(status_colours); i++)
		if (strcmp(cells[1], status_colours[i].status) == 0)
			colour = status_colours[i].colour;
	(void)table_row(t, cells, nitems(names), 1, colour);
	for (size_t i = 0; i < nitems(names); i++)
		buf_fini(&text[i]);
}

/* Cursors of the list are base64url: they stand in a query as they are. */
static bool
cursor_ok(const char *c)
{
	return *c != '\0' && strlen(c) < 512 && strspn(c,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_") == strlen(c);
}

/* Each page in turn; add is called for each record until left is 0. */
static int
each_session(struct ctl *ctl, long long left,
    void (*add)(void *, const struct jr *), void *to)
{
	char target[API_TARGET_MAX], cursor[512] = "";
	const struct jr *list;
	const char *next;
	int rc;

	while (left > 0) {
		autoanswer struct answer a = { 0 };

		(void)snprintf(target, sizeof(target),
		    API "/sessions?limit=%lld&includeArchived=%s%s%s",
		    left < PAGE ? left : PAGE,
		    ctl->opt[OPT_ALL] != NULL ? "true" : "false",
		    cursor[0] != '\0' ? "&cursor=" : "", cursor);
		if ((rc = api_get(ctl, target, &a)) != 0)
			return rc;
		list = jr_get(a.doc, "sessions");
		for (size_t i = 0; i < jr_count(list) && left > 0; i++, left--)
			add(to, jr_at(list, i));
		next = jr_kstr(a.doc, "next_cursor");
		if (next == NULL || jr_count(list) == 0 || !cursor_ok(next))
			break;
		memcpy(cursor, next, strlen(next) + 1);
	}
	return 0;
}

struct rows {
	struct table	*table;
	time_t		 now;
};

static void
list_row(void *to, const struct jr *s)
{
	struct rows *r = to;

	add_row(r->table, s, r->now);
}

static void
list_json(void *to, const struct jr *s)
{
	const char *text = jr_text(s);

	jw_raw(to, text, strlen(text));
}

static int
sessions_json(struct ctl *ctl, long long limit)
{
	autobuf struct buf out = { 0 };
	struct jw j;
	int rc;

	jw_init(&j, &out);
	jw_array(&j);
	rc = each_session(ctl, limit, list_json, &j);
	jw_array_end(&j);
	(void)buf_adds(&out, "\n");
	if (rc != 0)
		return rc;
	if (!jw_ok(&j)) {
		ctl_err("the list is too long: give --limit");
		return CTL_FAILED;
	}
	return ctl_write(STDOUT_FILENO, buf_head(&out), buf_left(&out)) < 0 ?
	    CTL_FAILED : CTL_OK;
}

int
verb_sessions(struct ctl *ctl)
{
	struct rows rows = { .now = time(NULL) };
	long long limit = LIST_MAX;
	int rc;

	if ((rc = ctl_number(ctl, OPT_LIMIT, 1, LIST_MAX, &limit)) != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return sessions_json(ctl, limit);
	rows.table = table_new(columns, nitems(columns));
	rc = each_session(ctl, limit, list_row, &rows);
	if (rc == 0 && table_print(rows.table) < 0)
		rc = CTL_FAILED;
	table_free(rows.table);
	return rc;
}

static int
print_answer(const struct answer *a)
{
	return printf("%s\n", jr_text(a->doc)) < 0 ? CTL_FAILED : CTL_OK;
}

int
verb_log(struct ctl *ctl)
{
	autoanswer struct answer a = { 0 };
	char target[API_TARGET_MAX];
	int rc;

	if ((rc = api_session(target, ctl->argv[0], "/log")) != 0 ||
	    (rc = api_get(ctl, target, &a)) != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return print_answer(&a);
	for (size_t i = 0; i < jr_count(a.doc); i++) {
		static const char *const names[] = { "ts", "level",
		    "message" };
		autobuf struct buf line = { 0 };

		for (size_t k = 0; k < nitems(names); k++) {
			const char *v = jr_kstr(jr_at(a.doc, i), names[k]);

			v = v != NULL ? v : "-";
			text_line(&line, v, strlen(v), 8192);
			(void)buf_adds(&line, k + 1 < nitems(names) ? " " :
			    "\n");
		}
		if (ctl_write(STDOUT_FILENO, buf_head(&line),
		    buf_left(&line)) < 0)
			return CTL_FAILED;
	}
	return CTL_OK;
}

static int
watch_id(struct watch *w, struct ctl *ctl)
{
	const char *id = ctl->argv[0];
	long long after = 0;
	int rc;

	watch_init(w, ctl, false);
	if (strlen(id) > WATCH_ID_MAX) {
		ctl_err("%s: not a session id", id);
		return CTL_USAGE;
	}
	memcpy(w->id, id, strlen(id) + 1);
	rc = ctl_number(ctl, OPT_AFTER, 0, INT64_MAX, &after);
	w->after = after;
	return rc;
}

int
verb_events(struct ctl *ctl)
{
	struct watch w;
	long long limit = 0;
	int rc;

	if ((rc = watch_id(&w, ctl)) != 0 ||
	    (rc = ctl_number(ctl, OPT_LIMIT, 1, INT64_MAX, &limit)) != 0)
		return rc;
	w.limit = limit;
	w.lines = true;
	w.once = ctl->opt[OPT_FOLLOW] == NULL;
	watch_signals(&w);
	rc = watch_run(&w);
	/* It shows what is on record: how the session ended is content. */
	return w.ended ? CTL_OK : rc;
}

int
verb_attach(struct ctl *ctl)
{
	struct watch w;
	int rc;

	if ((rc = watch_id(&w, ctl)) != 0)
		return rc;
	watch_signals(&w);
	if (feed_wanted()) {
		pid_t pid = feed_start(ctl, w.id, FEED_BYTES);

		w.feeder = pid > 0 ? pid : 0;
	}
	return watch_run(&w);
}

int
verb_input(struct ctl *ctl)
{
	autobuf struct buf text = { 0 };
	int rc;

	if (buf_addf(&text, "%s%s", ctl->argv[1],
	    ctl->opt[OPT_NO_NEWLINE] != NULL ? "" : "\n") < 0)
		return CTL_FAILED;
	rc = feed_send(ctl, ctl->argv[0], buf_head(&text), buf_left(&text),
	    false);
	if (rc == FEED_OVER) {
		ctl_err("session %s has ended", ctl->argv[0]);
		return CTL_FAILED;
	}
	if (rc == 0 && ctl->opt[OPT_JSON] != NULL)
		(void)puts("{\"ok\":true,\"accepted\":true}");
	return rc;
}

int
verb_kill(struct ctl *ctl)
{
	autoanswer struct answer a = { 0 };
	autobuf struct buf body = { 0 };
	char target[API_TARGET_MAX];
	int rc;

	(void)buf_adds(&body, "{}");
	if ((rc = api_session(target, ctl->argv[0], "/kill")) != 0 ||
	    (rc = api_post(ctl, target, &body, API_SLOW_MS, &a)) != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return print_answer(&a);
	return CTL_OK;
}
