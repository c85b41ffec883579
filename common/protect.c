#include <string.h>

#include "common/mem.h"
#include "common/protect.h"

const struct protect protect_rows[] = {
#define PROTECT(path, place, why)	{ path, PROTECT_##place, why },
#include "common/protect.def"
#undef PROTECT
};

const size_t protect_count = nitems(protect_rows);

bool
protect_is_row(const char *path)
{
	size_t i;

	for (i = 0; i < protect_count; i++)
		if (strcmp(path, protect_rows[i].path) == 0)
			return true;
	return false;
}

static bool
begins(const char *path, const char *row)
{
	size_t n = strlen(row);

	return strncmp(path, row, n) == 0 &&
	    (path[n] == '\0' || path[n] == '/');
}

/* ".git" itself is protected as a file alone: in it, git works. */
static bool
covers_here(const char *path)
{
	size_t i;

	for (i = 0; i < protect_count; i++) {
		const char *row = protect_rows[i].path;

		if (strcmp(row, ".git") == 0 ? strcmp(path, row) == 0 :
		    begins(path, row))
			return true;
	}
	return false;
}

/* Git folders in a git folder: of submodules and of worktrees. */
static bool
covers_within(const char *path)
{
	size_t n = strlen(PROTECT_GIT_PREFIX), i;

	for (i = 0; i < protect_count; i++)
		if (protect_rows[i].place == PROTECT_GIT &&
		    begins(path, protect_rows[i].path + n))
			return true;
	return false;
}

bool
protect_covers(const char *path)
{
	const char *p = path;
	bool within = false;

	for (;;) {
		if (covers_here(p) || (within && covers_within(p)))
			return true;
		within |= strncmp(p, ".git/modules/", 13) == 0 ||
		    strncmp(p, ".git/worktrees/", 15) == 0;
		p = strchr(p, '/');
		if (p == NULL)
			return false;
		p++;
	}
}
