#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/ct.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-apid/pairings.h"
#include "coven-apid/request.h"

#define SECOND_NS	UINT64_C(1000000000)
#define DAY_S		((int64_t)86400)
#define DEFAULT_DAYS	30
#define SWEEP_MS	1000	/* the wall clock may be set meanwhile */

/* --- the table ----------------------------------------------------------- */

void
pairing_fini(struct pairing *p)
{
	free(p->name);
	free(p->scopes);
	*p = (struct pairing){ .id = 0 };
}

bool
pairing_ended(const struct pairing *p)
{
	return p->expires_ns <= clock_wall_ns();
}

struct pairing *
pairing_find(struct apid *apid, uint64_t id)
{
	struct auth *a = &apid->auth;
	size_t i;

	for (i = 0; i < a->npairings; i++)
		if (a->pairings[i].id == id)
			return pairing_ended(&a->pairings[i]) ? NULL :
			    &a->pairings[i];
	return NULL;
}

static bool
is_of(void *ctx, const struct conn *c)
{
	const uint64_t *id = ctx;

	return conn_caller(c)->kind == CALLER_PAIRED &&
	    conn_caller(c)->id == *id;
}

/* Streams and waits of its callers end with it. */
static void
close_callers(struct apid *apid, uint64_t id)
{
	if (apid->server != NULL)
		server_close_if(apid->server, is_of, &id);
}

static void
drop(struct apid *apid, size_t i)
{
	struct auth *a = &apid->auth;
	uint64_t id = a->pairings[i].id;

	pairing_fini(&a->pairings[i]);
	a->npairings--;
	a->pairings[i] = a->pairings[a->npairings];
	close_callers(apid, id);
}

/* As stored does, when there is a new one. */
static void
drop_ended(struct apid *apid)
{
	struct auth *a = &apid->auth;
	size_t i;

	for (i = a->npairings; i-- > 0; )
		if (pairing_ended(&a->pairings[i]))
			drop(apid, i);
}

/* One that has ended stays, so that its use is told from a wrong guess. */
static void
on_sweep(struct timer *t)
{
	struct apid *apid = t->ctx;
	struct auth *a = &apid->auth;
	size_t i;

	for (i = 0; i < a->npairings; i++) {
		struct pairing *p = &a->pairings[i];

		if (!p->over && pairing_ended(p)) {
			p->over = true;
			close_callers(apid, p->id);
		}
	}
	if (a->npairings != 0)
		timer_start(apid->loop, t, SWEEP_MS);
}

/* Takes over what *p owns. */
static void
keep(struct apid *apid, struct pairing *p)
{
	struct auth *a = &apid->auth;

	p->id = ++a->last_id;
	p->mask = scopes_parse(p->scopes);
	a->pairings[a->npairings++] = *p;
	*p = (struct pairing){ .id = 0 };
	if (!timer_running(&a->sweep)) {
		a->sweep = (struct timer){ .cb = on_sweep, .ctx = apid };
		timer_start(apid->loop, &a->sweep, SWEEP_MS);
	}
}

void
pairings_fini(struct apid *apid)
{
	timer_stop(apid->loop, &apid->auth.sweep);
	while (apid->auth.npairings != 0)
		pairing_fini(&apid->auth.pairings[--apid->auth.npairings]);
}

void
pairing_used(struct apid *apid, struct pairing *p)
{
	struct msg_pair_used m = { .name = p->name };

	p->used_ns = clock_wall_ns();
	if (chan_is_open(&apid->stored))
		(void)chan_send(&apid->stored, MSG_PAIR_USED, &m, -1);
}

/* --- what is on record --------------------------------------------------- */

void
pairings_ask(struct apid *apid)
{
	struct msg_pair_list m = { .tag = 0 };

	(void)chan_send(&apid->stored, MSG_PAIR_LIST, &m, -1);
}

static void
take_row(struct pairing *p, const struct msg_pair_row *row)
{
	*p = (struct pairing){
		.name = mem_strdup(row->name),
		.scopes = mem_strdup(row->scopes),
		.created_ns = row->created_ns,
		.expires_ns = row->expires_ns,
		.used_ns = row->used_ns,
	};
	memcpy(p->digest, row->digest.p, DIGEST_LEN);
}

