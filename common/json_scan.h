/*
 * The lexical half of JSON (RFC 8259), in front of json-c.  Its strict mode is
 * not used: in 0.18 that refuses every byte beyond ASCII.  What json-c 0.16
 * accepts even in strict mode and this refuses: NaN and Infinity, 'single
 * quotes', control bytes in strings, lone surrogates (they become U+FFFD),
 * numbers like 01 and 1., integers beyond 64 bits (they saturate), 1e400,
 * and names that hold \u0000 (they are cut off there).  Besides: comments and
 * a comma before a closing bracket.  The rest of the structure is left to
 * json-c, and so is a name given twice: json-c keeps the last, so the caller
 * counts the members again and compares.
 */
#ifndef COVEN_COMMON_JSON_SCAN_H
#define COVEN_COMMON_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

enum { JSON_SCAN_BAD = 1 };

struct json_scan {
	size_t		 max_values;	/* members and elements; 0: any */
	/* found */
	size_t		 members;	/* of all objects together */
	uint32_t	 line;		/* of the fault; 0: not known */
	const char	*fault;		/* a static text */
};

/*
 * 0 and the members, or JSON_SCAN_BAD with what is wrong and where.  Nesting
 * is bounded by LIMIT_JSON_DEPTH; nothing here recurses.
 */
int	json_scan(struct json_scan *, const char *p, size_t n);

#endif
