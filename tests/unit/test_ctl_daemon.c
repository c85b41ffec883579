/*
 * Which daemons covenctl talks to, and how it starts and stops one.  Under
 * the name coven-monitor this program plays the monitor itself.
 */
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/buf.h"
#include "common/mem.h"
#include "covenctl/ctl.h"
#include "tests/unit/test_ctl_server.h"

#define NOBODY	65534

static const struct rule serving[] = {
	{ .method = "GET", .target = "/health ", .status = 200,
	    .health = true },
	{ .method = "GET", .target = "/sessions?", .status = 200,
	    .body = "{\"sessions\":[],\"next_cursor\":null}" },
	{ .method = "POST", .target = "/internal/lifecycle/shutdown ",
	    .status = 202, .body = "{\"ok\":true}", .last = true },
};

/* Run "sessions" and expect a refusal before any byte was sent. */
static void
expect_refused(const struct fake *f, int status, const char *why)
{
	struct outcome *o = CTL(f, "sessions");

	if (o->status != status || strstr(o->err, why) == NULL)
		fail_msg("%s: %d %s", why, o->status, o->err);
	assert_string_equal(fake_log(f), "");
}

static void
homes_that_are_not_ours_alone_are_refused(void **state)
{
	struct fake f;
	char link[80], longer[200], command[512];

	(void)state;
	fake_start(&f, serving, nitems(serving));
	assert_int_equal(chmod(f.home, 0750), 0);
	expect_refused(&f, CTL_CONFIG, "open to others (mode 0750)");
	expect_refused(&f, CTL_CONFIG, "chmod 700");
	assert_int_equal(chmod(f.home, 0700), 0);

	(void)snprintf(link, sizeof(link), "%s-link", f.home);
	assert_int_equal(symlink(f.home, link), 0);
	for (int slash = 0; slash < 2; slash++) {
		struct outcome *o;
		char given[96];

		(void)snprintf(given, sizeof(given), "%s%s", link,
		    slash ? "/" : "");
		o = CTL(&f, "--home", given, "sessions");
		assert_int_equal(o->status, CTL_CONFIG);
		assert_non_null(strstr(o->err, "symbolic link"));
	}
	assert_int_equal(unlink(link), 0);

	(void)snprintf(link, sizeof(link), "%s/requests/x", f.home);
	assert_int_equal(CTL(&f, "--home", link, "sessions")->status,
	    CTL_NO_DAEMON);
	fake_write(&f, "plain", "");
	(void)snprintf(link, sizeof(link), "%s/plain", f.home);
	assert_int_equal(CTL(&f, "--home", link, "sessions")->status,
	    CTL_CONFIG);

	(void)snprintf(longer, sizeof(longer), "%s/%0100d", f.home, 0);
	assert_int_equal(mkdir(longer, 0700), 0);
	(void)snprintf(command, sizeof(command), "too long for a socket");
	assert_non_null(strstr(CTL(&f, "--home", longer, "sessions")->err,
	    command));
	fake_stop(&f);
}

static void
homes_of_another_user_are_refused(void **state)
{
	struct fake f;

	(void)state;
	if (geteuid() != 0) {
		print_message("SKIP: only root can give a folder away\n");
		skip();
	}
	fake_start(&f, serving, nitems(serving));
	assert_int_equal(chown(f.home, NOBODY, NOBODY), 0);
	expect_refused(&f, CTL_CONFIG, "belongs to uid 65534");
	assert_int_equal(chown(f.home, 0, 0), 0);
	fake_stop(&f);
}

