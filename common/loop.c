#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/loop.h"
#include "common/mem.h"

#define BATCH	64

struct loop {
	int			 epoll, timerfd;
	struct source		 timers, signals;
	struct timer		**heap;		/* [1..nheap] */
	unsigned		 nheap, cap;
	int64_t			 armed_ns;	/* 0: timerfd is not armed */
	struct epoll_event	 batch[BATCH];
	int			 nbatch;
	bool			 quit;
	int			 status;
	void			(*on_batch)(void *);
	void			*batch_ctx;
	void			(*on_signal)(void *, int);
	void			*signal_ctx;
};

int64_t
loop_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* --- deadlines: a binary heap and one timerfd --- */

static void
heap_put(struct loop *l, unsigned slot, struct timer *t)
{
	l->heap[slot] = t;
	t->slot = slot;
}

static void
heap_up(struct loop *l, unsigned slot)
{
	struct timer *t = l->heap[slot];

	while (slot > 1 && l->heap[slot / 2]->at_ns > t->at_ns) {
		heap_put(l, slot, l->heap[slot / 2]);
		slot /= 2;
	}
	heap_put(l, slot, t);
}

static void
heap_down(struct loop *l, unsigned slot)
{
	struct timer *t = l->heap[slot];
	unsigned kid;

	while ((kid = slot * 2) <= l->nheap) {
		if (kid < l->nheap &&
		    l->heap[kid + 1]->at_ns < l->heap[kid]->at_ns)
			kid++;
		if (l->heap[kid]->at_ns >= t->at_ns)
			break;
		heap_put(l, slot, l->heap[kid]);
		slot = kid;
	}
	heap_put(l, slot, t);
}

/*
 * A deadline that moves later leaves the timerfd alone: the early wake-up
 * finds nothing due and arms it anew.  That saves a syscall a request.
 */
static void
timers_arm(struct loop *l)
{
	struct itimerspec its = { 0 };
	int64_t at;

	if (l->nheap == 0)
		return;
	at = l->heap[1]->at_ns;
	if (l->armed_ns != 0 && l->armed_ns <= at)
		return;
	its.it_value.tv_sec = at / 1000000000;
	its.it_value.tv_nsec = at % 1000000000;
	if (timerfd_settime(l->timerfd, TFD_TIMER_ABSTIME, &its, NULL) == -1)
		fatal("arm the timer: %s", strerror(errno));
	l->armed_ns = at;
}

void
timer_stop(struct loop *l, struct timer *t)
{
	unsigned slot = t->slot;
	struct timer *last;

	if (slot == 0)
		return;
	t->slot = 0;
	last = l->heap[l->nheap--];
	if (last == t)
		return;
	heap_put(l, slot, last);
	heap_up(l, slot);
	heap_down(l, last->slot);
}

void
timer_start(struct loop *l, struct timer *t, int64_t ms)
{
	timer_stop(l, t);
	if (l->nheap + 1 >= l->cap) {
		l->cap = l->cap != 0 ? l->cap * 2 : 64;
		l->heap = mem_realloc(l->heap, l->cap, sizeof(struct timer *));
	}
	t->at_ns = loop_now_ns() + ms * 1000000;
	heap_put(l, ++l->nheap, t);
	heap_up(l, l->nheap);
	timers_arm(l);
}

bool
timer_running(const struct timer *t)
{
	return t->slot != 0;
}

static void
on_timerfd(struct source *s, uint32_t events)
{
	struct loop *l = s->ctx;
	uint64_t ticks;
	int64_t now;

	(void)events;
	if (read(l->timerfd, &ticks, sizeof(ticks)) == -1 && errno != EAGAIN)
		fatal("read the timer: %s", strerror(errno));
	l->armed_ns = 0;
	now = loop_now_ns();
	while (l->nheap != 0 && l->heap[1]->at_ns <= now) {
		struct timer *t = l->heap[1];

		timer_stop(l, t);
		t->cb(t);
	}
	timers_arm(l);
}

