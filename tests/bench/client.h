/*
 * What the verbs of the bench's client share.
 */
#ifndef COVEN_TESTS_BENCH_CLIENT_H
#define COVEN_TESTS_BENCH_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#define REPLY_MAX	(8u << 20)

/* The last reply, whole, with a NUL behind it. */
extern char	reply[REPLY_MAX + 1];
extern size_t	reply_len;

/*
 * One request as existing clients make it: connect, send, half-close, read
 * to the end.  The reply's body; anything but a 2xx ends the program.
 */
char	*exchange(const char *path, const char *request, size_t len);
/* The same for GET. */
char	*get(const char *path, const char *target);
/* A POST of a JSON body. */
char	*post(const char *path, const char *target, const char *body);

/*
 * That many processes at once, each making one request after another for ms;
 * how many they made a second.
 */
typedef void	 one_request(const void *ctx, size_t client, uint64_t n);
double	 by_many(size_t clients, int64_t ms, one_request *, const void *ctx);

size_t	 count_arg(const char *);
/* Between two samples: BENCH_PAUSE_MS, as people pause. */
void	 rest(void);
int64_t	*samples(size_t n);
/* "NAME_p50_us V" and "NAME_p99_us V"; sorts. */
void	 print_percentiles(const char *name, int64_t *ns, size_t n);

/* Launch argv, which is JSON already; the new session's id. */
void	 launch(const char *path, const char *project, const char *argv_json,
	    char id[64]);

/* Verbs: 0, or 2 for a wrong count of arguments. */
int	 verb_oneshot(int, char **);
int	 verb_get(int, char **);
int	 verb_load(int, char **);
int	 verb_stalled(int, char **);
int	 verb_idle(int, char **);
int	 verb_launch(int, char **);
int	 verb_stream(int, char **);
int	 verb_pages(int, char **);
int	 verb_inputs(int, char **);
int	 verb_live(int, char **);
int	 verb_commits(int, char **);
int	 verb_syncs(int, char **);
int	 verb_spawn(int, char **);
int	 verb_copy(int, char **);

#endif