static void
sockets_that_are_not_ours_are_refused(void **state)
{
	struct fake f;
	char path[96], aside[96];

	(void)state;
	fake_start(&f, serving, nitems(serving));
	(void)snprintf(path, sizeof(path), "%s/coven.sock", f.home);
	(void)snprintf(aside, sizeof(aside), "%s/aside", f.home);
	assert_int_equal(chmod(path, 0660), 0);
	expect_refused(&f, CTL_UNTRUSTED, "open to others (mode 0660)");
	assert_int_equal(chmod(path, 0600), 0);

	if (geteuid() == 0) {
		assert_int_equal(chown(path, NOBODY, NOBODY), 0);
		expect_refused(&f, CTL_UNTRUSTED, "belongs to uid 65534");
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(rename(path, aside), 0);
	assert_int_equal(symlink("aside", path), 0);
	expect_refused(&f, CTL_UNTRUSTED, "is a symbolic link");
	assert_int_equal(unlink(path), 0);
	fake_write(&f, "coven.sock", "");
	expect_refused(&f, CTL_UNTRUSTED, "not a socket");
	fake_stop(&f);
}

static void
another_process_behind_the_socket_is_refused(void **state)
{
	struct fake f;

	(void)state;
	fake_start(&f, serving, nitems(serving));
	fake_write(&f, "daemon.json", "{\"pid\":2,\"startedAt\":\"t\","
	    "\"socket\":\"s\"}\n");
	expect_refused(&f, CTL_UNTRUSTED, "names pid 2");
	fake_stop(&f);
	if (geteuid() != 0) {
		print_message("SKIP: only root can listen as another user\n");
		skip();
	}
	fake_start_as(&f, serving, nitems(serving), NOBODY);
	expect_refused(&f, CTL_UNTRUSTED, "runs as uid 65534");
	fake_stop(&f);
}

static void
no_daemon_says_how_to_start_one(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	struct outcome *o;
	struct fake f;
	char gone[80];
	int fd;

	(void)state;
	fake_start(&f, NULL, 0);
	o = CTL(&f, "exec", "true");
	assert_int_equal(o->status, CTL_NO_DAEMON);
	assert_non_null(strstr(o->err, "covenctl start"));
	(void)snprintf(gone, sizeof(gone), "%s/absent", f.home);
	o = CTL(&f, "--home", gone, "sessions");
	assert_int_equal(o->status, CTL_NO_DAEMON);
	assert_non_null(strstr(o->err, "covenctl start"));
	/* A socket that nobody listens on any more. */
	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/coven.sock",
	    f.home);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	assert_int_equal(chmod(sun.sun_path, 0600), 0);
	(void)close(fd);
	o = CTL(&f, "sessions");
	assert_int_equal(o->status, CTL_NO_DAEMON);
	fake_stop(&f);
}

#define GOOD	"{\"sessions\":[],\"next_cursor\":null}"

static const struct {
	const char	*name, *raw;
	int		 status;
	const char	*why;
} replies[] = {
	{ "cut in the head", "HTTP/1.1 200 OK\r\nContent-", CTL_FAILED,
	    "before its reply was complete" },
	{ "cut in the body", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{",
	    CTL_FAILED, "before its reply was complete" },
	{ "nothing", "", CTL_FAILED, "before its reply was complete" },
	{ "bytes after the body", "HTTP/1.1 200 OK\r\nContent-Length: 34\r\n"
	    "\r\n" GOOD "x", CTL_UNTRUSTED, "bytes after its body" },
	{ "too long", "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n",
	    CTL_UNTRUSTED, "longer than 8 MiB" },
	{ "chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "0\r\n\r\n", CTL_UNTRUSTED, "Transfer-Encoding" },
	{ "not JSON", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
	    CTL_UNTRUSTED, "not valid JSON" },
};

static void
replies_that_are_none_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < nitems(replies); i++) {
		struct rule rules[] = { { .method = "GET",
		    .target = "/sessions?", .raw = replies[i].raw } };
		struct outcome *o;
		struct fake f;

		fake_start(&f, rules, nitems(rules));
		o = CTL(&f, "sessions");
		if (o->status != replies[i].status ||
		    strstr(o->err, replies[i].why) == NULL)
			fail_msg("%s: %d %s", replies[i].name, o->status,
			    o->err);
		assert_int_equal(o->out_len, 0);
		fake_stop(&f);
	}
}

