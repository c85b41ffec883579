#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/protect_way.h"

#define LINKS_MAX	40	/* the kernel follows no more */

/* One component more, or one less; -1 where it leads out of the tree. */
static int
step(char path[PATH_MAX], const char *name, size_t n)
{
	size_t len = strlen(path);
	char *slash;

	if (n == 0 || (n == 1 && name[0] == '.'))
		return 0;
	if (n == 2 && memcmp(name, "..", 2) == 0) {
		if (len == 0)
			return -1;
		slash = strrchr(path, '/');
		*(slash != NULL ? slash : path) = '\0';
		return 0;
	}
	if (len + n + 2 > PATH_MAX)
		return -1;
	if (len != 0)
		path[len++] = '/';
	memcpy(path + len, name, n);
	path[len + n] = '\0';
	return 0;
}

/* In the place of a link comes its text.  1: it leads out of the tree. */
static int
substitute(struct protect_way *w, const char *text, const char *rest)
{
	size_t root = w->name != NULL ? strlen(w->name) : 0;
	char all[2 * PATH_MAX];
	int n;

	if (text[0] == '/') {
		if (root == 0 || strncmp(text, w->name, root) != 0 ||
		    (text[root] != '/' && text[root] != '\0'))
			return 1;
		text += root;
		w->at[0] = '\0';
	}
	n = snprintf(all, sizeof(all), "%s/%s", text, rest);
	if (n < 0 || (size_t)n >= sizeof(all))
		return 1;
	memcpy(w->rest, all, (size_t)n + 1);
	return 0;
}

/* One name further.  0, 1: it leads out, or nowhere; or -errno. */
static int
walk_on(struct protect_way *w, const char *name, size_t n, const char *rest)
{
	char text[PATH_MAX], before[PATH_MAX];
	ssize_t len;
	int r;

	memcpy(before, w->at, sizeof(before));
	if (step(w->at, name, n) < 0)
		return 1;
	len = w->at[0] == '\0' ? -1 : readlinkat(w->root, w->at, text,
	    sizeof(text) - 1);
	if (len == -1) {
		memmove(w->rest, rest, strlen(rest) + 1);
		return 0;
	}
	if (++w->links > LINKS_MAX)
		return 1;
	text[len] = '\0';
	r = w->each(w->ctx, w->at, true);
	memcpy(w->at, before, sizeof(before));
	return r < 0 ? r : substitute(w, text, rest);
}

int
protect_follow(struct protect_way *w, const char *path)
{
	int r = 0;

	w->at[0] = '\0';
	w->links = 0;
	(void)snprintf(w->rest, sizeof(w->rest), "%s", path);
	while (r == 0 && w->rest[0] != '\0') {
		size_t n = strcspn(w->rest, "/");

		r = walk_on(w, w->rest, n, w->rest + n + (w->rest[n] == '/'));
	}
	if (r != 0 || w->at[0] == '\0')
		return r < 0 ? r : 0;
	return w->each(w->ctx, w->at, false);
}
