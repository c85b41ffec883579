/*
 * Reading a configuration file or a manifest: bytes in, rows out.  Nothing
 * here does I/O.  The bytes are hostile; so are keys and strings in what is
 * reported about them, which the receiver escapes.
 */
#ifndef COVEN_CONFREAD_H
#define COVEN_CONFREAD_H

#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"
#include "common/msg.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where rows go.  What is passed is borrowed and dies with the call.  An
 * error refuses the file; its line is 0 where the format knows none.  A
 * warning does not.
 */
struct confread_sink {
	void	(*row)(void *ctx, const struct msg_conf_row *);
	void	(*harness)(void *ctx, const struct msg_harness_row *);
	void	(*familiar)(void *ctx, const struct msg_familiar_row *);
	void	(*error)(void *ctx, uint32_t line, const char *key,
		    const char *text);
	void	(*warn)(void *ctx, const char *text);
	void	*ctx;
};

/* The whole of a coven.toml; coven.toml(5). */
void	confread_toml(const char *text, size_t n, const struct confread_sink *);

/*
 * A privacy.toml, as a CONF_REDACTOR without its memfd, and its patterns in
 * order, at most PRIVACY_PATTERNS; each with its line.
 */
#define PRIVACY_PATTERNS	64
#define PRIVACY_BYTES		1024	/* of a pattern */
#define PRIVACY_DAYS		36500

struct privacy {
	struct msg_conf_redactor	 numbers;
	char				*pattern[PRIVACY_PATTERNS];
	uint32_t			 line[PRIVACY_PATTERNS];
	size_t				 npatterns;
};

void	confread_privacy(const char *text, size_t n, struct privacy *,
	    const struct confread_sink *);
void	privacy_fini(struct privacy *);
/* Compile what it holds and append what redactor_open takes to image. */
void	confread_compile(const struct privacy *, struct buf *image,
	    const struct confread_sink *);

/* The whole of a familiars.toml. */
void	confread_familiars(const char *text, size_t n,
	    const struct confread_sink *);

/* The whole of an adapter manifest: {"adapters":[...]}. */
void	confread_manifest(const char *text, size_t n,
	    const struct confread_sink *);

#ifdef __cplusplus
}
#endif

#endif
