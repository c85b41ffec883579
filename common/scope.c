#include <string.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/scope.h"

#define HARNESS_MAX	64	/* RUN_SPEC's */

static const struct {
	const char	*name;
	unsigned	 bit;
	bool		 harness;	/* ":HARNESS" follows */
} names[] = {
	{ "list", SCOPE_LIST, false },
	{ "read", SCOPE_READ, false },
	{ "input", SCOPE_INPUT, false },
	{ "launch:", SCOPE_LAUNCH, true },
};

/* Run by nobody but the owner himself: any command of the caller's. */
static const char *const never[] = { "exec" };

static bool
is_harness(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || n > HARNESS_MAX || *p == '.' || *p == '-' || *p == '_')
		return false;
	for (i = 0; i < n; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz0123456789._-",
		    p[i]) == NULL)
			return false;
	for (i = 0; i < nitems(never); i++)
		if (strlen(never[i]) == n && memcmp(p, never[i], n) == 0)
			return false;
	return true;
}

bool
pair_name_ok(const char *s)
{
	size_t n = strlen(s);

	return n != 0 && n <= LIMIT_PAIR_NAME && *s != '.' && *s != '-' &&
	    strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789._-") == n;
}

/* One entry; 0 when it is none. */
static unsigned
parse_one(const char *p, size_t n)
{
	size_t i, len;

	for (i = 0; i < nitems(names); i++) {
		len = strlen(names[i].name);
		if (n < len || memcmp(p, names[i].name, len) != 0)
			continue;
		if (names[i].harness ? is_harness(p + len, n - len) :
		    n == len)
			return names[i].bit;
	}
	return 0;
}

/* Is the entry at p there again, further on? */
static bool
is_twice(const char *p, size_t n)
{
	const char *q = p + n;
	size_t len;

	while (*q == ',') {
		q++;
		len = strcspn(q, ",");
		if (len == n && memcmp(p, q, n) == 0)
			return true;
		q += len;
	}
	return false;
}

unsigned
scopes_parse(const char *text)
{
	unsigned mask = 0, bit;
	const char *p = text;
	size_t n;

	if (strlen(text) > SCOPES_MAX)
		return 0;
	for (;;) {
		n = strcspn(p, ",");
		bit = parse_one(p, n);
		if (bit == 0 || is_twice(p, n))
			return 0;
		mask |= bit;
		p += n;
		if (*p == '\0')
			return mask;
		p++;
	}
}

bool
scopes_launch(const char *text, const char *harness)
{
	static const char launch[] = "launch:";
	size_t n, len = strlen(harness), skip = sizeof(launch) - 1;
	const char *p = text;

	for (; *p != '\0'; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		if (n == skip + len && memcmp(p, launch, skip) == 0 &&
		    memcmp(p + skip, harness, len) == 0)
			return true;
	}
	return false;
}

const char *
scope_name(unsigned mask)
{
	size_t i;

	for (i = 0; i < nitems(names); i++)
		if (mask & names[i].bit)
			return names[i].harness ? "launch:HARNESS" :
			    names[i].name;
	return "none";
}
