/*
 * COVEN_HOME as a client sees it: named, canonical, opened, and refused when
 * it is not ours alone.
 */
#ifndef COVEN_COVENCTL_HOME_H
#define COVEN_COVENCTL_HOME_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum home_code {
	HOME_OK,
	HOME_UNKNOWN,		/* no --home, COVEN_HOME or HOME */
	HOME_ABSENT,
	HOME_LINK,
	HOME_NOT_FOLDER,
	HOME_OWNER,
	HOME_MODE,
	HOME_TOO_LONG,		/* its socket does not fit sun_path */
	HOME_NOT_UTF8,
	HOME_ERROR,		/* anything else: why says what */
};

struct home {
	char	path[PATH_MAX];	/* canonical once opened, as named before */
	int	dir;		/* -1 until opened */
	char	why[PATH_MAX + 256];
	char	hint[PATH_MAX + 256];	/* the command that repairs it */
};

/* given: --home or NULL.  Sets path.  HOME_OK or HOME_UNKNOWN. */
enum home_code	home_name(struct home *, const char *given);

/* Opens and checks what path names.  On refusal why and hint are set. */
enum home_code	home_open(struct home *);
void		home_close(struct home *);

/* Is the lock held that a daemon holds as long as it lives? */
bool	home_lock_held(const struct home *);
/* By whom: the pid in /proc/locks, 0 when it is held by none, or unseen. */
pid_t	home_lock_holder(const struct home *);

/*
 * A small file of the home: regular, ours, not a link, at most max bytes.
 * Bytes read into out (with a NUL), or -errno.
 */
ssize_t	home_read(const struct home *, const char *name, char *out, size_t max);

#endif
