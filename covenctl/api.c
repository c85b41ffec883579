#include <stdio.h>
#include <string.h>

#include "common/mem.h"
#include "common/utf8.h"
#include "covenctl/api.h"

void
answer_fini(struct answer *a)
{
	jr_free(a->doc);
	a->doc = NULL;
}

bool
answer_ok(const struct answer *a)
{
	return a->status >= 200 && a->status < 300;
}

int
answer_from(struct client *c, const struct reply *r, struct answer *a)
{
	const struct jr *error;

	*a = (struct answer){ .status = r->status, .code = "", .message = "" };
	if (jr_parse(r->body, r->body_len, &a->doc) < 0) {
		(void)snprintf(c->why, sizeof(c->why),
		    "the daemon's reply (status %d) is not valid JSON",
		    r->status);
		return CLIENT_PROTOCOL;
	}
	if (answer_ok(a))
		return 0;
	error = jr_get(a->doc, "error");
	if (jr_kstr(error, "code") != NULL)
		a->code = jr_kstr(error, "code");
	if (jr_kstr(error, "message") != NULL)
		a->message = jr_kstr(error, "message");
	return 0;
}

/* How each failure of an exchange ends covenctl. */
static const int exits[] = {
	[CLIENT_ABSENT] = CTL_NO_DAEMON,
	[CLIENT_UNTRUSTED] = CTL_UNTRUSTED,
	[CLIENT_CHANGED] = CTL_NO_DAEMON,
	[CLIENT_PROTOCOL] = CTL_UNTRUSTED,
	[CLIENT_CUT] = CTL_FAILED,
	[CLIENT_TIMEOUT] = CTL_FAILED,
	[CLIENT_STOPPED] = CTL_SIGNAL + 2,
	[CLIENT_NO_TOKEN] = CTL_NOT_ALLOWED,
};

int
api_failed(struct ctl *ctl, int rc)
{
	ctl_err("%s", ctl->client.why);
	if (rc == CLIENT_ABSENT)
		ctl_err("start one with: covenctl%s%s start",
		    ctl->opt[OPT_HOME] != NULL ? " --home " : "",
		    ctl->opt[OPT_HOME] != NULL ? ctl->home.path : "");
	if (rc == CLIENT_UNTRUSTED)
		ctl_err("nothing was sent; covenctl doctor says more");
	for (size_t i = 1; i < nitems(exits); i++)
		if (rc == (int)i)
			return exits[i];
	return CTL_FAILED;
}

/* What to do about what the daemon refuses: its words say what it was. */
static const struct {
	const char	*code, *says, *hint;
} hints[] = {
	{ "session_not_found", "",
	    "covenctl sessions --all lists the ids; give one whole" },
	{ "session_not_live", "",
	    "it has ended: covenctl log ID says how" },
	{ "session_live", "", "end it first: covenctl kill ID" },
	{ "invalid_request", " is refused: ",
	    "give another with --project; the rules are roots.allow and "
	    "roots.deny of coven.toml(5)" },
	{ "invalid_request", "cwd is outside",
	    "--cwd lies in --project, which is the working directory where "
	    "it is not given" },
	{ "launch_failed", ": execute ",
	    "a session finds the system's programs and the project's, not "
	    "all of your PATH" },
	{ "pairing_not_found", "", "covenctl pair list names them" },
	{ "pairing_exists", "",
	    "covenctl pair revoke ends it; or give another name" },
	{ "token_mode_required", "",
	    "in coven.toml: [auth] mode = \"token\"; then covenctl "
	    "restart" },
};

int
api_refused(const struct answer *a)
{
	if (*a->message != '\0')
		ctl_err("%s", a->message);
	else
		ctl_err("the daemon refused (status %d)", a->status);
	for (size_t i = 0; i < nitems(hints); i++)
		if (strcmp(a->code, hints[i].code) == 0 &&
		    strstr(a->message, hints[i].says) != NULL)
			ctl_err("%s", hints[i].hint);
	if (a->status != 401)
		return CTL_FAILED;
	ctl_err("the owner's is session-token in the home; over a forwarded "
	    "socket give --token-file one that covenctl pair printed there");
	return CTL_NOT_ALLOWED;
}

int
api_call(struct ctl *ctl, const struct request *q, struct answer *a)
{
	autoreply struct reply r = { 0 };
	int rc = client_exchange(&ctl->client, q, &r);

	*a = (struct answer){ 0 };
	if (rc == 0)
		rc = answer_from(&ctl->client, &r, a);
	return rc == 0 ? 0 : api_failed(ctl, rc);
}

int
api_get(struct ctl *ctl, const char *target, struct answer *a)
{
	struct request q = { .method = "GET", .target = target,
	    .timeout_ms = API_TIMEOUT_MS };
	int rc = api_call(ctl, &q, a);

	return rc != 0 || answer_ok(a) ? rc : api_refused(a);
}

int
api_post(struct ctl *ctl, const char *target, const struct buf *body,
    int timeout_ms, struct answer *a)
{
	struct request q = { .method = "POST", .target = target,
	    .body = buf_head(body), .body_len = buf_left(body),
	    .timeout_ms = timeout_ms };
	int rc = api_call(ctl, &q, a);

	return rc != 0 || answer_ok(a) ? rc : api_refused(a);
}

int
api_session(char target[API_TARGET_MAX], const char *id, const char *tail)
{
	int n;

	for (const char *p = id; *p != '\0'; p++)
		if ((unsigned char)*p <= 0x20 || *p == 0x7f || *p == '?' ||
		    *p == '#') {
			ctl_err("%s: not a session id", id);
			return CTL_USAGE;
		}
	n = snprintf(target, API_TARGET_MAX, API "/sessions/%s%s", id, tail);
	if (*id == '\0' || n < 0 || n >= API_TARGET_MAX ||
	    !utf8_valid(id, strlen(id))) {
		ctl_err("%s: not a session id", id);
		return CTL_USAGE;
	}
	return 0;
}
