/*
 * Where the project's protected names lead by links of its own: what lies
 * there is executed under their names.  Of the project's root alone, and by
 * links that say the way from where they lie.
 */
#include <string.h>

#include "common/mem.h"
#include "common/protect.h"
#include "common/protect_way.h"
#include "coven-applier/applier.h"

#define LED_MAX	((size_t)1 << 20)

static int
note(void *ctx, const char *path, bool link)
{
	struct applier *a = ctx;

	(void)link;
	return protect_covers(path) ? 0 :
	    buf_add(&a->led, path, strlen(path) + 1);
}

int
lead_find(struct applier *a)
{
	static struct protect_way way;
	size_t i;
	int r = 0;

	a->led.max = LED_MAX;
	way.root = a->project;
	way.each = note;
	way.ctx = a;
	for (i = 0; r == 0 && i < protect_count; i++)
		r = protect_follow(&way, protect_rows[i].path);
	return r < 0 ? fail(a, r, "follow its protected names") : 0;
}

static bool
lies_in(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 &&
	    (path[n] == '/' || path[n] == '\0');
}

bool
lead_covers(const struct applier *a, const char *path, bool above)
{
	const char *p = buf_head(&a->led), *end = p + buf_left(&a->led);

	for (; p < end; p += strlen(p) + 1)
		if (lies_in(path, p) || (above && lies_in(p, path)))
			return true;
	return false;
}
