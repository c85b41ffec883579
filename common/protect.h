/*
 * Protected paths: the table of common/protect.def, and whether a policy
 * opens a row of it.
 */
#ifndef COVEN_COMMON_PROTECT_H
#define COVEN_COMMON_PROTECT_H

#include <stdbool.h>
#include <stddef.h>

enum protect_place { PROTECT_TOP, PROTECT_GIT };

struct protect {
	const char		*path;
	enum protect_place	 place;
	const char		*why;
};

#define PROTECT_GIT_PREFIX	".git/"

extern const struct protect protect_rows[];
extern const size_t protect_count;

/* Is path a row of the table? */
bool	protect_is_row(const char *path);

/*
 * Is this one protected?  path is relative to a project's root, without "."
 * or "..": a row itself, or below one, whatever lies above it.  Here nothing
 * is looked at, so every folder counts as the top of a repository, and every
 * place where hooks lie as a git folder.
 */
bool	protect_covers(const char *path);

#endif
