/* Packing a folder that somebody else has filled, and may be changing. */
#ifndef COVEN_ARCHIVER_PACK_H
#define COVEN_ARCHIVER_PACK_H

#include <stdint.h>

#include "common/msg.h"
#include "common/worker.h"

#define PACK_DEPTH	256	/* folders in one another; deeper is left out */

struct pack_result {
	enum worker_code	code;
	uint64_t	entries, bytes, packed;
	uint64_t	special;	/* not in: devices, FIFOs, sockets */
	uint64_t	unreadable;	/* not in: its owner may not read */
	uint64_t	changed;	/* while it was read */
	uint64_t	mounts;		/* not in: another file system's */
	uint64_t	deep;		/* not in: too deep, too long */
	uint64_t	large;		/* not in: more than the bytes */
	int		error;
	char		name[WORKER_NAME_MAX];	/* the first left out */
};

/*
 * Pack what lies in folder into out, both borrowed, and sync it.  A bound
 * that is reached ends the packing, and what is in it is a whole archive.
 */
void	pack_tree(int folder, int out, const struct msg_pack *,
	    struct pack_result *);

#endif
