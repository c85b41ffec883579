#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/conf.h"
#include "common/mem.h"
#include "common/net_upstream.h"
#include "common/protect.h"

#define CONF_U32(f, k, d, lo, hi, w) \
	{ .key = k, .type = CONF_TYPE_U32, .def = d, .min = lo, .max = hi, \
	    .what = w, .offset = offsetof(struct conf, f) },
#define CONF_STR(f, k, d, len, c, w) \
	{ .key = k, .type = CONF_TYPE_STR, .sdef = d, .bytes = len, \
	    .choices = c, .what = w, .offset = offsetof(struct conf, f) },
#define CONF_LIST(f, k, n, len, e, w) \
	{ .key = k, .type = CONF_TYPE_LIST, .max = n, .bytes = len, \
	    .entry = e, .what = w, .offset = offsetof(struct conf, f) },
#define CONF_PART(f, k, lo, hi, w) \
	{ .key = k, .type = CONF_TYPE_U32, .min = lo, .max = hi, \
	    .part = true, .what = w, .offset = offsetof(struct conf, f) },
#define CONF_TEXT(f, k, len, c, e, w) \
	{ .key = k, .type = CONF_TYPE_STR, .sdef = "", .bytes = len, \
	    .choices = c, .entry = e, .part = true, .what = w, \
	    .offset = offsetof(struct conf, f) },
static const struct conf_key keys[CONF_ID__COUNT] = {
#include "common/conf.def"
};
#undef CONF_U32
#undef CONF_STR
#undef CONF_LIST
#undef CONF_PART
#undef CONF_TEXT

#define PARTS_MAX	256	/* harnesses with a number of their own */

const struct conf_key *
conf_keys(size_t *count)
{
	*count = nitems(keys);
	return keys;
}

const char *
conf_type_name(enum conf_type t)
{
	static const char *const names[] = {
		[CONF_TYPE_U32] = "a whole number",
		[CONF_TYPE_STR] = "a string",
		[CONF_TYPE_LIST] = "a list of strings",
		[CONF_TYPE_LOCK] = "a lock",
	};

	return (size_t)t < nitems(names) ? names[t] : "nothing known";
}

/* --- finding a key --- */

static bool
is_name(const char *s, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isascii((unsigned char)s[i]) ||
		    (!isalnum((unsigned char)s[i]) &&
		    strchr("._-", s[i]) == NULL))
			return false;
	return n > 0;
}

static bool	is_path(const char *s);

#define ID_MAX	64	/* bytes of an adapter's id */

/* A folder: what may stand for a '@'. */
static bool
is_folder(const char *s, size_t n)
{
	char text[CONF_PART_MAX];

	if (n >= sizeof(text) || memchr(s, '\t', n) != NULL)
		return false;
	memcpy(text, s, n);
	text[n] = '\0';
	return is_path(text);
}

/* An adapter's id: what may stand for a '*'. */
static bool
is_part(const char *pattern, const char *s, size_t n)
{
	size_t i;

	if (strchr(pattern, '@') != NULL)
		return is_folder(s, n);
	for (i = 0; i < n; i++)
		if (isupper((unsigned char)s[i]))
			return false;
	return n <= ID_MAX && is_name(s, n) && isalnum((unsigned char)s[0]);
}

/* True when key is this pattern with the n bytes at *part in its '*'. */
static bool
pattern_matches(const char *pattern, const char *key, const char **part,
    size_t *n)
{
	const char *star = strpbrk(pattern, "*@");
	size_t before, after, len = strlen(key);

	*part = "";
	*n = 0;
	if (star == NULL)
		return strcmp(pattern, key) == 0;
	before = (size_t)(star - pattern);
	after = strlen(star + 1);
	if (len <= before + after || strncmp(pattern, key, before) != 0 ||
	    strcmp(star + 1, key + len - after) != 0)
		return false;
	*part = key + before;
	*n = len - before - after;
	return true;
}

const struct conf_key *
conf_find(const char *key, char part[CONF_PART_MAX], int pattern)
{
	const char *p;
	size_t i, n;

	for (i = 0; i < nitems(keys); i++) {
		if (!pattern_matches(keys[i].key, key, &p, &n))
			continue;
		if (n != 0 && !is_part(keys[i].key, p, n) &&
		    !(pattern && n == 1 && strchr("*@", *p) != NULL))
			return NULL;
		if (part != NULL) {
			memcpy(part, p, n);
			part[n] = '\0';
		}
		return &keys[i];
	}
	return NULL;
}

