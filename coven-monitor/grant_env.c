/* How a session finds its named upstreams. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-monitor/grant.h"

#define PLACEHOLDER_HEX	40

static bool
is_git(const struct net_upstream *up)
{
	return strncmp(up->row.name, NET_GIT, strlen(NET_GIT)) == 0;
}

bool
grant_hides_login(const struct net_policy *p)
{
	size_t i;

	for (i = 0; i < p->nup; i++)
		if (!is_git(&p->up[i]) && *p->up[i].row.grant != '\0')
			return true;
	return false;
}

static void
put(struct buf *out, const char *name, const char *value)
{
	(void)buf_add(out, name, strlen(name) + 1);
	(void)buf_add(out, value, strlen(value) + 1);
}

/* In the form of a key, and none anywhere. */
static void
put_placeholder(struct buf *out, const char *name)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[PLACEHOLDER_HEX / 2];
	char text[sizeof("sk-coven-") + PLACEHOLDER_HEX] = "sk-coven-";
	size_t i, n = strlen(text);

	arc4random_buf(bytes, sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++) {
		text[n++] = digits[bytes[i] >> 4];
		text[n++] = digits[bytes[i] & 15];
	}
	text[n] = '\0';
	put(out, name, text);
}

static void
put_model(struct buf *out, const struct net_upstream *up)
{
	autobuf struct buf url = { 0 };

	if (*up->row.key_env != '\0' && *up->row.grant != '\0')
		put_placeholder(out, up->row.key_env);
	if (*up->row.url_env == '\0')
		return;
	(void)buf_addf(&url, NET_INSIDE "/%s%s", up->row.name,
	    up->row.url_path);
	put(out, up->row.url_env, buf_head(&url));
}

/* git-config(1), GIT_CONFIG_COUNT: read after every file. */
static void
put_git(struct buf *out, unsigned *n, const struct net_upstream *up,
    const char *before, const char *after)
{
	autobuf struct buf key = { 0 }, value = { 0 }, name = { 0 };
	const char *host = up->row.name + strlen(NET_GIT);

	(void)buf_addf(&name, "GIT_CONFIG_KEY_%u", *n);
	(void)buf_addf(&key, "url." NET_INSIDE "/%s/.insteadOf",
	    up->row.name);
	put(out, buf_head(&name), buf_head(&key));
	buf_clear(&name);
	(void)buf_addf(&name, "GIT_CONFIG_VALUE_%u", (*n)++);
	(void)buf_addf(&value, "%s%s%s", before, host, after);
	put(out, buf_head(&name), buf_head(&value));
}

void
grant_env(const struct net_policy *p, struct buf *out)
{
	autobuf struct buf count = { 0 };
	unsigned n = 0;
	size_t i;

	for (i = 0; i < p->nup; i++) {
		if (!is_git(&p->up[i])) {
			put_model(out, &p->up[i]);
			continue;
		}
		put_git(out, &n, &p->up[i], "https://", "/");
		/* A repository's other spellings mean the same one. */
		if (p->up[i].row.port == 443) {
			put_git(out, &n, &p->up[i], "git@", ":");
			put_git(out, &n, &p->up[i], "ssh://git@", "/");
		}
	}
	if (n == 0)
		return;
	(void)buf_addf(&count, "%u", n);
	put(out, "GIT_CONFIG_COUNT", buf_head(&count));
}

/* --- arguments ------------------------------------------------------------ */

/*
 * codex reads no variable for it.  A provider of its own needs no login, and
 * takes its key from a variable; what is given so goes before every file.
 */
static void
put_codex(const struct net_upstream *up, struct buf *argv)
{
	static const char choose[] = "-c\0model_provider=\"coven\"\0-c";

	if (*up->row.key_env == '\0')
		return;
	(void)buf_add(argv, choose, sizeof(choose));
	(void)buf_addf(argv, "model_providers.coven={name=\"coven\","
	    "base_url=\"" NET_INSIDE "/%s%s\",env_key=\"%s\","
	    "wire_api=\"responses\"}", up->row.name, up->row.url_path,
	    up->row.key_env);
	(void)buf_add(argv, "", 1);
}

static const struct {
	const char	*harness;
	void		(*put)(const struct net_upstream *, struct buf *);
} args[] = {
	{ "codex", put_codex },
};

void
grant_args(const struct net_policy *p, const char *harness, struct buf *argv)
{
	size_t i, k;

	for (k = 0; k < nitems(args); k++) {
		if (strcmp(args[k].harness, harness) != 0)
			continue;
		for (i = 0; i < p->nup; i++)
			if (!is_git(&p->up[i]) &&
			    *p->up[i].row.grant != '\0') {
				args[k].put(&p->up[i], argv);
				return;
			}
	}
}
