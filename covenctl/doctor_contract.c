/*
 * doctor --json: the rows that clients of the Coven daemon look for, in the
 * order that they know, with severities of their own: there no agent and no
 * engine block, while a person may well run commands alone.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/doctor.h"

#define ENGINE		"coven-code"

bool
doctor_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 0111) != 0;
}

/* What lies in the working directory is never what was meant. */
bool
doctor_on_path(const char *exe, char *where, size_t len)
{
	const char *path = getenv("PATH");
	size_t n;

	for (; path != NULL; path = path[n] == ':' ? path + n + 1 : NULL) {
		n = strcspn(path, ":");
		if (path[0] == '/' && snprintf(where, len, "%.*s/%s", (int)n,
		    path, exe) < (int)len && doctor_executable(where))
			return true;
	}
	return false;
}

/* --- repos.toml --------------------------------------------------------- */

/* A string in quotes: its text, unescaped, in place; NULL when it is none. */
static char *
unquote(char *s)
{
	char quote = *s, *to = s, *from = s + 1;

	if (quote != '"' && quote != '\'')
		return NULL;
	while (*from != '\0' && *from != quote) {
		if (quote == '"' && *from == '\\' && from[1] != '\0')
			from++;
		*to++ = *from++;
	}
	if (*from != quote)
		return NULL;
	*to = '\0';
	return s;
}

/* "[repos.NAME]": the name, in place. */
static char *
table_name(char *line)
{
	static const char begin[] = "[repos.";
	size_t n = strlen(begin);
	char *end;

	if (strncmp(line, begin, n) != 0)
		return NULL;
	end = strchr(line + n, ']');
	if (end == NULL || end == line + n)
		return NULL;
	*end = '\0';
	line += n;
	return *line == '"' || *line == '\'' ? unquote(line) : line;
}

static void
check_repo(struct doctor *d, const char *name, const char *path)
{
	char id[FINDING_ID_MAX], git[PATH_MAX + 8];
	struct stat st;

	(void)snprintf(id, sizeof(id), "repo:%.64s", name);
	(void)snprintf(git, sizeof(git), "%.4000s/.git", path);
	d->json_only = true;
	if (path[0] != '/' || stat(git, &st) == -1)
		found(d, id, FINDING_FAIL, "fix the path in " TOKEN_REPOS,
		    TOKEN_REPO " is missing or no git repository");
	else
		found(d, id, FINDING_PASS, NULL, TOKEN_REPO);
	d->json_only = false;
}

/*
 * Only the form that the file has: tables [repos.NAME] with a path.  It is
 * the owner's, and nothing is done with what it says but to look.
 */
void
check_repos(struct doctor *d)
{
	autofree char *text = mem_zalloc(1, LIMIT_CONF_FILE + 1);
	char *rest = text, *line, *name = NULL, *value;

	if (d->home != HOME_OK || home_read(&d->ctl->home, "repos.toml", text,
	    LIMIT_CONF_FILE) < 0)
		return;
	while ((line = strsep(&rest, "\n")) != NULL) {
		line += strspn(line, " \t");
		if (*line == '[') {
			name = table_name(line);
			continue;
		}
		if (name == NULL || strncmp(line, "path", 4) != 0)
			continue;
		line += 4 + strspn(line + 4, " \t");
		if (*line != '=')
			continue;
		line++;
		value = unquote(line + strspn(line, " \t"));
		if (value != NULL)
			check_repo(d, name, value);
		name = NULL;
	}
}

/* --- the engine --------------------------------------------------------- */

/* ~/.coven/engine/VERSION/coven-code, VERSION as "current" names it. */
static bool
managed_engine(const char *user, char *where, size_t len)
{
	char path[PATH_MAX], version[128] = "";
	autoclose int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%.4000s/.coven/engine/current",
	    user);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	n = fd != -1 ? read(fd, version, sizeof(version) - 1) : -1;
	version[n > 0 ? n : 0] = '\0';
	version[strcspn(version, " \t\r\n")] = '\0';
	return version[0] != '\0' && strchr(version, '/') == NULL &&
	    snprintf(where, len, "%s/.coven/engine/%s/" ENGINE, user,
	    version) < (int)len && doctor_executable(where);
}

/* As clients look for it: named, managed, on PATH, of old. */
static const char *
find_engine(char *where, size_t len)
{
	const char *named = getenv("COVEN_ENGINE_BIN");
	const char *user = getenv("HOME");

	if (named != NULL && doctor_executable(named)) {
		(void)snprintf(where, len, "%s", named);
		return "COVEN_ENGINE_BIN";
	}
	if (user != NULL && managed_engine(user, where, len))
		return "managed install";
	if (doctor_on_path(ENGINE, where, len))
		return "PATH";
	if (user != NULL && snprintf(where, len, "%s/.coven-code/bin/" ENGINE,
	    user) < (int)len && doctor_executable(where))
		return "legacy install";
	return NULL;
}

