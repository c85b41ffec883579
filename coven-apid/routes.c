/*
 * Every route, and the way of a request to its handler: who calls, which
 * version, which row.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"
#include "coven-apid/request.h"
#include "coven-apid/stream.h"

enum match {
	WHOLE,			/* the path is text */
	SESSION,		/* /sessions/ID and then text */
	SESSION_HAS,		/* /sessions/ with text somewhere behind it */
	BELOW,			/* text and then a name, without a slash */
	TARGET,			/* the target is text: no prefix, no query */
};

#define CHANGES	1u		/* not for a process inside a session */

struct route {
	const char	*method;
	enum match	 match;
	const char	*text;
	handler_fn	*handler;	/* NULL: not built, answers 404 */
	unsigned	 scopes;	/* a paired token needs one of these */
	unsigned	 flags;
};

#define ANY	SCOPE_ANY
#define LIST	SCOPE_LIST
#define READ	SCOPE_READ
#define INPUT	SCOPE_INPUT
#define LAUNCH	SCOPE_LAUNCH		/* of which harness: on_launch */
#define OWNER	SCOPE_OWNER

/*
 * Tried in this order, which is part of the contract: an id may hold slashes,
 * so a suffix decides before the detail route does.
 */
static const struct route routes[] = {
	{ "GET", WHOLE, "/health", on_health, ANY, 0 },
	{ "GET", WHOLE, "/api-version", on_api_version, ANY, 0 },
	{ "GET", WHOLE, "/capabilities", on_capabilities, ANY, 0 },
	{ "GET", WHOLE, "/familiars", on_familiars, ANY, 0 },
	{ "GET", WHOLE, "/sessions", on_sessions, LIST, 0 },
	{ "GET", WHOLE, "/events", on_events, READ, 0 },
	{ "GET", WHOLE, "/stats", on_stats, LIST, 0 },
	{ "GET", WHOLE, "/archives", on_archives, LIST, 0 },
	{ "GET", BELOW, "/archives/", on_archive_get, LIST | READ, 0 },
	{ "DELETE", BELOW, "/archives/", on_archive_delete, OWNER, CHANGES },
	{ "GET", WHOLE, "/audit", on_audit, OWNER, 0 },
	{ "POST", WHOLE, "/actions", on_actions, OWNER, CHANGES },
	{ "POST", WHOLE, "/sessions", on_launch, LAUNCH, CHANGES },
	{ "POST", WHOLE, "/sessions/external", on_external, OWNER, CHANGES },
	{ "GET", WHOLE, "/pairings", on_pairings, OWNER, 0 },
	{ "POST", WHOLE, "/pairings", on_pair, OWNER, CHANGES },
	{ "DELETE", BELOW, "/pairings/", on_unpair, OWNER, CHANGES },
	{ "POST", WHOLE, "/token/rotate", on_token_rotate, OWNER, CHANGES },
	{ "POST", SESSION, "/adopted-input", NULL, OWNER, 0 },
	{ "POST", SESSION, "/apply", on_apply, OWNER, CHANGES },
	{ "POST", SESSION, "/archive", on_archive, OWNER, CHANGES },
	{ "POST", SESSION, "/complete", on_complete, OWNER, CHANGES },
	{ "POST", SESSION, "/input", on_input, INPUT, CHANGES },
	{ "POST", SESSION, "/kill", on_kill, INPUT, CHANGES },
	{ "POST", SESSION, "/resize", on_resize, INPUT, CHANGES },
	{ "POST", SESSION, "/signal", on_signal, INPUT, CHANGES },
	{ "POST", SESSION, "/summon", on_summon, OWNER, CHANGES },
	{ "DELETE", SESSION, "/changes", on_discard, OWNER, CHANGES },
	{ "DELETE", SESSION, "", on_delete, OWNER, CHANGES },
	{ "GET", SESSION, "/changes", on_changes, OWNER, 0 },
	{ "GET", SESSION, "/handoffs", NULL, OWNER, 0 },
	{ "GET", SESSION, "/log", on_log, READ, 0 },
	{ "GET", SESSION, "/events", on_session_events, READ, 0 },
	{ "GET", SESSION, "/stream", on_stream, READ, 0 },
	{ "GET", SESSION_HAS, "/artifacts/", NULL, OWNER, 0 },
	{ "GET", SESSION, "", on_session, LIST | READ, 0 },
	{ "POST", TARGET, "/api/v1/internal/lifecycle/shutdown", on_stop,
	    OWNER, CHANGES },
};