/* More than any reply may have, sent by a daemon that does not stop. */
static void
endless_replies_are_cut_off(void **state)
{
	const size_t n = (size_t)9 << 20;
	char *raw = mem_alloc(n);
	struct rule rules[] = { { .method = "GET", .target = "/sessions?",
	    .raw = raw, .raw_len = n } };
	struct outcome *o;
	struct fake f;

	(void)state;
	memset(raw, 'a', n);
	fake_start(&f, rules, nitems(rules));
	o = CTL(&f, "sessions");
	assert_int_equal(o->status, CTL_UNTRUSTED);
	assert_non_null(strstr(o->err, "too long"));
	fake_stop(&f);
	free(raw);
}

static void
status_tells_running_stale_and_stopped(void **state)
{
	struct outcome *o;
	char want[256], record[128];
	struct fake f;
	siginfo_t si;
	pid_t child;

	(void)state;
	fake_start(&f, serving, nitems(serving));
	o = CTL(&f, "status");
	(void)snprintf(want, sizeof(want), "Coven daemon: running (pid %d, "
	    "socket %s/coven.sock)\n", (int)f.pid, f.home);
	assert_string_equal(o->out, want);
	o = CTL(&f, "status", "--json");
	(void)snprintf(want, sizeof(want), "{\"ok\":true,\"pid\":%d,\"socket\":"
	    "\"%s/coven.sock\",\"started_at\":\"t\",\"status\":\"running\"}\n",
	    (int)f.pid, f.home);
	assert_string_equal(o->out, want);
	fake_stop(&f);

	fake_start(&f, NULL, 0);
	o = CTL(&f, "status", "--json");
	assert_int_equal(o->status, 0);
	assert_string_equal(o->out, "{\"ok\":false,\"pid\":null,"
	    "\"socket\":null,\"started_at\":null,\"status\":\"stopped\"}\n");
	assert_string_equal(CTL(&f, "status")->out,
	    "Coven daemon: not running\n");
	(void)snprintf(record, sizeof(record), "{\"pid\":%d,\"startedAt\":"
	    "\"t\",\"socket\":\"s\"}\n", (int)getpid());
	fake_write(&f, "daemon.json", record);
	(void)snprintf(want, sizeof(want),
	    "Coven daemon: stale (pid %d, socket s)\n", (int)getpid());
	assert_string_equal(CTL(&f, "status")->out, want);
	/* Dead, and not reaped: as good as gone. */
	child = fork();
	if (child == 0)
		_exit(0);
	assert_int_equal(waitid(P_PID, (id_t)child, &si, WEXITED | WNOWAIT), 0);
	(void)snprintf(record, sizeof(record), "{\"pid\":%d,\"startedAt\":"
	    "\"t\",\"socket\":\"s\"}\n", (int)child);
	fake_write(&f, "daemon.json", record);
	assert_string_equal(CTL(&f, "status")->out,
	    "Coven daemon: not running\n");
	assert_int_equal(waitpid(child, NULL, 0), child);
	fake_stop(&f);
}

static void
stop_names_the_daemon_and_waits(void **state)
{
	struct outcome *o;
	char want[256];
	struct fake f;

	(void)state;
	fake_start(&f, serving, nitems(serving));
	o = CTL(&f, "stop");
	assert_int_equal(o->status, 0);
	assert_string_equal(o->out, "Coven daemon: stopped\n");
	(void)snprintf(want, sizeof(want), "{\"apiVersion\":"
	    "\"coven.daemon.v1\",\"daemon\":{\"pid\":%d,\"startedAt\":\"t\","
	    "\"socket\":\"%s/coven.sock\"}}", (int)f.pid, f.home);
	assert_non_null(strstr(fake_log(&f), want));
	o = CTL(&f, "stop");
	assert_int_equal(o->status, 0);
	assert_string_equal(o->out, "Coven daemon: was not running\n");
	fake_stop(&f);
}

