/*
 * Where a protected name leads: through links, in a tree that somebody hostile
 * may have made.  Nothing is opened; each link's text is read by its path, in
 * which there is no other link.
 */
#ifndef COVEN_COMMON_PROTECT_WAY_H
#define COVEN_COMMON_PROTECT_WAY_H

#include <limits.h>
#include <stdbool.h>

struct protect_way {
	int		 root;		/* the tree's */
	const char	*name;		/* its absolute path, or NULL */
	/* Of each link, and of what is at the end.  0 or -errno. */
	int		(*each)(void *ctx, const char *path, bool link);
	void		*ctx;

	char		 at[PATH_MAX];	/* so far: no link in it */
	char		 rest[2 * PATH_MAX];
	unsigned	 links;
};

/* 0, also where it leads out of the tree or nowhere; or -errno of each(). */
int	protect_follow(struct protect_way *, const char *path);

#endif
