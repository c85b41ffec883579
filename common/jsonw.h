/*
 * Writing JSON: compact, UTF-8, never invalid.  Commas are the writer's own
 * business; names and values are given in order.  Failure (the buffer's
 * maximum) is remembered and reported once, by jw_ok.
 */
#ifndef COVEN_COMMON_JSONW_H
#define COVEN_COMMON_JSONW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

struct jw {
	struct buf	*out;
	bool		 comma;
	bool		 failed;
};

void	jw_init(struct jw *, struct buf *out);
bool	jw_ok(const struct jw *);

void	jw_object(struct jw *);			/* { */
void	jw_object_end(struct jw *);
void	jw_array(struct jw *);			/* [ */
void	jw_array_end(struct jw *);
void	jw_name(struct jw *, const char *);	/* a member's name */

/* Bytes that are not UTF-8 become U+FFFD, one for each maximal bad run. */
void	jw_strn(struct jw *, const char *, size_t);
void	jw_str(struct jw *, const char *);	/* NULL writes null */
void	jw_i64(struct jw *, int64_t);
void	jw_u64(struct jw *, uint64_t);
void	jw_bool(struct jw *, bool);
void	jw_null(struct jw *);
void	jw_raw(struct jw *, const char *, size_t);	/* already JSON */

/*
 * What stands between the quotes of a string, as above, appended to out.
 * 0, or -EMSGSIZE with out as long as it got.
 */
int	json_escape(struct buf *out, const char *, size_t n);
/*
 * Back again; what json_escape never writes is -EINVAL.  out must have room
 * for n bytes.
 */
int	json_unescape(struct buf *out, const char *, size_t n);

/* name and value in one. */
void	jw_kstr(struct jw *, const char *name, const char *);
void	jw_ki64(struct jw *, const char *name, int64_t);
void	jw_ku64(struct jw *, const char *name, uint64_t);
void	jw_kbool(struct jw *, const char *name, bool);
void	jw_knull(struct jw *, const char *name);

#endif
