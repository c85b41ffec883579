/*
 * Reading one descriptor of the payload into struct out.
 */
#ifndef COVEN_RUNNER_STREAM_H
#define COVEN_RUNNER_STREAM_H

#include <stdbool.h>

#include "common/loop.h"
#include "coven-runner/clean.h"
#include "coven-runner/input.h"
#include "coven-runner/out.h"
#include "coven-runner/term.h"

struct stream {
	struct source	 source;
	struct loop	*loop;
	struct out	*out;
	unsigned	 index;		/* of out's streams */
	struct term	*term;		/* a terminal's filter, else NULL */
	struct redactor	*redactor;
	bool		 json;		/* its lines are */
	struct clean	 clean;
	struct input	*answers;	/* where its answers go */
	struct timer	 again;
	bool		 open, last;
	uint64_t	 bytes;
	/* makes room: whole events leave out; the owner's */
	void		(*make_room)(void *ctx);
	void		*ctx;
};

/*
 * Take over *fd, which is made non-blocking, and read it when armed.  The
 * other members named above are set by the caller before.  0 or -errno.
 */
int	stream_open(struct stream *, struct loop *, int *fd);
/* Watch it while out has room, and only then: a full pipe stops the payload. */
void	stream_arm(struct stream *);
/*
 * No one can open the terminal again.  Until then "everyone has closed it" is
 * no end of a terminal, it is looked at again a little later.
 */
void	stream_last(struct stream *);
/* Stop reading: as if its end had been read. */
void	stream_close(struct stream *);

/* fcntl(O_NONBLOCK) on our own end; the payload's is another description. */
int	stream_nonblock(int fd);

#endif
