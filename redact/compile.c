/*
 * Vectorscan's compiler, behind an interface of ours.
 */
#include <ctype.h>
#include <hs_compile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "redact/begins.h"
#include "redact/compile.h"
#include "redact/kinds.h"
#include "redact/redact.h"

#define EXTRA_FLAGS	(HS_FLAG_SOM_LEFTMOST | HS_FLAG_MULTILINE)
#define EXTRA_MODE	(HS_MODE_STREAM | HS_MODE_SOM_HORIZON_LARGE)

struct compiling {
	compile_refuse	*refuse;
	void		*ctx;
	size_t		 npatterns, refused;
};

static void
refuse(struct compiling *c, size_t index, const char *why)
{
	c->refused++;
	c->refuse(c->ctx, index, why);
}

/* The library's sentence ends in a full stop, ours do not. */
static void
refuse_error(struct compiling *c, size_t index, hs_compile_error_t *e)
{
	char why[512];
	size_t n;

	(void)snprintf(why, sizeof(why), "%s", e->message);
	n = strlen(why);
	if (n != 0 && why[n - 1] == '.')
		why[n - 1] = '\0';
	refuse(c, e->expression >= 0 && index == c->npatterns ?
	    (size_t)e->expression : index, why);
	(void)hs_free_compile_error(e);
}

/* --- the database as it lies in memory --- */

static int
append(hs_database_t *db, struct buf *image, uint32_t *at, uint32_t *len)
{
	static const char zeros[REDACT_ALIGN];
	size_t pad = -buf_left(image) % REDACT_ALIGN, size, n;
	autofree char *bytes = NULL;
	void *room = NULL;
	int r = -1;

	if (hs_serialize_database(db, &bytes, &n) != HS_SUCCESS ||
	    hs_serialized_database_size(bytes, n, &size) != HS_SUCCESS ||
	    posix_memalign(&room, REDACT_ALIGN, size) != 0)
		return -1;
	memset(room, 0, size);
	if (hs_deserialize_database_at(bytes, n, room) == HS_SUCCESS &&
	    buf_add(image, zeros, pad) == 0) {
		*at = (uint32_t)buf_left(image);
		*len = (uint32_t)size;
		r = buf_add(image, room, size);
	}
	free(room);
	return r;
}

static void
add_database(struct compiling *c, hs_database_t *db, struct buf *image,
    uint32_t *at, uint32_t *len)
{
	if (append(db, image, at, len) != 0)
		refuse(c, c->npatterns, "no memory for the patterns");
	(void)hs_free_database(db);
}

/* --- what we know --- */

static void
compile_shapes(struct compiling *c, struct buf *image, struct redact_head *h)
{
	const char *leads[SHAPE_ID__COUNT];
	unsigned flags[SHAPE_ID__COUNT], ids[SHAPE_ID__COUNT], i;
	hs_database_t *db = NULL;
	hs_compile_error_t *e = NULL;

	for (i = 0; i < SHAPE_ID__COUNT; i++) {
		leads[i] = shapes[i].lead;
		flags[i] = (shapes[i].flags & SHAPE_CASELESS) ?
		    HS_FLAG_CASELESS : 0;
		ids[i] = i;
	}
	if (hs_compile_multi(leads, flags, ids, i, HS_MODE_STREAM, NULL, &db,
	    &e) != HS_SUCCESS) {
		e->expression = -1;
		refuse_error(c, c->npatterns, e);
		return;
	}
	add_database(c, db, image, &h->leads_at, &h->leads_len);
}

/* --- what the owner adds --- */

/*
 * Can a match hold a newline?  Said without reading the pattern as the
 * library does, so yes whenever it might: a wrong yes costs a little delay.
 */
static bool
may_cross(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < 0x20)
			return true;
		if (*s == '[' && (s[1] == '^' || s[1] == '['))
			return true;
		if (*s == '(' && s[1] == '?' && s[2] != ':')
			return true;
		if (*s != '\\')
			continue;
		s++;
		if (*s == '\0')
			break;
		if (isalnum((unsigned char)*s) && strchr("dwbB", *s) == NULL)
			return true;
	}
	return false;
}

