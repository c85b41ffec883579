/* Health and discovery: nobody is asked. */
#include <string.h>

#include "common/mem.h"
#include "coven-apid/request.h"

/* Groups of routes that exist here, and those that clients look for. */
static const struct {
	const char	*name;
	bool		 on;
} flags[] = {
	{ "sessions", true },
	{ "events", true },
	{ "travel", false },
	{ "scheduler", false },
	{ "hub", false },
	{ "executorDispatch", false },
	{ "structuredErrors", true },
	{ "sessionHandoff", false },
	{ "sessionLaunchPolicy", true },
	{ "afs", false },
	{ "afsMount", false },
	{ "afsCommit", false },
	{ "afsCommitDryRun", false },
	/* extensions of this daemon */
	{ "archives", true },
	{ "audit", true },
	{ "sessionArchive", true },
	{ "sessionChanges", true },
	{ "sessionDelete", true },
	{ "sessionExec", true },
	{ "sessionFilter", true },
	{ "sessionIsolated", true },
	{ "sessionResize", true },
	{ "sessionSearch", true },
	{ "sessionSignal", true },
	{ "sessionStats", true },
	{ "sessionWorkspace", true },
	{ "eventWait", true },
	{ "pairing", true },
	{ "sessionStream", true },
	{ "tokenRotate", true },
};

static void
capability_flags(struct jw *j, const struct apid *apid)
{
	size_t i;

	jw_name(j, "capabilities");
	jw_object(j);
	for (i = 0; i < nitems(flags); i++)
		jw_kbool(j, flags[i].name, flags[i].on);
	jw_kbool(j, "tokenAuth", apid->auth.token_mode);
	jw_kstr(j, "sandboxMode", msg_sandbox_name(apid->sandbox));
	jw_kstr(j, "eventCursor", "sequence");
	jw_name(j, "executionBindingContracts");
	jw_array(j);
	jw_array_end(j);
	jw_name(j, "requestAdoptionContracts");
	jw_array(j);
	jw_array_end(j);
	jw_object_end(j);
}

/*
 * The members that clients count with.  Nothing is ever dropped here: a full
 * writer slows its sessions down.
 */
static void
event_writer(struct jw *j, const struct apid *apid)
{
	const struct msg_store_stats *w = &apid->writer;
	const struct {
		const char	*name;
		uint64_t	 n;
	} counters[] = {
		{ "queuedEvents", w->queued },
		{ "queuedBytes", w->queued_bytes },
		{ "capacityBytes", LIMIT_STORE_BATCH },
		{ "droppedOutputEvents", 0 },
		{ "droppedOutputBytes", 0 },
		{ "connectionOpens", apid->store_opens },
		{ "transactions", w->transactions },
		{ "committedEvents", w->events },
	};
	size_t i;

	jw_name(j, "eventWriter");
	jw_object(j);
	jw_kstr(j, "state", w->stalled ? "pressured" : "healthy");
	for (i = 0; i < nitems(counters); i++)
		jw_ku64(j, counters[i].name, counters[i].n);
	jw_object_end(j);
}

static const char *
storage_status(const struct msg_store_stats *w)
{
	if (w->stalled)
		return "degraded";
	if (w->free_bytes < LIMIT_STORE_LOW_FREE)
		return "critical";
	return w->free_bytes < LIMIT_STORE_WARN_FREE ? "warning" : "ok";
}

/* A time and its age; null where there was none since the store was opened. */
static void
past(struct jw *j, const char *at_name, const char *age_name, uint64_t ns,
    uint64_t now_s)
{
	uint64_t then_s = ns / UINT64_C(1000000000);
	char at[RFC3339_LEN];

	if (ns == 0) {
		jw_knull(j, at_name);
		jw_knull(j, age_name);
		return;
	}
	clock_format(ns, at);
	jw_kstr(j, at_name, at);
	jw_ku64(j, age_name, now_s > then_s ? now_s - then_s : 0);
}

static void
storage(struct jw *j, const struct apid *apid)
{
	const struct msg_store_stats *w = &apid->writer;

	jw_name(j, "storage");
	jw_object(j);
	jw_kstr(j, "status", storage_status(w));
	jw_ku64(j, "databaseBytes", w->database_bytes);
	jw_ku64(j, "walBytes", w->wal_bytes);
	jw_kstr(j, "oldestRetainedEventAt", apid->oldest[0] != '\0' ?
	    apid->oldest : NULL);
	past(j, "lastPruneAt", "pruneAgeSeconds", w->pruned_ns,
	    apid->health_s);
	past(j, "lastCheckpointAt", "checkpointAgeSeconds",
	    w->checkpointed_ns, apid->health_s);
	jw_ku64(j, "writerBacklogEvents", w->queued);
	jw_ku64(j, "writerBacklogBytes", w->queued_bytes);
	jw_ku64(j, "freeDiskBytes", w->free_bytes);
	jw_kbool(j, "maintenanceBlocked", w->stalled != 0);
	jw_object_end(j);
}

/* What ended sessions left, and what became of it. */
static void
archives(struct jw *j, const struct apid *apid)
{
	const struct msg_store_stats *w = &apid->writer;

	jw_name(j, "archives");
	jw_object(j);
	jw_ku64(j, "count", w->archives);
	jw_ku64(j, "bytes", w->archive_bytes);
	jw_ku64(j, "workspaces", w->workspaces);
	jw_ku64(j, "failing", w->work_failing);
	past(j, "lastFailureAt", "failureAgeSeconds", w->work_failed_ns,
	    apid->health_s);
	jw_object_end(j);
}

