/*
 * Where the second version's cgroup tree is, and the name of the folder in
 * which a suite keeps its sessions' cgroups: the monitor makes it, covenctl
 * panic finds it without a monitor.
 */
#ifndef COVEN_COMMON_CGROUP2_H
#define COVEN_COMMON_CGROUP2_H

#include <sys/stat.h>
#include <sys/types.h>

#include <limits.h>
#include <stddef.h>

#define CGROUP2_NAME_MAX	64

/* The mount point of the tree; 0 or -ENOENT. */
int	cgroup2_mount(char out[PATH_MAX]);

/* The folder of this process's own cgroup; 0 or -errno. */
int	cgroup2_own(char out[PATH_MAX]);

/* The same of another process. */
int	cgroup2_of(pid_t, char out[PATH_MAX]);

/* "coven-DEV-INO", for the home that st is of. */
void	cgroup2_name(const struct stat *, char out[CGROUP2_NAME_MAX]);

#endif
