/*
 * The size of the payload's terminal.  The kernel tells the payload (SIGWINCH)
 * when it changes.
 */
#include <sys/ioctl.h>

#include <errno.h>
#include <string.h>

#include "common/limits.h"
#include "common/log.h"
#include "coven-runner/run.h"

enum { SIZE_SET, SIZE_NO_TERMINAL, SIZE_ENDED };

static void
set_size(struct run *r, uint32_t rows, uint32_t cols)
{
	struct winsize ws = { .ws_row = (unsigned short)rows,
	    .ws_col = (unsigned short)cols };

	if (ioctl(r->stream[OUT_STDOUT].source.fd, TIOCSWINSZ, &ws) == -1)
		log_warn("resize the terminal: %s", strerror(errno));
}

/* The order to start it and the terminal itself come from different sides. */
void
run_late_size(struct run *r)
{
	if (r->rows != 0)
		set_size(r, r->rows, r->cols);
}

int
run_on_resize(struct chan *c, const union msg_any *m, int *fd)
{
	struct msg_run_resize_reply reply = { .tag = m->run_resize.tag };
	uint32_t rows = m->run_resize.rows, cols = m->run_resize.cols;
	struct run *r = c->ctx;

	(void)fd;
	if (rows == 0 || rows > LIMIT_TTY_SIZE || cols == 0 ||
	    cols > LIMIT_TTY_SIZE)
		return chan_blame(c, "a terminal of %u rows, %u columns",
		    rows, cols);
	if (r->has_exit || r->init_gone) {
		reply.code = SIZE_ENDED;
	} else if (r->go && r->transport != TRANSPORT_PTY) {
		reply.code = SIZE_NO_TERMINAL;
	} else if (r->stream[OUT_STDOUT].open) {
		set_size(r, rows, cols);
	} else {
		r->rows = rows;
		r->cols = cols;
	}
	(void)chan_send(c, MSG_RUN_RESIZE_REPLY, &reply, -1);
	return 0;
}
