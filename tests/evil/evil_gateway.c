/*
 * The attacker's version of coven-gateway: it holds one session's listener
 * and rules, the host's network by TCP, and channels to the monitor and to
 * its resolver.
 *
 * What must hold: what it says is bounded and put on record as its own
 * session's, what its filter refuses ends it, and nobody else notices.  Every
 * other life tries one of those.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/evil/evil.h"

#define START_MS	1000	/* when nothing has been handed over by then */
#define STEPS_MAX	200
#define WORDS_MAX	3000	/* words in one go */

enum { TO_MONITOR, TO_RESOLVER, TO__COUNT };

static int listener = -1;

/* --- to the monitor --- */

static void
note(struct evil *e, uint32_t allow, uint32_t port, uint32_t unsaid)
{
	static const char *const texts[] = { "", "example.org",
	    "\x1b[2J\xff\n<0>monitor: a line", "a\tb c", "%s%n%s",
	    "../../etc/passwd" };
	struct msg_gateway_note m = { .allow = allow, .port = port,
	    .unsaid = unsaid };

	m.host = texts[evil_pick(e, nitems(texts))];
	m.rule = texts[evil_pick(e, nitems(texts))];
	m.from = texts[evil_pick(e, nitems(texts))];
	m.why = texts[evil_pick(e, nitems(texts))];
	evil_send(e, TO_MONITOR, MSG_GATEWAY_NOTE, &m);
}

static void
note_one(struct evil *e)
{
	note(e, evil_pick(e, 2), evil_pick(e, 65536),
	    evil_once_in(e, 2) ? 0 : evil_random(e));
}

static void
note_flood(struct evil *e)
{
	unsigned i;

	for (i = 0; i < WORDS_MAX; i++)
		note_one(e);
}

static void
note_odd(struct evil *e)
{
	note(e, 2 + evil_pick(e, 100), 65536 + evil_pick(e, 100), UINT32_MAX);
}

static void
used(struct evil *e)
{
	static const uint64_t counts[] = { 0, 1, UINT64_MAX, UINT64_MAX - 1,
	    1ull << 63 };
	struct msg_gateway_used m = {
	    .bytes = counts[evil_pick(e, nitems(counts))] };
	unsigned i;

	for (i = 0; i < 100; i++)
		evil_send(e, TO_MONITOR, MSG_GATEWAY_USED, &m);
}

/* The listener of its session, handed back where nothing is expected. */
static void
descriptor(struct evil *e)
{
	struct msg_gateway_used m = { .bytes = 1 };

	evil_send_fd(e, TO_MONITOR, MSG_GATEWAY_USED, &m, listener);
}

static void
log_much(struct evil *e)
{
	unsigned i;

	for (i = 0; i < 500; i++)
		log_error("\x1b[2J%u", evil_random(e));
}

/* --- to the resolver --- */

static void
resolve(struct evil *e)
{
	static const char *const names[] = { "", ".", "a..b", "127.0.0.1",
	    "::1", "localhost", "*", "a b", "x\x1b[2J", "-", "../hosts",
	    "test.invalid" };
	struct msg_resolve m = { .tag = evil_pick(e, 4),
	    .name = names[evil_pick(e, nitems(names))] };

	evil_send(e, TO_RESOLVER, MSG_RESOLVE, &m);
}

static void
resolve_flood(struct evil *e)
{
	struct msg_resolve m = { .name = "localhost" };

	for (m.tag = 0; m.tag < WORDS_MAX; m.tag++)
		evil_send(e, TO_RESOLVER, MSG_RESOLVE, &m);
}

/* --- to its session --- */

static void
accept_and_lie(struct evil *e)
{
	static const char text[] = "HTTP/1.1 200 OK\r\n\r\n\x15\x03\x03\0";
	autoclose int fd = accept4(listener, NULL, NULL,
	    SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)e;
	if (fd != -1)
		(void)send(fd, text, sizeof(text), MSG_NOSIGNAL);
}

