/* selftest: the table, or JSON. */
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "covenctl/jsonr.h"
#include "covenctl/selftest.h"
#include "covenctl/table.h"
#include "covenctl/text.h"

static const struct {
	const char	*word, *colour;
} results[] = {
	[RESULT_NONE] = { "-", NULL },
	[RESULT_BLOCKED] = { "blocked", "green" },
	[RESULT_OPEN] = { "OPEN", "red" },
	[RESULT_UNTRIED] = { "untried", "brown" },
};

static const char *const words[] = { NULL, "blocked", "open", "untried" };

static size_t
count(const struct selftest *s, enum door_result r)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ndoors; i++)
		n += s->doors[i].inside == r;
	return n;
}

/* Tried outside as well, and shut there: refusing it shows nothing. */
static size_t
unproven(const struct selftest *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->ndoors; i++)
		n += s->doors[i].outside == RESULT_BLOCKED;
	return n;
}

static size_t
unconfined(const struct selftest *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nroles; i++)
		n += s->roles[i].wrong[0] != '\0';
	return n;
}

/* 0 only when every door was tried and is shut, and every role confined. */
static int
verdict(const struct selftest *s)
{
	return s->complete && count(s, RESULT_OPEN) == 0 &&
	    count(s, RESULT_UNTRIED) < s->ndoors && s->nroles != 0 &&
	    unconfined(s) == 0 ? CTL_OK : CTL_FAILED;
}

static void
json_doors(const struct selftest *s, struct jw *j)
{
	jw_name(j, "doors");
	jw_array(j);
	for (size_t i = 0; i < s->ndoors; i++) {
		const struct door_row *d = &s->doors[i];

		jw_object(j);
		jw_kstr(j, "family", d->family);
		jw_kstr(j, "name", d->name);
		jw_kstr(j, "what", d->what);
		jw_kstr(j, "result", words[d->inside]);
		jw_kstr(j, "how", d->how[0] != '\0' ? d->how : NULL);
		jw_kstr(j, "outside", words[d->outside]);
		if (s->compared)
			jw_kstr(j, "bwrap", words[d->compared]);
		jw_object_end(j);
	}
	jw_array_end(j);
}

static void
json_roles(const struct selftest *s, struct jw *j)
{
	jw_name(j, "roles");
	jw_array(j);
	for (size_t i = 0; i < s->nroles; i++) {
		const struct role_row *r = &s->roles[i];

		jw_object(j);
		jw_kstr(j, "name", r->name);
		jw_ki64(j, "pid", r->pid);
		jw_kbool(j, "confined", r->wrong[0] == '\0');
		jw_kstr(j, "how", r->how);
		if (r->wrong[0] != '\0')
			jw_kstr(j, "wrong", r->wrong);
		jw_object_end(j);
	}
	jw_array_end(j);
}

static int
print_json(const struct selftest *s)
{
	autobuf struct buf b = { 0 };
	struct jw j;

	jw_init(&j, &b);
	jw_object(&j);
	jw_kbool(&j, "ok", verdict(s) == CTL_OK);
	jw_kstr(&j, "sandbox", s->mode[0] != '\0' ? s->mode : NULL);
	jw_kbool(&j, "complete", s->complete);
	jw_ku64(&j, "blocked", count(s, RESULT_BLOCKED));
	jw_ku64(&j, "open", count(s, RESULT_OPEN));
	jw_ku64(&j, "untried", count(s, RESULT_UNTRIED));
	jw_ku64(&j, "unproven", unproven(s));
	json_doors(s, &j);
	json_roles(s, &j);
	jw_object_end(&j);
	(void)buf_adds(&b, "\n");
	return ctl_print(&b);
}

static int
print_doors(const struct selftest *s)
{
	static const struct table_column columns[] = {
		{ "FAMILY", false }, { "DOOR", false }, { "RESULT", false },
		{ "HOW", false }, { "OUTSIDE", false }, { "WHAT", true },
		{ "BWRAP", false },
	};
	size_t n = nitems(columns) - (s->compared ? 0 : 1);
	struct table *t = table_new(columns, n);
	int rc;

	for (size_t i = 0; i < s->ndoors; i++) {
		const struct door_row *d = &s->doors[i];
		const char *cells[nitems(columns)] = { d->family, d->name,
		    results[d->inside].word, d->how[0] != '\0' ? d->how : "-",
		    d->outside != RESULT_NONE ? words[d->outside] : "-",
		    d->what, d->compared != RESULT_NONE ?
		    words[d->compared] : "-" };

		(void)table_row(t, cells, n, 2, results[d->inside].colour);
	}
	rc = table_print(t);
	table_free(t);
	return rc < 0 ? CTL_FAILED : CTL_OK;
}

static int
print_roles(const struct selftest *s)
{
	static const struct table_column columns[] = {
		{ "ROLE", false }, { "PID", false }, { "RESULT", false },
		{ "HOW", true },
	};
	struct table *t = table_new(columns, nitems(columns));
	char pid[16];
	int rc;

	for (size_t i = 0; i < s->nroles; i++) {
		const struct role_row *r = &s->roles[i];
		bool ok = r->wrong[0] == '\0';
		const char *cells[] = { r->name, pid, ok ? "confined" :
		    r->wrong, r->how };

		(void)snprintf(pid, sizeof(pid), "%d", (int)r->pid);
		(void)table_row(t, cells, nitems(cells), 2, ok ? "green" :
		    "red");
	}
	rc = table_print(t);
	table_free(t);
	return rc < 0 ? CTL_FAILED : CTL_OK;
}

int
selftest_print(struct selftest *s)
{
	int rc;

	if (s->ctl->opt[OPT_JSON] != NULL)
		rc = print_json(s);
	else {
		rc = print_doors(s);
		(void)printf("\n");
		if (rc == CTL_OK)
			rc = print_roles(s);
		(void)printf("\nsandbox mode %s; %zu doors: %zu blocked, "
		    "%zu open, %zu untried, %zu shut outside as well; "
		    "%zu processes of the suite: %zu confined\n",
		    s->mode[0] != '\0' ? s->mode : "unknown", s->ndoors,
		    count(s, RESULT_BLOCKED), count(s, RESULT_OPEN),
		    count(s, RESULT_UNTRIED), unproven(s), s->nroles,
		    s->nroles - unconfined(s));
	}
	if (!s->complete)
		ctl_err("selftest: the session ended before every door was "
		    "tried");
	return rc != CTL_OK ? rc : verdict(s);
}
