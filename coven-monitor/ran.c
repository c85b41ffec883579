#include <stdlib.h>

#include "common/mem.h"
#include "coven-monitor/ran.h"

/* The 32 digits of a UUID, which the caller has checked. */
static struct ran_id
parse(const char *id)
{
	struct ran_id r = { { 0, 0 } };
	unsigned i = 0;

	for (; *id != '\0' && i < 32; id++) {
		unsigned digit = *id >= 'a' ? (unsigned)(*id - 'a') + 10 :
		    (unsigned)(*id - '0');

		if (*id == '-')
			continue;
		r.half[i / 16] = r.half[i / 16] << 4 | (digit & 15);
		i++;
	}
	return r;
}

void
ran_add(struct ran *r, const char *id)
{
	if (r->n < RAN_MAX && (r->n & (r->n - 1)) == 0)
		r->ids = mem_realloc(r->ids, r->n != 0 ? 2 * r->n : 1,
		    sizeof(*r->ids));
	r->ids[r->next] = parse(id);
	r->next = (r->next + 1) % RAN_MAX;
	if (r->n < RAN_MAX)
		r->n++;
}

bool
ran_has(const struct ran *r, const char *id)
{
	const struct ran_id want = parse(id);
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->ids[i].half[0] == want.half[0] &&
		    r->ids[i].half[1] == want.half[1])
			return true;
	return false;
}

void
ran_fini(struct ran *r)
{
	free(r->ids);
	*r = (struct ran){ 0 };
}
