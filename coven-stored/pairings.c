/*
 * Paired tokens, as apid asks for them.  It makes them and verifies them; that
 * one is good at all is on record here, together with who made it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/scope.h"
#include "common/token.h"
#include "coven-stored/stored.h"

#define DAY_NS	(UINT64_C(86400) * 1000000000)

/* --- what changes -------------------------------------------------------- */

static int
audit(struct stored *s, enum audit_verb verb, const struct job *j,
    const char *detail)
{
	struct audit_entry e = { .verb = verb, .actor = j->actor,
	    .detail = detail };

	return store_audit(s->store, &e);
}

/* A row as PAIR_ROW lies in the job's data. */
static int
row_of(const struct job *j, struct msg_pair_row *row)
{
	union msg_any any;

	if (msg_decode_exact(j->data, j->len, MSG_PAIR_ROW, &any) != 0)
		return -EINVAL;
	*row = any.pair_row;
	return 0;
}

int
pair_apply(struct stored *s, struct job *j)
{
	char detail[AUDIT_DETAIL_MAX], until[RFC3339_LEN];
	struct msg_pair_row row;
	int r = row_of(j, &row);

	if (r == 0)
		r = store_pair(s->store, &row);
	j->code = r > 0 ? (enum store_code)r : STORE_OK;
	if (r != 0)
		return r < 0 ? r : 0;
	clock_format(row.expires_ns, until);
	(void)snprintf(detail, sizeof(detail), "paired token %s, until %s: "
	    "%s", row.name, until, row.scopes);
	return audit(s, AUDIT_TOKEN_ISSUE, j, detail);
}

int
unpair_apply(struct stored *s, struct job *j)
{
	char detail[AUDIT_DETAIL_MAX];
	int r = store_unpair(s->store, j->id);

	j->code = r > 0 ? (enum store_code)r : STORE_OK;
	if (r != 0)
		return r < 0 ? r : 0;
	(void)snprintf(detail, sizeof(detail), "paired token %s, revoked",
	    j->id);
	return audit(s, AUDIT_TOKEN_END, j, detail);
}

int
pair_used_apply(struct stored *s, struct job *j)
{
	return store_pair_used(s->store, j->id, j->time_ns);
}

void
pair_done(struct stored *s, struct job *j)
{
	stored_reply(s, &j->asked, j->code, NULL);
}

void
unpair_done(struct stored *s, struct job *j)
{
	s->nunpairs--;
	stored_reply(s, &j->asked, j->code, NULL);
}

void
unpair_refuse(struct stored *s, struct job *j)
{
	j->code = STORE_ERROR;
	unpair_done(s, j);
}

int
on_pair_add(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_pair_add *m = &msg->pair_add;
	autobuf struct buf b = { 0 };
	struct stored *s = c->ctx;
	struct asked asked = { true, m->tag };
	struct msg_pair_row row = { .name = m->name, .digest = m->digest,
	    .scopes = m->scopes, .expires_ns = m->expires_ns };
	struct job *j;

	(void)fd;
	if (!pair_name_ok(m->name) || scopes_parse(m->scopes) == 0 ||
	    m->digest.len != DIGEST_LEN)
		return chan_blame(c, "a token that may not be paired");
	row.created_ns = clock_wall_ns();
	/* The clock may have been set between the two of us. */
	if (row.expires_ns <= row.created_ns ||
	    row.expires_ns - row.created_ns > s->pair_max_days * DAY_NS) {
		stored_reply(s, &asked, STORE_ERROR,
		    "the token's time is over, or too long");
		return 0;
	}
	j = job_new(s, JOB_PAIR, NULL);
	j->asked = asked;
	j->actor = mem_strdup(m->actor);
	if (msg_encode(&b, MSG_PAIR_ROW, &row) < 0)
		fatal("pair: the row cannot be encoded");
	job_give(s, j, &b.data, b.len);
	b = (struct buf){ 0 };
	return 0;
}

/* It may use the reserve, so there are never more than there are tokens. */
int
on_pair_revoke(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_pair_revoke *m = &msg->pair_revoke;
	struct asked asked = { true, m->tag };
	struct stored *s = c->ctx;
	struct job *j;

	(void)fd;
	if (s->nunpairs >= LIMIT_PAIRINGS) {
		stored_reply(s, &asked, STORE_UNAVAILABLE,
		    "too many revocations wait");
		return 0;
	}
	s->nunpairs++;
	j = job_new(s, JOB_UNPAIR, NULL);
	j->asked = asked;
	j->id = mem_strdup(m->name);
	j->actor = mem_strdup(m->actor);
	return 0;
}

int
on_pair_used(struct chan *c, const union msg_any *msg, int *fd)
{
	struct job *j = job_new(c->ctx, JOB_PAIR_USED, NULL);

	(void)fd;
	j->id = mem_strdup(msg->pair_used.name);
	return 0;
}

/* --- what is asked ------------------------------------------------------- */

struct list {
	struct buf	 rows;
	uint32_t	 n;
};

static int
add_row(void *ctx, const struct msg_pair_row *row)
{
	struct list *l = ctx;

	l->n++;
	return msg_encode(&l->rows, MSG_PAIR_ROW, row);
}

int
pairs_reply(struct stored *s, struct asked *asked)
{
	struct list l = { .n = 0 };
	int r = store_pairs(s->store, add_row, &l);

	if (r == 0)
		stored_reply_rows(s, asked, STORE_OK, &l.rows, l.n, false);
	buf_fini(&l.rows);
	return r;
}
