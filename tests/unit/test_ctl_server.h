/*
 * For covenctl's tests: a home of its own, a scripted daemon on a socket in
 * it, and covenctl run in a child with its output captured.
 */
#ifndef COVEN_TEST_CTL_SERVER_H
#define COVEN_TEST_CTL_SERVER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/* The first row that matches a request and is not used up answers it. */
struct rule {
	const char	*method, *target;	/* target: a part of it */
	int		 status;
	const char	*body;
	const char	*raw;		/* instead: these bytes, verbatim */
	size_t		 raw_len;	/* 0: up to its NUL */
	int		 times;		/* 0: for ever */
	const char	*after;		/* only once this was in a request */
	bool		 health;	/* body: health with our own pid */
	bool		 last;		/* answer, pause, and end the server */
};

struct fake {
	char	home[64];
	char	log[96];	/* requests: "METHOD target body\n" */
	pid_t	pid;
};

#define OUTPUT_MAX	65536

struct outcome {
	int	status;		/* exit status, or -signal */
	char	out[OUTPUT_MAX], err[OUTPUT_MAX];
	size_t	out_len, err_len;
};

/* Makes the home; serves when n is not 0. */
void	fake_start(struct fake *, const struct rule *, size_t n);
/* The same listening under another uid (root only). */
void	fake_start_as(struct fake *, const struct rule *, size_t n, uid_t);
void	fake_stop(struct fake *);
/* In place, never returns: for a program that plays the monitor. */
void	fake_serve(const char *home, int ready_fd, const struct rule *, size_t)
	    __attribute__((noreturn));
void	fake_write(const struct fake *, const char *name, const char *text);
/* What was requested so far. */
const char	*fake_log(const struct fake *);
/* Wait (10 s at most) until a request contains text. */
void	fake_wait(const struct fake *, const char *text);

/* argv[0] is given; COVEN_HOME is the fake's.  in: standard input or NULL. */
struct outcome	*ctl(const struct fake *, const char *in, size_t in_len,
		    const char *const *args);
#define CTL(f, ...) \
	ctl((f), NULL, 0, (const char *const []){ __VA_ARGS__, NULL })

/* The same in two parts, to send signals in between. */
struct running {
	pid_t	pid;
	int	out, err;
};
void		 ctl_begin(struct running *, const struct fake *,
		     const char *in, size_t in_len, const char *const *args);
struct outcome	*ctl_end(struct running *);

#endif
