/*
 * Reading JSON.  json-c sits behind this file alone, with the guards that it
 * lacks: duplicate names, NaN, single quotes, control bytes in strings and
 * bytes after the value are all refused.
 */
#ifndef COVEN_COVENCTL_JSONR_H
#define COVEN_COVENCTL_JSONR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct jr;	/* a value, part of its document */

#define autojr	__attribute__((cleanup(jr_freep)))

/* 0, or -EPROTO when it is not exactly one JSON value. */
int	 jr_parse(const char *, size_t, struct jr **);
void	 jr_free(struct jr *);
void	 jr_freep(struct jr **);

/* NULL for an absent member, a null, or a value of another kind. */
const struct jr	*jr_get(const struct jr *, const char *name);
const struct jr	*jr_at(const struct jr *, size_t);
bool		 jr_is_array(const struct jr *);
size_t		 jr_count(const struct jr *);	/* of an array, else 0 */

/* A member's text with its length, or NULL; it may hold a NUL. */
const char	*jr_kstrn(const struct jr *, const char *name, size_t *);
/* The same, but NULL when there is a NUL inside. */
const char	*jr_kstr(const struct jr *, const char *name);
bool		 jr_ki64(const struct jr *, const char *name, int64_t *);
/* True when the member is there and true. */
bool		 jr_ktrue(const struct jr *, const char *name);

/* The value as JSON text; valid until the value is used again. */
const char	*jr_text(const struct jr *);
/* The same over several lines. */
const char	*jr_pretty(const struct jr *);

#endif