/* --- descriptors --- */

int
loop_add(struct loop *l, struct source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data = { .ptr = s } };

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, s->fd, &ev) == -1)
		return -errno;
	s->events = events;
	s->armed = true;
	return 0;
}

int
loop_set(struct loop *l, struct source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data = { .ptr = s } };

	if (!s->armed)
		return loop_add(l, s, events);
	if (s->events == events)
		return 0;
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, s->fd, &ev) == -1)
		return -errno;
	s->events = events;
	return 0;
}

void
loop_del(struct loop *l, struct source *s)
{
	int i;

	if (!s->armed)
		return;
	/*
	 * Explicit, because a descriptor that was passed on or inherited
	 * stays in the set when only our copy is closed.
	 */
	if (epoll_ctl(l->epoll, EPOLL_CTL_DEL, s->fd, NULL) == -1)
		fatal("forget descriptor %d: %s", s->fd, strerror(errno));
	s->armed = false;
	for (i = 0; i < l->nbatch; i++)
		if (l->batch[i].data.ptr == s)
			l->batch[i].data.ptr = NULL;
}

/* --- signals --- */

static void
on_signalfd(struct source *s, uint32_t events)
{
	struct loop *l = s->ctx;
	struct signalfd_siginfo si;

	(void)events;
	while (read(s->fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		l->on_signal(l->signal_ctx, (int)si.ssi_signo);
}

int
loop_signals(struct loop *l, const int *sigs, unsigned n,
    void (*cb)(void *, int), void *ctx)
{
	sigset_t set;
	unsigned i;
	int r;

	sigemptyset(&set);
	for (i = 0; i < n; i++)
		sigaddset(&set, sigs[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -errno;
	l->on_signal = cb;
	l->signal_ctx = ctx;
	l->signals = (struct source){ .cb = on_signalfd, .ctx = l };
	l->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signals.fd == -1)
		return -errno;
	r = loop_add(l, &l->signals, EPOLLIN);
	if (r < 0)
		mem_close(&l->signals.fd);
	return r;
}

/* --- running --- */

struct loop *
loop_new(void)
{
	struct loop *l = mem_zalloc(1, sizeof(*l));

	l->signals.fd = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timerfd = timerfd_create(CLOCK_MONOTONIC,
	    TFD_CLOEXEC | TFD_NONBLOCK);
	if (l->epoll == -1 || l->timerfd == -1)
		fatal("make an event loop: %s", strerror(errno));
	l->timers = (struct source){ .fd = l->timerfd, .cb = on_timerfd,
	    .ctx = l };
	if (loop_add(l, &l->timers, EPOLLIN) < 0)
		fatal("watch the timer: %s", strerror(errno));
	return l;
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	mem_close(&l->signals.fd);
	mem_close(&l->timerfd);
	mem_close(&l->epoll);
	free(l->heap);
	free(l);
}

void
loop_on_batch(struct loop *l, void (*cb)(void *), void *ctx)
{
	l->on_batch = cb;
	l->batch_ctx = ctx;
}

void
loop_once(struct loop *l, int timeout_ms)
{
	int i, n;

	n = epoll_wait(l->epoll, l->batch, BATCH, timeout_ms);
	if (n == -1 && errno != EINTR)
		fatal("wait for events: %s", strerror(errno));
	l->nbatch = n > 0 ? n : 0;
	for (i = 0; i < l->nbatch; i++) {
		struct source *s = l->batch[i].data.ptr;

		if (s != NULL)
			s->cb(s, l->batch[i].events);
	}
	l->nbatch = 0;
	if (l->on_batch != NULL)
		l->on_batch(l->batch_ctx);
}

int
loop_run(struct loop *l)
{
	while (!l->quit)
		loop_once(l, -1);
	return l->status;
}

void
loop_quit(struct loop *l, int status)
{
	if (l->quit)
		return;
	l->quit = true;
	l->status = status;
}
