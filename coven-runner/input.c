#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/input.h"

#define VEOF_BYTE	"\004"		/* ^D, what a new terminal has */

void
input_init(struct input *in)
{
	*in = (struct input){ .fd = -1, .last = '\n' };
	buf_init(&in->first, LIMIT_PROMPT_QUEUE);
	buf_init(&in->q, LIMIT_INPUT_QUEUE + sizeof(VEOF_BYTE VEOF_BYTE));
}

void
input_fini(struct input *in)
{
	mem_close(&in->fd);
	buf_fini(&in->first);
	buf_fini(&in->q);
}

void
input_open(struct input *in, int *fd, bool tty)
{
	in->fd = mem_steal_fd(fd);
	in->tty = tty;
	if (in->closed)
		mem_close(&in->fd);
}

int
input_first(struct input *in, const void *p, size_t n)
{
	return buf_add(&in->first, p, n);
}

void
input_eof(struct input *in, bool sink)
{
	if (in->eof)
		return;
	in->eof = true;
	in->sink = sink;
	if (sink)
		buf_clear(&in->q);
}

int
input_add(struct input *in, const void *p, size_t n)
{
	if (in->closed)
		return INPUT_CLOSED;
	if (in->eof)
		return in->sink ? INPUT_QUEUED : INPUT_CLOSED;
	if (n > LIMIT_INPUT_QUEUE || buf_left(&in->q) > LIMIT_INPUT_QUEUE - n ||
	    buf_add(&in->q, p, n) < 0)
		return INPUT_FULL;
	return INPUT_QUEUED;
}

void
input_answer(struct input *in, const void *p, size_t n)
{
	if (!in->closed)
		(void)buf_add(&in->q, p, n);
}

void
input_close(struct input *in)
{
	in->closed = true;
	mem_close(&in->fd);
	buf_fini(&in->q);
	/* Kept when it was not all written: input_first_done asks. */
	if (buf_left(&in->first) == 0)
		buf_fini(&in->first);
}

bool
input_pending(const struct input *in)
{
	return in->fd != -1 && (buf_left(&in->first) != 0 ||
	    buf_left(&in->q) != 0 || (in->eof && !in->ended));
}

bool
input_first_done(const struct input *in)
{
	return buf_left(&in->first) == 0;
}

/* 0 when b is empty, -EAGAIN, or why the reader is gone. */
static int
drain(struct input *in, struct buf *b)
{
	ssize_t n;

	while (buf_left(b) != 0) {
		n = write(in->fd, buf_head(b), buf_left(b));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -errno;
		if (n == 0)
			return -EAGAIN;
		in->last = buf_head(b)[n - 1];
		buf_consume(b, (size_t)n);
	}
	return 0;
}

/*
 * A pipe ends by closing it, but then there is nothing left to write to: a
 * sink goes on accepting.  A terminal ends by VEOF, which only hands over an
 * unfinished line; a second one then is the end.
 */
static int
finish(struct input *in)
{
	in->ended = true;
	if (!in->tty) {
		mem_close(&in->fd);
		return 0;
	}
	(void)buf_adds(&in->q, in->last == '\n' ? VEOF_BYTE :
	    VEOF_BYTE VEOF_BYTE);
	return drain(in, &in->q);
}

void
input_flush(struct input *in)
{
	int r;

	if (!input_pending(in))
		return;
	r = drain(in, &in->first);
	if (r == 0) {
		buf_fini(&in->first);
		r = drain(in, &in->q);
	}
	if (r == 0 && in->eof && !in->ended)
		r = finish(in);
	if (r == 0 || r == -EAGAIN)
		return;
	if (r != -EPIPE && r != -EIO)
		log_warn("write input: %s", strerror(-r));
	input_close(in);
}
