/*
 * Project roots: resolved and judged once, then held as descriptors from
 * check to exec.
 */
#ifndef COVEN_MONITOR_ROOT_H
#define COVEN_MONITOR_ROOT_H

#include <sys/types.h>

#include <stdint.h>

#include "common/conf.h"
#include "common/msg.h"
#include "coven-monitor/home.h"

struct root {
	int	 fd;		/* O_PATH of the folder */
	char	*path;		/* canonical */
	char	*cwd;		/* relative to it, "" for itself */
	dev_t	 cwd_dev;
	ino_t	 cwd_ino;
};

/*
 * Open what the client named and apply every rule.  Runs as the owner.
 * RUN_OK, or the code with a sentence in why that names the path and rule.
 */
enum run_code	root_open(struct root *, const char *path, const char *cwd,
		    const struct home *, const struct owner *,
		    const struct conf *, char *why, size_t len);
void		root_close(struct root *);

/* Is path the folder itself, or beneath it?  By components. */
bool		path_within(const char *path, const char *folder);

/* A folder of the system's, which is nobody's project or package. */
bool		path_is_system(const char *path);

/*
 * The canonical path of an open descriptor.  The caller frees; NULL when it
 * has none (unlinked, or not reachable).
 */
char		*path_of_fd(int fd);

#endif
