/*
 * The audit trail: one chain.  The digest of a record covers the digest of
 * the one before it, so that whoever knows a later digest knows them all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "coven-stored/sqlite.h"
#include "coven-stored/store.h"
#include "coven-stored/store_internal.h"

#define SESSION_MAX	4096

/* --- what is kept is text ------------------------------------------------ */

/*
 * A copy of at most size - 1 bytes, cut between code points.  What is no
 * text is written as its number: the record is read by people and is JSON
 * for programs, and must come back from both as the digest saw it.
 */
static void
clean(const char *s, char *out, size_t size)
{
	size_t n = strlen(s), i = 0, len = 0, run, bad;

	while (i < n) {
		unsigned char c = (unsigned char)s[i];
		char shown[5] = { (char)c };

		run = 1;
		if (c >= 0x80 && (run = utf8_run(s + i, n - i, &bad)) != 0)
			/* One code point, not the run: it may not all fit. */
			run = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
		if (run == 0 || c < 0x20 || c == 0x7f) {
			(void)snprintf(shown, sizeof(shown), "\\x%02x", c);
			run = 0;
		}
		if (len + (run != 0 ? run : 4) >= size)
			break;
		memcpy(out + len, run != 0 ? s + i : shown, run != 0 ? run : 4);
		len += run != 0 ? run : 4;
		i += run != 0 ? run : 1;
	}
	out[len] = '\0';
}

/* "" and NULL are none. */
static const char *
clean_opt(const char *s, char *out, size_t size)
{
	if (s == NULL || *s == '\0')
		return NULL;
	clean(s, out, size);
	return out;
}

/* --- append -------------------------------------------------------------- */

static int
add(struct store *s, const struct audit_record *r)
{
	struct chain next = { .n = r->n, .next = r->n + 1 };
	int e;

	memcpy(next.digest, s->chain.digest, DIGEST_LEN);
	audit_chain_next(next.digest, r);
	e = db_run(s->db, SQL_AUDIT_ADD, "iissssb", (int64_t)r->n,
	    (int64_t)r->at_ns, r->verb, r->session, r->actor, r->detail,
	    next.digest, (size_t)DIGEST_LEN);
	if (e == 0)
		s->chain = next;
	return e;
}

int
store_audit(struct store *s, const struct audit_entry *e)
{
	char session[SESSION_MAX + 1], actor[AUDIT_ACTOR_MAX + 1];
	char detail[AUDIT_DETAIL_MAX + 1];
	struct audit_record r = {
		.n = s->chain.next,
		.at_ns = e->at_ns != 0 ? e->at_ns : clock_wall_ns(),
		.verb = audit_verb_row(e->verb)->name,
		.session = clean_opt(e->session, session, sizeof(session)),
		.actor = clean_opt(e->actor, actor, sizeof(actor)),
		.detail = detail,
	};

	clean(e->detail != NULL ? e->detail : "", detail, sizeof(detail));
	return add(s, &r);
}

struct text {
	char	*text;
};

static int
on_text(void *ctx, const struct db_row *row)
{
	struct text *t = ctx;

	t->text = mem_strdup(db_text(row, 0, NULL));
	return 1;
}

int
store_audit_config(struct store *s, const struct audit_entry *entry)
{
	struct audit_entry e = *entry;
	struct text last = { NULL };
	char detail[AUDIT_DETAIL_MAX + 1];
	const char *blank;
	int r;

	clean(e.detail != NULL ? e.detail : "", detail, sizeof(detail));
	/* "FILE DIGEST": of the same file, blanks in its name included. */
	blank = strrchr(detail, ' ');
	r = db_query(s->db, SQL_AUDIT_CONFIG, on_text, &last, "t", detail,
	    blank != NULL ? (size_t)(blank + 1 - detail) : strlen(detail));
	e.verb = last.text != NULL && strcmp(last.text, detail) != 0 ?
	    AUDIT_CONFIG_CHANGE : AUDIT_CONFIG_READ;
	free(last.text);
	return r < 0 ? r : store_audit(s, &e);
}

/* --- reading ------------------------------------------------------------- */

void
store_audit_head(const struct store *s, struct audit_head *out)
{
	*out = (struct audit_head){ .count = s->durable_chain.n };
	memcpy(out->chain, s->chain_id, sizeof(out->chain));
	memcpy(out->digest, s->durable_chain.digest, sizeof(out->digest));
}

struct audit_walk {
	store_audit_cb	*cb;
	void		*ctx;
};

static const char *
text_or_null(const struct db_row *row, int column)
{
	return db_is_null(row, column) ? NULL : db_text(row, column, NULL);
}

static int
on_record(void *ctx, const struct db_row *row)
{
	struct audit_walk *w = ctx;
	struct audit_record r = {
		.n = (uint64_t)db_int(row, 0),
		.at_ns = (uint64_t)db_int(row, 1),
		.verb = db_text(row, 2, NULL),
		.session = text_or_null(row, 3),
		.actor = text_or_null(row, 4),
		.detail = db_text(row, 5, NULL),
	};

	return w->cb(w->ctx, &r, db_blob(row, 6, DIGEST_LEN));
}

int
store_audit_page(struct store *s, uint64_t after, uint32_t limit,
    store_audit_cb *cb, void *ctx)
{
	struct audit_walk w = { .cb = cb, .ctx = ctx };

	return db_query(s->db, SQL_AUDIT_PAGE, on_record, &w, "ii",
	    (int64_t)(after > INT64_MAX ? INT64_MAX : after),
	    (int64_t)limit);
}

