/*
 * What a paired token may do.  Its text is a list: "list,read,launch:codex".
 */
#ifndef COVEN_COMMON_SCOPE_H
#define COVEN_COMMON_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

/* What a route needs: one of these is enough. */
enum {
	SCOPE_LIST = 1u << 0,	/* which sessions there are */
	SCOPE_READ = 1u << 1,	/* what they print */
	SCOPE_INPUT = 1u << 2,	/* type into them, end them */
	SCOPE_LAUNCH = 1u << 3,	/* start one of a named harness */
	SCOPE_ANY = (1u << 4) - 1,	/* whatever the token is for */
	SCOPE_OWNER = 0,	/* no paired token at all */
};

#define SCOPES_MAX	1024	/* bytes of the text */

/* May a paired token be called this?  Letters, digits, '.', '_', '-'. */
bool		 pair_name_ok(const char *);

/*
 * The mask of a list; 0 for one that is empty, malformed, names something
 * twice or a harness that no token may launch.
 */
unsigned	 scopes_parse(const char *text);
/* Does a list that parses hold launch:harness? */
bool		 scopes_launch(const char *text, const char *harness);
/* The name of a mask's lowest bit, for people. */
const char	*scope_name(unsigned mask);

#endif