static bool
same_digest(const struct pairing *p, const struct msg_pair_row *row)
{
	return ct_equal(p->digest, row->digest.p);
}

/*
 * What is there already keeps its id, and with it its callers; what is not on
 * record any more was revoked while nobody could be told.
 */
void
pairings_on_list(struct apid *apid, const struct msg_reply *reply,
    struct rows *rows)
{
	struct auth *a = &apid->auth;
	bool there[LIMIT_PAIRINGS] = { false };
	union msg_any any;
	struct pairing p;
	size_t i, n = a->npairings;

	if (reply->code != STORE_OK) {
		log_warn("read the paired tokens: %s", reply->text);
		return;
	}
	while (rows_next(rows, MSG_PAIR_ROW, &any)) {
		const struct msg_pair_row *row = &any.pair_row;

		if (row->digest.len != DIGEST_LEN)
			continue;
		for (i = 0; i < n; i++)
			if (same_digest(&a->pairings[i], row))
				break;
		if (i < n) {
			there[i] = true;
		} else if (a->npairings < LIMIT_PAIRINGS) {
			take_row(&p, row);
			keep(apid, &p);
		}
	}
	for (i = n; i-- > 0; )
		if (!there[i])
			drop(apid, i);
	auth_loaded(apid);
}

/* --- encoding ------------------------------------------------------------ */

static void
write_time(struct jw *j, const char *name, uint64_t ns)
{
	char text[RFC3339_LEN];

	clock_format(ns, text);
	jw_kstr(j, name, ns != 0 ? text : NULL);
}

/* token: NULL, but once. */
static void
write_pairing(struct jw *j, const struct pairing *p, const char *token)
{
	const char *at = p->scopes;
	size_t n;

	jw_object(j);
	jw_kstr(j, "name", p->name);
	if (token != NULL)
		jw_kstr(j, "token", token);
	jw_name(j, "scopes");
	jw_array(j);
	for (; *at != '\0'; at += n + (at[n] == ',')) {
		n = strcspn(at, ",");
		jw_strn(j, at, n);
	}
	jw_array_end(j);
	write_time(j, "createdAt", p->created_ns);
	write_time(j, "expiresAt", p->expires_ns);
	write_time(j, "lastUsedAt", p->used_ns);
	jw_object_end(j);
}

void
on_pairings(struct request *r)
{
	const struct auth *a = &r->apid->auth;
	autobuf struct buf body = { 0 };
	struct jw j;
	size_t i;

	if (!a->loaded) {
		answer_error(r, API_UNAVAILABLE,
		    "The store is restarting; try again.");
		return;
	}
	jw_init(&j, &body);
	jw_object(&j);
	jw_name(&j, "pairings");
	jw_array(&j);
	for (i = 0; i < a->npairings; i++)
		write_pairing(&j, &a->pairings[i], NULL);
	jw_array_end(&j);
	jw_object_end(&j);
	answer(r, 200, &body);
}

/* --- making one ---------------------------------------------------------- */

/* The list as text; 0, or 1 after answering. */
static int
read_scopes(struct request *r, const struct json *v, struct buf *out)
{
	const struct json *list = json_get(v, "scopes");
	size_t i;

	for (i = 0; i < json_len(list) && buf_left(out) <= SCOPES_MAX; i++) {
		const char *s = json_str(json_at(list, i), NULL);

		(void)buf_addf(out, "%s%s", i != 0 ? "," : "",
		    s != NULL && strchr(s, ',') == NULL ? s : "?");
	}
	if (json_kind(list) == JSON_ARRAY &&
	    scopes_parse(buf_head(out)) != 0)
		return 0;
	answer_error(r, API_INVALID, "`scopes` must be an array of list, "
	    "read, input and launch:HARNESS, each once; exec is for the "
	    "owner alone.");
	return 1;
}

/* Seconds; 0 after answering. */
static int64_t
read_ttl(struct request *r, const struct json *v)
{
	int64_t max_s = r->apid->auth.pair_max_days * DAY_S;
	int64_t ttl_s = DEFAULT_DAYS * DAY_S < max_s ? DEFAULT_DAYS * DAY_S :
	    max_s;

	if (!json_has(v, "expiresInSeconds"))
		return ttl_s;
	if (json_int(json_get(v, "expiresInSeconds"), &ttl_s) && ttl_s > 0 &&
	    ttl_s <= max_s)
		return ttl_s;
	answer_error(r, API_INVALID, "`expiresInSeconds` must be a number "
	    "from 1 to %lld (auth.pair_max_days).", (long long)max_s);
	return 0;
}

