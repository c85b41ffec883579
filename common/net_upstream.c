#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/net_upstream.h"

/* --- from texts ---------------------------------------------------------- */

int
net_url_parse(const char *text, struct net_url *out)
{
	static const char scheme[] = "https://";
	struct net_url u = { .port = 443 };
	size_t n;

	if (strncmp(text, scheme, strlen(scheme)) != 0)
		return -EINVAL;
	text += strlen(scheme);
	n = strcspn(text, "/");
	if (net_host_parse(text, n, &u.host) < 0 &&
	    net_authority_parse(text, n, &u.host, &u.port) < 0)
		return -EINVAL;
	u.path = text + n;
	if (*u.path != '\0' && !net_path_is_plain(u.path + 1,
	    strlen(u.path + 1)))
		return -EINVAL;
	*out = u;
	return 0;
}

bool
net_is_route(const char *text)
{
	const char *space = strchr(text, ' ');
	char plain[NET_RULE_MAX + 1];
	size_t i, n;

	if (space == NULL || space == text || space[1] != '/' ||
	    strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") !=
	    (size_t)(space - text) || strlen(space + 2) > NET_RULE_MAX)
		return false;
	n = strlen(space + 2);
	memcpy(plain, space + 2, n + 1);
	/* A star alone is a component like any other. */
	for (i = 0; i < n; i++)
		if (plain[i] == '*' && (i == 0 || plain[i - 1] == '/') &&
		    (i + 1 == n || plain[i + 1] == '/'))
			plain[i] = 'x';
	return net_path_is_plain(plain, n);
}

static bool
is_name(const char *s)
{
	size_t n = strlen(s);

	return n != 0 && n <= 64 && strspn(s,
	    "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

bool
net_is_upstream(const char *text)
{
	struct net_host h;
	uint16_t port;

	if (strncmp(text, NET_MODEL, strlen(NET_MODEL)) == 0)
		return is_name(text + strlen(NET_MODEL));
	if (strncmp(text, NET_GIT, strlen(NET_GIT)) != 0)
		return false;
	text += strlen(NET_GIT);
	return (net_host_parse(text, strlen(text), &h) == 0 ||
	    net_authority_parse(text, strlen(text), &h, &port) == 0) &&
	    !h.literal;
}

/* --- of a policy --------------------------------------------------------- */

static bool
routes_are_good(struct msg_bin b)
{
	const char *p = b.p, *end;

	if (b.len == 0)
		return true;
	end = p + b.len;
	if (end[-1] != '\0')
		return false;
	for (; p < end; p += strlen(p) + 1)
		if (!net_is_route(p))
			return false;
	return true;
}

int
net_upstream_add(struct net_policy *p, const struct msg_net_upstream *m)
{
	struct net_upstream up = { .bytes = { .max = LIMIT_PACKET } };
	union msg_any row;

	if (!net_is_upstream(m->name) || m->port == 0 ||
	    m->port > UINT16_MAX || m->auth >= NET_AUTH__COUNT ||
	    net_host_parse(m->host, strlen(m->host), &up.host) < 0 ||
	    !routes_are_good(m->routes))
		return -EPROTO;
	if (p->nup == LIMIT_NET_UPSTREAMS)
		return -E2BIG;
	if (msg_encode(&up.bytes, MSG_NET_UPSTREAM, m) < 0 ||
	    msg_decode_exact(buf_head(&up.bytes), buf_left(&up.bytes),
	    MSG_NET_UPSTREAM, &row) != 0) {
		buf_fini(&up.bytes);
		return -EPROTO;
	}
	up.row = row.net_upstream;
	p->up = mem_realloc(p->up, p->nup + 1, sizeof(*p->up));
	p->up[p->nup++] = up;
	return 0;
}

const struct net_upstream *
net_upstream_find(const struct net_policy *p, const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < p->nup; i++)
		if (strlen(p->up[i].row.name) == n &&
		    memcmp(p->up[i].row.name, name, n) == 0)
			return &p->up[i];
	return NULL;
}

bool
net_upstream_is(const struct net_upstream *up, const struct net_host *h)
{
	if (up->host.literal != h->literal)
		return false;
	return h->literal ? up->host.addr.len == h->addr.len &&
	    memcmp(up->host.addr.b, h->addr.b, h->addr.len) == 0 :
	    strcmp(up->host.name, h->name) == 0;
}

const struct net_upstream *
net_upstream_serving(const struct net_policy *p, const struct net_host *h)
{
	size_t i;

	for (i = 0; i < p->nup; i++)
		if (net_upstream_is(&p->up[i], h))
			return &p->up[i];
	return NULL;
}
