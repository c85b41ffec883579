#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/net_upstream.h"

void
net_policy_fini(struct net_policy *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		free(p->v[i].from);
	for (i = 0; i < p->nup; i++)
		buf_fini(&p->up[i].bytes);
	free(p->up);
	free(p->v);
	*p = (struct net_policy){ 0 };
}

int
net_policy_add(struct net_policy *p, enum net_kind kind, const char *text,
    const char *from, const char **why)
{
	struct net_rule r;
	int e = net_rule_parse(kind, text, &r, why);

	if (e < 0)
		return e;
	if (p->n == LIMIT_NET_RULES) {
		*why = "is one rule too many";
		return -E2BIG;
	}
	p->v = mem_realloc(p->v, p->n + 1, sizeof(*p->v));
	p->v[p->n++] = (struct net_policy_row){ .rule = r,
	    .from = mem_strdup(from) };
	return 0;
}

bool
net_policy_reaches(const struct net_policy *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->v[i].rule.kind == NET_ALLOW ||
		    p->v[i].rule.kind == NET_ADDRESS)
			return true;
	return p->nup != 0;
}

/* --- as bytes ------------------------------------------------------------ */

int
net_policy_encode(const struct net_policy *p, struct buf *out)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < p->n; i++) {
		struct msg_net_rule m = { .kind = p->v[i].rule.kind,
		    .text = p->v[i].rule.text, .from = p->v[i].from };

		r = msg_encode(out, MSG_NET_RULE, &m);
	}
	for (i = 0; r == 0 && i < p->nup; i++)
		r = buf_add(out, buf_head(&p->up[i].bytes),
		    buf_left(&p->up[i].bytes));
	return r;
}

/* One record. */
static int
take(struct net_policy *p, uint32_t type, const union msg_any *m)
{
	const char *why;

	if (type == MSG_NET_UPSTREAM)
		return net_upstream_add(p, &m->net_upstream);
	if (type != MSG_NET_RULE || m->net_rule.kind >= NET_KIND__COUNT)
		return -EPROTO;
	return net_policy_add(p, (enum net_kind)m->net_rule.kind,
	    m->net_rule.text, m->net_rule.from, &why);
}

int
net_policy_decode(struct net_policy *p, const void *bytes, size_t n)
{
	const char *at = bytes;
	union msg_any m;
	uint32_t type;
	size_t used;
	int r;

	while (n != 0) {
		if (msg_decode(at, n, &type, &m, &used) != 0)
			return -EPROTO;
		r = take(p, type, &m);
		if (r < 0)
			return r == -EINVAL ? -EPROTO : r;
		at += used;
		n -= used;
	}
	return 0;
}

/* --- verdicts ------------------------------------------------------------ */

static struct net_verdict
by_rule(const struct net_policy_row *row, bool allow, const char *why)
{
	return (struct net_verdict){ .allow = allow, .rule = row->rule.text,
	    .from = row->from, .why = why };
}

static struct net_verdict
by_itself(bool allow, const char *why)
{
	return (struct net_verdict){ .allow = allow, .rule = "", .from = "",
	    .why = why };
}

/* Is this rule about this host, whether it allows or denies? */
static bool
is_about(const struct net_rule *r, enum net_kind kind,
    const struct net_host *h, uint16_t port, bool plain)
{
	if (r->kind != kind || !net_rule_has_host(r, h, port))
		return false;
	return kind == NET_DENY ? !r->plain || plain : r->plain == plain;
}

bool
net_policy_denies(const struct net_policy *p, const struct net_host *h,
    uint16_t port, bool plain, struct net_verdict *out)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (is_about(&p->v[i].rule, NET_DENY, h, port, plain)) {
			*out = by_rule(&p->v[i], false, "denied");
			return true;
		}
	return false;
}

