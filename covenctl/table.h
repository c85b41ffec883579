/*
 * Tables for people: widths, truncation to the terminal and colour only on
 * one.  libsmartcols sits behind this file alone.
 */
#ifndef COVEN_COVENCTL_TABLE_H
#define COVEN_COVENCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct table;

struct table_column {
	const char	*name;
	bool		 truncate;	/* may be cut to fit a terminal */
};

struct table	*table_new(const struct table_column *, size_t n);
/* One cell a column; copied.  colour: an SGR sequence or NULL, for cell at. */
int		 table_row(struct table *, const char *const *cells, size_t n,
		     size_t at, const char *colour);
/* To standard output; 0 or -errno. */
int		 table_print(struct table *);
/* The same as a string that the caller frees, for this terminal. */
char		*table_text(struct table *);
void		 table_free(struct table *);

#endif
