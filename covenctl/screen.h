/*
 * What a session prints, on its way to the terminal that it drives.  Only
 * listed sequences pass, each written anew and whole; dropped are all that
 * make a terminal answer or act: queries and reports, DCS, APC, PM, SOS, OSC
 * but the title, window operations, answerback, what prints or locks.
 *
 * A pure function of what came before: chunks may end anywhere.
 */
#ifndef COVEN_COVENCTL_SCREEN_H
#define COVEN_COVENCTL_SCREEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

#define SCREEN_SEQ_MAX		64	/* a CSI sequence's inside */
#define SCREEN_TITLE_MAX	256	/* bytes of a title that pass */

/* A zeroed one is ready for a UTF-8 terminal. */
struct screen {
	bool		eight_bit;	/* not UTF-8: 80-9f are controls */
	bool		silent;		/* broken bytes leave no mark */
	bool		newlines;	/* LF begins a line, as in a file */

	/* its own */
	int		state;
	char		seq[SCREEN_SEQ_MAX];
	size_t		nseq;
	bool		ignored;	/* the sequence is too long */
	char		title[SCREEN_TITLE_MAX + 8];
	size_t		ntitle;
	char		held[4];	/* of a code point */
	size_t		nheld, need;
	char		last;		/* the byte before, for newlines */
	uint32_t	changed;	/* what an end must put back */
};

void	screen_filter(struct screen *, const char *, size_t, struct buf *out);
/* The session no longer drives the terminal: put back what it changed. */
void	screen_end(struct screen *, struct buf *out);

/*
 * The rows of the tables, as the manual page lists them: "CSI A" and the
 * like with a word on what it does; NULL behind the last.
 */
const char	*screen_row(size_t i, const char **what);

/* All that screen_end could write, for where the state is not at hand. */
extern const char screen_reset[];

#endif