static void
accept_and_mute(struct evil *e)
{
	(void)e;
	(void)accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* It can take this away from its own session. */
static void
end_listening(struct evil *e)
{
	(void)e;
	(void)shutdown(listener, SHUT_RDWR);
}

static void
just_stay(struct evil *e)
{
	evil_stay(e);
}

static const struct evil_act acts[] = {
	{ "note_one", note_one, 10, true },
	{ "note_flood", note_flood, 1, true },
	{ "used", used, 2, true },
	{ "log_much", log_much, 1, true },
	{ "accept_and_lie", accept_and_lie, 4, true },
	{ "accept_and_mute", accept_and_mute, 4, true },
	{ "end_listening", end_listening, 1, true },
	{ "resolve", resolve, 4, true },
	{ "resolve_flood", resolve_flood, 1, true },
	{ "stop_listening", evil_stop_listening, 1, true },
	{ "just_stay", just_stay, 1, true },
	{ "note_odd", note_odd, 1, false },
	{ "descriptor", descriptor, 1, false },
	{ "any_row", evil_any_row, 4, false },
	{ "broken_packet", evil_broken_packet, 3, false },
	{ "random_packet", evil_random_packet, 3, false },
	{ "empty_packet", evil_empty_packet, 1, false },
	{ "hang_up", evil_hang_up, 1, true },
};

/* --- what its filter must end it for: each returns never --- */

static const char root[] = "/", hosts[] = "/etc/hosts", net[] = "/proc/net";

static const struct {
	const char	*name;
	long		 number;
	long		 arg[4];
	const char	*path;		/* in place of the second argument */
} forbidden[] = {
	{ "openat of the root", SYS_openat, { AT_FDCWD, 0, O_PATH }, root },
	{ "openat of hosts", SYS_openat, { AT_FDCWD, 0, O_RDONLY }, hosts },
	{ "openat of /proc", SYS_openat, { AT_FDCWD, 0, O_RDONLY }, net },
	{ "a local socket", SYS_socket, { AF_UNIX, SOCK_STREAM }, NULL },
	{ "a local pair", SYS_socketpair, { AF_UNIX, SOCK_STREAM }, NULL },
	{ "UDP", SYS_socket, { AF_INET, SOCK_DGRAM }, NULL },
	{ "a raw socket", SYS_socket, { AF_INET, SOCK_RAW, 1 }, NULL },
	{ "netlink", SYS_socket, { AF_NETLINK, SOCK_RAW }, NULL },
	{ "a socket of a hypervisor", SYS_socket, { 40, SOCK_STREAM }, NULL },
	{ "bind", SYS_bind, { 0, 0, 0 }, NULL },
	{ "listen", SYS_listen, { 0, 0 }, NULL },
	{ "ptrace", SYS_ptrace, { 16, 1, 0 }, NULL },
	{ "process_vm_readv", SYS_process_vm_readv, { 1, 0, 0, 0 }, NULL },
	{ "pidfd_open", SYS_pidfd_open, { 1, 0 }, NULL },
	{ "kill", SYS_kill, { -1, SIGKILL }, NULL },
	{ "clone", SYS_clone, { SIGCHLD, 0, 0 }, NULL },
	{ "execve", SYS_execve, { 0, 0, 0 }, root },
	{ "memfd_create", SYS_memfd_create, { 0, 0 }, root },
	{ "mmap executable", SYS_mmap, { 0, 4096, PROT_EXEC, 0x22 }, NULL },
	{ "unshare", SYS_unshare, { 0x10000000 }, NULL },
	{ "setns", SYS_setns, { 0, 0 }, NULL },
	{ "io_uring", SYS_io_uring_setup, { 8, 0 }, NULL },
};

static void
break_out(unsigned i)
{
	long arg[4];

	memcpy(arg, forbidden[i].arg, sizeof(arg));
	if (forbidden[i].path != NULL)
		arg[1] = (long)forbidden[i].path;
	log_info("evil gateway: tries %s", forbidden[i].name);
	(void)syscall(forbidden[i].number, arg[0], arg[1], arg[2], arg[3], -1,
	    0);
	log_error("evil gateway: %s RETURNED", forbidden[i].name);
}

/* --- what it is given --- */

static chan_handler *const resolver_handlers[MSG__COUNT] = {
	[MSG_RESOLVED] = evil_hear,
};

static int
on_peer(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)m;
	chan_close(&e->chan[TO_RESOLVER]);
	return chan_open(&e->chan[TO_RESOLVER], e->loop, fd, ROLE_GATEWAY,
	    ROLE_RESOLVER, CS_SERVING, resolver_handlers, e, evil_on_end) == 0 ?
	    0 : CHAN_BAD;
}

static int
on_serve(struct chan *c, const union msg_any *m, int *fd)
{
	struct evil *e = c->ctx;

	(void)m;
	listener = mem_steal_fd(fd);
	e->started = true;
	return 0;
}

static chan_handler *const control_handlers[MSG__COUNT] = {
	[MSG_PEER] = on_peer,
	[MSG_GATEWAY_RULES] = evil_hear,
	[MSG_GATEWAY_SERVE] = on_serve,
	[MSG_SHUTDOWN] = evil_hear,
};

int
main(int argc, char **argv)
{
	struct evil e;

	evil_begin(&e, ROLE_GATEWAY, argv);
	role_options(argc, argv);
	e.npeers = TO__COUNT;
	role_start(ROLE_GATEWAY, e.loop, &e.chan[TO_MONITOR],
	    control_handlers, &e);
	evil_await(&e, START_MS);
	if (e.turn % 2 != 0)
		break_out(e.turn / 2 % nitems(forbidden));
	e.turn /= 2;
	evil_walk(&e, acts, nitems(acts), evil_pick(&e, STEPS_MAX));
}
