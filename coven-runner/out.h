/*
 * From a payload's bytes to events: feed bytes, take event payloads.  No I/O
 * here.
 *
 * Every byte fed is in exactly one event, in order within its stream, and
 * none is changed:
 *
 *	{"data":"..."}				terminal, or standard output
 *	{"data":"...","stream":"stderr"}	standard error of plain pipes
 *	{"data":"...","b64":"..."}		bytes that are not UTF-8: data
 *						has U+FFFD for them, b64 the
 *						exact bytes
 *
 * On TRANSPORT_STREAM events of standard output end with a line where the
 * lines allow it, and standard error is wrapped (coven-runner/wrap.h); it is
 * never put into the middle of a line of standard output, unless a line is so
 * long that both streams would wait for each other.
 */
#ifndef COVEN_RUNNER_OUT_H
#define COVEN_RUNNER_OUT_H

#include <stdbool.h>

#include "common/buf.h"
#include "common/limits.h"
#include "common/msg.h"
#include "redact/redact.h"

#define OUT_FULL	LIMIT_EVENT_PAYLOAD	/* fills an event */
#define OUT_READ	65536	/* at most fed at once */
/* What it may become, and what is let go later on top. */
#define OUT_LAST	(REDACT_ROOM(OUT_READ) + REDACT_ROOM(0))

enum { OUT_STDOUT, OUT_STDERR, OUT_STREAMS };

enum { OUT_NOTHING = 1 };	/* named outcome of out_take */

struct out_stream {
	struct buf	raw;
	size_t		lines;		/* bytes up to the last newline */
	uint64_t	since_ns;	/* when its first byte came */
	uint64_t	last_ns;
	bool		eof;
};

struct out {
	enum transport		transport;
	struct out_stream	stream[OUT_STREAMS];
	bool			mid_line;
};

void	 out_init(struct out *, enum transport);
void	 out_fini(struct out *);

/* Does the stream hold a whole event?  Then take before feeding more. */
bool	 out_full(const struct out *, unsigned stream);
/* Nothing is left to take, now or at the end. */
bool	 out_empty(const struct out *);

/*
 * Feed in two steps, so that a read goes straight into place: room for n
 * bytes (OUT_LAST of a stream that is not full), then how many of them came.
 */
char	*out_room(struct out *, unsigned stream, size_t n);
void	 out_fed(struct out *, unsigned stream, size_t n, uint64_t now_ns);
/* No more will come: an incomplete code point or line goes as it is. */
void	 out_eof(struct out *, unsigned stream);

/*
 * The next event's payload appended to an empty buffer, at most
 * LIMIT_EVENT_PAYLOAD bytes, and when its first byte came.  any: also one
 * that is not full.  0 or OUT_NOTHING.
 */
int	 out_take(struct out *, bool any, struct buf *payload,
	     uint64_t *time_ns);

#endif
