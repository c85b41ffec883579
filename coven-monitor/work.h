/*
 * Work folders: COVEN_HOME/work/ID, what an isolated session writes into.
 *
 *	upper	the overlay's upper layer: the payload's work, never walked here
 *	work	the overlay's own scratch
 *	home, tmp	instead of these, of a session without namespaces
 *	origin	which folder the project was, and when the overlay was made
 *
 * That of a task, which has no project, holds one folder:
 *
 *	files	where it works: the payload's, never walked here
 */
#ifndef COVEN_MONITOR_WORK_H
#define COVEN_MONITOR_WORK_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "coven-monitor/home.h"
#include "coven-monitor/owner.h"
#include "coven-monitor/root.h"

#define WORK_TASK	"files"
#define WORK_HOME	"home"
#define WORK_TMP	"tmp"

struct work_origin {
	uint64_t	 dev, ino;	/* the project's root */
	int64_t		 made_ns;	/* the overlay: see work.c */
	char		*path;		/* owned */
};

/*
 * Make the folder for a session in this project.  Its upper layer has the
 * mode of the project's root.  *path is its name for the init, owned by the
 * caller.  0 or -errno with nothing left.
 */
int	work_make(const struct home *, const struct owner *, const char *id,
	    const struct root *, char **path);

/*
 * Make a task's, and hold it as its root: 0, or -errno with nothing left.
 */
int	work_make_task(const struct home *, const struct owner *,
	    const char *id, struct root *);
/* Is that one a task's? */
bool	work_is_task(const struct home *, const struct owner *,
	    const char *id);

/*
 * The same for a session that has no mounts: two empty folders, which nobody
 * keeps.
 */
int	work_make_scratch(const struct home *, const struct owner *,
	    const char *id, char **path);
bool	work_is_scratch(const struct home *, const struct owner *,
	    const char *id);

/* Open it.  A descriptor, or -ENOENT where the session has none. */
int	work_open(const struct home *, const struct owner *, const char *id);
/* What work_make wrote down.  0 or -errno. */
int	work_read_origin(int work, const struct owner *,
	    struct work_origin *);

/*
 * Remove what holds nothing of a payload's: 0; or -ENOTEMPTY with all of it
 * still there.
 */
int	work_drop_empty(const struct home *, const struct owner *,
	    const char *id);

#endif
