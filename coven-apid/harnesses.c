/* The harnesses that the monitor has configured. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "coven-apid/apid.h"

int
harness_on_row(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;
	struct msg_bin in = msg->harness.harness;
	struct harness *h;
	union msg_any row;

	(void)fd;
	if (apid->nharnesses == LIMIT_HARNESSES)
		return chan_blame(c, "over %d harnesses", LIMIT_HARNESSES);
	h = &apid->harnesses[apid->nharnesses];
	h->bytes = mem_dup(in.p, in.len);
	if (msg_decode_exact(h->bytes, in.len, MSG_HARNESS_ROW, &row) < 0) {
		free(steal(&h->bytes));
		return chan_blame(c, "a malformed harness");
	}
	h->row = row.harness_row;
	apid->nharnesses++;
	return 0;
}

static const struct msg_harness_row *
configured(const struct apid *apid, const char *id)
{
	size_t i;

	for (i = 0; i < apid->nharnesses; i++)
		if (strcmp(apid->harnesses[i].row.id, id) == 0)
			return &apid->harnesses[i].row;
	return NULL;
}

const struct msg_harness_row *
harness_find(const struct apid *apid, const char *id)
{
	const struct msg_harness_row *h = configured(apid, id), *rows;
	size_t i, n;

	if (h != NULL)
		return h;
	rows = harness_builtins(&n);
	for (i = 0; i < n; i++)
		if (strcmp(rows[i].id, id) == 0)
			return &rows[i];
	return NULL;
}

static void
add_name(struct buf *out, const char *id)
{
	if (buf_left(out) != 0)
		(void)buf_adds(out, ", ");
	(void)buf_adds(out, id);
}

void
harness_names(const struct apid *apid, struct buf *out)
{
	const struct msg_harness_row *rows;
	size_t i, n;

	rows = harness_builtins(&n);
	for (i = 0; i < n; i++)
		add_name(out, rows[i].id);
	for (i = 0; i < apid->nharnesses; i++)
		if (!apid->harnesses[i].row.builtin)
			add_name(out, apid->harnesses[i].row.id);
}