static void
on_paired(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	struct auth *a = &r->apid->auth;

	(void)rows;
	if (reply->code == STORE_CONFLICT) {
		answer_error(r, API_PAIRING_EXISTS,
		    "A token of that name is paired already.");
	} else if (reply->code == STORE_UNAVAILABLE &&
	    *reply->text == '\0') {
		answer_error(r, API_PAIRINGS_FULL,
		    "There are %d paired tokens; revoke one first.",
		    LIMIT_PAIRINGS);
	} else if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
	} else {
		drop_ended(r->apid);
		if (a->npairings < LIMIT_PAIRINGS)
			keep(r->apid, r->pairing);
		answer(r, 201, &r->body);
	}
}

static void
send_pairing(struct request *r, struct token *t)
{
	const struct pairing *p = r->pairing;
	struct msg_pair_add m = { .tag = r->tag, .name = p->name,
	    .digest = { p->digest, DIGEST_LEN }, .scopes = p->scopes,
	    .expires_ns = p->expires_ns, .actor = request_actor(r) };
	struct jw j;

	jw_init(&j, &r->body);
	write_pairing(&j, p, t->text);
	ask(r, MSG_PAIR_ADD, &m, -1, on_paired);
}

void
on_pair(struct request *r)
{
	autojson struct json *v = NULL;
	autobuf struct buf scopes = { 0 };
	const char *name;
	struct token t;
	int64_t ttl_s;

	if (request_json(r, &v) != 0)
		return;
	name = json_str(json_get(v, "name"), NULL);
	if (name == NULL || !pair_name_ok(name)) {
		answer_error(r, API_INVALID, "`name` must be 1 to %d letters, "
		    "digits, '.', '_' and '-', the first a letter, digit or "
		    "'_'.", LIMIT_PAIR_NAME);
		return;
	}
	if (read_scopes(r, v, &scopes) != 0 || (ttl_s = read_ttl(r, v)) == 0)
		return;
	if (token_make(TOKEN_PAIRED, &t) < 0) {
		answer_error(r, API_INTERNAL, "There are no random bytes.");
		return;
	}
	r->pairing = mem_zalloc(1, sizeof(*r->pairing));
	r->pairing->name = mem_strdup(name);
	r->pairing->scopes = mem_strdup(buf_head(&scopes));
	r->pairing->created_ns = clock_wall_ns();
	r->pairing->expires_ns = r->pairing->created_ns +
	    (uint64_t)ttl_s * SECOND_NS;
	memcpy(r->pairing->digest, t.digest, DIGEST_LEN);
	send_pairing(r, &t);
	token_wipe(&t);
}

/* --- and ending it ------------------------------------------------------- */

static void
on_unpaired(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	struct auth *a = &r->apid->auth;
	autobuf struct buf body = { 0 };
	struct jw j;
	size_t i;

	(void)rows;
	if (reply->code != STORE_OK && reply->code != STORE_NOT_FOUND) {
		answer_store_code(r, reply);
		return;
	}
	for (i = a->npairings; i-- > 0; )
		if (strcmp(a->pairings[i].name, r->id) == 0)
			drop(r->apid, i);
	if (reply->code == STORE_NOT_FOUND) {
		answer_error(r, API_PAIRING_NOT_FOUND,
		    "No token of that name is paired.");
		return;
	}
	jw_init(&j, &body);
	jw_object(&j);
	jw_kbool(&j, "ok", true);
	jw_kstr(&j, "revoked", r->id);
	jw_object_end(&j);
	answer(r, 200, &body);
}

void
on_unpair(struct request *r)
{
	struct msg_pair_revoke m = { .tag = r->tag, .name = r->id,
	    .actor = request_actor(r) };

	if (!pair_name_ok(r->id))
		answer_error(r, API_PAIRING_NOT_FOUND,
		    "No token of that name is paired.");
	else
		ask(r, MSG_PAIR_REVOKE, &m, -1, on_unpaired);
}
