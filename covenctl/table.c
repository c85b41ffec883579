#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <libsmartcols.h>

#include "common/log.h"
#include "covenctl/table.h"

static struct libscols_table *
as_s(struct table *t)
{
	return (struct libscols_table *)t;
}

struct table *
table_new(const struct table_column *c, size_t n)
{
	struct libscols_table *t = scols_new_table();
	bool tty = isatty(STDOUT_FILENO);

	if (t == NULL)
		fatal("table: out of memory");
	(void)scols_table_set_termforce(t,
	    tty ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
	(void)scols_table_enable_colors(t, tty);
	for (size_t i = 0; i < n; i++)
		if (scols_table_new_column(t, c[i].name, 0,
		    c[i].truncate && tty ? SCOLS_FL_TRUNC : 0) == NULL)
			fatal("table: out of memory");
	return (struct table *)t;
}

int
table_row(struct table *t, const char *const *cells, size_t n, size_t at,
    const char *colour)
{
	struct libscols_line *l = scols_table_new_line(as_s(t), NULL);

	if (l == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		if (scols_line_set_data(l, i, cells[i]) < 0)
			return -ENOMEM;
	if (colour != NULL)
		(void)scols_cell_set_color(scols_line_get_cell(l, at), colour);
	return 0;
}

int
table_print(struct table *t)
{
	(void)scols_table_set_stream(as_s(t), stdout);
	return scols_print_table(as_s(t));
}

char *
table_text(struct table *t)
{
	char *text = NULL;

	if (scols_print_table_to_string(as_s(t), &text) < 0 || text == NULL)
		fatal("table: out of memory");
	return text;
}

void
table_free(struct table *t)
{
	scols_unref_table(as_s(t));
}
