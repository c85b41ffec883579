/* archives list, show and rm: what the daemon has on record of them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/human.h"
#include "covenctl/table.h"
#include "covenctl/text.h"

#define ARCHIVES	API "/archives"
#define PAGE		200
#define LIST_MAX	100000

static const struct table_column columns[] = {
	{ "ID", false }, { "AGE", false }, { "OUTCOME", false },
	{ "ENTRIES", false }, { "BYTES", false }, { "PACKED", false },
	{ "LEFT OUT", false },
};

/* A member as one line of text: a string, a number, or "-". */
static void
put_member(const struct jr *v, const char *name, struct buf *b)
{
	const char *s = jr_kstr(v, name);
	int64_t n;

	if (s != NULL)
		text_line(b, s, strlen(s), 256);
	else if (jr_ki64(v, name, &n))
		(void)buf_addf(b, "%" PRId64, n);
	else
		(void)buf_adds(b, "-");
}

/* --- list --- */

static void
add_row(void *to, const struct jr *v)
{
	static const char *const names[] = { "sessionId", NULL, "outcome",
	    "entries", "bytes", "packedBytes", "leftOut" };
	struct buf text[nitems(names)] = { 0 };
	const char *cells[nitems(names)];
	char since[32];
	size_t i;

	human_age(human_age_ms(jr_kstr(v, "createdAt")), since,
	    sizeof(since));
	for (i = 0; i < nitems(names); i++) {
		if (names[i] != NULL)
			put_member(v, names[i], &text[i]);
		else
			(void)buf_adds(&text[i], since);
		cells[i] = buf_head(&text[i]);
	}
	(void)table_row(to, cells, nitems(names), 0, NULL);
	for (i = 0; i < nitems(names); i++)
		buf_fini(&text[i]);
}

static void
add_id(void *to, const struct jr *v)
{
	const char *id = jr_kstr(v, "sessionId");

	(void)to;
	if (id != NULL && *id != '\0' && strpbrk(id, " \t\r\n") == NULL)
		(void)printf("%s\n", id);
}

static void
add_json(void *to, const struct jr *v)
{
	const char *text = jr_text(v);

	jw_raw(to, text, strlen(text));
}

/* Cursors are digits, hex and '-': they stand in a query as they are. */
static bool
cursor_ok(const char *c)
{
	return *c != '\0' && strlen(c) < 128 &&
	    strspn(c, "0123456789abcdef-") == strlen(c);
}

static int
each(struct ctl *ctl, long long left, void (*add)(void *, const struct jr *),
    void *to)
{
	char target[API_TARGET_MAX], cursor[128] = "";
	const char *next = "";
	int rc;

	while (left > 0 && next != NULL) {
		autoanswer struct answer a = { 0 };
		const struct jr *list;

		(void)snprintf(target, sizeof(target), ARCHIVES
		    "?limit=%lld%s%s", left > PAGE ? PAGE : left,
		    cursor[0] != '\0' ? "&cursor=" : "", cursor);
		if ((rc = api_get(ctl, target, &a)) != 0)
			return rc;
		list = jr_get(a.doc, "archives");
		for (size_t i = 0; i < jr_count(list) && left > 0; i++) {
			add(to, jr_at(list, i));
			left--;
		}
		next = jr_kstr(a.doc, "nextCursor");
		if (next == NULL || jr_count(list) == 0 || !cursor_ok(next))
			break;
		memcpy(cursor, next, strlen(next) + 1);
	}
	return 0;
}

static int
list_json(struct ctl *ctl, long long limit)
{
	autobuf struct buf out = { 0 };
	struct jw j;
	int rc;

	jw_init(&j, &out);
	jw_array(&j);
	rc = each(ctl, limit, add_json, &j);
	jw_array_end(&j);
	(void)buf_adds(&out, "\n");
	return rc != 0 ? rc : ctl_print(&out);
}

int
verb_archives_list(struct ctl *ctl)
{
	long long limit = LIST_MAX;
	struct table *table;
	int rc;

	if ((rc = ctl_number(ctl, OPT_LIMIT, 1, LIST_MAX, &limit)) != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return list_json(ctl, limit);
	if (ctl->opt[OPT_IDS] != NULL)
		return each(ctl, limit, add_id, NULL);
	table = table_new(columns, nitems(columns));
	rc = each(ctl, limit, add_row, table);
	if (rc == 0 && table_print(table) < 0)
		rc = CTL_FAILED;
	table_free(table);
	return rc;
}

/* --- one --- */

static int
ask(struct ctl *ctl, const char *method, struct answer *a)
{
	const char *id = ctl->argv[0];
	char target[API_TARGET_MAX];
	struct request q = { .method = method, .target = target,
	    .timeout_ms = API_TIMEOUT_MS };
	int rc;

	if (*id == '\0' || strlen(id) > 64 ||
	    strspn(id, "0123456789abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") != strlen(id)) {
		ctl_err("%s: not the id of a session", id);
		return CTL_USAGE;
	}
	(void)snprintf(target, sizeof(target), ARCHIVES "/%s", id);
	rc = api_call(ctl, &q, a);
	return rc == 0 && !answer_ok(a) ? api_refused(a) : rc;
}

int
verb_archives_show(struct ctl *ctl)
{
	static const struct {
		const char	*label, *name;
	} facts[] = {
		{ "session", "sessionId" }, { "made", "createdAt" },
		{ "outcome", "outcome" }, { "entries", "entries" },
		{ "bytes", "bytes" }, { "packed", "packedBytes" },
		{ "left out", "leftOut" },
	};
	autoanswer struct answer a = { 0 };
	autobuf struct buf b = { 0 };
	int rc = ask(ctl, "GET", &a);

	if (rc != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return printf("%s\n", jr_text(a.doc)) < 0 ? CTL_FAILED :
		    CTL_OK;
	for (size_t i = 0; i < nitems(facts); i++) {
		(void)buf_addf(&b, "%-9s ", facts[i].label);
		put_member(a.doc, facts[i].name, &b);
		(void)buf_adds(&b, "\n");
	}
	return ctl_print(&b);
}

int
verb_archives_rm(struct ctl *ctl)
{
	autoanswer struct answer a = { 0 };
	int rc = ctl_confirm(ctl, "remove the archive of session %s",
	    ctl->argv[0]);

	if (rc == 0)
		rc = ask(ctl, "DELETE", &a);
	if (rc == 0 && ctl->opt[OPT_JSON] != NULL)
		rc = printf("%s\n", jr_text(a.doc)) < 0 ? CTL_FAILED : CTL_OK;
	return rc;
}
