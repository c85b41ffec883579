#include <stdio.h>

#include "common/jsonw.h"
#include "common/net_policy.h"
#include "coven-monitor/explain.h"

#define EXIT_USAGE	64

static int
refuse(const char *what, const char *name, const char *why)
{
	log_error("%s %s: %s", what, name, why);
	return EXIT_USAGE;
}

static void
print(const struct net_verdict *v, const char *url, const char *harness,
    const char *project)
{
	autobuf struct buf b = { 0 };
	struct jw j;

	jw_init(&j, &b);
	jw_object(&j);
	jw_kbool(&j, "allow", v->allow);
	jw_kstr(&j, "url", url);
	jw_kstr(&j, "harness", harness);
	jw_kstr(&j, "project", *project != '\0' ? project : NULL);
	jw_kstr(&j, "rule", *v->rule != '\0' ? v->rule : NULL);
	jw_kstr(&j, "from", *v->from != '\0' ? v->from : NULL);
	jw_kstr(&j, "why", v->why);
	jw_object_end(&j);
	(void)printf("%s\n", buf_head(&b));
}

int
explain(struct monitor *m, const char *url, const char *harness,
    const char *project)
{
	const struct harness_entry *e = harness_table_find(&m->harnesses,
	    harness);
	struct net_who who = { .harness = harness, .project = project };
	struct net_policy p = { 0 };
	struct net_verdict v;
	int r;

	if (e == NULL)
		return refuse("harness", harness, "it is not configured");
	who.builtin = e->row.builtin != 0;
	net_policy_collect(&p, &m->conf, &who);
	r = net_policy_url(&p, url, &v);
	if (r == 0)
		print(&v, url, harness, project);
	net_policy_fini(&p);
	return r == 0 ? 0 : refuse("explain", url, "it is no https:// or "
	    "http:// URL, host or host:port");
}
