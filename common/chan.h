/*
 * A channel: one end of a SOCK_SEQPACKET pair between two roles.
 *
 * What may be said is a property of the row: both ends check sender,
 * receiver, state, once and the kind of descriptor before a handler runs.
 * Sending what the table forbids is a broken invariant and fatal; receiving
 * it makes chan_dispatch answer CHAN_BAD, and the owner of the channel ends
 * that peer.
 */
#ifndef COVEN_COMMON_CHAN_H
#define COVEN_COMMON_CHAN_H

#include "common/loop.h"
#include "common/msg.h"

/* Named outcomes of a handler and of chan_dispatch. */
enum { CHAN_EOF = 1, CHAN_BAD = 2 };

struct chan;

/*
 * Handlers take one decoded message.  msg and what it points to are borrowed
 * and die with the call.  *fd is the descriptor that came along or -1: a
 * handler that keeps it steals it (mem_steal_fd), else it is closed.
 * 0, or CHAN_BAD after chan_blame() when the message's meaning is wrong.
 * A handler may chan_close(); it must not free the struct before returning
 * to the loop.
 */
typedef int	 chan_handler(struct chan *, const union msg_any *msg, int *fd);

struct chan_packet;

struct chan {
	struct source		 source;
	struct loop		*loop;
	enum role		 self, peer;
	uint32_t		 state;
	bool			 takes_fds;	/* some row brings one */
	uint8_t			 burnt[MSG__COUNT];
	chan_handler *const	*handlers;	/* [MSG__COUNT], NULL: refuse */
	void			*ctx;
	/* called once when the peer is gone (CHAN_EOF) or lied (CHAN_BAD) */
	void			(*on_end)(struct chan *, int why);
	/* called when a queue that was not empty has drained; may be NULL */
	void			(*on_drain)(struct chan *);
	struct chan_packet	*head, **tail;
	size_t			 queued;	/* bytes */
	struct timer		 later;		/* to send a descriptor */
	char			 blame[160];
};

/* A pair of connected ends, close-on-exec, non-blocking.  0 or -errno. */
int	 chan_pair(int fds[2]);

/*
 * Take over *fd (set to -1) and watch it in loop.  state is CS_NEW on a
 * control channel, or what a direct channel starts in.
 */
int	 chan_open(struct chan *, struct loop *, int *fd, enum role self,
	     enum role peer, enum chan_state state,
	     chan_handler *const *handlers, void *ctx,
	     void (*on_end)(struct chan *, int why));
void	 chan_close(struct chan *);	/* drops what is queued; idempotent */
bool	 chan_is_open(const struct chan *);

/*
 * Send one message, queueing when the socket is full.  fd is borrowed (dup'd
 * when queued), -1 for none.  0; -EMSGSIZE when a field or the packet is too
 * large (nothing was sent); -EPIPE when the peer is gone (on_end follows).
 */
int	 chan_send(struct chan *, enum msg_type, const void *msg, int fd);

/* Bytes waiting because the peer is slow. */
size_t	 chan_queued(const struct chan *);
/* Is there a packet that could be received now?  Not while paused. */
bool	 chan_has_more(const struct chan *);
/* Stop or resume receiving, for backpressure. */
void	 chan_pause(struct chan *);
void	 chan_resume(struct chan *);

/* Receive and handle packets that are there, at most a bounded number. */
int	 chan_dispatch(struct chan *);
/*
 * Blocking exchange for start-up, before a loop runs: wait at most timeout_ms
 * for one packet and handle it.  0, CHAN_EOF, CHAN_BAD or -ETIMEDOUT.
 */
int	 chan_wait(struct chan *, int timeout_ms);

/* Why a message's meaning is refused; returns CHAN_BAD. */
int	 chan_blame(struct chan *, const char *fmt, ...)
	     __attribute__((format(printf, 2, 3)));

/* Is fd what kind says?  By fstat, getsockopt and F_GET_SEALS only. */
bool	 chan_fd_is(int fd, enum fd_kind kind);

#endif