void
check_engine(struct doctor *d)
{
	const char *how = find_engine(d->engine, sizeof(d->engine));

	d->json_only = true;
	if (how != NULL)
		found(d, "engine", FINDING_PASS, NULL, TOKEN_ENGINE " (%s)",
		    how);
	else {
		d->engine[0] = '\0';
		found(d, "engine", FINDING_FAIL, "install " ENGINE
		    ", or set COVEN_ENGINE_BIN to it",
		    "the engine, " ENGINE ", is not installed");
	}
	d->json_only = false;
}

/* --- familiars, credentials --------------------------------------------- */

/* How many the file has; -1: it cannot be read. */
static int
count_familiars(struct doctor *d)
{
	autofree char *text = mem_zalloc(1, LIMIT_CONF_FILE + 1);
	ssize_t n = home_read(&d->ctl->home, "familiars.toml", text,
	    LIMIT_CONF_FILE);
	char *rest = text, *line;
	int count = 0;

	if (n < 0)
		return n == -ENOENT ? 0 : -1;
	while ((line = strsep(&rest, "\n")) != NULL) {
		line += strspn(line, " \t");
		count += strncmp(line, "[[familiar]]", 12) == 0;
	}
	return count;
}

void
check_familiars(struct doctor *d)
{
	int n = d->home == HOME_OK ? count_familiars(d) : 0;

	d->json_only = true;
	if (n < 0)
		found(d, "familiars", FINDING_WARN,
		    "covenctl config check",
		    "familiars.toml cannot be read");
	else if (n == 0)
		found(d, "familiars", FINDING_PASS, NULL, "none configured");
	else
		found(d, "familiars", FINDING_PASS, NULL, "%d configured", n);
	d->json_only = false;
}

/*
 * Logins are the agents' own: what is there is not read, so nothing but that
 * can be said.
 */
void
check_credentials(struct doctor *d)
{
	static const struct {
		const char	*id, *exe, *hint;
	} rows[] = {
		{ "credentials:codex", "codex", "codex login" },
		{ "credentials:claude", "claude", "claude /login" },
		{ "credentials:copilot", "copilot", "copilot /login" },
	};
	char where[PATH_MAX];

	d->json_only = true;
	if (d->engine[0] != '\0')
		found(d, "credentials:engine", FINDING_WARN, ENGINE
		    " auth login", "its login is not read, so not verified");
	for (size_t i = 0; i < nitems(rows); i++)
		if (doctor_on_path(rows[i].exe, where, sizeof(where)))
			found(d, rows[i].id, FINDING_WARN, rows[i].hint,
			    "its login is not read, so not verified");
		else
			found(d, rows[i].id, FINDING_WARN, NULL,
			    "not installed");
	d->json_only = false;
}

/* --- adapters of manifests ---------------------------------------------- */

static unsigned
check_adapters(struct doctor *d, const struct jr *doc, unsigned *all)
{
	const struct jr *list = jr_get(doc, "adapters");
	char id[FINDING_ID_MAX], where[PATH_MAX];
	unsigned n = 0;

	for (size_t i = 0; i < jr_count(list) && i < LIMIT_CONF_ADAPTERS;
	    i++) {
		const struct jr *a = jr_at(list, i);
		const char *name = jr_kstr(a, "id");
		const char *exe = jr_kstr(a, "executable");
		const char *hint = jr_kstr(a, "install_hint");

		if (name == NULL || exe == NULL || strchr(exe, '/') != NULL)
			continue;
		(void)snprintf(id, sizeof(id), "harness:%.64s", name);
		++*all;
		if (doctor_on_path(exe, where, sizeof(where))) {
			n++;
			found(d, id, FINDING_PASS, NULL, "%s", where);
		} else
			found(d, id, FINDING_WARN, hint, "not on PATH");
	}
	return n;
}

/* Of COVEN_HARNESS_ADAPTER_MANIFEST, as this environment has it. */
unsigned
check_manifest(struct doctor *d, unsigned *all)
{
	const char *path = getenv("COVEN_HARNESS_ADAPTER_MANIFEST");
	autofree char *text = mem_zalloc(1, LIMIT_CONF_FILE + 1);
	autojr struct jr *doc = NULL;
	autoclose int fd = -1;
	struct stat st;
	ssize_t n;

	if (path == NULL || *path == '\0')
		return 0;
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return 0;
	n = read(fd, text, LIMIT_CONF_FILE);
	if (n <= 0 || jr_parse(text, (size_t)n, &doc) < 0)
		return 0;
	return check_adapters(d, doc, all);
}
