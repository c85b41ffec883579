#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "covenctl/doctor.h"
#include "covenctl/human.h"
#include "covenctl/jsonr.h"

static const struct {
	const char	*id, *finding, *exe, *hint;
} harnesses[] = {
	{ "codex", "harness:codex", "codex",
	    "install: npm install -g @openai/codex" },
	{ "claude", "harness:claude", "claude",
	    "install: npm install -g @anthropic-ai/claude-code" },
	{ "coven-code", "harness:coven-code", "coven-code",
	    "install: see https://github.com/OpenCoven" },
	{ "copilot", "harness:copilot", "copilot",
	    "install: npm install -g @github/copilot" },
};

static const struct {
	const char	*name, *mark, *colour;
} statuses[] = {
	[FINDING_PASS] = { "pass", "ok  ", "\033[32m" },
	[FINDING_WARN] = { "warn", "warn", "\033[33m" },
	[FINDING_FAIL] = { "fail", "FAIL", "\033[31m" },
};

void
found(struct doctor *d, const char *id, enum finding_status status,
    const char *hint, const char *fmt, ...)
{
	struct finding *f;
	va_list ap;

	if (d->n == FINDINGS_MAX)
		return;
	f = &d->found[d->n++];
	(void)snprintf(f->id, sizeof(f->id), "%s", id);
	f->status = f->strict = status;
	f->json_only = d->json_only;
	va_start(ap, fmt);
	(void)vsnprintf(f->message, sizeof(f->message), fmt, ap);
	va_end(ap);
	(void)snprintf(f->hint, sizeof(f->hint), "%s",
	    hint != NULL ? hint : "");
}

int
doctor_try(struct trial (*fn)(void *), void *ctx, struct trial *out)
{
	int p[2], status;
	ssize_t n;
	pid_t pid;

	if (pipe(p) == -1)
		return -errno;
	pid = fork();
	if (pid == 0) {
		struct trial t = fn(ctx);

		_exit(write(p[1], &t, sizeof(t)) == (ssize_t)sizeof(t) ? 0 : 1);
	}
	(void)close(p[1]);
	n = pid == -1 ? -1 : read(p[0], out, sizeof(*out));
	(void)close(p[0]);
	if (pid == -1)
		return -EAGAIN;
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		;
	return n == (ssize_t)sizeof(*out) ? 0 : -ECHILD;
}

static void
check_harnesses(struct doctor *d)
{
	unsigned n = 0, all = nitems(harnesses);
	char where[PATH_MAX];

	for (size_t i = 0; i < nitems(harnesses); i++) {
		if (doctor_on_path(harnesses[i].exe, where, sizeof(where))) {
			n++;
			found(d, harnesses[i].finding, FINDING_PASS, NULL,
			    "%s", where);
		} else
			found(d, harnesses[i].finding, FINDING_WARN,
			    harnesses[i].hint, "not on PATH");
	}
	n += check_manifest(d, &all);
	/* Without any, commands still run: exec needs no agent. */
	if (n == 0) {
		found(d, "harnesses", FINDING_WARN,
		    "for covenctl run, install one of the agents above",
		    "no agent is installed; covenctl exec works without");
		d->found[d->n - 1].strict = FINDING_FAIL;
	} else
		found(d, "harnesses", FINDING_PASS, NULL, "%u of %u found",
		    n, all);
}

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77	/* Linux 6.5: uapi/asm-generic/socket.h */
#endif

/* Can the kernel name who connects, so that it can be looked at? */
static bool
peers_have_names(void)
{
	int pair[2], fd = -1;
	socklen_t len = sizeof(fd);
	bool can;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return false;
	can = getsockopt(pair[0], SOL_SOCKET, SO_PEERPIDFD, &fd, &len) == 0;
	mem_close(&fd);
	mem_close(&pair[0]);
	mem_close(&pair[1]);
	return can;
}

static void
check_auth(struct doctor *d)
{
	if (d->daemon.refused)
		found(d, "auth", FINDING_WARN, "read session-token of the "
		    "home, or give --token-file", "token mode: the daemon "
		    "refuses the token of this caller, or that it has none");
	else if (d->daemon.token_mode)
		found(d, "auth", FINDING_PASS, NULL,
		    "token mode: each request carries a token");
	else if (!peers_have_names())
		found(d, "auth", FINDING_WARN, "set auth.mode = \"token\" in "
		    "coven.toml where that matters", "this kernel gives no "
		    "pidfd of who connects (Linux 6.5): in peer mode a caller "
		    "is looked at by its number, and by when it started");
	else if (d->daemon.state == DAEMON_RUNNING)
		found(d, "auth", FINDING_PASS, NULL, "peer mode: every "
		    "process of yours is you, and so is whoever reaches a "
		    "socket that ssh forwards");
	else
		found(d, "auth", FINDING_PASS, NULL, "peers can be named; "
		    "in peer mode, the default, a forwarded socket is you");
}

