/* The database folder, as a descriptor that stored's process can use. */
#ifndef COVEN_MONITOR_STOREFD_H
#define COVEN_MONITOR_STOREFD_H

#include "coven-monitor/monitor.h"

/*
 * Open COVEN_HOME/store, making it 0700.  For a stored with an id of its own
 * an id-mapped mount of it; where the file system cannot, *uid and *gid
 * become the owner's instead.  A descriptor the caller owns, or -errno.
 */
int	storefd_open(struct monitor *, uid_t *uid, gid_t *gid);

#endif