/* A stage of its own: bin/covenctl as built, sbin/coven-monitor as given. */
struct stage {
	char		dir[64], ctl[96], monitor[96];
	struct fake	f;
};

static void
shell(const char *fmt, ...)
{
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	assert_int_equal(system(command), 0);
}

static void
stage_make(struct stage *s)
{
	*s = (struct stage){ .dir = "/tmp/ctl-stage-XXXXXX" };
	assert_non_null(mkdtemp(s->dir));
	(void)snprintf(s->ctl, sizeof(s->ctl), "%s/bin/covenctl", s->dir);
	(void)snprintf(s->monitor, sizeof(s->monitor),
	    "%s/sbin/coven-monitor", s->dir);
	shell("mkdir %s/bin %s/sbin && cp covenctl/covenctl %s", s->dir,
	    s->dir, s->ctl);
	fake_start(&s->f, NULL, 0);
}

static void
stage_drop(struct stage *s)
{
	fake_stop(&s->f);
	shell("rm -rf %s", s->dir);
}

/* Its exit status; what it said lies in dir/out. */
static int
stage_run(struct stage *s, const char *args)
{
	char command[512];
	int status;

	(void)snprintf(command, sizeof(command),
	    "COVEN_HOME=%s/home %s %s >%s/out 2>&1 </dev/null", s->f.home,
	    s->ctl, args, s->dir);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
stage_said(struct stage *s, const char *text)
{
	shell("grep -qF '%s' %s/out || { cat %s/out; false; }", text, s->dir,
	    s->dir);
}

static void
start_runs_the_monitor_beside_it(void **state)
{
	struct stage s;

	(void)state;
	stage_make(&s);
	shell("cp /proc/%d/exe %s", (int)getpid(), s.monitor);
	assert_int_equal(stage_run(&s, "start"), 0);
	stage_said(&s, "Coven daemon: running (pid ");
	shell("test \"$(stat -c %%a %s/home)\" = 700", s.f.home);
	shell("test \"$(stat -c %%a %s/home/daemon.log)\" = 600", s.f.home);
	shell("grep -q 'monitor: here' %s/home/daemon.log", s.f.home);
	assert_int_equal(stage_run(&s, "start"), CTL_BUSY);
	stage_said(&s, "already running");
	assert_int_equal(stage_run(&s, "restart"), 0);
	stage_said(&s, "Coven daemon: restarted (pid ");
	assert_int_equal(stage_run(&s, "stop"), 0);
	stage_said(&s, "Coven daemon: stopped");
	assert_int_equal(stage_run(&s, "restart --json"), 0);
	stage_said(&s, "\"status\":\"running\"");
	assert_int_equal(stage_run(&s, "stop"), 0);
	stage_drop(&s);
}

static void
start_shows_why_the_monitor_refused(void **state)
{
	struct stage s;

	(void)state;
	stage_make(&s);
	assert_int_equal(stage_run(&s, "start"), CTL_FAILED);
	stage_said(&s, "sbin/coven-monitor: No such file");
	shell("printf '#!/bin/sh\\necho \"<6>x: first\" >&2\\n"
	    "echo \"<3>coven-monitor: refuse home: it is on nfs\" >&2\\n"
	    "exit 78\\n' >%s; chmod 755 %s", s.monitor, s.monitor);
	assert_int_equal(stage_run(&s, "start"), CTL_CONFIG);
	stage_said(&s, "covenctl: coven-monitor: refuse home: it is on nfs");
	shell("sed -i 's/exit 78/exit 75/' %s", s.monitor);
	assert_int_equal(stage_run(&s, "start"), CTL_BUSY);
	shell("sed -i 's/exit 75/kill -9 $$/' %s", s.monitor);
	assert_int_equal(stage_run(&s, "start"), CTL_FAILED);
	stage_said(&s, "ended by signal 9");
	/* A log that is a link is not followed. */
	shell("ln -sf /etc/hostname %s/home/daemon.log", s.f.home);
	assert_int_equal(stage_run(&s, "start"), CTL_CONFIG);
	stage_drop(&s);
}

static void
doctor_names_the_rule_and_the_repair(void **state)
{
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, serving, nitems(serving));
	assert_int_equal(chmod(f.home, 0755), 0);
	o = CTL(&f, "doctor");
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->out, "FAIL  home "));
	assert_non_null(strstr(o->out, "chmod 700 '"));
	o = CTL(&f, "doctor", "--json");
	assert_int_equal(o->status, 1);
	assert_string_equal(o->err, "");
	assert_ptr_equal(strstr(o->out, "{\n  \"ok\": false,\n  "
	    "\"blocking\": true,\n  \"store\": \"<coven-home>\",\n  "
	    "\"project\": "), o->out);
	assert_non_null(strstr(o->out,
	    "\"hint\": \"chmod 700 '<coven-home>'\""));
	assert_null(strstr(o->out, f.home));
	fake_stop(&f);
}

