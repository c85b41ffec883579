/* What is done to a live session: input, signals, sizes, the end. */
#include <signal.h>
#include <string.h>

#include "common/base64.h"
#include "common/limits.h"
#include "common/mem.h"
#include "coven-apid/request.h"

#define EVENT_ROOM	((size_t)512)	/* of an event's other columns */

/* --- input -------------------------------------------------------------- */

/* The bytes of a request; 0, or 1 after answering. */
static int
input_bytes(struct request *r, const struct json *v, struct buf *data,
    bool eof)
{
	const struct json *text = json_get(v, "data");
	const struct json *b64 = json_get(v, "b64");
	const char *s;
	size_t n = 0;

	s = json_str(text != NULL ? text : b64, &n);
	if (s == NULL && (text != NULL || b64 != NULL || !eof)) {
		answer_error_with(r, API_INVALID, "sessionId", r->id,
		    "`data` must be a string.");
		return 1;
	}
	if (text != NULL && b64 != NULL) {
		answer_error_with(r, API_INVALID, "sessionId", r->id,
		    "`data` and `b64` exclude each other.");
		return 1;
	}
	if (b64 == NULL) {
		(void)buf_add(data, s, n);
		return 0;
	}
	if (base64_decode(BASE64_STANDARD, s, n, data) != 0) {
		answer_error_with(r, API_INVALID, "sessionId", r->id,
		    "`b64` is not base64.");
		return 1;
	}
	return 0;
}

static void
on_input_done(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	(void)rows;
	if (reply->code == STORE_OK)
		answer_accepted(r);
	else if (reply->code == STORE_TOO_LARGE)
		answer_error_with(r, API_INPUT_TOO_LARGE, "sessionId", r->id,
		    "The input is too large for one event.");
	else if (reply->code == STORE_ERROR)
		answer_error_with(r, API_SEND_INPUT_FAILED, "sessionId",
		    r->id, "Input could not be sent: %s", reply->text);
	else
		answer_store_code(r, reply);
}

static void
send_input(struct request *r, struct json *v)
{
	autobuf struct buf data = { 0 }, payload = { 0 };
	struct msg_input m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r) };
	bool eof = json_is_true(json_get(v, "eof"));
	struct msg_input_spec spec = { .eof = eof };

	if (input_bytes(r, v, &data, eof) != 0)
		return;
	json_remove(v, "executionBinding");
	(void)json_write(v, &payload);
	if (buf_left(&payload) + EVENT_ROOM > LIMIT_INPUT_EVENT) {
		answer_error_with(r, API_INPUT_TOO_LARGE, "sessionId", r->id,
		    "The input is too large for one event.");
		return;
	}
	spec.data = (struct msg_bin){ buf_head(&data), buf_left(&data) };
	spec.payload = (struct msg_bin){ buf_head(&payload),
	    buf_left(&payload) };
	ask_with_record(r, MSG_INPUT, &m, MSG_INPUT_SPEC, &spec,
	    on_input_done);
}

/* It is live: now the body counts. */
static void
on_input_check(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	autojson struct json *v = NULL;

	(void)rows;
	if (reply->code != STORE_OK) {
		answer_store_code(r, reply);
		return;
	}
	if (request_json(r, &v) != 0)
		return;
	if (json_has(v, "requestAdoption")) {
		answer_error_field(r, API_ADOPTION_INVALID, "executionBinding",
		    "An adopted input needs an execution binding.");
		return;
	}
	send_input(r, v);
}

void
on_input(struct request *r)
{
	struct msg_input_check m = { .tag = r->tag, .id = r->id };

	ask(r, MSG_INPUT_CHECK, &m, -1, on_input_check);
}

/* --- kill --------------------------------------------------------------- */

static void
on_killed(struct request *r, const struct msg_reply *reply, struct rows *rows)
{
	(void)rows;
	if (reply->code == STORE_OK)
		answer_accepted(r);
	else if (reply->code == STORE_ERROR)
		answer_error_with(r, API_KILL_FAILED, "sessionId", r->id,
		    "Session could not be killed: %s", reply->text);
	else
		answer_store_code(r, reply);
}

static void
on_adopted_kill(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	(void)rows;
	if (reply->code == STORE_OK)
		answer_error_field(r, API_ADOPTION_INVALID, "requestAdoption",
		    "A kill cannot be adopted.");
	else
		answer_store_code(r, reply);
}

/* A body that is not JSON counts as none. */
void
on_kill(struct request *r)
{
	struct msg_session_get get = { .tag = r->tag, .id = r->id };
	struct msg_kill m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r) };
	const struct buf *body = &r->http->body;
	autojson struct json *v = NULL;
	const char *why;

	if (json_parse(buf_head(body), buf_left(body), &v, &why) == 0 &&
	    json_has(v, "requestAdoption"))
		ask(r, MSG_SESSION_GET, &get, -1, on_adopted_kill);
	else
		ask(r, MSG_KILL, &m, -1, on_killed);
}

/* --- signals ------------------------------------------------------------ */

/* Those that mean something to a command; the end of a tree is a kill. */
static const struct {
	const char	*name;
	int		 signo;
} signals[] = {
	{ "INT", SIGINT },
	{ "TERM", SIGTERM },
	{ "HUP", SIGHUP },
	{ "QUIT", SIGQUIT },
	{ "USR1", SIGUSR1 },
	{ "USR2", SIGUSR2 },
	{ "WINCH", SIGWINCH },
	{ "CONT", SIGCONT },
	{ "TSTP", SIGTSTP },
};

void
on_signal(struct request *r)
{
	struct msg_signal m = { .tag = r->tag, .id = r->id,
	    .actor = request_actor(r) };
	autojson struct json *v = NULL;
	const char *name;
	size_t i;

	if (request_json(r, &v) != 0)
		return;
	name = json_str(json_get(v, "signal"), NULL);
	for (i = 0; name != NULL && i < nitems(signals); i++)
		if (strcmp(signals[i].name, name) == 0)
			break;
	if (name == NULL || i == nitems(signals)) {
		answer_error_with(r, API_INVALID, "sessionId", r->id,
		    "`signal` must be one of INT, TERM, HUP, QUIT, USR1, "
		    "USR2, WINCH, CONT, TSTP.");
		return;
	}
	m.signo = (uint32_t)signals[i].signo;
	ask(r, MSG_SIGNAL, &m, -1, on_killed);
}

/* --- the size of its terminal ------------------------------------------- */

static void
on_resized(struct request *r, const struct msg_reply *reply,
    struct rows *rows)
{
	(void)rows;
	if (reply->code == STORE_OK)
		answer_accepted(r);
	else
		answer_store_code(r, reply);
}

void
on_resize(struct request *r)
{
	struct msg_resize m = { .tag = r->tag, .id = r->id };
	const struct {
		const char	*name;
		uint32_t	*to;
	} sizes[] = {
		{ "rows", &m.rows },
		{ "cols", &m.cols },
	};
	autojson struct json *v = NULL;
	int64_t n;
	size_t i;

	if (request_json(r, &v) != 0)
		return;
	for (i = 0; i < nitems(sizes); i++) {
		if (!json_int(json_get(v, sizes[i].name), &n) || n < 1 ||
		    n > LIMIT_TTY_SIZE) {
			answer_error_with(r, API_INVALID, "sessionId", r->id,
			    "`rows` and `cols` are 1 to %d.", LIMIT_TTY_SIZE);
			return;
		}
		*sizes[i].to = (uint32_t)n;
	}
	ask(r, MSG_RESIZE, &m, -1, on_resized);
}
