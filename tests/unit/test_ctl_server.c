#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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

#define WAIT_MS	10000

static unsigned used[64];	/* per rule */

static void
log_request(const char *home, const char *s, size_t n)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/requests", home);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd == -1 || write(fd, s, n) != (ssize_t)n)
		_exit(9);
	(void)close(fd);
}

static char *
slurp(const char *path)
{
	static char text[OUTPUT_MAX];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static bool
matches(const struct rule *r, size_t i, const char *request,
    const char *home)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/requests", home);
	return strncmp(request, r->method, strlen(r->method)) == 0 &&
	    strstr(request, r->target) != NULL &&
	    (r->times == 0 || used[i] < (unsigned)r->times) &&
	    (r->after == NULL || strstr(slurp(path), r->after) != NULL);
}

static void
send_all(int fd, const char *p, size_t n)
{
	if (send(fd, p, n, MSG_NOSIGNAL) != (ssize_t)n)
		return;
}

static void
health(struct buf *b, const char *home)
{
	(void)buf_addf(b, "{\"ok\":true,\"apiVersion\":\"coven.daemon.v1\","
	    "\"covenVersion\":\"0.1.0\",\"capabilities\":{\"sessions\":true,"
	    "\"events\":true,\"structuredErrors\":true},\"daemon\":"
	    "{\"pid\":%d,\"startedAt\":\"t\",\"socket\":\"%s/coven.sock\"}}",
	    (int)getpid(), home);
}

static void
answer(int fd, const struct rule *r, const char *home)
{
	autobuf struct buf b = { 0 }, body = { 0 };

	if (r->raw != NULL) {
		send_all(fd, r->raw,
		    r->raw_len != 0 ? r->raw_len : strlen(r->raw));
		return;
	}
	if (r->health)
		health(&body, home);
	else
		(void)buf_adds(&body, r->body);
	(void)buf_addf(&b, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\nConnection: close\r\n\r\n", r->status,
	    buf_left(&body));
	(void)buf_add(&b, buf_head(&body), buf_left(&body));
	send_all(fd, buf_head(&b), buf_left(&b));
}

/* Read to the client's half-close; log "METHOD target body". */
static void
serve_one(int fd, const char *home, const struct rule *rules, size_t n)
{
	static const struct rule none = { .status = 404,
	    .body = "{\"error\":{\"code\":\"not_found\","
	    "\"message\":\"none\"}}" };
	static char request[1 << 20];
	const struct rule *r = &none;
	autobuf struct buf line = { 0 };
	size_t got = 0, i;
	ssize_t k;
	char *body;

	while ((k = read(fd, request + got, sizeof(request) - 1 - got)) > 0)
		got += (size_t)k;
	request[got] = '\0';
	body = strstr(request, "\r\n\r\n");
	if (got == 0 || body == NULL)
		return;
	(void)buf_addf(&line, "%.*s %s\n",
	    (int)strcspn(request, "\r"), request, body + 4);
	log_request(home, buf_head(&line), buf_left(&line));
	for (i = 0; i < n; i++)
		if (matches(&rules[i], i, request, home)) {
			r = &rules[i];
			used[i]++;
			break;
		}
	answer(fd, r, home);
	if (!r->last)
		return;
	/* The daemon's end, and not its reply, closes this connection. */
	(void)poll(NULL, 0, 200);
	if (chdir(home) == 0) {
		(void)unlink("coven.sock");
		(void)unlink("daemon.json");
	}
	_exit(0);
}

static int
listen_in(const char *home)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/coven.sock",
	    home);
	(void)umask(0177);
	if (fd == -1 || bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1)
		_exit(8);
	(void)umask(022);
	return fd;
}

static void __attribute__((noreturn))
serve(int fd, const char *home, const struct rule *rules, size_t n)
{
	for (;;) {
		int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (c == -1)
			_exit(7);
		serve_one(c, home, rules, n);
		(void)close(c);
	}
}

void
fake_serve(const char *home, int ready_fd, const struct rule *rules, size_t n)
{
	int fd = listen_in(home);

	if (listen(fd, 16) == -1 || write(ready_fd, "READY=1\n", 8) != 8)
		_exit(6);
	(void)close(ready_fd);
	serve(fd, home, rules, n);
}

