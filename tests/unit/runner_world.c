#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/limits.h"
#include "common/mem.h"
#include "common/memfd.h"
#include "coven-runner/run.h"
#include "sandbox/landlock.h"
#include "sandbox/profile.h"
#include "sandbox/role.h"
#include "tests/unit/redactor_fixture.h"
#include "tests/unit/runner_json.h"
#include "tests/unit/runner_world.h"

/* The real program, confined, and not its library in a fork. */
static bool world_confined;

/* --- the runner --- */

static void
monitor_gone(struct chan *c, int why)
{
	(void)why;
	chan_close(c);
	loop_quit(c->loop, 9);
}

static void
be_runner(int fd)
{
	struct loop *l = loop_new();
	struct run r;
	int status;

	signal(SIGPIPE, SIG_IGN);
	run_init(&r, l);
	if (chan_open(&r.control, l, &fd, ROLE_RUNNER, ROLE_MONITOR, CS_READY,
	    run_control_handlers, &r, monitor_gone) < 0)
		_exit(99);
	status = loop_run(l);
	run_fini(&r);
	loop_free(l);
	_exit(status);
}

/* Does this host let an ordinary user make a user namespace? */
static bool
has_userns(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == -1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* The same as the monitor does it: 0, 1, 2, the channel as 3, no more. */
static void
exec_runner(int fd)
{
	char name[] = "coven-runner", option[] = ROLE_NO_USERNS;
	char *const argv[] = { name, has_userns() ? NULL : option, NULL };
	char *const envp[] = { NULL };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (dup2(fd, 3) != 3 || dup2(null, 0) != 0 || dup2(null, 1) != 1 ||
	    close_range(4, ~0u, 0) == -1)
		_exit(99);
	if (fcntl(3, F_SETFD, 0) == -1)
		_exit(99);
	execve("coven-runner/coven-runner", argv, envp);
	_exit(99);
}

static int
on_hello(struct chan *c, const union msg_any *m, int *fd)
{
	struct msg_verified v = { 0 };

	(void)m;
	(void)fd;
	return chan_send(c, MSG_VERIFIED, &v, -1);
}

/* --- stored --- */

static int
on_event(struct chan *c, const union msg_any *m, int *fd)
{
	struct world *w = c->ctx;
	const char *p = m->event.payload.p;
	size_t n = m->event.payload.len, len;
	bool err = json_member(p, n, "stream", &len) != NULL;

	(void)fd;
	assert_true(n <= LIMIT_EVENT_PAYLOAD);
	assert_int_equal(m->event.n, w->have + 1);
	assert_int_equal(m->event.kind, EVENT_OUTPUT);
	assert_true(m->event.time_ns != 0);
	assert_false(w->has_exit);
	w->have++;
	w->events++;
	w->with_b64 += json_member(p, n, "b64", &len) != NULL;
	assert_int_equal(payload_bytes(p, n, err ? &w->err : &w->out), 0);
	if (w->have < nitems(w->out_at))
		w->out_at[w->have] = buf_left(&w->out);
	if (buf_left(&w->text) < 65536) {
		(void)buf_add(&w->text, p, n);
		(void)buf_add(&w->text, "\n", 1);
	}
	if (w->ack)
		world_ack(w, w->have);
	return 0;
}

static int
on_exit_msg(struct chan *c, const union msg_any *m, int *fd)
{
	struct world *w = c->ctx;

	(void)fd;
	assert_int_equal(m->run_exit.n, w->have + 1);
	w->have++;
	w->has_exit = true;
	w->exit = m->run_exit;
	if (w->ack)
		world_ack(w, w->have);
	return 0;
}

static int
on_input_reply(struct chan *c, const union msg_any *m, int *fd)
{
	struct world *w = c->ctx;

	(void)fd;
	assert_true(m->run_input_reply.tag < WORLD_TAGS);
	w->reply[m->run_input_reply.tag] = m->run_input_reply.code + 1;
	return 0;
}

static int
on_resize_reply(struct chan *c, const union msg_any *m, int *fd)
{
	struct world *w = c->ctx;

	(void)fd;
	assert_true(m->run_resize_reply.tag < WORLD_TAGS);
	w->reply[m->run_resize_reply.tag] = m->run_resize_reply.code + 1;
	return 0;
}

static chan_handler *const stored_handlers[MSG__COUNT] = {
	[MSG_EVENT] = on_event,
	[MSG_RUN_EXIT] = on_exit_msg,
	[MSG_RUN_INPUT_REPLY] = on_input_reply,
	[MSG_RUN_RESIZE_REPLY] = on_resize_reply,
};
static chan_handler *const no_handlers[MSG__COUNT] = { NULL };
static int
on_run_over(struct chan *c, const union msg_any *m, int *fd)
{
	struct world *w = c->ctx;

	(void)fd;
	w->over = m->run_over.limit;
	return 0;
}

static chan_handler *const monitor_handlers[MSG__COUNT] = {
	[MSG_RUN_OVER] = on_run_over,
	[MSG_HELLO] = on_hello,
};

static void
on_end(struct chan *c, int why)
{
	struct world *w = c->ctx;

	assert_int_equal(why, CHAN_EOF);
	if (c == &w->stored)
		w->stored_lost = true;
	else if (c == &w->init)
		w->init_lost = true;
	else
		w->monitor_lost = true;
	chan_close(c);
}

static void
hand_over(struct world *w, enum role role, struct chan *ours,
    enum chan_state state, chan_handler *const *handlers)
{
	struct msg_peer peer = { .role = role, .session = "s" };
	int fds[2];

	assert_int_equal(chan_pair(fds), 0);
	assert_int_equal(chan_open(ours, w->loop, &fds[0], role, ROLE_RUNNER,
	    state, handlers, w, on_end), 0);
	assert_int_equal(chan_send(&w->monitor, MSG_PEER, &peer, fds[1]), 0);
	close(fds[1]);
}

void
world_stored_dies(struct world *w)
{
	chan_close(&w->stored);
}

void
world_stored_returns(struct world *w, uint64_t n)
{
	struct msg_resume m = { .n = n };

	w->have = w->acked = n;
	hand_over(w, ROLE_STORED, &w->stored, CS_READY, stored_handlers);
	assert_int_equal(chan_send(&w->stored, MSG_RESUME, &m, -1), 0);
}

void
world_ack(struct world *w, uint64_t n)
{
	struct msg_event_ack m = { .n = n };

	assert_int_equal(chan_send(&w->stored, MSG_EVENT_ACK, &m, -1), 0);
	w->acked = n;
}

void
world_input(struct world *w, uint64_t tag, const void *p, size_t n, bool eof)
{
	struct msg_run_input m = { .tag = tag, .eof = eof };
	autoclose int fd = memfd_make("input", p, n);

	assert_true(fd >= 0);
	assert_int_equal(chan_send(&w->stored, MSG_RUN_INPUT, &m, fd), 0);
}

/* --- init --- */

void
world_init_ends(struct world *w, int code, unsigned signo)
{
	struct msg_init_exit m = { .exit_code = code, .signo = signo };
	struct msg_run_limit limit = { .limit = w->limit };

	if (code >= 0)
		assert_int_equal(chan_send(&w->init, MSG_INIT_EXIT, &m, -1),
		    0);
	chan_close(&w->init);
	if (chan_is_open(&w->monitor))
		(void)chan_send(&w->monitor, MSG_RUN_LIMIT, &limit, -1);
}

static void
hand_tty(struct world *w)
{
	autoclose int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct msg_init_tty m = { 0 };

	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	w->tty = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(w->tty >= 0);
	assert_int_equal(chan_send(&w->init, MSG_INIT_TTY, &m, master), 0);
}

/* --- the monitor --- */

static void
hand_pipe(struct world *w, unsigned slot)
{
	struct msg_run_io m = { .slot = slot };
	int fds[2], theirs = slot == 0 ? 1 : 0;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(chan_send(&w->monitor, MSG_RUN_IO, &m, fds[theirs]),
	    0);
	close(fds[theirs]);
	w->io[slot] = fds[!theirs];
	assert_int_equal(fcntl(w->io[slot], F_SETFL, O_NONBLOCK), 0);
}

static void
go(struct world *w, const struct world_spec *s)
{
	const char *prompt = s->prompt != NULL ? s->prompt : "";
	struct msg_run_spec spec = { .harness = s->harness != NULL ?
	    s->harness : "exec", .transport = s->transport,
	    .stdin_data = { prompt, strlen(prompt) }, .stdin_eof = s->eof };
	struct msg_run_go m = { .transport = s->transport,
	    .wall_s = s->wall_s, .output = s->output };
	struct msg_redactor patterns = { 0 };
	autobuf struct buf b = { 0 };
	autoclose int fd = -1;

	assert_int_equal(msg_encode(&b, MSG_RUN_SPEC, &spec), 0);
	fd = memfd_make("spec", buf_head(&b), buf_left(&b));
	assert_true(fd >= 0);
	if (!s->without_patterns)
		assert_int_equal(chan_send(&w->monitor, MSG_REDACTOR,
		    &patterns, redactor_fixture(false)), 0);
	assert_int_equal(chan_send(&w->monitor, MSG_RUN_GO, &m, fd), 0);
}

void
world_start(struct world *w, const struct world_spec *s)
{
	unsigned i;
	int fds[2];

	*w = (struct world){ .io = { -1, -1, -1 }, .tty = -1, .ack = true };
	assert_int_equal(chan_pair(fds), 0);
	w->runner = fork();
	assert_true(w->runner >= 0);
	if (w->runner == 0) {
		close(fds[0]);
		if (world_confined)
			exec_runner(fds[1]);
		be_runner(fds[1]);
	}
	close(fds[1]);
	w->loop = loop_new();
	assert_int_equal(chan_open(&w->monitor, w->loop, &fds[0],
	    ROLE_MONITOR, ROLE_RUNNER, world_confined ? CS_NEW : CS_READY,
	    monitor_handlers, w, on_end), 0);
	while (world_confined && w->monitor.state != CS_READY)
		assert_int_equal(chan_wait(&w->monitor, 10000), 0);
	hand_over(w, ROLE_INIT, &w->init, CS_SERVING, no_handlers);
	for (i = 0; i < 3 && s->transport != TRANSPORT_PTY; i++)
		hand_pipe(w, i);
	if (s->transport == TRANSPORT_PTY)
		hand_tty(w);
	world_stored_returns(w, 0);
	go(w, s);
}

void
world_end(struct world *w)
{
	unsigned i;

	chan_close(&w->monitor);
	chan_close(&w->stored);
	chan_close(&w->init);
	for (i = 0; i < 3; i++)
		mem_close(&w->io[i]);
	mem_close(&w->tty);
	if (w->runner > 0)
		(void)world_wait_status(w, 5000);
	assert_int_equal(w->runner, 0);
	buf_fini(&w->out);
	buf_fini(&w->err);
	buf_fini(&w->text);
	loop_free(w->loop);
}

bool
world_wait(struct world *w, bool (*done)(const struct world *), int ms)
{
	int64_t end = loop_now_ns() + (int64_t)ms * 1000000;

	while (!done(w)) {
		if (loop_now_ns() >= end)
			return false;
		loop_once(w->loop, 20);
	}
	return true;
}

static bool
never(const struct world *w)
{
	(void)w;
	return false;
}

void
world_run(struct world *w, int ms)
{
	(void)world_wait(w, never, ms);
}

int
world_status(struct world *w)
{
	int status;

	if (w->runner == 0 || waitpid(w->runner, &status, WNOHANG) == 0)
		return -1;
	w->runner = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

int
world_wait_status(struct world *w, int ms)
{
	int64_t end = loop_now_ns() + (int64_t)ms * 1000000;
	int status;

	while ((status = world_status(w)) == -1 && loop_now_ns() < end)
		loop_once(w->loop, 5);
	return status;
}

void
world_say(int fd, const char *s)
{
	assert_int_equal(write(fd, s, strlen(s)), (ssize_t)strlen(s));
}

void
world_expect(int fd, const char *want)
{
	char got[256];
	size_t n = 0, len = strlen(want);
	int64_t end = loop_now_ns() + (int64_t)SOON * 1000000;
	ssize_t r;

	while (n < len && loop_now_ns() < end) {
		r = read(fd, got + n, len - n);
		if (r > 0)
			n += (size_t)r;
		else
			usleep(1000);
	}
	assert_int_equal(n, len);
	assert_memory_equal(got, want, len);
}

void
world_payload_ends(struct world *w)
{
	mem_close(&w->io[0]);
	mem_close(&w->io[1]);
	mem_close(&w->io[2]);
	mem_close(&w->tty);
}

bool
world_ended(const struct world *w)
{
	return w->has_exit;
}

bool
world_has_output(const struct world *w)
{
	return buf_left(&w->out) != 0;
}

static bool
replied(const struct world *w)
{
	return w->reply[0] != 0;
}

uint32_t
world_answer(struct world *w, const void *p, size_t n, bool eof)
{
	w->reply[0] = 0;
	world_input(w, 0, p, n, eof);
	assert_true(world_wait(w, replied, SOON));
	return w->reply[0] - 1;
}

/* --- a program of tests --- */

int
world_main(const struct CMUnitTest *tests, size_t n,
    const struct CMUnitTest *confined, size_t nconfined)
{
	int failed;

	signal(SIGPIPE, SIG_IGN);
	failed = _cmocka_run_group_tests("tests", tests, n, NULL, NULL);
	if (landlock_abi() == 0 && profile_probe_userns() < 0) {
		print_message("SKIP confined: nothing here confines a role\n");
		return failed;
	}
	world_confined = true;
	return failed + _cmocka_run_group_tests("confined", confined,
	    nconfined, NULL, NULL);
}
