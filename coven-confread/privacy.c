/* What a privacy.toml asks for, compiled. */
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "coven-confread/confread.h"
#include "redact/compile.h"

struct compiling {
	const struct privacy		*privacy;
	const struct confread_sink	*sink;
};

void
privacy_fini(struct privacy *p)
{
	size_t i;

	for (i = 0; i < p->npatterns; i++)
		free(p->pattern[i]);
	*p = (struct privacy){ 0 };
}

/* Its number is what a person finds in a list, its line in a file. */
static void
on_refused(void *ctx, size_t index, const char *why)
{
	const struct compiling *c = ctx;
	char key[64] = "";
	uint32_t line = 0;

	if (index < c->privacy->npatterns) {
		line = c->privacy->line[index];
		(void)snprintf(key, sizeof(key), "extra_patterns: pattern %zu",
		    index + 1);
	}
	c->sink->error(c->sink->ctx, line, key, why);
}

void
confread_compile(const struct privacy *p, struct buf *image,
    const struct confread_sink *sink)
{
	struct compiling c = { p, sink };
	const char *patterns[PRIVACY_PATTERNS];
	size_t i;

	for (i = 0; i < p->npatterns; i++)
		patterns[i] = p->pattern[i];
	(void)compile_patterns(patterns, p->npatterns, image, on_refused, &c);
}
