/* The verb audit verify: the records, and the heads that prove them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/sign.h"
#include "covenctl/audit.h"
#include "covenctl/verify.h"

struct checking {
	struct ctl	*ctl;
	struct verify	 verify;
	bool		 begun;		/* the chain is known */
	uint8_t		 public[AUDIT_PUBLIC_LEN];
};

#define STOP	(-1)	/* the outcome is known */

static void
on_head(void *ctx, const struct audit_head *head)
{
	struct checking *c = ctx;

	verify_head(&c->verify, head, c->public);
}

static int
on_record(void *ctx, const struct jr *v)
{
	struct checking *c = ctx;
	struct audit_parsed p;

	if (audit_parse(v, &p) < 0) {
		ctl_err("a record that is none");
		return CTL_FAILED;
	}
	return verify_record(&c->verify, &p.record, p.digest) ? 0 : STOP;
}

/* --- from the daemon ---------------------------------------------------- */

static int
nothing(void *ctx, const struct jr *v)
{
	(void)ctx, (void)v;
	return 0;
}

static int
check_daemon(struct checking *c)
{
	struct audit_pages pages = { .after = INT64_MAX };
	struct ctl *ctl = c->ctl;
	int rc;

	if ((rc = ctl_open_home(ctl)) != 0 ||
	    (rc = audit_key(ctl, ctl->opt[OPT_KEY], c->public)) != 0 ||
	    (rc = audit_each(ctl, &pages, nothing, NULL)) != 0)
		return rc;
	verify_init(&c->verify, pages.chain);
	c->begun = true;
	/* Heads first: the records that they cover are there then. */
	rc = audit_heads(ctl, ctl->opt[OPT_HEADS], on_head, c);
	pages.after = 0;
	return rc != 0 ? rc : audit_each(ctl, &pages, on_record, c);
}

/* --- from a file -------------------------------------------------------- */

static int
bad_file(const char *path, unsigned long line)
{
	ctl_err("%s:%lu: it is not an export of the audit", path, line);
	return CTL_FAILED;
}

/* The first line.  A key of one's own is better than the file's. */
static int
begin_file(struct checking *c, const struct jr *v)
{
	const char *chain = jr_kstr(v, "chain"), *key = jr_kstr(v,
	    "publicKey");
	uint8_t id[AUDIT_CHAIN_LEN];
	struct ctl *ctl = c->ctl;
	int rc = 0;

	if (chain == NULL || strlen(chain) != 2 * sizeof(id) ||
	    audit_unhex(chain, sizeof(id), id) < 0 || key == NULL ||
	    strlen(key) != 2 * sizeof(c->public))
		return -EPROTO;
	verify_init(&c->verify, id);
	c->begun = true;
	if (ctl->opt[OPT_KEY] != NULL)
		rc = audit_key(ctl, ctl->opt[OPT_KEY], c->public);
	else if (audit_unhex(key, sizeof(c->public), c->public) < 0)
		return -EPROTO;
	else
		ctl_err("the key is the export's own: with --key it is "
		    "compared with yours");
	if (rc == 0 && ctl->opt[OPT_HEADS] != NULL)
		rc = audit_heads(ctl, ctl->opt[OPT_HEADS], on_head, c);
	return rc;
}

static int
file_line(struct checking *c, const struct jr *v)
{
	const char *text = jr_kstr(v, "head");
	struct audit_head head;

	if (!c->begun)
		return begin_file(c, v);
	if (text == NULL)
		return on_record(c, v);
	if (audit_head_parse(text, &head) < 0)
		return -EPROTO;
	if (c->ctl->opt[OPT_HEADS] == NULL)
		on_head(c, &head);
	return 0;
}

static int
check_file(struct checking *c, const char *path)
{
	FILE *f = fopen(path, "re");
	autofree char *line = NULL;
	unsigned long number = 0;
	size_t cap = 0;
	ssize_t n;
	int rc = 0;

	if (f == NULL) {
		ctl_err("%s: %s", path, strerror(errno));
		return CTL_FAILED;
	}
	while (rc == 0 && (n = getline(&line, &cap, f)) > 0) {
		autojr struct jr *v = NULL;

		number++;
		rc = jr_parse(line, (size_t)n, &v);
		if (rc == 0)
			rc = file_line(c, v);
		if (rc == -EPROTO)
			rc = bad_file(path, number);
	}
	(void)fclose(f);
	return rc == 0 && !c->begun ? bad_file(path, number) : rc;
}

/* --- the outcome -------------------------------------------------------- */

static int
print_json(const struct verify *v, const char *why)
{
	autobuf struct buf b = { 0 };
	char at[RFC3339_LEN];
	struct jw j;

	clock_format(v->proven.at_ns, at);
	jw_init(&j, &b);
	jw_object(&j);
	jw_kbool(&j, "ok", v->fault == VERIFY_HOLDS);
	jw_ku64(&j, "completeTo", v->proven.count);
	jw_kstr(&j, "at", v->proven.count != 0 ? at : NULL);
	if (v->fault == VERIFY_HOLDS) {
		jw_ku64(&j, "unproven", v->n - v->proven.count);
	} else {
		jw_kstr(&j, "why", why);
		if (v->first != 0)
			jw_ku64(&j, "record", v->first);
	}
	jw_object_end(&j);
	(void)buf_adds(&b, "\n");
	return ctl_print(&b);
}

static int
print_outcome(struct ctl *ctl, const struct verify *v)
{
	uint64_t rest = v->n - v->proven.count;
	char why[512], at[RFC3339_LEN];
	int rc = v->fault == VERIFY_HOLDS ? CTL_OK : CTL_FAILED;

	verify_explain(v, why, sizeof(why));
	clock_format(v->proven.at_ns, at);
	if (ctl->opt[OPT_JSON] != NULL)
		return print_json(v, why) != CTL_OK ? CTL_FAILED : rc;
	if (rc != CTL_OK) {
		ctl_err("%s", why);
		if (v->proven.count != 0)
			ctl_err("up to head %" PRIu64 " of %s it is complete",
			    v->proven.count, at);
		return rc;
	}
	if (printf("complete to head %" PRIu64 " of %s\n%" PRIu64
	    " record%s after it %s chained but not yet covered by a head\n",
	    v->proven.count, at, rest, rest == 1 ? "" : "s",
	    rest == 1 ? "is" : "are") < 0)
		return CTL_FAILED;
	return rc;
}

int
verb_audit_verify(struct ctl *ctl)
{
	struct checking c = { .ctl = ctl };
	const char *from = ctl->opt[OPT_FROM];
	int rc;

	sign_init();
	rc = from != NULL ? check_file(&c, from) : check_daemon(&c);
	if (rc == 0 || rc == STOP) {
		(void)verify_end(&c.verify);
		rc = print_outcome(ctl, &c.verify);
	}
	verify_fini(&c.verify);
	return rc;
}
