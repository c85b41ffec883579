/*
 * Unpacking an archive into an empty folder, as if whoever made it were after
 * the one who unpacks: the first entry that the archiver would not have
 * written ends it.
 */
#ifndef COVEN_ARCHIVER_UNPACK_H
#define COVEN_ARCHIVER_UNPACK_H

#include <stdint.h>

#include "common/msg.h"
#include "common/worker.h"

#define UNPACK_DEPTH	257		/* of names in one path */
#define UNPACK_FREE	(UINT64_C(256) << 20) /* bytes, whatever the ratio */
#define UNPACK_RATIO	1000		/* of content to archive beyond that */

struct unpack_result {
	enum worker_code	code;
	uint64_t	entries, bytes;
	int		error;
	const char	*why;		/* static */
	char		name[WORKER_NAME_MAX];
};

/* Both descriptors are borrowed. */
void	unpack(int archive, int folder, const struct msg_unpack *,
	    struct unpack_result *);

#endif