#define FAILED_LATELY_S	86400

/* What ended sessions left: nothing to say without a daemon that does. */
static void
check_archives(struct doctor *d)
{
	const struct daemon *at = &d->daemon;
	char bytes[32], age[32];

	if (at->state != DAEMON_RUNNING || at->archives < 0)
		return;
	human_bytes(at->archive_bytes, "B", bytes, sizeof(bytes));
	human_age(at->failure_age_s * 1000, age, sizeof(age));
	if (at->failing > 0 || (at->failure_age_s >= 0 &&
	    at->failure_age_s < FAILED_LATELY_S))
		found(d, "archives", FINDING_WARN, "covenctl audit tail "
		    "--match workspace.fail says which and why", "a step with "
		    "what a session left failed %s ago; %lld are to be tried "
		    "again; %lld archives, %s; %lld folders", age,
		    (long long)at->failing, (long long)at->archives, bytes,
		    (long long)at->workspaces);
	else
		found(d, "archives", FINDING_PASS, NULL,
		    "%lld archives, %s; %lld folders that sessions left",
		    (long long)at->archives, bytes,
		    (long long)at->workspaces);
}

static void
check_network(struct doctor *d)
{
	found(d, "network", FINDING_PASS, NULL,
	    "sessions reach what [network] in coven.toml and their harness "
	    "name, through a gateway; exec nothing by default");
}

/* Up to credentials the order is the one that scripts know. */
static void (*const checks[])(struct doctor *) = {
	check_daemon, check_repos, check_harnesses, check_engine,
	check_familiars, check_credentials,
	check_home, check_home_path,
	check_home_fs, check_home_socket, check_sandbox, check_namespaces,
	check_proc, check_landlock, check_seccomp, check_cgroup, check_idmap,
	check_users, check_apparmor,
	check_auth, check_network, check_archives,
};

/* The nearest folder upwards that is a git working tree. */
static void
find_project(struct doctor *d)
{
	char at[PATH_MAX], git[PATH_MAX + 8];
	struct stat st;
	char *slash;

	if (realpath(".", at) == NULL)
		return;
	for (;;) {
		(void)snprintf(git, sizeof(git), "%s/.git", at);
		if (stat(git, &st) == 0) {
			memcpy(d->project, at, strlen(at) + 1);
			return;
		}
		slash = strrchr(at, '/');
		if (slash == NULL || at[0] == '\0')
			return;
		*slash = '\0';
	}
}

static enum finding_status
status_of(const struct doctor *d, const struct finding *f)
{
	return d->json ? f->strict : f->status;
}

/* Is it part of the form that is asked for? */
static bool
wanted(const struct doctor *d, const struct finding *f)
{
	return d->json || !f->json_only;
}

static bool
any(const struct doctor *d, enum finding_status status)
{
	for (size_t i = 0; i < d->n; i++)
		if (wanted(d, &d->found[i]) &&
		    status_of(d, &d->found[i]) == status)
			return true;
	return false;
}

/* One missing agent of several is no step of its own. */
static bool
is_harness(const struct finding *f)
{
	return strncmp(f->id, "harness:", 8) == 0 ||
	    strncmp(f->id, "credentials:", 12) == 0;
}

/* Calls put for each next step, the blocking ones first. */
static void
next_steps(const struct doctor *d, void (*put)(void *, const char *),
    void *to)
{
	static const enum finding_status order[] = { FINDING_FAIL,
	    FINDING_WARN };

	for (size_t k = 0; k < nitems(order); k++)
		for (size_t i = 0; i < d->n; i++)
			if (wanted(d, &d->found[i]) &&
			    status_of(d, &d->found[i]) == order[k] &&
			    d->found[i].hint[0] != '\0' &&
			    !is_harness(&d->found[i]))
				put(to, d->found[i].hint);
	if (!any(d, FINDING_FAIL) && d->daemon.state == DAEMON_RUNNING)
		put(to, "run a command: covenctl exec -- CMD ARG...");
	else if (!any(d, FINDING_FAIL))
		put(to, "then run a command: covenctl exec -- CMD ARG...");
	else
		put(to, "then look again: covenctl doctor");
}

struct redacted {
	struct jw		 j;
	const struct doctor	*d;
};

