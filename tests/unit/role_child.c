#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "common/mem.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"
#include "tests/unit/role_child.h"

char child_folder[] = "/tmp/test_sandbox.XXXXXX";

static chan_handler *const no_handlers[MSG__COUNT];

void
child_become(uid_t uid)
{
	if (geteuid() != uid && (setresgid(uid, uid, uid) == -1 ||
	    setresuid(uid, uid, uid) == -1))
		_exit(200);
	/* As after the exec by which a role really starts. */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

/* Exactly those of the row: 0, 1, 2 log, 3 control, 4 and 5 folders. */
static void
lay_out(int control, int log, int dir, bool two)
{
	int null = open("/dev/null", O_RDWR);
	int last = two ? 5 : dir >= 0 ? 4 : 3, fd;
	const int from[] = { null, null, log, control, dir, dir };
	int high[6];

	for (fd = 0; fd <= last; fd++)
		high[fd] = fcntl(from[fd], F_DUPFD, 100);
	for (fd = 0; fd <= last; fd++)
		if (dup2(high[fd], fd) == -1)
			_exit(201);
	if (close_range((unsigned)last + 1, ~0U, 0) == -1)
		_exit(202);
}

_Noreturn void
child_run(const struct start *s, int control, int log, int dir)
{
	char name[] = "role", option[] = ROLE_NO_USERNS;
	char *argv[] = { name, option, NULL };
	struct chan chan;
	struct loop *loop;

	lay_out(control, log, dir, s->role == ROLE_APPLIER);
	child_become(s->uid);
	log_init(NULL, LOG_LEVEL_DEBUG);
	role_options(s->no_userns ? 2 : 1, argv);
	loop = loop_new();
	role_start(s->role, loop, &chan, no_handlers, NULL);
	_exit(s->probe(&chan));
}

void
child_ends(int sock[2], int log[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    sock), 0);
	assert_int_equal(pipe2(log, O_CLOEXEC), 0);
}

void
child_start(struct child *c, const struct start *s)
{
	int sock[2], log[2], dir = s->fd4 > 0 ? dup(s->fd4) : -1;
	char path[64];

	child_ends(sock, log);
	if (profile_of(s->role)->last_fd >= ROLE_FD_FOLDER && dir == -1)
		dir = open(child_folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*c = (struct child){ .control = sock[0], .log = log[0], .proc = -1 };
	c->pid = fork();
	assert_true(c->pid >= 0);
	if (c->pid == 0)
		child_run(s, sock[1], log[1], dir);
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)c->pid);
	c->proc = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)close(sock[1]);
	(void)close(log[1]);
	mem_close(&dir);
}

void
child_finish(struct child *c)
{
	size_t n = 0;
	ssize_t r;

	(void)shutdown(c->control, SHUT_RDWR);
	while (n < sizeof(c->lines) - 1 && (r = read(c->log, c->lines + n,
	    sizeof(c->lines) - 1 - n)) > 0)
		n += (size_t)r;
	c->lines[n] = '\0';
	assert_int_equal(waitpid(c->pid, &c->status, 0), c->pid);
	mem_close(&c->control);
	mem_close(&c->log);
	mem_close(&c->proc);
}

void
child_await_hello(struct child *c)
{
	struct pollfd p = { .fd = c->control, .events = POLLIN };
	uint8_t digest[MSG_DIGEST_LEN];
	union msg_any msg;
	char packet[512];
	ssize_t n;

	assert_int_equal(poll(&p, 1, 20000), 1);
	n = recv(c->control, packet, sizeof(packet), 0);
	if (n <= 0) {
		child_finish(c);
		fail_msg("no HELLO, status %#x:\n%s", (unsigned)c->status,
		    c->lines);
	}
	assert_int_equal(msg_decode_exact(packet, (size_t)n, MSG_HELLO, &msg),
	    0);
	msg_table_digest(digest);
	assert_int_equal(msg.hello.digest.len, sizeof(digest));
	assert_memory_equal(msg.hello.digest.p, digest, sizeof(digest));
}

void
child_say_verified(struct child *c)
{
	struct msg_verified v = { 0 };
	autobuf struct buf b = { 0 };

	assert_int_equal(msg_encode(&b, MSG_VERIFIED, &v), 0);
	assert_int_equal(send(c->control, buf_head(&b), buf_left(&b),
	    MSG_NOSIGNAL), buf_left(&b));
}

void
child_read_status(struct child *c, char *text, size_t size)
{
	autoclose int fd = openat(c->proc, "status", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, text, size - 1);
	assert_true(n > 0);
	text[n] = '\0';
}

void
child_greet(struct child *c, enum role role)
{
	char text[8192], why[256] = "";

	child_await_hello(c);
	child_read_status(c, text, sizeof(text));
	if (profile_verify(role, text, why, sizeof(why)) != 0)
		fail_msg("%s: %s", msg_role_name(role), why);
	child_say_verified(c);
}

void
child_start_verified(struct child *c, const struct start *s)
{
	child_start(c, s);
	child_greet(c, s->role);
}

void
child_expect(struct child *c, const char *what, int sig, int code)
{
	child_finish(c);
	if (sig != 0 ? !WIFSIGNALED(c->status) || WTERMSIG(c->status) != sig :
	    !WIFEXITED(c->status) || WEXITSTATUS(c->status) != code)
		fail_msg("%s: status %#x, log:\n%s", what,
		    (unsigned)c->status, c->lines);
}
