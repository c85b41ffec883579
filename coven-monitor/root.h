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

/* Whose rules a folder is judged by. */
struct judge {
	const struct home	*home;
	const struct owner	*owner;
	const struct conf	*conf;
};

/*
 * Open what the client named and apply every rule.  Runs as the owner.
 * RUN_OK, or the code with a sentence in why that names the path and rule.
 */
enum run_code	root_open(struct root *, const char *path, const char *cwd,
		    const struct judge *, char *why, size_t len);
/*
 * The same of a folder that is to be mounted beside the root and has no cwd;
 * what is the member of the request that named it.
 */
enum run_code	root_open_folder(struct root *, const char *what,
		    const char *path, const struct judge *, char *why,
		    size_t len);
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
