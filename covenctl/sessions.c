/* The list of sessions: pages, filters, a table. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/api.h"
#include "covenctl/human.h"
#include "covenctl/table.h"
#include "covenctl/text.h"

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

static bool
is(const struct jr *s, const char *name, const char *value)
{
	const char *v = jr_kstr(s, name);

	return v != NULL && strcmp(v, value) == 0;
}

static void
add_row(struct table *t, const struct jr *s)
{
	static const char *const names[] = { "id", "status", "harness", NULL,
	    "title", "project_root" };
	struct buf text[nitems(names)] = { 0 };
	const char *cells[nitems(names)], *colour = NULL, *v;
	char since[32];

	human_age(human_age_ms(jr_kstr(s, "created_at")), since,
	    sizeof(since));
	for (size_t i = 0; i < nitems(names); i++) {
		v = names[i] != NULL ? jr_kstr(s, names[i]) : since;
		v = v != NULL ? v : "-";
		text_line(&text[i], v, strlen(v), i == 4 ? TITLE_MAX : 4096);
		v = i == 1 ? jr_kstr(s, "limit") : NULL;
		if (v != NULL) {
			(void)buf_adds(&text[i], ": ");
			text_line(&text[i], v, strlen(v), 64);
		}
		cells[i] = buf_head(&text[i]);
	}
	for (size_t i = 0; i < nitems(status_colours); i++)
		if (is(s, "status", status_colours[i].status))
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

/* --status and --harness. */
static bool
wanted(const struct ctl *ctl, const struct jr *s)
{
	const char *status = ctl->opt[OPT_STATUS];
	const char *harness = ctl->opt[OPT_HARNESS];

	if (harness != NULL && !is(s, "harness", harness))
		return false;
	if (status == NULL)
		return true;
	if (strcmp(status, "live") == 0)
		return is(s, "status", "running") || is(s, "status", "created");
	if (strcmp(status, "archived") == 0)
		return jr_kstr(s, "archived_at") != NULL;
	return is(s, "status", status);
}

/* The daemon sorts out what it can; what it passed over is ours to. */
static void
put_filter(const struct ctl *ctl, char *out, size_t len)
{
	const char *status = ctl->opt[OPT_STATUS];
	const char *harness = ctl->opt[OPT_HARNESS];
	int n = 0;

	out[0] = '\0';
	if (status != NULL && strcmp(status, "archived") != 0)
		n = snprintf(out, len, "&status=%s", status);
	if (harness != NULL && n >= 0 && harness[strspn(harness,
	    "abcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0' &&
	    strlen(harness) < 64)
		(void)snprintf(out + n, len - (size_t)n, "&harness=%s",
		    harness);
}

/* What is no letter, digit, '-', '_', '.' or '~' travels as %XX. */
static int
put_query(struct ctl *ctl, char *out, size_t len)
{
	const char *s = ctl->opt[OPT_SEARCH];
	autobuf struct buf b = { 0 };

	out[0] = '\0';
	if (s == NULL)
		return 0;
	if (*s == '\0' || !utf8_valid(s, strlen(s))) {
		ctl_err("--search: give some text, in UTF-8");
		return CTL_USAGE;
	}
	(void)buf_adds(&b, "&query=");
	for (; *s != '\0'; s++)
		if (isalnum((unsigned char)*s) || strchr("-_.~", *s) != NULL)
			(void)buf_add(&b, s, 1);
		else
			(void)buf_addf(&b, "%%%02X", (unsigned char)*s);
	if (buf_left(&b) >= len) {
		ctl_err("--search: the text is too long");
		return CTL_USAGE;
	}
	memcpy(out, buf_head(&b), buf_left(&b) + 1);
	return 0;
}

/* Each page in turn; add is called for each record until left is 0. */
static int
each_session(struct ctl *ctl, long long left,
    void (*add)(void *, const struct jr *), void *to)
{
	char target[2 * API_TARGET_MAX], cursor[512] = "", query[400];
	char filter[128];
	const char *next, *status = ctl->opt[OPT_STATUS];
	bool all = ctl->opt[OPT_ALL] != NULL ||
	    (status != NULL && strcmp(status, "archived") == 0);
	bool some = status != NULL || ctl->opt[OPT_HARNESS] != NULL;
	const struct jr *list;
	int rc = put_query(ctl, query, sizeof(query));

	put_filter(ctl, filter, sizeof(filter));
	while (rc == 0 && left > 0) {
		autoanswer struct answer a = { 0 };

		(void)snprintf(target, sizeof(target),
		    API "/sessions?limit=%lld&includeArchived=%s%s%s%s%s",
		    some || left > PAGE ? PAGE : left, all ? "true" : "false",
		    filter, query, cursor[0] != '\0' ? "&cursor=" : "", cursor);
		if ((rc = api_get(ctl, target, &a)) != 0)
			return rc;
		list = jr_get(a.doc, "sessions");
		for (size_t i = 0; i < jr_count(list) && left > 0; i++) {
			if (!wanted(ctl, jr_at(list, i)))
				continue;
			add(to, jr_at(list, i));
			left--;
		}
		next = jr_kstr(a.doc, "next_cursor");
		if (next == NULL || jr_count(list) == 0 || !cursor_ok(next))
			break;
		memcpy(cursor, next, strlen(next) + 1);
	}
	return rc;
}

/* Only what can stand on a command line again. */
static void
list_id(void *to, const struct jr *s)
{
	const char *id = jr_kstr(s, "id");

	(void)to;
	if (id != NULL && *id != '\0' && strpbrk(id, " \t\r\n") == NULL)
		(void)printf("%s\n", id);
}

static void
list_row(void *to, const struct jr *s)
{
	add_row(to, s);
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
	return ctl_print(&out);
}

int
verb_sessions(struct ctl *ctl)
{
	struct table *table;
	long long limit = LIST_MAX;
	int rc;

	if ((rc = ctl_number(ctl, OPT_LIMIT, 1, LIST_MAX, &limit)) != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return sessions_json(ctl, limit);
	if (ctl->opt[OPT_IDS] != NULL)
		return each_session(ctl, limit, list_id, NULL);
	table = table_new(columns, nitems(columns));
	rc = each_session(ctl, limit, list_row, table);
	if (rc == 0 && table_print(table) < 0)
		rc = CTL_FAILED;
	table_free(table);
	return rc;
}
