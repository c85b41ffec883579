#include <string.h>

#include "common/ct.h"
#include "common/log.h"
#include "common/mem.h"
#include "coven-apid/auth.h"
#include "coven-apid/request.h"
#include "coven-apid/stream.h"

#define MS	((int64_t)1000000)

/* --- the audit ------------------------------------------------------------ */

/* One record a while: a client that polls would fill the trail. */
static bool
is_due(int64_t *noted_ns)
{
	int64_t now = loop_now_ns();

	if (*noted_ns != 0 && now - *noted_ns < LIMIT_AUTH_NOTE_MS * MS)
		return false;
	*noted_ns = now;
	return true;
}

/* What was wrong is for the audit alone: the caller gets one refusal. */
static bool
fail(struct apid *apid, const struct conn *c, const char *what)
{
	struct ucred peer = { 0 };

	(void)conn_peer(c, &peer);
	note(apid, AUDIT_AUTH_FAIL, &peer, "%s", what);
	return false;
}

/* --- whose token is it ---------------------------------------------------- */

static bool
is_session(struct apid *apid, const struct conn *c, const uint8_t *want,
    struct caller *caller)
{
	struct auth *a = &apid->auth;
	size_t i = ct_find(want, a->tokens[0].digest, sizeof(a->tokens[0]),
	    a->ntokens);
	struct session_token *t = &a->tokens[i];
	struct ucred peer = { 0 };

	if (i == a->ntokens ||
	    (t->end_ns != 0 && t->end_ns <= loop_now_ns()))
		return false;
	*caller = (struct caller){ CALLER_SESSION, t->serial };
	if (is_due(&t->noted_ns)) {
		(void)conn_peer(c, &peer);
		note(apid, AUDIT_TOKEN_USE, &peer, "session token %llu",
		    (unsigned long long)t->serial);
	}
	return true;
}

static bool
is_paired(struct apid *apid, const struct conn *c, const uint8_t *want,
    struct caller *caller)
{
	struct auth *a = &apid->auth;
	size_t i = ct_find(want, a->pairings[0].digest,
	    sizeof(a->pairings[0]), a->npairings);
	struct pairing *p = &a->pairings[i];
	struct ucred peer = { 0 };

	if (i == a->npairings)
		return fail(apid, c, "a token that is not known");
	if (pairing_ended(p))
		return fail(apid, c, "a paired token whose time is over");
	*caller = (struct caller){ CALLER_PAIRED, p->id };
	if (is_due(&p->noted_ns)) {
		(void)conn_peer(c, &peer);
		note(apid, AUDIT_TOKEN_USE, &peer, "paired token %s", p->name);
		pairing_used(apid, p);
	}
	return true;
}

bool
auth_on_head(void *ctx, const struct conn *c, const struct head_info *head,
    struct caller *caller)
{
	struct apid *apid = ctx;
	uint8_t want[DIGEST_LEN];

	if (head->authorizations == 0)
		return !apid->auth.token_mode || fail(apid, c, "no token");
	if (head->authorizations > 1)
		return fail(apid, c, "more than one token");
	if (head->bearer_n == 0)
		return fail(apid, c, "no bearer token");
	digest(head->bearer, head->bearer_n, want);
	return is_session(apid, c, want, caller) ||
	    is_paired(apid, c, want, caller);
}

/* --- what may it do ------------------------------------------------------ */

bool
auth_is_owner(const struct request *r)
{
	enum caller_kind kind = conn_caller(r->conn)->kind;

	return kind == CALLER_OWNER || kind == CALLER_SESSION;
}

struct pairing *
auth_pairing(const struct request *r)
{
	const struct caller *caller = conn_caller(r->conn);

	return caller->kind == CALLER_PAIRED ?
	    pairing_find(r->apid, caller->id) : NULL;
}

bool
auth_allows(const struct request *r, unsigned need)
{
	const struct pairing *p = auth_pairing(r);

	return auth_is_owner(r) || (p != NULL && (p->mask & need) != 0);
}

bool
auth_may_launch(const struct request *r, const char *harness)
{
	const struct pairing *p = auth_pairing(r);

	return auth_is_owner(r) ||
	    (p != NULL && scopes_launch(p->scopes, harness));
}

/* --- the first accept, and the last word --- */

static void
begin(struct apid *apid)
{
	int r;

	timer_stop(apid->loop, &apid->auth.impatience);
	if (apid->auth.listener == -1 || apid->stopping)
		return;
	r = server_listen(apid->server, &apid->auth.listener);
	if (r < 0)
		fatal("watch the listener: %s", strerror(-r));
}

static void
on_impatience(struct timer *t)
{
	begin(t->ctx);
}

void
auth_listen(struct apid *apid, int *listener)
{
	struct auth *a = &apid->auth;

	a->listener = mem_steal_fd(listener);
	if (a->loaded) {
		begin(apid);
		return;
	}
	timer_start(apid->loop, &a->impatience, LIMIT_APID_LOST_MS);
}

void
auth_loaded(struct apid *apid)
{
	apid->auth.loaded = true;
	begin(apid);
}

/* --- the session token ---------------------------------------------------- */

/* Streams go on for as long as somebody reads: not beyond their token. */
static bool
is_without_token(void *ctx, const struct request *r)
{
	const struct auth *a = ctx;
	const struct caller *caller = conn_caller(r->conn);
	size_t i;

	if (caller->kind != CALLER_SESSION)
		return false;
	for (i = 0; i < a->ntokens; i++)
		if (a->tokens[i].serial == caller->id)
			return false;
	return true;
}

