/* The configuration in force, as covenctl config show reads it. */
#include <string.h>

#include "common/conf.h"
#include "common/jsonw.h"
#include "common/mem.h"

static const void *
field(const struct conf *c, const struct conf_key *k)
{
	return (const char *)c + k->offset;
}

/* "id\tentry" is an entry of "harness.id.env". */
static void
put_list(struct jw *j, const struct conf_list *l)
{
	jw_array(j);
	for (size_t i = 0; i < l->n; i++) {
		const char *tab = strchr(l->v[i], '\t');
		autobuf struct buf text = { 0 };

		if (tab != NULL)
			(void)buf_addf(&text, "%.*s: %s",
			    (int)(tab - l->v[i]), l->v[i], tab + 1);
		jw_str(j, tab != NULL ? buf_head(&text) : l->v[i]);
	}
	jw_array_end(j);
}

static void
put_value(struct jw *j, const struct conf *c, const struct conf_key *k)
{
	if (k->part)
		put_list(j, field(c, k));
	else if (k->type == CONF_TYPE_U32)
		jw_u64(j, *(const uint32_t *)field(c, k));
	else if (k->type == CONF_TYPE_STR)
		jw_str(j, *(char *const *)field(c, k));
	else
		put_list(j, field(c, k));
}

static void
put_default(struct jw *j, const struct conf_key *k)
{
	if (k->type == CONF_TYPE_U32 && !k->part)
		jw_u64(j, k->def);
	else if (k->type == CONF_TYPE_STR && !k->part)
		jw_str(j, k->sdef);
	else {
		jw_array(j);
		jw_array_end(j);
	}
}

/* By the mask of sources. */
static const char *const origins[] = { "default", "system", "owner",
    "system, owner" };

void
conf_show(const struct conf *c, FILE *f)
{
	const struct conf_key *k;
	size_t n;

	k = conf_keys(&n);
	for (size_t i = 0; i < n; i++) {
		autobuf struct buf b = { 0 };
		struct jw j;

		jw_init(&j, &b);
		jw_object(&j);
		jw_kstr(&j, "key", k[i].key);
		jw_name(&j, "value");
		put_value(&j, c, &k[i]);
		jw_kstr(&j, "from", c->from[i] < nitems(origins) ?
		    origins[c->from[i]] : "unknown");
		jw_kbool(&j, "locked", c->locked[i] != 0);
		jw_name(&j, "default");
		put_default(&j, &k[i]);
		jw_kstr(&j, "what", k[i].what);
		jw_object_end(&j);
		(void)fprintf(f, "%s\n", buf_head(&b));
	}
}
