/* Program, arguments and environment: constructed, not inherited. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/harness.h"
#include "common/harness_host.h"
#include "common/log.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-monitor/add_dirs.h"
#include "coven-monitor/grant.h"
#include "coven-monitor/mode.h"
#include "coven-monitor/plan.h"
#include "coven-monitor/work.h"

#define SYSTEM_PATH	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:" \
			"/sbin:/bin"

/* Where every init makes its listener. */
#define PROXY_URL	NET_INSIDE

extern char **environ;

/* Add N=V unless N is there already: the first one wins. */
static void
env_add(struct buf *env, const char *name, size_t namelen, const char *value)
{
	const char *p = buf_head(env), *end = p + buf_left(env);

	for (; p < end; p += strlen(p) + 1)
		if (strncmp(p, name, namelen) == 0 && p[namelen] == '=')
			return;
	(void)buf_addf(env, "%.*s=%s", (int)namelen, name, value);
	(void)buf_add(env, "", 1);
}

static void
env_set(struct buf *env, const char *name, const char *value)
{
	env_add(env, name, strlen(name), value);
}

static bool
configured(const struct session *s, const char *name)
{
	const struct conf *c = &s->monitor->conf;
	const char *id = s->harness->row.id;
	const char *entry;
	size_t i = 0;

	if (strcmp(id, HARNESS_EXEC) == 0)
		return false;
	if (conf_list_has(&c->pass_env, name))
		return true;
	while ((entry = conf_part_next(&c->harness_env, id, &i)) != NULL)
		if (strcmp(entry, name) == 0)
			return true;
	return false;
}

/* Of the daemon's environment: what a list names, nothing else. */
static void
env_passed(struct buf *env, const struct session *s, bool granted)
{
	const struct harness_host *host = harness_host(s->harness->row.id);
	autofree char *name = NULL;
	char **e;

	for (e = environ; *e != NULL; e++) {
		size_t n = strcspn(*e, "=");

		free(name);
		name = mem_strdup(*e);
		name[n] = '\0';
		if (granted && host != NULL &&
		    harness_env_listed(host->key_env, name))
			continue;
		if (harness_env_listed(harness_common_env, name) ||
		    (host != NULL && harness_env_listed(host->pass_env,
		    name)) || configured(s, name))
			env_add(env, *e, n, *e + n + 1);
	}
}

/* NAME=VALUE of the harness's row, for names that were not passed. */
static void
env_fixed(struct buf *env, const struct session *s)
{
	const struct harness_host *host = harness_host(s->harness->row.id);
	const char *const *e;

	for (e = host != NULL ? host->set_env : NULL; e != NULL && *e != NULL;
	    e++) {
		size_t n = strcspn(*e, "=");

		env_add(env, *e, n, *e + n + 1);
	}
}

/* What an exec session's client asked for, names checked again. */
static void
env_asked(struct buf *env, const struct session *s)
{
	const char *p = s->run.env.p, *end = p + s->run.env.len;

	if (strcmp(s->harness->row.id, HARNESS_EXEC) != 0)
		return;
	for (; p < end; p += strlen(p) + 1) {
		size_t n = strcspn(p, "=");

		if (n != 0 && p[n] == '=')
			env_add(env, p, n, p + n + 1);
	}
}

static void
env_path(struct buf *env, const struct session *s)
{
	autobuf struct buf path = { 0 };
	size_t i;

	for (i = 0; i < s->harness->ndirs; i++)
		(void)buf_addf(&path, "%s:", s->harness->dirs[i]);
	(void)buf_adds(&path, SYSTEM_PATH);
	env_set(env, "PATH", buf_head(&path));
}

/* The gateway, under every name that tools look for; not for what is inside. */
static void
env_way_out(struct buf *env)
{
	static const char *const names[] = { "HTTPS_PROXY", "https_proxy",
	    "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy" };
	size_t i;

	for (i = 0; i < nitems(names); i++)
		env_set(env, names[i], PROXY_URL);
	env_set(env, "NO_PROXY", "localhost,127.0.0.1,::1");
	env_set(env, "no_proxy", "localhost,127.0.0.1,::1");
	/* node looks at them when it is told to. */
	env_set(env, "NODE_USE_ENV_PROXY", "1");
}

/*
 * Named upstreams, before anything that the daemon's environment may hold:
 * where a key is granted, its variable holds a placeholder, and no other key
 * of the harness's is handed on.
 */
static bool
env_upstreams(struct buf *env, const struct session *s)
{
	autobuf struct buf pairs = { 0 };
	struct net_policy policy;
	const char *p, *end;
	bool hides;

	gateway_policy(s->monitor, s->harness, s->root.path, &policy);
	hides = grant_hides_login(&policy);
	grant_env(&policy, &pairs);
	net_policy_fini(&policy);
	end = buf_head(&pairs) + buf_left(&pairs);
	for (p = buf_head(&pairs); p < end; p += strlen(p) + 1) {
		const char *name = p;

		p += strlen(p) + 1;
		env_set(env, name, p);
	}
	return hides;
}

