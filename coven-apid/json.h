/*
 * Reading JSON that a client wrote.  json-c does the parsing; what its strict
 * mode still lets through (common/json_scan.h) is refused before and after.
 * Its types never leave json.c.
 */
#ifndef COVEN_APID_JSON_H
#define COVEN_APID_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

enum { JSON_BAD = 1 };

enum json_kind {
	JSON_NULL,
	JSON_BOOL,
	JSON_INT,		/* fits int64_t */
	JSON_NUMBER,		/* finite */
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json;			/* a value; borrowed from its root */

/*
 * Before the process is confined: json-c seeds its hash on first use, which
 * may open /dev/urandom.
 */
void	json_warm(void);

/*
 * Parse exactly n bytes at p, where p[n] is a NUL.  0 and a root to free, or
 * JSON_BAD and a static reason.
 */
int	json_parse(const char *p, size_t n, struct json **root,
	    const char **why);
void	json_free(struct json *root);	/* NULL is fine */
#define autojson	__attribute__((cleanup(json_freep)))
void	json_freep(struct json **);

/* A NULL value is JSON_NULL, like the text null. */
enum json_kind	json_kind(const struct json *);
/* NULL when o is no object, has no such member, or the member is null. */
const struct json	*json_get(const struct json *o, const char *name);
/* Is the member there, even as null? */
bool	json_has(const struct json *o, const char *name);

/*
 * A string as it is; NULL for any other kind.  May hold NULs when len is
 * asked for; with len NULL, a string that holds one is NULL as well.
 */
const char	*json_str(const struct json *, size_t *len);
/* A copy without the blanks around it, to free; NULL when nothing is left. */
char	*json_trimmed(const struct json *);
bool	json_int(const struct json *, int64_t *);	/* true if it is one */
bool	json_is_true(const struct json *);	/* false if it is no bool */

size_t	json_len(const struct json *);	/* elements, or members */
const struct json	*json_at(const struct json *array, size_t i);

/* Members in the order of the text; false from cb ends and is returned. */
bool	json_each(const struct json *o, bool (*cb)(void *ctx, const char *name,
	    const struct json *), void *ctx);
void	json_remove(struct json *o, const char *name);
/* Append it as compact JSON.  0 or -EMSGSIZE. */
int	json_write(const struct json *, struct buf *out);

#endif
