/* Files with several names, by their number: the first name of each. */
#ifndef COVEN_ARCHIVER_LINKS_H
#define COVEN_ARCHIVER_LINKS_H

#include <sys/stat.h>

#include <stddef.h>
#include <stdint.h>

#define LINKS_MAX	65536		/* files; the rest are packed twice */
#define LINKS_BYTES	(16 << 20)	/* of names */

struct link_slot {
	dev_t		 dev;
	ino_t		 ino;
	char		*path;		/* NULL: free */
};

struct links {
	struct link_slot *slots;	/* twice LINKS_MAX, once there is one */
	size_t		 n, bytes;
};

/* The name under which it was met before, or NULL, and then path is it. */
const char	*links_find(struct links *, const struct stat *,
		    const char *path);
/* It was left out after all: the next name is the first. */
void		 links_forget(struct links *, const struct stat *);
void		 links_free(struct links *);

#endif
