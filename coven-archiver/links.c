#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-archiver/links.h"

#define SLOTS	((size_t)2 * LINKS_MAX)

static const char forgotten[] = "";

/* Inode numbers are the payload's to choose from, within what it can make. */
static struct link_slot *
slot_of(struct links *l, const struct stat *st)
{
	uint64_t h = ((uint64_t)st->st_ino ^ (uint64_t)st->st_dev << 32) *
	    UINT64_C(0x9e3779b97f4a7c15);
	size_t i = (size_t)(h >> 32) % SLOTS;

	while (l->slots[i].path != NULL && (l->slots[i].ino != st->st_ino ||
	    l->slots[i].dev != st->st_dev))
		i = (i + 1) % SLOTS;
	return &l->slots[i];
}

static char *
keep(struct links *l, const char *path)
{
	l->bytes += strlen(path) + 1;
	return mem_strdup(path);
}

const char *
links_find(struct links *l, const struct stat *st, const char *path)
{
	struct link_slot *s;

	if (l->slots == NULL)
		l->slots = mem_zalloc(SLOTS, sizeof(*l->slots));
	s = slot_of(l, st);
	if (s->path != NULL && s->path[0] != '\0')
		return s->path;
	if (l->bytes >= LINKS_BYTES || (s->path == NULL && l->n == LINKS_MAX))
		return NULL;
	l->n += s->path == NULL;
	free(s->path);
	*s = (struct link_slot){ st->st_dev, st->st_ino, keep(l, path) };
	return NULL;
}

void
links_forget(struct links *l, const struct stat *st)
{
	struct link_slot *s;

	if (l->slots == NULL)
		return;
	s = slot_of(l, st);
	if (s->path == NULL)
		return;
	l->bytes -= strlen(s->path) + 1;
	free(s->path);
	s->path = mem_strdup(forgotten);
}

void
links_free(struct links *l)
{
	size_t i;

	for (i = 0; l->slots != NULL && i < SLOTS; i++)
		free(l->slots[i].path);
	free(l->slots);
	*l = (struct links){ 0 };
}