static void
drop_ended(struct apid *apid)
{
	struct auth *a = &apid->auth;
	int64_t now = loop_now_ns(), next = INT64_MAX;
	size_t i, kept = 0, n = a->ntokens;

	for (i = 0; i < n; i++) {
		int64_t end_ns = a->tokens[i].end_ns;

		if (end_ns != 0 && end_ns <= now)
			continue;
		if (end_ns != 0 && end_ns < next)
			next = end_ns;
		a->tokens[kept++] = a->tokens[i];
	}
	a->ntokens = kept;
	if (kept != n)
		streams_close(apid->streams, is_without_token, a);
	if (next != INT64_MAX)
		timer_start(apid->loop, &a->end, (next - now) / MS + 1);
}

static void
on_end(struct timer *t)
{
	drop_ended(t->ctx);
}

static int
add_token(struct chan *c, uint64_t serial, const struct msg_bin *d,
    int64_t end_ns)
{
	struct apid *apid = c->ctx;
	struct auth *a = &apid->auth;
	struct session_token *t;

	drop_ended(apid);
	if (d->len != DIGEST_LEN || a->ntokens == LIMIT_TOKENS)
		return chan_blame(c, "a token that cannot be kept");
	t = &a->tokens[a->ntokens++];
	*t = (struct session_token){ .serial = serial, .end_ns = end_ns };
	memcpy(t->digest, d->p, DIGEST_LEN);
	return 0;
}

int
auth_on_token(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_token *m = &msg->token;
	int64_t left_ms = m->left_ms > LIMIT_TOKEN_OVERLAP_MS ?
	    LIMIT_TOKEN_OVERLAP_MS : (int64_t)m->left_ms;

	(void)fd;
	return add_token(c, m->serial, &m->digest,
	    left_ms != 0 ? loop_now_ns() + left_ms * MS : 0);
}

int
auth_on_token_new(struct chan *c, const union msg_any *msg, int *fd)
{
	struct msg_token_seen seen = { .serial = msg->token_new.serial };
	int r;

	(void)fd;
	r = add_token(c, seen.serial, &msg->token_new.digest, 0);
	if (r == 0)
		(void)chan_send(c, MSG_TOKEN_SEEN, &seen, -1);
	return r;
}

int
auth_on_token_end(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_token_end *m = &msg->token_end;
	struct apid *apid = c->ctx;
	struct auth *a = &apid->auth;
	size_t i;

	(void)fd;
	for (i = 0; i < a->ntokens; i++)
		if (a->tokens[i].serial == m->serial)
			a->tokens[i].end_ns = loop_now_ns() +
			    (int64_t)m->left_ms * MS + (m->left_ms == 0);
	drop_ended(apid);
	return 0;
}

/* --- asking for another one ---------------------------------------------- */

static const struct {
	enum api_error	 error;
	const char	*text;
} outcomes[] = {
	[TOKEN_OFF] = { API_NO_TOKEN_MODE,
	    "There is no session token: auth.mode is \"peer\"." },
	[TOKEN_BUSY] = { API_UNAVAILABLE,
	    "Another rotation is under way; try again." },
	[TOKEN_FAILED] = { API_INTERNAL,
	    "The token was not exchanged: the daemon's log says why." },
};

static void
answer_rotated(struct request *r, uint32_t code)
{
	static const char text[] = "{\"ok\":true,\"rotated\":true}";

	if (code == TOKEN_OK) {
		conn_reply(r->conn, 200, text, sizeof(text) - 1);
		request_free(r);
		return;
	}
	if (code >= nitems(outcomes))
		code = TOKEN_FAILED;
	answer_error(r, outcomes[code].error, "%s", outcomes[code].text);
}

void
on_token_rotate(struct request *r)
{
	struct msg_token_rotate m = { .tag = r->tag };

	if (!r->apid->auth.token_mode) {
		answer_rotated(r, TOKEN_OFF);
		return;
	}
	if (chan_send(&r->apid->control, MSG_TOKEN_ROTATE, &m, -1) < 0) {
		answer_rotated(r, TOKEN_BUSY);
		return;
	}
	r->rotating = true;
}

int
auth_on_rotated(struct chan *c, const union msg_any *msg, int *fd)
{
	const struct msg_token_rotated *m = &msg->token_rotated;
	struct apid *apid = c->ctx;
	struct conn *conn = NULL;
	struct request *r;

	(void)fd;
	if (apid->server != NULL)
		conn = server_find(apid->server, m->tag);
	r = conn != NULL ? conn_user(conn) : NULL;
	if (r == NULL || !r->rotating)
		return 0;		/* its client has left */
	r->rotating = false;
	answer_rotated(r, m->code);
	return 0;
}

void
auth_init(struct apid *apid)
{
	struct auth *a = &apid->auth;

	a->listener = -1;
	a->impatience = (struct timer){ .cb = on_impatience, .ctx = apid };
	a->end = (struct timer){ .cb = on_end, .ctx = apid };
}

void
auth_fini(struct apid *apid)
{
	timer_stop(apid->loop, &apid->auth.impatience);
	timer_stop(apid->loop, &apid->auth.end);
	mem_close(&apid->auth.listener);
	pairings_fini(apid);
}