/* Paths of this machine do not belong in a report that is passed around. */
static void
put_redacted(void *to, const char *s)
{
	struct redacted *r = to;
	const char *user = getenv("HOME");
	const struct {
		const char *path, *token;
	} names[] = {
		{ r->d->daemon.socket, "<daemon-socket>" },
		{ r->d->engine, TOKEN_ENGINE },
		{ r->d->ctl->home.path, "<coven-home>" },
		{ r->d->project, "<project>" },
		{ user != NULL ? user : "", "<home>" },
	};
	autobuf struct buf b = { 0 };

	while (*s != '\0') {
		size_t i, n = 1;

		for (i = 0; i < nitems(names); i++) {
			n = strlen(names[i].path);
			/* "/" alone would match everywhere. */
			if (n > 1 && strncmp(s, names[i].path, n) == 0)
				break;
		}
		if (i < nitems(names)) {
			(void)buf_adds(&b, names[i].token);
			s += n;
		} else
			(void)buf_add(&b, s++, 1);
	}
	jw_strn(&r->j, buf_head(&b), buf_left(&b));
}

static int
print_json(const struct doctor *d)
{
	autobuf struct buf b = { 0 };
	struct redacted r = { .d = d };
	bool blocking = any(d, FINDING_FAIL);
	autojr struct jr *doc = NULL;

	jw_init(&r.j, &b);
	jw_object(&r.j);
	jw_kbool(&r.j, "ok", !blocking);
	jw_kbool(&r.j, "blocking", blocking);
	jw_kstr(&r.j, "store", "<coven-home>");
	jw_kstr(&r.j, "project", d->project[0] != '\0' ? "<project>" : NULL);
	jw_name(&r.j, "checks");
	jw_array(&r.j);
	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->found[i];

		jw_object(&r.j);
		jw_kstr(&r.j, "id", f->id);
		jw_kstr(&r.j, "status", statuses[f->strict].name);
		jw_name(&r.j, "message");
		/* Where an agent lies is nobody else's business. */
		put_redacted(&r, is_harness(f) && f->status == FINDING_PASS ?
		    "its executable is available" : f->message);
		if (f->hint[0] != '\0') {
			jw_name(&r.j, "hint");
			put_redacted(&r, f->hint);
		}
		jw_object_end(&r.j);
	}
	jw_array_end(&r.j);
	jw_name(&r.j, "nextSteps");
	jw_array(&r.j);
	next_steps(d, put_redacted, &r);
	jw_array_end(&r.j);
	jw_object_end(&r.j);
	/* Broken into lines, as its readers are used to. */
	if (jr_parse(buf_head(&b), buf_left(&b), &doc) < 0)
		return CTL_FAILED;
	return printf("%s\n", jr_pretty(doc)) < 0 ? CTL_FAILED : CTL_OK;
}

static void
print_step(void *to, const char *step)
{
	(void)to;
	(void)printf("  %s\n", step);
}

static void
print_lines(const struct doctor *d)
{
	bool tty = isatty(STDOUT_FILENO);

	for (size_t i = 0; i < d->n; i++) {
		const struct finding *f = &d->found[i];

		if (f->json_only)
			continue;
		(void)printf("%s%s%s  %-18s %s", tty ?
		    statuses[f->status].colour : "", statuses[f->status].mark,
		    tty ? "\033[0m" : "", f->id, f->message);
		if (is_harness(f) && f->hint[0] != '\0')
			(void)printf("; %s", f->hint);
		(void)printf("\n");
	}
	(void)printf("\nNext:\n");
	next_steps(d, print_step, NULL);
}

int
verb_doctor(struct ctl *ctl)
{
	struct doctor *d = mem_zalloc(1, sizeof(*d));
	bool blocking;

	d->ctl = ctl;
	d->json = ctl->opt[OPT_JSON] != NULL;
	client_init(&ctl->client, &ctl->home);
	ctl->client.token_file = ctl->opt[OPT_TOKEN_FILE];
	d->home = home_name(&ctl->home, ctl->opt[OPT_HOME]);
	if (d->home == HOME_OK)
		d->home = home_open(&ctl->home);
	if (d->home == HOME_OK)
		d->untrusted = daemon_probe(ctl, &d->daemon) != 0;
	find_project(d);
	for (size_t i = 0; i < nitems(checks); i++)
		checks[i](d);
	blocking = any(d, FINDING_FAIL);
	if (ctl->opt[OPT_JSON] != NULL)
		(void)print_json(d);
	else
		print_lines(d);
	free(d);
	return blocking ? CTL_FAILED : CTL_OK;
}