int
health_on_stats(struct chan *c, const union msg_any *msg, int *fd)
{
	struct apid *apid = c->ctx;

	(void)fd;
	apid->writer = msg->store_stats;
	/* The string is the packet's. */
	(void)snprintf(apid->oldest, sizeof(apid->oldest), "%s",
	    msg->store_stats.oldest_at);
	if (apid->server != NULL)
		health_build(apid);
	return 0;
}

static uint64_t
this_second(void)
{
	return clock_wall_ns() / UINT64_C(1000000000);
}

void
health_build(struct apid *apid)
{
	autobuf struct buf body = { 0 };
	struct jw j;

	apid->health_s = this_second();
	jw_init(&j, &body);
	jw_object(&j);
	jw_kbool(&j, "ok", true);
	jw_kstr(&j, "apiVersion", "coven.daemon.v1");
	jw_kstr(&j, "covenVersion", PACKAGE_VERSION);
	capability_flags(&j, apid);
	jw_name(&j, "daemon");
	jw_object(&j);
	jw_ku64(&j, "pid", apid->identity.pid);
	jw_kstr(&j, "startedAt", apid->identity.started_at);
	jw_kstr(&j, "socket", apid->identity.socket);
	jw_object_end(&j);
	event_writer(&j, apid);
	/* Not before the store has said it. */
	if (apid->writer.database_bytes != 0) {
		storage(&j, apid);
		archives(&j, apid);
	}
	jw_object_end(&j);
	buf_clear(&apid->health);
	conn_format_reply(&apid->health, 200, buf_head(&body),
	    buf_left(&body));
}

static bool
has_aged(const struct apid *apid)
{
	const struct msg_store_stats *w = &apid->writer;

	return (w->pruned_ns | w->checkpointed_ns | w->work_failed_ns) != 0 &&
	    apid->health_s != this_second();
}

void
on_health(struct request *r)
{
	/* Nothing else in it grows old. */
	if (has_aged(r->apid))
		health_build(r->apid);
	answer_whole(r, &r->apid->health);
}

static void
answer_text(struct request *r, int status, const char *text)
{
	autobuf struct buf body = { 0 };

	(void)buf_adds(&body, text);
	answer(r, status, &body);
}

void
on_api_version(struct request *r)
{
	answer_text(r, 200,
	    "{\"apiVersion\":\"v1\",\"supportedApiVersions\":[\"v1\"]}");
}

/* --- control actions ---------------------------------------------------- */

#define REFRESH	"coven.capabilities.refresh"

static const struct {
	const char	*id, *label, *action;
} capabilities[] = {
	{ "coven.sessions", "Coven sessions", NULL },
	{ "coven.control.actions", "Control actions", REFRESH },
};

void
on_capabilities(struct request *r)
{
	autobuf struct buf body = { 0 };
	struct jw j;
	size_t i;

	jw_init(&j, &body);
	jw_object(&j);
	jw_name(&j, "capabilities");
	jw_array(&j);
	for (i = 0; i < nitems(capabilities); i++) {
		jw_object(&j);
		jw_kstr(&j, "id", capabilities[i].id);
		jw_kstr(&j, "label", capabilities[i].label);
		jw_kstr(&j, "adapter", "coven-daemon");
		jw_kstr(&j, "status", "available");
		jw_kstr(&j, "policy", "allow");
		jw_name(&j, "actions");
		jw_array(&j);
		if (capabilities[i].action != NULL)
			jw_str(&j, capabilities[i].action);
		jw_array_end(&j);
		jw_object_end(&j);
	}
	jw_array_end(&j);
	jw_object_end(&j);
	answer(r, 200, &body);
}

static void
optional(struct jw *j, const struct json *v, const char *name)
{
	const char *s = json_str(json_get(v, name), NULL);

	if (s != NULL)
		jw_kstr(j, name, s);
}

static void
answer_refreshed(struct request *r, const struct json *v)
{
	autobuf struct buf body = { 0 };
	struct jw j;

	jw_init(&j, &body);
	jw_object(&j);
	jw_kbool(&j, "ok", true);
	jw_kbool(&j, "accepted", true);
	jw_kstr(&j, "action", REFRESH);
	jw_kstr(&j, "status", "completed");
	jw_name(&j, "event");
	jw_object(&j);
	jw_kstr(&j, "kind", "capabilities.refreshed");
	jw_kstr(&j, "action", REFRESH);
	optional(&j, v, "origin");
	optional(&j, v, "intentId");
	jw_name(&j, "payload");
	jw_object(&j);
	jw_ku64(&j, "capabilities", nitems(capabilities));
	jw_object_end(&j);
	jw_object_end(&j);
	jw_object_end(&j);
	answer(r, 200, &body);
}

/* The one rejection that has no error envelope. */
static void
answer_rejected(struct request *r, const char *action)
{
	autobuf struct buf body = { 0 }, reason = { 0 };
	struct jw j;

	(void)buf_addf(&reason, "unknown action `%s`", action);
	jw_init(&j, &body);
	jw_object(&j);
	jw_kbool(&j, "ok", false);
	jw_kbool(&j, "accepted", false);
	jw_kstr(&j, "action", action);
	jw_kstr(&j, "status", "rejected");
	jw_kstr(&j, "reason", buf_head(&reason));
	jw_object_end(&j);
	answer(r, 400, &body);
}

void
on_actions(struct request *r)
{
	const struct buf *in = &r->http->body;
	autojson struct json *v = NULL;
	const char *action, *why;

	bool blank = strspn(buf_head(in), " \t\r\n") == buf_left(in);

	if (!blank && json_parse(buf_head(in), buf_left(in), &v, &why) != 0) {
		answer_rejected(r, "(unknown)");
		return;
	}
	action = json_str(json_get(v, "action"), NULL);
	if (action != NULL && strcmp(action, REFRESH) == 0)
		answer_refreshed(r, v);
	else
		answer_rejected(r, action != NULL ? action : "");
}
