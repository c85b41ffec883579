#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/net_rule.h"

#define PORT_TLS	443
#define PORT_PLAIN	80
#define LABEL_MAX	63

/* --- hosts --------------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static bool
is_label_byte(char c)
{
	return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
}

/* What resolvers may take for an address: digits alone, or 0x and hex. */
static bool
is_number(const char *p, size_t n)
{
	bool hex = n >= 2 && p[0] == '0' && p[1] == 'x';
	size_t i;

	for (i = hex ? 2 : 0; i < n; i++)
		if (!is_digit(p[i]) && !(hex && p[i] >= 'a' && p[i] <= 'f'))
			return false;
	return true;
}

static int
name_parse(const char *p, size_t n, char out[NET_HOST_MAX + 1])
{
	size_t i, start = 0;

	if (n != 0 && p[n - 1] == '.')
		n--;
	if (n == 0 || n > NET_HOST_MAX)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		out[i] = lower(p[i]);
		if (out[i] == '.') {
			if (i == start || i - start > LABEL_MAX)
				return -EINVAL;
			start = i + 1;
		} else if (!is_label_byte(out[i])) {
			return -EINVAL;
		}
	}
	out[n] = '\0';
	if (start == n || n - start > LABEL_MAX ||
	    is_number(out + start, n - start))
		return -EINVAL;
	return 0;
}

int
net_host_parse(const char *p, size_t n, struct net_host *out)
{
	char text[NET_ADDR_TEXT];
	struct net_host h = { 0 };
	bool v6 = n > 2 && p[0] == '[' && p[n - 1] == ']';

	if (v6)
		p++, n -= 2;
	if (n == 0 || memchr(p, '\0', n) != NULL)
		return -EINVAL;
	if (n < sizeof(text)) {
		memcpy(text, p, n);
		text[n] = '\0';
		h.literal = net_addr_parse(text, &h.addr) == 0;
	}
	if (h.literal ? (h.addr.len == 16) != v6 : v6)
		return -EINVAL;
	if (!h.literal && name_parse(p, n, h.name) < 0)
		return -EINVAL;
	*out = h;
	return 0;
}

/* One to five digits, 1 to 65535. */
static int
port_parse(const char *p, size_t n, uint16_t *out)
{
	unsigned v = 0;
	size_t i;

	if (n == 0 || n > 5)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		if (!is_digit(p[i]))
			return -EINVAL;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	if (v == 0 || v > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)v;
	return 0;
}

int
net_authority_parse(const char *p, size_t n, struct net_host *out,
    uint16_t *port)
{
	const char *colon = n != 0 ? memrchr(p, ':', n) : NULL;
	struct net_host h;
	uint16_t at;

	if (colon == NULL ||
	    port_parse(colon + 1, (size_t)(p + n - colon - 1), &at) < 0 ||
	    net_host_parse(p, (size_t)(colon - p), &h) < 0)
		return -EINVAL;
	*out = h;
	*port = at;
	return 0;
}

/* --- rules --------------------------------------------------------------- */

static int
fail(const char **why, const char *text)
{
	*why = text;
	return -EINVAL;
}

/* ":443", ":8000-8080", ":*" or nothing. */
static int
ports_parse(const char *p, size_t n, struct net_rule *r)
{
	const char *dash = n != 0 ? memchr(p, '-', n) : NULL;
	size_t first = dash != NULL ? (size_t)(dash - p) : n;

	if (n == 1 && *p == '*') {
		r->low = 1;
		r->high = UINT16_MAX;
		return 0;
	}
	if (port_parse(p, first, &r->low) < 0)
		return -EINVAL;
	r->high = r->low;
	if (dash != NULL && port_parse(dash + 1, n - first - 1, &r->high) < 0)
		return -EINVAL;
	return r->low <= r->high ? 0 : -EINVAL;
}

static int
host_rule(const char *p, size_t n, struct net_rule *r, const char **why)
{
	struct net_host h;

	if (n == 1 && *p == '*') {
		r->any = true;
		return r->kind == NET_DENY ? 0 : fail(why, "allows every "
		    "host: name them, or a domain as \"*.example.com\"");
	}
	r->itself = true;
	if (n > 2 && p[0] == '*' && p[1] == '.') {
		r->below = true;
		r->itself = false;
		p += 2, n -= 2;
	} else if (n > 1 && p[0] == '.') {
		r->below = true;
		p++, n--;
	}
	if (net_host_parse(p, n, &h) < 0)
		return fail(why, "is no host's name");
	if (h.literal)
		return fail(why, "is an address: those go into the list of "
		    "addresses");
	/* "*.com" is nobody's. */
	if (r->below && r->kind == NET_ALLOW && strchr(h.name, '.') == NULL)
		return fail(why, "allows a whole top-level domain");
	memcpy(r->name, h.name, sizeof(r->name));
	return 0;
}

static int
addr_rule(const char *p, size_t n, struct net_rule *r, const char **why)
{
	const char *slash;
	char text[NET_ADDR_TEXT];
	size_t len;
	uint16_t bits = 0;

	if (n > 2 && p[0] == '[' && p[n - 1] == ']')
		p++, n -= 2;
	slash = n != 0 ? memchr(p, '/', n) : NULL;
	len = slash != NULL ? (size_t)(slash - p) : n;
	if (len == 0 || len >= sizeof(text))
		return fail(why, "is no address");
	memcpy(text, p, len);
	text[len] = '\0';
	if (net_addr_parse(text, &r->addr) < 0)
		return fail(why, "is no address");
	r->bits = r->addr.len * 8u;
	if (slash == NULL)
		return 0;
	if (port_parse(slash + 1, n - len - 1, &bits) < 0 || bits > r->bits)
		return fail(why, "is no range of addresses");
	r->bits = bits;
	return 0;
}

