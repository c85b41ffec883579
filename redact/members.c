/*
 * JSON members whose name says that their value is secret: the value is
 * replaced as a whole.  A state machine over bytes; a newline, which JSON
 * has in no string, begins anew.
 */
#include <string.h>

#include "redact/impl.h"

#define QUOTED_MARK	"\"" REDACTED "\""

/* --- names --- */

static bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static bool
is_secret(const struct members *m)
{
	static const char *const whole[] = { "authorization", "cookie",
	    "set_cookie", "token", NULL };
	static const char *const part[] = { "api_key", "apikey",
	    "access_token", "refresh_token", "auth_token", "github_token",
	    "private_key", "password", "passwd", "passphrase", "secret",
	    NULL };
	char name[MEMBERS_NAME + 1];
	size_t i;

	for (i = 0; i < m->len; i++) {
		name[i] = m->name[i];
		if (name[i] >= 'A' && name[i] <= 'Z')
			name[i] = (char)(name[i] | 0x20);
		else if (name[i] == '-')
			name[i] = '_';
	}
	name[m->len] = '\0';
	for (i = 0; whole[i] != NULL; i++)
		if (strcmp(name, whole[i]) == 0)
			return true;
	for (i = 0; part[i] != NULL; i++)
		if (strstr(name, part[i]) != NULL)
			return true;
	return ends_in(name, "_token");
}

/* --- bytes --- */

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Inside a string: how many bytes up to its quote, a backslash, a newline. */
static size_t
plain(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] == '"' || p[i] == '\\' || p[i] == '\n')
			break;
	return i;
}

static void
keep_name(struct members *m, const char *p, size_t n)
{
	if (n > sizeof(m->name) - m->len)
		n = sizeof(m->name) - m->len;
	memcpy(m->name + m->len, p, n);
	m->len += (uint32_t)n;
}

/* A step inside a string; true when it has ended. */
static bool
in_string(struct members *m, const char *p, size_t n, size_t *used)
{
	if (m->escaped) {
		m->escaped = false;
		*used = 1;
		return false;
	}
	*used = plain(p, n);
	if (*used != 0)
		return false;
	*used = 1;
	m->escaped = *p == '\\';
	return *p == '"';
}

static enum members_state
between(struct members *m, char c)
{
	if (c == '"') {
		m->len = 0;
		m->named = false;
		return MEMBERS_STRING;
	}
	if (c == ':' && m->named && is_secret(m))
		return MEMBERS_VALUE;
	if (!is_blank(c))
		m->named = false;
	return MEMBERS_BETWEEN;
}

static enum members_state
value_begins(struct members *m, char c)
{
	m->named = m->in_string = m->escaped = false;
	m->depth = 0;
	if (c == '"')
		return MEMBERS_SKIP_STRING;
	if (c == '{' || c == '[') {
		m->depth = 1;
		return MEMBERS_SKIP_NESTED;
	}
	return MEMBERS_SKIP_PLAIN;
}

/* True when the byte was the value's last. */
static bool
nested(struct members *m, char c)
{
	if (m->in_string) {
		if (m->escaped)
			m->escaped = false;
		else if (c == '\\')
			m->escaped = true;
		else
			m->in_string = c != '"';
		return false;
	}
	m->in_string = c == '"';
	if (c == '{' || c == '[')
		m->depth++;
	else if (c == '}' || c == ']')
		m->depth--;
	return m->depth == 0;
}

static bool
ends_plain(char c)
{
	return c == ',' || c == '}' || c == ']' || is_blank(c);
}

/* --- the machine --- */

/*
 * One step: how many bytes it took, and whether they go on.  mark: a value is
 * replaced, in front of them.
 */
static size_t
step(struct members *m, const char *p, size_t n, bool *keep, bool *mark)
{
	size_t used = 1;
	bool end;

	*keep = true;
	*mark = false;
	if (*p == '\n') {
		*m = (struct members){ .state = MEMBERS_LINE };
		return 1;
	}
	switch (m->state) {
	case MEMBERS_LINE:
		if (!is_blank(*p))
			m->state = *p == '{' || *p == '[' ? MEMBERS_BETWEEN :
			    MEMBERS_OTHER;
		break;
	case MEMBERS_OTHER: {
		const char *nl = memchr(p, '\n', n);

		used = nl != NULL ? (size_t)(nl - p) : n;
		break;
	}
	case MEMBERS_BETWEEN:
		m->state = between(m, *p);
		break;
	case MEMBERS_STRING:
		end = in_string(m, p, n, &used);
		if (!end)
			keep_name(m, p, used);
		m->named = end;
		if (end)
			m->state = MEMBERS_BETWEEN;
		break;
	case MEMBERS_VALUE:
		if (is_blank(*p))
			break;
		*mark = true;
		*keep = false;
		m->state = value_begins(m, *p);
		break;
	case MEMBERS_SKIP_STRING:
		*keep = false;
		if (in_string(m, p, n, &used))
			m->state = MEMBERS_BETWEEN;
		break;
	case MEMBERS_SKIP_NESTED:
		*keep = false;
		if (nested(m, *p))
			m->state = MEMBERS_BETWEEN;
		break;
	case MEMBERS_SKIP_PLAIN:
		*keep = ends_plain(*p);
		if (*keep)
			m->state = between(m, *p);
		break;
	}
	return used;
}

bool
members_feed(struct members *m, const char *p, size_t n, struct buf *out)
{
	size_t i = 0, kept = 0, used;
	bool keep, mark, same = true;

	while (i < n) {
		used = step(m, p + i, n - i, &keep, &mark);
		if (!keep) {
			(void)buf_add(out, p + kept, i - kept);
			kept = i + used;
			same = false;
		}
		if (mark)
			(void)buf_adds(out, QUOTED_MARK);
		i += used;
	}
	if (!same)
		(void)buf_add(out, p + kept, n - kept);
	return same;
}
