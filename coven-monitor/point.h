/*
 * Mount points in a harness's private folder.  What lies there may be an
 * earlier payload's work: nothing of it is followed or obeyed, and what is in
 * the way is set aside, so that it keeps no later session from starting.
 */
#ifndef COVEN_MONITOR_POINT_H
#define COVEN_MONITOR_POINT_H

#include <stdbool.h>

/*
 * A folder of ours, made where it is absent; a link is -ELOOP or -ENOTDIR.  A
 * descriptor or -errno.
 */
int	point_folder(int at, const char *name);
/*
 * The folder that holds path's last component, made on the way.  A descriptor
 * or -errno; *last points into path.
 */
int	point_parents(int base, const char *path, const char **last);
/* A folder that can be used, or a regular file.  0 or -errno. */
int	point_make(int dir, const char *name, bool folder);

#endif