/* Where the ports begin: the last colon, unless it is inside an address. */
static const char *
port_colon(const char *p, bool address)
{
	const char *colon = strrchr(p, ':'), *end = strrchr(p, ']');

	if (colon == NULL || (end != NULL && colon < end))
		return NULL;
	/* An IPv6 address without brackets has no port. */
	if (address && end == NULL && memchr(p, ':', (size_t)(colon - p)))
		return NULL;
	return colon;
}

bool
net_path_is_plain(const char *p, size_t n)
{
	const char *end = p + n, *slash;
	size_t i, len;

	for (i = 0; i < n; i++)
		if (!is_label_byte(lower(p[i])) && p[i] != '/' &&
		    (p[i] == '\0' || strchr(".~+@", p[i]) == NULL))
			return false;
	for (;; p = slash + 1) {
		slash = memchr(p, '/', (size_t)(end - p));
		len = (size_t)((slash != NULL ? slash : end) - p);
		if (len == 0 || (p[0] == '.' && (len == 1 ||
		    (len == 2 && p[1] == '.'))))
			return false;
		if (slash == NULL)
			return true;
	}
}

static int
git_rule(const char *text, struct net_rule *r, const char **why)
{
	const char *slash = strchr(text, '/'), *path;
	size_t n = slash != NULL ? (size_t)(slash - text) : 0, len;
	struct net_host h;

	r->itself = true;
	if (net_host_parse(text, n, &h) < 0 &&
	    net_authority_parse(text, n, &h, &r->low) < 0)
		return fail(why, "names no host and repository");
	if (h.literal)
		return fail(why, "is an address: a repository's host has a "
		    "name");
	r->high = r->low;
	memcpy(r->name, h.name, sizeof(r->name));
	path = slash + 1;
	r->path = (size_t)(path - text);
	len = strlen(path);
	if (strcmp(path, "*") == 0)
		return 0;
	if (len > 2 && strcmp(path + len - 2, "/*") == 0)
		len -= 2;
	return net_path_is_plain(path, len) ? 0 : fail(why,
	    "names no repository");
}

int
net_rule_parse(enum net_kind kind, const char *text, struct net_rule *out,
    const char **why)
{
	static const char scheme[] = "http://";
	struct net_rule r = { .kind = kind, .low = PORT_TLS,
	    .high = PORT_TLS };
	const char *colon;
	size_t n;
	int e;

	if (strlen(text) > NET_RULE_MAX)
		return fail(why, "is too long for a rule");
	(void)snprintf(r.text, sizeof(r.text), "%s", text);
	if (kind == NET_FETCH || kind == NET_PUSH) {
		e = git_rule(text, &r, why);
		if (e == 0)
			*out = r;
		return e;
	}
	if (kind != NET_ECH && strncmp(text, scheme, sizeof(scheme) - 1) ==
	    0) {
		text += sizeof(scheme) - 1;
		r.plain = true;
		r.low = r.high = PORT_PLAIN;
	}
	/* Nothing is opened by default; everything is denied by default. */
	if (kind == NET_DENY && !r.plain) {
		r.low = 1;
		r.high = UINT16_MAX;
	}
	colon = port_colon(text, kind == NET_ADDRESS);
	n = colon != NULL ? (size_t)(colon - text) : strlen(text);
	if (colon != NULL && ports_parse(colon + 1, strlen(colon + 1),
	    &r) < 0)
		return fail(why, "has a port that is none");
	e = kind == NET_ADDRESS ? addr_rule(text, n, &r, why) :
	    host_rule(text, n, &r, why);
	if (e == 0)
		*out = r;
	return e;
}

/* --- matching ------------------------------------------------------------ */

static bool
has_port(const struct net_rule *r, uint16_t port)
{
	return port >= r->low && port <= r->high;
}

static bool
has_name(const struct net_rule *r, const char *name)
{
	size_t n = strlen(name), m = strlen(r->name);

	if (r->any)
		return true;
	if (r->itself && strcmp(name, r->name) == 0)
		return true;
	return r->below && n > m + 1 && name[n - m - 1] == '.' &&
	    strcmp(name + n - m, r->name) == 0;
}

bool
net_rule_has_host(const struct net_rule *r, const struct net_host *h,
    uint16_t port)
{
	if (r->kind == NET_ADDRESS)
		return h->literal && net_rule_has_addr(r, &h->addr, port);
	if (h->literal && !r->any)
		return false;
	return has_port(r, port) && has_name(r, h->name);
}

bool
net_rule_has_addr(const struct net_rule *r, const struct net_addr *a,
    uint16_t port)
{
	return r->kind == NET_ADDRESS && has_port(r, port) &&
	    net_addr_within(a, &r->addr, r->bits);
}

/* Without ".git". */
static size_t
bare_length(const char *p, size_t n)
{
	return n > 4 && memcmp(p + n - 4, ".git", 4) == 0 ? n - 4 : n;
}

bool
net_rule_has_repository(const struct net_rule *r, const struct net_host *h,
    uint16_t port, const char *path, size_t n)
{
	const char *mine = r->text + r->path;
	size_t len = strlen(mine);

	if (r->path == 0 || !net_rule_has_host(r, h, port))
		return false;
	if (len == 1 && *mine == '*')
		return true;
	if (len > 2 && mine[len - 1] == '*' && mine[len - 2] == '/')
		return n > len - 1 && memcmp(path, mine, len - 1) == 0;
	len = bare_length(mine, len);
	return bare_length(path, n) == len && memcmp(path, mine, len) == 0;
}
