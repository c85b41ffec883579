/* Archives of what sessions wrote: listed, looked at, removed. */
#include "common/mem.h"
#include "coven-stored/page.h"
#include "coven-stored/stored.h"

static int
put_archive(void *ctx, const struct msg_archive_row *row)
{
	struct page *p = ctx;
	int r;

	if (p->rows == p->limit) {
		p->more = true;
		return 1;
	}
	r = msg_encode(&p->out, MSG_ARCHIVE_ROW, row);
	if (r == 0)
		p->rows++;
	return r;
}

int
archives_reply(struct stored *s, struct asked *asked,
    const struct msg_archive_list *m)
{
	struct page page;
	int r;

	page_init(&page, s->store);
	page.limit = m->limit != 0 && m->limit < LIMIT_PAGE_ARCHIVES ?
	    m->limit : LIMIT_PAGE_ARCHIVES;
	/* One further row says whether more exist. */
	r = store_archives(s->store, m->before_ns, m->before_id,
	    page.limit + 1, put_archive, &page);
	if (r == 0)
		stored_reply_rows(s, asked, STORE_OK, &page.out, page.rows,
		    page.more);
	page_fini(&page);
	return r;
}

int
archive_reply(struct stored *s, struct asked *asked, const char *id)
{
	struct page page;
	int r;

	page_init(&page, s->store);
	page.limit = 1;
	r = store_archive_get(s->store, id, put_archive, &page);
	if (r >= 0)
		stored_reply_rows(s, asked, (enum store_code)r, &page.out,
		    page.rows, false);
	page_fini(&page);
	return r < 0 ? r : 0;
}

/* --- removed ------------------------------------------------------------- */

int
on_archive_drop(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_archive_drop *m = &msg->archive_drop;
	struct job *j = job_new(c->ctx, JOB_ARCHIVE_DROP, NULL);

	(void)fd;
	j->asked = (struct asked){ true, m->tag };
	j->id = mem_strdup(m->id);
	j->actor = mem_strdup(m->actor);
	return 0;
}

/* From now on nobody is told of it; its file is the next step's to remove. */
int
archive_drop_apply(struct stored *s, struct job *j)
{
	struct audit_entry e = { .verb = AUDIT_ARCHIVE_DELETE,
	    .session = j->id, .actor = j->actor, .detail = "requested" };
	int r = store_archive_drop(s->store, j->id);

	if (r < 0)
		return r;
	j->code = r > 0 ? STORE_NOT_FOUND : STORE_OK;
	return r > 0 ? 0 : store_audit(s->store, &e);
}

void
archive_drop_done(struct stored *s, struct job *j)
{
	stored_reply(s, &j->asked, j->code, NULL);
	phases_wake(s);
}
