/*
 * The head of a request, made strict before the real parser sees it.
 *
 * Old clients on the Unix socket end lines in a bare LF and send HTTP/1.0 or
 * no version at all.  Those two things are forgiven here, by rewriting; all
 * else that parsers are known to disagree about is refused.  No I/O.
 */
#ifndef COVEN_APID_HEAD_H
#define COVEN_APID_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/buf.h"
#include "common/http_line.h"
#include "common/limits.h"

#define HEAD_MAX	((size_t)LIMIT_HTTP_HEAD)

/* Named outcome; HEAD_MORE is head_find_end's. */
enum { HEAD_BAD = 2 };

#define HEAD_BEARER_MAX	512	/* bytes of a token; ours are 72 */

/* What the fields were. */
struct head_info {
	unsigned	fields;
	unsigned	hosts, lengths, encodings, origins, authorizations;
	bool		strange_host;	/* no name of a daemon on a socket */
	/*
	 * The token behind "Authorization: Bearer", in the bytes that were
	 * given; empty when that is not what the field holds.
	 */
	const char	*bearer;
	size_t		 bearer_n;
	/* the value of the last Last-Event-ID, in the bytes read; or NULL */
	const char	*last_event_id;
	size_t		 last_event_id_n;
};

/*
 * Append to out the head of n bytes at p (as measured by head_find_end) with
 * CRLF line ends and the version HTTP/1.1, but without Authorization.  0 with
 * *info, or HEAD_BAD with a static sentence in *why; out may then hold a part.
 */
int	head_rewrite(const char *p, size_t n, struct buf *out,
	    struct head_info *info, const char **why);

#endif