static void
args_upstreams(struct buf *argv, const struct session *s)
{
	struct net_policy policy;

	if (!s->pair->network)
		return;
	gateway_policy(s->monitor, s->harness, s->root.path, &policy);
	grant_args(&policy, s->harness->row.id, argv);
	net_policy_fini(&policy);
}

/* The host's /tmp and home are no payload's where it sees the host's paths. */
static void
env_folders(struct buf *env, const struct session *s)
{
	autobuf struct buf home = { 0 }, tmp = { 0 };

	if (mode_alone(s->monitor)) {
		(void)buf_addf(&home, "%s/" WORK_HOME, s->work);
		(void)buf_addf(&tmp, "%s/" WORK_TMP, s->work);
	} else {
		(void)buf_adds(&home, plan_home(s->pair));
		(void)buf_adds(&tmp, "/tmp");
	}
	env_set(env, "HOME", buf_head(&home));
	env_set(env, "TMPDIR", buf_head(&tmp));
}

static void
build_env(struct buf *env, const struct session *s)
{
	const char *name = pair_user(s->pair);
	bool granted = false;

	env_asked(env, s);
	env_path(env, s);
	env_folders(env, s);
	env_set(env, "USER", name);
	env_set(env, "LOGNAME", name);
	env_set(env, "SHELL", "/bin/sh");
	env_set(env, "COVEN_SESSION_ID", s->id);
	/* Its terminal is ours, not the one that the daemon was started on. */
	if (s->run.transport == TRANSPORT_PTY)
		env_set(env, "TERM", "xterm-256color");
	if (s->pair->network) {
		env_way_out(env);
		granted = env_upstreams(env, s);
	}
	env_passed(env, s, granted);
	env_fixed(env, s);
	env_set(env, "LANG", "C.UTF-8");
}

/* A list ends in a NUL, or it is no list of strings. */
static bool
is_list(struct msg_bin b)
{
	return b.len == 0 || ((const char *)b.p)[b.len - 1] == '\0';
}

/*
 * What the kernel holds each process to, and what the init counts of all of
 * them together where no cgroup does.  The data of one process is held to a
 * little more, so that the reason is seen before memory is refused; and only
 * to a bound that somebody chose: what a sanitizer reserves and never touches
 * counts for it.
 */
static void
put_bounds(struct msg_exec_plan *plan, const struct session *s)
{
	const struct bounds *b = &s->bounds;
	uint64_t memory = (uint64_t)b->memory_mib << 20;

	plan->file = (uint64_t)b->file_mib << 20;
	plan->disk_free = (uint64_t)b->disk_free_mib << 20;
	if (s->run.isolated || s->run.workspace) {
		plan->work_bytes = (uint64_t)b->workspace_mib << 20;
		plan->work_files = b->workspace_files;
	}
	plan->open_files = b->open_files;
	plan->cpu_s = b->cpu_s;
	plan->processes = b->processes;
	plan->processes_at = b->processes;
	if (s->held & CGROUP_MEMORY)
		return;
	plan->memory = memory;
	if (s->memory_set)
		plan->data = memory + memory / 8;
}

int
plan_exec(struct session *s)
{
	const struct harness_entry *e = s->harness;
	bool exec = strcmp(e->row.id, HARNESS_EXEC) == 0;
	struct msg_exec_plan plan = { .uid = s->pair->uid_in,
	    .gid = s->pair->gid_in };
	struct msg_init_go go = { 0 };
	autobuf struct buf argv = { 0 }, env = { 0 }, out = { 0 };
	autoclose int fd = -1;
	int r;

	if (!is_list(s->run.args) || !is_list(s->run.env) ||
	    (exec && s->run.args.len == 0))
		return -EPROTO;
	if (!exec && e->program == NULL)
		return -ENOENT;
	if (!exec) {
		(void)buf_adds(&argv, e->row.exe);
		(void)buf_add(&argv, "", 1);
		args_upstreams(&argv, s);
	}
	if (add_dirs_args(s, &argv) < 0)
		return -E2BIG;
	build_env(&env, s);
	put_bounds(&plan, s);
	plan.program = exec ? s->run.args.p : e->program;
	plan.argv = (struct msg_bin){ buf_head(&argv), buf_left(&argv) };
	plan.envp = (struct msg_bin){ buf_head(&env), buf_left(&env) };
	r = msg_encode(&out, MSG_EXEC_PLAN, &plan);
	if (r < 0)
		return r == -EMSGSIZE ? -E2BIG : r;
	fd = memfd_make("exec-plan", buf_head(&out), buf_left(&out));
	if (fd < 0)
		return fd;
	return chan_send(&s->pair->init.control, MSG_INIT_GO, &go, fd);
}
