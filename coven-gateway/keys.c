#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base64.h"
#include "common/http_line.h"
#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-gateway/keys.h"

struct key {
	char		 grant[NET_GRANT_MAX + 1];
	char		*value;
};

struct trust {
	char			*upstream;	/* NULL: everybody else's */
	struct buf		 pem;
	struct tls_roots	*roots;		/* made at the first use */
};

static struct key keys[LIMIT_NET_UPSTREAMS];
static struct trust trust[LIMIT_NET_UPSTREAMS + 1];
static size_t nkeys, ntrust = 1;
static int system_roots = -1;

/* --- whom to trust ------------------------------------------------------- */

void
keys_open_roots(void)
{
	static const char *const places[] = {
		"/etc/ssl/certs/ca-certificates.crt",	/* Debian, Arch */
		"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
		"/etc/ssl/ca-bundle.pem",		/* openSUSE */
		"/etc/ssl/cert.pem",			/* Alpine */
	};
	const time_t epoch = 0;
	struct tm tm;
	size_t i;

	/* The first use reads the time zone; certificates have times. */
	(void)gmtime_r(&epoch, &tm);
	for (i = 0; system_roots == -1 && i < nitems(places); i++)
		system_roots = open(places[i], O_RDONLY | O_CLOEXEC |
		    O_NONBLOCK | O_NOCTTY);
}

int
keys_add_roots(const char *upstream, struct buf *pem)
{
	if (ntrust == nitems(trust))
		return -EINVAL;
	trust[ntrust].upstream = mem_strdup(upstream);
	trust[ntrust++].pem = *pem;
	*pem = (struct buf){ 0 };
	return 0;
}

static struct trust *
trust_of(const struct net_upstream *up)
{
	size_t i;

	for (i = 1; i < ntrust; i++)
		if (strcmp(trust[i].upstream, up->row.name) == 0)
			return &trust[i];
	/* One that names its own is never trusted by anybody else's. */
	return *up->row.ca == '\0' ? &trust[0] : NULL;
}

struct tls_roots *
keys_roots(const struct net_upstream *up, const char **why)
{
	struct trust *t = trust_of(up);

	if (t == NULL) {
		*why = "its certificates cannot be read";
		return NULL;
	}
	if (t->roots == NULL && t == &trust[0] && system_roots != -1) {
		t->pem.max = LIMIT_ROOTS;
		(void)memfd_read(system_roots, LIMIT_ROOTS, &t->pem);
	}
	if (t->roots == NULL)
		t->roots = tls_roots_new(buf_head(&t->pem),
		    buf_left(&t->pem));
	buf_fini(&t->pem);
	if (t->roots == NULL)
		*why = "there are no certificates to judge it by";
	return t->roots;
}

/* --- keys ---------------------------------------------------------------- */

int
keys_add(const char *grant, struct buf *value)
{
	const char *p = buf_head(value);
	size_t n = buf_left(value);

	/* It stands in a field of its own. */
	if (nkeys == nitems(keys) || n == 0 || line_visible(p, p + n) != n ||
	    strlen(grant) > NET_GRANT_MAX)
		return -EINVAL;
	memcpy(keys[nkeys].grant, grant, strlen(grant) + 1);
	keys[nkeys++].value = mem_strdup(p);
	explicit_bzero(value->data, value->len);
	return 0;
}

const char *
keys_find(const char *grant)
{
	size_t i;

	for (i = 0; i < nkeys; i++)
		if (strcmp(keys[i].grant, grant) == 0)
			return keys[i].value;
	return NULL;
}

static int
basic(const struct net_upstream *up, const char *key, struct buf *out)
{
	struct buf pair = { 0 };
	int r = buf_adds(out, "Authorization: Basic ");

	(void)buf_addf(&pair, "%s:%s", up->row.user, key);
	if (r == 0)
		r = base64_encode(BASE64_STANDARD, buf_head(&pair),
		    buf_left(&pair), out);
	explicit_bzero(pair.data, pair.len);
	buf_fini(&pair);
	return r == 0 ? buf_adds(out, "\r\n") : r;
}

int
keys_field(const struct net_upstream *up, const char *key, struct buf *out)
{
	if (up->row.auth == NET_AUTH_BASIC)
		return basic(up, key, out);
	return buf_addf(out, up->row.auth == NET_AUTH_API_KEY ?
	    "x-api-key: %s\r\n" : "Authorization: Bearer %s\r\n", key);
}
