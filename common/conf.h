/*
 * The configuration: keys from common/conf.def, their values, and the checks
 * that both the reader of a file and the receiver of its rows make.
 */
#ifndef COVEN_COMMON_CONF_H
#define COVEN_COMMON_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/msg.h"

#ifdef __cplusplus
extern "C" {
#endif

#define CONF_KEY_MAX	128	/* of the table */
#define CONF_PART_MAX	1025	/* what a '*' or '@' stood for, with its NUL */
#define CONF_NAME_MAX	1152	/* CONF_ROW.key: with that in it */
#define CONF_WHY_MAX	512

/* CONF_ROW.type.  A lock carries no value. */
enum conf_type {
	CONF_TYPE_U32,
	CONF_TYPE_STR,
	CONF_TYPE_LIST,
	CONF_TYPE_LOCK,
};

/* The form of a list's entries. */
enum conf_entry {
	ENTRY_NONE,
	ENTRY_PATH,	/* absolute, no "." or ".." component */
	ENTRY_ENV,	/* a variable's name */
	ENTRY_NAME,	/* letters, digits, '.', '_', '-' */
	ENTRY_HOST,	/* common/net_rule.h */
	ENTRY_DENY,
	ENTRY_ADDRESS,
	ENTRY_ECH,
	ENTRY_WORD,	/* of a command */
	ENTRY_GIT,
	ENTRY_URL,	/* common/net_upstream.h */
	ENTRY_ROUTE,
	ENTRY_UPSTREAM,
	ENTRY_PROTECT,	/* a row of protect.def, after "PROJECT:" or alone */
};

enum conf_id {
#define CONF_U32(f, ...)	CONF_ID_##f,
#define CONF_STR(f, ...)	CONF_ID_##f,
#define CONF_LIST(f, ...)	CONF_ID_##f,
#define CONF_PART(f, ...)	CONF_ID_##f,
#define CONF_TEXT(f, ...)	CONF_ID_##f,
#include "common/conf.def"
#undef CONF_U32
#undef CONF_STR
#undef CONF_LIST
#undef CONF_PART
#undef CONF_TEXT
	CONF_ID__COUNT
};

struct conf_list {
	char	**v;
	size_t	 n;
};

/* Where a row came from.  Only the system's file can lock a key. */
enum conf_source { CONF_SYSTEM, CONF_OWNER };

struct conf {
#define CONF_U32(f, ...)	uint32_t f;
#define CONF_STR(f, ...)	char *f;
#define CONF_LIST(f, ...)	struct conf_list f;
#define CONF_PART(f, ...)	struct conf_list f;
#define CONF_TEXT(f, ...)	struct conf_list f;
#include "common/conf.def"
#undef CONF_U32
#undef CONF_STR
#undef CONF_LIST
#undef CONF_PART
#undef CONF_TEXT
	uint8_t	locked[CONF_ID__COUNT];
	uint8_t	from[CONF_ID__COUNT];	/* mask of 1 << enum conf_source */
};

struct conf_key {
	const char	*key;
	enum conf_type	 type;
	uint32_t	 def, min, max;	/* U32; LIST: max entries */
	size_t		 bytes;		/* longest string or entry */
	const char	*sdef;		/* STR */
	const char	*choices;	/* STR: "a|b" */
	enum conf_entry	 entry;
	bool		 part;		/* U32, STR: kept as a list, by name */
	const char	*what;
	size_t		 offset;	/* in struct conf */
};

/* Named outcomes. */
enum {
	CONF_UNKNOWN = 1,	/* no such key */
	CONF_BAD_TYPE = 2,
	CONF_BAD_VALUE = 3,
	CONF_FULL = 4,		/* more entries than the list holds */
	CONF_LOCKED = 5,	/* by the system's file */
};

const struct conf_key	*conf_keys(size_t *count);
const char		*conf_type_name(enum conf_type);

/*
 * The row that a key belongs to, or NULL.  part, when not NULL, gets what a
 * '*' stood for ("" where there is none).  "harness.*.env" itself is found
 * only when pattern is allowed: a lock may name all of them.
 */
const struct conf_key	*conf_find(const char *key, char part[CONF_PART_MAX],
			    int pattern);

/*
 * The known key that was probably meant, written to out; NULL when nothing
 * is near.
 */
const char	*conf_nearest(const char *key, char out[CONF_KEY_MAX + 1]);

/*
 * Is this row a key of the table with a value of its type, form and range?
 * 0 or a named outcome, with a sentence that starts with no key in why
 * (CONF_WHY_MAX bytes).
 */
int	conf_check(const struct msg_conf_row *, char *why);

/* Defaults; conf_fini frees what rows added and may be followed by init. */
void	conf_init(struct conf *);
void	conf_fini(struct conf *);

/*
 * Check a row again (its sender parsed a hostile file) and put it in force.
 * Apply the system's rows first: those that it locks are refused afterwards.
 * 0 or a named outcome with a sentence in why.
 */
int	conf_apply(struct conf *, const struct msg_conf_row *,
	    enum conf_source, char *why);

/* Is text one of the entries? */
int	conf_list_has(const struct conf_list *, const char *text);

/*
 * The next entry of a '*' list that belongs to this part, from *at on, or
 * NULL.  Start with *at = 0.
 */
const char	*conf_part_next(const struct conf_list *, const char *part,
		    size_t *at);

/* The last one, which is the one that holds, or NULL. */
const char	*conf_part_last(const struct conf_list *, const char *part);

/*
 * Print what is in force: a JSON object a line, with key, value, from
 * ("default", "system", "owner", or "system, owner" for a list), locked,
 * default and what.
 */
void	conf_show(const struct conf *, FILE *);

/* Print doc/LIMITS.md: every key and every fixed limit. */
void	conf_dump(FILE *);

#ifdef __cplusplus
}
#endif

#endif
