#include "common/conf.h"
#include "common/limits.h"
#include "common/mem.h"

struct limit_row {
	const char	*name;
	long		 value;
	const char	*unit, *why;
};

static const struct limit_row limits[] = {
#define LIMIT(NAME, value, unit, why)	{ #NAME, LIMIT_##NAME, unit, why },
#include "common/limits.def"
#undef LIMIT
};

static void
dump_key(FILE *f, const struct conf_key *k)
{
	fprintf(f, "| `%s` | ", k->key);
	if (k->part && k->type == CONF_TYPE_STR)
		fprintf(f, "none | %zu bytes", k->bytes);
	else if (k->part)
		fprintf(f, "empty | %u to %u", k->min, k->max);
	else if (k->type == CONF_TYPE_U32)
		fprintf(f, "%u | %u to %u", k->def, k->min, k->max);
	else if (k->type == CONF_TYPE_STR)
		fprintf(f, "\"%s\" | ", k->sdef);
	else
		fprintf(f, "empty | %u entries of %zu bytes", k->max,
		    k->bytes);
	/* A '|' would end the cell. */
	for (const char *c = k->choices != NULL ? k->choices : ""; *c; c++)
		fputs(*c == '|' ? ", " : (char[]){ *c, '\0' }, f);
	fprintf(f, " | %s |\n", k->what);
}

void
conf_dump(FILE *f)
{
	const struct conf_key *k;
	size_t n, i;

	fputs("# Limits\n\nPrinted from `common/conf.def` and "
	    "`common/limits.def` by `coven-monitor --dump-limits`.\n\n"
	    "## Configurable\n\nKeys of `coven.toml`; coven.toml(5).\n\n"
	    "| key | default | range | what it does |\n"
	    "| --- | --- | --- | --- |\n", f);
	k = conf_keys(&n);
	for (i = 0; i < n; i++)
		dump_key(f, &k[i]);
	fputs("\n## Fixed\n\n| limit | value | unit | why |\n"
	    "| --- | --- | --- | --- |\n", f);
	for (i = 0; i < nitems(limits); i++)
		fprintf(f, "| %s | %ld | %s | %s |\n", limits[i].name,
		    limits[i].value, limits[i].unit, limits[i].why);
}