struct net_verdict
net_policy_host(const struct net_policy *p, const struct net_host *h,
    uint16_t port, bool plain)
{
	enum net_kind opens = h->literal ? NET_ADDRESS : NET_ALLOW;
	const struct net_upstream *up = net_upstream_serving(p, h);
	struct net_verdict v;
	size_t i;

	if (net_policy_denies(p, h, port, plain, &v))
		return v;
	/* It has many tenants, and a tunnel leads to all of them. */
	if (up != NULL)
		return (struct net_verdict){ .rule = up->row.name,
		    .from = up->row.from,
		    .why = "a named upstream serves this host" };
	for (i = 0; i < p->n; i++)
		if (is_about(&p->v[i].rule, opens, h, port, plain))
			return by_rule(&p->v[i], true, "allowed");
	/* The same in the other protocol is a near miss worth its words. */
	for (i = 0; i < p->n; i++)
		if (is_about(&p->v[i].rule, opens, h, port, !plain))
			return by_rule(&p->v[i], false, plain ?
			    "allowed by TLS alone" :
			    "allowed as plain HTTP alone");
	return by_itself(false, h->literal ? "no rule names this address" :
	    "no rule names this host and port");
}

struct net_verdict
net_policy_addr(const struct net_policy *p, const struct net_addr *a,
    uint16_t port, bool local)
{
	const struct net_range *range = net_addr_special(a);
	size_t i;

	for (i = 0; i < p->n; i++)
		if (net_rule_has_addr(&p->v[i].rule, a, port))
			return by_rule(&p->v[i], true, "allowed");
	if (range != NULL)
		return (struct net_verdict){ .allow = false,
		    .rule = range->text, .from = "refused ranges",
		    .why = range->why };
	if (local)
		return by_itself(false, "an address of this machine");
	return by_itself(true, "a public address");
}

struct net_verdict
net_policy_ech(const struct net_policy *p, const char *outer, uint16_t port)
{
	struct net_host h;
	size_t i;

	if (net_host_parse(outer, strlen(outer), &h) == 0 && !h.literal)
		for (i = 0; i < p->n; i++)
			if (p->v[i].rule.kind == NET_ECH &&
			    net_rule_has_host(&p->v[i].rule, &h, port))
				return by_rule(&p->v[i], true, "allowed");
	return by_itself(false, "it hides the name of the host (ECH)");
}

/* As a client inside would ask for it. */
static int
inside_url(const struct net_policy *p, const char *target,
    struct net_verdict *out)
{
	struct net_verdict other;
	struct net_route r;
	const char *why;

	if (net_route(p, "GET", target, strlen(target), &r, &why) != 0)
		return -EINVAL;
	other = r.verdict;
	if (!other.allow && net_route(p, "POST", target, strlen(target), &r,
	    &why) == 0 && r.verdict.allow)
		other = r.verdict;
	*out = other;
	return 0;
}

/* Where upstreams serve the host, the first of them that lets it be read. */
static void
served_url(const struct net_policy *p, const struct net_host *h,
    uint16_t port, const char *path, struct net_verdict *v)
{
	const struct net_upstream *up = net_upstream_serving(p, h);
	struct net_verdict w;
	size_t i;
	bool any = false;

	/* Denied whatever allows it, or not refused for this. */
	if (up == NULL || v->rule != up->row.name)
		return;
	for (i = 0; i < p->nup && !v->allow; i++) {
		if (!net_upstream_is(&p->up[i], h) ||
		    p->up[i].row.port != port)
			continue;
		w = net_route_url(p, &p->up[i], path);
		if (w.allow || !any)
			*v = w;
		any = true;
	}
}

int
net_policy_url(const struct net_policy *p, const char *url,
    struct net_verdict *out)
{
	static const char tls[] = "https://", clear[] = "http://";
	bool plain = strncasecmp(url, clear, strlen(clear)) == 0;
	uint16_t port = plain ? 80 : 443;
	struct net_verdict v;
	struct net_host h;
	size_t n;

	if (strncmp(url, NET_INSIDE "/", strlen(NET_INSIDE "/")) == 0)
		return inside_url(p, url + strlen(NET_INSIDE), out);
	if (plain)
		url += strlen(clear);
	else if (strncasecmp(url, tls, strlen(tls)) == 0)
		url += strlen(tls);
	n = strcspn(url, "/?#");
	if (net_host_parse(url, n, &h) < 0 &&
	    net_authority_parse(url, n, &h, &port) < 0)
		return -EINVAL;
	v = net_policy_host(p, &h, port, plain);
	if (!plain)
		served_url(p, &h, port, url + n, &v);
	if (v.allow && h.literal)
		v = net_policy_addr(p, &h.addr, port, false);
	*out = v;
	return 0;
}
