/*
 * Mounts whose files another id owns: what lets a payload that is not root
 * work on root's project without changing a file.  mount_setattr(2).
 */
#ifndef COVEN_MONITOR_IDMAP_H
#define COVEN_MONITOR_IDMAP_H

#include <sys/types.h>

/*
 * A user namespace that maps from_* to to_*, which is what names a mapping
 * to the kernel.  A descriptor the caller owns, or -errno.
 */
int	idmap_open(uid_t from_uid, gid_t from_gid, uid_t to_uid, gid_t to_gid);

/*
 * A detached mount of the folder fd in which files of from_* appear as to_*
 * and the reverse.  A descriptor the caller owns, or -errno (-EINVAL where
 * the file system cannot do it).  Needs CAP_SYS_ADMIN.
 */
int	idmap_mount(int fd, int mapping);

#endif
