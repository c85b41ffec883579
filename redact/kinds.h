/*
 * The shapes of secrets as a table, for the one that compiles their leads
 * (coven-confread) and for those that look for them (redact/redact.h).
 */
#ifndef COVEN_REDACT_KINDS_H
#define COVEN_REDACT_KINDS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SHAPE_CASELESS	1u	/* the lead's letters */
#define SHAPE_ASSIGNED	2u	/* begins with no sign or blank of the lead */
#define SHAPE_ESCAPES	4u	/* a backslash takes the next byte along */
#define SHAPE_PEM	8u	/* judged line by line */
#define SHAPE_PEM_END	16u
#define SHAPE_URL	32u	/* secret when a SHAPE_URL_WORD is in it */
#define SHAPE_URL_WORD	64u
#define SHAPE_TEXT	128u	/* in JSON its quote would end a string */

#define SHAPE_NEVER	UINT32_MAX

enum shape_id {
#define SHAPE(NAME, ...)	SHAPE_ID_##NAME,
#include "redact/kinds.def"
#undef SHAPE
	SHAPE_ID__COUNT
};

struct shape {
	const char	*name, *lead;
	unsigned	 flags;
	const char	*bytes;		/* its class */
	uint32_t	 min, soft;
	const char	*what;
};

extern const struct shape	shapes[SHAPE_ID__COUNT];

/*
 * What the memfd holds that CONF_REDACTOR and REDACTOR carry: this, then
 * databases of Vectorscan at multiples of 64 as they lie in memory, so that
 * every process maps the same pages.
 */
#define REDACT_MAGIC	UINT64_C(0x31746361644572)
#define REDACT_ALIGN	64u

struct redact_head {
	uint64_t	magic;
	uint32_t	leads_at, leads_len;
	/* of the owner's own patterns; 0: there are none */
	uint32_t	extra_at, extra_len;
	/* of what their matches begin with; 0: that is not known */
	uint32_t	begins_at, begins_len;
	/* a match of them that has begun lies in so many last bytes, */
	uint32_t	window;
	/* and in the last line, unless one of them can hold a newline */
	uint32_t	crosses;
	/* how many there are, for the log */
	uint32_t	patterns, unused;
};

/* The ids of the owner's patterns in their database start here. */
#define REDACT_EXTRA_ID	0u

#ifdef __cplusplus
}
#endif

#endif
