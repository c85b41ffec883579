/*
 * A client of a real apid, and the daemon around it: the code of the role in
 * a process of its own, stand-ins for its neighbours in another.
 */
#ifndef COVEN_TESTS_ROUTES_CLIENT_H
#define COVEN_TESTS_ROUTES_CLIENT_H

#include <sys/types.h>

#include <stddef.h>

#include "tests/unit/routes_store.h"

#define STARTED_AT	"2026-08-22T10:00:00.123456789Z"
#define SOCKET		"/home/x/.coven/coven.sock"

struct daemon {
	char		 dir[64], path[96];
	pid_t		 apid, store;
	struct shared	*sh;
};

struct response {
	int	 status;		/* 0: the connection closed silently */
	char	*bytes;			/* everything; NUL behind */
	size_t	 n;
	char	*body;
	size_t	 body_n;
	int	 reset;			/* it ended in a reset, not in EOF */
};

/* NULL: the tester is the owner, 300 connections. */
void	daemon_start(struct daemon *, const struct server_conf *);
/* Shuts it down and asserts that it exits well. */
void	daemon_stop(struct daemon *);

int	client_connect(const struct daemon *);
void	client_send(int fd, const char *, size_t);
/* Read to EOF, at most 10 seconds; asserts that the reply is framed well. */
void	client_read(int fd, struct response *);
/* The three above and close. */
void	client_call(const struct daemon *, const char *, struct response *);
/* A request with a body (NULL: none), as coven-client writes it. */
void	client_request(const struct daemon *, const char *method,
	    const char *target, const char *body, struct response *);
void	response_fini(struct response *);

/* Wait until *v is at least n, at most 10 seconds. */
void	wait_for(const volatile unsigned *v, unsigned n);
int64_t	now_ms(void);

#endif
