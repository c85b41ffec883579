#include <sys/syscall.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/api.h"
#include "covenctl/lifecycle.h"

#define CONTRACT	"coven.daemon.v1"
#define STOP_MS		10000
#define RECORD_MAX	((size_t)16 << 10)

static const char *const words[] = {
	[DAEMON_STOPPED] = "stopped",
	[DAEMON_RUNNING] = "running",
	[DAEMON_STALE] = "stale",
};

/* daemon: {pid, startedAt, socket}, in health and in daemon.json. */
static bool
take_identity(const struct jr *v, struct daemon *d)
{
	const char *at = jr_kstr(v, "startedAt"), *path = jr_kstr(v, "socket");

	if (!jr_ki64(v, "pid", &d->pid) || d->pid <= 1 ||
	    d->pid > INT32_MAX || at == NULL || path == NULL ||
	    strlen(at) >= sizeof(d->started_at) ||
	    strlen(path) >= sizeof(d->socket))
		return false;
	memcpy(d->started_at, at, strlen(at) + 1);
	memcpy(d->socket, path, strlen(path) + 1);
	return true;
}

static void
take_archives(const struct jr *v, struct daemon *d)
{
	struct {
		const char	*name;
		int64_t		*to;
	} numbers[] = {
		{ "count", &d->archives }, { "bytes", &d->archive_bytes },
		{ "workspaces", &d->workspaces }, { "failing", &d->failing },
		{ "failureAgeSeconds", &d->failure_age_s },
	};

	for (size_t i = 0; i < nitems(numbers); i++)
		if (!jr_ki64(v, numbers[i].name, numbers[i].to))
			*numbers[i].to = -1;
}

/* What the contract's lifecycle clients require of a healthy daemon. */
static bool
healthy(struct ctl *ctl, const struct answer *a, struct daemon *d)
{
	const char *api = jr_kstr(a->doc, "apiVersion");
	const char *version = jr_kstr(a->doc, "covenVersion");
	const char *sandbox = jr_kstr(jr_get(a->doc, "capabilities"),
	    "sandboxMode");

	if (a->status != 200 || !jr_ktrue(a->doc, "ok") || api == NULL ||
	    strcmp(api, CONTRACT) != 0 || version == NULL ||
	    !jr_ktrue(jr_get(a->doc, "capabilities"), "structuredErrors") ||
	    !take_identity(jr_get(a->doc, "daemon"), d))
		return false;
	(void)snprintf(d->version, sizeof(d->version), "%s", version);
	if (sandbox != NULL && strlen(sandbox) < sizeof(d->sandbox))
		memcpy(d->sandbox, sandbox, strlen(sandbox) + 1);
	take_archives(jr_get(a->doc, "archives"), d);
	d->token_mode = jr_ktrue(jr_get(a->doc, "capabilities"), "tokenAuth");
	/* Who names a token is where a forwarded socket is, and not its end. */
	return d->pid == ctl->client.peer.pid ||
	    ctl->client.token_file != NULL;
}

/*
 * One that has ended may lie unreaped for ever, where the first process of a
 * container reaps nobody; it holds nothing.
 */
static bool
lives(pid_t pid)
{
	autoclose int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd == -1)
		return errno != ESRCH && errno != EINVAL;
	return poll(&p, 1, 0) == 0;
}

/* A record without health: is its process still there? */
static void
from_record(struct ctl *ctl, struct daemon *d)
{
	char text[RECORD_MAX + 1];
	autojr struct jr *doc = NULL;
	ssize_t n = home_read(&ctl->home, "daemon.json", text, RECORD_MAX);

	if (n < 0 || jr_parse(text, (size_t)n, &doc) < 0 ||
	    !take_identity(doc, d))
		return;
	if (lives((pid_t)d->pid))
		d->state = DAEMON_STALE;
}

int
daemon_probe(struct ctl *ctl, struct daemon *d)
{
	struct request q = { .method = "GET", .target = "/health",
	    .timeout_ms = PROBE_MS };
	autoreply struct reply r = { 0 };
	autoanswer struct answer a = { 0 };
	int rc;

	*d = (struct daemon){ .state = DAEMON_STOPPED };
	ctl->client.peer.known = false;
	rc = client_exchange(&ctl->client, &q, &r);
	if (rc == CLIENT_UNTRUSTED || rc == CLIENT_NO_TOKEN)
		return rc;
	if (rc == 0 && answer_from(&ctl->client, &r, &a) == 0 &&
	    healthy(ctl, &a, d)) {
		d->state = DAEMON_RUNNING;
		return 0;
	}
	*d = (struct daemon){ .state = DAEMON_STOPPED };
	from_record(ctl, d);
	if (rc == 0 && a.status == 401) {
		/* It lives, and this caller is not told more. */
		d->state = DAEMON_RUNNING;
		d->refused = true;
		d->pid = ctl->client.peer.pid;
		return 0;
	}
	/* Somebody listens, but it is no healthy daemon. */
	if (rc != CLIENT_ABSENT && d->state == DAEMON_STOPPED)
		d->state = DAEMON_STALE;
	if (d->state == DAEMON_STOPPED)
		*d = (struct daemon){ .state = DAEMON_STOPPED };
	return 0;
}