/* The ids of the report, in order, with their statuses' first letters. */
static void
ids_of(const char *report, char *out, size_t len)
{
	const char *at = report, *end;
	size_t n = 0;

	out[0] = '\0';
	while ((at = strstr(at, "\"id\": \"")) != NULL && n + 64 < len) {
		at += 7;
		end = strchr(at, '"');
		n += (size_t)snprintf(out + n, len - n, "%.*s=%c ",
		    (int)(end - at), at,
		    strstr(end, "\"status\": \"")[11]);
	}
}

static void
doctor_json_is_in_the_shape_that_clients_know(void **state)
{
	static const char known[] = "daemon=w repo:alias_a=p repo:alias b=p "
	    "repo:missing=f harness:codex=p harness:claude=w "
	    "harness:coven-code=w harness:copilot=w harness:mine=w "
	    "harnesses=p engine=f familiars=p credentials:codex=w "
	    "credentials:claude=w credentials:copilot=w home=p ";
	char ids[4096], path[512], text[1024];
	struct outcome *o;
	struct fake f;

	(void)state;
	fake_start(&f, NULL, 0);
	(void)snprintf(path, sizeof(path), "mkdir -p %s/secret/.git %s/bin; "
	    "printf x >%s/bin/codex; chmod 755 %s/bin/codex", f.home, f.home,
	    f.home, f.home);
	assert_int_equal(system(path), 0);
	(void)snprintf(text, sizeof(text), "# mine\n[repos.alias_a]\n"
	    "path = \"%s/secret\"\nother = 1\n[repos.\"alias b\"]\n"
	    "path='%s/secret'\n[else]\npath = \"/x\"\n[repos.missing]\n"
	    "path = \"%s/none\"\n", f.home, f.home, f.home);
	fake_write(&f, "repos.toml", text);
	fake_write(&f, "familiars.toml", "[[familiar]]\nid = \"a\"\n");
	fake_write(&f, "adapter.json", "{\"adapters\":[{\"id\":\"mine\","
	    "\"executable\":\"mine-cli\"}]}");
	(void)snprintf(path, sizeof(path), "%s/adapter.json", f.home);
	(void)setenv("COVEN_HARNESS_ADAPTER_MANIFEST", path, 1);
	(void)snprintf(path, sizeof(path), "%s/bin", f.home);
	(void)setenv("PATH", path, 1);
	(void)setenv("HOME", f.home, 1);
	(void)unsetenv("COVEN_ENGINE_BIN");
	o = CTL(&f, "doctor", "--json");
	assert_int_equal(o->status, 1);
	assert_string_equal(o->err, "");
	ids_of(o->out, ids, sizeof(ids));
	if (strncmp(ids, known, strlen(known)) != 0)
		fail_msg("%s", ids);
	assert_non_null(strstr(o->out, "\"message\": \"<repo>\""));
	assert_non_null(strstr(o->out, "\"message\": \"1 configured\""));
	assert_null(strstr(o->out, f.home));
	assert_null(strchr(o->out, '\033'));
	/*
	 * For a person none of that is shown, and so it fails nothing.  What
	 * else does, as in a session, where namespaces are refused, is not
	 * this test's.
	 */
	o = CTL(&f, "doctor");
	assert_null(strstr(o->out, "engine"));
	assert_null(strstr(o->out, "repo:"));
	assert_null(strstr(o->out, "credentials"));
	assert_int_equal(CTL(&f, "doctor", "--json", "more")->status, 2);
	(void)snprintf(path, sizeof(path), "%s/bin/codex", f.home);
	(void)setenv("COVEN_ENGINE_BIN", path, 1);
	o = CTL(&f, "doctor", "--json");
	assert_non_null(strstr(o->out, "<engine> (COVEN_ENGINE_BIN)"));
	assert_non_null(strstr(o->out, "credentials:engine"));
	(void)unsetenv("COVEN_ENGINE_BIN");
	(void)unsetenv("COVEN_HARNESS_ADAPTER_MANIFEST");
	(void)setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
	fake_stop(&f);
}