/* Levenshtein's distance; both strings are at most CONF_KEY_MAX long. */
static size_t
distance(const char *a, const char *b)
{
	size_t row[CONF_KEY_MAX + 1], i, j, diag, up, best;
	size_t m = strlen(b);

	for (j = 0; j <= m; j++)
		row[j] = j;
	for (i = 0; a[i] != '\0'; i++) {
		diag = row[0];
		row[0] = i + 1;
		for (j = 0; j < m; j++) {
			up = row[j + 1];
			best = diag + (a[i] != b[j]);
			if (up + 1 < best)
				best = up + 1;
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j + 1] = best;
			diag = up;
		}
	}
	return row[m];
}

/*
 * The pattern with its '*' filled from the key's component in that place, so
 * that "harness.codex.enw" is one step from "harness.codex.env".  A path has
 * dots of its own: what stands for it is no single component.
 */
static bool
instantiate(const char *pattern, const char *key, char *out, size_t len)
{
	const char *star = strchr(pattern, '*'), *at = key, *p;
	size_t before;

	if (star == NULL)
		return (size_t)snprintf(out, len, "%s", pattern) < len;
	before = (size_t)(star - pattern);
	for (p = pattern; p < star && at != NULL; p++)
		if (*p == '.') {
			at = strchr(at, '.');
			at = at != NULL ? at + 1 : NULL;
		}
	if (at == NULL || strchr(at, '.') == NULL)
		return (size_t)snprintf(out, len, "%s", pattern) < len;
	return (size_t)snprintf(out, len, "%.*s%.*s%s", (int)before, pattern,
	    (int)strcspn(at, "."), at, star + 1) < len;
}

const char *
conf_nearest(const char *key, char out[CONF_KEY_MAX + 1])
{
	char candidate[CONF_KEY_MAX + 1];
	size_t i, d, best = SIZE_MAX, len = strlen(key);

	if (len > CONF_KEY_MAX)
		return NULL;
	for (i = 0; i < nitems(keys); i++) {
		const char *leaf = strrchr(keys[i].key, '.');

		if (!instantiate(keys[i].key, key, candidate,
		    sizeof(candidate)))
			continue;
		d = distance(key, candidate);
		/* A key that only lacks its table is one step away. */
		if (leaf != NULL && strcmp(leaf + 1, key) == 0 && d > 1)
			d = 1;
		if (d < best) {
			best = d;
			memcpy(out, candidate, sizeof(candidate));
		}
	}
	return best <= 2 + len / 4 ? out : NULL;
}

/* --- checking a value --- */

static bool
is_choice(const char *choices, const char *s)
{
	size_t n = strlen(s), len;

	for (; n > 0; choices += len + 1) {
		len = strcspn(choices, "|");
		if (len == n && strncmp(choices, s, n) == 0)
			return true;
		if (choices[len] == '\0')
			break;
	}
	return false;
}

