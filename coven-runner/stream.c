#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/mem.h"
#include "coven-runner/stream.h"

#define READS		16	/* a turn: a terminal gives 4 KiB a read */
#define AGAIN_MS	200

/* Three bytes of query have at most seven bytes of answer. */
#define ANSWERS_MAX	((size_t)(OUT_READ + TERM_HELD) * 3)

static char tty_buf[OUT_READ - TERM_HELD];

int
stream_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return -errno;
	return 0;
}

static ssize_t
read_retry(int fd, void *to, size_t n)
{
	ssize_t got;

	do {
		got = read(fd, to, n);
	} while (got == -1 && errno == EINTR);
	return got == -1 ? -errno : got;
}

static ssize_t
read_tty(struct stream *s)
{
	static struct buf kept = { .max = OUT_READ };
	static struct buf answers = { .max = ANSWERS_MAX };
	ssize_t n = read_retry(s->source.fd, tty_buf, sizeof(tty_buf));

	if (n <= 0)
		return n;
	buf_clear(&kept);
	buf_clear(&answers);
	term_feed(s->term, tty_buf, (size_t)n, &kept, &answers);
	clean_pass(&s->clean, buf_head(&kept), buf_left(&kept), false);
	if (buf_left(&answers) != 0)
		input_answer(s->answers, buf_head(&answers),
		    buf_left(&answers));
	return n;
}

static ssize_t
read_pipe(struct stream *s)
{
	char *to = out_room(s->out, s->index, OUT_READ);
	ssize_t n = read_retry(s->source.fd, to, OUT_READ);

	if (n > 0)
		clean_pass(&s->clean, to, (size_t)n, true);
	return n;
}

static void
on_again(struct timer *t)
{
	struct stream *s = t->ctx;

	stream_arm(s);
}

void
stream_close(struct stream *s)
{
	autobuf struct buf rest = { 0 };

	if (!s->open)
		return;
	if (s->term != NULL) {
		term_end(s->term, &rest);
		clean_pass(&s->clean, buf_head(&rest), buf_left(&rest), false);
	}
	clean_close(&s->clean);
	s->open = false;
	timer_stop(s->loop, &s->again);
	loop_del(s->loop, &s->source);
	mem_close(&s->source.fd);
	out_eof(s->out, s->index);
}

/* The read said that there is no more, or failed. */
static void
ended(struct stream *s, ssize_t n)
{
	/* tty_io.c: a master reads EIO while no process holds the terminal. */
	if (n == -EIO && !s->last) {
		loop_del(s->loop, &s->source);
		timer_start(s->loop, &s->again, AGAIN_MS);
		return;
	}
	if (n != 0 && n != -EIO)
		log_error("read output: %s", strerror((int)-n));
	stream_close(s);
}

static void
on_ready(struct source *src, uint32_t events)
{
	struct stream *s = src->ctx;
	ssize_t n;
	int i;

	(void)events;
	for (i = 0; i < READS; i++) {
		if (out_full(s->out, s->index))
			s->make_room(s->ctx);
		if (out_full(s->out, s->index))
			return;
		n = s->term != NULL ? read_tty(s) : read_pipe(s);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			ended(s, n);
			return;
		}
		s->bytes += (uint64_t)n;
		/* Less than asked: the pipe is empty, no need to ask again. */
		if (s->term == NULL && n < OUT_READ)
			return;
	}
}

int
stream_open(struct stream *s, struct loop *l, int *fd)
{
	int r = stream_nonblock(*fd);

	if (r < 0)
		return r;
	s->loop = l;
	s->source = (struct source){ .fd = mem_steal_fd(fd), .cb = on_ready,
	    .ctx = s };
	s->again = (struct timer){ .cb = on_again, .ctx = s };
	clean_open(&s->clean, l, s->redactor, s->out, s->index, s->json);
	s->open = true;
	return 0;
}

void
stream_arm(struct stream *s)
{
	bool want = s->open && !timer_running(&s->again) &&
	    !out_full(s->out, s->index);
	int r = 0;

	if (want && !s->source.armed)
		r = loop_add(s->loop, &s->source, EPOLLIN);
	else if (!want && s->source.armed)
		/* With no events set a hang-up would be reported for ever. */
		loop_del(s->loop, &s->source);
	if (r < 0)
		fatal("watch output: %s", strerror(-r));
}

void
stream_last(struct stream *s)
{
	s->last = true;
	if (s->open && timer_running(&s->again)) {
		timer_stop(s->loop, &s->again);
		stream_arm(s);
	}
}
