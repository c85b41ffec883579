/* Tokens for others: made, listed, revoked. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/table.h"
#include "covenctl/text.h"

#define PAIRINGS	API "/pairings"

static const struct table_column columns[] = {
	{ "NAME", false }, { "SCOPES", true }, { "EXPIRES", false },
	{ "LAST USED", false },
};

/* "30d", "12h", "90m", "45s". */
static int
read_expires(const char *s, long long *out_s)
{
	static const struct {
		char		unit;
		long long	s;
	} units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
	long long v;
	char *end;

	errno = 0;
	v = strtoll(s, &end, 10);
	for (size_t i = 0; i < nitems(units); i++)
		if (errno == 0 && end != s && v > 0 && v <= 1000000000 &&
		    end[0] == units[i].unit && end[1] == '\0') {
			*out_s = v * units[i].s;
			return 0;
		}
	ctl_err("--expires %s: give a number and d, h, m or s, as in 30d", s);
	return CTL_USAGE;
}

static void
put_scopes(struct jw *j, const char *s)
{
	size_t n;

	jw_name(j, "scopes");
	jw_array(j);
	for (; *s != '\0'; s += n + (s[n] == ',')) {
		n = strcspn(s, ",");
		jw_strn(j, s, n);
	}
	jw_array_end(j);
}

static void
put_line(const char *name, const struct jr *doc, const char *member,
    struct buf *b)
{
	const char *v = jr_kstr(doc, member);

	(void)buf_addf(b, "%s", name);
	v = v != NULL ? v : "-";
	text_line(b, v, strlen(v), 256);
	(void)buf_adds(b, "\n");
}

/* The token alone on standard output, so that it can go into a file. */
static int
show_token(struct ctl *ctl, const struct jr *doc)
{
	autobuf struct buf b = { 0 };
	const char *token = jr_kstr(doc, "token");

	if (token == NULL) {
		ctl_err("the daemon's reply holds no token");
		return CTL_UNTRUSTED;
	}
	if (ctl->opt[OPT_JSON] != NULL)
		return printf("%s\n", jr_text(doc)) < 0 ? CTL_FAILED : CTL_OK;
	put_line("paired ", doc, "name", &b);
	put_line("until  ", doc, "expiresAt", &b);
	(void)buf_adds(&b, "The token is shown this once; whoever holds it "
	    "may do this much and no more.\n");
	(void)ctl_write(2, buf_head(&b), buf_left(&b));
	return printf("%s\n", token) < 0 ? CTL_FAILED : CTL_OK;
}

int
verb_pair(struct ctl *ctl)
{
	autobuf struct buf body = { 0 };
	autoanswer struct answer a = { 0 };
	long long expires_s = 0;
	struct jw j;
	int rc;

	if (ctl->opt[OPT_SCOPE] == NULL) {
		ctl_err("pair: give --scope, such as list,read,input,"
		    "launch:codex");
		return CTL_USAGE;
	}
	if (ctl->opt[OPT_EXPIRES] != NULL &&
	    (rc = read_expires(ctl->opt[OPT_EXPIRES], &expires_s)) != 0)
		return rc;
	jw_init(&j, &body);
	jw_object(&j);
	jw_kstr(&j, "name", ctl->argv[0]);
	put_scopes(&j, ctl->opt[OPT_SCOPE]);
	if (expires_s != 0)
		jw_ki64(&j, "expiresInSeconds", expires_s);
	jw_object_end(&j);
	rc = api_post(ctl, PAIRINGS, &body, API_TIMEOUT_MS, &a);
	return rc != 0 ? rc : show_token(ctl, a.doc);
}

static void
add_row(struct table *t, const struct jr *p)
{
	static const char *const times[] = { "expiresAt", "lastUsedAt" };
	struct buf text[nitems(columns)] = { 0 };
	const char *cells[nitems(columns)], *v = jr_kstr(p, "name");
	const struct jr *scopes = jr_get(p, "scopes");

	text_line(&text[0], v != NULL ? v : "-", v != NULL ? strlen(v) : 1,
	    256);
	for (size_t i = 0; i < jr_count(scopes); i++) {
		/* A string's text is quoted: names hold nothing to escape. */
		const char *s = jr_text(jr_at(scopes, i));
		size_t n = strlen(s);

		(void)buf_adds(&text[1], i != 0 ? "," : "");
		if (n > 2)
			text_line(&text[1], s + 1, n - 2, 256);
	}
	for (size_t i = 0; i < nitems(times); i++) {
		v = jr_kstr(p, times[i]);
		v = v != NULL ? v : "never";
		/* To the second. */
		text_line(&text[2 + i], v, strcspn(v, "."), 64);
	}
	for (size_t i = 0; i < nitems(columns); i++)
		cells[i] = buf_head(&text[i]);
	(void)table_row(t, cells, nitems(columns), 0, NULL);
	for (size_t i = 0; i < nitems(columns); i++)
		buf_fini(&text[i]);
}

int
verb_pair_list(struct ctl *ctl)
{
	autoanswer struct answer a = { 0 };
	const struct jr *list;
	struct table *t;
	int rc;

	if ((rc = api_get(ctl, PAIRINGS, &a)) != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return printf("%s\n", jr_text(a.doc)) < 0 ? CTL_FAILED :
		    CTL_OK;
	list = jr_get(a.doc, "pairings");
	t = table_new(columns, nitems(columns));
	for (size_t i = 0; i < jr_count(list); i++)
		add_row(t, jr_at(list, i));
	rc = table_print(t);
	table_free(t);
	return rc < 0 ? CTL_FAILED : CTL_OK;
}

int
verb_pair_revoke(struct ctl *ctl)
{
	const char *name = ctl->argv[0];
	char target[API_TARGET_MAX];
	struct request q = { .method = "DELETE", .target = target,
	    .timeout_ms = API_TIMEOUT_MS };
	autoanswer struct answer a = { 0 };
	int rc;

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != strlen(name) ||
	    snprintf(target, sizeof(target), PAIRINGS "/%s", name) >=
	    (int)sizeof(target) || *name == '\0') {
		ctl_err("%s: not the name of a paired token", name);
		return CTL_USAGE;
	}
	rc = api_call(ctl, &q, &a);
	if (rc == 0 && !answer_ok(&a))
		rc = api_refused(&a);
	if (rc != 0)
		return rc;
	if (ctl->opt[OPT_JSON] != NULL)
		return printf("%s\n", jr_text(a.doc)) < 0 ? CTL_FAILED :
		    CTL_OK;
	return printf("%s is revoked\n", name) < 0 ? CTL_FAILED : CTL_OK;
}