static bool
is_path(const char *s)
{
	size_t n;

	if (*s != '/')
		return false;
	while (*s != '\0') {
		s += strspn(s, "/");
		n = strcspn(s, "/");
		if ((n == 1 && s[0] == '.') ||
		    (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += n;
	}
	return true;
}

static bool
is_env(const char *s)
{
	if (!isascii((unsigned char)*s) ||
	    (!isalpha((unsigned char)*s) && *s != '_'))
		return false;
	for (; *s != '\0'; s++)
		if (!isascii((unsigned char)*s) ||
		    (!isalnum((unsigned char)*s) && *s != '_'))
			return false;
	return true;
}

static bool
has_control(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static bool
is_protect(const char *s)
{
	const char *colon = strrchr(s, ':');

	return protect_is_row(colon != NULL ? colon + 1 : s) &&
	    (colon == NULL || is_path(s));
}

static const char *
rule_fault(enum net_kind kind, const char *s)
{
	struct net_rule r;
	const char *why;

	return net_rule_parse(kind, s, &r, &why) == 0 ? NULL : why;
}

static const char *
upstream_fault(enum conf_entry e, const char *s)
{
	struct net_url url;

	if (e == ENTRY_URL && net_url_parse(s, &url) < 0)
		return "must be https://HOST[:PORT][/PATH]";
	if (e == ENTRY_ROUTE && !net_is_route(s))
		return "must be \"METHOD /PATH\"";
	if (e == ENTRY_UPSTREAM && !net_is_upstream(s))
		return "must be model/NAME or git/HOST[:PORT]";
	return NULL;
}

static const char *
entry_fault(enum conf_entry e, const char *s)
{
	switch (e) {
	case ENTRY_HOST:
		return rule_fault(NET_ALLOW, s);
	case ENTRY_DENY:
		return rule_fault(NET_DENY, s);
	case ENTRY_ADDRESS:
		return rule_fault(NET_ADDRESS, s);
	case ENTRY_ECH:
		return rule_fault(NET_ECH, s);
	case ENTRY_GIT:
		return rule_fault(NET_FETCH, s);
	case ENTRY_URL:
	case ENTRY_ROUTE:
	case ENTRY_UPSTREAM:
		return upstream_fault(e, s);
	case ENTRY_PATH:
		return is_path(s) ? NULL : "must be an absolute path without "
		    "\".\" and \"..\"";
	case ENTRY_ENV:
		return is_env(s) ? NULL : "must be the name of an environment "
		    "variable";
	case ENTRY_NAME:
		return is_name(s, strlen(s)) ? NULL : "must be a name of "
		    "letters, digits, '.', '_' and '-'";
	case ENTRY_PROTECT:
		return is_protect(s) ? NULL : "must be a protected path, as "
		    "coven.toml(5) lists them, or PROJECT:PATH";
	case ENTRY_WORD:
	case ENTRY_NONE:
		break;
	}
	return NULL;
}

static int
say(int outcome, char *why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
say(int outcome, char *why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, CONF_WHY_MAX, fmt, ap);
	va_end(ap);
	return outcome;
}

static int
check_string(const struct conf_key *k, const char *s, char *why)
{
	const char *fault = entry_fault(k->entry, s);

	if (strlen(s) > k->bytes)
		return say(CONF_BAD_VALUE, why, "is longer than %zu bytes",
		    k->bytes);
	if (has_control(s))
		return say(CONF_BAD_VALUE, why, "holds a control character");
	if (fault != NULL)
		return say(CONF_BAD_VALUE, why, "%s", fault);
	if (k->choices != NULL && !is_choice(k->choices, s))
		return say(CONF_BAD_VALUE, why, "must be one of: %s",
		    k->choices);
	return 0;
}

static int
check_found(const struct conf_key *k, const struct msg_conf_row *r, char *why)
{
	if (r->type == CONF_TYPE_LOCK)
		return 0;
	if (r->type != (uint32_t)k->type)
		return say(CONF_BAD_TYPE, why, "must be %s",
		    conf_type_name(k->type));
	if (k->type != CONF_TYPE_U32)
		return check_string(k, r->text, why);
	if (r->number < k->min || r->number > k->max)
		return say(CONF_BAD_VALUE, why, "must be from %u to %u",
		    k->min, k->max);
	return 0;
}

int
conf_check(const struct msg_conf_row *r, char *why)
{
	char near[CONF_KEY_MAX + 1];
	const struct conf_key *k;

	k = conf_find(r->key, NULL, r->type == CONF_TYPE_LOCK);
	if (k != NULL)
		return check_found(k, r, why);
	if (conf_nearest(r->key, near) != NULL)
		return say(CONF_UNKNOWN, why, "is not a key; did you mean "
		    "`%s`?", near);
	return say(CONF_UNKNOWN, why, "is not a key");
}

/* --- values in force --- */

static void *
field(struct conf *c, const struct conf_key *k)
{
	return (char *)c + k->offset;
}

static void
set_string(char **to, const char *s)
{
	free(*to);
	*to = mem_strdup(s);
}

void
conf_init(struct conf *c)
{
	size_t i;

	*c = (struct conf){ 0 };
	for (i = 0; i < nitems(keys); i++) {
		if (keys[i].part)
			continue;
		if (keys[i].type == CONF_TYPE_U32)
			*(uint32_t *)field(c, &keys[i]) = keys[i].def;
		else if (keys[i].type == CONF_TYPE_STR)
			set_string(field(c, &keys[i]), keys[i].sdef);
	}
}

void
conf_fini(struct conf *c)
{
	struct conf_list *l;
	size_t i, j;

	for (i = 0; i < nitems(keys); i++) {
		if (keys[i].type == CONF_TYPE_STR && !keys[i].part)
			free(*(char **)field(c, &keys[i]));
		if (keys[i].type != CONF_TYPE_LIST && !keys[i].part)
			continue;
		l = field(c, &keys[i]);
		for (j = 0; j < l->n; j++)
			free(l->v[j]);
		free(l->v);
	}
	*c = (struct conf){ 0 };
}

static int
list_add(struct conf_list *l, const struct conf_key *k, const char *part,
    const char *text, char *why)
{
	size_t n = strlen(part) + strlen(text) + 2;
	uint32_t max = k->part ? PARTS_MAX : k->max;
	char *s;

	if (l->n == max)
		return say(CONF_FULL, why, "has more than %u entries", max);
	s = mem_alloc(n);
	if (*part != '\0')
		(void)snprintf(s, n, "%s\t%s", part, text);
	else
		(void)snprintf(s, n, "%s", text);
	l->v = mem_realloc(l->v, l->n + 1, sizeof(*l->v));
	l->v[l->n++] = s;
	return 0;
}

/*
 * Everybody's number being locked, one harness has none of its own either:
 * it would be a way around the lock.
 */
static bool
is_locked(const struct conf *c, const struct conf_key *k)
{
	const char *star = k->part ? strchr(k->key, '*') : NULL;
	const struct conf_key *all = star != NULL ?
	    conf_find(star + 2, NULL, 0) : NULL;

	return c->locked[k - keys] || (all != NULL && c->locked[all - keys]);
}

static int
apply_list(struct conf *c, const struct conf_key *k, const char *part,
    const struct msg_conf_row *r, char *why)
{
	char digits[16];

	if (k->type == CONF_TYPE_U32)
		(void)snprintf(digits, sizeof(digits), "%u",
		    (unsigned)r->number);
	return list_add(field(c, k), k, part, k->type == CONF_TYPE_U32 ?
	    digits : r->text, why);
}

int
conf_apply(struct conf *c, const struct msg_conf_row *r,
    enum conf_source source, char *why)
{
	char part[CONF_PART_MAX];
	const struct conf_key *k;
	int outcome = conf_check(r, why);

	if (outcome != 0)
		return outcome;
	k = conf_find(r->key, part, r->type == CONF_TYPE_LOCK);
	if (source == CONF_OWNER && (r->locked || r->type == CONF_TYPE_LOCK))
		return say(CONF_LOCKED, why, "can be locked only by the "
		    "system's file");
	if (source == CONF_OWNER && is_locked(c, k))
		return say(CONF_LOCKED, why, "is locked by the system's file");
	/* One harness's lock holds for every harness: it errs on that side. */
	if (r->locked || r->type == CONF_TYPE_LOCK)
		c->locked[k - keys] = 1;
	if (r->type == CONF_TYPE_LOCK)
		return 0;
	if (k->type == CONF_TYPE_LIST || k->part) {
		outcome = apply_list(c, k, part, r, why);
		if (outcome == 0)
			c->from[k - keys] |= (uint8_t)(1u << source);
		return outcome;
	}
	/* The later one's alone is in force. */
	c->from[k - keys] = (uint8_t)(1u << source);
	if (k->type == CONF_TYPE_U32)
		*(uint32_t *)field(c, k) = (uint32_t)r->number;
	else
		set_string(field(c, k), r->text);
	return 0;
}

const char *
conf_part_next(const struct conf_list *l, const char *part, size_t *at)
{
	size_t n = strlen(part);

	while (*at < l->n) {
		const char *s = l->v[(*at)++];

		if (strncmp(s, part, n) == 0 && s[n] == '\t')
			return s + n + 1;
	}
	return NULL;
}

const char *
conf_part_last(const struct conf_list *l, const char *part)
{
	const char *text, *last = NULL;
	size_t at = 0;

	while ((text = conf_part_next(l, part, &at)) != NULL)
		last = text;
	return last;
}

int
conf_list_has(const struct conf_list *l, const char *text)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (strcmp(l->v[i], text) == 0)
			return 1;
	return 0;
}