/* Each alone, so that every bad one is told of, not only the first. */
static bool
compiles(struct compiling *c, const char *pattern, size_t i)
{
	hs_compile_error_t *e = NULL;
	hs_database_t *db = NULL;

	if (hs_compile(pattern, EXTRA_FLAGS, EXTRA_MODE, NULL, &db, &e) !=
	    HS_SUCCESS) {
		refuse_error(c, i, e);
		return false;
	}
	(void)hs_free_database(db);
	return true;
}

static void
look_at(struct compiling *c, const char *pattern, size_t i,
    struct redact_head *h)
{
	hs_expr_info_t *info = NULL;
	hs_compile_error_t *e = NULL;
	unsigned width;

	if (!compiles(c, pattern, i))
		return;
	if (hs_expression_info(pattern, EXTRA_FLAGS, &info, &e) !=
	    HS_SUCCESS) {
		refuse_error(c, i, e);
		return;
	}
	width = info->max_width < REDACT_HELD ? info->max_width + 1 :
	    REDACT_HELD;
	free(info);
	if (width > h->window)
		h->window = width;
	h->crosses |= may_cross(pattern);
}

/*
 * A convenience, so nothing is refused for it: without it more has to wait.
 */
static void
compile_begins(struct compiling *c, const char *const *patterns,
    struct buf *image, struct redact_head *h)
{
	char *begins[COMPILE_EXTRA] = { NULL };
	unsigned flags[COMPILE_EXTRA], ids[COMPILE_EXTRA], i;
	hs_compile_error_t *e = NULL;
	hs_database_t *db = NULL;
	int r = 0;

	for (i = 0; r == 0 && i < c->npatterns; i++) {
		autobuf struct buf b = { 0 };

		r = begins_of(patterns[i], &b);
		begins[i] = mem_strdup(buf_head(&b));
		flags[i] = EXTRA_FLAGS;
		ids[i] = i;
	}
	if (r == 0 && hs_compile_multi((const char *const *)begins, flags,
	    ids, i, HS_MODE_BLOCK, NULL, &db, &e) == HS_SUCCESS)
		add_database(c, db, image, &h->begins_at, &h->begins_len);
	else if (e != NULL)
		(void)hs_free_compile_error(e);
	while (i-- > 0)
		free(begins[i]);
}

static void
compile_extra(struct compiling *c, const char *const *patterns,
    struct buf *image, struct redact_head *h)
{
	unsigned flags[COMPILE_EXTRA], ids[COMPILE_EXTRA], i;
	hs_database_t *db = NULL;
	hs_compile_error_t *e = NULL;

	for (i = 0; i < c->npatterns; i++) {
		flags[i] = EXTRA_FLAGS;
		ids[i] = i;
		look_at(c, patterns[i], i, h);
	}
	if (c->refused != 0 || c->npatterns == 0)
		return;
	if (hs_compile_multi(patterns, flags, ids, i, EXTRA_MODE, NULL, &db,
	    &e) != HS_SUCCESS) {
		refuse_error(c, c->npatterns, e);
		return;
	}
	h->patterns = i;
	add_database(c, db, image, &h->extra_at, &h->extra_len);
	compile_begins(c, patterns, image, h);
}

int
compile_patterns(const char *const *patterns, size_t n, struct buf *image,
    compile_refuse *cb, void *ctx)
{
	struct compiling c = { .refuse = cb, .ctx = ctx, .npatterns = n };
	struct redact_head head = { .magic = REDACT_MAGIC };
	size_t at = image->len;

	if (n > COMPILE_EXTRA) {
		refuse(&c, COMPILE_EXTRA, "there are more than 64 patterns");
		return COMPILE_BAD;
	}
	if (hs_valid_platform() != HS_SUCCESS) {
		refuse(&c, n, "this processor is too old for the library that "
		    "looks for secrets (x86 needs SSE4.2)");
		return COMPILE_BAD;
	}
	(void)buf_add(image, &head, sizeof(head));
	compile_shapes(&c, image, &head);
	compile_extra(&c, patterns, image, &head);
	memcpy(image->data + at, &head, sizeof(head));
	return c.refused == 0 ? 0 : COMPILE_BAD;
}