#define SESSIONS	"/sessions/"

/* Cuts path behind the id when the row matches, and sets r->id. */
static bool
match_session(struct request *r, const struct route *route, char *path)
{
	size_t skip = strlen(SESSIONS), n = strlen(route->text), len;

	if (strncmp(path, SESSIONS, skip) != 0)
		return false;
	path += skip;
	if (route->match == SESSION_HAS)
		return strstr(path, route->text) != NULL;
	len = strlen(path);
	if (len < n || strcmp(path + len - n, route->text) != 0)
		return false;
	path[len - n] = '\0';
	r->id = path;
	return true;
}

static bool
match_below(struct request *r, const struct route *route, const char *path)
{
	size_t n = strlen(route->text);

	if (strncmp(path, route->text, n) != 0 || path[n] == '\0' ||
	    strchr(path + n, '/') != NULL)
		return false;
	r->id = path + n;
	return true;
}

static bool
matches(struct request *r, const struct route *route, char *path)
{
	if (strcmp(r->http->method, route->method) != 0)
		return false;
	switch (route->match) {
	case TARGET:
		return strcmp(r->http->target, route->text) == 0;
	case WHOLE:
		return path != NULL && strcmp(path, route->text) == 0;
	case BELOW:
		return path != NULL && match_below(r, route, path);
	case SESSION:
	case SESSION_HAS:
		return path != NULL && match_session(r, route, path);
	}
	return false;
}

static void
not_found(struct request *r)
{
	answer_error(r, API_NOT_FOUND, "Route not found.");
}

static void
forbidden(struct request *r, unsigned scopes)
{
	request_note(r, AUDIT_REFUSAL, "request: not in the token's scopes");
	if (scopes == SCOPE_OWNER)
		answer_error(r, API_SCOPE,
		    "A paired token may not do this: the owner does it.");
	else
		answer_error_with(r, API_SCOPE, "scope", scope_name(scopes),
		    "This token is not paired for this.");
}

static void
bad_version(struct request *r, const char *version, size_t n)
{
	autobuf struct buf details = { 0 };
	struct jw j;

	jw_init(&j, &details);
	jw_object(&j);
	jw_name(&j, "apiVersion");
	jw_strn(&j, version, n);
	jw_name(&j, "supportedApiVersions");
	jw_array(&j);
	jw_str(&j, "v1");
	jw_array_end(&j);
	jw_object_end(&j);
	answer_error_details(r, API_VERSION, &details,
	    "Unsupported API version.");
}

/*
 * The path behind its version.  Unversioned paths are aliases.  NULL when
 * there is none to look up; *version then holds one that is not ours.
 */
static char *
strip_version(char *path, const char **version, size_t *n)
{
	*version = NULL;
	if (strncmp(path, "/api/", 5) != 0)
		return path;
	*n = strcspn(path + 5, "/");
	if (*n == 0)
		return NULL;
	if (*n != 2 || memcmp(path + 5, "v1", 2) != 0) {
		*version = path + 5;
		return NULL;
	}
	return path[5 + *n] == '/' ? path + 5 + *n : NULL;
}

static void
call(struct request *r)
{
	/* No launch, no kill, no STOP to a monitor that is winding up. */
	if (r->apid->stopping) {
		answer_error(r, API_UNAVAILABLE, "The daemon is stopping.");
		return;
	}
	r->handler(r);
}

/*
 * Where nothing tells whether the peer lives in a session, its token does: a
 * session has none.
 */
static void
call_if_token(struct request *r)
{
	if (conn_caller(r->conn)->kind != CALLER_OWNER)
		call(r);
	else
		answer_error(r, API_FORBIDDEN, "This host cannot tell a "
		    "caller inside a session from one outside "
		    "(pid namespaces): changes need "
		    "auth.mode = \"token\".");
}

/*
 * By pidfd; before Linux 6.5 by number, with the time at which it was known to
 * have been the peer's.
 */
