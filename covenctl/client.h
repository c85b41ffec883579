/*
 * One HTTP/1.1 exchange a connection over home/coven.sock.  Nothing is sent
 * before the socket and the process behind it have been checked.
 */
#ifndef COVEN_COVENCTL_CLIENT_H
#define COVEN_COVENCTL_CLIENT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "covenctl/home.h"

enum client_code {
	CLIENT_ABSENT = 1,	/* no socket, or nobody listens */
	CLIENT_UNTRUSTED,	/* not the owner's socket or process */
	CLIENT_CHANGED,		/* another daemon than the first exchange's */
	CLIENT_PROTOCOL,	/* a reply that is not one */
	CLIENT_CUT,		/* closed before its reply was whole */
	CLIENT_TIMEOUT,
	CLIENT_STOPPED,		/* wake said so */
	CLIENT_NO_TOKEN,	/* the one to send cannot be used */
};

/* Who answered the first exchange; all later ones must be the same. */
struct peer {
	bool	known;
	dev_t	dev;
	ino_t	ino;
	pid_t	pid;
	uid_t	uid;
	gid_t	gid;
};

struct client {
	struct home	*home;
	/*
	 * The file that holds the token to send.  NULL: session-token of the
	 * home where there is one, which needs none to be there.
	 */
	const char	*token_file;
	struct peer	 peer;
	/*
	 * When wake_fd (-1: none) is readable during an exchange, wake is
	 * called; it must empty it, and returns false to give the exchange up.
	 */
	int		 wake_fd;
	bool		(*wake)(void *ctx);
	void		*wake_ctx;
	char		 why[512];	/* after any failure */
};

struct request {
	const char	*method, *target;
	const char	*body;		/* NULL: none */
	size_t		 body_len;
	int		 timeout_ms;	/* for the whole exchange */
	/*
	 * A stream of events is accepted and handed on as it comes; the
	 * timeout is for its silence.  Not 0: it has had enough.
	 */
	int		(*sink)(void *ctx, const char *, size_t);
	void		*sink_ctx;
};

struct reply {
	int		 status;
	struct buf	 raw;		/* everything that arrived */
	const char	*body;		/* into raw */
	size_t		 body_len;
	bool		 open;		/* whole, but no end of file in time */
	bool		 stream;	/* the sink has had it */
};

void	client_init(struct client *, struct home *);

/*
 * 0 with the reply, an enum client_code, or -errno; what failed is in why.
 * The caller frees the reply in every case.  A token that was exchanged
 * meanwhile is read again, once.
 */
int	client_exchange(struct client *, const struct request *,
	    struct reply *);
void	reply_fini(struct reply *);
#define autoreply __attribute__((cleanup(reply_fini)))

/* Sleep, waking for wake_fd; false when wake said to stop. */
bool	client_sleep(struct client *, int ms);

/* The pid in daemon.json, or 0 when there is none to believe. */
pid_t	client_recorded_pid(const struct home *);

#endif