/* --- open ---------------------------------------------------------------- */

static int
on_last(void *ctx, const struct db_row *row)
{
	struct chain *c = ctx;
	const void *digest = db_blob(row, 1, DIGEST_LEN);

	c->n = (uint64_t)db_int(row, 0);
	/* Without one it was not this program that wrote it: verify tells. */
	if (digest != NULL)
		memcpy(c->digest, digest, DIGEST_LEN);
	return 1;
}

static int
on_int(void *ctx, const struct db_row *row)
{
	*(int64_t *)ctx = db_int(row, 0);
	return 1;
}

/* The chain's name, made once. */
static int
load_id(struct store *s)
{
	static const char *const names[] = { "chain_0", "chain_1" };
	size_t i;
	int r;

	for (i = 0; i < nitems(names); i++) {
		int64_t half = 0;

		r = db_query(s->db, SQL_META_GET, on_int, &half, "s",
		    names[i]);
		if (r == 0 && half == 0) {
			arc4random_buf(&half, sizeof(half));
			half |= 1;	/* 0 is "not there yet" */
			r = db_run(s->db, SQL_META_SET, "si", names[i], half);
		}
		if (r < 0)
			return r;
		memcpy(s->chain_id + i * sizeof(half), &half, sizeof(half));
	}
	return 0;
}

static int
load_end(struct store *s)
{
	int64_t given = 0;
	int r;

	audit_chain_start(s->chain_id, s->chain.digest);
	r = db_query(s->db, SQL_AUDIT_LAST, on_last, &s->chain, "");
	if (r == 0)
		r = db_query(s->db, SQL_AUDIT_GIVEN, on_int, &given, "");
	s->chain.next = s->chain.n + 1;
	/* Records that were removed leave a gap for verify to find. */
	if ((uint64_t)given >= s->chain.next)
		s->chain.next = (uint64_t)given + 1;
	return r;
}

/* --- records of schema 1, which had no digests --------------------------- */

#define CHAIN_BATCH	256

struct old_record {
	uint64_t	 n;
	char		*session, *detail;	/* as text, see clean() */
	uint8_t		 digest[DIGEST_LEN];
};

struct rechain {
	uint8_t			digest[DIGEST_LEN];	/* of the last one */
	size_t			n;
	struct old_record	v[CHAIN_BATCH];
};

static int
on_unchained(void *ctx, const struct audit_record *in, const uint8_t *digest)
{
	char session[SESSION_MAX + 1], detail[AUDIT_DETAIL_MAX + 1];
	struct rechain *c = ctx;
	struct old_record *o = &c->v[c->n++];
	struct audit_record r = *in;

	(void)digest;
	r.session = clean_opt(in->session, session, sizeof(session));
	clean(in->detail, detail, sizeof(detail));
	r.detail = detail;
	audit_chain_next(c->digest, &r);
	o->n = r.n;
	o->session = r.session != NULL ? mem_strdup(r.session) : NULL;
	o->detail = mem_strdup(detail);
	memcpy(o->digest, c->digest, DIGEST_LEN);
	return 0;
}

static int
chain_batch(struct store *s, struct rechain *c, uint64_t after)
{
	struct old_record *o;
	int r;

	c->n = 0;
	r = store_audit_page(s, after, CHAIN_BATCH, on_unchained, c);
	for (o = c->v; o < c->v + c->n; o++) {
		if (r == 0)
			r = db_run(s->db, SQL_AUDIT_CHAIN, "issb",
			    (int64_t)o->n, o->session, o->detail, o->digest,
			    (size_t)DIGEST_LEN);
		free(o->session);
		free(o->detail);
	}
	return r;
}

static int
chain_old(struct store *s, uint64_t *count)
{
	autofree struct rechain *c = mem_zalloc(1, sizeof(*c));
	uint64_t after = 0;
	int r;

	*count = 0;
	audit_chain_start(s->chain_id, c->digest);
	do {
		r = chain_batch(s, c, after);
		if (c->n != 0)
			after = c->v[c->n - 1].n;
		*count += c->n;
	} while (r == 0 && c->n != 0);
	return r;
}

/* Once in a store's life, after the migration to schema 3. */
static int
begin_chain(struct store *s)
{
	char id[2 * AUDIT_CHAIN_LEN + 1], detail[128];
	struct audit_entry e = { .verb = AUDIT_BEGIN, .detail = detail };
	uint64_t count;
	int r;

	r = load_id(s);
	if (r == 0)
		r = chain_old(s, &count);
	if (r == 0)
		r = load_end(s);
	if (r < 0)
		return r;
	audit_hex(s->chain_id, sizeof(s->chain_id), id);
	(void)snprintf(detail, sizeof(detail), "chain %s; %llu records from "
	    "before chains were chained now", id, (unsigned long long)count);
	r = store_audit(s, &e);
	if (r == 0)
		r = db_run(s->db, SQL_META_SET, "si", "audit_unchained",
		    (int64_t)0);
	return r;
}

int
store_audit_open(struct store *s)
{
	int64_t unchained = 0;
	int r;

	r = db_query(s->db, SQL_META_GET, on_int, &unchained, "s",
	    "audit_unchained");
	if (r == 0 && unchained != 0) {
		r = store_begin(s);
		if (r == 0)
			r = begin_chain(s);
		if (r == 0)
			r = store_commit(s);
		if (r < 0)
			store_rollback(s);
	}
	if (r == 0)
		r = load_id(s);
	if (r == 0)
		r = load_end(s);
	s->durable_chain = s->chain;
	return r;
}
