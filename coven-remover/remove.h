/*
 * Emptying a folder that somebody else has filled.
 *
 * Nothing here goes up by "..", follows a link, crosses a mount or trusts
 * what it saw a moment ago.  Memory is bounded whatever the depth: what lies
 * deeper than REMOVE_DEPTH is renamed up to the top, and met there again.
 * A kill at any point leaves a smaller tree of the same kind.
 */
#ifndef COVEN_REMOVER_REMOVE_H
#define COVEN_REMOVER_REMOVE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/worker.h"

#define REMOVE_DEPTH	48
#define REMOVE_BUFFER	8192	/* of names, a level */

struct remove_result {
	enum worker_code	code;
	uint64_t	removed;
	uint64_t	left;		/* could not be removed */
	uint64_t	mounts;		/* of those, mount points */
	uint64_t	flagged;	/* immutable or append-only */
	int		error;		/* of the first of them */
	char		name[WORKER_NAME_MAX];
};

/*
 * Empty the folder top, which is kept and borrowed, within ms.  own_root: the
 * caller's root holds nothing but that folder, so that a mode may be changed
 * by a name where the kernel cannot do it by a descriptor (before 6.6).
 */
void	remove_tree(int top, uint32_t ms, bool own_root,
	    struct remove_result *);

#endif