static int
print_json(const struct daemon *d)
{
	autobuf struct buf b = { 0 };
	struct jw j;

	jw_init(&j, &b);
	jw_object(&j);
	jw_kbool(&j, "ok", d->state == DAEMON_RUNNING);
	jw_name(&j, "pid");
	if (d->pid != 0)
		jw_i64(&j, d->pid);
	else
		jw_null(&j);
	jw_kstr(&j, "socket", d->socket[0] != '\0' ? d->socket : NULL);
	jw_kstr(&j, "started_at",
	    d->started_at[0] != '\0' ? d->started_at : NULL);
	jw_kstr(&j, "status", words[d->state]);
	jw_object_end(&j);
	return printf("%s\n", buf_head(&b)) < 0 ? CTL_FAILED : CTL_OK;
}

int
daemon_print(struct ctl *ctl, const struct daemon *d, const char *word)
{
	if (ctl->opt[OPT_JSON] != NULL)
		return print_json(d);
	if (d->state == DAEMON_STOPPED || d->pid == 0)
		return printf("Coven daemon: %s\n", word) < 0 ? CTL_FAILED :
		    CTL_OK;
	return printf("Coven daemon: %s (pid %" PRId64 ", socket %s)\n", word,
	    d->pid, d->socket) < 0 ? CTL_FAILED : CTL_OK;
}

static void
stop_body(const struct daemon *d, struct buf *b)
{
	struct jw j;

	jw_init(&j, b);
	jw_object(&j);
	jw_kstr(&j, "apiVersion", CONTRACT);
	jw_name(&j, "daemon");
	jw_object(&j);
	jw_ki64(&j, "pid", d->pid);
	jw_kstr(&j, "startedAt", d->started_at);
	jw_kstr(&j, "socket", d->socket);
	jw_object_end(&j);
	jw_object_end(&j);
}

int
daemon_stop(struct ctl *ctl, const struct daemon *d)
{
	autobuf struct buf body = { 0 };
	autoreply struct reply r = { 0 };
	autoanswer struct answer a = { 0 };
	struct request q = { .method = "POST",
	    .target = API "/internal/lifecycle/shutdown",
	    .timeout_ms = STOP_MS };
	int rc;

	stop_body(d, &body);
	q.body = buf_head(&body);
	q.body_len = buf_left(&body);
	rc = client_exchange(&ctl->client, &q, &r);
	if (rc == 0)
		rc = answer_from(&ctl->client, &r, &a);
	if (rc != 0) {
		rc = api_failed(ctl, rc);
		ctl_err("stop it by hand: kill %" PRId64, d->pid);
		return rc;
	}
	if (a.status != 202)
		return api_refused(&a);
	/* The connection closes with the daemon's own end, not before. */
	if (r.open) {
		ctl_err("pid %" PRId64 " is stopping but not gone after "
		    "%d s: look at it, then kill -KILL %" PRId64, d->pid,
		    STOP_MS / 1000, d->pid);
		return CTL_FAILED;
	}
	return 0;
}

int
verb_status(struct ctl *ctl)
{
	struct daemon d = { .state = DAEMON_STOPPED };
	enum home_code code = home_name(&ctl->home, ctl->opt[OPT_HOME]);
	int rc;

	/* A home that does not exist yet is not an error here. */
	if (code == HOME_OK)
		code = home_open(&ctl->home);
	if (code != HOME_OK && code != HOME_ABSENT)
		return ctl_open_home(ctl);
	if (code == HOME_OK && (rc = daemon_probe(ctl, &d)) != 0)
		return api_failed(ctl, rc);
	rc = daemon_print(ctl, &d,
	    d.state == DAEMON_STOPPED ? "not running" : words[d.state]);
	if (d.state == DAEMON_STOPPED)
		ctl_err("start it with: covenctl start");
	if (d.state == DAEMON_STALE)
		ctl_err("it does not answer: covenctl doctor says more");
	return rc;
}
