#include "common/mem.h"
#include "tests/unit/routes_client.h"
#include "tests/unit/routes_vectors.h"

#define EVENT(n)	"{\"seq\":" n ",\"id\":\"e\",\"session_id\":\"evs\"," \
	"\"kind\":\"output\",\"payload_json\":" \
	"\"{\\\"data\\\":\\\"hi\\\\r\\\\n\\\"}\"," \
	"\"created_at\":\"2026-08-22T10:00:00.123456789Z\"}"
#define RECORD(id, status, external) "{\"id\":\"" id "\"," \
	"\"project_root\":\"/p\",\"harness\":\"exec\",\"title\":\"t\"," \
	"\"status\":\"" status "\",\"exit_code\":null," \
	"\"archived_at\":null," \
	"\"created_at\":\"2026-08-22T10:00:00.123456789Z\"," \
	"\"updated_at\":\"2026-08-22T10:00:00.123456789Z\"," \
	"\"conversation_id\":null,\"familiar_id\":null," \
	"\"execution_binding\":null,\"labels\":[\"a\"]," \
	"\"visibility\":\"private\",\"external\":" external "," \
	"\"transcript_path\":null}"

const struct vector vectors[] = {
	/* the contract's table */
	{ "GET", "/api/v1/api-version", NULL, 200,
	    "{\"apiVersion\":\"v1\",\"supportedApiVersions\":[\"v1\"]}",
	    { 0 } },
	{ "GET", "/api/v2/health", NULL, 404, NULL,
	    { ERR("invalid_request"), "\"apiVersion\":\"v2\"",
	    "\"supportedApiVersions\":[\"v1\"]" } },
	{ "PUT", "/api/v1/health", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "/nope", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "/api/v1", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "/api/v1/sessions", NULL, 200, "[]", { 0 } },
	{ "GET", "/api/v1/sessions?limit=5", NULL, 200,
	    "{\"sessions\":[],\"next_cursor\":null}", { 0 } },
	{ "GET", "/api/v1/sessions?limit=0", NULL, 400, NULL,
	    { ERR("invalid_request"), "\"limit\":\"0\"" } },
	{ "GET", "/api/v1/sessions?limit=1001", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/api/v1/sessions?limit=x", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/api/v1/sessions?includeArchived=1", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/api/v1/sessions?cursor=!", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/api/v1/sessions/absent", NULL, 404, NULL,
	    { ERR("session_not_found"),
	    "\"details\":{\"sessionId\":\"absent\"}" } },
	{ "GET", "/api/v1/events", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/api/v1/events?sessionId=live", NULL, 200,
	    "{\"events\":[],\"nextCursor\":null,\"hasMore\":false}", { 0 } },
	{ "GET", "/api/v1/events?sessionId=evs&limit=0", NULL, 200,
	    "{\"events\":[" EVENT("1") "],\"nextCursor\":{\"afterSeq\":1},"
	    "\"hasMore\":true}", { 0 } },
	{ "POST", "/api/v1/sessions", "{", 400, NULL,
	    { ERR("invalid_request"),
	    "\"message\":\"failed to parse request body" } },
	{ "POST", "/api/v1/sessions/ended/input", "{", 409, NULL,
	    { ERR("session_not_live") } },
	{ "POST", "/api/v1/sessions/live/input", "{\"data\":\"x\\n\"}", 202,
	    "{\"accepted\":true,\"ok\":true}", { 0 } },
	{ "POST", "/api/v1/actions", "{\"action\":\"nope\"}", 400,
	    "{\"ok\":false,\"accepted\":false,\"action\":\"nope\","
	    "\"status\":\"rejected\",\"reason\":\"unknown action `nope`\"}",
	    { 0 } },
	{ "POST", "/api/v1/sessions/external", "{\"id\":\"x\","
	    "\"projectRoot\":\"/p\",\"harness\":\"h\"}", 201,
	    RECORD("x", "running", "true"), { 0 } },
	{ "POST", "/api/v1/sessions/external", "{\"id\":\"x\","
	    "\"projectRoot\":\"/p\",\"harness\":\"h\"}", 200,
	    RECORD("x", "running", "true"), { 0 } },

	/* searching: there are no sessions here, but what is asked counts */
	{ "GET", "/sessions?query=one%20two%2e", NULL, 200,
	    "{\"sessions\":[],\"next_cursor\":null,\"search\":{"
	    "\"complete\":false,\"pendingSessions\":2}}", { 0 } },
	{ "GET", "/sessions?status=live", NULL, 200,
	    "{\"sessions\":[],\"next_cursor\":null}", { 0 } },
	{ "GET", "/sessions?harness=none&status=killed", NULL, 200,
	    "{\"sessions\":[],\"next_cursor\":null}", { 0 } },
	{ "GET", "/sessions?status=active", NULL, 400, NULL,
	    { ERR("invalid_request"), "\"status\":\"active\"" } },
	{ "GET", "/sessions?harness=", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions?query=", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions?query=%", NULL, 400, NULL,
	    { ERR("invalid_request"), "\"query\":\"%\"" } },
	{ "GET", "/sessions?query=a%0", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions?query=a%00", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions?query=%ff", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions?query=...", NULL, 400, NULL,
	    { ERR("invalid_request"), "it holds no word" } },
	{ "GET", "/sessions?query=wide", NULL, 422, NULL,
	    { ERR("query_too_broad") } },

	/* versions and paths */
	{ "GET", "/health", NULL, 200, NULL, { "\"ok\":true" } },
	{ "GET", "/api/v1/health?x=y", NULL, 200, NULL,
	    { "\"ok\":true" } },
	{ "GET", "/api/v1/", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "/api/", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "/api", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "/api/v1/api/v1/health", NULL, 404, NULL,
	    { ERR("not_found") } },
	{ "GET", "/health/", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "*", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "http://x/health", NULL, 404, NULL, { ERR("not_found") } },
	{ "GET", "/api/v1/familiars", NULL, 200, "[]", { 0 } },
	{ "GET", "/capabilities", NULL, 200, NULL,
	    { "\"id\":\"coven.sessions\"", "\"status\":\"available\"" } },

	/* actions */
	{ "POST", "/actions", "{\"action\":\"coven.capabilities.refresh\","
	    "\"origin\":\"me\",\"intentId\":\"i\"}", 200,
	    "{\"ok\":true,\"accepted\":true,"
	    "\"action\":\"coven.capabilities.refresh\","
	    "\"status\":\"completed\",\"event\":{"
	    "\"kind\":\"capabilities.refreshed\","
	    "\"action\":\"coven.capabilities.refresh\",\"origin\":\"me\","
	    "\"intentId\":\"i\",\"payload\":{\"capabilities\":2}}}", { 0 } },
	{ "POST", "/actions", "{", 400, NULL,
	    { "\"action\":\"(unknown)\"" } },
	{ "POST", "/actions", "{}", 400, NULL, { "\"action\":\"\"" } },

	/* sessions */
	{ "GET", "/sessions/live", NULL, 200,
	    RECORD("live", "running", "false"), { 0 } },
	{ "GET", "/sessions/a/b", NULL, 200,
	    RECORD("a/b", "running", "false"), { 0 } },
	{ "GET", "/sessions/a%2Fb", NULL, 404, NULL,
	    { "\"sessionId\":\"a%2Fb\"" } },
	{ "GET", "/sessions/", NULL, 404, NULL,
	    { ERR("session_not_found"), "\"sessionId\":\"\"" } },
	{ "GET", "/sessions/live/handoffs", NULL, 404, NULL,
	    { ERR("not_found") } },
	{ "GET", "/sessions/live/artifacts/1", NULL, 404, NULL,
	    { ERR("not_found") } },
	{ "POST", "/sessions/live/adopted-input", "{}", 404, NULL,
	    { ERR("not_found") } },
	{ "POST", "/sessions/live", "{}", 404, NULL, { ERR("not_found") } },
	{ "POST", "/sessions/ext/complete", "{\"exitCode\":0}", 200,
	    RECORD("ext", "completed", "true"), { 0 } },
	{ "POST", "/sessions/ext/complete", "{\"exitCode\":3}", 200, NULL,
	    { "\"status\":\"failed\"" } },
	{ "POST", "/sessions/ext/complete", "nonsense", 200, NULL,
	    { "\"status\":\"completed\"" } },
	{ "POST", "/sessions/live/complete", "{}", 422, NULL,
	    { ERR("not_external_session") } },
	{ "POST", "/sessions/no/complete", "{}", 404, NULL,
	    { ERR("session_not_found") } },

	/* statistics */
	{ "GET", "/api/v1/stats", NULL, 200, NULL,
	    { "\"sessions\":[{\"sessionId\":\"live\",\"ageMs\":1500,"
	    "\"outputBytes\":7,\"measured\":true,\"cpuUs\":250000,"
	    "\"memoryBytes\":4096,\"memoryShared\":true,\"processes\":2,"
	    "\"processesCapped\":false}],\"complete\":true}" } },
	{ "POST", "/api/v1/stats", "{}", 404, NULL, { ERR("not_found") } },

	/* sizes */
	{ "POST", "/sessions/live/resize", "{\"rows\":1,\"cols\":1000}", 202,
	    "{\"accepted\":true,\"ok\":true}", { 0 } },
	{ "POST", "/sessions/live/resize", "{\"rows\":24,\"cols\":999}", 422,
	    NULL, { ERR("session_no_terminal") } },
	{ "POST", "/sessions/ended/resize", "{\"rows\":24,\"cols\":80}", 409,
	    NULL, { ERR("session_not_live") } },
	{ "POST", "/sessions/no/resize", "{\"rows\":24,\"cols\":80}", 404,
	    NULL, { ERR("session_not_found") } },
	{ "POST", "/sessions/live/resize", "{\"rows\":0,\"cols\":80}", 400,
	    NULL, { ERR("invalid_request") } },
	{ "POST", "/sessions/live/resize", "{\"rows\":24,\"cols\":1001}", 400,
	    NULL, { ERR("invalid_request") } },
	{ "POST", "/sessions/live/resize", "{\"rows\":24}", 400, NULL,
	    { ERR("invalid_request") } },
	{ "POST", "/sessions/live/resize", "{\"rows\":\"24\",\"cols\":80}",
	    400, NULL, { ERR("invalid_request") } },

	/* what has ended */
	{ "POST", "/sessions/ended/archive", "", 200,
	    RECORD("ended", "completed", "false"), { 0 } },
	{ "POST", "/sessions/a/b/summon", NULL, 200,
	    RECORD("a/b", "idle", "false"), { 0 } },
	{ "POST", "/sessions/live/archive", "{}", 409, NULL,
	    { ERR("session_live"), "\"sessionId\":\"live\"" } },
	{ "POST", "/sessions/no/summon", "{}", 404, NULL,
	    { ERR("session_not_found") } },
	{ "DELETE", "/api/v1/sessions/a/b", NULL, 200,
	    "{\"ok\":true,\"deleted\":true,\"id\":\"a/b\"}", { 0 } },
	{ "DELETE", "/sessions/live", NULL, 409, NULL,
	    { ERR("session_live") } },
	{ "DELETE", "/sessions/no", NULL, 404, NULL,
	    { ERR("session_not_found") } },
	{ "DELETE", "/sessions", NULL, 404, NULL, { ERR("not_found") } },

	/* external */
	{ "POST", "/sessions/external", "{\"projectRoot\":\"/p\","
	    "\"harness\":\"h\"}", 400, NULL, { "`id` is required" } },
	{ "POST", "/sessions/external", "{\"id\":\" \",\"projectRoot\":"
	    "\"/p\",\"harness\":\"h\"}", 400, NULL, { "`id` is required" } },
	{ "POST", "/sessions/external", "{\"id\":\"live\",\"projectRoot\":"
	    "\"/p\",\"harness\":\"h\"}", 409, NULL,
	    { ERR("session_id_conflict"), "\"sessionId\":\"live\"" } },
	{ "POST", "/sessions/external", "{\"requestAdoption\":null}", 400,
	    NULL, { ERR("request_adoption_invalid") } },
	{ "POST", "/sessions/external", "{\"executionBinding\":{}}", 400,
	    NULL, { ERR("execution_binding_invalid") } },
	{ "POST", "/sessions/external", "{\"id\":\"y\",\"projectRoot\":"
	    "\"/p\",\"harness\":\"h\",\"labels\":[\"a\",\"a\"]}", 400, NULL,
	    { ERR("invalid_request") } },
	{ "POST", "/sessions/external", "{\"id\":\"y\",\"projectRoot\":"
	    "\"/p\",\"harness\":\"h\",\"labels\":[\"a b\"]}", 400, NULL,
	    { ERR("invalid_request") } },

	/* events */
	{ "GET", "/sessions/evs/events", NULL, 200, "{\"events\":["
	    EVENT("1") "," EVENT("2") "," EVENT("3") "," EVENT("4") ","
	    EVENT("5") "],\"nextCursor\":{\"afterSeq\":5},"
	    "\"hasMore\":false}", { 0 } },
	{ "GET", "/sessions/evs/events?afterSeq=3&limit=1", NULL, 200,
	    "{\"events\":[" EVENT("4") "],\"nextCursor\":{\"afterSeq\":4},"
	    "\"hasMore\":true}", { 0 } },
	{ "GET", "/sessions/evs/events?afterSeq=5&limit=9", NULL, 200,
	    "{\"events\":[],\"nextCursor\":null,\"hasMore\":false}", { 0 } },
	{ "GET", "/sessions/evs/events?afterSeq=-1&limit=1", NULL, 200, NULL,
	    { "\"seq\":1," } },
	{ "GET", "/sessions/evs/events?afterSeq=x", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions/evs/events?limit=", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions/no/events", NULL, 404, NULL,
	    { ERR("session_not_found") } },
	{ "GET", "/events?sessionId=", NULL, 400, NULL,
	    { ERR("invalid_request") } },
	{ "GET", "/sessions/big/events", NULL, 413, NULL,
	    { ERR("event_response_too_large"), "\"eventId\":\"e\"",
	    "\"seq\":70" } },
	{ "GET", "/sessions/big/events?limit=1000", NULL, 200, NULL,
	    { "\"nextCursor\":{\"afterSeq\":69},\"hasMore\":true" } },
	{ "GET", "/sessions/evs/log", NULL, 200, NULL,
	    { "[{\"ts\":\"2026-08-22T10:00:00.123456789Z\","
	    "\"level\":\"info\",\"message\":\"hi\\r\\n\"},{" } },
	{ "GET", "/sessions/no/log", NULL, 404, NULL,
	    { ERR("session_not_found") } },
	{ "GET", "/sessions/live/log", NULL, 200, "[]", { 0 } },

	/* input and signals */
	{ "POST", "/sessions/no/input", "{", 404, NULL,
	    { ERR("session_not_found") } },
	{ "POST", "/sessions/live/input", "{", 400, NULL,
	    { "failed to parse request body" } },
	{ "POST", "/sessions/live/input", "{}", 400, NULL,
	    { ERR("invalid_request"), "\"sessionId\":\"live\"" } },
	{ "POST", "/sessions/live/input", "{\"data\":5}", 400, NULL,
	    { ERR("invalid_request") } },
	{ "POST", "/sessions/live/input", "{\"requestAdoption\":{}}", 400,
	    NULL, { ERR("request_adoption_invalid"),
	    "\"fields\":[\"executionBinding\"]" } },
	{ "POST", "/sessions/live/input", "{\"b64\":\"Zg=\"}", 400, NULL,
	    { ERR("invalid_request") } },
	{ "POST", "/sessions/live/input", "{\"data\":\"\"}", 202, NULL,
	    { "\"ok\":true" } },
	{ "POST", "/sessions/live/signal", "{\"signal\":\"KILL\"}", 400,
	    NULL, { ERR("invalid_request") } },
	{ "POST", "/sessions/live/signal", "{\"signal\":\"INT\"}", 202, NULL,
	    { "\"ok\":true" } },
	{ "POST", "/sessions/ended/signal", "{\"signal\":\"INT\"}", 409,
	    NULL, { ERR("session_not_live") } },

	/* kill, last for the live one */
	{ "POST", "/sessions/no/kill", NULL, 404, NULL,
	    { ERR("session_not_found") } },
	{ "POST", "/sessions/no/kill", "{\"requestAdoption\":1}", 404, NULL,
	    { ERR("session_not_found") } },
	{ "POST", "/sessions/live/kill", "{\"requestAdoption\":1}", 400,
	    NULL, { ERR("request_adoption_invalid"),
	    "\"fields\":[\"requestAdoption\"]" } },
	{ "POST", "/sessions/ext/kill", "{}", 422, NULL,
	    { ERR("external_session_not_killable") } },
	{ "POST", "/api/v1/sessions/live/kill", NULL, 202,
	    "{\"accepted\":true,\"ok\":true}", { 0 } },
	{ "POST", "/api/v1/sessions/live/kill", NULL, 409, NULL,
	    { ERR("session_not_live") } },

	/* launch: refusals */
	{ "POST", "/sessions", "", 400, NULL,
	    { "`projectRoot` is required" } },
	{ "POST", "/sessions", "[]", 400, NULL,
	    { "`projectRoot` is required" } },
	{ "POST", "/sessions", "{\"projectRoot\":\"p\"}", 400, NULL,
	    { "failed to resolve projectRoot" } },
	{ "POST", "/sessions", "{\"projectRoot\":\"/p\\u0000q\"}", 400, NULL,
	    { "`projectRoot` is required" } },
	{ "POST", "/sessions", "{" LAUNCH "\"vim\",\"prompt\":\"x\"}", 400,
	    NULL, { "unsupported harness `vim`. Configured harnesses: codex, "
	    "claude, coven-code, copilot, exec, mine" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\"}", 400, NULL,
	    { "`prompt` is required" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\" \"}", 400,
	    NULL, { "`prompt` is required" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"launchMode\":\"fast\"}", 400, NULL, { "`launchMode`" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"launchMode\":\"stream\"}", 500, NULL,
	    { ERR("launch_failed") } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"model\":\"--evil\"}", 500, NULL, { ERR("launch_failed") } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"conversation\":{\"mode\":\"init\",\"id\":\"a b\"}}", 400,
	    NULL, { "`conversation.id`" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"familiarId\":\"f\"}", 400, NULL, { ERR("unknown_familiar"),
	    "\"details\":{\"familiarId\":\"f\"}" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"launchPolicy\":{\"approval\":\"never\","
	    "\"sandbox\":\"workspace-write\"}}", 400, NULL,
	    { "`launchPolicy`" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"launchMode\":\"nonInteractive\",\"launchPolicy\":"
	    "{\"approval\":\"never\",\"sandbox\":\"workspace-write\","
	    "\"more\":1}}", 400, NULL, { "`launchPolicy`" } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"executionBinding\":{}}", 400, NULL,
	    { ERR("execution_binding_unsupported") } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"executionBinding\":null}", 400, NULL,
	    { ERR("execution_binding_invalid") } },
	{ "POST", "/sessions", "{" LAUNCH "\"codex\",\"prompt\":\"x\","
	    "\"requestAdoption\":{}}", 400, NULL,
	    { ERR("request_adoption_invalid"),
	    "\"fields\":[\"executionBinding\"]" } },
	{ "POST", "/sessions", "{" LAUNCH "\"exec\"}", 400, NULL,
	    { "`argv`" } },
	{ "POST", "/sessions", "{" LAUNCH "\"exec\",\"argv\":[]}", 400, NULL,
	    { "`argv`" } },
	{ "POST", "/sessions", "{" LAUNCH "\"exec\",\"argv\":[\"\"]}", 400,
	    NULL, { "`argv`" } },
	{ "POST", "/sessions", "{" LAUNCH "\"exec\",\"argv\":[\"a\\u0000\"]}",
	    400, NULL, { "`argv`" } },
	{ "POST", "/sessions", "{" EXEC ",\"env\":{\"A=B\":\"c\"}}", 400,
	    NULL, { "`env`" } },
	{ "POST", "/sessions", "{" EXEC ",\"env\":{\"A\":1}}", 400, NULL,
	    { "`env`" } },
	{ "POST", "/sessions", "{" EXEC ",\"rows\":0}", 400, NULL,
	    { "`rows`" } },
	{ "POST", "/sessions", "{\"projectRoot\":\"/refused\","
	    "\"harness\":\"exec\",\"argv\":[\"true\"]}", 400, NULL,
	    { ERR("invalid_request"), "failed to resolve projectRoot" } },
	{ "POST", "/sessions", "{\"projectRoot\":\"/outside\","
	    "\"harness\":\"exec\",\"argv\":[\"true\"]}", 400, NULL,
	    { "cwd is outside the Coven project root" } },
	{ "POST", "/sessions", "{" EXEC ",\"title\":\"fail\"}", 500, NULL,
	    { ERR("launch_failed"), "execute: no such file",
	    "\"details\":{\"sessionId\":\"some-id\"}" } },
	{ "POST", "/sessions", "{" EXEC "}", 201,
	    RECORD("new", "running", "false"), { 0 } },

	/* shutdown: refusals */
	{ "POST", "/internal/lifecycle/shutdown", "{}", 404, NULL,
	    { ERR("not_found") } },
	{ "POST", STOP "?x=1", "{}", 404, NULL, { ERR("not_found") } },
	{ "GET", STOP, NULL, 404, NULL, { ERR("not_found") } },
	{ "POST", STOP, "", 400, NULL, { ERR("invalid_request") } },
	{ "POST", STOP, "{", 400, NULL, { ERR("invalid_request") } },
	{ "POST", STOP, "{\"apiVersion\":\"coven.daemon.v1\",\"daemon\":{},"
	    "\"x\":1}", 400, NULL, { ERR("invalid_request") } },
	{ "POST", STOP, "{\"apiVersion\":\"coven.daemon.v1\"}", 409, NULL,
	    { ERR("daemon_identity_mismatch") } },
	{ "POST", STOP, "{\"apiVersion\":\"coven.daemon.v1\",\"daemon\":"
	    "{\"pid\":4712,\"startedAt\":\"" STARTED_AT "\",\"socket\":\""
	    SOCKET "\"}}", 409, NULL, { ERR("daemon_identity_mismatch") } },
};

const size_t vectors_count = nitems(vectors);