static int
send_who(struct request *r)
{
	struct msg_who who = { .tag = r->tag };
	struct msg_who_pid by_pid = { .tag = r->tag,
	    .accepted_ns = conn_accepted_ns(r->conn) };
	autoclose int pidfd = conn_peer_pidfd(r->conn);
	struct ucred peer;
	int rc;

	if (pidfd >= 0)
		return chan_send(&r->apid->control, MSG_WHO, &who, pidfd);
	if (pidfd != -ENOPROTOOPT)
		return pidfd;
	rc = conn_peer(r->conn, &peer);
	if (rc < 0)
		return rc;
	by_pid.pid = (uint32_t)peer.pid;
	return chan_send(&r->apid->control, MSG_WHO_PID, &by_pid, -1);
}

/*
 * On changing routes the monitor says whether the peer lives in a session.
 * A peer that is gone cannot be asked about and is refused.
 */
static void
ask_who(struct request *r)
{
	if (r->apid->stopping) {
		call(r);
		return;
	}
	if (send_who(r) < 0) {
		request_note(r, AUDIT_REFUSAL,
		    "request: the caller cannot be identified");
		answer_error(r, API_FORBIDDEN,
		    "The calling process cannot be identified.");
		return;
	}
	r->who = true;
}

int
routes_on_who_reply(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;
	struct conn *conn = NULL;
	struct request *r;

	(void)fd;
	if (apid->server != NULL)
		conn = server_find(apid->server, msg->who_reply.tag);
	r = conn != NULL ? conn_user(conn) : NULL;
	if (r == NULL || !r->who)
		return 0;
	r->who = false;
	if (msg->who_reply.inside == WHO_INSIDE) {
		request_note(r, AUDIT_REFUSAL,
		    "request: the caller lives in a session");
		answer_error(r, API_FORBIDDEN,
		    "A process inside a session may not do this.");
	} else if (msg->who_reply.inside == WHO_OUTSIDE) {
		call(r);
	} else {
		call_if_token(r);
	}
	return 0;
}

static void
dispatch(struct request *r)
{
	const char *version;
	char *query, *path;
	size_t i, n = 0;

	query = strchr(r->path, '?');
	if (query != NULL)
		*query++ = '\0';
	r->query = query != NULL ? query : "";
	path = strip_version(r->path, &version, &n);
	if (version != NULL) {
		bad_version(r, version, n);
		return;
	}
	for (i = 0; i < nitems(routes); i++)
		if (matches(r, &routes[i], path))
			break;
	if (i == nitems(routes) || routes[i].handler == NULL) {
		not_found(r);
		return;
	}
	if (!auth_allows(r, routes[i].scopes)) {
		forbidden(r, routes[i].scopes);
		return;
	}
	r->handler = routes[i].handler;
	if (routes[i].flags & CHANGES)
		ask_who(r);
	else
		r->handler(r);
}

static void
on_refused(void *ctx, const struct ucred *peer)
{
	note(ctx, AUDIT_REFUSAL, peer, "connect: not the owner");
}

static void
on_request(void *ctx, struct conn *c, const struct http_request *http)
{
	struct request *r = mem_zalloc(1, sizeof(*r));

	r->apid = ctx;
	r->conn = c;
	r->tag = conn_tag(c);
	r->http = http;
	r->path = mem_strdup(http->target);
	conn_set_user(c, r);
	/* Browsers say where a page came from; no client of ours is one. */
	if (http->origin) {
		request_note(r, AUDIT_REFUSAL, "request: it has an Origin");
		answer_error(r, API_FORBIDDEN,
		    "Requests with an Origin are refused.");
	} else if (http->strange_host) {
		request_note(r, AUDIT_REFUSAL, "request: a strange Host");
		answer_error(r, API_MISDIRECTED,
		    "This daemon is not the Host that was asked for.");
	} else {
		dispatch(r);
	}
}

static void
on_gone(void *ctx, struct conn *c)
{
	struct apid *apid = ctx;
	struct request *r = conn_user(c);
	struct msg_cancel cancel = { .tag = r->tag };

	conn_set_user(c, NULL);
	if (r->waiting && r->on_reply != NULL)
		(void)chan_send(&apid->stored, MSG_CANCEL, &cancel, -1);
	request_free(r);
}

const struct server_ops routes_ops = {
	.on_head = auth_on_head,
	.on_request = on_request,
	.on_gone = on_gone,
	.on_refused = on_refused,
	.on_room = stream_on_room,
};
