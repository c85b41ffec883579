/* The database folder, as a descriptor that stored's process can use. */
#ifndef COVEN_MONITOR_STOREFD_H
#define COVEN_MONITOR_STOREFD_H

#include "coven-monitor/monitor.h"

/* In place of an errno: a rule refuses it, and a line has said which. */
#define STOREFD_REFUSED	(-4096)

/*
 * Open COVEN_HOME/store, at the first time making it 0700; later it must be
 * the same folder.  For a stored with an id of its own an id-mapped mount of
 * it; where the file system cannot, *uid and *gid become the owner's instead.
 * A descriptor the caller owns; -errno; or STOREFD_REFUSED.  Says once what
 * is wrong.
 */
int	storefd_open(struct monitor *, uid_t *uid, gid_t *gid);

#endif
