/*
 * The event loop: level-triggered epoll.  Timers, signals and child exits are
 * descriptors too, so there is one mechanism.  One thread a process.
 */
#ifndef COVEN_COMMON_LOOP_H
#define COVEN_COMMON_LOOP_H

#include <sys/epoll.h>

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct source;
struct timer;

typedef void	 source_cb(struct source *, uint32_t events);
typedef void	 timer_cb(struct timer *);

/* A watched descriptor, embedded in its owner.  The loop never closes it. */
struct source {
	int		 fd;
	uint32_t	 events;
	source_cb	*cb;
	void		*ctx;
	bool		 armed;
};

/* A one-shot deadline, embedded in its owner; zeroed is stopped. */
struct timer {
	int64_t		 at_ns;
	timer_cb	*cb;
	void		*ctx;
	unsigned	 slot;		/* in the heap, from 1; 0: stopped */
};

/* Allocates; fatal when the kernel refuses.  Opens two descriptors. */
struct loop	*loop_new(void);
void		 loop_free(struct loop *);

/* 0 or -errno.  events: EPOLLIN and so on; 0 leaves only HUP and ERR. */
int		 loop_add(struct loop *, struct source *, uint32_t events);
int		 loop_set(struct loop *, struct source *, uint32_t events);
/* No callback of it runs afterwards, not even one already reported. */
void		 loop_del(struct loop *, struct source *);

/* (Re)arm: cb runs once, ms milliseconds from now. */
void		 timer_start(struct loop *, struct timer *, int64_t ms);
void		 timer_stop(struct loop *, struct timer *);
bool		 timer_running(const struct timer *);

/*
 * cb runs after each batch of events has been handled and before the loop
 * sleeps: the place to commit what the batch gathered.
 */
void		 loop_on_batch(struct loop *, void (*cb)(void *), void *ctx);

/* Block sigs for good and report each to cb; at most one call a loop. */
int		 loop_signals(struct loop *, const int *sigs, unsigned n,
		     void (*cb)(void *ctx, int sig), void *ctx);

/* Run until loop_quit; returns its status. */
int		 loop_run(struct loop *);
/* One wait of at most timeout_ms (-1: for ever) and its callbacks. */
void		 loop_once(struct loop *, int timeout_ms);
void		 loop_quit(struct loop *, int status);

int64_t		 loop_now_ns(void);	/* CLOCK_MONOTONIC */

#endif