void
fake_start_as(struct fake *f, const struct rule *rules, size_t n, uid_t uid)
{
	int p[2];
	char byte;

	*f = (struct fake){ .home = "/tmp/ctl-test-XXXXXX" };
	assert_non_null(mkdtemp(f->home));
	(void)snprintf(f->log, sizeof(f->log), "%s/requests", f->home);
	memset(used, 0, sizeof(used));
	if (n == 0)
		return;
	assert_int_equal(pipe(p), 0);
	f->pid = fork();
	if (f->pid == 0) {
		int fd = listen_in(f->home);

		/* A test that fails leaves nothing behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The peer is whoever calls listen. */
		if (uid != geteuid() && (setegid(uid) == -1 ||
		    seteuid(uid) == -1))
			_exit(5);
		if (listen(fd, 16) == -1 || write(p[1], "", 1) != 1)
			_exit(4);
		if (geteuid() != 0 && getuid() == 0)
			(void)!seteuid(0);
		/* Changing identity has cleared it. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(fd, f->home, rules, n);
	}
	(void)close(p[1]);
	assert_int_equal(read(p[0], &byte, 1), 1);
	(void)close(p[0]);
}

void
fake_start(struct fake *f, const struct rule *rules, size_t n)
{
	fake_start_as(f, rules, n, geteuid());
}

void
fake_stop(struct fake *f)
{
	char command[128];

	if (f->pid > 0) {
		(void)kill(f->pid, SIGKILL);
		(void)waitpid(f->pid, NULL, 0);
	}
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->home);
	assert_int_equal(system(command), 0);
}

void
fake_write(const struct fake *f, const char *name, const char *text)
{
	char path[160];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", f->home, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	(void)close(fd);
}

const char *
fake_log(const struct fake *f)
{
	return slurp(f->log);
}

void
fake_wait(const struct fake *f, const char *text)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		if (strstr(fake_log(f), text) != NULL)
			return;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("no request with %s in:\n%s", text, fake_log(f));
}

static int
memfd_of(const char *s, size_t n)
{
	int fd = memfd_create("ctl-test", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, s, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

void
ctl_begin(struct running *r, const struct fake *f, const char *in,
    size_t in_len, const char *const *args)
{
	char *argv[32] = { (char *)(uintptr_t)"covenctl" };
	int input = in != NULL ? memfd_of(in, in_len) :
	    open("/dev/null", O_RDONLY);

	for (size_t i = 0; args[i] != NULL; i++)
		argv[i + 1] = (char *)(uintptr_t)args[i];
	r->out = memfd_of("", 0);
	r->err = memfd_of("", 0);
	r->pid = fork();
	assert_true(r->pid >= 0);
	if (r->pid == 0) {
		int argc = 0;

		(void)dup2(input, 0);
		(void)dup2(r->out, 1);
		(void)dup2(r->err, 2);
		(void)setenv("COVEN_HOME", f->home, 1);
		(void)signal(SIGPIPE, SIG_IGN);
		while (argv[argc] != NULL)
			argc++;
		_exit(ctl_main(argc, argv));
	}
	(void)close(input);
}

static size_t
collect(int fd, char *out)
{
	ssize_t n = pread(fd, out, OUTPUT_MAX - 1, 0);

	(void)close(fd);
	assert_true(n >= 0);
	out[n] = '\0';
	return (size_t)n;
}

struct outcome *
ctl_end(struct running *r)
{
	static struct outcome o;
	int status, i;

	for (i = 0; i < WAIT_MS / 10; i++) {
		if (waitpid(r->pid, &status, WNOHANG) == r->pid)
			break;
		(void)poll(NULL, 0, 10);
	}
	if (i == WAIT_MS / 10) {
		(void)kill(r->pid, SIGKILL);
		fail_msg("covenctl does not end");
	}
	o.status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	o.out_len = collect(r->out, o.out);
	o.err_len = collect(r->err, o.err);
	return &o;
}

struct outcome *
ctl(const struct fake *f, const char *in, size_t in_len,
    const char *const *args)
{
	struct running r;

	ctl_begin(&r, f, in, in_len, args);
	return ctl_end(&r);
}
