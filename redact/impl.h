/*
 * What the files of this folder share.
 */
#ifndef COVEN_REDACT_IMPL_H
#define COVEN_REDACT_IMPL_H

#include <stdint.h>

#include "redact/kinds.h"
#include "redact/redact.h"

/* --- scan.c: the library, behind this --- */

enum scan_what { SCAN_LEAD, SCAN_EXTRA };

struct scan_hit {
	uint64_t	from, to;	/* from: of SCAN_EXTRA */
	enum scan_what	what;
	unsigned	id;		/* a shape_id, a pattern's number */
};

struct hits {
	struct scan_hit	*v;
	size_t		 n, room;
};

/* The state of both databases for one stream of text. */
struct scan {
	struct hs_stream	*leads, *extra;
};

void	 scan_open(struct redactor *, struct scan *);
void	 scan_close(struct redactor *, struct scan *);
/* Hits in these bytes, in order of where they end; until the next call. */
const struct hits	*scan_bytes(struct redactor *, struct scan *,
		    const char *p, size_t n);
/* Those of patterns that must see the end of the text, were it here. */
const struct hits	*scan_as_if_ended(struct redactor *, struct scan *);
/*
 * Where in the n bytes at a text's end, at most REDACT_HELD, a match may have
 * begun; n: nowhere.  before: the byte in front of them, or -1.
 */
size_t	 scan_begins(struct redactor *, int before, const char *p, size_t n);
const struct redact_head	*scan_head(const struct redactor *);

/* --- shape.c: how far a secret goes --- */

/* Bytes of the stream that lie in memory. */
struct view {
	const char	*p;
	uint64_t	 from, to;	/* in the stream */
	bool		 json;
};

/* One shape that has begun. */
struct hunt {
	uint64_t	from;		/* where its secret begins */
	uint64_t	at;		/* looked at up to here */
	uint32_t	count;		/* bytes of its class */
	bool		on;
	bool		sure;		/* it is one: count >= min, ... */
	/* SHAPE_PEM */
	uint64_t	sure_to;	/* key material up to here */
	uint32_t	line_run;	/* base64 in a row */
	uint32_t	weak;		/* lines without enough of it */
	bool		line_sure, escaped;
};

void	 hunt_start(struct hunt *, uint64_t at);
/*
 * Look at what lies before `to'.  False when the shape ended there or before:
 * it is off, and [from, sure_to) is secret if sure_to is beyond from.
 */
bool	 hunt_on(struct hunt *, enum shape_id, const struct view *,
	     uint64_t to);
/* Nothing more comes for a while. */
void	 hunt_expire(struct hunt *, enum shape_id);
/* How far what is known to be secret goes; from: nothing is. */
uint64_t hunt_secret(const struct hunt *, enum shape_id);

/* --- span.c: what is replaced --- */

struct span {
	uint64_t	from, to;
};

struct spans {
	struct span	*v;
	size_t		 n, room;
};

void	 spans_add(struct spans *, uint64_t from, uint64_t to);
/*
 * A match of an owner's pattern: to whole characters, and in JSON to whole
 * escapes and not beyond the ends of a string.
 */
void	 spans_add_match(struct spans *, const struct view *, uint64_t from,
	     uint64_t to);
/* Bytes of the escape whose backslash is at `at', of which some may be due. */
size_t	 view_escape(const struct view *, uint64_t at);
/* The first byte of the character, or escape of JSON, that `at' lies in. */
uint64_t view_begin(const struct view *, uint64_t at);
/* Where an escape of JSON begins that has no end yet, or the view's end. */
uint64_t view_unfinished(const struct view *);
/* By where they begin; none overlaps another. */
void	 spans_sort(struct spans *);

/* --- members.c: JSON members with secret names --- */

enum members_state {
	MEMBERS_LINE,		/* at a line's beginning */
	MEMBERS_OTHER,		/* in a line that is no JSON */
	MEMBERS_BETWEEN,	/* strings */
	MEMBERS_STRING,
	MEMBERS_VALUE,		/* behind a secret name's colon */
	MEMBERS_SKIP_STRING,
	MEMBERS_SKIP_NESTED,
	MEMBERS_SKIP_PLAIN,	/* a number or a word */
};

#define MEMBERS_NAME	128	/* a longer name is judged by its beginning */

struct members {
	enum members_state	state;
	bool			escaped, in_string;
	bool			named;	/* a string has just ended */
	uint32_t		depth;
	uint32_t		len;
	char			name[MEMBERS_NAME];
};

/* As redact_feed; nothing is ever held back. */
bool	 members_feed(struct members *, const char *p, size_t n,
	     struct buf *out);

#endif