static void
doctor_finds_an_old_daemon_by_its_lock(void **state)
{
	struct outcome *o;
	struct fake f;
	char path[96], want[64];
	int fd;

	(void)state;
	fake_start(&f, NULL, 0);
	fake_write(&f, "daemon-serve.lock", "");
	o = CTL(&f, "doctor");
	assert_non_null(strstr(o->out, "warn  daemon             not running"));
	(void)snprintf(path, sizeof(path), "%s/daemon-serve.lock", f.home);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	o = CTL(&f, "doctor");
	assert_int_equal(o->status, 1);
	assert_non_null(strstr(o->out, "an old daemon holds the home"));
	(void)snprintf(want, sizeof(want), "kill %d, then covenctl start",
	    (int)getpid());
	assert_non_null(strstr(o->out, want));
	(void)close(fd);
	fake_stop(&f);
}

/* As coven-monitor --home H --ready-fd 3. */
static int
play_monitor(int argc, char **argv)
{
	if (argc != 5 || strcmp(argv[1], "--home") != 0 ||
	    strcmp(argv[3], "--ready-fd") != 0 || fcntl(4, F_GETFD) != -1 ||
	    getsid(0) != getpid())
		return 1;
	(void)dprintf(2, "<6>monitor: here\n");
	fake_serve(argv[2], atoi(argv[4]), serving, nitems(serving));
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(homes_that_are_not_ours_alone_are_refused),
		cmocka_unit_test(homes_of_another_user_are_refused),
		cmocka_unit_test(sockets_that_are_not_ours_are_refused),
		cmocka_unit_test(another_process_behind_the_socket_is_refused),
		cmocka_unit_test(no_daemon_says_how_to_start_one),
		cmocka_unit_test(replies_that_are_none_are_refused),
		cmocka_unit_test(endless_replies_are_cut_off),
		cmocka_unit_test(status_tells_running_stale_and_stopped),
		cmocka_unit_test(stop_names_the_daemon_and_waits),
		cmocka_unit_test(start_runs_the_monitor_beside_it),
		cmocka_unit_test(start_shows_why_the_monitor_refused),
		cmocka_unit_test(doctor_names_the_rule_and_the_repair),
		cmocka_unit_test(doctor_json_is_in_the_shape_that_clients_know),
		cmocka_unit_test(doctor_finds_an_old_daemon_by_its_lock),
	};

	if (strcmp(argv[0], "coven-monitor") == 0)
		return play_monitor(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
